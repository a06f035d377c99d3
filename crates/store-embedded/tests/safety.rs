//! Copies, exports and repairs of a directory hold what the directory held.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;

use model::{
    DeviceId, DeviceKey, Flaw, Judgement, Kind, MetricName, Reading, ReadingKey, SeriesId, SourceName, TimeRange,
    TimeSource, Timestamp, Unit, UnitSource, Value,
};
use store::{
    Batch, Catalog, Claim, DeviceRecord, Entry, Expected, HiddenRecord, MessageRecord, Order, Readings, SeriesReading,
    SeriesRecord, StoreError,
};
use store_embedded::{
    CareError, EmbeddedStore, Finding, MANIFEST, Options, backup, census, check, export, import, open, repair, restore,
    trial,
};

const SERIES: u32 = 3;

fn identity() -> Batch {
    let key = DeviceKey::parse("esp32/dht").unwrap();
    let device = Entry::Device(DeviceRecord { id: DeviceId(1), key, created: Timestamp::EPOCH });
    let series = (1..=SERIES).map(|id| {
        Entry::Series(SeriesRecord {
            id: SeriesId(id),
            device: DeviceId(1),
            metric: MetricName::parse(&format!("metric {id}")).unwrap(),
            unit: (id == 1).then(|| Unit::parse("°C").unwrap()),
            unit_source: UnitSource::Payload,
            kind: Kind::Measurement,
        })
    });
    Batch { entries: std::iter::once(device).chain(series).collect() }
}

fn value(series: u32, time: i64) -> Value {
    match (series, time % 10) {
        (1, 3) => Value::Number(f64::NAN),
        (1, 4) => Value::Number(-0.0),
        (1, 5) => Value::Number(f64::INFINITY),
        (1, 6) => Value::Number(5e-324),
        (2, _) => Value::Text(format!("text \"{time}\" \u{1F525}\n").into()),
        (3, 1) => Value::Bool(true),
        (_, _) => Value::Number(f64::from(u32::try_from(time).unwrap()) * 0.1),
    }
}

fn reading(series: u32, time: i64) -> SeriesReading {
    let reading = Reading {
        key: ReadingKey { time: Timestamp::saturating(time), n: u32::try_from(time % 3).unwrap() },
        value: value(series, time),
        judgement: if time % 7 == 0 { Judgement::Bad(Flaw::Nan) } else { Judgement::Good },
        time_source: if time % 2 == 0 { TimeSource::Device } else { TimeSource::Server },
        claimed_ms: (time % 5 == 0).then_some(i64::MIN),
    };
    SeriesReading { series: SeriesId(series), reading }
}

fn message(times: std::ops::Range<i64>) -> Batch {
    let readings = times.flat_map(|time| (1..=SERIES).map(move |series| reading(series, time))).collect();
    let source = SourceName::parse("mqtt").unwrap();
    let received = Timestamp::saturating(77_777);
    Batch { entries: vec![Entry::Message(MessageRecord { source, received, readings, repeat: None })] }
}

async fn fill(store: &EmbeddedStore, times: std::ops::Range<i64>) {
    for first in times.clone().step_by(10) {
        store.append(message(first..(first + 10).min(times.end))).await.await;
    }
}

/// Two frames for each series and a log whose tail is not in them.
async fn filled(dir: &Path) -> EmbeddedStore {
    let store = open(dir, Options::default()).unwrap();
    store.append(identity()).await.await;
    fill(&store, 0..100).await;
    store.flush().await.unwrap();
    fill(&store, 100..200).await;
    store.flush().await.unwrap();
    fill(&store, 200..260).await;
    store
}

fn findings(dir: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    check(dir, &mut |_| {}, &mut |finding| findings.push(finding)).unwrap();
    findings
}

fn now() -> Timestamp {
    Timestamp::saturating(1_000_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_an_open_store_restores_to_the_same_readings() {
    let desk = tempfile::tempdir().unwrap();
    let [data, copy, back] = ["data", "copy", "back"].map(|name| desk.path().join(name));
    let store = filled(&data).await;
    let expected = census(&store, &mut |_| {}).await.unwrap();
    assert_eq!(expected.readings, 260 * u64::from(SERIES));
    let manifest = backup(&data, &copy, now, &mut |_| {}).unwrap();
    assert_eq!((manifest.devices, manifest.series, manifest.readings), (1, 3, 780));
    assert!(matches!(backup(&data, &copy, now, &mut |_| {}), Err(CareError::Refused(_))), "a second one beside it");

    // What comes later is not in it, and merging frames and flushing do not touch it.
    fill(&store, 260..300).await;
    store.flush().await.unwrap();
    let before = std::fs::read(copy.join("sensorium.db")).unwrap();
    let tried = trial(&copy, &desk.path().join("trial"), &mut |_| {}).await.unwrap();
    assert_eq!(tried.census, expected);
    assert_eq!(std::fs::read(copy.join("sensorium.db")).unwrap(), before, "a trial only reads");
    assert!(!desk.path().join("trial").exists());

    restore(&copy, &back, &mut |_| {}).unwrap();
    assert!(matches!(restore(&copy, &back, &mut |_| {}), Err(CareError::Refused(_))));
    assert_eq!(findings(&back), []);
    let restored = open(&back, Options::default()).unwrap();
    assert_eq!(census(&restored, &mut |_| {}).await.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_or_changed_backup_is_refused() {
    let desk = tempfile::tempdir().unwrap();
    let [data, copy] = ["data", "copy"].map(|name| desk.path().join(name));
    filled(&data).await.close().await.unwrap();
    backup(&data, &copy, now, &mut |_| {}).unwrap();
    let refused = |what: &str| {
        let target = desk.path().join("back");
        let error = restore(&copy, &target, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        assert!(!target.exists() || open(&target, Options::default()).is_err(), "half a restore does not start");
        let _ = std::fs::remove_dir_all(&target);
    };
    let database = copy.join("sensorium.db");
    let good = std::fs::read(&database).unwrap();
    for at in (0..good.len()).step_by(997) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&database, bad).unwrap();
        refused("is not what was written");
    }
    std::fs::write(&database, &good[..good.len() - 1]).unwrap();
    refused("bytes and should have");
    std::fs::write(&database, &good).unwrap();
    std::fs::remove_file(copy.join(MANIFEST)).unwrap();
    refused("manifest.json");
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_under_load_hold_everything_that_was_acknowledged_before_them() {
    let desk = tempfile::tempdir().unwrap();
    let data = desk.path().join("data");
    let limits = store_embedded::Limits { log_flush_bytes: 16 * 1024, segment_bytes: 64 * 1024, ..Default::default() };
    let store = std::sync::Arc::new(open(&data, Options { limits, ..Options::default() }).unwrap());
    store.append(identity()).await.await;
    let acknowledged = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let load = {
        let (store, acknowledged, stop) = (store.clone(), acknowledged.clone(), stop.clone());
        tokio::spawn(async move {
            for batch in 0.. {
                if stop.load(std::sync::atomic::Ordering::SeqCst) {
                    break;
                }
                store.append(message(batch * 10..batch * 10 + 10)).await.await;
                acknowledged.store((batch + 1) * 10, std::sync::atomic::Ordering::SeqCst);
            }
        })
    };
    for round in 0..6 {
        let before = acknowledged.load(std::sync::atomic::Ordering::SeqCst);
        let copy = desk.path().join(format!("copy-{round}"));
        let made = {
            let (data, copy) = (data.clone(), copy.clone());
            tokio::task::spawn_blocking(move || backup(&data, &copy, now, &mut |_| {}))
        };
        made.await.unwrap().unwrap();
        let tried = trial(&copy, &desk.path().join("trial"), &mut |_| {}).await.unwrap();
        let least = u64::try_from(before).unwrap() * u64::from(SERIES);
        assert!(tried.census.readings >= least, "{} of {least}", tried.census.readings);
    }
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    load.await.unwrap();
    store.close().await.unwrap();
    assert_eq!(findings(&data), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_comes_back_byte_for_byte_and_an_import_can_be_repeated() {
    let desk = tempfile::tempdir().unwrap();
    let [data, back] = ["data", "back"].map(|name| desk.path().join(name));
    let store = filled(&data).await;
    let claims = [Claim { space: "name".to_owned(), key: "kitchen".to_owned() }];
    store.put("device", "1", Expected::Absent, r#"{"name":"Kitchen ☕"}"#, &claims).await.unwrap();
    let hide = HiddenRecord {
        series: SeriesId(1),
        range: TimeRange { from: Timestamp::saturating(50), to: Timestamp::saturating(60) },
        hidden: true,
    };
    store.append(Batch { entries: vec![Entry::Hidden(hide)] }).await.await;
    let expected = census(&store, &mut |_| {}).await.unwrap();
    store.close().await.unwrap();
    let mut text = Vec::new();
    let done = export(&data, &mut text).await.unwrap();
    assert_eq!(done.readings, 780);

    // Interrupted in the middle, then repeated.
    let half = import(&back, &mut &text[..text.len() / 2]).await.unwrap_err().to_string();
    assert!(half.starts_with("line "), "{half}");
    let taken = import(&back, &mut text.as_slice()).await.unwrap();
    assert!(taken.readings == 780 && taken.new_readings < 780 && taken.new_readings > 0, "{taken:?}");
    assert_eq!(import(&back, &mut text.as_slice()).await.unwrap().new_readings, 0);
    let store = open(&back, Options::default()).unwrap();
    assert_eq!(census(&store, &mut |_| {}).await.unwrap(), expected);
    store.close().await.unwrap();
    let mut again = Vec::new();
    export(&back, &mut again).await.unwrap();
    assert_eq!(String::from_utf8(again).unwrap(), String::from_utf8(text).unwrap());
}

fn flip_in_frame(data: &Path, frame: i64) {
    let database = rusqlite::Connection::open(data.join("sensorium.db")).unwrap();
    let sql = "UPDATE frames SET blob = CAST(substr(blob, 1, 30) || x'55' || substr(blob, 32) AS BLOB) WHERE id = ?1";
    assert_eq!(database.execute(sql, [frame]).unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_frame_costs_its_range_is_named_and_can_be_taken_out() {
    let data = tempfile::tempdir().unwrap();
    filled(data.path()).await.close().await.unwrap();
    assert_eq!(findings(data.path()), []);
    let frame: i64 = {
        let database = rusqlite::Connection::open(data.path().join("sensorium.db")).unwrap();
        database
            .query_row("SELECT frame FROM frame_series ORDER BY series, first_ms LIMIT 1", [], |row| row.get(0))
            .unwrap()
    };
    flip_in_frame(data.path(), frame);
    let found = findings(data.path());
    assert!(!found.is_empty());
    let named = &found[0].what;
    assert!(named.contains("esp32/dht metric 1") && named.contains("1970-01-01T00:00:00"), "{named}");

    let store = open(data.path(), Options::default()).unwrap();
    let whole = store.read(SeriesId(1), TimeRange::ALL, Order::Ascending, None, 1_000).await;
    let Err(StoreError::Damaged(what)) = whole else { panic!("{whole:?}") };
    assert!(what.contains("series 1") && what.contains("ms"), "{what}");
    let late = TimeRange { from: Timestamp::saturating(230), to: Timestamp::MAX };
    let rest = store.read(SeriesId(1), late, Order::Ascending, None, 1_000).await.unwrap();
    assert_eq!(rest.len(), 30, "other ranges are served");
    store.close().await.unwrap();

    let report = repair(data.path(), now(), &mut |_| {}).unwrap();
    let words: Vec<_> = report.lines().collect();
    assert_eq!(report.left, 0, "{words:#?}");
    assert_eq!(findings(data.path()), []);
    let again = repair(data.path(), now(), &mut |_| {}).unwrap();
    assert_eq!(again.lines().collect::<Vec<_>>(), ["No damage: nothing was changed."]);
    let store = open(data.path(), Options::default()).unwrap();
    let rest = store.read(SeriesId(1), TimeRange::ALL, Order::Ascending, None, 1_000).await.unwrap();
    let lost = store.lost(SeriesId(1), TimeRange::ALL).await.unwrap();
    assert_eq!(lost.len(), 1);
    assert_eq!(rest.len() as u64 + lost[0].readings, 260);
    assert!(lost[0].range.contains(Timestamp::EPOCH), "{lost:?}");
    store.append(message(500..510)).await.await;
    store.close().await.unwrap();
    assert_eq!(findings(data.path()), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_damage_in_the_middle_keeps_what_stands_before_and_behind() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path(), Options::default()).unwrap();
    store.append(identity()).await.await;
    fill(&store, 0..100).await;
    drop(store);
    let segment = std::fs::read_dir(data.path().join("log")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[used / 2] ^= 0x10;
    std::fs::write(&segment, bytes).unwrap();
    assert!(open(data.path(), Options::default()).is_err(), "damage in the middle is not a torn tail");
    assert!(!findings(data.path()).is_empty());
    let report = repair(data.path(), now(), &mut |_| {}).unwrap();
    let words: Vec<_> = report.lines().collect();
    assert_eq!(report.left, 0, "{words:#?}");
    assert!(words.iter().any(|words| words.contains("are lost")), "{words:#?}");
    let store = open(data.path(), Options::default()).unwrap();
    let rest = store.read(SeriesId(1), TimeRange::ALL, Order::Ascending, None, 1_000).await.unwrap();
    assert_eq!(rest.len(), 90);
    assert_eq!(rest.last().unwrap().key.time, Timestamp::saturating(99));
}

/// A store with readings that are in its log only; the server was killed.
async fn only_in_the_log(dir: &Path) {
    let store = open(dir, Options::default()).unwrap();
    store.append(identity()).await.await;
    fill(&store, 0..100).await;
    drop(store);
}

async fn times_there(dir: &Path) -> usize {
    let store = open(dir, Options::default()).unwrap();
    let all = store.read(SeriesId(1), TimeRange::ALL, Order::Ascending, None, 1_000).await.unwrap();
    all.len()
}

fn copy_log(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for segment in std::fs::read_dir(from).unwrap() {
        let segment = segment.unwrap();
        std::fs::copy(segment.path(), to.join(segment.file_name())).unwrap();
    }
}

/// Where a repair can be killed while it exchanges the log, and what a server that is started then may leave.
#[tokio::test(flavor = "multi_thread")]
async fn a_repair_that_is_killed_anywhere_and_repeated_loses_no_log() {
    type Killed = fn(&Path);
    let killed: [(&str, Killed); 5] = [
        ("while the new log is written", |dir| {
            std::fs::create_dir(dir.join("log.new")).unwrap();
        }),
        ("between the renames", |dir| {
            copy_log(&dir.join("log"), &dir.join("log.new"));
            std::fs::rename(dir.join("log"), dir.join("log.old")).unwrap();
        }),
        ("between the renames, and an older server made an empty log", |dir| {
            copy_log(&dir.join("log"), &dir.join("log.new"));
            std::fs::rename(dir.join("log"), dir.join("log.old")).unwrap();
            std::fs::create_dir(dir.join("log")).unwrap();
        }),
        ("behind the renames", |dir| copy_log(&dir.join("log"), &dir.join("log.old"))),
        ("behind the renames, and the new log is damaged", |dir| {
            copy_log(&dir.join("log"), &dir.join("log.old"));
            for segment in std::fs::read_dir(dir.join("log")).unwrap() {
                let segment = segment.unwrap().path();
                let mut bytes = std::fs::read(&segment).unwrap();
                let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
                bytes[used / 2] ^= 0x10;
                std::fs::write(&segment, bytes).unwrap();
            }
        }),
    ];
    for (place, kill) in killed {
        let data = tempfile::tempdir().unwrap();
        only_in_the_log(data.path()).await;
        kill(data.path());
        let had_log = data.path().join("log").exists();
        let refused = open(data.path(), Options::default()).err().unwrap().to_string();
        assert!(
            refused.contains("repair was interrupted") && refused.contains("sensorium repair"),
            "{place}: {refused}"
        );
        assert_eq!(data.path().join("log").exists(), had_log, "{place}: a refused open makes no log");
        let report = repair(data.path(), now(), &mut |_| {}).unwrap();
        assert_eq!(report.left, 0, "{place}: {report:?}");
        assert!(!data.path().join("log.old").exists() && !data.path().join("log.new").exists(), "{place}");
        assert_eq!(times_there(data.path()).await, 100, "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_a_server_wrote_beside_an_old_one_is_not_chosen_silently() {
    let data = tempfile::tempdir().unwrap();
    only_in_the_log(data.path()).await;
    for name in ["log.old", "log.new"] {
        copy_log(&data.path().join("log"), &data.path().join(name));
    }
    let refused = repair(data.path(), now(), &mut |_| {}).unwrap_err().to_string();
    assert!(refused.contains("log.old") && refused.contains("move one of them away"), "{refused}");
    assert!(data.path().join("log.old").exists() && data.path().join("log").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_gone_is_not_replaced_by_an_empty_one() {
    let data = tempfile::tempdir().unwrap();
    only_in_the_log(data.path()).await;
    std::fs::remove_dir_all(data.path().join("log")).unwrap();
    let refused = open(data.path(), Options::default()).err().unwrap().to_string();
    assert!(refused.contains("the log is missing"), "{refused}");
    assert!(!data.path().join("log").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_its_database_asks_for_a_backup_and_repair_says_the_same() {
    for empty in [true, false] {
        let data = tempfile::tempdir().unwrap();
        only_in_the_log(data.path()).await;
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(data.path().join(format!("sensorium.db{suffix}")));
        }
        if empty {
            std::fs::write(data.path().join("sensorium.db"), "").unwrap();
        }
        let refused = open(data.path(), Options::default()).err().unwrap().to_string();
        assert!(refused.contains("only a backup helps") && !refused.contains("repair"), "{refused}");
        let repaired = repair(data.path(), now(), &mut |_| {}).unwrap_err().to_string();
        assert!(repaired.contains("backup"), "{repaired}");
    }
}
