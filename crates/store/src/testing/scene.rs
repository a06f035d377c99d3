//! Batches for tests, and dice.

use bytes::Bytes;
use model::{
    Book, DeviceId, DeviceKey, Flaw, Judgement, Kind, MetricName, Reading, ReadingKey, SeriesId, SourceName, TimeRange,
    TimeSource, Timestamp, UnitSource, Value,
};

use crate::{
    Batch, BookDelta, CommitOutcome, DeviceRecord, Entry, MessageRecord, Order, Readings, RepeatMark, Sequence,
    SeriesReading, SeriesRecord, UnreadId, UnreadRecord,
};

/// A seeded generator (splitmix64).
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// 0 .. `below`.
    pub(super) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }

    /// True `percent` times in 100.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.roll(from.len() as u64);
        from.get(usize::try_from(at).unwrap())
    }
}

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::saturating(ms)
}

pub(super) fn key(ms: i64) -> ReadingKey {
    ReadingKey { time: at(ms), n: 0 }
}

pub(super) fn range(from: i64, to: i64) -> TimeRange {
    TimeRange { from: at(from), to: at(to) }
}

pub(super) fn source(name: &str) -> SourceName {
    SourceName::parse(name).unwrap()
}

pub(super) fn device(id: u32) -> Entry {
    let key = DeviceKey::parse(&format!("lab/device-{id}")).unwrap();
    Entry::Device(DeviceRecord { id: DeviceId(id), key, created: at(i64::from(id)) })
}

pub(super) fn series(id: u32, device: u32) -> Entry {
    series_named(id, device, &format!("metric_{id}"))
}

pub(super) fn series_named(id: u32, device: u32, metric: &str) -> Entry {
    Entry::Series(SeriesRecord {
        id: SeriesId(id),
        device: DeviceId(device),
        metric: MetricName::parse(metric).unwrap(),
        unit: None,
        unit_source: UnitSource::None,
        kind: Kind::Measurement,
    })
}

/// A reading whose judgement and origin follow from its value and key, so that equal readings are equal in all.
pub(super) fn reading(key: ReadingKey, value: Value) -> Reading {
    let judgement = match &value {
        Value::Number(number) if number.is_nan() => Judgement::Bad(Flaw::Nan),
        Value::Number(number) if *number >= 1_000.0 => Judgement::Suspect(Flaw::OutOfRange),
        Value::Number(number) if *number == 85.0 => Judgement::Bad(Flaw::Ds18b20PowerOn85),
        Value::Number(_) | Value::Bool(_) | Value::Text(_) => Judgement::Good,
    };
    let claimed_ms = (value == Value::Number(7.0)).then_some(-123);
    let time_source = if key.n == 0 { TimeSource::Device } else { TimeSource::Server };
    Reading { key, value, judgement, time_source, claimed_ms }
}

pub(super) fn message(readings: Vec<(u32, Reading)>) -> MessageRecord {
    let received = readings.iter().map(|(_, reading)| reading.key.time).max().unwrap_or(Timestamp::EPOCH);
    let readings = readings.into_iter().map(|(id, reading)| SeriesReading { series: SeriesId(id), reading });
    MessageRecord { source: source("mqtt"), received, readings: readings.collect(), repeat: None }
}

pub(super) fn batch(entries: Vec<Entry>) -> Batch {
    Batch { entries }
}

/// One number for each time, in one batch with a message each.
pub(super) fn numbers(id: u32, numbers: &[(i64, f64)]) -> Batch {
    let one =
        |(ms, number): &(i64, f64)| Entry::Message(message(vec![(id, reading(key(*ms), Value::Number(*number)))]));
    batch(numbers.iter().map(one).collect())
}

pub(super) fn mark(client: &str, packet_id: u16, ms: i64) -> RepeatMark {
    RepeatMark { client: client.into(), packet_id, hash: u64::from(packet_id) * 7, accepted: at(ms) }
}

pub(super) fn unread(id: u64, ms: i64) -> UnreadRecord {
    UnreadRecord {
        id: UnreadId(id),
        source: source("mqtt"),
        client: "c".into(),
        topic: "a/b".into(),
        payload: Bytes::from(vec![b'{'; 10]),
        reason: "json_incomplete".into(),
        detail: "JSON ends early at byte 10".into(),
        received: at(ms),
        n: 1,
        repeat: None,
    }
}

/// The part of the books that ingest knows.
pub(super) fn book(from: &str, messages: u64, decoded: u64) -> Entry {
    let mut book = Book::default();
    book.messages.received = messages;
    book.messages.stored = messages;
    book.readings.decoded = decoded;
    Entry::Book(BookDelta { source: source(from), book })
}

pub(super) async fn durable(store: &dyn Readings, batch: Batch) -> Sequence {
    match store.append(batch).await.await {
        CommitOutcome::Durable(sequence) => sequence,
        outcome @ (CommitOutcome::NotStored(_) | CommitOutcome::Unknown) => panic!("not durable but {outcome:?}"),
    }
}

/// All readings of a series, as (milliseconds, value).
pub(super) async fn all(store: &dyn Readings, id: u32) -> Vec<(i64, Value)> {
    let readings = store.read(SeriesId(id), TimeRange::ALL, Order::Ascending, None, usize::MAX).await.unwrap();
    readings.into_iter().map(|reading| (reading.key.time.millis(), reading.value)).collect()
}

pub(super) fn as_values(numbers: &[(i64, f64)]) -> Vec<(i64, Value)> {
    numbers.iter().map(|(ms, number)| (*ms, Value::Number(*number))).collect()
}
