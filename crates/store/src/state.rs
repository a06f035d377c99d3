//! What a store remembers besides readings: identities, books, the repeat window, the unread list, stamps. Pure; every
//! store that keeps a log applies the same entries to it and so cannot differ from the others.

use std::collections::{BTreeMap, HashSet};

use model::{Book, DeviceId, SeriesId, SourceName, Timestamp};

use crate::repeats::RepeatWindow;
use crate::{DeviceRecord, Entry, Novelty, RepeatMark, SeriesRecord, UnreadId, UnreadRecord};

/// Unread messages kept. Beyond it the oldest is dropped and counted.
pub const UNREAD_MAX: usize = 10_000;
/// Bytes of unread messages kept. Beyond it the oldest are dropped and counted.
pub const UNREAD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Everything in it follows from the entries applied, in their order.
#[derive(Clone, Debug)]
pub struct State {
    devices: BTreeMap<DeviceId, DeviceRecord>,
    series: BTreeMap<SeriesId, SeriesRecord>,
    books: BTreeMap<SourceName, Book>,
    repeats: RepeatWindow,
    unread: BTreeMap<UnreadId, UnreadRecord>,
    unread_bytes: usize,
    unread_max: usize,
    unread_dropped: u64,
    last_received: Option<Timestamp>,
    last_unread: Option<UnreadId>,
}

/// A [`State`] taken apart, for a store that keeps it on disk.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// In any order.
    pub devices: Vec<DeviceRecord>,
    /// In any order.
    pub series: Vec<SeriesRecord>,
    /// By source.
    pub books: BTreeMap<SourceName, Book>,
    /// Oldest first.
    pub repeats: Vec<RepeatMark>,
    /// In any order.
    pub unread: Vec<UnreadRecord>,
    /// How many were dropped at the limit.
    pub unread_dropped: u64,
    /// The greatest server time of a message.
    pub last_received: Option<Timestamp>,
    /// The greatest unread id ever given.
    pub last_unread: Option<UnreadId>,
}

/// Why a batch cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Readings of a series that no entry introduced.
    UnknownSeries,
    /// A series of a device that no entry introduced.
    UnknownDevice,
}

impl Refusal {
    /// The word in [`crate::CommitOutcome::NotStored`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownSeries => "unknown_series",
            Self::UnknownDevice => "unknown_device",
        }
    }
}

impl State {
    /// Nothing yet; the unread list takes `unread_max` messages.
    #[must_use]
    pub fn new(unread_max: usize) -> Self {
        Self::resume(unread_max, Remembered::default())
    }

    /// Goes on from what was kept.
    #[must_use]
    pub fn resume(unread_max: usize, kept: Remembered) -> Self {
        let mut state = Self {
            devices: kept.devices.into_iter().map(|device| (device.id, device)).collect(),
            series: kept.series.into_iter().map(|series| (series.id, series)).collect(),
            books: kept.books,
            repeats: RepeatWindow::default(),
            unread: BTreeMap::new(),
            unread_bytes: 0,
            unread_max,
            unread_dropped: kept.unread_dropped,
            last_received: kept.last_received,
            last_unread: kept.last_unread,
        };
        for mark in &kept.repeats {
            state.repeats.accept(mark);
        }
        for record in kept.unread {
            state.keep_unread(&record);
        }
        state
    }

    /// Applies one entry. Of a message it takes the mark and the time; the readings are the store's own to keep, and their
    /// novelty comes through [`State::count`].
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Device(device) => {
                self.devices.insert(device.id, device.clone());
            }
            Entry::Series(series) => {
                self.series.insert(series.id, series.clone());
            }
            Entry::Message(message) => {
                self.received(message.received);
                message.repeat.iter().for_each(|mark| self.repeats.accept(mark));
            }
            Entry::Unread(record) => {
                self.received(record.received);
                record.repeat.iter().for_each(|mark| self.repeats.accept(mark));
                self.last_unread = self.last_unread.max(Some(record.id));
                self.keep_unread(record);
            }
            Entry::UnreadDone(id) => {
                self.drop_unread(*id);
            }
            Entry::Book(delta) => self.books.entry(delta.source.clone()).or_default().add(&delta.book),
        }
    }

    /// Adds what became of readings of `source`.
    pub fn count(&mut self, source: &SourceName, novelty: Novelty) {
        let readings = &mut self.books.entry(source.clone()).or_default().readings;
        readings.stored += novelty.stored;
        readings.duplicate += novelty.duplicate;
        readings.replaced += novelty.replaced;
        readings.unsettled += novelty.unsettled;
    }

    /// Moves readings of `source` from unsettled to what they turned out to be.
    pub fn settle(&mut self, source: &SourceName, settled: Novelty) {
        self.count(source, settled);
        let readings = &mut self.books.entry(source.clone()).or_default().readings;
        let moved = settled.stored + settled.duplicate + settled.replaced;
        readings.unsettled = readings.unsettled.saturating_sub(moved);
    }

    /// Whether a series was introduced.
    #[must_use]
    pub fn knows(&self, series: SeriesId) -> bool {
        self.series.contains_key(&series)
    }

    /// Devices by id.
    #[must_use]
    pub fn devices(&self) -> &BTreeMap<DeviceId, DeviceRecord> {
        &self.devices
    }

    /// Series by id.
    #[must_use]
    pub fn series(&self) -> &BTreeMap<SeriesId, SeriesRecord> {
        &self.series
    }

    /// Books by source.
    #[must_use]
    pub fn books(&self) -> &BTreeMap<SourceName, Book> {
        &self.books
    }

    /// The repeat window, oldest first.
    #[must_use]
    pub fn repeats(&self) -> Vec<RepeatMark> {
        self.repeats.marks()
    }

    /// The unread list by id.
    #[must_use]
    pub fn unread(&self) -> &BTreeMap<UnreadId, UnreadRecord> {
        &self.unread
    }

    /// Unread messages with an id below `before`, newest first, at most `limit`.
    #[must_use]
    pub fn unread_before(&self, before: Option<UnreadId>, limit: usize) -> Vec<UnreadRecord> {
        let below = before.unwrap_or(UnreadId(u64::MAX));
        self.unread.range(..below).rev().take(limit).map(|(_, record)| record.clone()).collect()
    }

    /// Unread messages dropped because the list was full.
    #[must_use]
    pub fn unread_dropped(&self) -> u64 {
        self.unread_dropped
    }

    /// The greatest server time of a message.
    #[must_use]
    pub fn last_received(&self) -> Option<Timestamp> {
        self.last_received
    }

    /// The greatest unread id ever given.
    #[must_use]
    pub fn last_unread(&self) -> Option<UnreadId> {
        self.last_unread
    }

    fn received(&mut self, time: Timestamp) {
        self.last_received = self.last_received.max(Some(time));
    }

    fn keep_unread(&mut self, record: &UnreadRecord) {
        self.unread_bytes += weight(record);
        if let Some(replaced) = self.unread.insert(record.id, record.clone()) {
            self.unread_bytes -= weight(&replaced);
        }
        while self.unread.len() > self.unread_max || self.unread_bytes > UNREAD_BYTES_MAX {
            let Some((_, dropped)) = self.unread.pop_first() else { break };
            self.unread_bytes -= weight(&dropped);
            self.unread_dropped += 1;
        }
    }

    fn drop_unread(&mut self, id: UnreadId) {
        if let Some(record) = self.unread.remove(&id) {
            self.unread_bytes -= weight(&record);
        }
    }
}

fn weight(record: &UnreadRecord) -> usize {
    record.payload.len() + record.topic.len() + record.client.len() + record.detail.len() + record.reason.len()
}

/// Checks batches before they are written, in the order in which they will be. What an accepted batch introduces is known
/// to the next one, although it is not durable yet: batches take effect in order or not at all.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    devices: HashSet<DeviceId>,
    series: HashSet<SeriesId>,
}

impl Gate {
    /// Knows what `state` knows.
    #[must_use]
    pub fn behind(state: &State) -> Self {
        Self { devices: state.devices.keys().copied().collect(), series: state.series.keys().copied().collect() }
    }

    /// Lets a batch through, or says why not; then nothing of it is remembered.
    ///
    /// # Errors
    /// It refers to something that was never introduced.
    pub fn admit(&mut self, entries: &[Entry]) -> Result<(), Refusal> {
        let (mut devices, mut series) = (Vec::new(), Vec::new());
        let refusal = entries.iter().find_map(|entry| match entry {
            Entry::Device(device) => {
                devices.extend(self.devices.insert(device.id).then_some(device.id));
                None
            }
            Entry::Series(record) if !self.devices.contains(&record.device) => Some(Refusal::UnknownDevice),
            Entry::Series(record) => {
                series.extend(self.series.insert(record.id).then_some(record.id));
                None
            }
            Entry::Message(message) => {
                let known = message.readings.iter().all(|reading| self.series.contains(&reading.series));
                (!known).then_some(Refusal::UnknownSeries)
            }
            Entry::Unread(_) | Entry::UnreadDone(_) | Entry::Book(_) => None,
        });
        let Some(refusal) = refusal else { return Ok(()) };
        devices.iter().for_each(|id| _ = self.devices.remove(id));
        series.iter().for_each(|id| _ = self.series.remove(id));
        Err(refusal)
    }
}
