//! Whose messages are whose, told while the server runs: the next message obeys.

use serde_json::{Value, json};
use stories::{Answer, Operator, Story};

fn send(operator: &Operator, method: &str, path: &str, body: &Value) -> Answer {
    operator.send(method, path, &[("content-type", "application/json")], Some(body.to_string().as_bytes()))
}

fn patch(operator: &Operator, device: &str, body: &Value) -> Answer {
    send(operator, "PATCH", &format!("/devices/{device}"), body)
}

/// The keys of all devices.
fn keys(operator: &Operator) -> Vec<String> {
    let list = operator.see("/devices?fields=key");
    list["items"].as_array().unwrap().iter().map(|item| item["key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn boards_that_share_a_topic_are_told_apart_by_their_client_id() {
    let mut story = Story::begin();
    let operator = story.operator();
    let topic = "esp32/dht/temperature";
    story.device("board-a").publish(topic, "1");
    for (key, client) in [("kitchen", "board-a"), ("cellar", "board-b"), ("web", "127.0.0.1")] {
        let made = operator.post("/devices", &json!({"key": key, "clients": [client]}));
        assert_eq!((made.status, &made.body["clients"]), (201, &json!([client])), "{made:?}");
    }
    // Connections that are open are meant as well.
    let (mut a, mut b, mut other) = (story.device("board-a"), story.device("board-b"), story.device("board-c"));
    for (device, value) in [(&mut a, "2"), (&mut b, "3"), (&mut other, "4")] {
        device.publish(topic, value);
    }
    assert_eq!(operator.values("esp32/dht", "temperature"), [json!(1.0), json!(4.0)]);
    assert_eq!(operator.values("kitchen", "temperature"), [json!(2.0)]);
    assert_eq!(operator.values("cellar", "temperature"), [json!(3.0)]);
    // An address over HTTP is no client id.
    assert_eq!(operator.send("POST", "/ingest/esp32/dht/temperature", &[], Some(b"5")).status, 200);
    assert!(operator.values("web", "temperature").is_empty());

    // One client speaks for one device, and changes hands with the next message.
    let taken = patch(&operator, "cellar", &json!({"clients": ["board-b", "board-a"]}));
    assert_eq!(taken.problem(&[409]), "client_bound");
    assert_eq!(patch(&operator, "kitchen", &json!({"clients": []})).status, 200);
    assert_eq!(patch(&operator, "cellar", &json!({"clients": ["board-b", "board-a"]})).status, 200);
    a.publish(topic, "6");
    assert_eq!(operator.values("cellar", "temperature"), [json!(3.0), json!(6.0)]);

    // A topic that is bound goes first, wherever it is published.
    assert_eq!(patch(&operator, "kitchen", &json!({"topics": ["esp32/dht/#"]})).status, 200);
    a.publish(topic, "7");
    a.publish("elsewhere", r#"{"humidity":40}"#);
    assert_eq!(operator.values("kitchen", "temperature"), [json!(2.0), json!(7.0)]);
    assert_eq!(operator.values("cellar", "humidity"), [json!(40.0)]);

    for restart in [Story::kill_and_restart as fn(&mut Story), Story::restart] {
        restart(&mut story);
        story.device("board-b").publish("elsewhere", r#"{"humidity":41}"#);
    }
    let humidity = story.operator().values("cellar", "humidity");
    assert_eq!(humidity, [40.0, 41.0, 41.0].map(|value| json!(value)));
    story.finish();
}

#[test]
fn a_client_goes_with_its_device_when_that_is_merged_or_deleted() {
    let mut story = Story::begin();
    let operator = story.operator();
    assert_eq!(operator.post("/devices", &json!({"key": "old", "clients": ["board"]})).status, 201);
    assert_eq!(operator.post("/devices", &json!({"key": "new"})).status, 201);
    story.device("board").publish("x/temperature", "1");
    assert_eq!(operator.post("/devices/old/merge", &json!({"into": "new"})).status, 200);
    story.device("board").publish("x/temperature", "2");
    assert_eq!(operator.values("new", "temperature"), [json!(1.0), json!(2.0)]);
    assert_eq!(operator.see("/devices/new")["clients"], json!(["board"]));

    let deleted = operator.send("DELETE", "/devices/new?confirm=new&now=true", &[], None);
    assert_eq!(deleted.status, 204, "{deleted:?}");
    story.kill_and_restart();
    story.device("board").publish("x/temperature", "3");
    let operator = story.operator();
    assert_eq!(keys(&operator), [] as [&str; 0], "it does not come back under another name");
    assert_eq!(operator.settled_books().messages.rejected["ignored"], 1);
    assert_eq!(operator.post("/devices", &json!({"key": "new"})).body["clients"], json!(["board"]));
    story.device("board").publish("x/temperature", "4");
    assert_eq!(operator.values("new", "temperature"), [json!(4.0)]);
    story.finish();
}

#[test]
fn bindings_beyond_their_limits_change_nothing() {
    let story = Story::begin();
    let operator = story.operator();
    let many = |what: &str| (0..101).map(|n| format!("{what}{n}")).collect::<Vec<_>>();
    for (body, code) in [
        (json!({"clients": many("c")}), "too_many_clients"),
        (json!({"topics": many("t")}), "too_many_topics"),
        (json!({"clients": [""]}), "client_invalid"),
        (json!({"clients": ["x".repeat(257)]}), "client_invalid"),
        (json!({"clients": ["a\u{7}b"]}), "client_invalid"),
        (json!({"topics": ["a/#/b"]}), "topic_invalid"),
        (json!({"client": "board"}), "body_invalid"),
    ] {
        let mut named = body.clone();
        named["key"] = json!("attic");
        assert_eq!(operator.post("/devices", &named).problem(&[422]), code);
        assert_eq!(keys(&operator), [] as [&str; 0], "{body}");
    }
    let full = json!({"key": "attic", "clients": &many("c")[..100], "topics": &many("t")[..100]});
    let made = operator.post("/devices", &full);
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(patch(&operator, "attic", &json!({"clients": many("c")})).problem(&[422]), "too_many_clients");
    assert_eq!(operator.see("/devices/attic")["clients"].as_array().map(Vec::len), Some(100));
    story.finish();
}

#[test]
fn a_will_on_a_bound_topic_tells_of_its_device() {
    let story = Story::begin();
    let operator = story.operator();
    let made = operator.post("/devices", &json!({"key": "boiler", "topics": ["cellar/#"]}));
    assert_eq!(made.status, 201, "{made:?}");
    let mut device = story.device("board");
    device.publish("cellar/left/state", r#"{"temperature":60}"#);
    device.publish("cellar/left/status", "offline");
    assert_eq!(operator.see("/devices/boiler")["status"], "offline");
    device.publish("cellar/left/status", "online");
    assert_eq!(operator.see("/devices/boiler")["status"], "online");
    story.finish();
}

#[test]
fn a_sender_is_ignored_before_it_was_ever_heard_and_heard_again() {
    let mut story = Story::begin();
    let operator = story.operator();
    let ignored = operator.post("/inbox/ignored", &json!({"key": "noisy"}));
    assert_eq!((ignored.status, &ignored.body["key"]), (200, &json!("noisy")), "{ignored:?}");
    assert_eq!(ignored.body["restorable_until"], Value::Null);
    assert_eq!(operator.post("/inbox/ignored", &json!({"key": "noisy"})).body, ignored.body, "twice is once");
    for restart in [|_: &mut Story| {}, Story::kill_and_restart, Story::restart] {
        restart(&mut story);
        story.device("x").publish("noisy", r#"{"temperature":1}"#);
        assert_eq!(keys(&story.operator()), [] as [&str; 0]);
    }
    let operator = story.operator();
    assert_eq!(operator.settled_books().messages.rejected["ignored"], 3);
    assert_eq!(operator.send("DELETE", "/inbox/ignored/noisy", &[], None).status, 204);
    story.device("x").publish("noisy", r#"{"temperature":2}"#);
    assert_eq!(operator.values("noisy", "temperature"), [json!(2.0)]);
    let again = operator.send("DELETE", "/inbox/ignored/noisy", &[], None);
    assert_eq!(again.problem(&[404]), "sender_not_ignored");
    assert_eq!(operator.post("/inbox/ignored", &json!({"key": "a\u{0}"})).problem(&[422]), "device_invalid");
    story.kill_and_restart();
    story.device("x").publish("noisy", r#"{"temperature":3}"#);
    assert_eq!(story.operator().values("noisy", "temperature"), [json!(2.0), json!(3.0)]);
    story.finish();
}

#[test]
fn a_guess_is_undone_by_ignoring_it_and_comes_back_with_its_readings() {
    let mut story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("x");
    device.publish("guess", r#"{"temperature":1}"#);
    let ignored = operator.post("/inbox/ignored", &json!({"key": "guess"}));
    assert_eq!(ignored.status, 200, "{ignored:?}");
    assert!(ignored.body["restorable_until"].is_i64(), "{ignored:?}");
    assert_eq!(ignored.body["name"], "guess");
    device.publish("guess", r#"{"temperature":2}"#);
    assert_eq!(operator.get("/devices/guess").problem(&[404]), "device_unknown");
    story.kill_and_restart();
    let operator = story.operator();
    assert_eq!(operator.send("DELETE", "/inbox/ignored/guess", &[], None).status, 204);
    let mut device = story.device("x");
    device.publish("guess", r#"{"temperature":3}"#);
    assert_eq!(operator.values("guess", "temperature"), [json!(1.0), json!(3.0)]);

    // What somebody has accepted is no guess: it is deleted, by its name.
    assert_eq!(patch(&operator, "guess", &json!({"new": false})).status, 200);
    assert_eq!(operator.post("/inbox/ignored", &json!({"key": "guess"})).problem(&[409]), "device_accepted");
    assert_eq!(operator.send("DELETE", "/devices/guess?confirm=guess&now=true", &[], None).status, 204);
    assert_eq!(operator.send("DELETE", "/inbox/ignored/guess", &[], None).status, 204);
    device.publish("guess", r#"{"temperature":4}"#);
    assert_eq!(operator.values("guess", "temperature"), [json!(4.0)], "it starts from nothing");
    assert_eq!(operator.see("/devices/guess")["new"], true);
    story.finish();
}

#[test]
fn a_list_answers_the_fields_that_are_asked_for() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("x");
    device.publish("attic", r#"{"temperature":1}"#);
    let list = operator.see("/devices?fields=name,%20status");
    assert_eq!(list["items"], json!([{"name": "attic", "status": "online", "key": "attic"}]));
    assert_eq!(operator.see("/devices?fields=key")["items"], json!([{"key": "attic"}]));
    for fields in ["", "colour", "key,,name"] {
        let answer = operator.get(&format!("/devices?fields={fields}"));
        assert_eq!(answer.problem(&[400]), "query_invalid", "{fields}");
    }
    drop(device);
    story.finish();
}
