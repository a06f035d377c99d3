//! What a store remembers besides readings: identities, books, the repeat window, the unread list, stamps. Pure; every
//! store that keeps a log applies the same entries to it and so cannot differ from the others.

use std::collections::{BTreeMap, BTreeSet};

use model::{Book, DeviceId, SeriesId, SourceName, TimeRange, Timestamp};
use serde::{Deserialize, Serialize};

use crate::repeats::RepeatWindow;
use crate::{DeviceRecord, Entry, Gone, MergeRecord, Novelty, RepeatMark, SeriesRecord, UnreadId, UnreadRecord};

/// Unread messages kept. Beyond it the oldest is dropped and counted.
pub const UNREAD_MAX: usize = 10_000;
/// Bytes of unread messages kept. Beyond it the oldest are dropped and counted.
pub const UNREAD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Everything in it follows from the entries applied, in their order.
#[derive(Clone, Debug)]
pub struct State {
    devices: BTreeMap<DeviceId, DeviceRecord>,
    series: BTreeMap<SeriesId, SeriesRecord>,
    /// The series of each device that has some: what `series` says, so that one device is not looked for among all.
    of_device: BTreeMap<DeviceId, BTreeSet<SeriesId>>,
    books: BTreeMap<SourceName, Book>,
    repeats: RepeatWindow,
    unread: BTreeMap<UnreadId, UnreadRecord>,
    unread_bytes: usize,
    unread_max: usize,
    unread_dropped: u64,
    last_received: Option<Timestamp>,
    last_unread: Option<UnreadId>,
    hidden: BTreeMap<SeriesId, Gone>,
    floors: BTreeMap<SeriesId, Timestamp>,
    gone: GoneCounts,
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
    /// What is hidden, by series.
    pub hidden: BTreeMap<SeriesId, Gone>,
    /// Retention floors by series.
    pub floors: BTreeMap<SeriesId, Timestamp>,
    /// What is no longer there.
    pub gone: GoneCounts,
}

/// Readings that were stored and are no longer there, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoneCounts {
    /// Their device was deleted.
    pub deleted: u64,
    /// They lay before the retention floor.
    pub expired: u64,
    /// Their key was in both of two series that became one.
    pub absorbed: u64,
    /// They were damaged and given up. Whoever repairs a store keeps this number himself.
    #[serde(skip)]
    pub lost: u64,
}

/// What a merge of two devices does to their series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergePlan {
    /// Series that change hands as they are.
    pub moved: Vec<SeriesId>,
    /// Series whose readings go into another: (from, into).
    pub absorbed: Vec<(SeriesId, SeriesId)>,
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
            series: BTreeMap::new(),
            of_device: BTreeMap::new(),
            books: kept.books,
            repeats: RepeatWindow::default(),
            unread: BTreeMap::new(),
            unread_bytes: 0,
            unread_max,
            unread_dropped: kept.unread_dropped,
            last_received: kept.last_received,
            last_unread: kept.last_unread,
            hidden: kept.hidden,
            floors: kept.floors,
            gone: kept.gone,
        };
        for series in kept.series {
            state.keep_series(series);
        }
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
            Entry::Series(series) => self.keep_series(series.clone()),
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
            Entry::Hidden(record) => {
                let gone = self.hidden.entry(record.series).or_default();
                if record.hidden { gone.add(record.range) } else { gone.remove(record.range) }
            }
            Entry::DeviceDeleted(device) => self.delete(*device),
            Entry::DeviceMerged(merge) => self.merge(*merge),
            Entry::Expired(record) => {
                for series in &record.series {
                    let floor = self.floors.entry(*series).or_insert(record.before);
                    *floor = record.before.max(*floor);
                }
            }
        }
    }

    fn delete(&mut self, device: DeviceId) {
        for series in self.series_of(device) {
            self.forget(series);
        }
        self.devices.remove(&device);
    }

    fn merge(&mut self, merge: MergeRecord) {
        let MergePlan { moved, absorbed } = self.merge_plan(merge);
        for series in moved {
            if let Some(record) = self.series.get(&series) {
                self.keep_series(SeriesRecord { device: merge.into, ..record.clone() });
            }
        }
        for (from, into) in absorbed {
            if let Some(hidden) = self.hidden.remove(&from) {
                self.hidden.entry(into).or_default().extend(&hidden);
            }
            if let Some(floor) = self.merged_floor(from, into) {
                self.floors.insert(into, floor);
            }
            self.forget(from);
        }
        self.devices.remove(&merge.from);
    }

    fn keep_series(&mut self, record: SeriesRecord) {
        let (id, device) = (record.id, record.device);
        if let Some(before) = self.series.insert(id, record)
            && before.device != device
        {
            self.leave(before.device, id);
        }
        self.of_device.entry(device).or_default().insert(id);
    }

    fn leave(&mut self, device: DeviceId, series: SeriesId) {
        if let Some(all) = self.of_device.get_mut(&device) {
            all.remove(&series);
            if all.is_empty() {
                self.of_device.remove(&device);
            }
        }
    }

    fn forget(&mut self, series: SeriesId) {
        if let Some(record) = self.series.remove(&series) {
            self.leave(record.device, series);
        }
        self.hidden.remove(&series);
        self.floors.remove(&series);
    }

    /// What `merge` will do, asked before it is applied.
    #[must_use]
    pub fn merge_plan(&self, merge: MergeRecord) -> MergePlan {
        let of_into: BTreeMap<_, SeriesId> =
            self.records_of(merge.into).map(|series| (&series.metric, series.id)).collect();
        let mut plan = MergePlan::default();
        for series in self.records_of(merge.from) {
            match of_into.get(&series.metric) {
                Some(into) => plan.absorbed.push((series.id, *into)),
                None => plan.moved.push(series.id),
            }
        }
        plan
    }

    /// The floor of two series that become one.
    #[must_use]
    pub fn merged_floor(&self, from: SeriesId, into: SeriesId) -> Option<Timestamp> {
        self.floor(from).max(self.floor(into))
    }

    /// The series of a device, by id.
    #[must_use]
    pub fn series_of(&self, device: DeviceId) -> Vec<SeriesId> {
        self.of_device.get(&device).into_iter().flatten().copied().collect()
    }

    fn records_of(&self, device: DeviceId) -> impl Iterator<Item = &SeriesRecord> {
        self.of_device.get(&device).into_iter().flatten().filter_map(|series| self.series.get(series))
    }

    /// Before which time nothing of a series is kept.
    #[must_use]
    pub fn floor(&self, series: SeriesId) -> Option<Timestamp> {
        self.floors.get(&series).copied()
    }

    /// What is hidden, by series.
    #[must_use]
    pub fn hidden(&self) -> &BTreeMap<SeriesId, Gone> {
        &self.hidden
    }

    /// What is hidden of each series of which something is, for [`crate::Restored`].
    #[must_use]
    pub fn restored_hidden(&self) -> Vec<(SeriesId, Gone)> {
        let hidden = self.hidden.iter().filter(|(_, gone)| !gone.is_empty());
        hidden.map(|(series, gone)| (*series, gone.clone())).collect()
    }

    /// Every floor, by series.
    #[must_use]
    pub fn floors(&self) -> &BTreeMap<SeriesId, Timestamp> {
        &self.floors
    }

    /// What a read of a series leaves out: hidden ranges and everything before the floor.
    #[must_use]
    pub fn gone(&self, series: SeriesId) -> Gone {
        let mut gone = self.hidden.get(&series).cloned().unwrap_or_default();
        if let Some(floor) = self.floor(series) {
            gone.add(TimeRange { from: Timestamp::MIN, to: floor });
        }
        gone
    }

    /// Counts readings that are no longer there.
    pub fn count_gone(&mut self, gone: GoneCounts) {
        self.gone.deleted += gone.deleted;
        self.gone.expired += gone.expired;
        self.gone.absorbed += gone.absorbed;
        self.gone.lost += gone.lost;
    }

    /// What is no longer there, so far.
    #[must_use]
    pub fn gone_counts(&self) -> GoneCounts {
        self.gone
    }

    /// Adds what became of readings of `source`.
    pub fn count(&mut self, source: &SourceName, novelty: Novelty) {
        let readings = &mut self.books.entry(source.clone()).or_default().readings;
        readings.stored += novelty.stored;
        readings.duplicate += novelty.duplicate;
        readings.replaced += novelty.replaced;
        readings.unsettled += novelty.unsettled;
        readings.upserted += novelty.upserted;
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

#[cfg(test)]
mod tests {
    use model::{Kind, MetricName, UnitSource};
    use proptest::prelude::*;

    use super::*;

    fn series(id: u32, device: u32, metric: u32) -> SeriesRecord {
        let metric = MetricName::parse(&format!("m{metric}")).unwrap();
        let (unit, unit_source, kind) = (None, UnitSource::None, Kind::Measurement);
        SeriesRecord { id: SeriesId(id), device: DeviceId(device), metric, unit, unit_source, kind }
    }

    proptest! {
        #[test]
        fn the_series_of_a_device_are_those_that_say_so(
            steps in prop::collection::vec((0..4_u8, 0..12_u32, 0..4_u32, 0..4_u32), 0..60),
        ) {
            let mut state = State::new(UNREAD_MAX);
            for (what, id, device, other) in steps {
                state.apply(&match what {
                    0 => Entry::DeviceDeleted(DeviceId(device)),
                    1 if device != other => {
                        Entry::DeviceMerged(MergeRecord { from: DeviceId(device), into: DeviceId(other) })
                    }
                    _ => Entry::Series(series(id, device, other)),
                });
                let kept = Remembered { series: state.series().values().cloned().collect(), ..Remembered::default() };
                let resumed = State::resume(UNREAD_MAX, kept);
                for device in (0..4).map(DeviceId) {
                    let all = state.series().values().filter(|series| series.device == device);
                    let expected: Vec<SeriesId> = all.map(|series| series.id).collect();
                    prop_assert_eq!(state.series_of(device), expected.clone());
                    prop_assert_eq!(resumed.series_of(device), expected);
                }
            }
        }
    }
}
