//! One message as the decoders see it: topic in levels, payload as text and as JSON, each read at most once.

use std::cell::OnceCell;

use model::Topic;

use crate::json::{self, Fault, Json};

/// What every decoder is given.
pub(crate) struct Message<'m> {
    /// Levels without an empty last one; at least one.
    pub(crate) levels: Vec<&'m str>,
    pub(crate) payload: &'m [u8],
    /// The payload where it is text: UTF-8 without a byte order mark and without control characters below the tab.
    pub(crate) text: Option<&'m str>,
    json: OnceCell<Option<Result<Json<'m>, Fault>>>,
}

impl<'m> Message<'m> {
    pub(crate) fn new(topic: &'m Topic, payload: &'m [u8]) -> Self {
        let mut levels = Vec::with_capacity(8);
        levels.extend(topic.as_str().split('/'));
        if levels.len() > 1 && levels.last() == Some(&"") {
            levels.pop();
        }
        let text = std::str::from_utf8(payload)
            .ok()
            .filter(|text| !text.starts_with('\u{feff}') && !text.bytes().any(|byte| byte < b'\t'))
            .map(|text| text.trim_matches(|c: char| c.is_ascii_whitespace()));
        Self { levels, payload, text, json: OnceCell::new() }
    }

    pub(crate) fn level(&self, index: usize) -> Option<&'m str> {
        self.levels.get(index).copied()
    }

    pub(crate) fn leaf(&self) -> &'m str {
        self.levels.last().copied().unwrap_or_default()
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
