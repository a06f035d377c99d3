//! Random operations run against [`MemoryStore`] and an adapter side by side, every answer compared. Everything left to
//! chance follows from the seed, which stands in every failure.

use std::sync::Arc;

use model::{DeviceId, Kind, ReadingKey, SeriesId, Value};

use super::oracle_check::{compare_all, compare_some, some_range};
use super::scene::{Dice, at, batch, book, device, mark, message, reading, series_named, unread};
use super::{Adapter, Opened, UNREAD_MAX};
use crate::{
    Batch, CommitOutcome, Entry, ExpiryRecord, HiddenRecord, MemoryStore, MergeRecord, Readings, Sequence, UnreadId,
};

/// Series that a run works with, at most.
const SERIES_MAX: usize = 6;

const KINDS: [Kind; 5] = [Kind::Measurement, Kind::Angle, Kind::Total, Kind::TotalIncreasing, Kind::State];

/// What the run knows.
pub(super) struct Run {
    pub(super) dice: Dice,
    pub(super) seed: u64,
    pub(super) step: usize,
    pub(super) oracle: Arc<MemoryStore>,
    pub(super) opened: Opened,
    /// See [`Adapter::upserts`].
    pub(super) upserts: bool,
    /// Series introduced so far, ids 1 to this; some are gone again.
    pub(super) series: u32,
    pub(super) now: i64,
    /// Keys used, for repeats and late neighbours.
    pub(super) used: Vec<(u32, ReadingKey, Value)>,
    next_unread: u64,
    sequence: u64,
}

/// Runs `steps` operations from `seed` on an empty store.
///
/// # Panics
/// At the first answer that differs.
pub async fn run(adapter: &mut dyn Adapter, seed: u64, steps: usize) {
    let mut run = Run {
        dice: Dice::seeded(seed),
        seed,
        step: 0,
        oracle: Arc::new(MemoryStore::with_unread_max(UNREAD_MAX)),
        upserts: adapter.upserts(),
        opened: adapter.fresh().await,
        series: 0,
        now: 1_700_000_000_000,
        used: Vec::new(),
        next_unread: 1,
        sequence: 0,
    };
    for step in 0..steps {
        run.step = step;
        run = run.one_step(adapter).await;
    }
    run.opened.readings.flush().await.unwrap();
    compare_all(&run, true).await;
}

impl Run {
    async fn one_step(mut self, adapter: &mut dyn Adapter) -> Self {
        match self.dice.roll(100) {
            0..50 => {
                let batch = self.batch();
                self.append(batch).await;
            }
            50..88 => compare_some(&mut self).await,
            88..93 => {
                self.opened.readings.flush().await.unwrap();
                compare_all(&self, true).await;
            }
            93..96 => {
                self.opened = adapter.crashed(self.opened).await;
                compare_all(&self, false).await;
            }
            96..98 => self = self.crash_in_flight(adapter).await,
            _ => {
                self.opened.readings.close().await.unwrap();
                self.opened = adapter.reopened(self.opened).await;
                compare_all(&self, true).await;
            }
        }
        self
    }

    async fn append(&mut self, batch: Batch) {
        let expected = self.oracle.append(batch.clone()).await.await;
        let found = self.opened.readings.append(batch).await.await;
        assert_eq!(found, expected, "seed {} step {}: append", self.seed, self.step);
        if let CommitOutcome::Durable(sequence) = expected {
            self.sequence = sequence.0;
        }
    }

    /// Batches that nobody waited for when the crash came are there as a prefix, each as a whole, and those that were
    /// reported durable are among them.
    async fn crash_in_flight(mut self, adapter: &mut dyn Adapter) -> Self {
        let known_before = self.series;
        let mut under_way = Vec::new();
        for _ in 0..self.dice.roll(8) {
            // Only batches that are certainly taken, so that their place is known.
            let batch = self.message_batch();
            under_way.push((batch.clone(), self.opened.readings.append(batch).await));
        }
        let known = usize::try_from(self.dice.roll(under_way.len() as u64 + 1)).unwrap();
        let mut reported = self.sequence;
        for (_, commit) in under_way.iter_mut().take(known) {
            match commit.await {
                CommitOutcome::Durable(Sequence(sequence)) => reported = sequence,
                outcome @ (CommitOutcome::NotStored(_) | CommitOutcome::Unknown) => {
                    panic!("seed {} step {}: {outcome:?} before the crash", self.seed, self.step)
                }
            }
        }
        self.opened = adapter.crashed(self.opened).await;
        let there = self.opened.readings.restored().sequence.0;
        let last = self.sequence + under_way.len() as u64;
        assert!(
            reported <= there && there <= last,
            "seed {} step {}: {there} after a crash, {reported} reported, {last} appended",
            self.seed,
            self.step
        );
        for (batch, _) in under_way {
            if self.sequence < there {
                let outcome = self.oracle.append(batch).await.await;
                self.sequence += 1;
                assert_eq!(outcome, CommitOutcome::Durable(Sequence(self.sequence)));
            }
        }
        // A series that was under way may be lost, too.
        let known = self.oracle.restored().series.iter().map(|series| series.id.0).max();
        self.series = known_before.max(known.unwrap_or(0));
        self.used.retain(|(id, ..)| *id <= self.series);
        compare_all(&self, false).await;
        self
    }

    fn batch(&mut self) -> Batch {
        match self.dice.roll(20) {
            _ if self.alive().is_empty() => self.new_series(),
            0 if self.alive().len() < SERIES_MAX => self.new_series(),
            1 => {
                self.next_unread += 1 + self.dice.roll(2);
                let mut record = unread(self.next_unread, self.now);
                record.repeat = self.dice.chance(50).then(|| mark("u", 1, self.now));
                batch(vec![Entry::Unread(record), book("mqtt", 1, 0)])
            }
            4 | 5 => self.decision(),
            6 => self.stretch(),
            7 => self.new_kind(),
            2 => {
                let id = self.next_unread.saturating_sub(self.dice.roll(UNREAD_MAX as u64 + 5));
                batch(vec![Entry::UnreadDone(UnreadId(id))])
            }
            3 if self.dice.chance(20) => {
                let stranger = (99, reading(ReadingKey { time: at(self.now), n: 0 }, Value::Bool(true)));
                batch(vec![device(77), Entry::Message(message(vec![stranger]))])
            }
            _ => self.message_batch(),
        }
    }

    /// Two series for each device, with the same two metrics, so that a merge finds a pair.
    fn new_series(&mut self) -> Batch {
        self.series += 1;
        let devices = self.oracle.restored().devices;
        if self.series.is_multiple_of(2) && devices.iter().all(|device| device.id.0 != self.series / 2) {
            // The device is gone, and no id is used again.
            self.series += 1;
        }
        let of = self.series.div_ceil(2);
        let metric = if self.series.is_multiple_of(2) { "humidity" } else { "temperature" };
        batch(vec![device(of), series_named(self.series, of, metric)])
    }

    /// Series that are known.
    pub(super) fn alive(&self) -> Vec<SeriesId> {
        self.oracle.restored().series.iter().map(|series| series.id).collect()
    }

    /// Something about readings that are there already.
    fn decision(&mut self) -> Batch {
        let alive = self.alive();
        let devices: Vec<DeviceId> = self.oracle.restored().devices.iter().map(|device| device.id).collect();
        let id = *self.dice.pick(&alive).unwrap();
        let (from, into) = (*self.dice.pick(&devices).unwrap(), *self.dice.pick(&devices).unwrap());
        let entry = match self.dice.roll(20) {
            0 => Entry::DeviceDeleted(from),
            1..4 => Entry::DeviceMerged(MergeRecord { from, into }),
            4..8 => {
                let near = self.dice.pick(&self.used).map_or(self.now, |used| used.1.time.millis());
                let back = i64::try_from(self.dice.roll(100_000)).unwrap();
                let series = alive.into_iter().filter(|_| self.dice.chance(60)).collect();
                Entry::Expired(ExpiryRecord { series, before: at(near.min(self.now - back)) })
            }
            _ => {
                let range = some_range(self);
                Entry::Hidden(HiddenRecord { series: id, range, hidden: self.dice.chance(60) })
            }
        };
        batch(vec![entry])
    }

    /// Some hours without a pause, so that a store has something to store of them.
    fn stretch(&mut self) -> Batch {
        let alive = self.alive();
        let id = self.dice.pick(&alive).map_or(1, |id| id.0);
        let step_ms = 10_000 + i64::try_from(self.dice.roll(20_000)).unwrap();
        let mut tenths = i64::try_from(self.dice.roll(4_000)).unwrap();
        let mut entries = Vec::new();
        for _ in 0..300 + self.dice.roll(600) {
            self.now += step_ms;
            tenths += i64::try_from(self.dice.roll(40)).unwrap() - 12;
            if self.dice.chance(1) {
                tenths = 0;
            }
            let value = if self.dice.chance(2) { self.value() } else { Value::Number(tenths as f64 / 10.0) };
            entries.push(Entry::Message(message(vec![(id, reading(ReadingKey { time: at(self.now), n: 0 }, value))])));
        }
        entries.push(book("mqtt", entries.len() as u64, entries.len() as u64));
        batch(entries)
    }

    /// A series is found out to mean something else.
    fn new_kind(&mut self) -> Batch {
        let mut all = self.oracle.restored().series;
        let at = usize::try_from(self.dice.roll(all.len() as u64)).unwrap();
        let mut record = all.swap_remove(at);
        record.kind = *self.dice.pick(&KINDS).unwrap();
        batch(vec![Entry::Series(record)])
    }

    fn message_batch(&mut self) -> Batch {
        if self.alive().is_empty() {
            return self.new_series();
        }
        let mut entries = Vec::new();
        let messages = if self.dice.chance(10) { 40 } else { 1 + self.dice.roll(4) };
        for _ in 0..messages {
            let readings: Vec<_> = (0..1 + self.dice.roll(3)).map(|_| self.next_reading()).collect();
            let decoded = readings.len() as u64;
            let mut message = message(readings);
            let from = if self.dice.chance(30) { "http" } else { "mqtt" };
            message.source = super::scene::source(from);
            let (id, of) = (u16::try_from(self.dice.roll(50)).unwrap(), self.dice.roll(3));
            message.repeat = self.dice.chance(50).then(|| mark(&format!("client-{of}"), id, self.now));
            entries.push(Entry::Message(message));
            entries.push(book(from, 1, decoded));
        }
        batch(entries)
    }

    fn next_reading(&mut self) -> (u32, model::Reading) {
        let alive = self.alive();
        let id = self.dice.pick(&alive).map_or(1, |id| id.0);
        let earlier = self.dice.pick(&self.used.clone()).cloned().filter(|(id, ..)| alive.contains(&SeriesId(*id)));
        let (id, key, value) = match (self.dice.roll(10), earlier) {
            // The same key again, with the same value or another.
            (0, Some((id, key, value))) => (id, key, value),
            (1, Some((id, key, _))) => (id, key, self.value()),
            // Late: somewhere near an earlier one.
            (2, Some((_, key, _))) => {
                let near = i64::try_from(self.dice.roll(20_000)).unwrap() - 10_000;
                (id, ReadingKey { time: key.time.plus(near), n: key.n }, self.value())
            }
            // Far away.
            (3, _) if self.dice.chance(10) => {
                let far = i64::try_from(self.dice.roll(4_000_000_000_000)).unwrap() - 1_000_000_000_000;
                (id, ReadingKey { time: at(far), n: 0 }, self.value())
            }
            _ => {
                self.now += i64::try_from(self.dice.roll(4_000)).unwrap();
                let n = if self.dice.chance(70) { 0 } else { u32::try_from(1 + self.dice.roll(3)).unwrap() };
                (id, ReadingKey { time: at(self.now), n }, self.value())
            }
        };
        self.used.push((id, key, value.clone()));
        if self.used.len() > 400 {
            let gone = usize::try_from(self.dice.roll(400)).unwrap();
            self.used.swap_remove(gone);
        }
        (id, reading(key, value))
    }

    fn value(&mut self) -> Value {
        match self.dice.roll(20) {
            0 => Value::Bool(self.dice.chance(50)),
            1 => Value::Text(format!("text {}", self.dice.roll(3)).into()),
            2 => Value::Number(f64::NAN),
            3 => Value::Number(85.0),
            4 => Value::Number(7.0),
            5 => Value::Number(f64::from_bits(self.dice.roll(u64::MAX))),
            6 => Value::Number(-0.0),
            7 => Value::Number(5e9),
            _ => Value::Number(self.dice.roll(300) as f64 / 10.0),
        }
    }
}
