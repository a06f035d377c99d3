//! What goes into the log: one batch is durable as a whole or not at all.

use std::sync::Arc;

use bytes::Bytes;
use model::{
    Book, DeviceId, DeviceKey, Kind, MetricName, Reading, SeriesId, SourceName, TimeRange, Timestamp, Unit, UnitSource,
};
use serde::{Deserialize, Serialize};

/// Entries in the order in which they take effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// In order: a device before its series, a series before its readings.
    pub entries: Vec<Entry>,
}

/// One fact. Whatever decides which readings exist or to whom they belong is an entry, in order with the readings.
/// New kinds of entries are added at the end: the position is the code on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Entry {
    /// A device exists from here on.
    Device(DeviceRecord),
    /// A series exists from here on, or its unit or kind is known better than before (same id, same device and metric).
    Series(SeriesRecord),
    /// The readings of one message.
    Message(MessageRecord),
    /// A message that could not be read.
    Unread(UnreadRecord),
    /// An unread message was read after all, or put away: it leaves the list.
    UnreadDone(UnreadId),
    /// What this batch adds to the books of one source.
    Book(BookDelta),
    /// Readings are no longer answered, or answered again. Alone in its batch.
    Hidden(HiddenRecord),
    /// A device, its series and all their readings are gone. Alone in its batch.
    DeviceDeleted(DeviceId),
    /// A device's series and readings become another's. Alone in its batch.
    DeviceMerged(MergeRecord),
    /// Readings before a time have expired, and later ones of such a time do so at once. Alone in its batch.
    Expired(ExpiryRecord),
}

impl Entry {
    /// Whether it decides about readings that are there already; such an entry is alone in its batch.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        match self {
            Self::Hidden(_) | Self::DeviceDeleted(_) | Self::DeviceMerged(_) | Self::Expired(_) => true,
            Self::Device(_)
            | Self::Series(_)
            | Self::Message(_)
            | Self::Unread(_)
            | Self::UnreadDone(_)
            | Self::Book(_) => false,
        }
    }
}

/// A range of a series that is hidden or shown again. The readings stay, whatever becomes of them meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiddenRecord {
    /// A series that exists.
    pub series: SeriesId,
    /// Which times; readings that come later are hidden, too.
    pub range: TimeRange,
    /// False shows them again.
    pub hidden: bool,
}

/// Two devices that are one. Of a metric that both have, `from`'s readings go to `into`'s series, else the series as a whole
/// changes hands. Where both hold a reading of one key, that of `into` counts as the later one. Hidden ranges of both hold
/// for what was put together, and so does the later retention floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeRecord {
    /// Is gone afterwards; its id is never used again.
    pub from: DeviceId,
    /// Stays.
    pub into: DeviceId,
}

/// A retention floor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiryRecord {
    /// Series that exist, at most [`EXPIRY_SERIES_MAX`].
    pub series: Vec<SeriesId>,
    /// Readings before it are gone. An earlier one than before changes nothing.
    pub before: Timestamp,
}

/// Most series of one [`ExpiryRecord`]; more are refused with `too_many_series` and belong into another batch.
pub const EXPIRY_SERIES_MAX: usize = 10_000;

/// A device's identity. What people call it and where it stands is a catalogue document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// Given in order from 1, never used again.
    pub id: DeviceId,
    /// Unique.
    pub key: DeviceKey,
    /// Server time of its first message or creation.
    pub created: Timestamp,
}

/// A series' identity and what its numbers mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesRecord {
    /// Given in order from 1, never used again.
    pub id: SeriesId,
    /// Whose metric it is.
    pub device: DeviceId,
    /// Unique within the device.
    pub metric: MetricName,
    /// None where the quantity has none or nobody knows.
    pub unit: Option<Unit>,
    /// How the unit is known.
    pub unit_source: UnitSource,
    /// What the numbers mean.
    pub kind: Kind,
}

/// The readings of one message and what tells its repeat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// The way it came in; novelty is counted by it.
    pub source: SourceName,
    /// Server time of arrival.
    pub received: Timestamp,
    /// At least one; several for one series are legal and in order.
    pub readings: Vec<SeriesReading>,
    /// Kept for the repeat window; none for messages that can have no marked repeat.
    pub repeat: Option<RepeatMark>,
}

/// A reading and its series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesReading {
    /// A series that exists.
    pub series: SeriesId,
    /// Its reading.
    pub reading: Reading,
}

/// What recognises a message sent again: client, packet id, and a hash over topic and payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatMark {
    /// MQTT client id.
    pub client: Arc<str>,
    /// Packet identifier.
    pub packet_id: u16,
    /// Over topic and payload.
    pub hash: u64,
    /// When it was accepted; the window is an hour.
    pub accepted: Timestamp,
}

/// Names an unread message for as long as it is in the list. Given in order, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnreadId(pub u64);

/// A message that was acknowledged although it could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadRecord {
    /// Its name in the list.
    pub id: UnreadId,
    /// The way it came in.
    pub source: SourceName,
    /// Who sent it.
    pub client: Arc<str>,
    /// Where it was published.
    pub topic: Arc<str>,
    /// Its bytes, the first 256 KiB at most.
    pub payload: Bytes,
    /// A stable code such as `json_incomplete`.
    pub reason: Arc<str>,
    /// One sentence for a person.
    pub detail: Arc<str>,
    /// Server time of arrival; also the stamp it gets when it is ingested again.
    pub received: Timestamp,
    /// The `n` set aside for that stamp.
    pub n: u32,
    /// Kept for the repeat window.
    pub repeat: Option<RepeatMark>,
}

/// What one batch adds to the books of one source: messages, and readings `decoded` and `rejected`. The novelty of the
/// readings (`stored`, `duplicate`, `replaced`, `unsettled`) is the store's to find and is zero here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookDelta {
    /// Whose books.
    pub source: SourceName,
    /// What to add.
    pub book: Book,
}
