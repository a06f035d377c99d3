//! What people say about devices: names, tags, places, bindings. Kept as documents of the catalogue.

use std::collections::BTreeMap;

use model::{DeviceKey, TopicFilter, Unit};
use serde::{Deserialize, Serialize};

/// The kind of these documents; their id is the device's number.
pub(crate) const KIND: &str = "device";

/// What people said about one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Messages of these MQTT client ids are this device's, on whatever topic that is bound to none.
    pub clients: Vec<String>,
    /// Somebody has seen it: no longer marked *New*.
    pub accepted: bool,
    /// Left out of the overview.
    pub hidden: bool,
    /// The group it belongs to.
    pub group: Option<String>,
    /// Out of the lists; its data stay and its messages are still stored.
    pub archived: bool,
    /// When its hardware was replaced, oldest first. The history goes on across every mark.
    pub hardware: Vec<HardwareMark>,
    /// How values are to be shown, by metric.
    pub display: BTreeMap<String, Display>,
    /// How values are calibrated, by metric, oldest first; a metric without any is not in it.
    pub calibrations: BTreeMap<String, Vec<Calibration>>,
    /// It belongs to the demonstration: what its badge says, where its data are from, under which licence.
    pub demo: Option<Demo>,
    /// Keys of devices that were merged into it: what they send is this device's.
    pub merged: Vec<DeviceKey>,
    /// When somebody deleted it, epoch milliseconds. It is out of every list and its messages are ignored; for seven days it
    /// can be restored, then it is deleted for good.
    pub deleted_at: Option<i64>,
}

/// The hardware behind a device was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardwareMark {
    /// When, epoch milliseconds.
    pub at: i64,
    /// What was done.
    pub note: Option<String>,
}

/// How the values of a metric are to be shown. Answers carry the unit that the device sends; who shows them converts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Display {
    /// Another unit of the same quantity.
    pub unit: Option<Unit>,
    /// Digits behind the decimal point.
    pub precision: Option<u8>,
}

/// A calibration of one metric, from a time on until the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Since when, epoch milliseconds; none from the first reading on.
    pub from: Option<i64>,
    /// What a raw value is multiplied by.
    pub scale: f64,
    /// What is added then, in the unit of the metric.
    pub offset: f64,
    /// Why, or against what.
    pub note: Option<String>,
    /// The two pairs of raw and true values it was made of, if it was.
    pub points: Option<[[f64; 2]; 2]>,
}

/// The kind of documents about senders that are ignored; their id is the key.
pub(crate) const IGNORED_KIND: &str = "ignored";

/// A sender whose device was deleted for good, or that never got one. It holds only while no device of that key is in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IgnoredDocument {
    /// When, epoch milliseconds.
    pub since: i64,
    /// Messages on these topics were the device's.
    pub topics: Vec<TopicFilter>,
    /// Messages of these clients were the device's.
    pub clients: Vec<String>,
    /// Keys of devices that had been merged into it.
    pub merged: Vec<DeviceKey>,
}

impl IgnoredDocument {
    /// What of a device's document says which messages are its own.
    pub(crate) fn bindings(&self) -> DeviceDocument {
        let Self { since: _, topics, clients, merged } = self.clone();
        DeviceDocument { topics, clients, merged, ..DeviceDocument::default() }
    }
}

/// The kind and id of the document that keeps the greatest ids ever given, where a deletion or merge took some away.
pub(crate) const IDS: (&str, &str) = ("identity", "last");

/// The greatest ids given before the last deletion or merge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastIds {
    pub(crate) device: u32,
    pub(crate) series: u32,
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
