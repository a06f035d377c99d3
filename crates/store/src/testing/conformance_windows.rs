//! Windows of local days, of angles and of totals, over enough readings that a store may have stored something of them.

use model::{Kind, Reading, SeriesId, TimeRange, Value};
use windows::{CalendarStep, Grid, Zone};

use super::conformance::{assert_windows, brute_force};
use super::scene::{at, batch, device, durable, key, message, numbers, range, reading, series};
use super::{Adapter, Opened};
use crate::{Entry, HiddenRecord, Order, Readings};

/// 2025-03-28T00:00:00Z, two days before the clocks of Berlin go forward.
const START_MS: i64 = 1_743_120_000_000;
const STEP_MS: i64 = 20_000;
const HOUR_MS: i64 = 3_600_000;

pub(super) async fn run_all(adapter: &mut dyn Adapter) {
    local_days_weeks_and_months_equal_brute_force(adapter).await;
    windows_follow_the_kind_of_now(adapter).await;
    late_replaced_and_hidden_readings_show_at_once(adapter).await;
}

/// Series 1 with 4.5 days of readings every 20 s, flushed: a saw that is a counter with resets and, in degrees, turns.
async fn with_days(adapter: &mut dyn Adapter) -> Opened {
    let opened = adapter.fresh().await;
    durable(&*opened.readings, batch(vec![device(1), series(1, 1)])).await;
    let values: Vec<(i64, f64)> =
        (0..19_440_i64).map(|at| (START_MS + at * STEP_MS, ((at * 7) % 3_599) as f64 / 10.0)).collect();
    for part in values.chunks(486) {
        durable(&*opened.readings, numbers(1, part)).await;
    }
    opened.readings.flush().await.unwrap();
    opened
}

fn days() -> TimeRange {
    range(START_MS - 86_400_000, START_MS + 6 * 86_400_000)
}

fn grids() -> Vec<Grid> {
    let mut grids = Vec::new();
    for zone in ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"] {
        let zone = Zone::parse(zone).unwrap();
        grids.extend(CalendarStep::ALL.map(|step| Grid::calendar(days(), step, &zone)));
    }
    for step_ms in [60_000, HOUR_MS, 6 * HOUR_MS, 7 * 24 * HOUR_MS] {
        let step = model::Resolution::from_millis(step_ms).unwrap();
        grids.push(Grid::covering(days(), step));
        grids.push(Grid::covering(range(START_MS + 5_000_000, START_MS + 95_000_000), step));
    }
    grids
}

async fn assert_all(store: &dyn Readings, kind: Kind, what: &str) {
    let all = range(START_MS - 100 * 86_400_000, START_MS + 100 * 86_400_000);
    let readings: Vec<Reading> = store.read(SeriesId(1), all, Order::Ascending, None, usize::MAX).await.unwrap();
    for grid in grids() {
        let found = store.windows(SeriesId(1), grid.clone()).await.unwrap();
        assert_windows(&found, &brute_force(&readings, &grid, kind), &format!("{what}, {kind:?}, {grid:?}"));
    }
}

async fn local_days_weeks_and_months_equal_brute_force(adapter: &mut dyn Adapter) {
    let store = with_days(adapter).await.readings;
    assert_all(&*store, Kind::Measurement, "days").await;
    let zone = Zone::parse("Europe/Berlin").unwrap();
    let grid = Grid::calendar(range(START_MS + 2 * 86_400_000, START_MS + 3 * 86_400_000), CalendarStep::Day, &zone);
    // Sunday the 30th of March has 23 hours; the range touches Monday. Readings of 85.0 are bad.
    assert_eq!((grid.count(), grid.edge_ms(1) - grid.edge_ms(0)), (2, 23 * HOUR_MS));
    let windows = store.windows(SeriesId(1), grid).await.unwrap();
    assert!((23 * 180 - 2..=23 * 180).contains(&windows[0].count), "{}", windows[0].count);
}

async fn windows_follow_the_kind_of_now(adapter: &mut dyn Adapter) {
    let store = with_days(adapter).await.readings;
    for kind in [Kind::Angle, Kind::Total, Kind::TotalIncreasing, Kind::State, Kind::Angle] {
        let Entry::Series(record) = series(1, 1) else { unreachable!("series makes a series") };
        durable(&*store, batch(vec![Entry::Series(crate::SeriesRecord { kind, ..record })])).await;
        assert_all(&*store, kind, "before more readings").await;
        let more: Vec<(i64, f64)> = (0..500).map(|at| (START_MS + (19_440 + at) * STEP_MS, at as f64)).collect();
        durable(&*store, numbers(1, &more)).await;
        assert_all(&*store, kind, "in the head").await;
        store.flush().await.unwrap();
        assert_all(&*store, kind, "flushed").await;
    }
}

async fn late_replaced_and_hidden_readings_show_at_once(adapter: &mut dyn Adapter) {
    let store = with_days(adapter).await.readings;
    let hour = |hour: i64| START_MS + hour * HOUR_MS;
    // Late, between two that are there; a correction; a correction to something that does not count.
    durable(&*store, numbers(1, &[(hour(5) + 7, 500.0), (hour(9), -500.0), (hour(30) - 10, 1.0)])).await;
    let nothing = vec![(1, reading(key(hour(50)), Value::Text("no number".into())))];
    durable(&*store, batch(vec![Entry::Message(message(nothing))])).await;
    assert_all(&*store, Kind::Measurement, "late in the head").await;
    store.flush().await.unwrap();
    assert_all(&*store, Kind::Measurement, "late in frames").await;
    let hide = |from: i64, to: i64, hidden| {
        let range = TimeRange { from: at(from), to: at(to) };
        batch(vec![Entry::Hidden(HiddenRecord { series: SeriesId(1), range, hidden })])
    };
    for (from, to) in
        [(hour(3), hour(4)), (hour(12) + 1, hour(13) - 1), (hour(40), hour(44) + 30), (hour(60), hour(500))]
    {
        durable(&*store, hide(from, to, true)).await;
        assert_all(&*store, Kind::Measurement, "hidden").await;
    }
    durable(&*store, hide(hour(0), hour(41), false)).await;
    assert_all(&*store, Kind::Measurement, "shown again").await;
}
