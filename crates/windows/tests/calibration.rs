//! Calibrated windows against brute force: every reading calibrated by itself, every window added up by hand.

use model::{Flaw, Judgement, Kind, Reading, ReadingKey, Resolution, TimeRange, TimeSource, Timestamp, Value};
use proptest::prelude::*;
use windows::{Aspect, Calibrated, Calibrations, Grid, Line, Window, calibrated_increases, fold_ascending};

const SECOND: i64 = 1_000;

fn reading(time_ms: i64, value: Value, judgement: Judgement) -> Reading {
    let key = ReadingKey { time: Timestamp::saturating(time_ms), n: 0 };
    Reading { key, value, judgement, time_source: TimeSource::Device, claimed_ms: None }
}

/// What the line at a time makes of a number, said without any trick.
fn plainly(kind: Kind, lines: &[(i64, Line)], time_ms: i64, raw: f64) -> f64 {
    let line = lines.iter().filter(|(from, _)| *from <= time_ms).max_by_key(|(from, _)| *from).map(|(_, line)| *line);
    let Some(line) = line.filter(|line| *line != Line::NONE) else { return raw };
    match kind {
        Kind::Measurement => raw * line.scale + line.offset,
        Kind::Angle => (raw * line.scale + line.offset).rem_euclid(360.0),
        Kind::Total | Kind::TotalIncreasing => raw * line.scale,
        Kind::State | Kind::Text => raw,
    }
}

fn rise(kind: Kind, a: f64, b: f64) -> f64 {
    match kind {
        _ if b >= a => b - a,
        Kind::TotalIncreasing if b >= a * 0.9 => b - a,
        Kind::TotalIncreasing => b.max(0.0),
        Kind::Total | Kind::Measurement | Kind::Angle | Kind::State | Kind::Text => 0.0,
    }
}

/// As the API makes them: stored windows where they do, readings elsewhere.
fn calibrated(kind: Kind, all: &Calibrations, grid: &Grid, readings: &[Reading]) -> Vec<Calibrated> {
    let counted: Vec<&Reading> = readings.iter().filter(|reading| reading.charted().is_some()).collect();
    let times: Vec<i64> = counted.iter().map(|reading| reading.key.time.millis()).collect();
    let numbers: Vec<f64> = counted.iter().filter_map(|reading| reading.charted()).collect();
    let mut stored = vec![Window::default(); grid.count()];
    fold_ascending(&times, &numbers, grid, kind, &mut stored);
    let one = |(index, raw): (usize, &Window)| {
        let (from, to) = (grid.edge_ms(index), grid.edge_ms(index + 1));
        Calibrated::of_stored(kind, all, (from, to), raw).unwrap_or_else(|| {
            let mut made = Calibrated::default();
            let inside = readings.iter().filter(|reading| (from..to).contains(&reading.key.time.millis()));
            inside.for_each(|reading| made.push(kind, all, reading));
            made
        })
    };
    stored.iter().enumerate().map(one).collect()
}

fn near(found: f64, expected: f64, size: f64) -> bool {
    (found - expected).abs() <= 1e-12 * size.max(1e-300)
}

fn lines(kind: Kind) -> BoxedStrategy<Vec<(i64, Line)>> {
    let total = matches!(kind, Kind::Total | Kind::TotalIncreasing);
    let scale = prop_oneof![Just(1.0), 0.01..100.0, Just(0.1)];
    let scale = (scale, any::<bool>()).prop_map(move |(scale, turned)| if turned && !total { -scale } else { scale });
    let offset = if total { Just(0.0).boxed() } else { prop_oneof![Just(0.0), -500.0..500.0].boxed() };
    let line = (scale, offset).prop_map(|(scale, offset)| Line { scale, offset });
    prop::collection::btree_map(-5 * SECOND..60 * SECOND, line, 0..4).prop_map(|all| all.into_iter().collect()).boxed()
}

fn story() -> impl Strategy<Value = (Kind, Vec<(i64, Line)>, Vec<Reading>)> {
    let kinds = [Kind::Measurement, Kind::Angle, Kind::Total, Kind::TotalIncreasing, Kind::State];
    prop::sample::select(kinds.to_vec()).prop_flat_map(|kind| {
        let number = match kind {
            Kind::Angle => (0.0..360.0).boxed(),
            Kind::Total | Kind::TotalIncreasing => (0.0..1_000.0).boxed(),
            Kind::Measurement | Kind::State | Kind::Text => {
                prop_oneof![-1e3..1e3, Just(0.0), Just(-0.0), -1e9..1e9].boxed()
            }
        };
        let judged = prop_oneof![
            8 => Just(Judgement::Good),
            1 => Just(Judgement::Suspect(Flaw::from_code(1))),
            1 => Just(Judgement::Bad(Flaw::from_code(1))),
        ];
        let value = prop_oneof![9 => number.prop_map(Value::Number), 1 => Just(Value::Text("calm".into()))];
        let readings = prop::collection::vec((0..50 * SECOND, value, judged), 0..120).prop_map(|mut rows| {
            rows.sort_by_key(|(time, ..)| *time);
            rows.into_iter().map(|(time, value, judged)| reading(time, value, judged)).collect()
        });
        (Just(kind), lines(kind), readings)
    })
}

proptest! {
    #[test]
    fn windows_are_those_of_readings_calibrated_one_by_one((kind, lines, readings) in story()) {
        let all: Calibrations = lines.iter().map(|(from, line)| (Timestamp::saturating(*from), *line)).collect();
        let range = TimeRange { from: Timestamp::saturating(0), to: Timestamp::saturating(50 * SECOND) };
        let grid = Grid::covering(range, Resolution::from_millis(10 * SECOND).unwrap());
        let found = calibrated(kind, &all, &grid, &readings);
        for (index, of) in found.iter().enumerate() {
            let inside = |time: i64| (grid.edge_ms(index)..grid.edge_ms(index + 1)).contains(&time);
            let counted = readings.iter().filter_map(|reading| Some((reading.key.time.millis(), reading.charted()?)));
            let values: Vec<f64> = counted
                .filter(|(time, _)| inside(*time))
                .map(|(time, raw)| plainly(kind, &lines, time, raw))
                .collect();
            prop_assert_eq!(of.window.count, values.len() as u64);
            if values.is_empty() {
                continue;
            }
            let size: f64 = values.iter().map(|value| value.abs()).sum::<f64>() + values.len() as f64 * 1e5;
            prop_assert_eq!(of.window.min, values.iter().copied().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(of.window.max, values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            prop_assert_eq!((of.window.first, of.window.last), (values[0], values[values.len() - 1]));
            prop_assert!(near(of.window.sum, values.iter().sum(), size), "{:?} {:?}", of.window, values);
            if kind == Kind::Angle {
                let mut whole = Aspect::one(kind, values[0]);
                values[1..].iter().for_each(|value| {
                    let mut window = Window { count: 1, aspect: whole, ..Window::default() };
                    window.merge(&Window::one(kind, *value));
                    whole = window.aspect;
                });
                prop_assert_eq!(of.window.aspect, whole);
            }
        }
    }

    #[test]
    fn a_change_of_calibration_is_no_consumption((kind, lines, readings) in story(), before in prop::option::of(0.0..1e3)) {
        let kind = if kind == Kind::Total { Kind::Total } else { Kind::TotalIncreasing };
        let lines: Vec<_> = lines
            .into_iter()
            .map(|(from, line)| (from, Line { scale: line.scale.abs(), offset: 0.0 }))
            .collect();
        let all: Calibrations = lines.iter().map(|(from, line)| (Timestamp::saturating(*from), *line)).collect();
        let range = TimeRange { from: Timestamp::saturating(0), to: Timestamp::saturating(50 * SECOND) };
        let grid = Grid::covering(range, Resolution::from_millis(10 * SECOND).unwrap());
        let found = calibrated_increases(kind, &calibrated(kind, &all, &grid, &readings), before);
        let mut expected: Vec<Option<f64>> = vec![None; grid.count()];
        let mut last = before;
        for reading in &readings {
            let (time, Some(raw)) = (reading.key.time.millis(), reading.charted()) else { continue };
            let step = last.map_or(0.0, |last| rise(kind, last, raw));
            let into = expected[grid.index_of(time).unwrap()].get_or_insert(0.0);
            *into += plainly(kind, &lines, time, step);
            last = Some(raw);
        }
        for (found, expected) in found.iter().zip(&expected) {
            let same = match (found, expected) {
                (Some(found), Some(expected)) => near(*found, *expected, expected.abs() + 1e6),
                (found, expected) => found == expected,
            };
            prop_assert!(same, "{found:?} is not {expected:?}");
        }
    }

    #[test]
    fn readings_are_calibrated_if_charts_take_them((kind, lines, readings) in story()) {
        let all: Calibrations = lines.iter().map(|(from, line)| (Timestamp::saturating(*from), *line)).collect();
        for raw in readings {
            let mut found = raw.clone();
            all.reading(kind, &mut found);
            match (&raw.value, raw.charted()) {
                (Value::Number(number), Some(_)) => {
                    let expected = plainly(kind, &lines, raw.key.time.millis(), *number);
                    prop_assert_eq!(found.charted(), Some(expected));
                }
                (_, _) => prop_assert_eq!(found, raw),
            }
        }
    }

    #[test]
    fn two_pairs_lie_on_their_line(a in -1e3..1e3, b in -1e3..1e3, x in -1e3..1e3, y in -1e3..1e3) {
        prop_assume!(f64::abs(a - b) > 1e-3 && f64::abs(x - y) > 1e-3);
        let line = Line::through([a, x], [b, y]).unwrap();
        prop_assert!(f64::abs(line.number(Kind::Measurement, a) - x) < 1e-6);
        prop_assert!(f64::abs(line.number(Kind::Measurement, b) - y) < 1e-6);
    }
}

#[test]
fn there_is_no_line_through_one_raw_value_and_none_that_is_flat() {
    assert_eq!(Line::through([1.0, 2.0], [1.0, 3.0]), None);
    assert_eq!(Line::through([1.0, 2.0], [2.0, 2.0]), None);
    assert_eq!(Line::through([0.0, 1.0], [100.0, 101.0]), Some(Line { scale: 1.0, offset: 1.0 }));
}

#[test]
fn nothing_is_calibrated_before_the_first_and_bools_stay() {
    let all: Calibrations = [(Timestamp::saturating(10), Line { scale: 2.0, offset: 1.0 })].into_iter().collect();
    let value = |time, value| {
        let mut found = reading(time, value, Judgement::Good);
        all.reading(Kind::Measurement, &mut found);
        found.value
    };
    assert_eq!(value(9, Value::Number(-0.0)), Value::Number(-0.0));
    assert_eq!(value(10, Value::Number(3.0)), Value::Number(7.0));
    assert_eq!(value(10, Value::Bool(true)), Value::Bool(true));
}
