//! Zigbee2MQTT: `zigbee2mqtt/<friendly name>`, flat JSON that repeats the last known value of every property.
//!
//! `null` means "not known yet" and is no reading. `last_seen` is the time of the last radio frame, not of the values.
//! A friendly name may hold slashes, so the device is the whole topic.

use model::{UnitSource, Value};

use super::availability;
use crate::message::Message;
use crate::unit::Known;
use crate::walk::{Own, Walk};
use crate::{Content, announced};

/// At and above this a supply voltage is in millivolts: no Zigbee device is fed with a kilovolt.
const MILLIVOLTS_FROM: f64 = 1000.0;

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    let ["zigbee2mqtt", name @ ..] = message.levels.as_slice() else { return None };
    match name {
        [] => None,
        ["bridge", "state"] => {
            availability::told(message).map(|told| availability::content("zigbee2mqtt/bridge", told))
        }
        ["bridge", "devices"] => announced::read_devices(message).map(Content::from),
        ["bridge", ..] => Some(Content::NoReading { kind: "meta", availability: None }),
        [.., "set" | "get"] | [.., "set" | "get", _] => Some(Content::NoReading { kind: "event", availability: None }),
        [device @ .., "availability"] if !device.is_empty() => {
            let device = format!("zigbee2mqtt/{}", device.join("/"));
            availability::told(message).map(|told| availability::content(&device, told))
        }
        _ => {
            let members = message.value()?.object()?;
            let mut walk = Walk::naming(names).null_is_absent();
            walk.object(members);
            walk.harvest.profile_unit(Known::Celsius);
            walk.harvest.profile_unit(Known::Hectopascal);
            let battery = members.iter().any(|(key, _)| key == "battery");
            walk.harvest.each(|found, note| {
                if note.key == "voltage" {
                    let large = matches!(found.value, Ok(Value::Number(number)) if number >= MILLIVOLTS_FROM);
                    let unit = if battery || large { Known::Millivolt } else { Known::Volt };
                    (found.unit, found.unit_source, note.unit) = (unit.unit(), UnitSource::Profile, Some(unit));
                }
            });
            Some(walk.harvest.finish(&message.levels.join("/")))
        }
    }
}

fn names(path: &str, key: &str) -> Own {
    match key {
        "last_seen" | "elapsed" | "update_available" => Own::Skip,
        _ if path.starts_with("update.") || path.starts_with("device.") => Own::Skip,
        _ => Own::Usual,
    }
}
