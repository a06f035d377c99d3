//! Readers beside expiry, merging and deletion: every answer is that of one moment, never a part of it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering as Atomic};

use model::{
    DeviceId, DeviceKey, Judgement, Kind, MetricName, Reading, ReadingKey, Resolution, SeriesId, SourceName, TimeRange,
    TimeSource, Timestamp, UnitSource, Value,
};
use store::{
    Batch, CommitOutcome, DeviceRecord, Entry, ExpiryRecord, MergeRecord, MessageRecord, Order, Readings,
    SeriesReading, SeriesRecord, StoreError,
};
use store_embedded::{EmbeddedStore, Limits, Options};
use windows::Grid;

const READINGS: i64 = 4_000;

async fn store(dir: &std::path::Path) -> Arc<EmbeddedStore> {
    let limits = Limits { frame_rows_max: 100, ..Limits::default() };
    Arc::new(store_embedded::open(dir, Options { limits, ..Options::default() }).unwrap())
}

async fn append(store: &EmbeddedStore, entries: Vec<Entry>) {
    let outcome = store.append(Batch { entries }).await.await;
    assert!(matches!(outcome, CommitOutcome::Durable(_)), "{outcome:?}");
}

fn identity(id: u32) -> Vec<Entry> {
    let key = DeviceKey::parse(&format!("d{id}")).unwrap();
    vec![
        Entry::Device(DeviceRecord { id: DeviceId(id), key, created: Timestamp::EPOCH }),
        Entry::Series(SeriesRecord {
            id: SeriesId(id),
            device: DeviceId(id),
            metric: MetricName::parse("temperature").unwrap(),
            unit: None,
            unit_source: UnitSource::None,
            kind: Kind::Measurement,
        }),
    ]
}

fn readings(id: u32, times: impl Iterator<Item = i64>) -> Vec<Entry> {
    let reading = |time| SeriesReading {
        series: SeriesId(id),
        reading: Reading {
            key: ReadingKey { time: Timestamp::saturating(time), n: 0 },
            value: Value::Number(1.0),
            judgement: Judgement::Good,
            time_source: TimeSource::Device,
            claimed_ms: None,
        },
    };
    vec![Entry::Message(MessageRecord {
        source: SourceName::parse("mqtt").unwrap(),
        received: Timestamp::EPOCH,
        readings: times.map(reading).collect(),
        repeat: None,
    })]
}

async fn times(store: &EmbeddedStore, id: u32) -> Result<Vec<i64>, StoreError> {
    let all = store.read(SeriesId(id), TimeRange::ALL, Order::Ascending, None, usize::MAX).await?;
    Ok(all.iter().map(|reading| reading.key.time.millis()).collect())
}

async fn count(store: &EmbeddedStore, id: u32) -> Result<u64, StoreError> {
    let range = TimeRange { from: Timestamp::EPOCH, to: Timestamp::saturating(READINGS * 1_000) };
    let grid = Grid::covering(range, Resolution::from_millis(86_400_000).unwrap());
    Ok(store.windows(SeriesId(id), grid).await?.iter().map(|window| window.count).sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_beside_expiry_answers_everything_behind_one_floor() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path()).await;
    append(&store, identity(1)).await;
    append(&store, readings(1, (0..READINGS).map(|at| at * 1_000))).await;
    store.flush().await.unwrap();
    let (stop, floor) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
    let reader = tokio::spawn({
        let (store, stop, floor) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&floor));
        async move {
            let mut moments = 0;
            while !stop.load(Atomic::Acquire) {
                let before = floor.load(Atomic::Acquire);
                let found = times(&store, 1).await.unwrap();
                let windowed = count(&store, 1).await.unwrap();
                // The floor stands in the middle of a frame, 50 readings behind its first.
                let first = found.first().copied().unwrap_or(i64::MAX);
                assert!(first >= before && (first / 1_000) % 100 % 50 == 0, "first {first}, floor {before}");
                let expected: Vec<i64> = (first / 1_000..READINGS).map(|at| at * 1_000).collect();
                assert_eq!(found, expected);
                assert!(windowed <= found.len() as u64 && windowed.is_multiple_of(50), "{windowed}");
                moments += 1;
            }
            moments
        }
    });
    for hundred in 1..35 {
        let before = hundred * 100_000 + 50_000;
        let record = ExpiryRecord { series: vec![SeriesId(1)], before: Timestamp::saturating(before) };
        append(&store, vec![Entry::Expired(record)]).await;
        floor.store(before, Atomic::Release);
    }
    stop.store(true, Atomic::Release);
    assert!(reader.await.unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_beside_merges_answers_all_of_a_device_or_what_it_had_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path()).await;
    for id in 1..=20 {
        append(&store, identity(id)).await;
        append(&store, readings(id, (0..200).map(|at| (at * 20 + i64::from(id)) * 1_000))).await;
    }
    store.flush().await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        async move {
            let mut last = 0;
            while !stop.load(Atomic::Acquire) {
                let (found, windowed) = (times(&store, 1).await.unwrap(), count(&store, 1).await.unwrap());
                assert!(found.len().is_multiple_of(200) && found.len() >= last, "{} after {last}", found.len());
                assert!(windowed.is_multiple_of(200) && windowed >= found.len() as u64, "{windowed}");
                last = found.len();
                for id in 2..=20 {
                    match times(&store, id).await {
                        Ok(found) => assert_eq!(found.len(), 200),
                        Err(error) => assert!(matches!(error, StoreError::UnknownSeries(_)), "{error}"),
                    }
                }
            }
        }
    });
    for id in 2..=20 {
        append(&store, vec![Entry::DeviceMerged(MergeRecord { from: DeviceId(id), into: DeviceId(1) })]).await;
    }
    stop.store(true, Atomic::Release);
    reader.await.unwrap();
    assert_eq!(times(&store, 1).await.unwrap().len(), 4_000);
}
