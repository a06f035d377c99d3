//! Units as Home Assistant writes them, and how a unit came to be known.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::device::{InvalidName, MetricName};

/// A unit's written form: `°C`, `%`, `hPa`, `µg/m³`. Look-alikes are made one by the decoder, before this type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "Arc<str>")]
pub struct Unit(Arc<str>);

impl Unit {
    /// # Errors
    /// Empty, too long or with control characters, like any name.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        MetricName::parse(text).map(|name| Self(name.into()))
    }

    /// The written form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Unit {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl From<Unit> for Arc<str> {
    fn from(unit: Unit) -> Arc<str> {
        unit.0
    }
}

/// How the unit of a series is known, strongest first: a later message may replace a weaker knowledge by a stronger one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitSource {
    /// The message itself said it: `23.4 °C`.
    Payload,
    /// A discovery message said it.
    Discovery,
    /// The name says it: `temp_c`, `humidity` (always %).
    Name,
    /// The firmware always uses it.
    Profile,
    /// A guess, shown with a dotted underline.
    Assumed,
    /// The quantity has no unit, or nobody knows.
    None,
}

impl UnitSource {
    /// The word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Discovery => "discovery",
            Self::Name => "name",
            Self::Profile => "profile",
            Self::Assumed => "assumed",
            Self::None => "none",
        }
    }
}
