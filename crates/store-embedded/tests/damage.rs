//! A small directory of which one bit is flipped, or a file cut off: each read answers what was written, or an error.
//!
//! The fast form flips one bit of every byte of the database that is not amid zeros, steps over most bytes of the log, and over
//! most lengths of a file; `cargo test -p store-embedded --test damage -- --ignored` flips every bit and takes finer steps.
//!
//! What is promised: frames, their rows with the summaries, tallies and the log have checksums, so no flip changes a value,
//! and none there hides a reading, but for one known fault: of all bits, two of one byte in the page of `frame_series` still
//! hide readings silently. The form with every bit fails on them until that is mended.
//!
//! What is not: pages of SQLite have no checksum, and neither have rows of the tables `meta` (the cut: one
//! that is too high hides the log behind it) and `series` (the reach of the frames: without one there are none
//! to be read). A flip in a page of these two may hide readings silently, which is left out here; a wrong value it may not
//! bring. It may also hide or change a small record (a document, the name of a device), which these tests do not look at.

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

/// Flips `bits` bits of bytes of `wanted` files, one at a time, and answers the flips that were neither noticed nor harmless.
async fn flips(wanted: &dyn Fn(&Path) -> bool, step: usize, bits: usize) -> (usize, Vec<(PathBuf, usize, Outcome)>) {
    let dir = tempfile::tempdir().unwrap();
    small_directory(dir.path()).await;
    let good = files(dir.path());
    assert_eq!(outcome(&good).await, Outcome::Right, "without damage");
    let (mut count, mut bad) = (0, Vec::new());
    for (at, (name, bytes)) in good.iter().enumerate().filter(|(_, (name, _))| wanted(name)) {
        for offset in (0..bytes.len()).step_by(step).filter(|offset| is_used(bytes, *offset)) {
            for bit in 0..bits {
                let mut damaged = good.clone();
                damaged[at].1[offset] ^= 1 << ((offset + bit) % 8);
                count += 1;
                match outcome(&damaged).await {
                    Outcome::Right | Outcome::Refused => {}
                    found @ (Outcome::Silent | Outcome::Wrong) => bad.push((name.clone(), offset, found)),
                }
            }
        }
    }
    (count, bad)
}

/// Not amid zeros, where nothing stands.
fn is_used(bytes: &[u8], offset: usize) -> bool {
    let around = offset.saturating_sub(6)..bytes.len().min(offset + 6);
    bytes[around].iter().any(|byte| *byte != 0)
}

/// As [`flips`], without readings that are hidden by a flip in a page of a table whose rows have no checksum.
async fn flips_of_the_database(bits: usize) -> (usize, Vec<(PathBuf, usize, Outcome)>) {
    const PAGE: usize = 4_096;
    let dir = tempfile::tempdir().unwrap();
    small_directory(dir.path()).await;
    let database = rusqlite::Connection::open(dir.path().join("sensorium.db")).unwrap();
    // Each of them is one page, its root.
    let pages = "SELECT rootpage - 1 FROM sqlite_schema WHERE name IN ('meta', 'series')";
    let mut pages = database.prepare(pages).unwrap();
    let pages = pages.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<Vec<i64>>>().unwrap();
    assert_eq!(pages.len(), 2);
    let (count, mut bad) = flips(&database_file, 1, bits).await;
    bad.retain(|(_, offset, found)| {
        *found == Outcome::Wrong || !pages.contains(&i64::try_from(offset / PAGE).unwrap())
    });
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

fn database_file(name: &Path) -> bool {
    !log(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_of_the_log_is_noticed_or_harmless() {
    let (count, bad) = flips(&log, 29, 1).await;
    assert!(bad.is_empty() && count > 40, "{count}: {bad:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_of_the_database_is_noticed_or_harmless() {
    let (count, bad) = flips_of_the_database(1).await;
    assert!(bad.is_empty() && count > 3_000, "{count}: {bad:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_off_or_gone_is_noticed_or_harmless() {
    let bad = cuts(16_381).await;
    assert!(bad.is_empty(), "{bad:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn every_bit() {
    let (log_count, log_bad) = flips(&log, 1, 8).await;
    let (count, bad) = flips_of_the_database(8).await;
    let cut = cuts(61).await;
    println!("log: {} of {log_count}, database: {} of {count}, cut: {}", log_bad.len(), bad.len(), cut.len());
    assert!(log_bad.is_empty() && bad.is_empty() && cut.is_empty(), "{log_bad:?} {bad:?} {cut:?}");
}
