//! ESPHome: `<prefix>/<component>/<object>/state`, one text value each; `esphome/discover/<node>` describes the node.
//!
//! Units and the true identity of the device come with Home Assistant's discovery messages; without them the prefix is
//! the device.

use model::UnitSource;

use crate::harvest::Harvest;
use crate::message::Message;
use crate::name::metric_of;
use crate::{Content, announced, number};

/// Components whose state may be a value.
const COMPONENTS: &[&str] = &[
    "sensor",
    "binary_sensor",
    "switch",
    "number",
    "text_sensor",
    "light",
    "fan",
    "lock",
    "cover",
    "select",
    "button",
];

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    match message.levels.as_slice() {
        ["esphome", "discover", _] => announced::read_about(message, &["mac", "name"]).map(Content::from),
        [prefix @ .., component, object, "state"] if !prefix.is_empty() && COMPONENTS.contains(component) => {
            if message.json().is_some() {
                return None;
            }
            let device = prefix.join("/");
            let Some((judged, unit)) = number::single(message.text?) else {
                return Some(Content::NoReading { kind: "text", availability: None });
            };
            let mut named = metric_of(object);
            if let Some(unit) = unit {
                named = named.with_unit(unit, UnitSource::Payload);
            }
            let mut harvest = Harvest::default();
            harvest.push("", object, named, judged);
            Some(harvest.finish(&device))
        }
        [_, .., component, _, "command"] if COMPONENTS.contains(component) => {
            Some(Content::NoReading { kind: "event", availability: None })
        }
        _ => None,
    }
}
