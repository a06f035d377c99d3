//! Rules through their public door.

use model::{Flaw, Judgement, Topic, Value};
use proptest::prelude::*;

use super::*;
use crate::{ClaimedTime, Content, Found};

fn rule(json: &str) -> Rule {
    Rule::compile(&serde_json::from_str(json).unwrap()).unwrap()
}

fn refused(json: &str) -> RuleError {
    Rule::compile(&serde_json::from_str(json).unwrap()).unwrap_err()
}

fn found(rule: &Rule, topic: &str, payload: &str) -> Vec<Found> {
    match rule.read(&Topic::parse(topic).unwrap(), payload.as_bytes()).content {
        Content::Readings(found) => found,
        other @ (Content::NoReading { .. } | Content::Announced(_) | Content::Unreadable { .. }) => panic!("{other:?}"),
    }
}

fn short(found: &[Found]) -> Vec<String> {
    let value = |found: &Found| match &found.value {
        Ok(Value::Number(number)) => number.to_string(),
        Ok(Value::Bool(on)) => on.to_string(),
        Ok(Value::Text(text)) => text.to_string(),
        Err(reason) => reason.as_str().into(),
    };
    let unit = |found: &Found| found.unit.as_ref().map_or(String::new(), |unit| unit.as_str().to_owned());
    let time = |found: &Found| match found.time {
        Some(ClaimedTime::At { ms, .. }) => format!("@{ms}"),
        Some(ClaimedTime::Ago { ms }) => format!("-{ms}"),
        None => String::new(),
    };
    found.iter().map(|f| format!("{} {}={}{}{}", f.device, f.metric, value(f), unit(f), time(f))).collect()
}

#[test]
fn the_rule_of_the_design_reads_its_message() {
    let rule = rule(
        r#"{"match":"greenhouse/{device}/data","format":"json",
            "time":{"path":"meta.t","unit":"s","zone":"Europe/Berlin"},
            "device":{"path":"meta.mac","fallback":"{device}"},
            "fields":[{"path":"sensors.*.temp","metric":"temperature","unit":"C","scale":0.1,"offset":-0.4,
                       "valid":[-40,80],"bad":[85.0,-127,999]}]}"#,
    );
    assert_eq!(rule.filter().as_str(), "greenhouse/+/data");
    let told = found(
        &rule,
        "greenhouse/7/data",
        r#"{"meta":{"t":1700000000,"mac":"AA:BB:CC:DD:EE:FF"},"sensors":{"Top":{"temp":214},"low":{"temp":999},"x":{"temp":900}}}"#,
    );
    assert_eq!(
        short(&told),
        [
            "aabbccddeeff top.temperature=21.000000000000004°C@1700000000000",
            "aabbccddeeff low.temperature=99.5°C@1700000000000",
            "aabbccddeeff x.temperature=89.6°C@1700000000000",
        ]
    );
    let judged: Vec<_> = told.iter().map(|found| found.judgement).collect();
    let (bad, suspect) = (Judgement::Bad(Flaw::OutOfRange), Judgement::Suspect(Flaw::OutOfRange));
    assert_eq!(judged, [Judgement::Good, bad, suspect]);
    let without = found(&rule, "greenhouse/7/data", r#"{"sensors":{"a":{"temp":"12"}}}"#);
    assert_eq!(short(&without), ["7 a.temperature=0.8000000000000002°C"]);
}

#[test]
fn formats_are_read() {
    for (spec, payload, expected) in [
        (
            r#"{"match":"{device}/x","format":"number","fields":[{"metric":"depth","unit":"cm"}]}"#,
            "12,5",
            "d depth=12.5cm",
        ),
        (r#"{"match":"{device}/{metric}"}"#, "21.5", "d x=21.5"),
        (r#"{"match":"{device}/x","fields":[{"column":2,"metric":"humidity"}]}"#, "23.4, 55.5", "d humidity=55.5%"),
        (
            r#"{"match":"{device}/x","format":"csv","fields":[{"column":2,"metric":"depth","unit":"cm"}]}"#,
            "[T=23.5 C; D: 0.5 m]",
            "d depth=50cm",
        ),
        (
            r#"{"match":"{device}/x","format":"csv","time":{"path":"1","zone":"Europe/Berlin"},
                "fields":[{"column":3,"metric":"depth"}]}"#,
            "time;a;b\n2024-07-01 12:00:00;1;\"2,5\"\n2024-01-01T12:00:00;1;3",
            "d depth=2.5@1719828000000 d depth=3@1704106800000",
        ),
        (
            r#"{"match":"{device}/x","format":"form","fields":[{"path":"t","metric":"temperature"}]}"#,
            "a=1&t=7",
            "d temperature=7°C",
        ),
        (
            r#"{"match":"{device}/x","format":"line_protocol","fields":[{"path":"m.f","metric":"depth"}]}"#,
            "m,host=q f=3i,g=4i 1700000000000000000",
            "d depth=3@1700000000000",
        ),
        (
            r#"{"match":"{device}/x","time":{"path":"[*].t"},"fields":[{"path":"[*].v","metric":"depth"}]}"#,
            r#"[{"t":1700000000,"v":1},{"t":1700000001,"v":2}]"#,
            "d depth=1@1700000000000 d depth=2@1700000001000",
        ),
        (r#"{"match":"{device}/x","fields":[{"path":"l[1]","metric":"depth"}]}"#, r#"{"l":[4,5]}"#, "d depth=5"),
        (r#"{"match":"{device}/x","fields":[{"path":"\"a.b\"","metric":"depth"}]}"#, r#"{"a.b":5}"#, "d depth=5"),
        (
            r#"{"match":"{device}/x","fields":[{"path":"s","metric":"mode","kind":"text"}]}"#,
            r#"{"s":"eco"}"#,
            "d mode=eco",
        ),
        (
            r#"{"match":"{device}/x","fields":[{"path":"t","metric":"temperature","unit":"°C"}]}"#,
            r#"{"t":"50 °F"}"#,
            "d temperature=10°C",
        ),
        (
            r#"{"match":"{device}/x","server_time":true,"time":{"path":"t"},"fields":[{"path":"v","metric":"depth"}]}"#,
            r#"{"t":1700000000,"v":1}"#,
            "d depth=1",
        ),
    ] {
        assert_eq!(short(&found(&rule(spec), "d/x", payload)).join(" "), expected, "{spec}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_member() {
    for (spec, member) in [
        (r#"{"match":"a/#"}"#, "match"),
        (r#"{"match":"a/x{device}"}"#, "match"),
        (r#"{"match":"{a*}/{b*}"}"#, "match"),
        (r#"{"match":"{a}/{a}"}"#, "match"),
        (r#"{"match":"a","fields":[{"path":"a..b","metric":"x"}]}"#, "fields[0].path"),
        (r#"{"match":"a","fields":[{"path":"a","metric":"x"},{"path":"a","metric":"{metric}"}]}"#, "fields[1].metric"),
        (r#"{"match":"a","fields":[{"path":"a","metric":"Big X"}]}"#, "fields[0].metric"),
        (r#"{"match":"a","fields":[{"path":"a","column":1,"metric":"x"}]}"#, "fields[0].column"),
        (r#"{"match":"a","fields":[{"column":0,"metric":"x"}]}"#, "fields[0].column"),
        (r#"{"match":"a","fields":[{"path":"a","metric":"x","valid":[2,1]}]}"#, "fields[0].valid"),
        (r#"{"match":"a","fields":[{"path":"a","metric":"x","scale":0}]}"#, "fields[0].scale"),
        (r#"{"match":"a","format":"json","time":{"path":"t","zone":"Mars/X"}}"#, "time.zone"),
        (r#"{"match":"a","device":{"fallback":"{device}"}}"#, "device.fallback"),
    ] {
        assert_eq!(refused(spec).member, member, "{spec}");
    }
    assert!(serde_json::from_str::<RuleSpec>(r#"{"match":"a","odd":1}"#).is_err());
}

#[test]
fn stars_that_lead_nowhere_are_not_followed_for_ever() {
    let of_fields = |count| {
        let fields = vec![r#"{"path":"*.v","metric":"depth"}"#; count].join(",");
        rule(&format!(r#"{{"match":"a","fields":[{fields}]}}"#))
    };
    let payload = format!("[{}{{}}]", "{},".repeat(8_000));
    for (fields, expected) in [(32, "rule_no_value"), (33, "rule_work")] {
        let decoded = of_fields(fields).read(&Topic::parse("a").unwrap(), payload.as_bytes());
        let Content::Unreadable { reason, .. } = decoded.content else { panic!("{fields}") };
        assert_eq!(reason, expected, "{fields} fields");
    }
}

#[test]
fn what_is_not_there_is_told() {
    let rule = rule(r#"{"match":"a","format":"json","fields":[{"path":"t.x","metric":"depth"}]}"#);
    let topic = Topic::parse("a").unwrap();
    for (payload, expected) in [(r#"{"t":1}"#, "rule_no_value"), ("12", "rule_format"), (r#"{"t":"#, "json_incomplete")]
    {
        let Content::Unreadable { reason, .. } = rule.read(&topic, payload.as_bytes()).content else {
            panic!("{payload}")
        };
        assert_eq!(reason, expected);
    }
}

fn of(template: &str) -> Rule {
    Rule::compile(&RuleSpec { topics: template.into(), ..RuleSpec::default() }).unwrap()
}

#[test]
fn several_levels_are_one_at_least() {
    for (template, topic, expected) in [
        ("a/{x*}", "a", false),
        ("a/{x*}", "a/", true),
        ("a/{x*}", "a/b/c", true),
        ("{x*}/+", "a", false),
        ("{x*}/z", "a/b/z", true),
        ("{x*}/z", "z", false),
        ("{x*}", "$SYS/a", false),
        ("$SYS/{x*}", "$SYS/a", true),
    ] {
        assert_eq!(of(template).matches(&Topic::parse(topic).unwrap()), expected, "{template} {topic}");
    }
}

#[test]
fn shadows_are_seen() {
    for (first, second, expected) in [
        ("a/{x}", "a/b", true),
        ("a/b", "a/{x}", false),
        ("{x*}", "a/b/c", true),
        ("{x*}", "$SYS/a", false),
        ("a/{x*}", "a", false),
        ("a/{x*}/z", "a/b/z", true),
        ("a/{x*}/z", "a/{y*}", false),
        ("a/{x*}", "a/{y*}/z", true),
        ("a/+", "a/{x*}", false),
    ] {
        assert_eq!(of(first).shadows(&of(second)), expected, "{first} {second}");
    }
}

/// Templates and topics over few words, so that they meet.
fn template() -> impl Strategy<Value = String> {
    let level = prop_oneof![Just("a"), Just("b"), Just(""), Just("$s"), Just("+"), Just("{_}")];
    (proptest::collection::vec(level, 1..5), proptest::option::of(0..5_usize)).prop_filter_map(
        "empty",
        |(mut levels, many)| {
            if let Some(at) = many.filter(|at| *at <= levels.len()) {
                levels.insert(at, "{x*}");
            }
            Some(levels.join("/")).filter(|text| !text.is_empty())
        },
    )
}

fn topic() -> impl Strategy<Value = Topic> {
    proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just(""), Just("$s")], 1..7)
        .prop_filter_map("empty", |levels| Topic::parse(&levels.join("/")).ok())
}

/// `match | device path, fallback | time | metric=unit@place …` of what is suggested.
fn suggested(topic: &str, payload: &str) -> Option<String> {
    let spec = suggest(&Topic::parse(topic).unwrap(), payload.as_bytes()).ok()?;
    let place = |field: &FieldSpec| match (&field.path, field.column) {
        (Some(path), _) => format!("@{path}"),
        (None, Some(column)) => format!("@{column}"),
        (None, None) => String::new(),
    };
    let fields = spec.fields.iter();
    let fields =
        fields.map(|field| format!("{}={}{}", field.metric, field.unit.as_deref().unwrap_or("-"), place(field)));
    let device = spec.device.unwrap_or_default();
    let device = [device.path, device.fallback].map(|text| text.unwrap_or_default()).join(",");
    let time = spec.time.map(|time| time.path).unwrap_or_default();
    Some(format!("{} | {device} | {time} | {}", spec.topics, fields.collect::<Vec<_>>().join(" ")))
}

#[test]
fn a_rule_to_begin_with_is_suggested() {
    for (topic, payload, expected) in [
        // Columns without names.
        (
            "greenhouse/7/frame",
            "235;61",
            "greenhouse/{device}/frame | ,greenhouse/{device}/frame |  | value_0=-@1 value_1=-@2",
        ),
        // A line of names; its unit stays with it.
        (
            "shed/board/log",
            "time;temp_f;humidity\n2026-07-01 12:00:00;71.2;55",
            "shed/{device}/log | ,shed/{device} | 1 | temperature=°F@2 humidity=%@3",
        ),
        // The device in a column.
        ("lora/rx", "node7;23,5;1013.2 hPa", "lora/{device} | 1,lora/{device} |  | value_1=-@2 value_2=hPa@3"),
        // Labels before values, columns of all kinds.
        ("yard/esp1/text", "T=23.4 C;H=55.5", "yard/{device}/text | ,yard/{device}/text |  | t=°C@T h=-@H"),
        ("yard/esp1/text", "tank 1: 4 mode: auto", "yard/{device}/text | ,yard/{device} |  | tank_1=-@\"tank 1\""),
        ("yard/esp1/text", "node7|21.4|44|OK", "yard/{device}/text | 1,yard/{device} |  | value_1=-@2 value_2=-@3"),
        ("yard/esp1/text", "21.4 44", "yard/{device}/text | ,yard/{device} |  | value_0=-@1 value_1=-@2"),
        ("yard/esp1/text", "21.4/44", "yard/{device}/text | ,yard/{device} |  | value_0=-@1 value_1=-@2"),
        ("yard/esp1/text", "Depth: 12,5 cm", "yard/{device}/text | ,yard/{device} |  | depth=cm"),
        // Nearly JSON.
        (
            "yard/esp1/data",
            "{temperature: 23.5, 'humidity': '61', ts: 1700000000, \"x\":\"7\",}",
            "yard/{device}/data | ,yard/{device} | ts | temperature=-@temperature humidity=%@humidity x=-@x",
        ),
        (
            "yard/esp1/data",
            "{'temperature': 21.5}",
            "yard/{device}/data | ,yard/{device} |  | temperature=-@temperature",
        ),
        ("yard/esp1/data", "{'a': {'x': 21.5, 'ok': True}}", "yard/{device}/data | ,yard/{device} |  | a.x=-@a.x"),
        ("yard/esp1/data", "[12;234]", "yard/{device}/data | ,yard/{device} |  | value_0=-@1 value_1=-@2"),
        ("yard/esp1/data", "{T=23.4; H=55}", "yard/{device}/data | ,yard/{device} |  | t=-@1 h=-@2"),
        // A bare number under a name that says nothing.
        ("home/x/v7", "21.5", "home/{device}/v7 | ,home/{device} |  | v7=-"),
        // Odd keys, deep ones, values as texts with their units.
        (
            "a/b",
            r#"{"t.1":"23,5 °C","q":{"r":[4,5]},"ts":1700000000}"#,
            r#"a/{device} | ,a/{device} | ts | t_1=°C@"t.1" q.r.1=-@q.r[0] q.r.2=-@q.r[1]"#,
        ),
        ("a/b", r#"{"x":7,"mac":"AA:BB:CC:DD:EE:FF"}"#, "a/{device} | mac,a/{device} |  | x=-@x"),
    ] {
        assert_eq!(suggested(topic, payload).as_deref(), Some(expected), "{topic} {payload}");
    }
    for (topic, payload, why) in [
        ("home/kitchen/climate", r#"{"temperature":21.5,"humidity":48}"#, "it needs no rule"),
        ("esp32/dht/temperature", "23.75", "it needs no rule"),
        ("yard/esp1/text", "Temp: 23.5 C, Hum: 61 %", "it needs no rule"),
        ("a/b", "hello there", "No number"),
        ("a/b", "WiFi connected, rssi -67 dBm", "No number"),
        ("a/b", r#"{"x":1,"y":2"#, "JSON ends early at byte 11. The message was cut off"),
        ("a/b", r#"{"temperature": 21.5, "hum"#, "cut off"),
        ("a/b", "{'temperature': 21.5, 'hum", "cut off"),
        ("a/b", "{'temperature': 21.5, 'hum': 4", "cut off"),
        ("a/b", "", "holds no values"),
        (
            "tele/x/SENSOR",
            r#"{"Time":"2021-06-27T15:03:44","SI7021":{"Temperature":24.5,"Humidity":39.4},"TempUnit":"C"}"#,
            "it needs no rule",
        ),
    ] {
        let told = suggest(&Topic::parse(topic).unwrap(), payload.as_bytes());
        assert!(told.as_ref().is_err_and(|told| told.contains(why)), "{topic} {payload}: {told:?}");
    }
}

#[test]
fn what_is_suggested_for_a_form_of_topics_can_be_for_one_of_them() {
    for (topic, payload, topics, fallback) in [
        ("greenhouse/7/frame", "235;61", "greenhouse/7/frame", None),
        ("yard/esp1/data", "{'temperature': 21.5}", "yard/esp1/data", None),
        ("home/x/v7", "21.5", "home/x/v7", Some("home/x")),
        ("a/{b1}/c", "node7|21.4|44", "a/{device}/c", Some("a/{device}")),
    ] {
        let topic = Topic::parse(topic).unwrap();
        let wide = suggest(&topic, payload.as_bytes()).unwrap();
        let narrow = only_for(&wide, &topic);
        let device = narrow.device.clone().unwrap_or_default();
        assert_eq!((narrow.topics.as_str(), device.fallback.as_deref()), (topics, fallback), "{wide:?}");
        let read = |spec: &RuleSpec| Rule::compile(spec).unwrap().read(&topic, payload.as_bytes());
        assert_eq!(read(&narrow), read(&wide));
    }
}

#[test]
fn the_work_of_a_rule_has_an_end() {
    let fields: Vec<_> = (0..64).map(|n| format!(r#"{{"path":"*.*","metric":"m{n}"}}"#)).collect();
    let rule = rule(&format!(r#"{{"match":"a","format":"json","fields":[{}]}}"#, fields.join(",")));
    let message = |members: usize| {
        let inner: Vec<_> = (0..members).map(|n| format!(r#""k{n}":{{"a":{n},"b":2}}"#)).collect();
        format!("{{{}}}", inner.join(","))
    };
    assert_eq!(found(&rule, "a", &message(3)).len(), 64 * 6);
    let content = rule.read(&Topic::parse("a").unwrap(), message(8_000).as_bytes()).content;
    assert!(matches!(content, Content::Unreadable { reason: "rule_work", .. }), "{content:?}");
}

#[test]
fn what_is_suggested_leaves_names_as_they_were() {
    for (topic, payload) in [
        ("greenhouse/7/frame", "235;61"),
        ("home/x/v7", "21.5"),
        ("a/b", r#"{"bme280":{"foo":20.5,"bar":{"value":7}},"accel":[1,2.5]}"#),
        ("a/b", r#"{"ts":1700000000000,"values":{"x1":7}}"#),
        ("gw/17/out", r#"{"x":7,"y":"8"}"#),
    ] {
        let topic = Topic::parse(topic).unwrap();
        let Content::Readings(before) = crate::decode(&topic, payload.as_bytes(), None).content else {
            panic!("{topic}")
        };
        let rule = Rule::compile(&suggest(&topic, payload.as_bytes()).unwrap()).unwrap();
        let Content::Readings(after) = rule.read(&topic, payload.as_bytes()).content else { panic!("{topic}") };
        assert_eq!(short(&before), short(&after), "{topic} {payload}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn a_template_takes_what_its_filter_takes(template in template(), topic in topic()) {
        let rule = of(&template);
        let middle = template.contains("{x*}/");
        if middle {
            prop_assert!(!rule.matches(&topic) || rule.filter().matches(&topic), "{template} {topic}");
        } else {
            prop_assert_eq!(rule.matches(&topic), rule.filter().matches(&topic), "{} {}", template, topic);
        }
        let other = Content::Unreadable { reason: "rule_topic", detail: String::from("the rule is not for this topic") };
        prop_assert_eq!(rule.read(&topic, b"1").content == other, !rule.matches(&topic));
    }

    #[test]
    fn a_shadowed_rule_is_never_asked(first in template(), second in template(), topic in topic()) {
        let (first, second) = (of(&first), of(&second));
        if first.shadows(&second) && second.matches(&topic) {
            prop_assert!(first.matches(&topic));
        }
    }
}

proptest! {
    #[test]
    fn any_rule_reads_any_bytes_without_panic(
        topics in r"[a{}+*/#_xé]{0,12}", path in "[a-c.*\\[\\]0-9\"\\\\é]{0,10}", metric in r"[a-z{}._É]{0,8}",
        text in any::<String>(), bytes in proptest::collection::vec(any::<u8>(), 0..64),
        json in r#"[\[\]{}"abc:,0-9.e -]{0,40}"#, format in 0..8_usize, column in proptest::option::of(0..4_u32),
    ) {
        let format = [Format::Auto, Format::Json, Format::Number, Format::Csv, Format::LineProtocol, Format::Senml, Format::Cbor, Format::Form][format];
        for topics in [topics, String::from("{device}/{metric}")] {
            for path in [path.clone(), text.clone()] {
                let field = FieldSpec { path: column.is_none().then(|| path.clone()), column, metric: metric.clone(), ..FieldSpec::default() };
                let good = FieldSpec { metric: "depth".into(), ..field.clone() };
                let time = Some(TimeSpec { path: path.clone(), unit: None, zone: Some("Europe/Berlin".into()) });
                for fields in [vec![field], vec![good], Vec::new()] {
                    for time in [None, time.clone()] {
                        let spec = RuleSpec { topics: topics.clone(), format, fields: fields.clone(), time, ..RuleSpec::default() };
                        if let Ok(rule) = Rule::compile(&spec) {
                            for payload in [bytes.as_slice(), text.as_bytes(), json.as_bytes()] {
                                let _ = rule.read(&Topic::parse("aé/x").unwrap(), payload);
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn whatever_is_suggested_reads_its_message(
        topic in r"[a-c0-9/{}é]{1,12}", text in r#"[\[\]{}"tx:=;,0-9.\n C-]{0,40}"#, key in any::<String>(), number in 0..99_i32,
    ) {
        let odd = serde_json::json!({ key: [number, "7 cm"] }).to_string();
        for (topic, payload) in [(&topic, &text), (&topic, &odd)] {
            let Ok(topic) = Topic::parse(topic) else { return Ok(()) };
            if let Ok(spec) = suggest(&topic, payload.as_bytes()) {
                let rule = Rule::compile(&spec).unwrap();
                prop_assert!(rule.matches(&topic), "{spec:?} {topic}");
                let read = rule.read(&topic, payload.as_bytes()).content;
                prop_assert!(matches!(read, Content::Readings(_)), "{spec:?} {payload}");
            }
        }
    }
}
