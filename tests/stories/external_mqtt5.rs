//! External brokers in MQTT 5: what it does otherwise than 3.1.1, with a real Mosquitto.

use serde_json::{Value, json};
use stories::{Mosquitto, Operator, Story, expect};

use crate::external_brokers::{add, change, expect_received, expect_state, far, numbers};

fn far_5(mosquitto: &Mosquitto, filters: &[&str]) -> Value {
    let mut settings = far(mosquitto, filters);
    settings["protocol"] = json!("5");
    settings["client_id"] = json!("gateway");
    settings
}

fn expect_refused(operator: &Operator, words: &[&str]) {
    expect(&format!("a sentence with {words:?}"), || {
        let found = operator.see("/brokers/far");
        let detail = found["detail"].as_str().unwrap_or_default();
        if words.iter().all(|word| detail.contains(word)) { Ok(()) } else { Err(found) }
    });
}

#[test]
fn kills_at_both_ends_lose_and_double_nothing() {
    // No limit of its own: it is held by the number of messages that we announced to take.
    let mut mosquitto = Mosquitto::begin("max_inflight_messages 0");
    let mut story = Story::begin();
    add(&story.operator(), &far_5(&mosquitto, &["tank/#"]));
    expect_state(&story.operator(), "connected");
    let mut all = Vec::new();
    for round in 0..4 {
        let (payloads, values) = numbers(round * 1000, round * 1000 + 1000);
        mosquitto.publish(&[], "tank/one/level", &payloads);
        all.extend(values);
        if round % 2 == 0 {
            story.kill_and_restart();
        } else {
            mosquitto.end();
            mosquitto.start();
        }
    }
    story.operator().expect_values("tank/one", "level", &all);
    assert_eq!(expect_state(&story.operator(), "connected")["gaps"], json!([]));
    story.finish();
}

#[test]
fn retained_messages_are_replayed_once_and_properties_change_nothing() {
    let mosquitto = Mosquitto::begin("");
    let mut story = Story::begin();
    let payload = r#"{"ts":1700000000000,"level":1}"#.to_owned();
    mosquitto.publish(&["-r"], "tank/one", &[payload]);
    add(&story.operator(), &far_5(&mosquitto, &["tank/#"]));
    story.operator().expect_values("tank/one", "level", &[json!(1.0)]);
    expect_received(&story.operator(), 1);
    story.restart();
    expect_state(&story.operator(), "connected");
    let properties =
        ["-V", "5", "-D", "publish", "user-property", "room", "cellar", "-D", "publish", "content-type", "x"];
    let more = ["-D", "publish", "message-expiry-interval", "60", "-D", "publish", "topic-alias", "1"];
    mosquitto.publish(&[&properties[..], &more].concat(), "tank/two/level", &["6".to_owned()]);
    story.operator().expect_values("tank/two", "level", &[json!(6.0)]);
    expect_received(&story.operator(), 1);
    story.finish();
}

#[test]
fn a_wrong_password_is_told() {
    let mosquitto = Mosquitto::begin_guarded(tempfile::tempdir().unwrap(), "", "gate", "right");
    let story = Story::begin();
    let operator = story.operator();
    let mut settings = far_5(&mosquitto, &["tank/#"]);
    settings["username"] = json!("gate");
    settings["password"] = json!("wrong");
    add(&operator, &settings);
    expect_refused(&operator, &["refused the connection", "password"]);
    change(&operator, &json!({"password": "right"}));
    expect_state(&operator, "connected");
    story.finish();
}
