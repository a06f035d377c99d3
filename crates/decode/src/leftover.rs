//! A message that no family understands: plain text, or unreadable with the reason.

use crate::json::{DEPTH_MAX, Fault, NODES_MAX};
use crate::message::Message;
use crate::{Content, Decoded, DecoderId, cbor, families, unclear};

const TEXT: Content = Content::NoReading { kind: "text", availability: None };

pub(crate) fn read(message: &Message<'_>) -> Decoded {
    if message.text.is_none() {
        if let Some(content) = cbor::to_json(message.payload).and_then(|json| of_json(message.topic, &json)) {
            return Decoded { decoder: DecoderId("cbor"), content };
        }
        return Decoded { decoder: DecoderId("binary"), content: not_text(message.payload) };
    }
    match message.json() {
        Some(Err(Fault::Invalid(_))) if message.text.is_some_and(is_line_of_log) => {
            Decoded { decoder: DecoderId("text"), content: TEXT }
        }
        Some(Err(fault)) => {
            let offset = message.payload.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            Decoded { decoder: DecoderId("json"), content: broken_json(*fault, offset, message.payload) }
        }
        Some(Ok(_)) => Decoded { decoder: DecoderId("text"), content: TEXT },
        None => Decoded { decoder: DecoderId("text"), content: unclear::read(message).unwrap_or(TEXT) },
    }
}

/// `[INFO] started`, `[D][sensor:094]: …`: a sentence behind a mark in brackets, which is no list.
fn is_line_of_log(text: &str) -> bool {
    let mark = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let words = |c: char| c.is_alphanumeric() || matches!(c, ' ' | ':' | '.' | '-' | '_' | '/');
    mark.is_some_and(|(mark, sentence)| {
        !sentence.is_empty() && mark.chars().all(words) && mark.contains(|c: char| c.is_alphabetic() || c == ':')
    })
}

/// What the families make of a text that other bytes meant.
fn of_json(topic: &str, json: &str) -> Option<Content> {
    let message = Message::of_text(topic, json);
    message.value()?;
    families::asked(&message).find_map(|family| (family.read)(&message))
}

fn not_text(payload: &[u8]) -> Content {
    let detail = match std::str::from_utf8(payload) {
        Err(fault) => format!("the bytes are no text: UTF-8 ends at byte {}", fault.valid_up_to()),
        Ok(text) if text.starts_with('\u{feff}') => String::from("the text starts with a byte order mark"),
        Ok(text) => {
            let at = text.bytes().position(|byte| byte < b'\t').unwrap_or(0);
            format!("the bytes are no text: a control character stands at byte {at}")
        }
    };
    Content::Unreadable { reason: "not_text", detail }
}

fn broken_json(fault: Fault, offset: usize, payload: &[u8]) -> Content {
    match fault {
        Fault::Incomplete(at) => Content::Unreadable {
            reason: "json_incomplete",
            detail: format!("JSON ends early at byte {}", at + offset),
        },
        Fault::Invalid(at) => {
            let at = at + offset;
            let found = payload.get(at).filter(|byte| byte.is_ascii_graphic());
            let detail = match found {
                Some(b'\'') => format!("JSON goes wrong at byte {at}: a single quote (') cannot stand there"),
                Some(byte) => format!("JSON goes wrong at byte {at}: '{}' cannot stand there", char::from(*byte)),
                None => format!("JSON goes wrong at byte {at}"),
            };
            Content::Unreadable { reason: "json_invalid", detail }
        }
        Fault::TooDeep => {
            Content::Unreadable { reason: "too_deep", detail: format!("JSON is nested more than {DEPTH_MAX} deep") }
        }
        Fault::TooMany => too_many(),
    }
}

/// More values than anybody sends.
pub(crate) fn too_many() -> Content {
    Content::Unreadable { reason: "too_many_values", detail: format!("the message holds more than {NODES_MAX} values") }
}
