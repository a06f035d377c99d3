//! Shelly. First generation: `shellies/<id>/…`, one text per value. Later ones: JSON-RPC notifications on
//! `<prefix>/events/rpc` and the state of one component on `<prefix>/status/<component>:<n>`.
//!
//! In the later ones `id` is the number of a component and no value, °F repeats °C, and `sys` is about the firmware.

use model::{Kind, TimeSource, UnitSource};

use super::availability;
use crate::harvest::Harvest;
use crate::json::{Json, Object, member};
use crate::message::Message;
use crate::name::{Named, metric_of, snake};
use crate::unit::Known;
use crate::walk::{Own, Walk};
use crate::{Content, announced, number, time};

pub(crate) fn read_first(message: &Message<'_>) -> Option<Content> {
    let ["shellies", device, path @ ..] = message.levels.as_slice() else { return None };
    match path {
        [] | ["announce"] if message.leaf() == "announce" => announced::read_about(message, &["id"]).map(Content::from),
        ["online"] => availability::told(message).map(|told| availability::content(device, told)),
        ["info" | "settings"] => Some(Content::NoReading { kind: "meta", availability: None }),
        [] | [.., "command" | "set"] => Some(Content::NoReading { kind: "event", availability: None }),
        ["sensor", path @ ..] | path => {
            let (leaf, front) = path.split_last()?;
            let Some((judged, unit)) = number::single(message.text?) else {
                return message.value().is_none().then_some(Content::NoReading { kind: "text", availability: None });
            };
            let number = leaf.bytes().all(|byte| byte.is_ascii_digit());
            let mut named = match *leaf {
                // Sent beside `temperature`, which is in °C on every model that sends both.
                "temperature_f" => Named::known("temperature_f", Some(Known::Fahrenheit)),
                // In watt-minutes here.
                "energy" => Named::known("energy", None).of_kind(Kind::TotalIncreasing),
                _ if number => Named::known(leaf, None).of_kind(Kind::State),
                leaf => metric_of(leaf),
            };
            if let Some(unit) = unit {
                named = named.with_unit(unit, UnitSource::Payload);
            }
            let prefix: String = front.iter().map(|level| format!("{}.", snake(level))).collect();
            let mut harvest = Harvest::default();
            harvest.push(&prefix, leaf, named, judged);
            Some(harvest.finish(device))
        }
    }
}

pub(crate) fn read_later(message: &Message<'_>) -> Option<Content> {
    let members = message.value()?.object()?;
    match message.levels.as_slice() {
        [prefix @ .., "events", "rpc"] => {
            let method = member(members, "method")?.text()?;
            if method == "NotifyEvent" {
                return Some(Content::NoReading { kind: "event", availability: None });
            }
            let params = member(members, "params").filter(|_| method.starts_with("Notify"))?.object()?;
            let device = member(members, "src").and_then(Json::text).map_or_else(|| prefix.join("/"), str::to_owned);
            let mut walk = new_walk();
            for (name, component) in params {
                if let Json::Object(component) = component {
                    one_component(&mut walk, name, component);
                }
            }
            let sent = member(params, "ts").and_then(|ts| time::claimed(ts, TimeSource::Device));
            walk.harvest.time_since(0, sent);
            Some(walk.harvest.finish(&device))
        }
        [prefix @ .., "status", component] if component.contains(':') && !prefix.is_empty() => {
            let mut walk = new_walk();
            one_component(&mut walk, component, members);
            Some(walk.harvest.finish(&prefix.join("/")))
        }
        _ => None,
    }
}

fn new_walk<'k>() -> Walk<'k> {
    Walk::naming(names).null_is_absent()
}

/// Number 0 of a kind of sensor is the device's own and needs no component in the name.
fn one_component<'k>(walk: &mut Walk<'k>, name: &str, members: &'k Object<'k>) {
    let (kind, index) = name.split_once(':').unwrap_or((name, ""));
    let sensor = matches!(kind, "temperature" | "humidity" | "devicepower" | "illuminance" | "sys" | "wifi");
    match kind {
        "cloud" | "mqtt" | "ble" | "ui" | "ws" | "script" | "knx" | "eth" | "bthome" | "ht_ui" => {}
        _ if sensor && matches!(index, "0" | "") => walk.object(members),
        _ => walk.under(&snake(name), |walk| walk.object(members)),
    }
}

fn names(path: &str, key: &str) -> Own {
    let battery = path.ends_with("battery.");
    Own::Named(match key {
        "V" if battery => return Own::Top(Named::known("battery_voltage", Some(Known::Volt))),
        "percent" if battery => return Own::Top(Named::known("battery", Some(Known::Percent))),
        "rssi" => return Own::Top(Named::known("signal_strength", Some(Known::DecibelMilliwatt))),
        "tC" if path.ends_with("temperature.") => return Own::Usual,
        "total" if path.ends_with("aenergy.") => {
            Named::known("total", Some(Known::WattHour)).of_kind(Kind::TotalIncreasing)
        }
        "tC" | "rh" | "lux" => return Own::Usual,
        "uptime" => Named::known("uptime", Some(Known::Second)),
        "apower" => Named::known("power", Some(Known::Watt)),
        "aprtpower" => Named::known("apparent_power", Some(Known::VoltAmpere)),
        "pf" => Named::known("power_factor", None),
        "voltage" => Named::known("voltage", Some(Known::Volt)),
        "current" => Named::known("current", Some(Known::Ampere)),
        "freq" => Named::known("frequency", Some(Known::Hertz)),
        "output" | "state" => Named::known(key, None).of_kind(Kind::State),
        "percent" | "brightness" | "current_pos" => Named::known(&snake(key), Some(Known::Percent)),
        "xpercent" | "xvoltage" | "counts" | "value" => return Own::Usual,
        _ => return Own::Skip,
    })
}
