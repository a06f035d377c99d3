//! One announcement as it is kept: what was said, who said it, and under which names its values are read.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use decode::{AnnouncedDevice, AnnouncedMetric, Announcement, Calculation, Pick};
use model::{DeviceKey, MetricName, Topic};
use serde::{Deserialize, Serialize};

/// Most bytes that one metric or device may take in a document. A larger one is left out of its announcement.
const ITEM_BYTES_MAX: usize = 4 * 1024;
/// Bytes behind which a part of an announcement ends; with one more item it still fits a page.
const PART_BYTES: usize = 32 * 1024;

/// A metric as it was said, and as it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Judged {
    pub(super) said: AnnouncedMetric,
    /// Device and metric that its values have without this announcement; none where nothing would be read.
    pub(super) usual: Option<(String, String)>,
    /// Whether the announced names hold; otherwise the usual ones.
    pub(super) own: bool,
    /// Whether the announced unit holds.
    pub(super) unit: bool,
    /// Whether what its template makes of the number holds; otherwise it is read as it always was.
    #[serde(default)]
    pub(super) calculated: bool,
}

impl Judged {
    /// Device and metric of the values.
    pub(super) fn names(&self) -> (&str, &str) {
        match &self.usual {
            Some((device, metric)) if !self.own => (device, metric),
            Some(_) | None => (&self.said.device, &self.said.metric),
        }
    }

    /// What messages are read with, if with anything.
    pub(super) fn to_read(&self) -> Option<AnnouncedMetric> {
        let unread = matches!(self.said.pick, Pick::Unread(_));
        if unread && !self.calculated {
            return None;
        }
        let (device, metric) = self.names();
        let (device, metric) = (device.to_owned(), metric.to_owned());
        let calculation = if self.calculated { self.said.calculation } else { Calculation::default() };
        let unit = self.said.unit.clone().filter(|_| self.unit);
        Some(AnnouncedMetric { device, metric, unit, calculation, ..self.said.clone() })
    }
}

pub(crate) struct Subject {
    /// The topic that it came on.
    pub(super) key: Arc<str>,
    /// Source and client that said it first.
    pub(super) owner: Arc<str>,
    /// The change with which the subject appeared; the smaller, the earlier.
    pub(super) since: u64,
    /// The change that it is at.
    pub(super) serial: u64,
    pub(super) metrics: Vec<Judged>,
    pub(super) devices: Vec<AnnouncedDevice>,
    /// Its client took it back; it is only remembered.
    pub(super) withdrawn: bool,
    /// It was told that somebody else wants to say it.
    pub(super) contested: AtomicBool,
    /// In its documents.
    pub(super) bytes: usize,
    /// Places in `metrics` by the topic of the values.
    pub(super) by_topic: HashMap<String, Vec<usize>>,
    /// Places in `metrics` by the device of the values.
    pub(super) by_device: HashMap<String, Vec<usize>>,
}

/// What of a subject stands in one place.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) subject: String,
    pub(super) owner: String,
    pub(super) since: u64,
    pub(super) serial: u64,
    #[serde(default)]
    pub(super) withdrawn: bool,
    /// Which part, from 0, and of how many.
    pub(super) part: u32,
    pub(super) parts: u32,
    pub(super) metrics: Vec<Judged>,
    pub(super) devices: Vec<AnnouncedDevice>,
}

/// Leaves out what can never be read or kept.
pub(super) fn tidy(announcement: &mut Announcement) {
    announcement.metrics.retain(|metric| {
        let names = DeviceKey::parse(&metric.device).is_ok() && MetricName::parse(&metric.metric).is_ok();
        names && Topic::parse(&metric.topic).is_ok() && fits(metric)
    });
    announcement.devices.retain(|about| DeviceKey::parse(&about.device).is_ok() && fits(about));
}

fn fits(item: &impl Serialize) -> bool {
    // The names and decisions beside it are bounded by the names of the model.
    serde_json::to_string(item).is_ok_and(|text| text.len() <= ITEM_BYTES_MAX)
}

impl Subject {
    pub(super) fn new(
        key: Arc<str>,
        owner: Arc<str>,
        since: u64,
        serial: u64,
        metrics: Vec<Judged>,
        devices: Vec<AnnouncedDevice>,
    ) -> Self {
        let (mut by_topic, mut by_device): (HashMap<String, Vec<usize>>, HashMap<String, Vec<usize>>) =
            Default::default();
        for (place, metric) in metrics.iter().enumerate() {
            by_topic.entry(metric.said.topic.clone()).or_default().push(place);
            by_device.entry(metric.names().0.to_owned()).or_default().push(place);
        }
        let contested = AtomicBool::new(false);
        let withdrawn = false;
        Self { key, owner, since, serial, metrics, devices, withdrawn, contested, bytes: 0, by_topic, by_device }
    }

    /// The same at a later change, as it is remembered once it is withdrawn.
    pub(super) fn taken_back(&self, serial: u64) -> Self {
        Self { withdrawn: true, ..self.of(Arc::clone(&self.owner), serial) }
    }

    /// The same at a later change, by another client.
    pub(super) fn of(&self, owner: Arc<str>, serial: u64) -> Self {
        let (metrics, devices) = (self.metrics.clone(), self.devices.clone());
        Self::new(Arc::clone(&self.key), owner, self.since, serial, metrics, devices)
    }

    /// What it is called in its pages: of one topic there may be one announcement, and one that each client withdrew.
    pub(super) fn page_key(&self) -> Arc<str> {
        if self.withdrawn { withdrawn_key(&self.key, &self.owner).into() } else { Arc::clone(&self.key) }
    }

    pub(super) fn says_nothing(&self) -> bool {
        self.metrics.is_empty() && self.devices.is_empty()
    }

    /// Whether it says the same.
    pub(super) fn says(&self, announcement: &Announcement) -> bool {
        self.devices == announcement.devices && self.metrics.iter().map(|metric| &metric.said).eq(&announcement.metrics)
    }

    /// What it says of the value at the place of another.
    pub(super) fn at_place(&self, said: &AnnouncedMetric) -> Option<&Judged> {
        self.of_topic(&said.topic).find(|other| other.said.pick == said.pick)
    }

    /// The metrics whose values come on a topic.
    pub(super) fn of_topic(&self, topic: &str) -> impl Iterator<Item = &Judged> {
        self.by_topic.get(topic).into_iter().flatten().filter_map(|place| self.metrics.get(*place))
    }

    /// The metrics whose values are a device's.
    pub(super) fn of_device(&self, device: &str) -> impl Iterator<Item = &Judged> {
        self.by_device.get(device).into_iter().flatten().filter_map(|place| self.metrics.get(*place))
    }

    /// What it says of devices that have values by its word.
    pub(super) fn own_devices(&self) -> impl Iterator<Item = &AnnouncedDevice> {
        let own = move |about: &&AnnouncedDevice| {
            self.of_device(&about.device).any(|judged| judged.own && judged.said.device == about.device)
        };
        self.devices.iter().filter(own)
    }

    /// Its parts as JSON, each small enough for a page.
    pub(super) fn parts(&self) -> Vec<String> {
        let mut parts = vec![self.empty_part()];
        let mut bytes = 0;
        let mut begin = |parts: &mut Vec<Part>, item: usize| {
            if bytes > PART_BYTES {
                parts.push(self.empty_part());
                bytes = 0;
            }
            bytes += item;
        };
        for about in &self.devices {
            begin(&mut parts, weight(about));
            if let Some(part) = parts.last_mut() {
                part.devices.push(about.clone());
            }
        }
        for metric in &self.metrics {
            begin(&mut parts, weight(metric));
            if let Some(part) = parts.last_mut() {
                part.metrics.push(metric.clone());
            }
        }
        let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        for (number, part) in (0..).zip(&mut parts) {
            (part.part, part.parts) = (number, count);
        }
        parts.iter().filter_map(|part| serde_json::to_string(part).ok()).collect()
    }

    fn empty_part(&self) -> Part {
        let (subject, owner) = (self.key.to_string(), self.owner.to_string());
        let (since, serial) = (self.since, self.serial);
        let withdrawn = self.withdrawn;
        Part { subject, owner, since, serial, withdrawn, part: 0, parts: 1, metrics: Vec::new(), devices: Vec::new() }
    }
}

impl Part {
    /// See [`Subject::page_key`].
    pub(super) fn page_key(&self) -> String {
        if self.withdrawn { withdrawn_key(&self.subject, &self.owner) } else { self.subject.clone() }
    }
}

/// No topic holds a zero.
fn withdrawn_key(subject: &str, owner: &str) -> String {
    format!("{subject}\0{owner}")
}

fn weight(item: &impl Serialize) -> usize {
    serde_json::to_string(item).map_or(0, |text| text.len())
}
