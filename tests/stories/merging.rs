//! Two devices turn out to be one.

use serde_json::{Value, json};
use stories::{Operator, Story};

fn merge(operator: &Operator, from: &str, into: &str) -> stories::Answer {
    operator.post(&format!("/devices/{from}/merge"), &json!({"into": into}))
}

fn at(second: i64, field: &str, value: f64) -> String {
    format!(r#"{{"ts":{},"{field}":{value}}}"#, 1_700_000_000_000_i64 + second * 1000)
}

fn values(operator: &Operator, device: &str, metric: &str) -> Vec<f64> {
    operator.values(device, metric).iter().map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn readings_and_later_messages_of_one_are_the_others() {
    let mut story = Story::begin();
    let (mut old, mut new) = (story.device("old"), story.device("new"));
    for second in 0..4 {
        old.publish("old", at(second, "temperature", 10.0 + second as f64));
    }
    old.publish("old", at(0, "humidity", 40.0));
    for second in 2..6 {
        new.publish("new", at(second, "temperature", 20.0 + second as f64));
    }
    let operator = story.operator();
    let merged = merge(&operator, "old", "new");
    assert_eq!(merged.status, 200, "{merged:?}");
    assert_eq!(merged.body["merged"], json!(["old"]));
    // Of a time that both have, the reading of the one that stays counts.
    let temperature = [10.0, 11.0, 22.0, 23.0, 24.0, 25.0];
    assert_eq!(values(&operator, "new", "temperature"), temperature);
    assert_eq!(values(&operator, "new", "humidity"), [40.0], "a metric of the other changes hands");
    assert_eq!(operator.get("/devices/old").problem(&[404]), "device_unknown");
    let books = operator.see("/books");
    let holdings = json!({"stored": 9, "readings": 7, "deleted": 0, "expired": 0, "absorbed": 2, "lost": 0});
    assert_eq!(books["holdings"], holdings);

    for (second, restart) in (10..).zip([Story::kill_and_restart as fn(&mut Story), Story::restart]) {
        story.device("old").publish("old", at(second, "temperature", 30.0));
        restart(&mut story);
        let operator = story.operator();
        assert_eq!(operator.get("/devices/old").status, 404, "what the old one sends makes no device");
        assert_eq!(values(&operator, "new", "temperature")[..6], temperature);
    }
    assert_eq!(values(&story.operator(), "new", "temperature")[6..], [30.0, 30.0]);
    story.finish();
}

#[test]
fn a_chain_of_merges_ends_at_the_last() {
    let mut story = Story::begin();
    for key in ["a", "b", "c"] {
        story.device(key).publish(key, r#"{"x":1}"#);
    }
    let operator = story.operator();
    assert_eq!(merge(&operator, "a", "b").status, 200);
    assert_eq!(merge(&operator, "b", "c").status, 200);
    story.restart();
    story.device("a").publish("a", r#"{"x":2}"#);
    let operator = story.operator();
    assert_eq!(values(&operator, "c", "x"), [1.0, 1.0, 1.0, 2.0]);
    assert_eq!(operator.see("/devices")["items"].as_array().map(Vec::len), Some(1));
    story.finish();
}

#[test]
fn what_is_no_one_device_is_not_merged() {
    let story = Story::begin();
    story.device("a").publish("a", r#"{"temperature":{"value":20,"unit":"C"}}"#);
    story.device("b").publish("b", r#"{"temperature":{"value":70,"unit":"F"}}"#);
    let operator = story.operator();
    let unit = |key: &str| -> Value { operator.see(&format!("/devices/{key}"))["metrics"][0]["unit"].clone() };
    assert_eq!(merge(&operator, "a", "a").problem(&[409]), "merge_itself");
    assert_eq!(merge(&operator, "a", "nobody").problem(&[404]), "device_unknown");
    assert_eq!(merge(&operator, "nobody", "a").problem(&[404]), "device_unknown");
    assert_eq!((unit("a"), unit("b")), (json!("°C"), json!("°F")));
    let refused = merge(&operator, "a", "b");
    assert_eq!(refused.problem(&[409]), "units_differ");
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("°C") && detail.contains("°F"), "{detail}");
    assert_eq!(operator.see("/devices")["items"].as_array().map(Vec::len), Some(2));
    story.finish();
}
