//! Texts of a rule in which names of its topic may stand: `{metric}`, `greenhouse/{device}`.

use super::template::{Captures, Template};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Name(String),
}

/// A text that was checked against the template of its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words(Vec<Piece>);

impl Words {
    /// The sentence says what is wrong.
    pub(super) fn parse(text: &str, template: &Template) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err(String::from("it must not be empty"));
        }
        if text.len() > super::NAME_BYTES_MAX {
            return Err(format!("{} bytes are more than {}", text.len(), super::NAME_BYTES_MAX));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}').ok_or_else(|| String::from("a } is missing"))?;
            if name == "_" || !template.has(name) {
                return Err(format!("{{{name}}} does not stand in the topic"));
            }
            if !before.is_empty() {
                pieces.push(Piece::Text(before.into()));
            }
            pieces.push(Piece::Name(name.into()));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        Ok(Self(pieces))
    }

    /// The text, where no name stands in it.
    pub(super) fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it is one name and nothing else.
    pub(super) fn is_one_name(&self) -> bool {
        matches!(self.0.as_slice(), [Piece::Name(_)])
    }

    /// The texts between the names.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Name(_) => None,
        })
    }

    /// With `written` for what the names stand for.
    pub(super) fn render(&self, captures: &Captures<'_>, written: impl Fn(&str) -> String) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(own) => text.push_str(own),
                Piece::Name(name) => {
                    let stood = captures.iter().find(|(own, _)| own == name).map_or("", |(_, stood)| stood.as_str());
                    text.push_str(&written(stood));
                }
            }
        }
        text
    }
}
