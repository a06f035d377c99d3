//! Tasmota: `tele|stat/<device>/SENSOR|STATE|LWT|STATUSn|RESULT|INFOn`, the order of the levels being free.
//!
//! `Time` is local without a zone and says nothing, unless the device sends an offset or `Epoch`. `null` is a sensor
//! that could not be read. `Wifi.RSSI` is a quality of 0 to 100, `Wifi.Signal` is in dBm.

use model::Kind;

use super::availability;
use crate::Content;
use crate::json::{Json, Object, member};
use crate::message::Message;
use crate::name::{Named, snake};
use crate::unit::Known;
use crate::walk::{Own, Walk};

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    let (leaf, front) = message.levels.split_last()?;
    let at = front.iter().position(|level| matches!(*level, "tele" | "stat"))?;
    let kind = leaf.trim_end_matches(|c: char| c.is_ascii_digit());
    if !matches!(kind, "SENSOR" | "STATE" | "LWT" | "STATUS" | "RESULT" | "INFO") {
        return None;
    }
    let rest: Vec<_> = front.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, level)| *level).collect();
    let device = rest.join("/");
    if kind == "LWT" {
        return availability::told(message).map(|told| availability::content(&device, told));
    }
    let members = message.value()?.object()?;
    match members.as_slice() {
        [(name, Json::Object(inner))] if matches!(name.as_ref(), "StatusSNS" | "StatusSTS") => {
            Some(values(&device, inner))
        }
        [(name, _)] if name.starts_with("Status") || name.starts_with("Info") => Some(meta()),
        _ if matches!(kind, "STATUS" | "INFO") => Some(meta()),
        _ => Some(values(&device, members)),
    }
}

fn meta() -> Content {
    Content::NoReading { kind: "meta", availability: None }
}

fn values<'k>(device: &str, members: &'k Object<'k>) -> Content {
    let mut walk = Walk::naming(names);
    if let Some(Json::Object(devices)) = member(members, "ZbReceived") {
        for (address, values) in devices {
            let mark = walk.harvest.mark();
            if let Json::Object(values) = values {
                walk.object(values);
            }
            walk.harvest.device_since(mark, &format!("{device}/{address}"));
        }
    } else {
        walk.object(members);
    }
    walk.harvest.profile_unit(Known::Celsius);
    walk.harvest.profile_unit(Known::Hectopascal);
    walk.harvest.finish(device)
}

fn names(path: &str, key: &str) -> Own {
    let energy = path.ends_with("energy.");
    let named = match key {
        "Total" if energy => Named::known("total", Some(Known::KilowattHour)).of_kind(Kind::TotalIncreasing),
        "Today" if energy => Named::known("today", Some(Known::KilowattHour)).of_kind(Kind::TotalIncreasing),
        "Yesterday" if energy => Named::known("yesterday", Some(Known::KilowattHour)).of_kind(Kind::Total),
        "ExportActive" | "Export" if energy => {
            Named::known(&snake(key), Some(Known::KilowattHour)).of_kind(Kind::TotalIncreasing)
        }
        "Period" if energy => Named::known("period", Some(Known::WattHour)),
        "Power" if energy => Named::known("power", Some(Known::Watt)),
        "ApparentPower" if energy => Named::known("apparent_power", Some(Known::VoltAmpere)),
        "ReactivePower" if energy => Named::known("reactive_power", Some(Known::VoltAmpereReactive)),
        "Factor" if energy => Named::known("power_factor", None),
        "Voltage" if energy => Named::known("voltage", Some(Known::Volt)),
        "Current" if energy => Named::known("current", Some(Known::Ampere)),
        "Load" if energy => Named::known("load", Some(Known::Percent)),
        "UptimeSec" => Named::known("uptime", Some(Known::Second)),
        "Heap" => Named::known("heap", Some(Known::Kilobyte)),
        "LoadAvg" => Named::known("load_avg", Some(Known::Percent)),
        "Vcc" => Named::known("voltage", Some(Known::Volt)),
        "RSSI" if path == "wifi." => Named::known("quality", Some(Known::Percent)),
        "Signal" if path == "wifi." => return Own::Top(Named::known("signal_strength", Some(Known::DecibelMilliwatt))),
        "AP" | "Channel" if path == "wifi." => return Own::Skip,
        "Sleep" | "SleepMode" | "Uptime" | "Endpoint" | "Group" | "Device" | "BatteryLastSeenEpoch" => {
            return Own::Skip;
        }
        "POWER" => return Own::Named(Named::known("power", None).of_kind(Kind::State)),
        _ => return Own::Usual,
    };
    Own::Named(named)
}
