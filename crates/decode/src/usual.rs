//! The usual message, read in one pass: a flat object of numbers under well-known names, or a bare number on a topic
//! that ends in one.
//!
//! Most traffic is of these two forms, and the way through text, tree and families costs several times as much. This
//! way answers only where the families would give exactly the same answer (a property test holds it to that) and
//! otherwise says nothing, so it may be as narrow as it likes.

use model::{Judgement, TimeSource, Value};

use crate::families::is_first;
use crate::number::{short_decimal, short_decimal_before};
use crate::place::is_carrier;
use crate::quantity::{Quantity, Role, role_of_bytes};
use crate::{ClaimedTime, Content, Decoded, DecoderId, Found, judge, time};

/// Longest payload that is tried.
const PAYLOAD_BYTES_MAX: usize = 1024;
/// Most values that are tried; comparing all pairs of names must stay cheap.
const VALUES_MAX: usize = 24;

/// The answer of the families, where it is plain.
pub(crate) fn read(topic: &str, payload: &[u8]) -> Option<Decoded> {
    match payload {
        [b'{', inner @ ..] if payload.len() <= PAYLOAD_BYTES_MAX => object(topic, inner),
        [b'0'..=b'9' | b'-', ..] => number(topic, payload),
        _ => None,
    }
}

/// The last level of a topic that no family can know.
fn leaf_of(topic: &str) -> Option<&str> {
    let bytes = topic.as_bytes();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'/' {
            let level = bytes.get(start..at)?;
            if is_known(level) || (start == 0 && is_known_first(topic.get(..at)?)) {
                return None;
            }
            start = at + 1;
        }
    }
    let leaf = topic.get(start..)?;
    (!is_known(leaf.as_bytes()) && (start > 0 || !is_known_first(leaf))).then_some(leaf)
}

fn is_known_first(level: &str) -> bool {
    is_first(level) || matches!(level, "rtl_433" | "homeassistant" | "esphome" | "spBv1.0")
}

/// Levels by which a family may know a topic wherever they stand.
fn is_known(level: &[u8]) -> bool {
    matches!(level, b"" | b"tele" | b"stat" | b"config" | b"status" | b"feeds" | b"f" | b"command")
        || level.ends_with(b"toMQTT")
}

fn number(topic: &str, payload: &[u8]) -> Option<Decoded> {
    let value = short_decimal(payload)?;
    let leaf = leaf_of(topic)?;
    let device = topic.get(..topic.len().checked_sub(leaf.len() + 1)?)?;
    let Role::Quantity(quantity) = role_of_bytes(leaf.as_bytes())? else { return None };
    let quantity = quantity.measuring(value);
    let judgement = judge::alone(value, quantity.class, quantity.unit);
    if value == 0.0 && quantity.is_climate() {
        return None;
    }
    let found = found(device, &quantity, value, judgement);
    Some(Decoded { decoder: DecoderId("number"), content: Content::Readings(vec![found]) })
}

fn object(topic: &str, inner: &[u8]) -> Option<Decoded> {
    let leaf = leaf_of(topic)?;
    let device = if is_carrier(leaf) { topic.get(..topic.len().checked_sub(leaf.len() + 1)?)? } else { topic };
    let mut readings: Vec<Found> = Vec::with_capacity(4);
    let mut claimed = None;
    let mut rest = inner;
    loop {
        let Member { key, number, ended, behind } = one_member(rest)?;
        match role_of_bytes(key)? {
            Role::Quantity(quantity) => {
                let quantity = quantity.measuring(number);
                let judgement = judge::alone(number, quantity.class, quantity.unit);
                let twin = readings.iter().any(|other| other.metric == quantity.name);
                // Zero, one and what is suspect may be judged by their siblings.
                let open = (number == 0.0 || number == 1.0) && quantity.is_climate();
                if twin || open || readings.len() == VALUES_MAX || judgement.quality() == 1 {
                    return None;
                }
                readings.push(found(device, &quantity, number, judgement));
            }
            Role::Time if claimed.is_none() => {
                // Fifteen digits are a whole number exactly.
                let whole = number as i64;
                if whole as f64 != number {
                    return None;
                }
                claimed = Some(time::of_whole(whole));
            }
            Role::Time | Role::Device | Role::DeviceName | Role::Meta => return None,
        }
        if ended {
            if !behind.is_empty() || readings.is_empty() {
                return None;
            }
            break;
        }
        rest = behind;
    }
    if let Some(ms) = claimed {
        for found in &mut readings {
            found.time = Some(ClaimedTime::At { ms, source: TimeSource::Device });
        }
    }
    Some(Decoded { decoder: DecoderId("json"), content: Content::Readings(readings) })
}

/// `"key":number` and what follows it.
struct Member<'b> {
    key: &'b [u8],
    number: f64,
    /// Whether the object ends behind it.
    ended: bool,
    behind: &'b [u8],
}

fn one_member(bytes: &[u8]) -> Option<Member<'_>> {
    let [b'"', bytes @ ..] = without_blank(bytes) else { return None };
    let key_end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20 | 0x7f..))?;
    let (key, bytes) = bytes.split_at_checked(key_end)?;
    let [b'"', b':', bytes @ ..] = bytes else { return None };
    let bytes = without_blank(bytes);
    let (number, rest) = short_decimal_before(bytes)?;
    let digits = bytes.get(..bytes.len().checked_sub(rest.len())?)?;
    let unsigned = if let [b'-', unsigned @ ..] = digits { unsigned } else { digits };
    // What JSON has against `05`, `.5` and `5.`.
    if matches!(unsigned, [b'0', b'0'..=b'9', ..] | [b'.', ..] | [.., b'.']) {
        return None;
    }
    match rest {
        [b',', behind @ ..] => Some(Member { key, number, ended: false, behind }),
        [b'}', behind @ ..] => Some(Member { key, number, ended: true, behind }),
        _ => None,
    }
}

fn without_blank(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b' ', rest @ ..] => rest,
        bytes => bytes,
    }
}

fn found(device: &str, quantity: &Quantity, number: f64, judgement: Judgement) -> Found {
    Found {
        device: device.into(),
        metric: quantity.name.into(),
        value: Ok(Value::Number(number)),
        unit: quantity.unit.and_then(crate::unit::Known::unit),
        unit_source: quantity.unit_source,
        kind: quantity.kind,
        judgement,
        time: None,
    }
}

#[cfg(test)]
mod tests {
    use model::Topic;
    use proptest::prelude::*;

    fn level() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "home",
            "kitchen",
            "temperature",
            "temp",
            "state",
            "data",
            "climate",
            "tele",
            "stat",
            "SENSOR",
            "config",
            "status",
            "feeds",
            "f",
            "groups",
            "x",
            "json",
            "homeassistant",
            "sensor",
            "rtl_433",
            "devices",
            "events",
            "rpc",
            "BTtoMQTT",
            "433toMQTT",
            "zigbee2mqtt",
            "shellies",
            "homie",
            "iot",
            "v1",
            "telemetry",
            "",
            "1",
            "humidity",
            "availability",
            "online",
            "esphome",
            "ruuvi",
            "domoticz",
            "in",
            "N",
            "0",
            "command",
            "set",
            "LWT",
            "$state",
            "binary_sensor",
            "number",
            "energy",
        ])
    }

    fn member() -> impl Strategy<Value = String> {
        let key = prop::sample::select(vec![
            "temperature",
            "temp",
            "tempC",
            "temp_f",
            "humidity",
            "hum",
            "pressure",
            "co2",
            "battery",
            "voltage",
            "ts",
            "time",
            "rssi",
            "id",
            "model",
            "value",
            "x",
            "state",
            "seq",
            "wind_dir",
            "n",
            "v",
            "status",
            "uptime",
            "energy",
            "Temperatur",
            "TEMP",
            "",
        ]);
        let value = prop_oneof![
            4 => (-200.0..2000.0_f64).prop_map(|number| format!("{:.1}", number)),
            2 => (-5..200_i32).prop_map(|number| number.to_string()),
            1 => prop::sample::select(vec![
                "-127", "85.0", "999", "65535", "1700000000", "1700000000123", "1.", ".5", "05", "-", "-0", "0.0", "1e3", "nan", "null",
                "true", "\"21.5\"", "9007199254740993", "1-2", "1.2.3", "{}", "[1]", "",
            ]).prop_map(str::to_owned),
        ];
        let colon = prop::sample::select(vec![":", ": ", " : ", ":  "]);
        (key, colon, value).prop_map(|(key, colon, value)| format!("\"{key}\"{colon}{value}"))
    }

    fn payload() -> impl Strategy<Value = String> {
        let object = (proptest::collection::vec(member(), 0..6), prop::sample::select(vec![",", ", ", ",,"]), "[ }]?")
            .prop_map(|(members, comma, behind)| format!("{{{}}}{behind}", members.join(comma)));
        let number = prop_oneof![
            (-200.0..2000.0_f64).prop_map(|number| format!("{:.2}", number)),
            prop::sample::select(vec![
                "1",
                "0",
                "85",
                "-127.00",
                "5.",
                "-",
                "1-",
                "1,5",
                "1 ",
                "999",
                "05",
                "1700000000123456789"
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![3 => object, 1 => number]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_short_way_gives_the_answer_of_the_long_way(
            levels in proptest::collection::vec(level(), 1..5), payload in payload()
        ) {
            let Ok(topic) = Topic::parse(&levels.join("/")) else { return Ok(()) };
            if let Some(short) = super::read(topic.as_str(), payload.as_bytes()) {
                prop_assert_eq!(short, crate::by_families(&topic, payload.as_bytes()));
            }
        }
    }

    #[test]
    fn the_short_way_is_taken_where_it_is_meant_to_be() {
        for (topic, payload) in [
            ("home/kitchen/climate", r#"{"temperature":21.5,"humidity":48.2,"pressure":1013.25}"#),
            ("home/kitchen/climate", r#"{"temperature": 21.5, "humidity": 48}"#),
            ("greenhouse/7/telemetry", r#"{"ts":1700000000123,"temp":-3.5,"rssi":-61}"#),
            ("esp32/dht/temperature", "23.75"),
        ] {
            assert!(super::read(topic, payload.as_bytes()).is_some(), "{topic} {payload}");
        }
    }
}
