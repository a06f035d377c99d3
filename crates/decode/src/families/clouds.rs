//! The message forms of cloud services that devices keep when they move to their own broker.

use crate::harvest::Harvest;
use crate::json::{Json, Object, member};
use crate::message::Message;
use crate::name::{Named, metric_of};
use crate::unit::Known;
use crate::walk::{Walk, time_of};
use crate::{Content, SENDER, form, number};

pub(crate) fn read_thingsboard(message: &Message<'_>) -> Option<Content> {
    match message.levels.as_slice() {
        ["v1", "devices", "me", "telemetry"] | ["v2", "t"] => match message.value()? {
            value @ (Json::Object(_) | Json::List(_)) => {
                let mut walk = Walk::default();
                timestamped(&mut walk, value);
                Some(walk.harvest.finish(SENDER))
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Nan | Json::Infinite | Json::Text(_) => None,
        },
        ["v1", "gateway", "telemetry"] => {
            let mut walk = Walk::default();
            for (device, readings) in message.value()?.object()? {
                let mark = walk.harvest.mark();
                timestamped(&mut walk, readings);
                walk.harvest.device_since(mark, device);
            }
            Some(walk.harvest.finish(SENDER))
        }
        ["v1", "devices", "me", ..] | ["v1", "gateway", ..] | ["v2", "a"] => {
            Some(Content::NoReading { kind: "meta", availability: None })
        }
        _ => None,
    }
}

/// `{ts, values}`, flat values, or a list of either.
fn timestamped<'k>(walk: &mut Walk<'k>, value: &'k Json<'k>) {
    match value {
        Json::List(items) => items.iter().for_each(|item| {
            if let Json::Object(members) = item
                && !walk.record(members)
            {
                walk.object(members);
            }
        }),
        Json::Object(members) => {
            if !walk.record(members) {
                walk.object(members);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Nan | Json::Infinite | Json::Text(_) => {}
    }
}

/// AWS IoT shadows: `$aws/things/<thing>/shadow[/name/<shadow>]/update[/accepted]`.
pub(crate) fn read_aws(message: &Message<'_>) -> Option<Content> {
    let ["$aws", "things", thing, "shadow", path @ ..] = message.levels.as_slice() else { return None };
    let path = if let ["name", _, path @ ..] = path { path } else { path };
    let value = message.value()?;
    if !matches!(path, ["update"] | ["update", "accepted"]) {
        return Some(Content::NoReading { kind: "meta", availability: None });
    }
    let Some(reported) = value.get("state").and_then(|state| state.get("reported")).and_then(Json::object) else {
        return Some(Content::NoReading { kind: "event", availability: None });
    };
    let mut walk = Walk::default();
    walk.object(reported);
    walk.harvest.time_since(0, value.object().and_then(time_of));
    Some(walk.harvest.finish(thing))
}

/// Azure IoT: `devices/<id>/messages/events/<properties>`.
pub(crate) fn read_azure(message: &Message<'_>) -> Option<Content> {
    let ["devices", device, "messages", "events", ..] = message.levels.as_slice() else { return None };
    let mut walk = Walk::default();
    timestamped(&mut walk, message.value()?);
    Some(walk.harvest.finish(device))
}

/// `CloudEvents` 1.0 in JSON: the source is the device, the data its values.
pub(crate) fn read_cloud_event(message: &Message<'_>) -> Option<Content> {
    let members = message.value()?.object()?;
    member(members, "specversion")?;
    let source = member(members, "source")?.text()?;
    let Some(Json::Object(data)) = member(members, "data") else {
        return Some(Content::NoReading { kind: "event", availability: None });
    };
    let mut walk = Walk::default();
    walk.object(data);
    walk.harvest.time_since(0, time_of(members));
    Some(walk.harvest.finish(source))
}

/// Adafruit IO: `<user>/feeds/<feed>` with a value or `{value}`, `<user>/groups/<group>/json` with `{feeds}`.
pub(crate) fn read_adafruit(message: &Message<'_>) -> Option<Content> {
    let (user, feed) = match message.levels.as_slice() {
        [user, "feeds" | "f", feed] | [user, "feeds" | "f", feed, "json"] => (*user, *feed),
        [user, "groups" | "g", _, "json"] => {
            let feeds = message.value()?.get("feeds")?.object()?;
            let mut walk = Walk::default();
            walk.object(feeds);
            return Some(walk.harvest.finish(user));
        }
        _ => return None,
    };
    let mut harvest = Harvest::default();
    let (judged, unit) = match message.value() {
        Some(value) => crate::walk::scalar(value.get("value").or_else(|| value.get("last_value"))?, true)?,
        None => number::single(message.text?)?,
    };
    let named = metric_of(feed);
    let named = match unit {
        Some(unit) => named.with_unit(unit, model::UnitSource::Payload),
        None => named,
    };
    harvest.push("", feed, named, judged);
    Some(harvest.finish(user))
}

/// `ThingSpeak`: `channels/<id>/publish[/…]` with a form of `field1` to `field8`; `channels/<id>/publish/fields/field1/…`.
pub(crate) fn read_thingspeak(message: &Message<'_>) -> Option<Content> {
    let ["channels", channel, "publish", path @ ..] = message.levels.as_slice() else { return None };
    let mut harvest = Harvest::default();
    let text = message.text?;
    if let ["fields", field, ..] = path {
        let (judged, _) = number::single(text)?;
        harvest.push("", field, Named::known(field, None), judged);
        return Some(harvest.finish(channel));
    }
    let pairs = form::pairs(text)?;
    for (key, value) in &pairs {
        if let Some((judged, _)) = number::single(value).filter(|_| key.starts_with("field")) {
            harvest.push("", key, Named::known(key, None), judged);
        }
    }
    Some(harvest.finish(channel))
}

/// Cayenne: `v1/<user>/things/<thing>/data/<channel>` with `type,unit=value`.
pub(crate) fn read_cayenne(message: &Message<'_>) -> Option<Content> {
    let ["v1", _, "things", thing, "data", channel, ..] = message.levels.as_slice() else { return None };
    let text = message.text?;
    let (what, value) = text.rsplit_once('=').unwrap_or(("value", text));
    let (kind, unit) = what.split_once(',').unwrap_or((what, ""));
    let (judged, _) = number::single(value)?;
    let mut named = metric_of(kind);
    if let Some(unit) = Known::look_up(unit) {
        named = named.with_unit(unit, model::UnitSource::Payload);
    }
    named.name = format!("{}.{}", named.name, crate::name::snake(channel));
    let mut harvest = Harvest::default();
    harvest.push("", kind, named, judged);
    Some(harvest.finish(thing))
}

/// Domoticz: `domoticz/in` with `svalue` in columns of which the type of the virtual sensor is not told. The columns of
/// its sensors for temperature are the common ones: temperature; humidity; comfort; pressure; forecast.
pub(crate) fn read_domoticz(message: &Message<'_>) -> Option<Content> {
    let ["domoticz", "in" | "out", ..] = message.levels.as_slice() else { return None };
    let members = message.value()?.object()?;
    let Some(Json::Number(index)) = member(members, "idx") else {
        return Some(Content::NoReading { kind: "event", availability: None });
    };
    let mut harvest = Harvest::default();
    columns(&mut harvest, members);
    if let Some((judged, _)) = member(members, "Battery")
        .filter(|level| **level != Json::Number("255"))
        .and_then(|level| crate::walk::scalar(level, true))
    {
        harvest.push("", "Battery", Named::known("battery", Some(Known::Percent)), judged);
    }
    if let Some((judged, _)) = member(members, "RSSI").and_then(|level| crate::walk::scalar(level, true)) {
        harvest.push("", "RSSI", Named::known("rssi_level", None), judged);
    }
    Some(harvest.finish(&format!("domoticz/{index}")))
}

fn columns<'k>(harvest: &mut Harvest<'k>, members: &'k Object<'k>) {
    let svalue = member(members, "svalue").and_then(Json::text).unwrap_or_default();
    let values: Vec<_> = svalue.split(';').filter(|value| !value.is_empty()).collect();
    let climate = [
        ("temperature", Some(Known::Celsius)),
        ("humidity", Some(Known::Percent)),
        ("", None),
        ("pressure", Some(Known::Hectopascal)),
        ("", None),
    ];
    match values.as_slice() {
        [] => {
            if let Some((judged, _)) = member(members, "nvalue").and_then(|value| crate::walk::scalar(value, true)) {
                harvest.push("", "nvalue", metric_of("value"), judged);
            }
        }
        [one] => {
            if let Some((judged, _)) = number::single(one) {
                harvest.push("", "svalue", metric_of("value"), judged);
            }
        }
        many if matches!(many.len(), 2 | 3 | 5) => {
            for (value, (name, unit)) in many.iter().zip(climate).filter(|(_, (name, _))| !name.is_empty()) {
                if let Some((judged, _)) = number::single(value) {
                    harvest.push("", name, Named::known(name, unit), judged);
                }
            }
        }
        many => {
            for (index, value) in many.iter().enumerate() {
                if let Some((judged, _)) = number::single(value) {
                    harvest.push("", "svalue", metric_of(&format!("value_{index}")), judged);
                }
            }
        }
    }
}
