//! Disks that tear, rot, refuse and fill up, and directories that are not ours.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use model::{
    DeviceId, DeviceKey, Judgement, Kind, MetricName, Reading, ReadingKey, Resolution, SeriesId, SourceName, TimeRange,
    TimeSource, Timestamp, UnitSource, Value,
};
use store::{
    Batch, Catalog, Commit, CommitOutcome, DeviceRecord, Entry, Expected, MessageRecord, Order, Readings, Sequence,
    SeriesReading, SeriesRecord,
};
use store_embedded::{EmbeddedStore, Limits, OpenError, Options, open};
use wal::{Files, SimFiles};
use windows::Grid;

fn identity() -> Batch {
    let key = DeviceKey::parse("esp32/dht").unwrap();
    let device = DeviceRecord { id: DeviceId(1), key, created: Timestamp::EPOCH };
    let series = SeriesRecord {
        id: SeriesId(1),
        device: DeviceId(1),
        metric: MetricName::parse("temperature").unwrap(),
        unit: None,
        unit_source: UnitSource::None,
        kind: Kind::Measurement,
    };
    Batch { entries: vec![Entry::Device(device), Entry::Series(series)] }
}

fn message(time: i64) -> Batch {
    let reading = Reading {
        key: ReadingKey { time: Timestamp::saturating(time), n: 0 },
        value: Value::Number(1.0),
        judgement: Judgement::Good,
        time_source: TimeSource::Device,
        claimed_ms: None,
    };
    let message = MessageRecord {
        source: SourceName::parse("mqtt").unwrap(),
        received: Timestamp::saturating(time),
        readings: vec![SeriesReading { series: SeriesId(1), reading }],
        repeat: None,
    };
    Batch { entries: vec![Entry::Message(message)] }
}

fn open_with(dir: &Path, files: &SimFiles) -> Result<EmbeddedStore, OpenError> {
    open(dir, Options { log_files: Some(Arc::new(files.of_this_life())), ..Options::default() })
}

async fn times(store: &EmbeddedStore) -> Vec<i64> {
    let readings = store.read(SeriesId(1), TimeRange::ALL, Order::Ascending, None, usize::MAX).await.unwrap();
    readings.iter().map(|reading| reading.key.time.millis()).collect()
}

async fn append(store: &EmbeddedStore, times: std::ops::Range<i64>) {
    for time in times {
        assert!(matches!(store.append(message(time)).await.await, CommitOutcome::Durable(_)), "{time}");
    }
}

/// The only segment of a simulated log, and simulated files that hold nothing but `bytes` as that segment.
fn segment(files: &SimFiles) -> (String, Vec<u8>) {
    let name = files.list().unwrap().pop().unwrap();
    let bytes = files.open(&name).unwrap().read_at(0, usize::MAX).unwrap();
    (name, bytes)
}

fn files_of(name: &str, bytes: &[u8]) -> SimFiles {
    let files = SimFiles::seeded(1);
    let mut file = files.create(name).unwrap();
    file.write_at(0, bytes).unwrap();
    file.sync_data().unwrap();
    files.sync_dir().unwrap();
    files
}

#[tokio::test]
async fn a_log_torn_at_any_byte_of_its_last_record_keeps_everything_before() {
    let dir = tempfile::tempdir().unwrap();
    let files = SimFiles::seeded(1);
    let store = open_with(dir.path(), &files).unwrap();
    store.append(identity()).await.await;
    append(&store, 0..3).await;
    let before_last = segment(&files).1;
    append(&store, 3..4).await;
    drop(store);
    let (name, whole) = segment(&files);
    let start = before_last.iter().zip(&whole).position(|(before, after)| before != after).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for torn in start..end {
        let mut bytes = whole.clone();
        bytes[torn..end].fill(0);
        let store = open_with(dir.path(), &files_of(&name, &bytes)).unwrap();
        assert_eq!(times(&store).await, [0, 1, 2], "torn at {torn}");
        assert_eq!(store.append(message(9)).await.await, CommitOutcome::Durable(Sequence(5)));
    }
}

#[tokio::test]
async fn a_damaged_record_in_the_middle_is_refused_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let files = SimFiles::seeded(1);
    let store = open_with(dir.path(), &files).unwrap();
    store.append(identity()).await.await;
    append(&store, 0..1).await;
    let before = segment(&files).1;
    append(&store, 1..5).await;
    drop(store);
    let (name, mut bytes) = segment(&files);
    let start = before.iter().zip(&bytes).position(|(before, after)| before != after).unwrap();
    bytes[start + 40] ^= 1;
    let error = open_with(dir.path(), &files_of(&name, &bytes)).err().unwrap().to_string();
    assert!(error.contains("the log is damaged") && error.contains("sequences 3 to 3 are missing"), "{error}");
    bytes[start + 40] ^= 1;
    let store = open_with(dir.path(), &files_of(&name, &bytes)).unwrap();
    assert_eq!(times(&store).await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_log_that_vanished_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options::default()).unwrap();
    store.append(identity()).await.await;
    drop(store);
    std::fs::remove_dir_all(dir.path().join("log")).unwrap();
    let error = open(dir.path(), Options::default()).err().unwrap().to_string();
    assert!(error.contains("the log is missing"), "{error}");
}

#[tokio::test]
async fn a_directory_of_another_version_is_refused_with_both_versions() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), Options::default()).unwrap().close().await.unwrap();
    let database = rusqlite::Connection::open(dir.path().join("sensorium.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let error = open(dir.path(), Options::default()).err().unwrap().to_string();
    assert!(error.contains("has format 99") && error.contains("reads format 2"), "{error}");
}

#[tokio::test]
async fn other_peoples_files_are_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sensorium.db");
    let database = rusqlite::Connection::open(&file).unwrap();
    database.execute_batch("CREATE TABLE theirs (a)").unwrap();
    drop(database);
    let error = open(dir.path(), Options::default()).err().unwrap().to_string();
    assert!(error.contains("is not a database of Sensorium"), "{error}");
    let garbage = vec![0x55; 8_192];
    std::fs::write(&file, &garbage).unwrap();
    let error = open(dir.path(), Options::default()).err().unwrap().to_string();
    assert!(error.contains("is not a database of Sensorium"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), garbage);
}

#[test]
fn a_directory_that_cannot_be_made_is_refused_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = open(&file.join("data"), Options::default()).err().unwrap();
    assert!(error.to_string().ends_with("file/data cannot be made"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep/data");
    let store = open(&data, Options::default()).unwrap();
    store.append(identity()).await.await;
    store.flush().await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("log")), 0o700);
    for name in ["lock", "sensorium.db", "sensorium.db-wal", "log/000000000001.wal"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
}

/// Waits until the store says `code`, or nothing for none, giving way to its threads.
async fn until_degraded(store: &EmbeddedStore, code: Option<&str>) {
    loop {
        let degraded = store.stats().degraded;
        if degraded.first().map(|first| first.code) == code {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn is_pending(commit: &mut Commit) -> bool {
    std::future::poll_fn(|context| {
        let polled = std::pin::Pin::new(&mut *commit).poll(context);
        std::task::Poll::Ready(polled.is_pending())
    })
    .await
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_acknowledged_reads_go_on_and_it_recovers_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let files = SimFiles::seeded(1);
    let store = open_with(dir.path(), &files).unwrap();
    store.append(identity()).await.await;
    append(&store, 0..10).await;
    files.set_capacity(Some(0));
    // The segment is filled with zeros ahead, so some messages still fit.
    let big = |id: u64| {
        let mut record = unread(id);
        record.payload = vec![b'x'; 200_000].into();
        Batch { entries: vec![Entry::Unread(record)] }
    };
    let mut id = 0;
    let mut pending = loop {
        id += 1;
        let mut commit = store.append(big(id)).await;
        loop {
            if !is_pending(&mut commit).await {
                break;
            }
            if !store.stats().degraded.is_empty() {
                break;
            }
            tokio::task::yield_now().await;
        }
        if !store.stats().degraded.is_empty() {
            break commit;
        }
    };
    until_degraded(&store, Some("disk_full")).await;
    assert!(is_pending(&mut pending).await);
    assert_eq!(times(&store).await, (0..10).collect::<Vec<_>>());
    assert_eq!(store.stats().unread, id - 1);
    files.set_capacity(None);
    assert!(matches!(pending.await, CommitOutcome::Durable(_)));
    until_degraded(&store, None).await;
    append(&store, 10..12).await;
    files.crash();
    drop(store);
    let store = open_with(dir.path(), &files).unwrap();
    assert_eq!(times(&store).await, (0..12).collect::<Vec<_>>());
    assert_eq!(store.stats().unread, id);
}

fn unread(id: u64) -> store::UnreadRecord {
    store::UnreadRecord {
        id: store::UnreadId(id),
        source: SourceName::parse("mqtt").unwrap(),
        client: "c".into(),
        topic: "t".into(),
        payload: bytes::Bytes::new(),
        reason: "json_incomplete".into(),
        detail: "JSON ends early".into(),
        received: Timestamp::EPOCH,
        n: 1,
        repeat: None,
    }
}

#[tokio::test]
async fn a_failed_write_or_sync_is_not_acknowledged_and_repeated_in_a_new_file() {
    for call in 1..=2 {
        let dir = tempfile::tempdir().unwrap();
        let files = SimFiles::seeded(call);
        let store = open_with(dir.path(), &files).unwrap();
        store.append(identity()).await.await;
        append(&store, 0..3).await;
        files.fail_call(call, ErrorKind::Other);
        let commit = store.append(message(3)).await;
        until_degraded(&store, Some("sync_failed")).await;
        assert_eq!(commit.await, CommitOutcome::Durable(Sequence(5)));
        until_degraded(&store, None).await;
        assert_eq!(files.list().unwrap().len(), 2);
        append(&store, 4..6).await;
        files.crash();
        drop(store);
        let store = open_with(dir.path(), &files).unwrap();
        assert_eq!(times(&store).await, [0, 1, 2, 3, 4, 5]);
    }
}

#[tokio::test]
async fn closing_while_the_disk_refuses_says_that_nobody_knows() {
    let dir = tempfile::tempdir().unwrap();
    let files = SimFiles::seeded(1);
    let store = open_with(dir.path(), &files).unwrap();
    store.append(identity()).await.await;
    for call in 1..=40 {
        files.fail_call(call, ErrorKind::ReadOnlyFilesystem);
    }
    let commit = store.append(message(1)).await;
    until_degraded(&store, Some("read_only")).await;
    store.close().await.unwrap_err();
    assert_eq!(commit.await, CommitOutcome::Unknown);
    drop(store);
    files.crash();
    let store = open_with(dir.path(), &files).unwrap();
    assert!(times(&store).await.len() <= 1);
}

/// Readers in the middle of flushes find everything once: no hole, no double, whatever moves meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_no_hole_and_no_double_while_the_head_is_flushed() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { head_bytes_max: 4_000, frame_rows_max: 50, ..Limits::default() };
    let store = Arc::new(open(dir.path(), Options { limits, ..Options::default() }).unwrap());
    store.append(identity()).await.await;
    let writing = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for time in 0..3_000 {
                store.append(message(time)).await.await;
            }
        })
    };
    let mut seen = 0;
    while !writing.is_finished() {
        let found = times(&store).await;
        let len = i64::try_from(found.len()).unwrap();
        assert!(len >= seen, "{len} readings after {seen}");
        assert_eq!(found, (0..len).collect::<Vec<_>>());
        let range = TimeRange { from: Timestamp::EPOCH, to: Timestamp::saturating(3_000) };
        let grid = Grid::covering(range, Resolution::from_millis(1_000).unwrap());
        let windows = store.windows(SeriesId(1), grid).await.unwrap();
        let counted: u64 = windows.iter().map(|window| window.count).sum();
        assert!(i64::try_from(counted).unwrap() >= len, "{counted} counted after {len} were read");
        seen = len;
    }
    writing.await.unwrap();
    assert_eq!(times(&store).await.len(), 3_000);
    assert!(store.stats().frames > 0);
}

/// Documents and readings have one file and do not wait for one another for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_written_while_the_head_is_flushed() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { head_bytes_max: 2_000, ..Limits::default() };
    let store = Arc::new(open(dir.path(), Options { limits, ..Options::default() }).unwrap());
    store.append(identity()).await.await;
    for round in 0..50 {
        append(&store, round * 20..round * 20 + 20).await;
        store.put("device", &round.to_string(), Expected::Absent, "{}", &[]).await.unwrap();
    }
    store.close().await.unwrap();
    drop(store);
    let store = open(dir.path(), Options::default()).unwrap();
    assert_eq!(store.list("device", None, 100).await.unwrap().len(), 50);
    assert_eq!(times(&store).await.len(), 1_000);
    assert!(!dir.path().join("sensorium.db-wal").exists() || store.stats().frames > 0);
}
