//! LoRaWAN network servers: The Things Stack and ChirpStack. The device is its EUI; its values are what the payload
//! formatter of the network server decoded. The gateway's clock is the best one in the message.

use model::TimeSource;

use crate::json::{self, Json, Object, member};
use crate::message::Message;
use crate::name::{Named, metric_of};
use crate::unit::Known;
use crate::walk::{Walk, scalar};
use crate::{ClaimedTime, Content, time};

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    match message.levels.as_slice() {
        ["v3", _, "devices", device, kind] | ["v3", _, "devices", device, kind, ..] => {
            let value = message.value()?;
            Some(if *kind == "up" { things(device, value) } else { event() })
        }
        ["application", _, "device", device, "event", kind] => {
            let value = message.value()?;
            match *kind {
                "up" | "status" => Some(chirp(device, value)),
                _ => Some(event()),
            }
        }
        // ChirpStack 3 before 3.11.
        ["application", _, "device", device, kind @ ("rx" | "status" | "join" | "ack" | "error")] => {
            let value = message.value()?;
            Some(if matches!(*kind, "rx" | "status") { chirp(device, value) } else { event() })
        }
        _ => None,
    }
}

/// The same message on another topic: by way of a flow, another broker, or HTTP.
pub(crate) fn read_elsewhere(message: &Message<'_>) -> Option<Content> {
    let value = message.value()?;
    value.get("rxInfo").and_then(Json::list)?;
    let eui = value.get("deviceInfo").and_then(|info| info.get("devEui")).or_else(|| value.get("devEUI"));
    Some(chirp(eui.and_then(Json::text).filter(|eui| !eui.trim().is_empty())?, value))
}

fn event() -> Content {
    Content::NoReading { kind: "event", availability: None }
}

fn things<'k>(device: &str, value: &'k Json<'k>) -> Content {
    let eui = value.get("end_device_ids").and_then(|ids| ids.get("dev_eui")).and_then(Json::text);
    let Some(uplink) = value.get("uplink_message") else { return event() };
    let heard = uplink.get("rx_metadata").and_then(Json::list).unwrap_or_default();
    let by_gateway = heard.iter().find_map(|heard| heard.get("time"));
    let by_server = uplink.get("received_at").or_else(|| value.get("received_at"));
    let sent = by_gateway.and_then(claimed).or_else(|| by_server.and_then(claimed));
    decoded(eui.unwrap_or(device), uplink.get("decoded_payload"), heard, sent, &[])
}

fn chirp<'k>(device: &str, value: &'k Json<'k>) -> Content {
    let heard = value.get("rxInfo").and_then(Json::list).unwrap_or_default();
    // Version 3 knows only when a gateway heard it, and some gateways do not know that.
    let by_gateway = heard.iter().filter_map(|heard| heard.get("time")).find_map(claimed);
    let sent = value.get("time").and_then(claimed).or(by_gateway);
    // Where it writes bytes as JSON it writes the decoded object as a text.
    let written = value.get("objectJSON").and_then(Json::text).map(json::parse);
    let object = value.get("object").or_else(|| written.as_ref()?.as_ref().ok());
    let own: Vec<_> = [
        ("margin", Named::known("margin", Some(Known::Decibel))),
        ("batteryLevel", Named::known("battery", Some(Known::Percent))),
    ]
    .into_iter()
    .filter_map(|(key, named)| Some((key, named, value.get(key)?)))
    .collect();
    decoded(device, object, heard, sent, &own)
}

fn claimed(value: &Json<'_>) -> Option<ClaimedTime> {
    time::claimed(value, TimeSource::Gateway)
}

fn decoded<'k>(
    device: &str,
    object: Option<&'k Json<'k>>,
    heard: &'k [Json<'k>],
    sent: Option<ClaimedTime>,
    own: &[(&'k str, Named, &'k Json<'k>)],
) -> Content {
    let mut walk = Walk::default();
    if let Some(Json::Object(members)) = object {
        walk.object(members);
    }
    let best = heard.iter().filter_map(Json::object).max_by(|a, b| strength(a).total_cmp(&strength(b)));
    for key in ["rssi", "snr", "loRaSNR"] {
        if let Some((judged, _)) = best.and_then(|heard| scalar(member(heard, key)?, true)) {
            walk.harvest.push("", key, metric_of(key), judged);
        }
    }
    for (key, named, value) in own {
        if let Some((judged, _)) = scalar(value, true) {
            walk.harvest.push("", key, named.clone(), judged);
        }
    }
    walk.harvest.time_since(0, sent);
    walk.harvest.finish(&device.to_ascii_lowercase())
}

/// Of several gateways the one that heard best speaks for the link.
fn strength(heard: &Object<'_>) -> f64 {
    member(heard, "rssi").and_then(|rssi| scalar(rssi, true)?.0.finite()).unwrap_or(f64::NEG_INFINITY)
}
