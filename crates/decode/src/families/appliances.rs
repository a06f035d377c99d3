//! Devices with a form of their own: Ruuvi gateways, `AirGradient`, Sensor.Community, Z-Wave JS, Victron, Meshtastic.

use model::{Kind, TimeSource};

use crate::json::{Json, Object, member};
use crate::message::Message;
use crate::name::{Named, metric_of, snake};
use crate::unit::Known;
use crate::walk::{Measured, Own, Walk, scalar};
use crate::{Content, place, time};

/// Ruuvi: `ruuvi/<gateway>/<tag>`; pressure is in Pa.
pub(crate) fn read_ruuvi(message: &Message<'_>) -> Option<Content> {
    let ["ruuvi", gateway, tag] = message.levels.as_slice() else { return None };
    let members = message.value()?.object()?;
    if *tag == "gw_status" {
        return Some(Content::NoReading { kind: "meta", availability: None });
    }
    let mut walk = Walk::naming(ruuvi_names).null_is_absent();
    walk.object(members);
    let sent = member(members, "ts").and_then(|ts| time::claimed(ts, TimeSource::Gateway));
    walk.harvest.each(|found, _| found.time = None);
    walk.harvest.time_since(0, sent);
    Some(walk.harvest.finish(&place::device_by_id(tag, gateway)))
}

fn ruuvi_names(_: &str, key: &str) -> Own {
    Own::Named(match key {
        "temperature" => Named::known("temperature", Some(Known::Celsius)),
        "pressure" => Named::known("pressure", Some(Known::Pascal)),
        "accelX" => Named::known("acceleration_x", Some(Known::Gravity)),
        "accelY" => Named::known("acceleration_y", Some(Known::Gravity)),
        "accelZ" => Named::known("acceleration_z", Some(Known::Gravity)),
        "movementCounter" => Named::known("movement_counter", None).of_kind(Kind::TotalIncreasing),
        "voltage" => Named::known("voltage", Some(Known::Volt)),
        "txPower" => Named::known("tx_power", Some(Known::DecibelMilliwatt)),
        "measurementSequenceNumber" => Named::known("sequence", None),
        "gw_mac" | "aoa" | "gwts" | "cnt" | "data" | "dataFormat" | "coords" | "mac" | "id" | "flags" => {
            return Own::Skip;
        }
        _ => return Own::Usual,
    })
}

/// `AirGradient`: `airgradient/readings/<serial number>`; `pm02` is PM2.5.
pub(crate) fn read_airgradient(message: &Message<'_>) -> Option<Content> {
    let ["airgradient", "readings", serial] = message.levels.as_slice() else { return None };
    let mut walk = Walk::naming(airgradient_names).null_is_absent();
    walk.object(message.value()?.object()?);
    Some(walk.harvest.finish(serial))
}

fn airgradient_names(_: &str, key: &str) -> Own {
    Own::Named(match key {
        "wifi" => Named::known("signal_strength", Some(Known::DecibelMilliwatt)),
        "rco2" => Named::known("co2", Some(Known::PartsPerMillion)),
        "pm01" => Named::known("pm1", Some(Known::MicrogramPerCubicMetre)),
        "pm02" => Named::known("pm2_5", Some(Known::MicrogramPerCubicMetre)),
        "pm02Compensated" => Named::known("pm2_5_compensated", Some(Known::MicrogramPerCubicMetre)),
        "pm10" => Named::known("pm10", Some(Known::MicrogramPerCubicMetre)),
        "atmp" => Named::known("temperature", Some(Known::Celsius)),
        "atmpCompensated" => Named::known("temperature_compensated", Some(Known::Celsius)),
        "rhum" => Named::known("humidity", Some(Known::Percent)),
        "rhumCompensated" => Named::known("humidity_compensated", Some(Known::Percent)),
        // The same count under an older name.
        "boot" => return Own::Skip,
        _ => return Own::Usual,
    })
}

/// Sensor.Community: `sensordatavalues: [{value_type, value: "text"}]`.
pub(crate) fn read_sensor_community(message: &Message<'_>) -> Option<Content> {
    let members = message.value()?.object()?;
    let values = member(members, "sensordatavalues")?.list()?;
    let mut walk = Walk::default();
    for value in values {
        let told = value.get("value_type").and_then(Json::text).zip(value.get("value"));
        let Some((kind, (judged, _))) = told.and_then(|(kind, value)| Some((kind, scalar(value, true)?))) else {
            continue;
        };
        walk.harvest.push("", kind, community_named(kind), judged);
    }
    walk.harvest.profile_unit(Known::Celsius);
    let id = member(members, "esp8266id").or_else(|| member(members, "esp32id")).and_then(Json::text);
    let by_topic = place::device_of(&message.levels);
    Some(walk.harvest.finish(id.unwrap_or(&by_topic)))
}

/// `SDS_P1`, `BME280_pressure` (in Pa), `signal` …
fn community_named(kind: &str) -> Named {
    let dust = kind.rsplit_once('_').map_or(kind, |(_, size)| size);
    match dust {
        "P0" => Named::known("pm1", Some(Known::MicrogramPerCubicMetre)),
        "P1" => Named::known("pm10", Some(Known::MicrogramPerCubicMetre)),
        "P2" => Named::known("pm2_5", Some(Known::MicrogramPerCubicMetre)),
        "signal" => Named::known("signal_strength", Some(Known::DecibelMilliwatt)),
        "pressure" => {
            let front = kind.strip_suffix("pressure").unwrap_or_default();
            Named::known(&format!("{}pressure", front.to_ascii_lowercase()), Some(Known::Pascal))
        }
        _ => metric_of(kind),
    }
}

/// Z-Wave JS UI: `zwave/<node>/<command class>/<endpoint>/<property…>` with `{time, value}`.
pub(crate) fn read_zwave(message: &Message<'_>) -> Option<Content> {
    let [_, node @ .., class, endpoint, _] = message.levels.as_slice() else { return None };
    let number = |level: &str| !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_digit());
    if message.level(0) != Some("zwave") || node.is_empty() || !number(class) || !number(endpoint) {
        return None;
    }
    let measured = Measured::of(message.value()?.object()?)?;
    let named = metric_of(message.leaf());
    let mut walk = Walk::default();
    if *endpoint == "0" {
        walk.measured("", named, &measured);
    } else {
        walk.under(&format!("endpoint_{endpoint}"), |walk| walk.measured("", named, &measured));
    }
    Some(walk.harvest.finish(&node.join("/")))
}

/// Victron: `N/<portal>/<service>/<instance>/<path…>` with `{value}`, where `null` means "there is none".
pub(crate) fn read_victron(message: &Message<'_>) -> Option<Content> {
    let ["N", portal, service, instance, path @ .., leaf] = message.levels.as_slice() else { return None };
    let members = message.value()?.object()?;
    let value = member(members, "value")?;
    let mut walk = Walk::default();
    let prefix: String = path.iter().map(|level| format!("{}.", snake(level))).collect();
    if let Some((judged, _)) = scalar(value, false).filter(|_| *value != Json::Null) {
        walk.harvest.push(&prefix, leaf, metric_of(leaf), judged);
    }
    walk.harvest.profile_unit(Known::Celsius);
    Some(walk.harvest.finish(&format!("{portal}/{service}/{instance}")))
}

/// Meshtastic's JSON: the node is `from`, `sender` is the gateway that heard it.
pub(crate) fn read_meshtastic(message: &Message<'_>) -> Option<Content> {
    let members = message.value()?.object()?;
    member(members, "sender")?;
    member(members, "type")?;
    let Some(Json::Number(from)) = member(members, "from") else { return None };
    let node: u32 = from.parse().ok()?;
    let mut walk = Walk::naming(meshtastic_names).null_is_absent();
    if let Some(Json::Object(payload)) = member(members, "payload") {
        walk.object(payload);
    }
    link(&mut walk, members);
    let sent = member(members, "timestamp").and_then(|sent| time::claimed(sent, TimeSource::Gateway));
    walk.harvest.time_since(0, sent);
    Some(walk.harvest.finish(&format!("!{node:08x}")))
}

fn link<'k>(walk: &mut Walk<'k>, members: &'k Object<'k>) {
    for key in ["rssi", "snr"] {
        if let Some((judged, _)) = member(members, key).and_then(|value| scalar(value, true)) {
            walk.harvest.push("", key, metric_of(key), judged);
        }
    }
}

fn meshtastic_names(_: &str, key: &str) -> Own {
    Own::Named(match key {
        "battery_level" => Named::known("battery", Some(Known::Percent)),
        "voltage" => Named::known("voltage", Some(Known::Volt)),
        "temperature" => Named::known("temperature", Some(Known::Celsius)),
        "barometric_pressure" => Named::known("pressure", Some(Known::Hectopascal)),
        "air_util_tx" | "channel_utilization" => Named::known(key, Some(Known::Percent)),
        "uptime_seconds" => Named::known("uptime", Some(Known::Second)),
        // A chat message is words even when they look like a number; positions and names are no series.
        "text" | "id" | "hardware" | "longname" | "shortname" | "latitude_i" | "longitude_i" | "time" | "PDOP"
        | "role" | "precision_bits" | "sats_in_view" => return Own::Skip,
        _ => return Own::Usual,
    })
}
