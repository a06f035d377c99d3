//! `serve --demo`: two devices that are alive, whose readings are nobody's invention, and that come back once.

use serde_json::{Value, json};
use simulator::office_room::{CSV, rows};
use stories::{Operator, Story, expect};

fn begin() -> Story {
    let desk = tempfile::tempdir().unwrap();
    let data = desk.path().join("data");
    Story::begin_on(desk, data, &["--demo"])
}

/// Waits until the replay has caught up with the present, and returns its temperatures.
fn replayed(operator: &Operator) -> Vec<(i64, Value)> {
    expect("the replay to have reached the present", || {
        let now = operator.see("/about")["now"].as_i64().unwrap();
        let found = operator.readings("demo/office-room", "temperature");
        // Rows are a minute apart, and no gap of the set lies in its last days.
        match found.last() {
            Some((time, _)) if now - time <= 62_000 => Ok(found),
            last => Err(format!("{} readings, the last {last:?} at {now}", found.len())),
        }
    })
}

#[test]
fn two_devices_are_alive_at_once_and_a_restart_adds_nothing_twice() {
    let mut story = begin();
    let operator = story.operator();
    let first = replayed(&operator);
    assert!(first.len() > 19_000, "{} readings", first.len());

    let rows = rows(CSV).unwrap();
    let moved = first[0].0 - rows[0].time;
    assert_eq!(moved % 86_400_000, 0, "clock time is kept");
    for ((time, value), row) in first.iter().zip(&rows) {
        assert_eq!((*time - moved, value.as_f64()), (row.time, Some(row.temperature)));
    }
    let device = operator.see("/devices/demo%2Foffice-room");
    for word in ["badge", "source", "licence"] {
        assert!(device["demo"][word].is_string(), "{device}");
    }
    let units: Vec<&Value> = device["metrics"].as_array().unwrap().iter().map(|metric| &metric["unit"]).collect();
    for unit in ["°C", "%", "lx", "ppm"] {
        assert!(units.contains(&&json!(unit)), "{unit} is missing: {units:?}");
    }
    expect("this computer to tell its load twice", || {
        let loads = operator.readings("demo/this-computer", "load");
        if loads.len() >= 2 { Ok(()) } else { Err(loads) }
    });

    story.restart();
    let again = replayed(&story.operator());
    assert_eq!(again[..first.len()], first[..], "what was there is there once");
    story.finish();
}

#[test]
fn the_demonstration_can_be_hidden_and_stays_so() {
    let mut story = begin();
    replayed(&story.operator());
    let answer = story.operator().send("DELETE", "/demo", &[], None);
    assert_eq!(answer.status, 204, "{answer:?}");
    for _ in 0..2 {
        let devices = story.operator().see("/devices");
        let shown = devices["items"].as_array().unwrap().iter().filter(|device| device["hidden"] != true);
        assert_eq!(shown.count(), 0, "{devices}");
        story.restart();
    }
    story.finish();
}
