//! `vectors.json`, which the page is held against as well. Its expected values come from exact rational arithmetic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use model::{Flaw, Judgement, Kind, Reading, ReadingKey, Resolution, TimeRange, TimeSource, Timestamp, Value};
use serde_json::Value as Json;
use windows::{Grid, Window, fold_ascending};

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
