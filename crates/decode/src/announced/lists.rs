//! What Zigbee2MQTT, Homie, Tasmota and ESPHome tell about their devices. The values of these families are read without it;
//! from here come names, units and kinds.

use model::Kind;

use super::config::shown;
use super::{
    AnnouncedDevice, AnnouncedMetric, Announcement, CONFIG_BYTES_MAX, Calculation, LIST_BYTES_MAX, LIST_METRICS_MAX,
    Pick, push_step,
};
use crate::json::{Json, Object, member};
use crate::message::Message;
use crate::name::{metric_of, snake};
use crate::place::device_by_id;
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
        let definition = device.get("definition");
        let told = |of: Option<&Json<'_>>, name| of.and_then(|of| of.get(name)).and_then(Json::text).map(str::to_owned);
        announcement.about(AnnouncedDevice {
            device: format!("zigbee2mqtt/{name}"),
            name: Some(shown(name)),
            model: one_text([told(definition, "vendor"), told(definition, "model")]),
            firmware: told(Some(device), "software_build_id").map(|text| shown(&text)),
            ..AnnouncedDevice::default()
        });
        let exposes = definition.and_then(|definition| definition.get("exposes"));
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
        announcement.add_up_to(
            LIST_METRICS_MAX,
            Some(AnnouncedMetric {
                topic: device.to_owned(),
                pick: Pick::Path(path),
                calculation: Calculation::default(),
                device: device.to_owned(),
                metric: named.name,
                name: text("label").map(shown),
                unit: Some(unit),
                kind: named.kind,
                precision: None,
                expire_after_s: None,
                diagnostic: text("category") == Some("diagnostic"),
            }),
        );
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
    announcement.about(AnnouncedDevice {
        device: device.to_owned(),
        name: member(root, "name").and_then(Json::text).map(shown),
        ..AnnouncedDevice::default()
    });
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

/// Homie 3 and 4: one text on each topic with a `$`. Nothing for what is no name, unit, model or firmware.
pub(crate) fn read_text(message: &Message<'_>, device: &str, path: &[&str]) -> Option<Announcement> {
    let text = message.text.filter(|text| !text.is_empty())?;
    let mut announcement = Announcement::of(message.topic);
    let mut about = AnnouncedDevice { device: device.to_owned(), ..AnnouncedDevice::default() };
    match path {
        ["$name"] => about.name = Some(shown(text)),
        ["$implementation"] => about.model = Some(shown(text)),
        ["$fw", "version"] => about.firmware = Some(shown(text)),
        [node, property, leaf @ ("$unit" | "$name")] => {
            let topic = message.topic.strip_suffix(leaf)?.strip_suffix('/')?.to_owned();
            let mut metric = of_property(device, topic, node, property, Some(text).filter(|_| *leaf == "$unit"));
            metric.name = (*leaf == "$name").then(|| shown(text));
            announcement.add(Some(metric));
        }
        _ => return None,
    }
    announcement.about(about);
    Some(announcement)
}

/// `tasmota/discovery/<address>/config`: which topic is whose, by which name.
pub(crate) fn read_tasmota(message: &Message<'_>) -> Option<Announcement> {
    let root = message.value()?.object()?;
    let text = |name| member(root, name).and_then(Json::text);
    let mut announcement = Announcement::of(message.topic);
    let (topic, order) = (text("t")?, text("ft").unwrap_or("%prefix%/%topic%/"));
    let order = order.trim_end_matches('/').split('/').filter(|level| *level != "%prefix%");
    let levels: Vec<String> = order
        .map(|level| level.replace("%topic%", topic).replace("%hostname%", text("hn").unwrap_or_default()))
        .collect();
    let first = member(root, "fn").and_then(Json::list).and_then(|names| names.first()).and_then(Json::text);
    announcement.about(AnnouncedDevice {
        device: levels.join("/"),
        name: text("dn").or(first).map(shown),
        model: text("md").map(shown),
        firmware: text("sw").map(shown),
        ..AnnouncedDevice::default()
    });
    Some(announcement)
}

/// `esphome/discover/<node>` and `shellies/announce`: who is there. Each of `keys` names a member that is a device key.
pub(crate) fn read_about(message: &Message<'_>, keys: &[&str]) -> Option<Announcement> {
    let root = message.value()?.object()?;
    let text = |names: &[&str]| names.iter().find_map(|name| member(root, name).and_then(Json::text));
    let mut announcement = Announcement::of(message.topic);
    for key in keys {
        let Some(device) = text(&[key]) else { continue };
        announcement.about(AnnouncedDevice {
            device: device_by_id(device, message.topic),
            name: text(&["friendly_name"]).or_else(|| text(&["name"]).filter(|name| *name != device)).map(shown),
            model: text(&["board", "model"]).map(shown),
            firmware: text(&["version", "fw_ver"]).map(shown),
            ..AnnouncedDevice::default()
        });
    }
    Some(announcement)
}

fn one_text(parts: [Option<String>; 2]) -> Option<String> {
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    Some(shown(&text)).filter(|text| !text.is_empty())
}

fn of_property(device: &str, topic: String, node: &str, property: &str, unit: Option<&str>) -> AnnouncedMetric {
    let named = metric_of(property);
    AnnouncedMetric {
        topic,
        pick: Pick::Whole,
        calculation: Calculation::default(),
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
