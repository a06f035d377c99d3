//! Every message of `testdata/samples.jsonl` with the readings that a careful person expects of it.
//!
//! Families in [`SUPPORTED`] must be wholly right; the others are printed as "not yet". Expectations that we hold to be
//! wrong are in [`DISPUTED`], each with its note in `docs/decisions/`.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use decode::{Announcement, ClaimedTime, Content, Decoded, Found, Pick, Presence, decode};
use model::{Judgement, Topic, Value};
use serde_json::Value as Json;

/// Families of which every sample must be right.
const SUPPORTED: &[&str] = &[
    "cbor",
    "esphome",
    "senml",
    "sparkplug",
    "adafruit",
    "airgradient",
    "aws",
    "azure",
    "cayenne",
    "chirpstack",
    "cloudevents",
    "domoticz",
    "ecowitt",
    "generic.availability",
    "generic.csv",
    "generic.json",
    "generic.number",
    "generic.text",
    "ha.discovery",
    "homie4",
    "homie5",
    "influx",
    "luftdaten",
    "meshtastic",
    "omg",
    "ours",
    "rtl_433",
    "ruuvi",
    "shelly.gen1",
    "shelly.gen2",
    "tasmota",
    "thingsboard",
    "thingspeak",
    "ttn",
    "victron",
    "weewx",
    "z2m",
    "zwavejs",
];

/// Samples whose expectation is not followed, with the reason.
const DISPUTED: &[(&str, &str)] = &[
    ("esphome-state", "unit and device come with an earlier discovery message: decision 004"),
    ("spb-dbirth-alias", "humidity is always %, here as well: decision 004"),
];

fn payload(sample: &Json) -> Vec<u8> {
    let text = sample["payload"].as_str().unwrap();
    if sample["b64"].as_bool() == Some(true) { base64(text) } else { text.as_bytes().to_vec() }
}

fn base64(text: &str) -> Vec<u8> {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text.bytes().filter_map(|byte| digits.iter().position(|digit| *digit == byte)) {
        bits = bits << 6 | u32::try_from(digit).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// What is wrong with one found value, against what was expected of it.
fn difference(found: &Found, expected: &Json) -> Option<String> {
    let value_is = match (&found.value, &expected["value"]) {
        (Ok(Value::Number(a)), Json::Null) => a.is_nan(),
        (Ok(Value::Number(a)), Json::Number(b)) => (a - b.as_f64().unwrap()).abs() <= 1e-6 * a.abs().max(1.0),
        (Ok(Value::Bool(a)), Json::Bool(b)) => a == b,
        (Ok(Value::Text(a)), Json::String(b)) => **a == **b,
        _ => false,
    };
    if !value_is {
        return Some(format!("value {:?}, not {}", found.value, expected["value"]));
    }
    let unit = found.unit.as_ref().map(|unit| unit.as_str());
    let assumed = found.unit_source == model::UnitSource::Assumed;
    if unit != expected["unit"].as_str() && !(expected["unit"].is_null() && assumed) {
        return Some(format!("unit {unit:?} ({:?}), not {}", found.unit_source, expected["unit"]));
    }
    let time = match found.time {
        Some(ClaimedTime::At { ms, .. }) => Some(ms),
        Some(ClaimedTime::Ago { ms }) => Some(-ms),
        None => None,
    };
    if time != expected["ts"].as_i64() {
        return Some(format!("time {time:?}, not {}", expected["ts"]));
    }
    let (quality, reason) = match found.judgement {
        Judgement::Good => ("good", None),
        Judgement::Suspect(flaw) => ("suspect", Some(flaw.as_str())),
        Judgement::Bad(flaw) => ("bad", Some(flaw.as_str())),
    };
    // The samples have finer words for two flaws; the model has one each.
    let wanted = expected["reason"].as_str().map(|reason| match reason {
        "none" => "null",
        "shelly_999" => "out_of_range",
        other => other,
    });
    if quality != expected["quality"].as_str().unwrap_or("good") || reason != wanted {
        return Some(format!("{quality} {reason:?}, not {} {wanted:?}", expected["quality"]));
    }
    None
}

fn check_readings(found: &[Found], expected: &[Json]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut left: Vec<&Found> = found.iter().collect();
    for expected in expected {
        let at = left.iter().position(|found| {
            expected["device"] == *found.device
                && expected["metric"] == *found.metric
                && difference(found, expected).is_none()
        });
        match at {
            Some(at) => drop(left.remove(at)),
            None => wrong.push(format!("missing {expected}")),
        }
    }
    wrong.extend(left.iter().map(|found| {
        let why = expected
            .iter()
            .find(|expected| expected["metric"] == *found.metric && expected["device"] == *found.device)
            .and_then(|expected| difference(found, expected));
        format!("too much: {} {} {:?} {}", found.device, found.metric, found.value, why.unwrap_or_default())
    }));
    wrong
}

/// What the sample's note says about the binding: device, metric or components, unit, topic.
fn check_announced(told: &Announcement, expected: &Json) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut same = |what: &str, found: Json| {
        if expected.get(what).is_some_and(|wanted| *wanted != found) {
            wrong.push(format!("{what}: {found}, not {}", expected[what]));
        }
    };
    let Some(first) = told.metrics.first() else { return vec!["nothing announced".into()] };
    same("device", first.device.clone().into());
    same("metric", first.metric.clone().into());
    same("unit", first.unit.as_ref().map(|unit| unit.as_str().to_owned()).into());
    same("state_topic", first.topic.clone().into());
    same("components", told.metrics.iter().map(|metric| metric.metric.clone()).collect());
    if !matches!(&first.pick, Pick::Path(path) if path.len() > 1) {
        wrong.push(format!("{:?}", first.pick));
    }
    wrong
}

fn check(sample: &Json, decoded: &Decoded) -> Vec<String> {
    let class = sample["class"].as_str().unwrap();
    match (&decoded.content, class) {
        (Content::Readings(found), "reading") => check_readings(found, sample["expect"].as_array().unwrap()),
        (Content::NoReading { availability: Some(told), .. }, "availability") => {
            let expected = &sample["availability"];
            if expected["device"] == *told.device && expected["online"] == (told.presence == Presence::Here) {
                Vec::new()
            } else {
                vec![format!("{told:?}, not {expected}")]
            }
        }
        (Content::NoReading { kind, .. }, "discovery" | "meta" | "event" | "text" | "clear") if *kind == class => {
            Vec::new()
        }
        (Content::Announced(told), "discovery") => check_announced(told, &sample["discovery"]),
        (Content::Announced(told), "meta") => {
            let (Some(found), wanted) = (told.devices.first(), &sample["meta"]) else {
                return vec!["no device".into()];
            };
            let same =
                [("device", Some(&found.device)), ("name", found.name.as_ref()), ("model", found.model.as_ref())];
            let same = same
                .iter()
                .chain(&[("sw", found.firmware.as_ref())])
                .all(|(what, text)| wanted[what].as_str() == text.map(String::as_str));
            if same { Vec::new() } else { vec![format!("{found:?}, not {wanted}")] }
        }
        (Content::Announced(told), "clear") if told.metrics.is_empty() => Vec::new(),
        (Content::Unreadable { .. }, "bad") => Vec::new(),
        (content, class) => vec![format!("{content:?}, not {class}")],
    }
}

fn samples() -> Vec<Json> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/samples.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_supported_family_is_wholly_right() {
    let mut families: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut complaints = Vec::new();
    for sample in samples() {
        let id = sample["id"].as_str().unwrap();
        let profile = sample["profile"].as_str().unwrap().to_owned();
        let topic = Topic::parse(sample["topic"].as_str().unwrap()).unwrap();
        let decoded = decode(&topic, &payload(&sample), None);
        let mut wrong = check(&sample, &decoded);
        if let Some((_, reason)) = DISPUTED.iter().find(|(disputed, _)| *disputed == id) {
            println!("disputed {id}: {reason}");
            wrong.clear();
        }
        let (right, total) = families.entry(profile.clone()).or_default();
        *total += 1;
        if wrong.is_empty() {
            *right += 1;
        } else {
            println!("{id} by {}:\n    {}", decoded.decoder.0, wrong.join("\n    "));
            if SUPPORTED.contains(&profile.as_str()) {
                complaints.push(id.to_owned());
            }
        }
    }
    println!("{:24} right/total", "family");
    for (family, (right, total)) in &families {
        let state = if SUPPORTED.contains(&family.as_str()) { "" } else { "not yet" };
        println!("{family:24} {right:2}/{total:<2} {state}");
    }
    let (right, total) = families.values().fold((0, 0), |sum, family| (sum.0 + family.0, sum.1 + family.1));
    println!("{:24} {right:2}/{total}", "all");
    for family in SUPPORTED {
        assert!(families.contains_key(*family), "no sample of {family}");
    }
    assert!(complaints.is_empty(), "regressions: {complaints:?}");
}

#[test]
fn a_hint_never_changes_the_answer() {
    for sample in samples() {
        let topic = Topic::parse(sample["topic"].as_str().unwrap()).unwrap();
        let bytes = payload(&sample);
        let without = decode(&topic, &bytes, None);
        for hint in ["json", "number", "tasmota", "nonsense"] {
            let with = decode(&topic, &bytes, Some(decode::DecoderId(hint)));
            assert_eq!(format!("{with:?}"), format!("{without:?}"));
        }
    }
}
