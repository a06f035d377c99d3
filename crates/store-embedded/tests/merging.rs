//! Merging frames changes what is on disk, and no answer.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::Path;

use model::{
    DeviceId, DeviceKey, Judgement, Kind, MetricName, Reading, ReadingKey, SeriesId, SourceName, TimeRange, TimeSource,
    Timestamp, UnitSource, Value,
};
use proptest::prelude::*;
use store::{Batch, DeviceRecord, Entry, MessageRecord, Order, Readings, SeriesReading, SeriesRecord};
use store_embedded::{EmbeddedStore, Limits, Options, open};

fn identities() -> Batch {
    let mut entries = Vec::new();
    for device in 1..=2 {
        let key = DeviceKey::parse(&format!("device/{device}")).unwrap();
        entries.push(Entry::Device(DeviceRecord { id: DeviceId(device), key, created: Timestamp::EPOCH }));
    }
    for (id, device) in [(1, 1), (2, 1), (3, 1), (4, 2)] {
        entries.push(Entry::Series(SeriesRecord {
            id: SeriesId(id),
            device: DeviceId(device),
            metric: MetricName::parse(&format!("metric{id}")).unwrap(),
            unit: None,
            unit_source: UnitSource::None,
            kind: Kind::Measurement,
        }));
    }
    Batch { entries }
}

/// A reading whose value repeats often, so that equal and other values meet under one key; `claimed` tells apart those that
/// are equal.
fn reading(series: u32, time: i64, value: i32, claimed: i64) -> SeriesReading {
    let value = if value == 0 { Value::Text("x".into()) } else { Value::Number(f64::from(value)) };
    let key = ReadingKey { time: Timestamp::saturating(time), n: u32::from(time % 13 == 0) };
    let (judgement, time_source) = (Judgement::Good, TimeSource::Device);
    SeriesReading {
        series: SeriesId(series),
        reading: Reading { key, value, judgement, time_source, claimed_ms: Some(claimed) },
    }
}

fn message(readings: Vec<SeriesReading>) -> Batch {
    let (source, received) = (SourceName::parse("mqtt").unwrap(), Timestamp::EPOCH);
    Batch { entries: vec![Entry::Message(MessageRecord { source, received, readings, repeat: None })] }
}

/// Limits under which frames of a few readings are merged, or never are.
fn limits(merging: bool) -> Limits {
    let merge_fan_in = if merging { 2 } else { usize::MAX };
    let (merge_rows_max, merge_bytes_aim) = if merging { (60, 400) } else { (usize::MAX, usize::MAX) };
    let merge_cells_max = if merging { 200 } else { 0 };
    Limits { merge_fan_in, merge_rows_max, merge_bytes_aim, merge_cells_max, ..Limits::default() }
}

fn opened(dir: &Path, merging: bool) -> EmbeddedStore {
    open(dir, Options { limits: limits(merging), ..Options::default() }).unwrap()
}

type Answers = BTreeMap<u32, Vec<Reading>>;

async fn answers(store: &EmbeddedStore, order: Order, range: TimeRange) -> Answers {
    let mut answers = Answers::new();
    for series in 1..=4 {
        answers.insert(series, store.read(SeriesId(series), range, order, None, usize::MAX).await.unwrap());
    }
    answers
}

async fn all_answers(store: &EmbeddedStore) -> Vec<Answers> {
    let part = TimeRange { from: Timestamp::saturating(100), to: Timestamp::saturating(300) };
    vec![
        answers(store, Order::Ascending, TimeRange::ALL).await,
        answers(store, Order::Descending, TimeRange::ALL).await,
        answers(store, Order::Ascending, part).await,
        answers(store, Order::Descending, part).await,
    ]
}

#[derive(Clone, Debug)]
struct Arrival {
    start: i64,
    step: i64,
    count: i64,
    series: Vec<u32>,
    value: i32,
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let series = prop_oneof![Just(vec![1, 2]), Just(vec![1, 2, 3]), Just(vec![1]), Just(vec![3]), Just(vec![4])];
    (0_i64..400, 1_i64..9, 1_i64..40, series, 0_i32..3).prop_map(|(start, step, count, series, value)| Arrival {
        start,
        step,
        count,
        series,
        value,
    })
}

impl Arrival {
    fn message(&self, at: usize) -> Batch {
        let times = (0..self.count).map(|row| self.start + row * self.step);
        let of = |time: i64| {
            let value = self.value + i32::from(time % 3 == 0);
            self.series.iter().map(move |series| reading(*series, time, value, at as i64))
        };
        message(times.flat_map(of).collect())
    }
}

/// As `assert_eq`, and says what differs rather than everything.
fn assert_same(found: &[Answers], expected: &[Answers], when: &str) {
    for (found, expected) in found.iter().zip(expected) {
        for (series, expected) in expected {
            let found = &found[series];
            let differs = found.iter().zip(expected).find(|(found, expected)| found != expected);
            assert!(differs.is_none(), "{when}: series {series}: {differs:?}");
            assert_eq!(found.len(), expected.len(), "{when}: series {series}");
        }
    }
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap().block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Late and repeated readings in every order, a flush behind each: the answers of a directory in which frames were never
    /// merged are those after merging, after a kill in the middle of it, and after more came.
    #[test]
    fn merged_frames_answer_what_small_ones_did(arrivals in prop::collection::vec(arrival(), 1..40), more in arrival()) {
        run(async move {
            let dir = tempfile::tempdir().unwrap();
            let store = opened(dir.path(), false);
            store.append(identities()).await.await;
            for (at, arrival) in arrivals.iter().enumerate() {
                store.append(arrival.message(at)).await.await;
                store.flush().await.unwrap();
            }
            let before = all_answers(&store).await;
            drop(store);
            // Killed between two pieces of work, wherever it was.
            drop(opened(dir.path(), true));
            let store = opened(dir.path(), true);
            assert_same(&all_answers(&store).await, &before, "after a kill");
            store.merge_frames().await.unwrap();
            assert_same(&all_answers(&store).await, &before, "after merging");
            assert!(store.stats().degraded.is_empty(), "{:?}", store.stats().degraded);
            store.append(more.message(1_000)).await.await;
            let fresh = all_answers(&store).await;
            store.flush().await.unwrap();
            store.merge_frames().await.unwrap();
            assert_same(&all_answers(&store).await, &fresh, "after more");
            store.close().await.unwrap();
        });
    }
}

#[tokio::test]
async fn many_small_frames_become_few_large_ones() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options::default()).unwrap();
    store.append(identities()).await.await;
    for part in 0..200 {
        let times = (0..10).map(|row| part * 1_000 + row * 100);
        store.append(message(times.map(|time| reading(1, time, 1, 0)).collect())).await.await;
        store.flush().await.unwrap();
    }
    store.merge_frames().await.unwrap();
    // At most seven of each of the sizes up to 2,000 readings.
    assert!(store.stats().frames <= 7 * 4, "{} frames", store.stats().frames);
    assert_eq!(store.read(SeriesId(1), TimeRange::ALL, Order::Ascending, None, usize::MAX).await.unwrap().len(), 2_000);
}
