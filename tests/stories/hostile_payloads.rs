//! Payloads made to hurt: numbers and texts at their edges, names that are code, sizes at the limit, messages that come again.

use serde_json::{Value, json};
use simulator::api::segment;
use stories::{Operator, Publish, Story};

const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

fn unread(operator: &Operator) -> Vec<Value> {
    operator.see("/inbox/messages?limit=1000")["items"].as_array().unwrap().clone()
}

#[test]
fn numbers_at_their_edges_are_exact_or_refused_and_never_rounded() {
    let story = Story::begin();
    let operator = story.operator();
    let digits = "9".repeat(400);
    let payload = format!(
        r#"{{"a":1e999,"b":-1e999,"c":{digits},"d":0.1,"e":9007199254740993,"f":9223372036854775807,
            "g":18446744073709551615,"h":-0.0,"i":9007199254740992,"j":Infinity,"k":-Infinity,"l":NaN,"m":5}}"#
    );
    story.device("edge").publish("edge", payload);
    for failed in ["a", "b", "j", "k", "l"] {
        let page = operator.see(&format!("/readings?device=edge&metric={failed}"));
        assert_eq!((&page["v"], &page["q"]), (&json!([null]), &json!([2])), "{failed}: {page}");
    }
    for refused in ["c", "e", "f", "g"] {
        assert!(operator.values("edge", refused).is_empty(), "{refused} must not be rounded");
    }
    for (kept, value) in [("d", 0.1), ("h", 0.0), ("i", 9_007_199_254_740_992.0), ("m", 5.0)] {
        assert_eq!(operator.values("edge", kept), [json!(value)], "{kept}");
    }
    let readings = operator.settled_books().readings;
    assert_eq!(
        (readings.decoded, readings.stored, readings.rejected.get("precision")),
        (13, 9, Some(&4)),
        "{readings:?}"
    );
    story.finish();
}

#[test]
fn json_as_deep_and_as_wide_as_it_fits_is_unread_at_both_doors() {
    let story = Story::begin();
    let operator = story.operator();
    let mut bystander = story.device("bystander");
    let hostile = [
        ("too_deep", "[".repeat(100_000)),
        ("too_deep", r#"{"a":"#.repeat(40_000)),
        ("too_deep", format!("{}1{}", "[".repeat(33), "]".repeat(33))),
        ("too_many_values", format!("{{{}\"z\":1}}", "\"a\":1,".repeat(40_000))),
        ("json_incomplete", format!("{{\"a\":\"{}", "x".repeat(200_000))),
    ];
    for (n, (reason, payload)) in hostile.iter().enumerate() {
        let topic = format!("hostile/{n}");
        story.device("hostile").publish(&topic, payload.clone());
        let answer = operator.send("POST", &format!("/ingest/{topic}"), &[], Some(payload.as_bytes()));
        assert_eq!((answer.status, &answer.body["outcome"]), (200, &json!("unread")), "{reason}: {answer:?}");
        let reasons: Vec<_> = unread(&operator).into_iter().filter(|item| item["topic"] == topic).collect();
        assert_eq!(reasons.len(), 2, "{reason}");
        assert!(reasons.iter().all(|item| item["reason"] == *reason), "{reason}: {reasons:?}");
        bystander.publish("bystander/count", n.to_string());
    }
    // As deep as it may be, and a key twice: the last one holds.
    let deepest = format!("{}1{}", r#"{"a":"#.repeat(32), "}".repeat(32));
    bystander.publish("deepest", deepest);
    assert_eq!(operator.see("/devices/deepest")["metrics"].as_array().map(Vec::len), Some(1));
    bystander.publish("twice", r#"{"level":1,"level":2}"#);
    assert_eq!(operator.values("twice", "level"), [json!(2.0)]);
    let expected: Vec<_> = (0..hostile.len()).map(|n| json!(n as f64)).collect();
    assert_eq!(operator.values("bystander", "count"), expected);
    story.finish();
}

#[test]
fn a_payload_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    let story = Story::begin();
    let operator = story.operator();
    let payload = |bytes: usize| format!(r#"{{"level":1{}}}"#, " ".repeat(bytes - 11));
    let (most, more) = (payload(PAYLOAD_BYTES_MAX), payload(PAYLOAD_BYTES_MAX + 1));
    assert_eq!((most.len(), more.len()), (PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MAX + 1));
    story.device("a").publish("tank", most.clone());
    assert_eq!(operator.send("POST", "/ingest/tank", &[], Some(most.as_bytes())).status, 200);
    assert!(story.device("a").try_publish("tank", more.clone()).is_err(), "the connection is closed");
    let refused = operator.send("POST", "/ingest/tank", &[], Some(more.as_bytes()));
    assert_eq!(refused.problem(&[413]), "too_large");
    // The smallest ones.
    story.device("a").publish("tank/level", "7");
    story.device("a").publish("tank/level", "");
    assert_eq!(operator.values("tank", "level"), [1.0, 1.0, 7.0].map(|value| json!(value)));
    let messages = operator.settled_books().messages;
    assert_eq!((messages.stored, messages.no_reading.get("clear")), (3, Some(&1)), "{messages:?}");
    story.finish();
}

#[test]
fn bytes_that_are_no_text_are_kept_as_they_came() {
    let story = Story::begin();
    let operator = story.operator();
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain("{\"a\":1}".bytes().flat_map(|byte| [byte, 0])).collect();
    let gzip = vec![0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3, 0xab, 0x56, 0x4a, 0x54, 0xb2, 0x32, 0xac, 0x05, 0];
    let mut device = story.device("odd");
    for (n, (reason, payload)) in [
        ("not_text", utf16),
        ("not_text", b"\xef\xbb\xbf{\"a\":1}".to_vec()),
        ("not_text", b"{\"a\":\"\xc0\xaf\"}".to_vec()),
        ("not_text", b"{\"a\":\"\xed\xa0\x80\"}".to_vec()),
        ("json_invalid", br#"{"a":"\ud800"}"#.to_vec()),
        ("not_text", gzip.clone()),
    ]
    .into_iter()
    .enumerate()
    {
        let topic = format!("odd/{n}");
        device.publish(&topic, payload.clone());
        let item = unread(&operator).into_iter().find(|item| item["topic"] == topic).unwrap();
        let hex: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((&item["reason"], &item["hex"]), (&json!(reason), &json!(hex)), "{n}");
    }
    // Unpacked is only what is said to be packed, and broken it is refused.
    let packed = operator.send("POST", "/ingest/odd/packed", &[("content-encoding", "gzip")], Some(&gzip));
    assert_eq!(packed.problem(&[400]), "body_invalid");
    story.finish();
}

#[test]
fn one_bad_value_of_a_batch_is_refused_by_its_name_and_the_others_are_stored() {
    let story = Story::begin();
    let operator = story.operator();
    let value = |n: i64| if n == 40 { String::from("9007199254740993") } else { n.to_string() };
    let items: Vec<String> = (0..100)
        .map(|n| format!(r#"{{"ts":{},"values":{{"level":{}}}}}"#, 1_700_000_000_000_i64 + n * 1_000, value(n)))
        .collect();
    let body = format!("[{}]", items.join(","));
    let answer = operator.send("POST", "/ingest/tank", &[], Some(body.as_bytes()));
    assert_eq!((answer.status, &answer.body["readings"]), (200, &json!(99)), "{answer:?}");
    let expected: Vec<_> = (0..100).filter(|n| *n != 40).map(|n| json!(f64::from(n))).collect();
    assert_eq!(operator.values("tank", "level"), expected);
    let readings = operator.settled_books().readings;
    assert_eq!((readings.decoded, readings.stored, readings.rejected["precision"]), (100, 99, 1));
    story.finish();
}

#[test]
fn a_message_that_can_never_be_read_holds_nothing_up() {
    let mut story = Story::begin();
    let poison = |id, dup| Publish { id, dup, topic: "tank", payload: r#"{"level":"# };
    let mut tank = story.device("tank");
    for round in 0..50 {
        tank.publish_exactly(&poison(1, false));
        tank.publish("tank", format!(r#"{{"level":{round}}}"#));
    }
    // The same once more, marked as a repeat, also after a crash: it is known.
    tank.publish_exactly(&poison(999, false));
    tank.publish_exactly(&poison(999, true));
    story.kill_and_restart();
    let mut tank = story.device("tank");
    tank.publish_exactly(&poison(999, true));
    tank.publish("tank", r#"{"level":50}"#);
    let operator = story.operator();
    let expected: Vec<_> = (0..=50).map(|n| json!(f64::from(n))).collect();
    assert_eq!(operator.values("tank", "level"), expected);
    let messages = operator.settled_books().messages;
    assert_eq!((messages.no_reading["unread"], messages.stored, messages.duplicate), (51, 51, 2), "{messages:?}");
    assert_eq!(operator.see("/inbox/messages")["total"], 51);
    story.finish();
}

#[test]
fn a_metric_may_change_its_type_and_its_unit_and_loses_nothing() {
    let mut story = Story::begin();
    let mut device = story.device("moody");
    for (n, value) in ["1.5", "true", "2.5", "false", "\"3.5\""].into_iter().enumerate() {
        device.publish("moody", format!(r#"{{"ts":{},"level":{value}}}"#, 1_700_000_000_000_i64 + n as i64 * 1_000));
    }
    for (n, value) in [(20.0, "C"), (68.0, "F"), (1013.0, "hPa")].into_iter().enumerate() {
        let payload =
            json!({"ts": 1_700_000_000_000_i64 + n as i64 * 1_000, "temperature": {"value": value.0, "unit": value.1}});
        device.publish("mixed", payload.to_string());
    }
    device.publish("mixed", r#"{"ts":1700000000000,"humidity":140}"#);
    let events = story.operator().see("/events?device=moody");
    let told = events["items"].as_array().unwrap().iter().filter(|event| event["code"] == "type_changed");
    let told: Vec<_> = told.map(|event| &event["sentence"]).collect();
    let sentence = "level came as on or off for the first time; what came before stays as it is.";
    assert_eq!(told, [&json!(sentence)], "told once, not with every message: {events}");
    for restart in [|_: &mut Story| {}, Story::kill_and_restart] {
        restart(&mut story);
        let operator = story.operator();
        let moody = operator.values("moody", "level");
        assert_eq!(moody, [json!(1.5), json!(true), json!(2.5), json!(false), json!(3.5)], "nothing is cast");
        // A unit that converts is converted, one that does not is kept and marked.
        let mixed = operator.see("/readings?device=mixed&metric=temperature");
        let values: Vec<f64> = mixed["v"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
        assert!((values[1] - 20.0).abs() < 1e-9, "{mixed}");
        assert_eq!((values[0], values[2], &mixed["q"]), (20.0, 1013.0, &json!([0, 0, 1])), "{mixed}");
        // What cannot be is kept as it came, judged, and not clipped.
        let humid = operator.see("/readings?device=mixed&metric=humidity");
        assert_eq!((&humid["v"], &humid["q"]), (&json!([140.0]), &json!([2])), "{humid}");
    }
    story.finish();
}

#[test]
fn names_that_are_code_stay_words() {
    let story = Story::begin();
    let operator = story.operator();
    let long = "k".repeat(10 * 1024);
    let names = [
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "new\nline",
        "\u{202e}evil",
        long.as_str(),
        "",
        " ",
        "a/b",
        "%2e%2e",
        "name\u{0}with nul",
    ];
    let mut device = story.device("code");
    for (n, name) in names.iter().enumerate() {
        device.publish("code", json!({ *name: n, "good": n }).to_string());
    }
    for topic in ["<img src=x onerror=alert(1)>/level", "=1-1/level", "\u{202e}moc/level", "../../up/level"] {
        device.publish(topic, "1");
    }
    let expected: Vec<_> = (0..names.len()).map(|n| json!(n as f64)).collect();
    assert_eq!(operator.values("code", "good"), expected, "a strange neighbour voids nothing");
    let devices = operator.see("/devices");
    for device in devices["items"].as_array().unwrap() {
        let key = device["key"].as_str().unwrap();
        assert!(!key.chars().any(|c| c.is_control() || c == '\u{202e}'), "{key:?}");
        for metric in device["metrics"].as_array().unwrap() {
            let name = metric["name"].as_str().unwrap();
            assert!(name.len() <= 256 && !name.chars().any(|c| c.is_control() || c == '\u{202e}'), "{name:?}");
            // It is found again by its name, and a spreadsheet runs nothing.
            let readings = operator.readings(key, name);
            assert!(!readings.is_empty(), "{key} {name}");
            let url = format!("/readings?format=csv&device={}&metric={}", segment(key), segment(name));
            let csv = operator.get(&url).body.as_str().unwrap().to_owned();
            let mut rows = csv.lines();
            assert_eq!(rows.next(), Some("time,device,metric,value,unit,quality"));
            for cell in rows.flat_map(|row| row.split(',')) {
                assert!(!cell.trim_start_matches('"').starts_with(['=', '+', '-', '@']), "{csv}");
            }
        }
    }
    story.finish();
}

#[test]
fn blanks_around_a_name_make_no_other_metric() {
    let story = Story::begin();
    let operator = story.operator();
    for (name, n) in [(" level ", 1), ("level", 2), ("level ", 3), (" level ", 4)] {
        let told = json!({"t": 1_700_000_000_000_i64 + n, "values": {name: n}});
        let answer = operator.post("/devices/tank/readings", &told);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let device = operator.see("/devices/tank");
    assert_eq!(device["metrics"].as_array().map(Vec::len), Some(1), "{device}");
    assert_eq!(operator.values("tank", "level"), [1.0, 2.0, 3.0, 4.0].map(|value| json!(value)));
    story.finish();
}
