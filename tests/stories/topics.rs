//! Why a topic is charted or is not.

use serde_json::json;
use stories::Story;

#[test]
fn the_trace_says_why_a_topic_is_charted_or_is_not() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("porch");
    device.publish("home/porch/temperature", b"21.5".to_vec());
    device.publish("home/porch/frame", br#"{"temperature":21.5,"humidity":"#.to_vec());
    let charted = operator.see("/topics/trace?topic=home%2Fporch%2Ftemperature");
    assert_eq!(charted["charted"], true, "{charted}");
    let message = &charted["messages"][0];
    assert_eq!(
        (&message["text"], &message["client"], &message["outcome"]),
        (&json!("21.5"), &json!("porch"), &json!("stored"))
    );
    assert_eq!(
        (&message["readings"][0]["metric"], &message["readings"][0]["v"]),
        (&json!("temperature"), &json!(21.5))
    );
    let not = operator.see("/topics/trace?topic=home%2Fporch%2Fframe");
    assert_eq!((&not["charted"], &not["messages"][0]["reason"]), (&json!(false), &json!("json_incomplete")), "{not}");
    assert!(not["why"].as_str().is_some_and(|why| why.starts_with("It is not charted: ")), "{not}");
    let list = operator.see("/topics?q=PORCH&limit=1");
    assert_eq!(list["items"][0]["topic"], "home/porch/frame", "{list}");
    let next =
        operator.see(&format!("/topics?q=PORCH&cursor={}", list["next_cursor"].as_str().unwrap().replace('/', "%2F")));
    assert_eq!(next["items"][0]["metrics"], json!(["temperature"]), "{next}");
    assert_eq!(next["items"].as_array().map(Vec::len), Some(1), "{next}");
    story.finish();
}

#[test]
fn the_trace_says_from_when_readings_are_and_which_times_are_not_believed() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("logger");
    device.publish("home/logger/old", br#"{"temperature":21.5,"time":"2019-05-03T10:00:00Z"}"#.to_vec());
    device.publish("home/logger/wrong", br#"{"temperature":21.5,"time":"1970-01-01T00:00:12Z"}"#.to_vec());
    let why = |trace: &serde_json::Value| trace["why"].as_str().unwrap().to_owned();

    let old = operator.see("/topics/trace?topic=home%2Flogger%2Fold");
    assert!(why(&old).ends_with("Its readings are from 2019-05-03: choose a range that holds that day."), "{old}");
    assert_eq!(old["messages"][0]["readings"][0]["disbelieved"], false, "{old}");

    let wrong = operator.see("/topics/trace?topic=home%2Flogger%2Fwrong");
    assert!(!why(&wrong).contains("choose"), "{wrong}");
    let message = &wrong["messages"][0];
    let reading = &message["readings"][0];
    assert_eq!((&reading["t"], &reading["disbelieved"]), (&json!(12_000), &json!(true)), "{wrong}");
    let said = json!("Its time 1970-01-01T00:00:12Z is not believed: the time of arrival counts.");
    assert!(message["steps"].as_array().unwrap().contains(&said), "{wrong}");
    story.finish();
}
