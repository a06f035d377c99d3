//! Comparing the answers of the oracle and of an adapter.

use std::collections::BTreeMap;

use model::{Book, ReadingKey, Resolution, SeriesId, SourceName, TimeRange, Timestamp};
use windows::{CalendarStep, Grid, Zone};

use super::conformance::assert_windows;
use super::oracle::Run;
use super::scene::range;
use crate::{Node, Order, Readings, Restored, StoreError, UnreadId};

/// Offsets of whole, half and quarter hours; clocks that are moved by an hour, by half of one, by a day.
const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];
const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

/// Everything of every series; with `settled` the novelty of readings as well.
pub(super) async fn compare_all(run: &Run, settled: bool) {
    let what = format!("seed {} step {}", run.seed, run.step);
    let (oracle, store) = (&*run.oracle, &*run.opened.readings);
    let all = run.alive();
    for id in (1..=run.series).map(SeriesId) {
        for order in ORDERS {
            let found = store.read(id, TimeRange::ALL, order, None, usize::MAX).await;
            if !all.contains(&id) {
                assert!(matches!(found, Err(StoreError::UnknownSeries(_))), "{what}: {id:?} is gone");
                continue;
            }
            let expected = oracle.read(id, TimeRange::ALL, order, None, usize::MAX).await.unwrap();
            assert_eq!(found.unwrap(), expected, "{what}: all of {id:?} {order:?}");
        }
    }
    assert_eq!(store.latest(&all).await.unwrap(), oracle.latest(&all).await.unwrap(), "{what}: latest");
    let unread = (store.unread(None, 100).await.unwrap(), oracle.unread(None, 100).await.unwrap());
    assert_eq!(unread.0, unread.1, "{what}: unread");
    let found = Restored { node: Node::default(), last_series: None, ..store.restored() };
    assert_eq!(found, oracle.restored(), "{what}: restored");
    compare_stats(run, settled, &what);
}

fn compare_stats(run: &Run, settled: bool, what: &str) {
    let (expected, found) = (run.oracle.stats(), run.opened.readings.stats());
    assert_eq!((found.unread, found.unread_dropped), (expected.unread, expected.unread_dropped), "{what}: unread");
    if run.upserts {
        assert_eq!(taken(&found.books), taken(&expected.books), "{what}: what was taken in");
        return;
    }
    if settled {
        assert_eq!(found.books, expected.books, "{what}: books");
        assert_eq!(found.readings, expected.readings, "{what}: readings");
        assert_eq!(found.gone, expected.gone, "{what}: gone");
        let stored: u64 = found.books.values().map(|book| book.readings.stored).sum();
        let gone = found.gone.deleted + found.gone.expired + found.gone.absorbed;
        assert_eq!(stored, found.readings + gone, "{what}: the books balance");
        return;
    }
    assert_eq!(taken(&found.books), taken(&expected.books), "{what}: what was taken in");
    for (source, book) in &found.books {
        // What the store says it knows is true, although it need not know everything.
        let known = |book: &Book| [book.readings.stored, book.readings.duplicate, book.readings.replaced];
        let of_oracle = expected.books.get(source).map(known).unwrap_or_default();
        let said = known(book);
        assert!(
            said.iter().zip(of_oracle).all(|(said, truth)| *said <= truth),
            "{what}: {source}: {said:?} {of_oracle:?}"
        );
    }
    assert!(found.readings <= expected.readings, "{what}: readings");
}

/// The books with all novelty in one number.
fn taken(books: &BTreeMap<SourceName, Book>) -> BTreeMap<SourceName, Book> {
    let mut books = books.clone();
    for book in books.values_mut() {
        let readings = &mut book.readings;
        readings.unsettled += readings.stored + readings.duplicate + readings.replaced + readings.upserted;
        (readings.stored, readings.duplicate, readings.replaced, readings.upserted) = (0, 0, 0, 0);
    }
    books
}

/// One random question.
pub(super) async fn compare_some(run: &mut Run) {
    let what = format!("seed {} step {}", run.seed, run.step);
    let Some(id) = run.dice.pick(&run.alive()).copied() else { return };
    let asked = some_range(run);
    match run.dice.roll(10) {
        0..5 => {
            let order = ORDERS[usize::from(run.dice.chance(50))];
            let limit = usize::try_from(run.dice.roll(40)).unwrap();
            let after: Option<ReadingKey> =
                if run.dice.chance(50) { run.dice.pick(&run.used).map(|used| used.1) } else { None };
            let expected = run.oracle.read(id, asked, order, after, limit).await.unwrap();
            let found = run.opened.readings.read(id, asked, order, after, limit).await.unwrap();
            assert_eq!(found, expected, "{what}: {id:?} {asked:?} {order:?} after {after:?} limit {limit}");
        }
        5..9 => {
            let grid = some_grid(run, asked);
            let expected = run.oracle.windows(id, grid.clone()).await.unwrap();
            let found = run.opened.readings.windows(id, grid.clone()).await.unwrap();
            assert_windows(&found, &expected, &format!("{what}: {id:?} {grid:?}"));
        }
        _ => {
            let before = run.dice.chance(50).then(|| UnreadId(run.dice.roll(60)));
            let expected = run.oracle.unread(before, 7).await.unwrap();
            assert_eq!(run.opened.readings.unread(before, 7).await.unwrap(), expected, "{what}: unread");
            compare_stats(run, false, &what);
        }
    }
}

pub(super) fn some_range(run: &mut Run) -> TimeRange {
    if run.dice.chance(15) {
        return TimeRange::ALL;
    }
    let edge = |run: &mut Run| {
        let near = run.dice.pick(&run.used).map_or(run.now, |used| used.1.time.millis());
        let off = i64::try_from(run.dice.roll(2_001)).unwrap() - 1_000;
        if run.dice.chance(50) { near } else { near + off }
    };
    let (from, to) = (edge(run), edge(run));
    if run.dice.chance(90) { range(from.min(to), from.max(to)) } else { range(from, to) }
}

/// A grid over `asked` with few enough windows for a test.
fn some_grid(run: &mut Run, asked: TimeRange) -> Grid {
    if run.dice.chance(40) {
        let zone = Zone::parse(run.dice.pick(&ZONES).unwrap()).unwrap();
        let step = *run.dice.pick(&CalendarStep::ALL).unwrap();
        let to = asked.to.millis().min(asked.from.millis().saturating_add(2_000 * 86_400_000));
        return Grid::calendar(TimeRange { from: asked.from, to: Timestamp::saturating(to) }, step, &zone);
    }
    let steps = Resolution::STEPS_MS;
    let step_ms = *run.dice.pick(&steps).unwrap();
    let longest = step_ms.saturating_mul(2_000);
    let to = asked.to.millis().min(asked.from.millis().saturating_add(longest));
    let narrowed = TimeRange { from: asked.from, to: Timestamp::saturating(to) };
    Grid::covering(narrowed, Resolution::from_millis(step_ms).unwrap())
}
