//! JSON of no known family: flat, nested, enveloped, or in lists.

use crate::Content;
use crate::json::{Json, Object};
use crate::message::Message;
use crate::place;
use crate::quantity::quantity_of;
use crate::walk::{Measured, Walk, identity_of, timestamped};

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    let value = message.value()?;
    let mut walk = Walk::default();
    match value {
        Json::Object(members) => {
            if let Some(measured) = Measured::of(members) {
                return Some(one_value(message, walk, &measured, members));
            }
            if timestamped(members).is_none() || !walk.record(members) {
                walk.object(members);
            }
        }
        Json::List(items) if items.iter().any(|item| matches!(item, Json::Object(_))) => {
            walk = Walk::below(place::device_of_message(message));
            walk.records("", items);
            // Each record may have said for itself whose it is.
            walk.device = None;
        }
        Json::List(items) => {
            let (device, named) = place::device_and_metric(&message.levels);
            walk.numbers("", &named, items);
            return Some(walk.harvest.finish(&device));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Nan | Json::Infinite | Json::Text(_) => return None,
    }
    Some(finish(walk, message))
}

/// The device that the message names, else that of the topic.
pub(super) fn finish(walk: Walk<'_>, message: &Message<'_>) -> Content {
    let by_topic = place::device_of_message(message);
    match &walk.device {
        Some(identity) => walk.harvest.finish(&place::device_of_identity(identity, &by_topic)),
        None => walk.harvest.finish(&by_topic),
    }
}

/// `{value, unit?, time?}`: like a bare number, what it is stands in the topic, unless the object names it better.
fn one_value<'k>(
    message: &Message<'_>,
    mut walk: Walk<'k>,
    measured: &Measured<'k>,
    members: &'k Object<'k>,
) -> Content {
    let (device, named) = place::device_and_metric(&message.levels);
    let by_topic = message.levels.iter().rev().take(2).any(|level| quantity_of(level).is_some());
    if !by_topic && walk.record(members) {
        return finish(walk, message);
    }
    walk.measured("value", named, measured);
    let device = identity_of(members).map_or(device.clone(), |identity| place::device_of_identity(&identity, &device));
    walk.harvest.finish(&device)
}
