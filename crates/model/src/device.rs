//! Names and ids of devices, metrics, series and sources.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest device key or metric name in bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// A text that cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing, or only blanks.
    #[error("a name must not be empty")]
    Empty,
    /// More than [`NAME_BYTES_MAX`] bytes.
    #[error("a name of {0} bytes is longer than {NAME_BYTES_MAX}")]
    TooLong(usize),
    /// Control characters, or characters that turn the direction of text around.
    #[error("a name must not hold control or direction characters")]
    Control,
}

/// Blanks at the ends are no part of a name; what a person cannot see must not tell two names apart.
fn parse_name(text: &str) -> Result<Arc<str>, InvalidName> {
    let text = text.trim();
    if text.is_empty() {
        return Err(InvalidName::Empty);
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(InvalidName::TooLong(text.len()));
    }
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if text.chars().any(hidden) {
        return Err(InvalidName::Control);
    }
    Ok(text.into())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "Arc<str>")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Trims blanks at both ends.
            ///
            /// # Errors
            /// Empty, longer than 256 bytes, or with control or direction characters.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                parse_name(text).map(Self)
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::parse(&text)
            }
        }

        impl From<$name> for Arc<str> {
            fn from(name: $name) -> Arc<str> {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// What a device is called by the world: free text such as `esp32/dht`, unique, compared byte for byte.
    DeviceKey
}
name! {
    /// `[component.]name` in lower snake, such as `temperature` or `bme280.pressure`.
    MetricName
}
name! {
    /// A way messages come in: `mqtt`, `http`, `inbox`, or the name of an external broker.
    SourceName
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u32);
    };
}

id! {
    /// A device inside one store. Given once, in order, never used again. Frames carry ids, never names.
    DeviceId
}
id! {
    /// A series (device + metric) inside one store. Given once, in order, never used again.
    SeriesId
}

/// What the numbers of a metric mean, which decides how they are drawn and aggregated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An amount at a moment: temperature.
    Measurement,
    /// Degrees of a circle: wind direction.
    Angle,
    /// A running total that may also fall.
    Total,
    /// A counter that only falls when it is reset.
    TotalIncreasing,
    /// On or off, or one of a few numbers: occupied, relay.
    State,
    /// Words.
    Text,
}

impl Kind {
    /// The word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Measurement => "measurement",
            Self::Angle => "angle",
            Self::Total => "total",
            Self::TotalIncreasing => "total_increasing",
            Self::State => "state",
            Self::Text => "text",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_at_the_ends_are_no_part_of_a_name() {
        assert_eq!(DeviceKey::parse(" esp32/dht ").unwrap().as_str(), "esp32/dht");
        assert_eq!(DeviceKey::parse(" \t"), Err(InvalidName::Empty));
    }

    #[test]
    fn what_cannot_be_seen_cannot_be_a_name() {
        for bad in ["a\nb", "a\u{202e}b", "a\u{0}b"] {
            assert_eq!(MetricName::parse(bad), Err(InvalidName::Control), "{bad:?}");
        }
        assert_eq!(MetricName::parse(&"x".repeat(257)), Err(InvalidName::TooLong(257)));
    }
}
