//! Readings that somebody does not want to see: hidden from every answer, and all there when they are shown again.

use serde_json::{Value, json};
use stories::{Operator, Story};

const START: i64 = 1_700_000_000_000;

fn hide(operator: &Operator, what: &str, from: i64, to: i64) {
    let body = json!({"device": "attic", "metric": "temperature", "from": START + from, "to": START + to});
    let answer = operator.post(&format!("/readings/{what}"), &body);
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn publish(story: &Story, second: i64) {
    let payload = format!(r#"{{"ts":{},"temperature":{second}}}"#, START + second * 1000);
    story.device("attic").publish("attic", payload);
}

fn shown(operator: &Operator) -> Vec<i64> {
    let values = operator.values("attic", "temperature");
    let shown: Vec<i64> = values.iter().map(|value| value.as_f64().unwrap() as i64).collect();
    // Windows and the newest reading say the same as the readings themselves.
    let path = format!("/windows?device=attic&metric=temperature&from={START}&to={}&step_ms=1000", START + 60_000);
    let counted = operator.see(&path)["readings"].as_u64();
    assert_eq!(counted, Some(shown.len() as u64));
    let latest =
        operator.see("/latest?device=attic")["items"].as_array().unwrap().first().map(|item| item["v"].clone());
    let device = operator.see("/devices/attic")["metrics"][0]["latest"]["v"].clone();
    assert_eq!(latest.as_ref().and_then(Value::as_f64).map(|value| value as i64), shown.last().copied());
    assert_eq!(device.as_f64().map(|value| value as i64), shown.last().copied());
    shown
}

#[test]
fn hidden_readings_are_in_no_answer_and_come_back_whole() {
    let mut story = Story::begin();
    (0..10).for_each(|second| publish(&story, second));
    let operator = story.operator();
    assert_eq!(shown(&operator).len(), 10);
    hide(&operator, "hide", 3_000, 5_000);
    hide(&operator, "hide", 8_000, 20_000);
    assert_eq!(shown(&operator), [0, 1, 2, 5, 6, 7]);
    publish(&story, 15);
    assert_eq!(shown(&operator), [0, 1, 2, 5, 6, 7], "what comes into a hidden range is hidden");

    let ranges = json!([
        {"device": "attic", "metric": "temperature", "from": START + 3_000, "to": START + 5_000},
        {"device": "attic", "metric": "temperature", "from": START + 8_000, "to": START + 20_000},
    ]);
    for restart in [Story::kill_and_restart as fn(&mut Story), Story::restart] {
        restart(&mut story);
        let operator = story.operator();
        assert_eq!(shown(&operator), [0, 1, 2, 5, 6, 7]);
        assert_eq!(operator.see("/readings/hidden")["items"], ranges);
        assert_eq!(operator.see("/readings/hidden?device=attic&metric=temperature")["items"], ranges);
        publish(&story, 16);
        assert_eq!(shown(&operator), [0, 1, 2, 5, 6, 7]);
    }
    let operator = story.operator();
    hide(&operator, "unhide", 9_000, 16_000);
    assert_eq!(shown(&operator), [0, 1, 2, 5, 6, 7, 9, 15]);
    hide(&operator, "unhide", 0, 60_000);
    assert_eq!(shown(&operator), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16]);
    assert_eq!(operator.see("/readings/hidden")["items"], json!([]));
    let stored = operator.settled_books().readings.stored;
    assert_eq!(operator.see("/books")["holdings"]["readings"], json!(stored));
    story.finish();
}

#[test]
fn only_a_range_of_a_series_can_be_hidden() {
    let story = Story::begin();
    publish(&story, 0);
    let operator = story.operator();
    let ask = |body: Value| operator.post("/readings/hide", &body);
    assert_eq!(ask(json!({"device": "attic", "metric": "nothing"})).problem(&[404]), "metric_unknown");
    assert_eq!(ask(json!({"device": "nobody", "metric": "x"})).problem(&[404]), "device_unknown");
    let backwards = json!({"device": "attic", "metric": "temperature", "from": 5, "to": 5});
    assert_eq!(ask(backwards).problem(&[422]), "range_empty");
    assert_eq!(operator.get("/readings/hidden?device=nobody").problem(&[404]), "device_unknown");
    assert_eq!(shown(&operator), [0]);
    // Without ends it is all of it, and what will come.
    assert_eq!(ask(json!({"device": "attic", "metric": "temperature"})).status, 200);
    publish(&story, 1);
    assert_eq!(shown(&operator), [] as [i64; 0]);
    let all = json!([{"device": "attic", "metric": "temperature", "from": null, "to": null}]);
    assert_eq!(operator.see("/readings/hidden")["items"], all);
    story.finish();
}
