//! Ways in beside MQTT: readings told by name and lines of the line protocol.

use serde_json::{Value, json};
use stories::{Answer, Story};

#[test]
fn readings_told_by_name_are_durable_and_one_however_often_they_come() {
    let mut story = Story::begin();
    let operator = story.operator();
    let one = json!({"t": 1_700_000_000_000_i64, "values": {"temperature": 21.5, "door": true, "co2": null}});
    let answer = operator.post("/devices/attic/readings", &one);
    assert_eq!((answer.status, &answer.body), (200, &json!({"outcome": "stored", "readings": 3})), "{answer:?}");
    let many: Vec<Value> = (0..400)
        .map(|n| json!({"t": 1_700_000_000_000_i64 + n * 1000, "values": {"temperature": 21.5, "humidity": n}}))
        .collect();
    let body = json!(many).to_string();
    let send = |story: &Story, key: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        story.operator().send("POST", "/devices/attic/readings", &headers, Some(body.as_bytes())).body
    };
    assert_eq!(send(&story, "a"), json!({"outcome": "stored", "readings": 800}));
    assert_eq!(send(&story, "a"), json!({"outcome": "duplicate", "readings": 0}));
    story.kill_and_restart();
    assert_eq!(send(&story, "a"), json!({"outcome": "duplicate", "readings": 0}));
    assert_eq!(send(&story, "b"), json!({"outcome": "stored", "readings": 800}));
    let operator = story.operator();
    assert_eq!(operator.readings("attic", "temperature").len(), 400);
    assert_eq!(operator.readings("attic", "humidity").last(), Some(&(1_700_000_399_000, json!(399.0))));
    assert_eq!(operator.values("attic", "co2"), [Value::Null]);
    let readings = operator.settled_books().readings;
    assert_eq!((readings.decoded, readings.replaced), (1_603, 0));
    story.finish();
}

#[test]
fn a_reading_that_is_wrong_is_told_by_its_index_and_nothing_is_stored() {
    let story = Story::begin();
    let operator = story.operator();
    let refused = |body: Value, status: u16, words: &str| {
        let answer = operator.post("/devices/attic/readings", &body);
        let _ = answer.problem(&[status]);
        assert!(answer.body["detail"].as_str().unwrap().contains(words), "{words}: {answer:?}");
    };
    refused(json!([{"values": {"a": 1}}, {"values": {"a": "x"}}]), 422, "reading 1: \"a\"");
    refused(json!([{"values": {"a": 1}}, {"values": {"a": 1}, "when": 3}]), 422, "reading 1: unknown field `when`");
    refused(json!({"values": {}}), 422, "reading 0: 0 values");
    refused(json!({"values": {"a": 9_007_199_254_740_993_i64}}), 422, "digits");
    refused(json!([]), 422, "no reading");
    refused(json!(7), 422, "reading 0");
    assert_eq!(operator.settled_books().messages.received, 0);
    story.finish();
}

#[test]
fn a_request_of_which_a_part_is_refused_says_what_was_stored() {
    let story = Story::begin();
    let operator = story.operator();
    // A device has at most 1,024 metrics, and a message 256 values.
    let many: Vec<Value> = (0..1_280)
        .map(|n| {
            let values: serde_json::Map<String, Value> = [(format!("level_{n}"), json!(n))].into_iter().collect();
            json!({"t": 1_700_000_000_000_i64, "values": values})
        })
        .collect();
    let answer = operator.post("/devices/attic/readings", &json!(many));
    assert_eq!(answer.problem(&[422]), "cardinality");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("1024 readings of the same request were stored"), "{answer:?}");
    assert_eq!(operator.settled_books().readings.stored, 1_024);
    story.finish();
}

fn write(story: &Story, query: &str, body: &str) -> Answer {
    let url = format!("http://{}{query}", story.operator().http());
    story.operator().send_to("POST", &url, &[], Some(body.as_bytes()))
}

#[test]
fn lines_are_answered_when_all_are_durable_in_every_precision() {
    let mut story = Story::begin();
    let at = |count: i64| format!("weather,device=roof temperature=21.5,ok=true,note=\"fine\" {count}");
    for (query, count) in [
        ("/api/v2/write?precision=ns", 1_700_000_000_000_000_000),
        ("/api/v2/write?precision=us", 1_700_000_001_000_000),
        ("/write?precision=ms&db=x", 1_700_000_002_000),
        ("/api/v2/write?precision=s", 1_700_000_003),
        ("/write", 1_700_000_004),
    ] {
        let answer = write(&story, query, &at(count));
        assert_eq!(answer.status, 204, "{query}: {answer:?}");
    }
    let many: String = (0..1_000).map(|n| format!("tank level={n} {}\n", 1_700_000_000 + n)).collect();
    assert_eq!(write(&story, "/write?precision=s", &many).status, 204);
    story.kill_and_restart();
    let operator = story.operator();
    let times: Vec<i64> = operator.readings("roof", "weather.temperature").into_iter().map(|(time, _)| time).collect();
    assert_eq!(times, (0..5).map(|n| 1_700_000_000_000 + n * 1_000).collect::<Vec<i64>>());
    assert_eq!(operator.readings("tank", "tank.level").len(), 1_000);
    let books = operator.settled_books();
    assert_eq!((books.messages.received, books.messages.stored, books.readings.decoded), (9, 9, 1_010));
    story.finish();
}

#[test]
fn a_bad_line_is_named_and_nothing_of_the_write_is_stored() {
    let story = Story::begin();
    let answer = write(&story, "/api/v2/write?precision=s", "tank level=1 1700000000\ntank level= 1\n");
    assert_eq!(answer.problem(&[400]), "line_invalid");
    assert!(answer.body["detail"].as_str().unwrap().starts_with("line 2 "), "{answer:?}");
    assert_eq!(write(&story, "/write?precision=h", "tank level=1").problem(&[400]), "query_invalid");
    assert_eq!(story.operator().settled_books().messages.received, 0);
    // Texts alone are counted, and are no reading.
    assert_eq!(write(&story, "/write", "tank note=\"full\"").status, 204);
    let messages = story.operator().settled_books().messages;
    assert_eq!((messages.received, messages.no_reading.get("text").copied()), (1, Some(1)));
    story.finish();
}
