//! The sentences about crashes, restarts, the unread list and closing.

use model::{SeriesId, Value};

use super::conformance::with_series;
use super::scene::{all, as_values, batch, book, durable, key, mark, message, numbers, range, reading, unread};
use super::{Adapter, UNREAD_MAX};
use crate::{Batch, CommitOutcome, Entry, Order, Readings, Sequence, StoreError, UnreadId};

pub(super) async fn run_all(adapter: &mut dyn Adapter) {
    what_was_durable_is_there_after_a_crash(adapter).await;
    restored_equals_what_was_appended(adapter).await;
    the_repeat_window_survives(adapter).await;
    the_unread_list_is_bounded_and_survives(adapter).await;
    a_closed_store_refuses(adapter).await;
}

async fn what_was_durable_is_there_after_a_crash(adapter: &mut dyn Adapter) {
    let mut opened = with_series(adapter).await;
    let mut expected = Vec::new();
    for round in 0..5_i64 {
        for step in 0..20 {
            let one = (round * 20 + step, step as f64);
            durable(&*opened.readings, numbers(1, &[one])).await;
            expected.push(one);
        }
        if round == 2 {
            opened.readings.flush().await.unwrap();
        }
        opened = adapter.crashed(opened).await;
        assert_eq!(all(&*opened.readings, 1).await, as_values(&expected), "round {round}");
    }
    let expected = Sequence(102);
    assert_eq!(durable(&*opened.readings, numbers(1, &[(1_000, 0.0)])).await, expected, "sequences go on");
}

async fn restored_equals_what_was_appended(adapter: &mut dyn Adapter) {
    let mut opened = with_series(adapter).await;
    durable(&*opened.readings, numbers(1, &[(10, 1.0), (30, 3.0), (20, 2.0)])).await;
    durable(&*opened.readings, batch(vec![book("mqtt", 3, 3), book("http", 2, 5)])).await;
    durable(&*opened.readings, batch(vec![Entry::Unread(unread(7, 90))])).await;
    let before = opened.readings.restored();
    assert_eq!(before.devices.len(), 1);
    assert_eq!(before.series.len(), 2);
    assert_eq!(before.latest.len(), 1);
    assert_eq!(before.latest[0].0, SeriesId(1));
    assert_eq!(before.last_unread, Some(UnreadId(7)));
    assert_eq!(before.last_received.map(|time| time.millis()), Some(90));
    let books = opened.readings.stats().books;
    for round in 0..3 {
        opened = if round == 1 {
            opened.readings.close().await.unwrap();
            adapter.reopened(opened).await
        } else {
            adapter.crashed(opened).await
        };
        assert_eq!(opened.readings.restored(), before, "round {round}");
        assert_eq!(opened.readings.stats().books, books, "round {round}");
    }
}

async fn the_repeat_window_survives(adapter: &mut dyn Adapter) {
    let opened = with_series(adapter).await;
    let with_mark = |client: &str, id: u16, ms: i64| -> Batch {
        let mut message = message(vec![(1, reading(key(ms), Value::Number(1.0)))]);
        message.repeat = Some(mark(client, id, ms));
        batch(vec![Entry::Message(message)])
    };
    for id in 0..130 {
        durable(&*opened.readings, with_mark("a", id, 3_600_000 + i64::from(id))).await;
        if id == 60 {
            opened.readings.flush().await.unwrap();
        }
    }
    durable(&*opened.readings, with_mark("b", 1, 3_600_500)).await;
    let opened = adapter.crashed(opened).await;
    let repeats = opened.readings.restored().repeats;
    assert_eq!(repeats.len(), 129);
    assert_eq!(repeats[0], mark("a", 2, 3_600_002));
    assert_eq!(repeats[128], mark("b", 1, 3_600_500));
    // An hour later nothing older is a repeat.
    durable(&*opened.readings, with_mark("b", 2, 7_200_400)).await;
    assert_eq!(opened.readings.restored().repeats, [mark("b", 1, 3_600_500), mark("b", 2, 7_200_400)]);
}

async fn ids(store: &dyn Readings, before: Option<u64>, limit: usize) -> Vec<u64> {
    let list = store.unread(before.map(UnreadId), limit).await.unwrap();
    list.iter().map(|record| record.id.0).collect()
}

async fn the_unread_list_is_bounded_and_survives(adapter: &mut dyn Adapter) {
    let mut opened = with_series(adapter).await;
    let max = UNREAD_MAX as u64;
    for id in 1..=max + 5 {
        durable(&*opened.readings, batch(vec![Entry::Unread(unread(id, 10))])).await;
        if id == 10 {
            opened.readings.flush().await.unwrap();
        }
    }
    durable(&*opened.readings, batch(vec![Entry::UnreadDone(UnreadId(10)), Entry::UnreadDone(UnreadId(999))])).await;
    for round in 0..2 {
        let store = &*opened.readings;
        assert_eq!(ids(store, None, 3).await, [max + 5, max + 4, max + 3], "round {round}");
        assert_eq!(ids(store, Some(12), 3).await, [11, 9, 8]);
        assert_eq!(ids(store, Some(6), 3).await, Vec::<u64>::new());
        assert_eq!(store.unread_one(UnreadId(10)).await.unwrap(), None);
        assert_eq!(store.unread_one(UnreadId(11)).await.unwrap(), Some(unread(11, 10)));
        let stats = store.stats();
        assert_eq!((stats.unread, stats.unread_dropped), (max - 1, 5));
        store.flush().await.unwrap();
        opened = adapter.crashed(opened).await;
    }
    assert_eq!(opened.readings.restored().last_unread, Some(UnreadId(max + 5)));
}

async fn a_closed_store_refuses(adapter: &mut dyn Adapter) {
    let opened = with_series(adapter).await;
    let store = opened.readings.clone();
    let commit = store.append(numbers(1, &[(10, 1.0)])).await;
    store.close().await.unwrap();
    assert_eq!(commit.await, CommitOutcome::Durable(Sequence(2)), "what was appended is settled");
    assert_eq!(store.append(numbers(1, &[(20, 2.0)])).await.await, CommitOutcome::NotStored("closed"));
    let read = store.read(SeriesId(1), range(0, 100), Order::Ascending, None, 1).await;
    assert!(matches!(read, Err(StoreError::Closed)));
    store.close().await.unwrap();
    drop(store);
    let opened = adapter.reopened(opened).await;
    assert_eq!(all(&*opened.readings, 1).await, as_values(&[(10, 1.0)]));
}
