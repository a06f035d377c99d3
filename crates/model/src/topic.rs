//! MQTT topic names and topic filters (MQTT 5, section 4.7).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest topic or filter in bytes. The protocol allows 65,535; nobody needs more than this.
pub const TOPIC_BYTES_MAX: usize = 1024;
/// Most levels of a topic or filter.
pub const TOPIC_LEVELS_MAX: usize = 32;

/// A text that is no topic or no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopic {
    /// No byte at all.
    #[error("a topic must not be empty")]
    Empty,
    /// More than [`TOPIC_BYTES_MAX`] bytes.
    #[error("a topic of {0} bytes is longer than {TOPIC_BYTES_MAX}")]
    TooLong(usize),
    /// More than [`TOPIC_LEVELS_MAX`] levels.
    #[error("a topic of {0} levels is deeper than {TOPIC_LEVELS_MAX}")]
    TooDeep(usize),
    /// `+` or `#` in a topic name, or not alone in its level of a filter, or `#` not last.
    #[error("a wildcard stands where none may")]
    Wildcard,
    /// NUL or another control character.
    #[error("a topic must not hold control characters")]
    Control,
}

fn check(text: &str) -> Result<(), InvalidTopic> {
    if text.is_empty() {
        return Err(InvalidTopic::Empty);
    }
    if text.len() > TOPIC_BYTES_MAX {
        return Err(InvalidTopic::TooLong(text.len()));
    }
    let levels = 1 + text.bytes().filter(|byte| *byte == b'/').count();
    if levels > TOPIC_LEVELS_MAX {
        return Err(InvalidTopic::TooDeep(levels));
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidTopic::Control);
    }
    Ok(())
}

/// A topic name: where one message is published. Empty levels are legal (`/topic/qos1`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "Arc<str>")]
pub struct Topic(Arc<str>);

impl Topic {
    /// # Errors
    /// Empty, too long, too deep, with wildcards or control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidTopic> {
        check(text)?;
        if text.bytes().any(|byte| byte == b'+' || byte == b'#') {
            return Err(InvalidTopic::Wildcard);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its levels, at least one, possibly empty ones.
    pub fn levels(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

/// What a subscriber or a device binding asks for: levels with `+` for one and a last `#` for any number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "Arc<str>")]
pub struct TopicFilter(Arc<str>);

impl TopicFilter {
    /// # Errors
    /// Empty, too long, too deep, with control characters or a wildcard out of place.
    pub fn parse(text: &str) -> Result<Self, InvalidTopic> {
        check(text)?;
        let mut levels = text.split('/').peekable();
        while let Some(level) = levels.next() {
            let alone = level.len() == 1;
            let multi_inside = level.contains('#') && (!alone || levels.peek().is_some());
            if multi_inside || (level.contains('+') && !alone) {
                return Err(InvalidTopic::Wildcard);
            }
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `topic` is asked for. A leading wildcard does not match a leading `$` (4.7.2-1); `a/#` matches `a`.
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        let wild_start = self.0.starts_with(['+', '#']);
        if wild_start && topic.0.starts_with('$') {
            return false;
        }
        let mut levels = topic.levels();
        for wanted in self.0.split('/') {
            match (wanted, levels.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (wanted, Some(level)) if wanted == level => {}
                (_, Some(_) | None) => return false,
            }
        }
        levels.next().is_none()
    }
}

macro_rules! text_impls {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = InvalidTopic;
            fn try_from(text: String) -> Result<Self, InvalidTopic> {
                Self::parse(&text)
            }
        }

        impl From<$name> for Arc<str> {
            fn from(topic: $name) -> Arc<str> {
                topic.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_impls!(Topic);
text_impls!(TopicFilter);

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str, topic: &str) -> bool {
        TopicFilter::parse(filter).unwrap().matches(&Topic::parse(topic).unwrap())
    }

    #[test]
    fn filters_match_as_the_standard_says() {
        for (filter, topic, expected) in [
            ("sport/tennis/#", "sport/tennis", true),
            ("sport/tennis/#", "sport/tennis/player1/ranking", true),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/uptime", false),
            ("$SYS/#", "$SYS/uptime", true),
            ("a/b", "a/b/c", false),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn wildcards_out_of_place_are_refused() {
        for bad in ["a/#/b", "a#", "a+/b", "#/", "a/+b"] {
            assert_eq!(TopicFilter::parse(bad), Err(InvalidTopic::Wildcard), "{bad}");
        }
        assert_eq!(Topic::parse("a/+"), Err(InvalidTopic::Wildcard));
        assert_eq!(Topic::parse(""), Err(InvalidTopic::Empty));
        assert!(Topic::parse("/topic/qos1").is_ok());
    }
}
