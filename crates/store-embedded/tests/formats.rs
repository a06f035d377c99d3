//! Directories that older versions left, and one of this version: everything in them is found. The directories under
//! `fixtures` hold three devices, late readings, all types of values, and a log whose tail is not in the database.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use model::{Flaw, Judgement, Reading, ReadingKey, SeriesId, TimeRange, TimeSource, Timestamp, Value};
use store::{Order, Readings};
use store_embedded::{EmbeddedStore, OpenError, Options, check, open};

fn fixture(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/format-{format}"))
}

fn copied(from: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("log")).unwrap();
    for file in ["", "log"].into_iter().flat_map(|sub| std::fs::read_dir(from.join(sub)).unwrap()) {
        let file = file.unwrap().path();
        if file.is_file() {
            std::fs::copy(&file, dir.path().join(file.strip_prefix(from).unwrap())).unwrap();
        }
    }
    dir
}

fn reading(time: i64, n: u32, value: Value) -> Reading {
    Reading {
        key: ReadingKey { time: Timestamp::saturating(time), n },
        value,
        judgement: if time % 7 == 3 { Judgement::Bad(Flaw::from_code(2)) } else { Judgement::Good },
        time_source: TimeSource::Device,
        claimed_ms: (time % 11 == 5).then_some(time - 86_400_000),
    }
}

/// What the fixtures hold: what their maker appended.
fn expected() -> BTreeMap<u32, BTreeMap<ReadingKey, Reading>> {
    let mut all: BTreeMap<u32, BTreeMap<ReadingKey, Reading>> = BTreeMap::new();
    let mut put = |series: u32, reading: Reading| {
        let of_series = all.entry(series).or_default();
        if of_series.get(&reading.key).is_none_or(|earlier| earlier.value != reading.value) {
            of_series.insert(reading.key, reading);
        }
    };
    for time in 1_000..1_300 {
        put(1, reading(time, 0, Value::Number((time % 100) as f64 / 10.0)));
        put(2, reading(time, 0, Value::Number((time % 37) as f64)));
        if time % 2 == 0 {
            put(3, reading(time, 0, Value::Bool(time % 4 == 0)));
        }
        if time % 5 == 0 {
            put(4, reading(time, 0, Value::Text(format!("state {}", time % 3).into())));
        }
        if time % 3 == 0 {
            put(5, reading(time, 0, Value::Number(if time % 9 == 0 { f64::NAN } else { -0.0 })));
        }
    }
    for time in (1_050..1_100).step_by(3) {
        put(1, reading(time, 0, Value::Number(-1.0)));
        put(1, reading(time, 1, Value::Number(2.0)));
    }
    put(1, reading(1_020, 0, Value::Number(-2.0)));
    put(1, reading(1_000, 5, Value::Number(9.0)));
    all
}

async fn assert_whole(store: &EmbeddedStore) {
    for (series, expected) in expected() {
        let found = store.read(SeriesId(series), TimeRange::ALL, Order::Ascending, None, usize::MAX).await.unwrap();
        assert_eq!(found, expected.into_values().collect::<Vec<_>>(), "series {series}");
    }
    let counted: u64 = expected().values().map(|readings| readings.len() as u64).sum();
    assert_eq!(store.stats().readings, counted);
}

async fn opens(format: u32) {
    let dir = copied(&fixture(format));
    let store = open(dir.path(), Options::default()).unwrap();
    assert_eq!(store.restored().devices.len(), 3);
    store.flush().await.unwrap();
    assert_whole(&store).await;
    store.close().await.unwrap();
    let store = open(dir.path(), Options::default()).unwrap();
    assert_whole(&store).await;
}

#[tokio::test]
async fn a_directory_of_format_1_is_upgraded_with_everything_in_it() {
    opens(1).await;
}

#[tokio::test]
async fn a_directory_of_format_2_opens_with_everything_in_it() {
    opens(2).await;
}

#[tokio::test]
async fn an_upgrade_that_fails_leaves_the_directory_as_it_was() {
    let dir = copied(&fixture(1));
    let tables = |sql: &str| {
        let connection = rusqlite::Connection::open(dir.path().join("sensorium.db")).unwrap();
        connection.execute_batch(sql).unwrap();
        let mut statement = connection.prepare("SELECT sql FROM sqlite_schema ORDER BY name").unwrap();
        let tables = statement.query_map([], |row| row.get::<_, Option<String>>(0)).unwrap();
        (tables.map(Result::unwrap).collect::<Vec<_>>(), frames(&connection))
    };
    let before = tables("UPDATE frame_series SET summary = x'00' WHERE series = 5");
    let refused = open(dir.path(), Options::default()).err().unwrap();
    let OpenError::Upgrade { found: 1, source, .. } = refused else { panic!("{refused}") };
    assert!(source.to_string().contains("summary"), "{source}");
    assert_eq!(tables(""), before);
}

/// Keeps what is said to an operator.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn readings_whose_frame_is_missing_in_format_1_are_lost_by_name_and_the_rest_is_there() {
    let dir = copied(&fixture(1));
    let database = rusqlite::Connection::open(dir.path().join("sensorium.db")).unwrap();
    assert_eq!(database.execute("DELETE FROM frames WHERE id = 2", []).unwrap(), 1);
    drop(database);
    let said = Said::default();
    let writer = said.clone();
    let store = {
        let listening = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _listening = tracing::subscriber::set_default(listening);
        open(dir.path(), Options::default()).unwrap()
    };
    store.flush().await.unwrap();
    let said = String::from_utf8(said.0.lock().unwrap().clone()).unwrap();
    assert!(said.contains("readings are lost") && said.contains("frame 2"), "{said}");
    let lost = store.lost(SeriesId(3), TimeRange::ALL).await.unwrap();
    let [piece] = lost.as_slice() else { panic!("{lost:?}") };
    assert_eq!((piece.readings, piece.range.from.millis(), piece.range.to.millis()), (100, 1_000, 1_199));
    assert!(piece.why.contains("frame 2"), "{piece:?}");
    let mut expected = expected();
    expected.get_mut(&3).unwrap().retain(|key, _| !piece.range.contains(key.time));
    let counted: usize = expected.values().map(BTreeMap::len).sum();
    for (series, expected) in expected {
        let found = store.read(SeriesId(series), TimeRange::ALL, Order::Ascending, None, usize::MAX).await.unwrap();
        assert_eq!(found, expected.into_values().collect::<Vec<_>>(), "series {series}");
    }
    assert_eq!(store.stats().readings, counted as u64);
    store.close().await.unwrap();
    let findings = check(dir.path(), &mut |_| {}, &mut |finding| panic!("{finding}"));
    findings.unwrap();
}

fn frames(connection: &rusqlite::Connection) -> Vec<(i64, Vec<u8>)> {
    let mut statement = connection.prepare("SELECT id, blob FROM frames ORDER BY id").unwrap();
    let frames = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    frames.map(Result::unwrap).collect()
}

/// Columns of every table, and indices and triggers, whatever the words that made them.
fn shape(dir: &Path) -> Vec<(String, String)> {
    let connection = rusqlite::Connection::open(dir.join("sensorium.db")).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT s.type || ' ' || s.name, coalesce(i.name || ' ' || i.type || ' ' || i.\"notnull\" || ' ' || i.pk, '') \
             FROM sqlite_schema s LEFT JOIN pragma_table_info(s.name) i ORDER BY 1, i.cid",
        )
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn an_upgraded_directory_is_like_a_new_one() {
    let (upgraded, new) = (copied(&fixture(1)), tempfile::tempdir().unwrap());
    for dir in [&upgraded, &new] {
        open(dir.path(), Options::default()).unwrap().close().await.unwrap();
    }
    assert_eq!(shape(upgraded.path()), shape(new.path()));
}
