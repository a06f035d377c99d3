//! The same publish twice: what is one reading and what are two.

use serde_json::json;
use stories::{Publish, Story};

#[test]
fn a_marked_repeat_is_one_reading_also_across_a_crash() {
    let mut story = Story::begin();
    let first = Publish { id: 7, dup: false, topic: "cellar/pump/power", payload: "41.5" };
    story.device("pump").publish_exactly(&first);
    // The PUBACK was lost on its way: the same client sends again, marked.
    let again = Publish { dup: true, ..first.clone() };
    story.device("pump").publish_exactly(&again);
    story.kill_and_restart();
    story.device("pump").publish_exactly(&again);

    let operator = story.operator();
    assert_eq!(operator.values("cellar/pump", "power"), [json!(41.5)]);
    let messages = operator.settled_books().messages;
    assert_eq!((messages.received, messages.stored, messages.duplicate), (3, 1, 2));
    story.finish();
}

#[test]
fn neither_the_id_nor_the_mark_alone_makes_a_repeat() {
    let story = Story::begin();
    let mut pump = story.device("pump");
    let publish = |id, dup, payload| Publish { id, dup, topic: "cellar/pump/power", payload };
    pump.publish_exactly(&publish(7, false, "41.5"));
    pump.publish_exactly(&publish(7, false, "41.5")); // The id is free again: a new reading.
    pump.publish_exactly(&publish(8, true, "41.5")); // Its first copy never arrived.
    pump.publish_exactly(&publish(7, true, "42.5")); // Another message under an old id.
    story.device("other").publish_exactly(&publish(7, true, "41.5")); // Somebody else.
    let values = story.operator().values("cellar/pump", "power");
    assert_eq!(values, [41.5, 41.5, 41.5, 42.5, 41.5].map(|value| json!(value)));
    story.finish();
}

#[test]
fn readings_with_a_time_are_one_whatever_way_they_come_twice() {
    let story = Story::begin();
    let payload = r#"{"ts":1700000000000,"temperature":21.5}"#;
    let mut device = story.device("esp32");
    device.publish("attic", payload);
    device.publish("attic", payload);
    let sent = story.operator().send("POST", "/ingest/attic", &[], Some(payload.as_bytes()));
    assert_eq!(sent.status, 200, "{sent:?}");
    let operator = story.operator();
    assert_eq!(operator.readings("attic", "temperature"), [(1_700_000_000_000, json!(21.5))]);

    // Another value at the same time replaces the earlier one and is counted.
    device.publish("attic", r#"{"ts":1700000000000,"temperature":22.5}"#);
    assert_eq!(operator.readings("attic", "temperature"), [(1_700_000_000_000, json!(22.5))]);
    let readings = operator.settled_books().readings;
    assert_eq!((readings.decoded, readings.stored, readings.duplicate, readings.replaced), (4, 1, 2, 1));
    story.finish();
}

/// A device that was switched off begins again with packet id 1, and knows nothing of what it sent before.
#[test]
fn packet_ids_that_begin_again_after_a_reboot_of_the_device_make_no_repeats() {
    let mut story = Story::begin();
    let publish = |id, payload| Publish { id, dup: false, topic: "cellar/pump/power", payload };
    let boot = |story: &Story, payloads: [&'static str; 2]| {
        let mut pump = story.device("pump");
        pump.publish_exactly(&publish(1, payloads[0]));
        pump.publish_exactly(&publish(2, payloads[1]));
    };
    boot(&story, ["41.5", "42.5"]);
    boot(&story, ["43.5", "42.5"]); // Another payload under an old id, and the very same under an old id.
    story.kill_and_restart();
    boot(&story, ["43.5", "44.5"]);
    let values = story.operator().values("cellar/pump", "power");
    assert_eq!(values, [41.5, 42.5, 43.5, 42.5, 43.5, 44.5].map(|value| json!(value)));
    let messages = story.operator().settled_books().messages;
    assert_eq!((messages.stored, messages.duplicate), (6, 0));
    story.finish();
}
