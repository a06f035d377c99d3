//! What goes missing inside the database is named, and never silently left out; a disk that fills up is told early.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{
    DeviceId, DeviceKey, Judgement, Kind, MetricName, Reading, ReadingKey, Resolution, SeriesId, SourceName, TimeRange,
    TimeSource, Timestamp, UnitSource, Value,
};
use store::{Batch, DeviceRecord, Entry, MessageRecord, Order, Readings, SeriesReading, SeriesRecord, StoreError};
use store_embedded::{EmbeddedStore, Limits, Options, Space, Volume, open};
use windows::Grid;

fn identities() -> Batch {
    let key = DeviceKey::parse("esp32/dht").unwrap();
    let mut entries = vec![Entry::Device(DeviceRecord { id: DeviceId(1), key, created: Timestamp::EPOCH })];
    for (id, metric) in [(1, "temperature"), (2, "humidity")] {
        entries.push(Entry::Series(SeriesRecord {
            id: SeriesId(id),
            device: DeviceId(1),
            metric: MetricName::parse(metric).unwrap(),
            unit: None,
            unit_source: UnitSource::None,
            kind: Kind::Measurement,
        }));
    }
    Batch { entries }
}

fn message(time: i64) -> Batch {
    let reading = |series: u32| SeriesReading {
        series: SeriesId(series),
        reading: Reading {
            key: ReadingKey { time: Timestamp::saturating(time), n: 0 },
            value: Value::Number(f64::from(series) + time as f64 / 10.0),
            judgement: Judgement::Good,
            time_source: TimeSource::Device,
            claimed_ms: None,
        },
    };
    let (source, received) = (SourceName::parse("mqtt").unwrap(), Timestamp::EPOCH);
    let readings = vec![reading(1), reading(2)];
    Batch { entries: vec![Entry::Message(MessageRecord { source, received, readings, repeat: None })] }
}

/// A directory with five frames of each of two series.
async fn filled(dir: &Path) {
    let store = open(dir, Options::default()).unwrap();
    store.append(identities()).await.await;
    for part in 0..5 {
        for time in 0..20 {
            store.append(message(part * 100 + time)).await.await;
        }
        store.flush().await.unwrap();
    }
    store.close().await.unwrap();
}

async fn all(store: &EmbeddedStore) -> Result<Vec<Reading>, StoreError> {
    store.read(SeriesId(1), TimeRange::ALL, Order::Ascending, None, usize::MAX).await
}

/// Two windows, of which one lies over whole frames.
async fn in_windows(store: &EmbeddedStore) -> Result<u64, StoreError> {
    let range = TimeRange { from: Timestamp::EPOCH, to: Timestamp::saturating(2_000) };
    let grid = Grid::covering(range, Resolution::from_millis(1_000).unwrap());
    store.windows(SeriesId(1), grid).await.map(|windows| windows.iter().map(|window| window.count).sum())
}

async fn after(sql: &str) -> (Result<Vec<Reading>, StoreError>, Result<u64, StoreError>) {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let changed = rusqlite::Connection::open(dir.path().join("sensorium.db")).unwrap();
    changed.execute_batch(sql).unwrap();
    drop(changed);
    let store = open(dir.path(), Options::default()).unwrap();
    (all(&store).await, in_windows(&store).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_where_nothing_is_missing() {
    let (readings, counted) = after("").await;
    assert_eq!((readings.unwrap().len(), counted.unwrap()), (100, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_lost_or_exchanged_is_damage_that_names_the_series() {
    for sql in [
        "DELETE FROM frame_series WHERE series = 1 AND first_ms = 200",
        "DELETE FROM frame_series WHERE series = 1",
        "DELETE FROM frame_series WHERE series = 1 AND first_ms = 400; UPDATE series SET frames = 4 WHERE id = 1",
        "UPDATE series SET frames_xor = 5 WHERE id = 1",
        "UPDATE frame_series SET last_ms = 118 WHERE series = 1 AND first_ms = 100",
        "UPDATE frame_series SET rank = 99 WHERE series = 1 AND first_ms = 100",
        "UPDATE frame_series SET summary = (SELECT summary FROM frame_series WHERE series = 2 AND first_ms = 100) \
         WHERE series = 1 AND first_ms = 100",
    ] {
        let (readings, counted) = after(sql).await;
        for failure in [readings.err(), counted.err()] {
            let Some(StoreError::Damaged(what)) = failure else { panic!("{sql}: {failure:?}") };
            assert!(what.contains("series 1"), "{sql}: {what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_or_exchanged_frame_is_damage_that_names_the_series() {
    for sql in [
        "DELETE FROM frames WHERE id = 3",
        "UPDATE frames SET blob = (SELECT blob FROM frames WHERE id = 2) WHERE id = 3",
        "UPDATE frames SET blob = (SELECT f.blob FROM frames f WHERE f.id = 5 - frames.id), \
         crc = (SELECT f.crc FROM frames f WHERE f.id = 5 - frames.id) WHERE id IN (2, 3)",
        "UPDATE frames SET blob = zeroblob(length(blob)) WHERE id = 3",
    ] {
        let (readings, _) = after(sql).await;
        let Err(StoreError::Damaged(what)) = readings else { panic!("{sql}: {readings:?}") };
        assert!(what.contains("series 1") && what.contains("frame "), "{sql}: {what}");
    }
}

#[derive(Debug, Default)]
struct Filled(AtomicU64);

impl Volume for Filled {
    fn space(&self) -> std::io::Result<Space> {
        let used = self.0.load(Ordering::Relaxed);
        Ok(Space { used, free: 100_000_000 - used })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_is_told_and_a_reserve_is_kept_while_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let volume = Arc::new(Filled::default());
    let limits = Limits { reserve_bytes: 1_000_000, ..Limits::default() };
    let options = Options { limits, volume: Some(Arc::<Filled>::clone(&volume)), ..Options::default() };
    let store = open(dir.path(), options).unwrap();
    store.append(identities()).await.await;
    let reserve = || std::fs::metadata(dir.path().join("reserve")).map(|file| file.len()).ok();
    let mut time = 0;
    for (used, code, kept) in [
        (79_999_999, None, Some(1_000_000)),
        (80_000_000, Some("disk_80"), Some(1_000_000)),
        (95_000_000, Some("disk_95"), Some(1_000_000)),
        (10, None, Some(1_000_000)),
    ] {
        volume.0.store(used, Ordering::Relaxed);
        time += 1;
        store.append(message(time)).await.await;
        store.flush().await.unwrap();
        let degraded = store.stats().degraded;
        assert_eq!(degraded.first().map(|found| found.code), code, "{degraded:?}");
        assert_eq!(reserve(), kept, "{used}");
    }
    std::fs::remove_file(dir.path().join("reserve")).unwrap();
    for (used, kept) in [(96_500_000, None), (50_000_000, Some(1_000_000))] {
        volume.0.store(used, Ordering::Relaxed);
        time += 1;
        store.append(message(time)).await.await;
        store.flush().await.unwrap();
        assert_eq!(reserve(), kept, "{used}");
    }
}
