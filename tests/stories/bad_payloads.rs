//! Payloads that are no readings, or strange ones: each has an outcome that is counted and can be seen.

use serde_json::{Value, json};
use stories::{Operator, Story};

/// The newest unread message.
fn newest_unread(operator: &Operator) -> Value {
    let inbox = operator.see("/inbox/messages");
    let newest =
        inbox["items"].as_array().and_then(|items| items.iter().max_by_key(|item| item["t"].as_i64())).cloned();
    newest.unwrap_or_else(|| panic!("something should be unread: {inbox}"))
}

#[test]
fn what_cannot_be_read_is_acknowledged_and_kept_with_its_reason() {
    let story = Story::begin();
    let operator = story.operator();
    let deep = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
    let unreadable: [(&str, Vec<u8>); 5] = [
        ("invalid UTF-8", vec![0xff, 0xfe, 0x00, 0x9f]),
        ("JSON that ends early", br#"{"temperature":21.5,"humidity":"#.to_vec()),
        ("JSON of depth 1,000", deep.into_bytes()),
        ("JSON that is none", br#"{"temperature":21.5,,}"#.to_vec()),
        ("bytes that are no text", (0..=255).collect()),
    ];
    let mut device = story.device("strange");
    for (count, (what, payload)) in unreadable.into_iter().enumerate() {
        let topic = format!("strange/message-{count}");
        device.publish(&topic, payload.clone());
        let inbox = operator.see("/inbox/messages");
        assert_eq!(inbox["total"], json!(count + 1), "{what}: {inbox}");
        let items = inbox["items"].as_array().unwrap();
        let kept = items.iter().find(|item| item["topic"] == topic).unwrap_or_else(|| panic!("{what}: {inbox}"));
        assert_eq!(kept["bytes"], payload.len(), "{what}: {kept}");
        for word in ["reason", "detail", "client", "source", "hex"] {
            assert!(kept[word].as_str().is_some_and(|text| !text.is_empty()), "{what} has no {word}: {kept}");
        }
    }
    let messages = operator.settled_books().messages;
    assert_eq!((messages.received, messages.no_reading.get("unread")), (5, Some(&5)), "{messages:?}");
    story.finish();
}

#[test]
fn an_unread_message_survives_and_can_be_tried_again() {
    let mut story = Story::begin();
    story.device("strange").publish("strange/thing", r#"{"temperature":"#);
    story.kill_and_restart();
    let operator = story.operator();
    let kept = newest_unread(&operator);
    assert_eq!(kept["text"], r#"{"temperature":"#);
    let answer = operator.post(&format!("/inbox/messages/{}/retry", kept["id"].as_str().unwrap()), &json!({}));
    assert_eq!((answer.status, &answer.body["outcome"]), (200, &json!("unread")), "{answer:?}");
    // Nobody has taught the server to read it in the meantime: it stays where it is and is not counted again.
    assert_eq!(operator.see("/inbox/messages")["total"], 1);
    assert_eq!(operator.settled_books().messages.received, 1);
    story.finish();
}

#[test]
fn a_failed_read_is_kept_as_bad_beside_its_good_neighbour() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("dht");
    device.publish("room", r#"{"ts":1700000000000,"temperature":nan,"humidity":48}"#);
    device.publish("room", r#"{"ts":1700000001000,"temperature":null,"humidity":49}"#);
    device.publish("room", r#"{"ts":1700000002000,"temperature":Infinity,"humidity":50}"#);
    device.publish("room", r#"{"ts":1700000003000,"temperature":21.5,"humidity":51}"#);
    let page = operator.see("/readings?device=room&metric=temperature");
    assert_eq!((&page["v"], &page["q"]), (&json!([null, null, null, 21.5]), &json!([2, 2, 2, 0])), "{page}");
    assert_eq!(operator.values("room", "humidity"), [48.0, 49.0, 50.0, 51.0].map(|value| json!(value)));
    let windows =
        operator.see("/windows?device=room&metric=temperature&from=1700000000000&to=1700000004000&step_ms=10000");
    assert_eq!(
        (&windows["min"], &windows["max"]),
        (&json!([21.5]), &json!([21.5])),
        "bad readings never count: {windows}"
    );
    story.finish();
}

#[test]
fn times_that_cannot_be_are_not_believed_and_nothing_is_lost() {
    let story = Story::begin();
    let operator = story.operator();
    let now = operator.see("/about")["now"].as_i64().unwrap();
    let mut device = story.device("clockless");
    for (metric, ts) in [("a", "0"), ("b", "4102444800000"), ("c", "86400000"), ("d", "99999999999999999")] {
        device.publish("clockless", format!(r#"{{"ts":{ts},"{metric}":1}}"#));
        let readings = operator.readings("clockless", metric);
        assert_eq!(readings.len(), 1, "ts {ts}");
        let (time, value) = &readings[0];
        assert!((*time - now).abs() < 600_000, "ts {ts} should be replaced by the server's time, not {time}");
        assert_eq!(value, &json!(1.0));
    }
    // Late is not wrong.
    device.publish("clockless", r#"{"ts":1262304000000,"e":1}"#);
    assert_eq!(operator.readings("clockless", "e"), [(1_262_304_000_000, json!(1.0))]);
    story.finish();
}

#[test]
fn an_integer_that_a_double_would_round_is_refused_and_counted() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("counter");
    device.publish("counter", r#"{"big":9007199254740993,"small":9007199254740992}"#);
    assert!(operator.values("counter", "big").is_empty());
    assert_eq!(operator.values("counter", "small"), [json!(9_007_199_254_740_992.0)]);
    let readings = operator.settled_books().readings;
    assert_eq!((readings.decoded, readings.rejected.get("precision")), (2, Some(&1)), "{readings:?}");
    story.finish();
}

#[test]
fn ten_thousand_metrics_of_one_device_stop_at_the_limit_and_the_rest_is_counted() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("greedy");
    for message in 0..50 {
        let values: Vec<String> = (0..200).map(|n| format!(r#""m{}":{n}"#, message * 200 + n)).collect();
        device.publish("greedy", format!("{{{}}}", values.join(",")));
    }
    // Ten thousand in one message as well.
    let values: Vec<String> = (0..10_000).map(|n| format!(r#""k{n}":{n}"#)).collect();
    device.publish("greedy", format!("{{{}}}", values.join(",")));
    device.publish("modest", r#"{"temperature":21.5}"#);

    let metrics = operator.see("/devices/greedy")["metrics"].as_array().map_or(0, Vec::len);
    assert!((200..10_000).contains(&metrics), "{metrics} metrics");
    let readings = operator.settled_books().readings;
    let refused = readings.rejected.values().sum::<u64>();
    assert_eq!(readings.stored + readings.unsettled + refused, readings.decoded, "{readings:?}");
    assert!(readings.rejected.get("cardinality").is_some_and(|count| *count > 8_000), "{readings:?}");
    assert_eq!(operator.values("modest", "temperature"), [json!(21.5)], "others are not touched");
    story.finish();
}

#[test]
fn a_megabyte_of_json_is_refused_at_both_doors_and_others_go_on() {
    let story = Story::begin();
    let operator = story.operator();
    let padding = "x".repeat(1024 * 1024);
    let payload = format!(r#"{{"temperature":21.5,"note":"{padding}"}}"#);
    let mut bystander = story.device("bystander");
    assert!(story.device("huge").try_publish("huge", payload.clone()).is_err(), "the connection is closed");
    let answer = operator.send("POST", "/ingest/huge", &[], Some(payload.as_bytes()));
    let _ = answer.problem(&[413, 422]);
    bystander.publish("bystander/temperature", "21.5");
    assert_eq!(operator.values("bystander", "temperature"), [json!(21.5)]);
    assert_eq!(operator.get("/devices/huge").problem(&[404]), "device_unknown");
    story.finish();
}
