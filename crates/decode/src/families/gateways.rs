//! Gateways that hear other devices by radio: OpenMQTTGateway and Theengs, and rtl_433.
//!
//! The device is the one that was heard. What a remote control sends is an event and no reading.

use crate::harvest::Harvest;
use crate::json::{Json, Object, member};
use crate::message::Message;
use crate::name::{Named, metric_of};
use crate::unit::Known;
use crate::walk::{Own, Walk};
use crate::{Content, number, place};

/// `<base>/<gateway>/<radio>toMQTT[/<address>]`.
pub(crate) fn read_toward_mqtt(message: &Message<'_>) -> Option<Content> {
    let at = message.levels.iter().position(|level| level.ends_with("toMQTT"))?;
    let radio = message.level(at)?.trim_end_matches("toMQTT");
    let members = message.value()?.object()?;
    match radio {
        "SYS" | "BT" | "LORA" | "RTL_433" => {}
        _ => return Some(Content::NoReading { kind: "event", availability: None }),
    }
    if radio == "RTL_433" {
        return Some(heard_by_rtl433(members));
    }
    let gateway = message.levels.get(..at)?.join("/");
    let mut walk = Walk::naming(theengs_names);
    walk.object(members);
    walk.harvest.profile_unit(Known::Celsius);
    let id = member(members, "id").and_then(Json::text).or_else(|| message.level(at + 1));
    Some(match id.filter(|_| radio != "SYS") {
        Some(id) => walk.harvest.finish(&place::device_by_id(id, &gateway)),
        None => walk.harvest.finish(&gateway),
    })
}

fn theengs_names(_: &str, key: &str) -> Own {
    match key {
        "servicedata" | "manufacturerdata" | "servicedatauuid" | "cidc" | "acts" | "cont" | "track" | "mac_type"
        | "adv_type" | "txpower" | "model_id" | "modules" | "model" | "name" | "brand" | "mfid" => Own::Skip,
        "moi" => Own::Named(Named::known("soil_moisture", Some(Known::Percent))),
        "fer" => Own::Named(Named::known("conductivity", Some(Known::MicrosiemensPerCentimetre))),
        "distance" => Own::Named(Named::known("distance", Some(Known::Metre))),
        "dp" => Own::Named(Named::known("dew_point", Some(Known::Celsius))),
        _ => Own::Usual,
    }
}

/// `rtl_433/<host>/events`, `rtl_433/<host>/devices/<model>/…/<field>`, or its JSON on any other topic.
pub(crate) fn read_rtl433(message: &Message<'_>) -> Option<Content> {
    match message.levels.as_slice() {
        ["rtl_433", _, "devices", device @ .., field] if !device.is_empty() => {
            let (judged, _) = number::single(message.text?)?;
            if matches!(rtl433_names("", field), Own::Skip) || matches!(*field, "id" | "channel") {
                return Some(Content::NoReading { kind: "meta", availability: None });
            }
            let mut harvest = Harvest::default();
            harvest.push("", field, metric_of(field), judged);
            Some(harvest.finish(&device.join("/")))
        }
        _ => {
            let members = message.value()?.object()?;
            let told = |key: &str| member(members, key).is_some();
            let heard = told("model") && (told("id") || told("channel")) && told("time");
            (heard && member(members, "model").and_then(Json::text).is_some()).then(|| heard_by_rtl433(members))
        }
    }
}

fn heard_by_rtl433<'k>(members: &'k Object<'k>) -> Content {
    let mut walk = Walk::naming(rtl433_names);
    walk.object(members);
    let part = |key: &str| match member(members, key)? {
        Json::Text(text) => Some(text.to_string()),
        Json::Number(text) => Some((*text).to_string()),
        Json::Null | Json::Bool(_) | Json::Nan | Json::Infinite | Json::List(_) | Json::Object(_) => None,
    };
    let parts: Vec<String> = ["model", "channel", "id"].into_iter().filter_map(part).collect();
    walk.harvest.finish(&parts.join("/"))
}

fn rtl433_names(_: &str, key: &str) -> Own {
    match key {
        "subtype" | "mic" | "sequence_num" | "mod" | "freq" | "freq1" | "freq2" | "noise" | "model" | "protocol"
        | "data" | "raw_msg" | "time" | "button" | "unit" | "code" => Own::Skip,
        // The receiver's own scale, not dBm.
        "rssi" => Own::Named(Named::known("signal_strength", Some(Known::Decibel))),
        _ => Own::Usual,
    }
}
