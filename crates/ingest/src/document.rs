//! What people say about devices: names, tags, places, bindings. Kept as documents of the catalogue.

use model::TopicFilter;
use serde::{Deserialize, Serialize};

/// The kind of these documents; their id is the device's number.
pub(crate) const KIND: &str = "device";

/// What people said about one device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceDocument {
    /// Shown instead of the key.
    pub name: Option<String>,
    /// Free words.
    pub tags: Vec<String>,
    /// Where it stands.
    pub place: Option<String>,
    /// Messages on these topics are this device's.
    pub topics: Vec<TopicFilter>,
    /// Somebody has seen it: no longer marked *New*.
    pub accepted: bool,
    /// Left out of the overview.
    pub hidden: bool,
    /// It belongs to the demonstration: what its badge says, where its data are from, under which licence.
    pub demo: Option<Demo>,
}

/// The attribution of demonstration data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demo {
    /// Such as "replay of 2015 data".
    pub badge: String,
    /// Who published the data.
    pub source: String,
    /// Under which licence.
    pub licence: String,
}
