//! JSON of no known family: flat, nested, enveloped, or in lists.

use crate::Content;
use crate::harvest::Harvest;
use crate::json::Json;
use crate::message::Message;
use crate::place;
use crate::walk::{Measured, Walk, timestamped};

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    let value = message.value()?;
    let mut walk = Walk::default();
    match value {
        Json::Object(members) => {
            if let Some(measured) = Measured::of(members) {
                return Some(one_value(message, &mut walk, &measured, members));
            }
            if timestamped(members).is_none() || !walk.record(members) {
                walk.object(members);
            }
        }
        Json::List(items) if items.iter().any(|item| matches!(item, Json::Object(_))) => walk.records("", items),
        Json::List(items) => {
            let (device, named) = place::device_and_metric(&message.levels);
            walk.numbers("", &named, items);
            return Some(walk.harvest.finish(&device));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Nan | Json::Infinite | Json::Text(_) => return None,
    }
    let Walk { harvest, device, .. } = walk;
    Some(finish(harvest, message, device.as_deref()))
}

/// The device that the message names, else that of the topic.
fn finish(harvest: Harvest<'_>, message: &Message<'_>, id: Option<&str>) -> Content {
    let by_topic = place::device_of_message(message);
    match id {
        Some(id) => harvest.finish(&place::device_by_id(id, &by_topic)),
        None => harvest.finish(&by_topic),
    }
}

/// `{value, unit?, time?}`: like a bare number, what it is stands in the topic, unless the object names it.
fn one_value<'k>(
    message: &Message<'_>,
    walk: &mut Walk<'k>,
    measured: &Measured<'k>,
    members: &'k crate::json::Object<'k>,
) -> Content {
    if walk.record(members) {
        return finish(std::mem::take(&mut walk.harvest), message, walk.device.as_deref());
    }
    let (device, named) = place::device_and_metric(&message.levels);
    walk.measured("value", named, measured);
    std::mem::take(&mut walk.harvest).finish(&device)
}
