//! What a server has in memory: the common state that follows from the decisions, its own books, repeats and unread messages,
//! and the newest readings of all.

use std::collections::{BTreeMap, HashMap};

use model::{DeviceId, DeviceKey, SeriesId, SourceName, TimeRange, Timestamp};
use serde::{Deserialize, Serialize};
use store::{
    Batch, DeviceRecord, Entry, Gate, GoneCounts, MessageRecord, Node, Novelty, Remembered, RepeatMark, Restored,
    Sequence, SeriesRecord, State, UnreadId, UnreadRecord,
};

use crate::decisions::is_decision;
use crate::newest::{Newest, NewestReadings};
use crate::places::Places;

/// See the module.
pub(crate) struct Memory {
    pub(crate) state: State,
    pub(crate) gate: Gate,
    pub(crate) places: Places,
    pub(crate) newest: NewestReadings,
    /// Decisions up to this position are applied.
    pub(crate) decided: u64,
    /// The last own batch that is durable.
    pub(crate) sequence: u64,
    /// Its write time.
    pub(crate) written: i64,
    keys: HashMap<DeviceKey, DeviceId>,
    upserted: BTreeMap<SourceName, u64>,
}

/// What a server keeps of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Of the last batch in it.
    pub(crate) sequence: u64,
    /// Its write time.
    pub(crate) written: i64,
    books: BTreeMap<SourceName, model::Book>,
    upserted: BTreeMap<SourceName, u64>,
    repeats: Vec<RepeatMark>,
    unread: Vec<UnreadRecord>,
    unread_dropped: u64,
    last_received: Option<Timestamp>,
    last_unread: Option<UnreadId>,
}

/// What follows from the decisions up to a position.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Common {
    pub(crate) decided: u64,
    devices: Vec<DeviceRecord>,
    series: Vec<SeriesRecord>,
    hidden: Vec<(SeriesId, Vec<TimeRange>)>,
    floors: Vec<(SeriesId, Timestamp)>,
    places: Places,
}

impl Memory {
    /// Goes on from what was kept; later decisions are still to be applied.
    pub(crate) fn resume(unread_max: usize, kept: Kept, common: Common) -> Self {
        let Common { decided, devices, series, hidden, floors, places } = common;
        let Kept { sequence, written, books, upserted, repeats, unread, unread_dropped, last_received, last_unread } =
            kept;
        let keys = devices.iter().map(|device| (device.key.clone(), device.id)).collect();
        let remembered = Remembered {
            devices,
            series,
            books,
            repeats,
            unread,
            unread_dropped,
            last_received,
            last_unread,
            hidden: hidden.into_iter().map(|(series, ranges)| (series, ranges.into())).collect(),
            floors: floors.into_iter().collect(),
            gone: GoneCounts::default(),
        };
        let mut state = State::resume(unread_max, remembered);
        for (source, upserted) in &upserted {
            state.count(source, Novelty { upserted: *upserted, ..Novelty::default() });
        }
        let (gate, newest) = (Gate::behind(&state), NewestReadings::default());
        Self { state, gate, places, newest, decided, sequence, written, keys, upserted }
    }

    /// What follows from the decisions so far.
    pub(crate) fn common(&self) -> Common {
        Common {
            decided: self.decided,
            devices: self.state.devices().values().cloned().collect(),
            series: self.state.series().values().cloned().collect(),
            hidden: self.state.hidden().iter().map(|(series, gone)| (*series, gone.ranges().to_vec())).collect(),
            floors: self.state.floors().iter().map(|(series, floor)| (*series, *floor)).collect(),
            places: self.places.clone(),
        }
    }

    /// What to keep.
    pub(crate) fn kept(&self) -> Kept {
        Kept {
            sequence: self.sequence,
            written: self.written,
            books: self.state.books().clone(),
            upserted: self.upserted.clone(),
            repeats: self.state.repeats(),
            unread: self.state.unread().values().cloned().collect(),
            unread_dropped: self.state.unread_dropped(),
            last_received: self.state.last_received(),
            last_unread: self.state.last_unread(),
        }
    }

    /// Applies the decision at the position behind `decided`.
    pub(crate) fn decide(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.places.follow(&self.state, entry);
            self.follow(entry);
            self.state.apply(entry);
        }
        self.decided += 1;
    }

    /// Follows a decision that is not applied yet.
    fn follow(&mut self, entry: &Entry) {
        match entry {
            Entry::Device(record) => _ = self.keys.insert(record.key.clone(), record.id),
            Entry::DeviceDeleted(device) => {
                for series in self.state.series_of(*device) {
                    self.newest.forget(series);
                }
                self.keys.retain(|_, id| id != device);
            }
            Entry::DeviceMerged(merge) => {
                for (from, into) in self.state.merge_plan(*merge).absorbed {
                    self.newest.merge(from, into);
                    if let Some(floor) = self.state.merged_floor(from, into) {
                        self.newest.expire(into, floor);
                    }
                }
                self.keys.retain(|_, id| *id != merge.from);
            }
            Entry::Expired(record) => {
                for series in &record.series {
                    self.newest.expire(*series, record.before);
                }
            }
            Entry::Series(_)
            | Entry::Message(_)
            | Entry::Unread(_)
            | Entry::UnreadDone(_)
            | Entry::Book(_)
            | Entry::Hidden(_) => {}
        }
    }

    /// Whether another server has made what `entry` makes, under another id.
    pub(crate) fn is_taken(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Device(record) => {
                let other_id = self.keys.get(&record.key).is_some_and(|id| *id != record.id);
                let other_key = self.state.devices().get(&record.id).is_some_and(|known| known.key != record.key);
                other_id || other_key
            }
            Entry::Series(record) => {
                let known = self.state.series();
                let other = known.get(&record.id).is_some_and(|known| known.metric != record.metric);
                let of_device = self.state.series_of(record.device);
                let named = |id: &SeriesId| known.get(id).is_some_and(|known| known.metric == record.metric);
                self.places.is_spent(record.id) || other || of_device.iter().any(|id| *id != record.id && named(id))
            }
            Entry::Message(_)
            | Entry::Unread(_)
            | Entry::UnreadDone(_)
            | Entry::Book(_)
            | Entry::Hidden(_)
            | Entry::DeviceDeleted(_)
            | Entry::DeviceMerged(_)
            | Entry::Expired(_) => false,
        }
    }

    /// What the gate let through since the last decision is not to be.
    pub(crate) fn forget_admitted(&mut self) {
        self.gate = Gate::behind(&self.state);
    }

    /// An own batch is durable.
    pub(crate) fn settle(&mut self, batch: &Batch, written: i64) {
        for entry in batch.entries.iter().filter(|entry| !is_decision(entry)) {
            self.state.apply(entry);
            if let Entry::Message(message) = entry {
                let upserted = message.readings.len() as u64;
                self.state.count(&message.source, Novelty { upserted, ..Novelty::default() });
                *self.upserted.entry(message.source.clone()).or_default() += upserted;
                self.hear(message, written);
            }
        }
        self.sequence += 1;
        self.written = written;
    }

    /// A message that this server or another one took in.
    pub(crate) fn hear(&mut self, message: &MessageRecord, written: i64) {
        for item in &message.readings {
            let newest = Newest { reading: item.reading.clone(), received: message.received, written };
            self.offer(item.series, newest);
        }
    }

    /// What another server took in may be sent again to this one.
    pub(crate) fn hear_mark(&mut self, source: &SourceName, received: Timestamp, repeat: &RepeatMark) {
        let (source, readings, repeat) = (source.clone(), Vec::new(), Some(repeat.clone()));
        self.state.apply(&Entry::Message(MessageRecord { source, received, readings, repeat }));
    }

    /// What another server keeps of itself.
    pub(crate) fn hear_kept(&mut self, kept: &Kept) {
        let Some(source) = kept.books.keys().next() else { return };
        kept.repeats.iter().for_each(|mark| self.hear_mark(source, mark.accepted, mark));
    }

    /// A reading that may be the newest of a series, by the id under which it was written.
    pub(crate) fn offer(&mut self, series: SeriesId, newest: Newest) {
        let Some(owner) = self.reader(series) else { return };
        if self.state.floor(owner).is_some_and(|floor| newest.reading.key.time < floor) {
            return;
        }
        if owner == series { self.newest.offer(series, newest) } else { self.newest.offer_lower(owner, newest) }
    }

    pub(crate) fn restored(&self, node: Node) -> Restored {
        let mut latest: Vec<_> =
            self.newest.iter().map(|(series, newest)| (series, newest.reading.clone(), newest.received)).collect();
        latest.sort_unstable_by_key(|(series, ..)| *series);
        Restored {
            node,
            last_series: self.places.last_of(node.0),
            sequence: Sequence(self.sequence),
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
