//! A device came or went: a word on a topic whose last level is about that. The same words elsewhere are values.

use crate::json::Json;
use crate::message::Message;
use crate::{Availability, Content, Presence};

/// Last levels on which a word is about the device.
const LEAVES: &[&str] =
    &["status", "lwt", "availability", "available", "online", "connected", "connection", "$state", "alive"];
const COME: &[&str] =
    &["online", "connected", "ready", "init", "up", "alive", "available", "true", "1", "alert", "on", "birth"];
const GONE: &[&str] = &[
    "offline",
    "disconnected",
    "connection lost",
    "lost",
    "down",
    "dead",
    "unavailable",
    "false",
    "0",
    "off",
    "death",
    "lwt",
];

/// What a word says about a device.
pub(crate) fn word(text: &str) -> Option<Presence> {
    let is = |words: &[&str]| words.iter().any(|word| text.trim().eq_ignore_ascii_case(word));
    if is(COME) {
        Some(Presence::Here)
    } else if is(&["sleeping"]) {
        Some(Presence::Asleep)
    } else {
        is(GONE).then_some(Presence::Gone)
    }
}

pub(crate) fn content(device: &str, presence: Presence) -> Content {
    Content::NoReading { kind: "availability", availability: Some(Availability { device: device.into(), presence }) }
}

pub(crate) fn is_leaf(level: &str) -> bool {
    LEAVES.iter().any(|word| level.eq_ignore_ascii_case(word))
}

/// The word of a payload: plain text, or an object of one member `state` or `status`.
pub(crate) fn told(message: &Message<'_>) -> Option<Presence> {
    let text = message.text?;
    if text.len() > 64 {
        return None;
    }
    match message.value() {
        None => word(text.trim_matches('"')),
        Some(value) => match value.object()?.as_slice() {
            [(key, Json::Text(text))] if key == "state" || key == "status" => word(text),
            _ => None,
        },
    }
}

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    let (leaf, front) = message.levels.split_last()?;
    if front.iter().all(|level| level.is_empty()) || !is_leaf(leaf) {
        return None;
    }
    // Many firmwares put what kind of message it is in front of the device.
    let device = match front {
        ["tele" | "stat", rest @ ..] if !rest.is_empty() => rest.join("/"),
        front => front.join("/"),
    };
    Some(content(&device, told(message)?))
}
