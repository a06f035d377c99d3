//! Small directories of which one byte is changed, or the end cut off: each read answers what was written, or an error. The
//! fast form steps over most bytes; `cargo test -p store-embedded --test damage -- --ignored` takes every one.
//!
//! What SQLite cannot detect: its pages have no checksum. Frames, summaries and tallies have, so no flip changes a value; a
//! flip in a page may still hide a small record (a document, the name of a device), which these tests do not count.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};

use model::{
    DeviceId, DeviceKey, Judgement, Kind, MetricName, Reading, ReadingKey, SeriesId, SourceName, TimeRange, TimeSource,
    Timestamp, UnitSource, Value,
};
use store::{Batch, DeviceRecord, Entry, MessageRecord, Order, Readings, SeriesReading, SeriesRecord};
use store_embedded::{Limits, Options, open};

const SERIES: u32 = 2;
const READINGS: i64 = 60;

fn reading(series: u32, time: i64) -> Reading {
    Reading {
        key: ReadingKey { time: Timestamp::saturating(time * 1_000), n: 0 },
        value: Value::Number(f64::from(series) + time as f64 / 8.0),
        judgement: Judgement::Good,
        time_source: TimeSource::Device,
        claimed_ms: None,
    }
}

fn batch(time: i64) -> Batch {
    let readings = (1..=SERIES).map(|id| SeriesReading { series: SeriesId(id), reading: reading(id, time) }).collect();
    let (source, received) = (SourceName::parse("mqtt").unwrap(), Timestamp::saturating(time));
    Batch { entries: vec![Entry::Message(MessageRecord { source, received, readings, repeat: None })] }
}

fn identity() -> Batch {
    let key = DeviceKey::parse("esp32/dht").unwrap();
    let device = Entry::Device(DeviceRecord { id: DeviceId(1), key, created: Timestamp::EPOCH });
    let series = (1..=SERIES).map(|id| {
        let metric = MetricName::parse(&format!("m{id}")).unwrap();
        let (unit_source, kind) = (UnitSource::None, Kind::Measurement);
        Entry::Series(SeriesRecord { id: SeriesId(id), device: DeviceId(1), metric, unit: None, unit_source, kind })
    });
    Batch { entries: std::iter::once(device).chain(series).collect() }
}

/// Small files: thousands of directories are made.
fn options() -> Options {
    let limits = Limits { segment_bytes: 64 * 1024, reserve_bytes: 0, ..Limits::default() };
    Options { limits, ..Options::default() }
}

/// Two thirds in frames, the rest in the log only. The second life has written the last record again, so that no record
/// stands in one place only with nothing behind it: such a one cannot be told from a torn one.
async fn small_directory(dir: &Path) {
    let store = open(dir, options()).unwrap();
    store.append(identity()).await.await;
    for time in 0..READINGS / 3 {
        store.append(batch(time)).await.await;
    }
    store.flush().await.unwrap();
    for time in READINGS / 3..READINGS / 3 * 2 {
        store.append(batch(time)).await.await;
    }
    store.close().await.unwrap();
    let store = open(dir, options()).unwrap();
    for time in READINGS / 3 * 2..READINGS {
        store.append(batch(time)).await.await;
    }
    drop(store);
    drop(open(dir, options()).unwrap());
}

/// Names and bytes, zeros behind the log left out.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let all = ["", "log"].into_iter().flat_map(|sub| std::fs::read_dir(dir.join(sub)).unwrap());
    let all = all.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let files = all.map(|path| {
        let mut bytes = std::fs::read(&path).unwrap();
        if path.extension().is_some_and(|suffix| suffix == "wal") {
            bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1).next_multiple_of(64));
        }
        (path.strip_prefix(dir).unwrap().to_owned(), bytes)
    });
    files.filter(|(name, _)| !name.ends_with("sensorium.db-shm") && !name.ends_with("lock")).collect()
}

/// In memory where there is such a place: thousands of directories are opened, and each syncs.
fn desk() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Right,
    Refused,
    /// Readings are missing and no error says so.
    Silent,
    /// A reading that was never written.
    Wrong,
}

/// What somebody who opens these files and reads everything, whole and in two parts, gets to know.
async fn outcome(files: &[(PathBuf, Vec<u8>)]) -> Outcome {
    let dir = desk();
    std::fs::create_dir(dir.path().join("log")).unwrap();
    for (name, bytes) in files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    let Ok(store) = open(dir.path(), options()) else { return Outcome::Refused };
    let middle = Timestamp::saturating(READINGS / 4 * 1_000);
    let ranges = [
        TimeRange::ALL,
        TimeRange { from: Timestamp::MIN, to: middle },
        TimeRange { from: middle, to: Timestamp::MAX },
    ];
    let mut outcome = Outcome::Right;
    for series in 1..=SERIES {
        for range in ranges {
            let inside = |reading: &Reading| range.contains(reading.key.time);
            let expected: Vec<_> = (0..READINGS).map(|time| reading(series, time)).filter(inside).collect();
            match store.read(SeriesId(series), range, Order::Ascending, None, usize::MAX).await {
                Ok(found) if found == expected => {}
                Ok(found) if found.iter().any(|reading| !expected.contains(reading)) => return Outcome::Wrong,
                Ok(_) => outcome = Outcome::Silent,
                Err(_) if outcome == Outcome::Right => outcome = Outcome::Refused,
                Err(_) => {}
            }
        }
    }
    outcome
}

/// Changes the bytes of `wanted` files and answers the changes that were neither noticed nor harmless.
async fn flips(wanted: &dyn Fn(&Path) -> bool, step: usize) -> (usize, Vec<(PathBuf, usize, Outcome)>) {
    let dir = tempfile::tempdir().unwrap();
    small_directory(dir.path()).await;
    let good = files(dir.path());
    assert_eq!(outcome(&good).await, Outcome::Right, "without damage");
    let (mut count, mut bad) = (0, Vec::new());
    for (at, (name, bytes)) in good.iter().enumerate().filter(|(_, (name, _))| wanted(name)) {
        for offset in (0..bytes.len()).step_by(step) {
            let mut damaged = good.clone();
            damaged[at].1[offset] ^= 1 << (offset % 8);
            count += 1;
            match outcome(&damaged).await {
                Outcome::Right | Outcome::Refused => {}
                found @ (Outcome::Silent | Outcome::Wrong) => bad.push((name.clone(), offset, found)),
            }
        }
    }
    (count, bad)
}

async fn cuts(step: usize) -> Vec<(PathBuf, usize, Outcome)> {
    let dir = tempfile::tempdir().unwrap();
    small_directory(dir.path()).await;
    let good = files(dir.path());
    let mut bad = Vec::new();
    for (at, (name, bytes)) in good.iter().enumerate() {
        for length in (0..bytes.len()).step_by(step) {
            let mut damaged = good.clone();
            damaged[at].1.truncate(length);
            match outcome(&damaged).await {
                Outcome::Right | Outcome::Refused => {}
                found @ (Outcome::Silent | Outcome::Wrong) => bad.push((name.clone(), length, found)),
            }
        }
        let mut missing = good.clone();
        missing.remove(at);
        match outcome(&missing).await {
            Outcome::Right | Outcome::Refused => {}
            found @ (Outcome::Silent | Outcome::Wrong) => bad.push((name.clone(), usize::MAX, found)),
        }
    }
    bad
}

fn log(name: &Path) -> bool {
    name.starts_with("log")
}

fn database(name: &Path) -> bool {
    !log(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_of_the_log_is_noticed_or_harmless() {
    let (count, bad) = flips(&log, 29).await;
    assert!(bad.is_empty() && count > 40, "{count}: {bad:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_of_the_database_is_noticed_or_harmless() {
    let (count, bad) = flips(&database, 53).await;
    assert!(bad.is_empty() && count > 40, "{count}: {bad:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_off_or_gone_is_noticed_or_harmless() {
    let bad = cuts(16_381).await;
    assert!(bad.is_empty(), "{bad:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn every_byte() {
    let (log_count, log_bad) = flips(&log, 1).await;
    let (count, bad) = flips(&database, 7).await;
    let cut = cuts(61).await;
    println!("log: {} of {log_count}, database: {} of {count}, cut: {}", log_bad.len(), bad.len(), cut.len());
    assert!(log_bad.is_empty() && bad.is_empty() && cut.is_empty(), "{log_bad:?} {bad:?} {cut:?}");
}
