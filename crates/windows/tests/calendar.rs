//! Local days, weeks and months, held against the civil dates of a time library and against known days of history.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use jiff::Timestamp as Instant;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use model::{TimeRange, Timestamp};
use proptest::prelude::*;
use windows::{CalendarStep, Grid, WINDOWS_MAX, Zone};

const HOUR_MS: i64 = 3_600_000;
const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];

fn ms(text: &str) -> i64 {
    text.parse::<Instant>().unwrap().as_millisecond()
}

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange { from: Timestamp::saturating(from), to: Timestamp::saturating(to) }
}

fn grid(zone: &str, step: CalendarStep, from: i64, to: i64) -> Grid {
    Grid::calendar(range(from, to), step, &Zone::parse(zone).unwrap())
}

/// Start of the day that holds a moment, and its length in minutes.
fn day(zone: &str, moment: &str) -> (String, i64) {
    let at = ms(moment);
    let days = grid(zone, CalendarStep::Day, at, at + 1);
    assert_eq!(days.count(), 1, "{zone} {moment}");
    let start = Instant::from_millisecond(days.t0_ms()).unwrap();
    (start.to_string(), (days.end_ms() - days.t0_ms()) / 60_000)
}

#[test]
fn days_of_history() {
    for (zone, moment, start, minutes) in [
        ("UTC", "2025-03-30T12:00:00Z", "2025-03-30T00:00:00Z", 24 * 60),
        ("Europe/Berlin", "2025-03-30T12:00:00Z", "2025-03-29T23:00:00Z", 23 * 60),
        ("Europe/Berlin", "2025-10-26T12:00:00Z", "2025-10-25T22:00:00Z", 25 * 60),
        // Midnight does not exist: the day begins at one.
        ("America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", 23 * 60),
        // Midnight comes twice: the day begins at the first.
        ("America/Havana", "2024-11-03T12:00:00Z", "2024-11-03T04:00:00Z", 25 * 60),
        ("Australia/Lord_Howe", "2024-10-06T00:00:00Z", "2024-10-05T13:30:00Z", 23 * 60 + 30),
        ("Australia/Lord_Howe", "2024-04-07T00:00:00Z", "2024-04-06T13:00:00Z", 24 * 60 + 30),
        ("Asia/Kathmandu", "1986-01-01T00:00:00Z", "1985-12-31T18:30:00Z", 23 * 60 + 45),
        ("Asia/Kolkata", "2024-06-01T00:00:00Z", "2024-05-31T18:30:00Z", 24 * 60),
        // From the mean time of the place to that of a zone: 6 min 32 s are missing.
        ("Europe/Berlin", "1893-04-01T12:00:00Z", "1893-03-31T23:06:32Z", 23 * 60 + 53),
    ] {
        assert_eq!(day(zone, moment), (start.to_owned(), minutes), "{zone} {moment}");
    }
}

#[test]
fn a_date_that_was_skipped_has_no_window() {
    // Samoa went from the 29th to the 31st of December 2011.
    let days = grid("Pacific/Apia", CalendarStep::Day, ms("2011-12-29T12:00:00Z"), ms("2011-12-31T12:00:00Z"));
    let starts: Vec<i64> = days.starts_ms().collect();
    assert_eq!(starts, [ms("2011-12-29T10:00:00Z"), ms("2011-12-30T10:00:00Z"), ms("2011-12-31T10:00:00Z")]);
}

#[test]
fn an_hour_that_comes_again_after_midnight_belongs_to_the_day_that_has_begun() {
    // St. John's put its clocks back from 00:01 to 23:01 of the day before.
    let (start, minutes) = day("America/St_Johns", "2010-11-07T02:45:00Z");
    assert_eq!((start.as_str(), minutes), ("2010-11-07T02:30:00Z", 25 * 60));
    let (start, _) = day("America/St_Johns", "2010-11-07T02:29:59.999Z");
    assert_eq!(start, "2010-11-06T02:30:00Z");
}

#[test]
fn weeks_begin_on_monday_and_months_on_the_first() {
    let (from, to) = (ms("2024-12-30T23:00:00Z"), ms("2025-03-31T22:00:00Z"));
    let months: Vec<i64> = grid("Europe/Berlin", CalendarStep::Month, from, to).starts_ms().collect();
    let expected = ["2024-11-30T23:00:00Z", "2024-12-31T23:00:00Z", "2025-01-31T23:00:00Z", "2025-02-28T23:00:00Z"];
    assert_eq!(months, expected.map(ms));
    let weeks = grid("Europe/Berlin", CalendarStep::Week, from, from + 1);
    assert_eq!((weeks.t0_ms(), weeks.end_ms()), (ms("2024-12-29T23:00:00Z"), ms("2025-01-05T23:00:00Z")));
}

#[test]
fn grids_at_the_edges() {
    for step in CalendarStep::ALL {
        for zone in ZONES {
            assert_eq!(grid(zone, step, 5, 5).count(), 0);
            assert_eq!(grid(zone, step, 9, 3).index_of(5), None);
            let first = grid(zone, step, Timestamp::MIN.millis(), Timestamp::MIN.millis() + 1);
            assert_eq!(first.index_of(Timestamp::MIN.millis()), Some(0), "{zone} {step:?}");
            let last = grid(zone, step, Timestamp::MAX.millis() - 10, Timestamp::MAX.millis());
            assert_eq!(last.index_of(Timestamp::MAX.millis() - 1), Some(last.count() - 1), "{zone} {step:?}");
        }
    }
    let all = Grid::calendar(TimeRange::ALL, CalendarStep::Day, &Zone::parse("Europe/Berlin").unwrap());
    assert_eq!(all.count(), WINDOWS_MAX);
    assert_eq!((all.index_of(i64::MIN), all.index_of(i64::MAX)), (None, None));
}

#[test]
fn names_that_are_no_zone_are_refused() {
    let long = "x".repeat(10_000);
    for name in ["", " ", "Europe/Berlim", "+01:00", "../../etc/passwd", "Europe/Berlin\0", "Local", &long] {
        let refused = Zone::parse(name).unwrap_err();
        assert!(refused.0.len() <= 64);
    }
    assert_eq!(Zone::parse("europe/berlin").unwrap().name(), "Europe/Berlin");
    assert_eq!(Zone::parse("UTC").unwrap().name(), "UTC");
}

proptest! {
    #[test]
    fn every_moment_lies_in_the_window_of_its_local_date(
        zone in prop::sample::select(ZONES.to_vec()),
        step in prop::sample::select(CalendarStep::ALL.to_vec()),
        from in -2_208_988_800_000_i64..4_102_444_800_000,
        length in 1..400 * 24 * HOUR_MS,
        inside in any::<prop::sample::Index>(),
    ) {
        let grid = grid(zone, step, from, from + length);
        let rules: TimeZone = TimeZoneDatabase::bundled().get(zone).unwrap();
        let local = |at: i64| rules.to_datetime(Instant::from_millisecond(at).unwrap()).date();
        let period = |at: i64| {
            let date = local(at);
            match step {
                CalendarStep::Day => (date.year(), date.day_of_year()),
                CalendarStep::Week => (date.iso_week_date().year(), i16::from(date.iso_week_date().week())),
                CalendarStep::Month => (date.year(), i16::from(date.month())),
            }
        };
        prop_assert!(grid.t0_ms() <= from && from < grid.edge_ms(1));
        prop_assert!(grid.edge_ms(grid.count() - 1) < from + length && from + length <= grid.end_ms());
        for index in 0..grid.count() {
            let (start, end) = (grid.edge_ms(index), grid.edge_ms(index + 1));
            prop_assert!(start < end);
            prop_assert_ne!(period(start - 1), period(start));
            prop_assert_eq!(period(start), period(end - 1));
        }
        let time = from + inside.index(usize::try_from(length).unwrap()) as i64;
        let index = grid.index_of(time).unwrap();
        prop_assert!((grid.edge_ms(index)..grid.edge_ms(index + 1)).contains(&time));
        prop_assert_eq!(period(time), period(grid.edge_ms(index)));
        prop_assert_eq!(grid.index_of(grid.t0_ms() - 1), None);
        prop_assert_eq!(grid.index_of(grid.end_ms()), None);
    }
}
