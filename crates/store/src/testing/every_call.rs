//! Failing every call once: whoever obeys the contract (repeat what is unknown, never acknowledge what is not stored) loses
//! nothing, whichever call fails.

use std::sync::Arc;

use model::{Resolution, SeriesId, TimeRange};
use windows::Grid;

use super::Adapter;
use super::scene::{all, as_values, batch, device, durable, numbers, range, series, source};
use crate::{Batch, CommitOutcome, Fault, FlakyStore, Order, Readings};

const ROUNDS: i64 = 12;

/// Runs one scenario again and again, with another call failing each time, for every kind of fault.
///
/// # Panics
/// When something acknowledged is missing, or is there twice.
pub async fn run_all(adapter: &mut dyn Adapter) {
    run_each(adapter, 1).await;
}

/// The same with every `stride`th call only, for a store that takes long to be made.
///
/// # Panics
/// As [`run_all`].
pub async fn run_each(adapter: &mut dyn Adapter, stride: usize) {
    for fault in [Fault::NotStored("closed"), Fault::UnknownAndLost, Fault::UnknownButStored] {
        for nth in (1..).step_by(stride) {
            if !survives(adapter, nth, fault).await {
                assert!(nth > ROUNDS.cast_unsigned(), "only {nth} calls could fail");
                break;
            }
        }
    }
}

/// Answers whether the fault was met.
async fn survives(adapter: &mut dyn Adapter, nth: u64, fault: Fault) -> bool {
    let opened = adapter.fresh().await;
    durable(&*opened.readings, batch(vec![device(1), series(1, 1)])).await;
    let store = FlakyStore::around(Arc::clone(&opened.readings));
    store.fail_call(nth, fault);
    let (mut acknowledged, mut appended) = (Vec::new(), 0);
    for time in 0..ROUNDS {
        let one = (time, time as f64);
        appended += append_until_known(&store, numbers(1, &[one])).await;
        acknowledged.push(one);
        let grid = Grid::covering(range(0, 100), Resolution::from_millis(1_000).unwrap());
        // What a read answers is whole, or an error; it is never short.
        if let Ok(readings) = store.read(SeriesId(1), TimeRange::ALL, Order::Ascending, None, 100).await {
            assert_eq!(readings.len(), acknowledged.len(), "call {nth}, {fault:?}");
        }
        if let Ok(windows) = store.windows(SeriesId(1), grid).await {
            assert_eq!(windows[0].count, acknowledged.len() as u64, "call {nth}, {fault:?}");
        }
        if let Ok(latest) = store.latest(&[SeriesId(1)]).await {
            assert_eq!(latest[0].as_ref().map(|reading| reading.key.time.millis()), Some(time));
        }
        if time % 4 == 3 {
            // A flush that failed is asked for again by the next one.
            let _ = store.flush().await;
        }
    }
    let met = !store.is_armed();
    opened.readings.flush().await.unwrap();
    assert_eq!(all(&*opened.readings, 1).await, as_values(&acknowledged), "call {nth}, {fault:?}");
    let books = opened.readings.stats().books.remove(&source("mqtt")).unwrap_or_default().readings;
    if adapter.upserts() {
        assert_eq!(books.upserted, appended, "call {nth}, {fault:?}");
    } else {
        assert_eq!(books.stored, ROUNDS.cast_unsigned(), "call {nth}, {fault:?}");
        assert_eq!(books.stored + books.duplicate, appended, "call {nth}, {fault:?}");
    }
    met
}

/// Answers how often the batch reached the store.
async fn append_until_known(store: &FlakyStore, batch: Batch) -> u64 {
    let before = store.stats().books;
    loop {
        if let CommitOutcome::Durable(_) = store.append(batch.clone()).await.await {
            let counted = |books: &std::collections::BTreeMap<_, model::Book>| {
                books.values().map(|book| &book.readings).map(|all| all.accounted()).sum()
            };
            let (now, before): (u64, u64) = (counted(&store.stats().books), counted(&before));
            return now - before;
        }
    }
}
