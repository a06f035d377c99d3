//! Whatever bytes arrive on whatever topic: an answer, in bounded space, and never a panic.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test that cannot go on has failed")]

use decode::{Content, Found, NODES_MAX, VALUES_MAX, decode};
use model::{RejectReason, Topic};
use proptest::prelude::*;

fn topic(text: &str) -> Topic {
    Topic::parse(text).unwrap()
}

/// Topics on which some family looks closer, with something else now and then.
fn any_topic() -> impl Strategy<Value = Topic> {
    let level = prop_oneof![
        Just("tele"),
        Just("stat"),
        Just("SENSOR"),
        Just("STATE"),
        Just("zigbee2mqtt"),
        Just("shellies"),
        Just("homie"),
        Just("5"),
        Just("$state"),
        Just("rtl_433"),
        Just("devices"),
        Just("v1"),
        Just("me"),
        Just("telemetry"),
        Just("iot"),
        Just("batch"),
        Just("status"),
        Just("config"),
        Just("$aws"),
        Just("things"),
        Just("shadow"),
        Just("update"),
        Just("N"),
        Just("ruuvi"),
        Just("BTtoMQTT"),
        Just("events"),
        Just("rpc"),
        Just("feeds"),
        Just("temperature"),
        Just("1"),
        Just(""),
        Just("ä"),
        Just("domoticz"),
        Just("in"),
        Just("zwave"),
        Just("0"),
        Just("spBv1.0"),
        Just("NDATA"),
        Just("up"),
        Just("v3"),
    ];
    let usual = proptest::collection::vec(level, 1..7).prop_map(|levels| levels.join("/"));
    prop_oneof![4 => usual, 1 => "[^+#]{1,40}"].prop_filter_map("a topic", |text| Topic::parse(&text).ok())
}

/// Text that looks like something some family reads.
fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(":"),
        Just(","),
        Just("\""),
        Just("1"),
        Just("-"),
        Just("."),
        Just("e"),
        Just("nan"),
        Just("null"),
        Just("true"),
        Just("\"ts\":"),
        Just("\"values\":"),
        Just("\"temperature\":21.5,"),
        Just("\"n\":\"a\","),
        Just("\"v\":1"),
        Just("a,b=c d=1i"),
        Just(" 1465839830100400200"),
        Just("&"),
        Just("="),
        Just("%"),
        Just("9223372036854775807"),
        Just("\"bn\":\"x:\","),
        Just("\"t\":-5,"),
        Just("\"bt\":1e300,"),
        Just("\"age\":9223372036854775807,"),
        Just("\"value\":"),
        Just("\"dt\":9223372036854775807,"),
        Just("\"t0\":9223372036854775807,"),
        Just("\"m\":{\"t\":[1,2]}"),
        Just("temp: "),
        Just("; h="),
        Just("|"),
        Just(" "),
        Just("°C"),
        Just("\n"),
    ];
    prop_oneof![
        3 => proptest::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat().into_bytes()),
        1 => any::<String>().prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..64),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_bytes_on_any_topic_get_an_answer(topic in any_topic(), payload in any_payload()) {
        if let Content::Readings(found) = decode(&topic, &payload, None).content {
            prop_assert!(!found.is_empty());
            for found in found {
                prop_assert!(!found.metric.is_empty(), "{:?}", found);
            }
        }
    }

    #[test]
    fn any_object_of_numbers_yields_every_number(
        values in proptest::collection::btree_map("[a-m][a-z_]{0,8}[0-9]", -1e9..1e9_f64, 1..40)
    ) {
        let text = serde_json::to_string(&values).unwrap();
        let Content::Readings(found) = decode(&topic("x/y"), text.as_bytes(), None).content else {
            panic!("no readings in {text}");
        };
        prop_assert_eq!(found.len(), values.len());
    }
}

fn readings(topic_text: &str, payload: &str) -> Vec<Found> {
    match decode(&topic(topic_text), payload.as_bytes(), None).content {
        Content::Readings(found) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_excess_of_values_is_refused_by_name() {
    let members: Vec<String> = (0..10_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let found = readings("many", &format!("{{{}}}", members.join(",")));
    assert_eq!(found.len(), 10_000);
    assert_eq!(found.iter().filter(|found| found.value.is_ok()).count(), VALUES_MAX);
    assert!(found.iter().skip(VALUES_MAX).all(|found| found.value == Err(RejectReason::Limit)));
    assert!(found.iter().all(|found| found.device == "many"));
}

#[test]
fn a_megabyte_of_anything_is_answered() {
    let mega = 1024 * 1024;
    for payload in [
        "[".repeat(mega),
        "9".repeat(mega),
        format!("{{\"a\":{}}}", "9".repeat(mega)),
        format!("{{\"a\":\"{}\"}}", "x".repeat(mega)),
        format!("[{}1]", "1,".repeat(mega / 2)),
        format!("{{{}\"z\":1}}", "\"a\":1,".repeat(mega / 6)),
        format!("{{{}\"z\":1}}", (0..NODES_MAX - 10).map(|n| format!("\"k{n}\":[],")).collect::<String>()),
        "a=1&".repeat(mega / 4),
        "1,".repeat(mega / 2),
        "m f=1\n".repeat(mega / 6),
        "a: 1, ".repeat(mega / 6),
        "1 ".repeat(mega / 2),
        "x|1.5\n".repeat(mega / 6),
        "\"".repeat(mega),
        "\\".repeat(mega),
        " ".repeat(mega),
        "-".repeat(mega),
        format!("[{}]", vec!["{\"n\":\"a\",\"v\":1}"; 10_000].join(",")),
        format!("[{}]", vec!["{\"ts\":1,\"values\":{\"a\":1}}"; 6_000].join(",")),
    ] {
        for name in
            ["x", "tele/x/SENSOR", "iot/v1/s/d/batch", "v1/devices/me/telemetry", "channels/1/publish", "domoticz/in"]
        {
            let _ = decode(&topic(name), payload.as_bytes(), None);
        }
    }
}
