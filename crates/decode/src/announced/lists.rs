//! What Zigbee2MQTT and Homie tell about the devices behind them. Both are families whose values we read by themselves;
//! from here come names, units and kinds.

use model::Kind;

use super::config::shown;
use super::{AnnouncedMetric, Announcement, CONFIG_BYTES_MAX, LIST_BYTES_MAX, Pick, push_step};
use crate::json::{Json, Object, member};
use crate::message::Message;
use crate::name::{metric_of, snake};
use crate::unit;

/// Deepest nesting of exposed features that is followed. Deeper ones are left out.
const FEATURES_DEPTH_MAX: usize = 4;

/// `zigbee2mqtt/bridge/devices`: every device with what it exposes. Only what has a unit is announced; the rest would
/// tell nothing new.
pub(crate) fn read_devices(message: &Message<'_>) -> Option<Announcement> {
    let mut announcement = Announcement::of(message.topic);
    if message.payload.len() > LIST_BYTES_MAX {
        announcement.left_out = 1;
        return Some(announcement);
    }
    for device in message.value()?.list()? {
        let Some(name) = device.get("friendly_name").and_then(Json::text) else { continue };
        let exposes = device.get("definition").and_then(|definition| definition.get("exposes"));
        if let Some(exposes) = exposes.and_then(Json::list) {
            features(&mut announcement, &format!("zigbee2mqtt/{name}"), exposes, 0);
        }
    }
    Some(announcement)
}

fn features(announcement: &mut Announcement, device: &str, exposes: &[Json<'_>], depth: usize) {
    for feature in exposes {
        if let Some(inner) = feature.get("features").and_then(Json::list) {
            if depth < FEATURES_DEPTH_MAX {
                features(announcement, device, inner, depth + 1);
            }
            continue;
        }
        let text = |name| feature.get(name).and_then(Json::text);
        let (Some(property), Some(unit)) = (text("property"), text("unit").and_then(unit::normalise)) else {
            continue;
        };
        let named = metric_of(property);
        let mut path = String::new();
        push_step(&mut path, property);
        announcement.add(Some(AnnouncedMetric {
            topic: device.to_owned(),
            pick: Pick::Path(path),
            device: device.to_owned(),
            metric: named.name,
            name: text("label").map(shown),
            unit: Some(unit),
            kind: named.kind,
            precision: None,
            expire_after_s: None,
            diagnostic: text("category") == Some("diagnostic"),
        }));
    }
}

/// Homie 5: `homie/5/<device>/$description`.
pub(crate) fn read_description(message: &Message<'_>, device: &str) -> Option<Announcement> {
    let mut announcement = Announcement::of(message.topic);
    let root = message.value()?.object()?;
    if message.payload.len() > CONFIG_BYTES_MAX {
        announcement.left_out = 1;
        return Some(announcement);
    }
    let front = message.topic.strip_suffix("/$description")?;
    announcement.device_name = member(root, "name").and_then(Json::text).map(shown);
    for (node, about) in of(root, "nodes") {
        let Some(about) = about.object() else { continue };
        for (property, about) in of(about, "properties") {
            let text = |name| about.get(name).and_then(Json::text);
            let topic = format!("{front}/{node}/{property}");
            let mut metric = of_property(device, topic, &node, &property, text("unit"));
            metric.name = text("name").map(shown);
            if text("datatype") == Some("boolean") {
                metric.kind = Kind::State;
            }
            announcement.add(Some(metric));
        }
    }
    Some(announcement)
}

fn of<'a>(members: &Object<'a>, name: &str) -> Vec<(String, Json<'a>)> {
    let inner = member(members, name).and_then(Json::object);
    inner.into_iter().flatten().map(|(key, value)| (key.to_string(), value.clone())).collect()
}

/// Homie 3 and 4: `homie/<device>/<node>/<property>/$unit`, one text.
pub(crate) fn read_unit(message: &Message<'_>, device: &str, node: &str, property: &str) -> Option<Announcement> {
    let mut announcement = Announcement::of(message.topic);
    let topic = message.topic.strip_suffix("/$unit")?.to_owned();
    announcement.add(Some(of_property(device, topic, node, property, message.text)));
    Some(announcement)
}

fn of_property(device: &str, topic: String, node: &str, property: &str, unit: Option<&str>) -> AnnouncedMetric {
    let named = metric_of(property);
    AnnouncedMetric {
        topic,
        pick: Pick::Whole,
        device: device.to_owned(),
        metric: format!("{}.{}", snake(node), named.name),
        name: None,
        unit: unit.and_then(unit::normalise),
        kind: named.kind,
        precision: None,
        expire_after_s: None,
        diagnostic: false,
    }
}
