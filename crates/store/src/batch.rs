//! What goes into the log: one batch is durable as a whole or not at all.

use std::sync::Arc;

use bytes::Bytes;
use model::{Book, DeviceId, DeviceKey, Kind, MetricName, Reading, SeriesId, SourceName, Timestamp, Unit, UnitSource};
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
}

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
