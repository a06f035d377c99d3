//! The contract of [`Readings`], sentence by sentence. [`run_all`] is what an adapter calls.

use model::{Kind, Reading, ReadingKey, Resolution, SeriesId, Timestamp, Value};
use windows::{Aspect, Grid, Window};

use super::scene::{
    all, as_values, at, batch, book, device, durable, key, message, numbers, range, reading, series, source,
};
use super::{Adapter, conformance_catalog, conformance_removal, conformance_restart, conformance_windows};
use crate::{CommitOutcome, Entry, Order, Readings, Sequence, StoreError};

/// Runs every test, each on an empty store.
///
/// # Panics
/// At the first sentence that does not hold.
pub async fn run_all(adapter: &mut dyn Adapter) {
    sequences_grow_by_one_and_commits_resolve_in_order(adapter).await;
    equal_keys_are_duplicates_or_replaced(adapter).await;
    the_later_entry_of_a_batch_wins(adapter).await;
    late_readings_are_read_at_their_place(adapter).await;
    reads_answer_the_range_in_order_of_key(adapter).await;
    reads_go_on_behind_a_key(adapter).await;
    strange_ranges_are_empty_and_unknown_series_are_errors(adapter).await;
    windows_equal_brute_force(adapter).await;
    what_is_no_number_never_counts(adapter).await;
    latest_is_the_greatest_key_of_any_judgement(adapter).await;
    a_batch_with_an_unknown_series_leaves_nothing(adapter).await;
    reads_answer_the_same_before_and_after_a_flush(adapter).await;
    conformance_removal::run_all(adapter).await;
    conformance_windows::run_all(adapter).await;
    conformance_restart::run_all(adapter).await;
    conformance_catalog::run_all(adapter).await;
}

/// A store with device 1 and series 1 and 2.
pub(super) async fn with_series(adapter: &mut dyn Adapter) -> super::Opened {
    let opened = adapter.fresh().await;
    durable(&*opened.readings, batch(vec![device(1), series(1, 1), series(2, 1)])).await;
    opened
}

async fn sequences_grow_by_one_and_commits_resolve_in_order(adapter: &mut dyn Adapter) {
    let store = adapter.fresh().await.readings;
    assert_eq!(durable(&*store, batch(vec![device(1), series(1, 1)])).await, Sequence(1));
    let mut commits = Vec::new();
    for time in 0..50 {
        commits.push(store.append(numbers(1, &[(time, 1.0)])).await);
    }
    // Whoever waits for the last one knows the fate of all before it.
    assert_eq!(commits.pop().unwrap().await, CommitOutcome::Durable(Sequence(51)));
    for (commit, sequence) in commits.into_iter().zip(2..) {
        let mut commit = std::pin::pin!(commit);
        let settled = std::future::poll_fn(|context| std::task::Poll::Ready(commit.as_mut().poll(context))).await;
        assert_eq!(settled, std::task::Poll::Ready(CommitOutcome::Durable(Sequence(sequence))));
    }
    assert_eq!(all(&*store, 1).await.len(), 50);
    assert_eq!(store.restored().sequence, Sequence(51));
}

/// Stored, duplicate and replaced readings of the source `mqtt`, all settled; or all of them upserted.
fn assert_novelty(store: &dyn Readings, upserts: bool, [stored, duplicate, replaced]: [u64; 3]) {
    let found = store.stats().books.get(&source("mqtt")).cloned().unwrap_or_default().readings;
    let expected = if upserts { [0, 0, 0, stored + duplicate + replaced] } else { [stored, duplicate, replaced, 0] };
    assert_eq!([found.stored, found.duplicate, found.replaced, found.upserted], expected);
    assert_eq!(found.unsettled, 0);
}

async fn equal_keys_are_duplicates_or_replaced(adapter: &mut dyn Adapter) {
    let (upserts, store) = (adapter.upserts(), with_series(adapter).await.readings);
    durable(&*store, numbers(1, &[(10, 1.0), (20, 2.0), (30, 3.0), (40, 4.0)])).await;
    assert_novelty(&*store, upserts, [4, 0, 0]);
    durable(&*store, numbers(1, &[(20, 2.0), (30, -3.0)])).await;
    assert_novelty(&*store, upserts, [4, 1, 1]);
    store.flush().await.unwrap();
    // Behind a flush the store may need another one to find out.
    durable(&*store, numbers(1, &[(10, 1.0), (20, -2.0), (15, 1.5), (50, 5.0)])).await;
    assert_eq!(store.stats().books[&source("mqtt")].readings.accounted(), 10);
    let expected = as_values(&[(10, 1.0), (15, 1.5), (20, -2.0), (30, -3.0), (40, 4.0), (50, 5.0)]);
    assert_eq!(all(&*store, 1).await, expected);
    // What waits to be settled may be replaced meanwhile, and still belongs to its book.
    durable(&*store, numbers(1, &[(20, -22.0), (10, 1.0)])).await;
    store.flush().await.unwrap();
    assert_novelty(&*store, upserts, [6, 3, 3]);
    assert_eq!(store.stats().readings, if upserts { 0 } else { 6 });
    let expected = as_values(&[(10, 1.0), (15, 1.5), (20, -22.0), (30, -3.0), (40, 4.0), (50, 5.0)]);
    assert_eq!(all(&*store, 1).await, expected);
}

async fn the_later_entry_of_a_batch_wins(adapter: &mut dyn Adapter) {
    let (upserts, store) = (adapter.upserts(), with_series(adapter).await.readings);
    let twice = vec![(1, reading(key(5), Value::Number(1.0))), (1, reading(key(5), Value::Text("on".into())))];
    durable(&*store, batch(vec![Entry::Message(message(twice)), book("mqtt", 1, 2)])).await;
    assert_eq!(all(&*store, 1).await, [(5, Value::Text("on".into()))]);
    assert_novelty(&*store, upserts, [1, 0, 1]);
    let book = store.stats().books.remove(&source("mqtt")).unwrap();
    assert_eq!((book.messages.received, book.messages.stored, book.readings.decoded), (1, 1, 2));
    // All NaN are one value, and another n is another key.
    let stamped = ReadingKey { time: at(5), n: 1 };
    let nan = |key| (1, reading(key, Value::Number(f64::NAN)));
    durable(&*store, batch(vec![Entry::Message(message(vec![nan(stamped), nan(stamped), nan(key(6))]))])).await;
    assert_novelty(&*store, upserts, [3, 1, 1]);
}

async fn late_readings_are_read_at_their_place(adapter: &mut dyn Adapter) {
    let store = with_series(adapter).await.readings;
    let mut expected = Vec::new();
    for step in 0..200_i64 {
        let time = (step * 7_919) % 200 - 100;
        durable(&*store, numbers(1, &[(time, 1.0)])).await;
        expected.push((time, 1.0));
        if step % 60 == 59 {
            store.flush().await.unwrap();
        }
    }
    expected.sort_by_key(|(time, _)| *time);
    assert_eq!(all(&*store, 1).await, as_values(&expected));
}

async fn reads_answer_the_range_in_order_of_key(adapter: &mut dyn Adapter) {
    let store = with_series(adapter).await.readings;
    durable(&*store, numbers(1, &[(10, 1.0), (20, 2.0), (30, 3.0)])).await;
    store.flush().await.unwrap();
    durable(&*store, numbers(1, &[(40, 4.0), (25, 2.5)])).await;
    let times = |from: i64, to: i64, order: Order, limit: usize| {
        let store = store.clone();
        async move {
            let readings = store.read(SeriesId(1), range(from, to), order, None, limit).await.unwrap();
            readings.iter().map(|reading| reading.key.time.millis()).collect::<Vec<_>>()
        }
    };
    assert_eq!(times(10, 40, Order::Ascending, 10).await, [10, 20, 25, 30]);
    assert_eq!(times(11, 41, Order::Ascending, 10).await, [20, 25, 30, 40]);
    assert_eq!(times(10, 41, Order::Descending, 10).await, [40, 30, 25, 20, 10]);
    assert_eq!(times(0, 100, Order::Ascending, 2).await, [10, 20]);
    assert_eq!(times(0, 100, Order::Descending, 2).await, [40, 30]);
    assert!(times(0, 100, Order::Descending, 0).await.is_empty());
}

async fn reads_go_on_behind_a_key(adapter: &mut dyn Adapter) {
    let store = with_series(adapter).await.readings;
    // Several n within one millisecond, spread over a flush.
    let stamped = |n| ReadingKey { time: at(10), n };
    let both =
        |n| vec![(1, reading(stamped(n), Value::Bool(true))), (1, reading(key(i64::from(n)), Value::Bool(false)))];
    for n in 0..9 {
        durable(&*store, batch(vec![Entry::Message(message(both(n)))])).await;
        if n == 4 {
            store.flush().await.unwrap();
        }
    }
    for order in [Order::Ascending, Order::Descending] {
        let whole = store.read(SeriesId(1), range(0, 100), order, None, 100).await.unwrap();
        assert_eq!(whole.len(), 18);
        let mut paged: Vec<Reading> = Vec::new();
        loop {
            let after = paged.last().map(|reading| reading.key);
            let page = store.read(SeriesId(1), range(0, 100), order, after, 4).await.unwrap();
            paged.extend(page.iter().cloned());
            if page.len() < 4 {
                break;
            }
        }
        assert_eq!(paged, whole);
    }
}

async fn strange_ranges_are_empty_and_unknown_series_are_errors(adapter: &mut dyn Adapter) {
    let store = with_series(adapter).await.readings;
    durable(&*store, numbers(1, &[(10, 1.0)])).await;
    for (from, to) in [(10, 10), (20, 0), (11, 12), (-5, 10)] {
        assert!(store.read(SeriesId(1), range(from, to), Order::Ascending, None, 10).await.unwrap().is_empty());
    }
    assert!(store.read(SeriesId(2), range(0, 100), Order::Descending, None, 10).await.unwrap().is_empty());
    let unknown = SeriesId(99);
    let read = store.read(unknown, range(0, 100), Order::Ascending, None, 10).await;
    assert!(matches!(read, Err(StoreError::UnknownSeries(id)) if id == unknown));
    let grid = Grid::covering(range(0, 100), Resolution::from_millis(1_000).unwrap());
    assert!(matches!(store.windows(unknown, grid).await, Err(StoreError::UnknownSeries(_))));
    assert!(matches!(store.latest(&[unknown]).await, Err(StoreError::UnknownSeries(_))));
}

pub(super) fn brute_force(readings: &[Reading], grid: &Grid, kind: Kind) -> Vec<Window> {
    let mut windows = vec![Window::default(); grid.count()];
    for reading in readings {
        if let Some(index) = grid.index_of(reading.key.time.millis()) {
            windows[index].push_reading(kind, reading);
        }
    }
    windows
}

/// Count, min, max, first, last and direction bit for bit, sum and increase to 1e-12 of what was added up.
pub(super) fn assert_windows(found: &[Window], expected: &[Window], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let bits = |window: &Window| {
            let Window { count, min, max, first, last, .. } = *window;
            (count, [min, max, first, last].map(|number| if count == 0 { 0 } else { number.to_bits() }))
        };
        let what = format!("{what}: window {index}: {found:?} {expected:?}");
        assert_eq!(bits(found), bits(expected), "{what}");
        let size = expected.min.abs().max(expected.max.abs()) * expected.count as f64;
        let near = |found: f64, expected: f64| {
            size.is_infinite() || found == expected || (found - expected).abs() <= 1e-12 * size
        };
        assert!(found.count == 0 || near(found.sum, expected.sum), "{what}");
        match (found.aspect, expected.aspect) {
            (_, _) if found.count == 0 => {}
            (Aspect::Total { increase, .. }, Aspect::Total { increase: expected, .. })
            | (Aspect::TotalIncreasing { increase, .. }, Aspect::TotalIncreasing { increase: expected, .. }) => {
                assert!(near(increase, expected), "{what}");
            }
            (found, expected) => assert_eq!(found, expected, "{what}"),
        }
    }
}

async fn windows_equal_brute_force(adapter: &mut dyn Adapter) {
    let store = with_series(adapter).await.readings;
    let values: Vec<(i64, f64)> = (0..2_000_i64).map(|at| (at * 700, ((at * 37) % 101) as f64 / 10.0)).collect();
    for part in values.chunks(500) {
        durable(&*store, numbers(1, part)).await;
        store.flush().await.unwrap();
    }
    durable(&*store, numbers(1, &[(350, -99.0), (700, 99.0), (1_500_000, 5.0)])).await;
    let readings = store.read(SeriesId(1), range(0, 2_000_000), Order::Ascending, None, usize::MAX).await.unwrap();
    assert_eq!(readings.len(), 2_002);
    for step_ms in [1_000, 60_000, 3_600_000, 86_400_000] {
        for (from, to) in [(0, 2_000_000), (123_456, 654_321), (-5_000_000, -1), (700, 701)] {
            let grid = Grid::covering(range(from, to), Resolution::from_millis(step_ms).unwrap());
            let found = store.windows(SeriesId(1), grid.clone()).await.unwrap();
            assert_windows(
                &found,
                &brute_force(&readings, &grid, Kind::Measurement),
                &format!("step {step_ms} from {from}"),
            );
        }
    }
    let none = Grid::covering(range(5, 5), Resolution::from_millis(1_000).unwrap());
    assert!(store.windows(SeriesId(1), none).await.unwrap().is_empty());
}

async fn what_is_no_number_never_counts(adapter: &mut dyn Adapter) {
    let store = with_series(adapter).await.readings;
    let values = [
        Value::Number(85.0),
        Value::Number(f64::NAN),
        Value::Text("21.5".into()),
        Value::Bool(true),
        Value::Number(-0.0),
        Value::Number(2_000.0),
    ];
    let readings = (0..).zip(values).map(|(ms, value)| (1, reading(key(ms), value))).collect();
    durable(&*store, batch(vec![Entry::Message(message(readings))])).await;
    let grid = Grid::covering(range(0, 1_000), Resolution::from_millis(1_000).unwrap());
    for _ in 0..2 {
        let windows = store.windows(SeriesId(1), grid.clone()).await.unwrap();
        let Window { count, min, max, sum, first, last, .. } = windows[0];
        assert_eq!((count, min, max, sum, first, last), (3, 0.0, 2_000.0, 2_001.0, 1.0, 2_000.0));
        assert!(min.is_sign_negative());
        store.flush().await.unwrap();
    }
}

async fn latest_is_the_greatest_key_of_any_judgement(adapter: &mut dyn Adapter) {
    let store = with_series(adapter).await.readings;
    assert_eq!(store.latest(&[SeriesId(2), SeriesId(1)]).await.unwrap(), [None, None]);
    durable(&*store, numbers(1, &[(30, 3.0), (20, 2.0), (40, f64::NAN)])).await;
    let latest = |time, value| Some(reading(key(time), Value::Number(value)));
    assert_eq!(store.latest(&[SeriesId(2), SeriesId(1)]).await.unwrap(), [None, latest(40, f64::NAN)]);
    store.flush().await.unwrap();
    durable(&*store, numbers(1, &[(40, 4.0), (35, 3.5)])).await;
    assert_eq!(store.latest(&[SeriesId(1)]).await.unwrap(), [latest(40, 4.0)]);
    assert!(store.latest(&[]).await.unwrap().is_empty());
}

async fn a_batch_with_an_unknown_series_leaves_nothing(adapter: &mut dyn Adapter) {
    let store = with_series(adapter).await.readings;
    let stranger = (9, reading(key(10), Value::Number(1.0)));
    let friend = (1, reading(key(10), Value::Number(1.0)));
    let mixed = batch(vec![device(2), Entry::Message(message(vec![friend, stranger])), book("mqtt", 1, 2)]);
    assert_eq!(store.append(mixed).await.await, CommitOutcome::NotStored("unknown_series"));
    assert!(all(&*store, 1).await.is_empty());
    assert_eq!(store.restored().devices.len(), 1);
    assert!(store.stats().books.is_empty());
    // A series whose device is unknown, the device of the refused batch for one.
    assert_eq!(store.append(batch(vec![series(9, 2)])).await.await, CommitOutcome::NotStored("unknown_device"));
    assert_eq!(durable(&*store, numbers(1, &[(10, 1.0)])).await, Sequence(2), "a refused batch takes no sequence");
    // Known better than before: same id, the newest description holds.
    let mut better = series(1, 1);
    if let Entry::Series(record) = &mut better {
        record.kind = model::Kind::Total;
    }
    durable(&*store, batch(vec![better.clone()])).await;
    let described = store.restored().series.into_iter().find(|series| series.id == SeriesId(1));
    assert_eq!(described.map(Entry::Series), Some(better));
}

async fn reads_answer_the_same_before_and_after_a_flush(adapter: &mut dyn Adapter) {
    let store = with_series(adapter).await.readings;
    let text = (2, reading(key(500), Value::Text("open".into())));
    for round in 0..4 {
        let values: Vec<(i64, f64)> = (0..100).map(|at| (round * 50 + at, (round * at) as f64)).collect();
        durable(&*store, numbers(1, &values)).await;
        durable(&*store, batch(vec![Entry::Message(message(vec![text.clone()]))])).await;
        let before = (all(&*store, 1).await, all(&*store, 2).await, store.latest(&[SeriesId(1)]).await.unwrap());
        store.flush().await.unwrap();
        let after = (all(&*store, 1).await, all(&*store, 2).await, store.latest(&[SeriesId(1)]).await.unwrap());
        assert_eq!(before, after, "round {round}");
    }
    assert_eq!(store.restored().last_received, Some(Timestamp::saturating(500)));
}
