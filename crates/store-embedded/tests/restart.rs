//! What a directory holds after it was closed, dropped or copied.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use model::{
    DeviceId, DeviceKey, Judgement, Kind, MetricName, Reading, ReadingKey, SeriesId, SourceName, TimeRange, TimeSource,
    Timestamp, UnitSource, Value,
};
use store::{
    Batch, CommitOutcome, DeviceRecord, Entry, MessageRecord, Order, Readings, Sequence, SeriesReading, SeriesRecord,
};
use store_embedded::{EmbeddedStore, OpenError, Options, open};

fn identity() -> Batch {
    let device = DeviceRecord {
        id: DeviceId(1),
        key: DeviceKey::parse("esp32/dht").unwrap(),
        created: Timestamp::saturating(1_000),
    };
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

fn message(time: i64, number: f64) -> Batch {
    let reading = Reading {
        key: ReadingKey { time: Timestamp::saturating(time), n: 0 },
        value: Value::Number(number),
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

async fn times(store: &EmbeddedStore) -> Vec<i64> {
    let readings = store.read(SeriesId(1), TimeRange::ALL, Order::Ascending, None, 10_000).await.unwrap();
    readings.iter().map(|reading| reading.key.time.millis()).collect()
}

#[tokio::test]
async fn everything_acknowledged_is_there_after_a_drop_and_after_a_close() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options::default()).unwrap();
    assert_eq!(store.append(identity()).await.await, CommitOutcome::Durable(Sequence(1)));
    for time in 0..100 {
        store.append(message(time, 1.0)).await.await;
    }
    assert_eq!(times(&store).await, (0..100).collect::<Vec<_>>());
    drop(store);
    let store = open(dir.path(), Options::default()).unwrap();
    assert_eq!(times(&store).await, (0..100).collect::<Vec<_>>());
    store.flush().await.unwrap();
    assert_eq!(times(&store).await, (0..100).collect::<Vec<_>>());
    assert_eq!(store.append(message(50, 2.0)).await.await, CommitOutcome::Durable(Sequence(102)));
    store.append(message(100, 2.0)).await.await;
    let before = store.restored();
    store.close().await.unwrap();
    assert_eq!(store.append(message(101, 2.0)).await.await, CommitOutcome::NotStored("closed"));
    let store = open(dir.path(), Options::default()).unwrap();
    assert_eq!(times(&store).await, (0..=100).collect::<Vec<_>>());
    assert_eq!(store.restored(), before);
    let book = store.stats().books.into_values().next().unwrap().readings;
    assert_eq!((book.stored, book.replaced, book.duplicate, book.unsettled), (101, 1, 0, 0));
    assert_eq!(store.stats().readings, 101);
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(dir.path(), Options::default()).unwrap();
    let refused = open(dir.path(), Options::default()).err().unwrap();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
}
