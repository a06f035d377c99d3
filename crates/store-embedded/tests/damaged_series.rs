//! What is damaged of one series is named, and holds up nothing else: not a flush, not a deletion, not an expiry, not a start.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;

use model::{
    DeviceId, DeviceKey, Judgement, Kind, MetricName, Reading, ReadingKey, SeriesId, SourceName, TimeRange, TimeSource,
    Timestamp, UnitSource, Value,
};
use rusqlite::Connection;
use store::{
    Batch, CommitOutcome, DeviceRecord, Entry, ExpiryRecord, MergeRecord, MessageRecord, Order, Readings,
    SeriesReading, SeriesRecord, StoreError,
};
use store_embedded::{EmbeddedStore, Limits, Options};

fn open(dir: &Path) -> EmbeddedStore {
    let limits = Limits { merge_fan_in: 1_000, ..Limits::default() };
    store_embedded::open(dir, Options { limits, ..Options::default() }).unwrap()
}

async fn append(store: &EmbeddedStore, entries: Vec<Entry>) {
    let outcome = store.append(Batch { entries }).await.await;
    assert!(matches!(outcome, CommitOutcome::Durable(_)), "{outcome:?}");
}

fn readings(id: u32, times: impl Iterator<Item = i64>) -> Vec<Entry> {
    let reading = |time| SeriesReading {
        series: SeriesId(id),
        reading: Reading {
            key: ReadingKey { time: Timestamp::saturating(time * 1_000), n: 0 },
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

/// Three devices with one series of three frames each, closed; then `damage` is done to the database.
async fn damaged(dir: &Path, damage: &str) -> EmbeddedStore {
    let store = open(dir);
    for id in 1..=3 {
        let key = DeviceKey::parse(&format!("d{id}")).unwrap();
        let device = DeviceRecord { id: DeviceId(id), key, created: Timestamp::EPOCH };
        let series = SeriesRecord {
            id: SeriesId(id),
            device: DeviceId(id),
            metric: MetricName::parse("temperature").unwrap(),
            unit: None,
            unit_source: UnitSource::None,
            kind: Kind::Measurement,
        };
        append(&store, vec![Entry::Device(device), Entry::Series(series)]).await;
    }
    for hundred in 0..3 {
        for id in 1..=3 {
            append(&store, readings(id, hundred * 100..(hundred + 1) * 100)).await;
        }
        store.flush().await.unwrap();
    }
    store.close().await.unwrap();
    let changed = Connection::open(dir.join("sensorium.db")).unwrap().execute(damage, []).unwrap();
    assert_eq!(changed, 1);
    open(dir)
}

const MIDDLE: &str = "series = 1 AND first_ms = 100000";

async fn read(store: &EmbeddedStore, id: u32, from: i64, to: i64) -> Result<usize, StoreError> {
    let range = TimeRange { from: Timestamp::saturating(from * 1_000), to: Timestamp::saturating(to * 1_000) };
    Ok(store.read(SeriesId(id), range, Order::Ascending, None, usize::MAX).await?.len())
}

/// Late readings, an expiry, a merge and a deletion on the damaged series; the others notice nothing, nor does a new start.
async fn goes_on(dir: &Path, store: EmbeddedStore) {
    append(&store, readings(1, [150_i64].into_iter())).await;
    store.flush().await.unwrap();
    let before = Timestamp::saturating(120_000);
    append(&store, vec![Entry::Expired(ExpiryRecord { series: vec![SeriesId(1), SeriesId(2)], before })]).await;
    assert_eq!(read(&store, 2, 0, 300).await.unwrap(), 180);
    append(&store, vec![Entry::DeviceMerged(MergeRecord { from: DeviceId(1), into: DeviceId(3) })]).await;
    assert!(matches!(read(&store, 3, 0, 300).await, Err(StoreError::Damaged(_))), "it is still named");
    drop(store);
    let store = open(dir);
    append(&store, vec![Entry::DeviceDeleted(DeviceId(3))]).await;
    append(&store, readings(2, 300..400)).await;
    store.flush().await.unwrap();
    assert_eq!(read(&store, 2, 0, 400).await.unwrap(), 280);
    store.close().await.unwrap();
    assert_eq!(read(&open(dir), 2, 0, 400).await.unwrap(), 280);
}

#[tokio::test]
async fn a_damaged_frame_is_named_and_holds_up_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let flip = format!(
        "UPDATE frames SET blob = zeroblob(length(blob)) WHERE id = (SELECT frame FROM frame_series WHERE {MIDDLE})"
    );
    let store = damaged(dir.path(), &flip).await;
    let error = read(&store, 1, 150, 160).await.unwrap_err().to_string();
    assert!(error.contains("100 readings from 100000 to 199000 ms"), "{error}");
    assert_eq!(read(&store, 1, 0, 100).await.unwrap(), 100, "the rest is served");
    goes_on(dir.path(), store).await;
}

#[tokio::test]
async fn a_lost_row_is_noticed_by_a_read_of_any_part_and_holds_up_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = damaged(dir.path(), &format!("DELETE FROM frame_series WHERE {MIDDLE}")).await;
    for (from, to) in [(0, 300), (50, 250), (110, 120), (0, 10)] {
        let error = read(&store, 1, from, to).await.unwrap_err().to_string();
        assert!(error.contains("2 of its 3 frames are there"), "{error}");
    }
    goes_on(dir.path(), store).await;
}

#[tokio::test]
async fn a_changed_reach_passes_no_reading_over() {
    for change in ["first_ms = 250000", "last_ms = 50000", "span_ms = 1", "span_ms = NULL"] {
        let dir = tempfile::tempdir().unwrap();
        let store = damaged(dir.path(), &format!("UPDATE series SET {change} WHERE id = 1")).await;
        for from in (0..300).step_by(10) {
            match read(&store, 1, from, from + 10).await {
                Ok(found) => assert_eq!(found, 10, "{change} {from}"),
                Err(error) => assert!(matches!(error, StoreError::Damaged(_)), "{error}"),
            }
        }
    }
}
