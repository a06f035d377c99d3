//! What the store knows without reading the disk: identities and books, the newest reading of each series, the head, and
//! a generation of the head that is on its way into the database. Batches are applied here after they are durable.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use model::{Book, ById, Reading, ReadingKey, SeriesId, SourceName, TimeRange, Timestamp, Value};
use store::{
    Batch, DeviceRecord, Entry, Gone, GoneCounts, MessageRecord, Novelty, RepeatMark, Restored, Sequence, SeriesRecord,
    State, UnreadId, UnreadRecord,
};

use crate::head::Head;
use crate::tally::Tally;

/// What the database holds of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) first_ms: i64,
    pub(crate) last: ReadingKey,
    /// The longest of its frames from first to last reading: no frame that starts earlier than this before a time
    /// reaches it.
    pub(crate) span_ms: i64,
}

/// What is remembered of a series beside its readings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Track {
    /// Its newest reading and the server time of the message that brought it.
    pub(crate) latest: Option<(Reading, Timestamp)>,
    pub(crate) stored: Option<Extent>,
}

/// A generation of the head with everything else that belongs to its cut. It never changes.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub(crate) head: Head,
    pub(crate) checkpoint: Checkpoint,
}

/// What goes into the database with a cut, beside readings.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) cut: Sequence,
    pub(crate) books: BTreeMap<SourceName, Book>,
    pub(crate) distinct: u64,
    pub(crate) devices: Vec<DeviceRecord>,
    pub(crate) series: Vec<SeriesRecord>,
    /// The newest reading of each series of the generation.
    pub(crate) latest: Vec<(SeriesId, (Reading, Timestamp))>,
    pub(crate) repeats: Option<Vec<RepeatMark>>,
    pub(crate) unread: Option<Vec<UnreadRecord>>,
    pub(crate) hidden: Option<BTreeMap<SeriesId, Gone>>,
    pub(crate) gone: GoneCounts,
    pub(crate) unread_dropped: u64,
    pub(crate) last_received: Option<Timestamp>,
    pub(crate) last_unread: Option<UnreadId>,
}

/// What a flush found out.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    pub(crate) by_source: BTreeMap<SourceName, Novelty>,
    pub(crate) extents: HashMap<SeriesId, Extent>,
    /// The rows that were written.
    pub(crate) tallies: HashMap<SeriesId, Tally>,
    /// Readings of keys that no frame had before.
    pub(crate) readings: HashMap<SeriesId, u64>,
}

#[derive(Debug, Default)]
struct Changed {
    devices: BTreeSet<model::DeviceId>,
    series: BTreeSet<SeriesId>,
    repeats: bool,
    unread: bool,
    hidden: bool,
}

/// See the module. Whoever holds it sees one durable moment.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) state: State,
    pub(crate) tracks: ById<SeriesId, Track>,
    pub(crate) head: Head,
    pub(crate) frozen: Option<Arc<Frozen>>,
    pub(crate) durable: Sequence,
    pub(crate) cut: Sequence,
    /// Distinct readings, as far as it is known.
    pub(crate) distinct: u64,
    changed: Changed,
}

/// What is known of an earlier reading of the same key.
enum Earlier {
    Absent,
    Value(Value),
    /// Only the database can tell.
    Unknown,
}

impl Memory {
    pub(crate) fn resume(state: State, tracks: ById<SeriesId, Track>, cut: Sequence, distinct: u64) -> Self {
        Self {
            state,
            tracks,
            head: Head::default(),
            frozen: None,
            durable: cut,
            cut,
            distinct,
            changed: Changed::default(),
        }
    }

    /// Applies a durable batch.
    pub(crate) fn apply(&mut self, sequence: Sequence, batch: &Batch) {
        for entry in &batch.entries {
            self.state.apply(entry);
            match entry {
                Entry::Device(device) => _ = self.changed.devices.insert(device.id),
                Entry::Series(series) => _ = self.changed.series.insert(series.id),
                Entry::Message(message) => {
                    self.changed.repeats |= message.repeat.is_some();
                    let (novelty, expired) = self.keep(message);
                    self.distinct += novelty.stored - expired;
                    self.state.count(&message.source, novelty);
                }
                Entry::Unread(record) => {
                    self.changed.repeats |= record.repeat.is_some();
                    self.changed.unread = true;
                }
                Entry::UnreadDone(_) => self.changed.unread = true,
                Entry::Hidden(_) => self.changed.hidden = true,
                Entry::Book(_) => {}
                // Executed by `barrier`, which brings memory up to date itself.
                Entry::DeviceDeleted(_) | Entry::DeviceMerged(_) | Entry::Expired(_) => {}
            }
        }
        self.durable = sequence;
    }

    /// Answers the novelty, and how many of the new ones had expired before they came.
    fn keep(&mut self, message: &MessageRecord) -> (Novelty, u64) {
        let (mut novelty, mut expired) = (Novelty::default(), 0);
        for item in &message.readings {
            let (series, reading) = (item.series, &item.reading);
            if self.state.floor(series).is_some_and(|floor| reading.key.time < floor) {
                novelty.stored += 1;
                expired += 1;
                self.state.count_gone(GoneCounts { expired: 1, ..GoneCounts::default() });
                continue;
            }
            let unsettled = match self.earlier(series, reading.key) {
                Earlier::Value(value) if value == reading.value => {
                    novelty.duplicate += 1;
                    continue;
                }
                Earlier::Value(_) => {
                    novelty.replaced += 1;
                    None
                }
                Earlier::Absent => {
                    novelty.stored += 1;
                    None
                }
                Earlier::Unknown => {
                    novelty.unsettled += 1;
                    Some(&message.source)
                }
            };
            self.head.put(series, reading, unsettled);
            let track = self.tracks.entry(series).or_default();
            if track.latest.as_ref().is_none_or(|(latest, _)| latest.key <= reading.key) {
                track.latest = Some((reading.clone(), message.received));
            }
        }
        (novelty, expired)
    }

    fn earlier(&self, series: SeriesId, key: ReadingKey) -> Earlier {
        let Some(Track { latest: Some((latest, _)), stored }) = self.tracks.get(&series) else {
            return Earlier::Absent;
        };
        if key > latest.key {
            return Earlier::Absent;
        }
        if key == latest.key {
            return Earlier::Value(latest.value.clone());
        }
        let frozen = || self.frozen.as_ref()?.head.get(series, key);
        match (self.head.get(series, key).or_else(frozen), stored) {
            (Some(reading), _) => Earlier::Value(reading.value),
            (None, Some(extent)) if key <= extent.last => Earlier::Unknown,
            (None, _) => Earlier::Absent,
        }
    }

    /// Sets the head aside, as of now, for the database. Only while no other generation is on its way.
    pub(crate) fn freeze(&mut self) -> Arc<Frozen> {
        let head = std::mem::take(&mut self.head);
        let changed = std::mem::take(&mut self.changed);
        let newest = |series: SeriesId| Some((series, self.tracks.get(&series)?.latest.clone()?));
        let checkpoint = Checkpoint {
            cut: self.durable,
            books: self.state.books().clone(),
            distinct: self.distinct,
            devices: changed.devices.iter().filter_map(|id| self.state.devices().get(id).cloned()).collect(),
            series: changed.series.iter().filter_map(|id| self.state.series().get(id).cloned()).collect(),
            latest: head.series().filter_map(|(id, _)| newest(id)).collect(),
            repeats: changed.repeats.then(|| self.state.repeats()),
            unread: changed.unread.then(|| self.state.unread().values().cloned().collect()),
            hidden: changed.hidden.then(|| self.state.hidden().clone()),
            gone: self.state.gone_counts(),
            unread_dropped: self.state.unread_dropped(),
            last_received: self.state.last_received(),
            last_unread: self.state.last_unread(),
        };
        let frozen = Arc::new(Frozen { head, checkpoint });
        self.frozen = Some(Arc::clone(&frozen));
        frozen
    }

    /// The generation is in the database.
    pub(crate) fn thaw(&mut self, cut: Sequence, settled: &Settled) {
        for (source, novelty) in &settled.by_source {
            self.distinct += novelty.stored;
            self.state.settle(source, *novelty);
        }
        for (series, extent) in &settled.extents {
            self.tracks.entry(*series).or_default().stored = Some(*extent);
        }
        self.frozen = None;
        self.cut = cut;
    }

    /// Whether the database may hold something of a series inside `range`.
    pub(crate) fn stored_inside(&self, series: SeriesId, range: TimeRange) -> bool {
        let extent = self.tracks.get(&series).and_then(|track| track.stored);
        let touches = |extent: Extent| extent.first_ms < range.to.millis() && extent.last.time >= range.from;
        extent.is_some_and(touches) && !range.is_empty()
    }

    pub(crate) fn restored(&self) -> Restored {
        let mut latest: Vec<_> = self
            .tracks
            .iter()
            .filter_map(|(id, track)| {
                track.latest.as_ref().map(|(reading, received)| (*id, reading.clone(), *received))
            })
            .collect();
        latest.sort_unstable_by_key(|(id, ..)| *id);
        Restored {
            node: store::Node::default(),
            last_series: None,
            sequence: self.durable,
            devices: self.state.devices().values().cloned().collect(),
            series: self.state.series().values().cloned().collect(),
            latest,
            repeats: self.state.repeats(),
            last_received: self.state.last_received(),
            last_unread: self.state.last_unread(),
            hidden: self.state.restored_hidden(),
            floors: self.state.floors().iter().map(|(series, floor)| (*series, *floor)).collect(),
        }
    }
}
