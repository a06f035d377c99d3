//! Text that carries values: read where it says what they are, in the list of unread messages with a mapping where it does
//! not, and left alone where it is said for people.

use serde_json::{Value, json};
use stories::{Operator, Story};

fn reasons(operator: &Operator) -> Vec<(String, String)> {
    let text = |message: &Value, member: &str| message[member].as_str().unwrap().to_owned();
    let list = operator.see("/inbox/messages");
    let mut all: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|m| (text(m, "topic"), text(m, "reason"))).collect();
    all.sort();
    all
}

fn suggested(operator: &Operator, topic: &str) -> Value {
    operator.post("/rules/suggest", &json!({ "topic": topic })).body
}

#[test]
fn labels_are_read_numbers_without_names_are_mapped_and_talk_floods_nobody() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("board");
    device.publish("yard/a/out", "Temperature: 23.1 °C, Humidity: 40 %");
    device.publish("yard/b/out", "T=23.4;H=55.5");
    operator.expect_values("yard/a", "temperature", &[json!(23.1)]);
    operator.expect_values("yard/b", "t", &[json!(23.4)]);
    for (topic, text) in [
        ("esp/debug", "[D][sensor:094]: 'Temp': Sending state 23.4 °C with 1 decimals"),
        ("esp/out", "2026-11-29 12:00 [INFO] free heap 23412"),
        ("esp/out", "WiFi connected, rssi -67 dBm"),
        ("esp/log", "T=23.4;H=55.5"),
        ("esp/ip", "10.0.0.7"),
    ] {
        device.publish(topic, text);
    }
    assert_eq!(reasons(&operator), []);
    for (topic, text, reason) in [
        ("rx/columns", "node7|21.4|44|OK", "text_unclear"),
        ("rx/blanks", "21.4 44", "text_unclear"),
        ("rx/label", "Level: 55", "text_unclear"),
        ("rx/quotes", "{'temperature': 21.5}", "json_invalid"),
    ] {
        device.publish(topic, text);
        assert!(reasons(&operator).contains(&(topic.to_owned(), reason.to_owned())), "{:?}", reasons(&operator));
        let rule = suggested(&operator, topic)["rule"].clone();
        assert_eq!(rule["match"], json!(topic), "no other topic is like it: {rule}");
        let tried = operator.post("/rules/test", &json!({"rule": rule, "topic": topic})).body;
        let message = &tried["messages"][0];
        assert_eq!((&message["outcome"], &message["now"]["outcome"]), (&json!("stored"), &json!("unread")), "{tried}");
        assert_eq!(message["worse"], json!(false), "{tried}");
        let made = operator.post("/rules", &json!({ "rule": rule })).body;
        assert_eq!(made["rule"]["name"], json!(topic), "it is called like its topics: {made}");
        let again = operator.post(&format!("/rules/{}/retry", made["id"].as_str().unwrap()), &json!({})).body;
        assert_eq!(again["stored"], json!(1), "{again}");
    }
    operator.expect_values("rx/quotes", "temperature", &[json!(21.5)]);
    device.publish("rx/cut", r#"{"temperature": 21.5, "hum"#);
    let cut = suggested(&operator, "rx/cut");
    assert_eq!(cut["rule"], Value::Null);
    assert!(cut["why"].as_str().is_some_and(|why| why.contains("cut off")), "{cut}");
    assert_eq!(reasons(&operator), [("rx/cut".to_owned(), "json_incomplete".to_owned())]);
    assert_eq!(operator.settled_books().messages.no_reading.get("text"), Some(&5));
    story.finish();
}

#[test]
fn a_suggestion_takes_the_neighbours_that_it_helps_and_spares_those_that_are_read_well() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("board");
    device.publish("barn/n1/rx", "n1|21.4|44");
    assert_eq!(suggested(&operator, "barn/n1/rx")["rule"]["match"], json!("barn/n1/rx"));
    device.publish("barn/n2/rx", "n2|22.4|45");
    let wide = suggested(&operator, "barn/n1/rx");
    assert_eq!(wide["rule"]["match"], json!("barn/{device}/rx"), "its neighbour is helped: {wide}");
    device.publish("barn/n3/rx", r#"{"temperature":21.5,"humidity":48}"#);
    let narrow = suggested(&operator, "barn/n1/rx");
    assert_eq!(narrow["rule"]["match"], json!("barn/n1/rx"), "another one is read well: {narrow}");
    let tried = operator.post("/rules/test", &json!({"rule": wide["rule"], "topic": "barn/n2/rx"})).body;
    let messages = tried["messages"].as_array().unwrap();
    assert_eq!((messages.len(), &messages[0]["topic"]), (3, &json!("barn/n2/rx")), "{tried}");
    for message in messages {
        let well = message["topic"] == "barn/n3/rx";
        assert_eq!(message["worse"], json!(well), "{message}");
        assert_eq!(message["now"]["readings"].as_array().map(Vec::len), Some(if well { 2 } else { 0 }), "{message}");
    }
    story.finish();
}

#[test]
fn a_rule_is_put_in_front_of_another_and_stays_there() {
    let mut story = Story::begin();
    let operator = story.operator();
    let add = |operator: &Operator, body: &Value| operator.post("/rules", body);
    let wide = add(&operator, &json!({"rule": {"match": "tank/{_*}", "fields": [{"metric": "level"}]}}));
    let id = wide.body["id"].as_str().unwrap();
    let narrow = json!({"match": "tank/a/raw", "fields": [{"metric": "depth"}]});
    let mut device = story.device("tank");
    device.publish("tank/a/raw", "12");
    let behind = operator.post("/rules/test", &json!({ "rule": narrow })).body;
    assert_eq!((&behind["shadowed_by"], &behind["messages"][0]["worse"]), (&json!(id), &json!(false)), "{behind}");
    let front = operator.post("/rules/test", &json!({"rule": narrow, "before": id})).body;
    let message = &front["messages"][0];
    assert_eq!((&front["shadowed_by"], &message["detail"]), (&Value::Null, &Value::Null), "{front}");
    assert_eq!(message["now"]["readings"][0]["metric"], json!("level"), "{front}");
    assert_eq!(add(&operator, &json!({"rule": narrow, "before": "7"})).problem(&[404]), "rule_unknown");
    let made = add(&operator, &json!({"rule": narrow, "before": id}));
    assert_eq!((made.status, &made.body["shadowed_by"]), (201, &Value::Null), "{made:?}");
    let same = add(&operator, &json!({ "rule": narrow }));
    assert_eq!(same.body["rule"]["name"], json!("tank/a/raw (2)"), "{same:?}");
    story.kill_and_restart();
    let operator = story.operator();
    let list = operator.see("/rules");
    let order: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    assert_eq!(order, [&made.body["id"], &wide.body["id"], &same.body["id"]], "{list}");
    story.device("tank").publish("tank/a/raw", "13");
    operator.expect_values("tank/a/raw", "depth", &[json!(13.0)]);
    story.finish();
}
