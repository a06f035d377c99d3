//! Messages of a broker that is not ours: a real Mosquitto, killed and restarted, and our server killed in between.

use std::fs;

use serde_json::{Value, json};
use stories::{Mosquitto, Operator, Story, expect};

/// The settings of an external broker called `far`.
pub fn far(mosquitto: &Mosquitto, filters: &[&str]) -> Value {
    let filters: Vec<_> = filters.iter().map(|filter| json!({"filter": filter, "qos": 1})).collect();
    json!({"name": "far", "host": "127.0.0.1", "port": mosquitto.address().port(), "filters": filters})
}

pub fn add(operator: &Operator, settings: &Value) {
    let added = operator.post("/brokers", settings);
    assert_eq!(added.status, 201, "{added:?}");
}

/// Changes `far`.
pub fn change(operator: &Operator, body: &Value) {
    let json_type = [("content-type", "application/json")];
    let changed = operator.send("PATCH", "/brokers/far", &json_type, Some(body.to_string().as_bytes()));
    assert_eq!(changed.status, 200, "{changed:?}");
}

pub fn expect_state(operator: &Operator, state: &str) -> Value {
    expect(&format!("the link to be {state}"), || {
        let found = operator.see("/brokers/far");
        if found["state"] == state { Ok(found) } else { Err(found) }
    })
}

/// Waits until that many messages came since the start or the last change, and all are acknowledged.
pub fn expect_received(operator: &Operator, count: u64) {
    expect(&format!("{count} messages to be received"), || {
        let found = operator.see("/brokers/far");
        if found["received"] == count && found["in_flight"] == 0 { Ok(()) } else { Err(found) }
    });
}

pub fn numbers(from: u32, to: u32) -> (Vec<String>, Vec<Value>) {
    ((from..to).map(|n| n.to_string()).collect(), (from..to).map(|n| json!(f64::from(n))).collect())
}

#[test]
fn messages_of_an_external_broker_arrive_and_balance() {
    let mosquitto = Mosquitto::begin("");
    let mut story = Story::begin();
    let operator = story.operator();
    // Overlapping filters: every message still comes once.
    add(&operator, &far(&mosquitto, &["tank/#", "tank/+/level", "+/one/level"]));
    expect_state(&operator, "connected");
    let (payloads, values) = numbers(0, 300);
    mosquitto.publish(&[], "tank/one/level", &payloads);
    operator.expect_values("tank/one", "level", &values);
    assert_eq!(operator.book("far").messages.received, 300);
    let seen = operator.see("/brokers/far/seen");
    assert_eq!((&seen["items"][0]["topic"], &seen["items"][0]["text"]), (&json!("tank/one/level"), &json!("299")));

    // It is kept over a restart of ours, and what came meanwhile is there.
    story.kill();
    let (payloads, more) = numbers(300, 400);
    mosquitto.publish(&[], "tank/one/level", &payloads);
    story.start();
    let operator = story.operator();
    operator.expect_values("tank/one", "level", &[values, more].concat());

    let removed = operator.send("DELETE", "/brokers/far", &[], None);
    assert_eq!(removed.status, 204, "{removed:?}");
    assert_eq!(operator.get("/brokers/far").problem(&[404]), "broker_unknown");
    story.finish();
}

#[test]
fn a_broker_that_ends_and_comes_back_is_heard_again() {
    let mut mosquitto = Mosquitto::begin("");
    let story = Story::begin();
    let operator = story.operator();
    add(&operator, &far(&mosquitto, &["tank/#"]));
    expect_state(&operator, "connected");
    let mut all = Vec::new();
    for round in 0..2 {
        let (payloads, values) = numbers(round * 100, round * 100 + 100);
        mosquitto.publish(&[], "tank/one/level", &payloads);
        all.extend(values);
        operator.expect_values("tank/one", "level", &all);
        mosquitto.end();
        let failing = expect_state(&operator, "failing");
        assert!(failing["detail"].as_str().unwrap().ends_with('.'), "{failing}");
        mosquitto.start();
        assert_eq!(expect_state(&operator, "connected")["gaps"], json!([]), "it kept our session");
    }
    story.finish();
}

#[test]
fn a_broker_that_forgot_us_leaves_a_gap_that_is_told() {
    let mut mosquitto = Mosquitto::begin("");
    let story = Story::begin();
    let operator = story.operator();
    add(&operator, &far(&mosquitto, &["tank/#"]));
    expect_state(&operator, "connected");
    mosquitto.end();
    expect_state(&operator, "failing");
    fs::remove_file(mosquitto.folder().join("mosquitto.db")).unwrap();
    mosquitto.start();
    let gaps = expect_state(&operator, "connected")["gaps"].clone();
    assert_eq!(gaps.as_array().map(Vec::len), Some(1), "{gaps}");
    assert!(gaps[0]["from"].as_i64() <= gaps[0]["to"].as_i64(), "{gaps}");
    mosquitto.publish(&[], "tank/one/level", &["7".to_owned()]);
    operator.expect_values("tank/one", "level", &[json!(7.0)]);
    story.finish();
}

#[test]
fn kills_with_messages_unacknowledged_lose_and_double_nothing() {
    // No limit: what is unacknowledged when we die may be thousands.
    let mosquitto = Mosquitto::begin("max_inflight_messages 0\nautosave_interval 1800");
    let mut story = Story::begin();
    add(&story.operator(), &far(&mosquitto, &["tank/#"]));
    expect_state(&story.operator(), "connected");
    let mut all = Vec::new();
    for round in 0..4 {
        let (payloads, values) = numbers(round * 1500, round * 1500 + 1500);
        let before = all.len();
        all.extend(values);
        std::thread::scope(|scope| {
            scope.spawn(|| mosquitto.publish(&[], "tank/one/level", &payloads));
            let operator = story.operator();
            expect("the flow to have begun", || {
                let found = operator.values("tank/one", "level").len();
                if found > before + 300 { Ok(()) } else { Err(found) }
            });
            story.kill_and_restart();
        });
    }
    story.operator().expect_values("tank/one", "level", &all);
    story.finish();
}

#[test]
fn a_wrong_password_is_a_sentence_and_never_answered() {
    let mosquitto = Mosquitto::begin_guarded(tempfile::tempdir().unwrap(), "", "gate", "right");
    let story = Story::begin();
    let operator = story.operator();
    let mut settings = far(&mosquitto, &["tank/#"]);
    settings["username"] = json!("gate");
    settings["password"] = json!("a-wrong-one");
    add(&operator, &settings);
    let failing = expect_state(&operator, "failing");
    assert!(failing["detail"].as_str().unwrap().contains("password"), "{failing}");
    assert_eq!((&failing["has_password"], failing.get("password")), (&json!(true), None));

    change(&operator, &json!({"password": "right"}));
    expect_state(&operator, "connected");
    mosquitto.publish(&[], "tank/one/level", &["7".to_owned()]);
    operator.expect_values("tank/one", "level", &[json!(7.0)]);
    story.finish();
}
