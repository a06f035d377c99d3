//! `vectors.json`, which the page is held against as well. Its expected values come from exact rational arithmetic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use model::{Flaw, Judgement, Kind, Reading, ReadingKey, Resolution, TimeRange, TimeSource, Timestamp, Value};
use serde_json::Value as Json;
use windows::{CalendarStep, Grid, Window, Zone, fold_ascending, increases};

fn vectors() -> Json {
    serde_json::from_str(include_str!("../vectors.json")).unwrap()
}

fn range(case: &Json) -> TimeRange {
    let time = |name: &str| Timestamp::from_millis(case[name].as_i64().unwrap()).unwrap();
    TimeRange { from: time("from"), to: time("to") }
}

fn assert_grid(grid: &Grid, case: &Json) {
    assert_eq!(Some(grid.t0_ms()), case["t0"].as_i64(), "{}", case["note"]);
    assert_eq!(Some(grid.count() as u64), case["count"].as_u64(), "{}", case["note"]);
}

fn reading(json: &Json) -> Reading {
    let value = match &json["v"] {
        Json::Bool(on) => Value::Bool(*on),
        Json::String(text) => Value::Text(text.as_str().into()),
        Json::Number(number) => Value::Number(number.as_f64().unwrap()),
        Json::Null | Json::Array(_) | Json::Object(_) => Value::Number(f64::NAN),
    };
    let judgement = match json["q"].as_u64() {
        Some(1) => Judgement::Suspect(Flaw::Other),
        Some(2) => Judgement::Bad(Flaw::Other),
        _ => Judgement::Good,
    };
    let key = ReadingKey { time: Timestamp::from_millis(json["t"].as_i64().unwrap()).unwrap(), n: 0 };
    Reading { key, value, judgement, time_source: TimeSource::Device, claimed_ms: None }
}

fn assert_window(found: &Window, expected: &Json, note: &Json) {
    if expected.is_null() {
        return assert_eq!(found.count, 0, "{note}");
    }
    assert_eq!(Some(found.count), expected["count"].as_u64(), "{note}");
    let number = |name: &str| expected[name].as_f64().unwrap();
    for (name, value) in [("min", found.min), ("max", found.max), ("first", found.first), ("last", found.last)] {
        assert_eq!(value.to_bits(), number(name).to_bits(), "{note}: {name} {value}");
    }
    assert!((found.sum - number("sum")).abs() <= 1e-12 * number("sum").abs(), "{note}: sum {}", found.sum);
}

#[test]
fn a_range_and_a_width_give_the_grid() {
    for case in vectors()["grids"].as_array().unwrap() {
        let step = Resolution::for_width(range(case), u32::try_from(case["width"].as_u64().unwrap()).unwrap());
        assert_eq!(Some(step.millis()), case["step_ms"].as_i64(), "{}", case["note"]);
        assert_grid(&Grid::covering(range(case), step), case);
    }
}

#[test]
fn readings_give_the_windows_one_by_one_and_folded() {
    for case in vectors()["folds"].as_array().unwrap() {
        let grid = Grid::covering(range(case), Resolution::from_millis(case["step_ms"].as_i64().unwrap()).unwrap());
        assert_grid(&grid, case);
        let readings: Vec<Reading> = case["readings"].as_array().unwrap().iter().map(reading).collect();
        let mut pushed = vec![Window::default(); grid.count()];
        for reading in &readings {
            if let Some(index) = grid.index_of(reading.key.time.millis()) {
                pushed[index].push_reading(Kind::Measurement, reading);
            }
        }
        let charted = |reading: &Reading| Some((reading.key.time.millis(), reading.charted()?));
        let (times, numbers): (Vec<i64>, Vec<f64>) = readings.iter().filter_map(charted).unzip();
        let mut folded = vec![Window::default(); grid.count()];
        fold_ascending(&times, &numbers, &grid, Kind::Measurement, &mut folded);
        for (index, expected) in case["windows"].as_array().unwrap().iter().enumerate() {
            assert_window(&pushed[index], expected, &case["note"]);
            assert_window(&folded[index], expected, &case["note"]);
        }
    }
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn window(kind: Kind, json: &Json) -> Window {
    let mut window = Window::default();
    numbers(json).into_iter().for_each(|number| window.push(kind, number));
    window
}

#[test]
fn a_range_a_step_and_a_zone_give_the_edges() {
    for case in vectors()["calendars"].as_array().unwrap() {
        let step = CalendarStep::parse(case["step"].as_str().unwrap()).unwrap();
        let zone = Zone::parse(case["zone"].as_str().unwrap()).unwrap();
        let grid = Grid::calendar(range(case), step, &zone);
        let mut edges: Vec<i64> = grid.starts_ms().collect();
        edges.extend((grid.count() > 0).then(|| grid.end_ms()));
        assert_eq!(serde_json::json!(edges), case["edges"], "{}", case["note"]);
    }
}

#[test]
fn angles_have_a_circular_mean() {
    for case in vectors()["angles"].as_array().unwrap() {
        let mean = window(Kind::Angle, &case["numbers"]).mean();
        let apart = mean.zip(case["mean"].as_f64()).map(|(mean, expected)| (mean - expected).rem_euclid(360.0));
        assert_eq!(mean.is_some(), apart.is_some(), "{}: {mean:?}", case["note"]);
        assert!(apart.is_none_or(|apart| apart.min(360.0 - apart) < 1e-9), "{}: {mean:?}", case["note"]);
    }
}

#[test]
fn totals_have_an_increase() {
    for case in vectors()["totals"].as_array().unwrap() {
        let kind = if case["kind"] == "total" { Kind::Total } else { Kind::TotalIncreasing };
        let windows: Vec<Window> = case["windows"].as_array().unwrap().iter().map(|of| window(kind, of)).collect();
        let found = increases(kind, &windows, case["before"].as_f64());
        let expected: Vec<Option<f64>> = case["increases"].as_array().unwrap().iter().map(Json::as_f64).collect();
        assert_eq!(found, expected, "{}", case["note"]);
    }
}
