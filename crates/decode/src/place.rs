//! What a topic says about device and metric where nothing better is known.

use crate::message::Message;
use crate::name::{Named, metric_of};
use crate::quantity::quantity_of;
use crate::walk::Identity;

/// Last levels that say "here comes data" and nothing about the device.
const CARRIERS: &[&str] = &[
    "attributes",
    "data",
    "event",
    "events",
    "json",
    "loop",
    "measurement",
    "measurements",
    "message",
    "msg",
    "out",
    "payload",
    "pub",
    "publish",
    "reading",
    "readings",
    "report",
    "sensor",
    "sensors",
    "state",
    "stats",
    "status",
    "telemetry",
    "tele",
    "update",
    "uplink",
    "up",
    "value",
    "values",
];

/// The first letters of [`CARRIERS`], a bit each: most levels are told apart by theirs.
const FIRST_LETTERS: u32 = {
    let mut letters = 0;
    let mut index = 0;
    while index < CARRIERS.len() {
        letters |= 1 << (CARRIERS[index].as_bytes()[0] - b'a');
        index += 1;
    }
    letters
};

pub(crate) fn is_carrier(level: &str) -> bool {
    let Some(first) = level.bytes().next().map(|first| first.to_ascii_lowercase()) else { return false };
    let begins = first.is_ascii_lowercase() && FIRST_LETTERS & 1 << (first - b'a') != 0;
    begins && CARRIERS.iter().any(|word| level.eq_ignore_ascii_case(word))
}

/// The same for a whole message, which mostly is its topic as it stands.
pub(crate) fn device_of_message(message: &Message<'_>) -> String {
    let whole = !message.topic.ends_with('/') && !is_carrier(message.leaf());
    if whole { message.topic.into() } else { device_of(&message.levels) }
}

/// The device of a message that holds several values: the topic, without a last level that is only a carrier.
pub(crate) fn device_of(levels: &[&str]) -> String {
    match levels {
        [front @ .., leaf] if is_carrier(leaf) && front.iter().any(|level| !level.is_empty()) => front.join("/"),
        whole => whole.join("/"),
    }
}

/// Device and metric of a message that is one value: the metric is the level that names a quantity among the last two,
/// else the last one; the device is the rest.
pub(crate) fn device_and_metric(levels: &[&str]) -> (String, Named) {
    match levels {
        [front @ .., above, leaf] if quantity_of(leaf).is_none() && !front.is_empty() => {
            let named = metric_of(above);
            let known = quantity_of(above).is_some();
            if known && leaf.bytes().all(|byte| byte.is_ascii_digit()) && !leaf.is_empty() {
                (whole(front, levels), Named { name: format!("{}.{leaf}", named.name), ..named })
            } else if known && is_carrier(leaf) {
                (whole(front, levels), named)
            } else if known {
                let mut rest = front.to_vec();
                rest.push(leaf);
                (rest.join("/"), named)
            } else {
                split_leaf(levels)
            }
        }
        [above, leaf] if quantity_of(leaf).is_none() && quantity_of(above).is_some() && !is_carrier(leaf) => {
            ((*leaf).into(), metric_of(above))
        }
        other => split_leaf(other),
    }
}

fn whole(front: &[&str], levels: &[&str]) -> String {
    if front.iter().all(|level| level.is_empty()) { levels.join("/") } else { front.join("/") }
}

/// Metric = last level, device = the rest. A topic of one level is the device, and its value is called `value`.
fn split_leaf(levels: &[&str]) -> (String, Named) {
    match levels {
        [front @ .., leaf] if front.iter().any(|level| !level.is_empty()) => (front.join("/"), metric_of(leaf)),
        [.., leaf] if quantity_of(leaf).is_some() => (levels.join("/"), metric_of(leaf)),
        _ => (levels.join("/"), metric_of("value")),
    }
}

/// The key of a device that says who it is.
pub(crate) fn device_of_identity(identity: &Identity<'_>, topic_device: &str) -> String {
    match identity {
        Identity::Id(id) => device_by_id(id, topic_device),
        Identity::Name(name) if topic_device.split('/').any(|level| level.eq_ignore_ascii_case(name.trim())) => {
            topic_device.into()
        }
        Identity::Name(name) => format!("{topic_device}/{}", name.trim()),
    }
}

/// A device's own identifier as a device key. Addresses lose their colons and capitals, so that one device is one key
/// however it is written. Short or purely decimal identifiers tell devices apart below their topic only.
pub(crate) fn device_by_id(id: &str, topic_device: &str) -> String {
    let id = id.trim();
    let hex = |text: &str| text.len() >= 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bare: String = id.chars().filter(|c| !matches!(c, ':' | '-')).collect();
    if hex(&bare) && bare.len().is_multiple_of(2) {
        return bare.to_ascii_lowercase();
    }
    if id.len() < 6 && id.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("{topic_device}/{id}");
    }
    id.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(topic: &str) -> (String, String) {
        let levels: Vec<_> = topic.split('/').collect();
        let (device, metric) = device_and_metric(&levels);
        (device, metric.name)
    }

    #[test]
    fn one_value_topics_are_split_where_the_quantity_stands() {
        for (topic, device, metric) in [
            ("esp32/dht/temperature", "esp32/dht", "temperature"),
            ("woonkamer/Temperatuur", "woonkamer", "temperature"),
            ("EE-ADMIN-TEMP", "EE-ADMIN-TEMP", "value"),
            ("temperature", "temperature", "temperature"),
            ("temperature/kitchen", "kitchen", "temperature"),
            ("home/temperature/kitchen", "home/kitchen", "temperature"),
            ("home/temperature/2", "home", "temperature.2"),
            ("home/kitchen/temperature/value", "home/kitchen", "temperature"),
            ("garden/pump", "garden", "pump"),
            ("/topic/qos1", "/topic", "qos1"),
            ("/temperature", "/temperature", "temperature"),
            ("plug/state", "plug", "state"),
        ] {
            assert_eq!(told(topic), (device.into(), metric.into()), "{topic}");
        }
    }

    #[test]
    fn carriers_are_no_part_of_a_device() {
        assert!(CARRIERS.iter().all(|word| is_carrier(word) && is_carrier(&word.to_uppercase())));
        for (topic, device) in [
            ("home/kitchen/climate", "home/kitchen/climate"),
            ("esp/temp", "esp/temp"),
            ("greenhouse/7/telemetry", "greenhouse/7"),
            ("data", "data"),
            ("/data", "/data"),
        ] {
            assert_eq!(device_of(&topic.split('/').collect::<Vec<_>>()), device);
        }
    }

    #[test]
    fn identifiers_become_keys() {
        assert_eq!(device_by_id("F3:52:85", "t"), "f35285");
        assert_eq!(device_by_id("0004A30B001C0530", "t"), "0004a30b001c0530");
        assert_eq!(device_by_id("12", "greenhouse"), "greenhouse/12");
        assert_eq!(device_by_id("node-kitchen", "t"), "node-kitchen");
    }
}
