//! From a publish to the chart's data, nothing configured.

use std::process::Command;

use serde_json::json;
use stories::{Story, expect, run_to_end, server_program};

#[test]
fn an_acknowledged_publish_is_there_at_the_next_look() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("esp32");

    device.publish("esp32/dht/temperature", "23.75");
    assert_eq!(operator.values("esp32/dht", "temperature"), [json!(23.75)]);

    device.publish("home/kitchen/climate", r#"{"temperature":21.5,"humidity":48}"#);
    assert_eq!(operator.values("home/kitchen/climate", "temperature"), [json!(21.5)]);
    assert_eq!(operator.values("home/kitchen/climate", "humidity"), [json!(48.0)]);
    story.finish();
}

#[test]
fn the_publish_lines_of_the_readme_work_as_they_stand() {
    let story = Story::begin();
    let publish = |topic: &str, payload: &str| {
        let mut command = Command::new(server_program());
        command.args(["publish", topic, payload, "--data"]).arg(story.data());
        let ended = run_to_end(command);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
    };
    publish("home/kitchen/climate", r#"{"temperature":21.5,"humidity":48}"#);
    publish("esp32/dht/temperature", "23.75");
    let operator = story.operator();
    assert_eq!(operator.values("home/kitchen/climate", "humidity"), [json!(48.0)]);
    assert_eq!(operator.values("esp32/dht", "temperature"), [json!(23.75)]);
    story.finish();
}

#[test]
fn an_unknown_device_stands_in_the_list_as_new_with_units_and_their_origin() {
    let story = Story::begin();
    let operator = story.operator();
    story.device("esp32").publish("esp32/dht/temperature", "23.75");

    let devices = operator.see("/devices");
    let device = &devices["items"][0];
    assert_eq!((&device["key"], &device["new"]), (&json!("esp32/dht"), &json!(true)), "{devices}");
    let metric = &device["metrics"][0];
    assert_eq!(
        (&metric["name"], &metric["unit"], &metric["unit_source"], &metric["kind"]),
        (&json!("temperature"), &json!("°C"), &json!("assumed"), &json!("measurement"))
    );
    assert_eq!(metric["latest"]["v"], json!(23.75));
    assert_eq!(operator.see("/devices/esp32%2Fdht")["key"], "esp32/dht");
    let latest = operator.see("/latest?device=esp32%2Fdht");
    assert_eq!((&latest["items"][0]["metric"], &latest["items"][0]["v"]), (&json!("temperature"), &json!(23.75)));
    story.finish();
}

#[test]
fn the_page_can_tell_the_first_message_of_a_topic_as_a_sentence() {
    let story = Story::begin();
    let operator = story.operator();
    story.device("esp32").publish("home/kitchen/climate", r#"{"temperature":21.5,"humidity":48}"#);
    let heard = expect("the topic to be heard", || {
        let heard = operator.see("/inbox/heard");
        if heard["items"][0]["topic"] == "home/kitchen/climate" { Ok(heard) } else { Err(heard) }
    });
    let first = &heard["items"][0];
    assert_eq!(first["device"], "home/kitchen/climate");
    assert_eq!(first["text"], r#"{"temperature":21.5,"humidity":48}"#);
    assert_eq!(first["readings"].as_array().map(Vec::len), Some(2), "{heard}");
    story.finish();
}

#[test]
fn http_takes_the_same_messages_as_mqtt() {
    let story = Story::begin();
    let operator = story.operator();
    let answer = operator.send("POST", "/ingest/esp32/dht/temperature", &[], Some(b"23.75"));
    assert_eq!((answer.status, &answer.body), (200, &json!({"outcome": "stored", "readings": 1})));
    assert_eq!(operator.values("esp32/dht", "temperature"), [json!(23.75)]);

    let key = [("idempotency-key", "one-of-a-kind")];
    let first = operator.send("POST", "/ingest/esp32/dht/humidity", &key, Some(b"48"));
    let again = operator.send("POST", "/ingest/esp32/dht/humidity", &key, Some(b"48"));
    assert_eq!((&first.body["outcome"], &again.body["outcome"]), (&json!("stored"), &json!("duplicate")));
    assert_eq!(operator.values("esp32/dht", "humidity"), [json!(48.0)]);
    story.finish();
}

#[test]
fn windows_hold_the_true_extremes_and_nulls_where_nothing_is() {
    let story = Story::begin();
    let operator = story.operator();
    let start = 1_700_000_040_000_i64; // A whole minute.
    // Two minutes with a reading a second, one minute of nothing, one more minute.
    let seconds = (0..120).chain(180..240);
    let payload = |second: i64| format!(r#"{{"ts":{},"temperature":{}}}"#, start + second * 1000, second % 60);
    story.device("esp32").publish_all(seconds.map(|second| ("shed".into(), payload(second).into_bytes())));

    let path =
        |width| format!("/windows?device=shed&metric=temperature&from={start}&to={}&width={width}", start + 240_000);
    let windows = operator.see(&path(4));
    assert_eq!((&windows["t0"], &windows["step_ms"]), (&json!(start), &json!(60_000)), "{windows}");
    assert_eq!(windows["min"], json!([0.0, 0.0, null, 0.0]), "{windows}");
    assert_eq!(windows["max"], json!([59.0, 59.0, null, 59.0]));
    assert_eq!(windows["avg"], json!([29.5, 29.5, null, 29.5]));
    assert_eq!(windows["count"].as_array().map(|counts| counts.iter().filter_map(|n| n.as_u64()).sum()), Some(180_u64));
    assert_eq!(windows["readings"], 180);

    let raw = operator.see(&path(1000));
    assert_eq!(raw["raw"]["t"].as_array().map(Vec::len), Some(180), "fewer readings than pixels are drawn as they are");
    story.finish();
}

#[test]
fn a_person_names_a_device_and_two_people_do_not_overwrite_each_other() {
    let story = Story::begin();
    let operator = story.operator();
    story.device("esp32").publish("esp32/dht/temperature", "23.75");
    let version = operator.see("/devices/esp32%2Fdht")["version"].to_string();
    let rename = |name: &str| {
        let body = json!({"name": name, "new": false}).to_string();
        let headers = [("content-type", "application/json"), ("if-match", &format!("\"{version}\""))];
        operator.send("PATCH", "/devices/esp32%2Fdht", &headers, Some(body.as_bytes()))
    };
    let renamed = rename("Kitchen");
    assert_eq!((renamed.status, &renamed.body["name"], &renamed.body["new"]), (200, &json!("Kitchen"), &json!(false)));
    assert_eq!(rename("Cellar").problem(&[412]), "version_conflict");
    assert_eq!(operator.see("/devices/esp32%2Fdht")["name"], "Kitchen");
    story.finish();
}
