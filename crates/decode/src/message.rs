//! One message as the decoders see it: topic in levels, payload as text and as JSON, each read at most once.

use std::cell::OnceCell;

use model::{TOPIC_LEVELS_MAX, Topic};

use crate::json::{self, Fault, Json};

/// The levels of a topic, of which there are [`TOPIC_LEVELS_MAX`] at most; no allocation.
pub(crate) struct Levels<'m> {
    all: [&'m str; TOPIC_LEVELS_MAX],
    used: usize,
}

impl<'m> Levels<'m> {
    fn of(topic: &'m str) -> Self {
        let mut levels = Self { all: [""; TOPIC_LEVELS_MAX], used: 0 };
        let mut start = 0;
        for (at, byte) in topic.bytes().enumerate() {
            if byte == b'/' {
                levels.push(topic.get(start..at).unwrap_or_default());
                start = at + 1;
            }
        }
        let last = topic.get(start..).unwrap_or_default();
        if !last.is_empty() || levels.used == 0 {
            levels.push(last);
        }
        levels
    }

    /// A topic was checked for the number of its levels when it was made.
    fn push(&mut self, level: &'m str) {
        if let Some(place) = self.all.get_mut(self.used) {
            *place = level;
            self.used += 1;
        }
    }

    pub(crate) fn as_slice(&self) -> &[&'m str] {
        self.all.get(..self.used).unwrap_or_default()
    }
}

impl<'m> std::ops::Deref for Levels<'m> {
    type Target = [&'m str];
    fn deref(&self) -> &[&'m str] {
        self.as_slice()
    }
}

/// A text ends in front of the zero bytes behind it: a sketch that publishes `sizeof(buffer)` sends them along.
fn without_end(payload: &[u8]) -> &[u8] {
    let end = payload.iter().rposition(|byte| *byte != 0).map_or(payload.len(), |last| last + 1);
    payload.get(..end).unwrap_or(payload)
}

/// What every decoder is given.
pub(crate) struct Message<'m> {
    /// Whole.
    pub(crate) topic: &'m str,
    /// Levels without an empty last one; at least one.
    pub(crate) levels: Levels<'m>,
    pub(crate) payload: &'m [u8],
    /// The payload where it is text, without the zero bytes behind it that a C buffer leaves: UTF-8 without a byte order mark and without control characters below the tab.
    pub(crate) text: Option<&'m str>,
    json: OnceCell<Option<Result<Json<'m>, Fault>>>,
}

impl<'m> Message<'m> {
    pub(crate) fn new(topic: &'m Topic, payload: &'m [u8]) -> Self {
        let levels = Levels::of(topic.as_str());
        let text = std::str::from_utf8(without_end(payload))
            .ok()
            .filter(|text| {
                !text.starts_with('\u{feff}') && !text.bytes().fold(false, |found, byte| found | (byte < b'\t'))
            })
            .map(|text| text.trim_matches(|c: char| c.is_ascii_whitespace()));
        Self { topic: topic.as_str(), levels, payload, text, json: OnceCell::new() }
    }

    /// A message whose bytes mean that text.
    pub(crate) fn of_text(topic: &'m str, text: &'m str) -> Self {
        Self { topic, levels: Levels::of(topic), payload: text.as_bytes(), text: Some(text), json: OnceCell::new() }
    }

    pub(crate) fn level(&self, index: usize) -> Option<&'m str> {
        self.levels.get(index).copied()
    }

    pub(crate) fn leaf(&self) -> &'m str {
        self.levels.last().copied().unwrap_or_default()
    }

    /// Whether the payload begins like an object or a list.
    pub(crate) fn is_json(&self) -> bool {
        self.text.is_some_and(|text| text.starts_with(['{', '[']))
    }

    /// The payload as JSON, or why it is none; nothing where it does not begin like an object or a list.
    pub(crate) fn json(&self) -> Option<&Result<Json<'m>, Fault>> {
        self.json.get_or_init(|| self.text.filter(|text| text.starts_with(['{', '['])).map(json::parse)).as_ref()
    }

    /// The payload where it is whole JSON.
    pub(crate) fn value(&self) -> Option<&Json<'m>> {
        self.json()?.as_ref().ok()
    }
}
