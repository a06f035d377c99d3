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
