//! Announcements found by the topic of the values and by device.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use decode::{AnnouncedDevice, AnnouncedMetric, Pick};

use super::presence::Told;
use super::subject::{Judged, Subject};

/// Most announced metrics of one topic, and most announcements for which it tells whether a device is there. Those that were
/// announced last are not read.
const OF_TOPIC_MAX: usize = 256;

/// What devices announced about one device, for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceTold {
    /// How it calls itself.
    pub name: Option<String>,
    /// What it is.
    pub model: Option<String>,
    /// What runs on it.
    pub firmware: Option<String>,
    /// By metric name.
    pub metrics: HashMap<String, MetricTold>,
}

/// What was announced about one metric, for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricTold {
    /// Shown instead of the metric's name.
    pub name: Option<String>,
    /// Decimals worth showing.
    pub precision: Option<u8>,
    /// Seconds after which a value no longer holds.
    pub expire_after_s: Option<u32>,
    /// About the device itself rather than what it measures.
    pub diagnostic: bool,
}

pub(crate) type Shown = Arc<DeviceTold>;

#[derive(Default)]
pub(super) struct Index {
    topics: HashMap<String, OfTopic>,
    devices: HashMap<String, OfDevice>,
    /// Announced devices by the usual device of their values, with the number of such values.
    stands_for: HashMap<String, BTreeMap<String, usize>>,
    /// Subjects by the topics that tell whether their devices are there.
    presence: HashMap<String, Told>,
}

#[derive(Default)]
struct OfTopic {
    /// The earliest first.
    subjects: Vec<Arc<Subject>>,
    all: Arc<[AnnouncedMetric]>,
}

#[derive(Default)]
struct OfDevice {
    /// The earliest first.
    subjects: Vec<Arc<Subject>>,
    /// Put together when somebody asks: thousands of subjects of one device come one after the other.
    shown: OnceLock<Shown>,
}

impl Index {
    pub(super) fn of_topic(&self, topic: &str) -> Option<Arc<[AnnouncedMetric]>> {
        self.topics.get(topic).map(|of| Arc::clone(&of.all))
    }

    pub(super) fn of_device(&self, device: &str) -> Option<Shown> {
        let of = self.devices.get(device)?;
        Some(Arc::clone(of.shown.get_or_init(|| Arc::new(told(device, &of.subjects)))))
    }

    /// Whether somebody said something about a device.
    pub(super) fn tells_of(&self, device: &str) -> bool {
        self.devices.contains_key(device)
    }

    pub(super) fn stands_for(&self, usual: &str) -> Option<String> {
        let mut devices = self.stands_for.get(usual)?.keys();
        devices.next().filter(|_| devices.next().is_none()).cloned()
    }

    pub(super) fn tells_presence(&self, topic: &str) -> Option<Told> {
        self.presence.get(topic).map(Arc::clone)
    }

    /// Whether nobody else spoke of a topic.
    pub(super) fn is_of(&self, topic: &str, owner: &Arc<str>) -> bool {
        self.topics.get(topic).is_none_or(|of| of.subjects.iter().all(|subject| subject.owner == *owner))
    }

    /// What was announced first for the value at that place.
    pub(super) fn first_of(&self, topic: &str, pick: &Pick) -> Option<&Judged> {
        let mut judged = self.topics.get(topic)?.subjects.iter().flat_map(|subject| subject.of_topic(topic));
        judged.find(|judged| judged.said.pick == *pick)
    }

    /// Devices of which values were announced on a topic. What stands beside these values is read as theirs.
    pub(super) fn on_topic<'i>(&'i self, topic: &'i str) -> impl Iterator<Item = &'i str> {
        let subjects = self.topics.get(topic).into_iter().flat_map(|of| &of.subjects);
        subjects.flat_map(move |subject| subject.of_topic(topic)).map(|judged| judged.names().0)
    }

    /// Whether values that are `usual`'s may become those of `device` by the word of `owner`.
    pub(super) fn may_enter(&self, device: &str, usual: Option<&str>, owner: &Arc<str>, exists: bool) -> bool {
        let subjects = self.devices.get(device).map(|of| of.subjects.as_slice()).unwrap_or_default();
        let mut claims = subjects.iter().flat_map(|subject| {
            let own = subject.of_device(device).filter(|judged| judged.own);
            own.map(|judged| (&subject.owner, judged.usual.as_ref().map(|(usual, _)| usual.as_str())))
        });
        let mut claimed = false;
        let entered = claims.any(|(claimer, beside)| {
            claimed = true;
            claimer == owner || (usual.is_some() && beside == usual)
        });
        entered || (!claimed && !exists)
    }

    pub(super) fn put_in(&mut self, subject: &Arc<Subject>) {
        for topic in subject.by_topic.keys() {
            let of = self.topics.entry(topic.clone()).or_default();
            insert(&mut of.subjects, subject);
            of.gather(topic);
        }
        for topic in presence_of(subject) {
            let of = self.presence.entry(topic.to_owned()).or_default();
            if of.len() < OF_TOPIC_MAX {
                *of = of.iter().chain([subject]).map(Arc::clone).collect();
            }
        }
        for device in described(subject) {
            let of = self.devices.entry(device).or_default();
            insert(&mut of.subjects, subject);
            of.shown = OnceLock::new();
        }
        for (usual, device) in renamed(subject) {
            *self.stands_for.entry(usual.to_owned()).or_default().entry(device.to_owned()).or_default() += 1;
        }
    }

    pub(super) fn take_out(&mut self, subject: &Arc<Subject>) {
        for topic in subject.by_topic.keys() {
            let Some(of) = self.topics.get_mut(topic) else { continue };
            of.subjects.retain(|other| other.key != subject.key);
            if of.subjects.is_empty() {
                self.topics.remove(topic);
            } else {
                of.gather(topic);
            }
        }
        for topic in presence_of(subject) {
            let Some(of) = self.presence.get_mut(topic) else { continue };
            *of = of.iter().filter(|other| other.key != subject.key).map(Arc::clone).collect();
            if of.is_empty() {
                self.presence.remove(topic);
            }
        }
        for device in described(subject) {
            let Some(of) = self.devices.get_mut(&device) else { continue };
            of.subjects.retain(|other| other.key != subject.key);
            if of.subjects.is_empty() {
                self.devices.remove(&device);
            } else {
                of.shown = OnceLock::new();
            }
        }
        for (usual, device) in renamed(subject) {
            let Some(devices) = self.stands_for.get_mut(usual) else { continue };
            if let Some(count) = devices.get_mut(device) {
                *count -= 1;
                if *count == 0 {
                    devices.remove(device);
                }
            }
            if devices.is_empty() {
                self.stands_for.remove(usual);
            }
        }
    }
}

impl OfTopic {
    fn gather(&mut self, topic: &str) {
        let all = self.subjects.iter().flat_map(|subject| subject.of_topic(topic));
        self.all = all.filter_map(Judged::to_read).take(OF_TOPIC_MAX).collect();
    }
}

fn insert(subjects: &mut Vec<Arc<Subject>>, subject: &Arc<Subject>) {
    let place = subjects.partition_point(|other| other.since <= subject.since);
    subjects.insert(place, Arc::clone(subject));
}

/// Usual and announced device of each value that goes by its announced names.
fn renamed(subject: &Subject) -> impl Iterator<Item = (&str, &str)> {
    let own = subject.metrics.iter().filter(|judged| judged.own);
    own.filter_map(|judged| Some((judged.usual.as_ref()?.0.as_str(), judged.said.device.as_str())))
        .filter(|(usual, device)| usual != device)
}

/// The topics that tell whether its devices are there.
fn presence_of(subject: &Subject) -> BTreeSet<&str> {
    subject.own_devices().flat_map(|about| &about.availability).map(|it| it.topic.as_str()).collect()
}

/// Every device that a subject says something about.
fn described(subject: &Subject) -> Vec<String> {
    let told = subject.devices.iter().map(|about| &about.device);
    let mut devices: Vec<String> = subject.by_device.keys().chain(told).cloned().collect();
    devices.sort_unstable();
    devices.dedup();
    devices
}

/// What several subjects say about a device: whoever said something first may change it, others only add to it.
fn told(device: &str, subjects: &[Arc<Subject>]) -> DeviceTold {
    let mut order: Vec<&Arc<Subject>> = subjects.iter().collect();
    let first = subjects.first().map(|subject| &subject.owner);
    order.sort_by_key(|subject| {
        let own = first == Some(&subject.owner);
        (!own, if own { u64::MAX - subject.serial } else { subject.since })
    });
    let mut told = DeviceTold::default();
    for subject in order {
        if let Some(about) = about(subject, device) {
            told.name = told.name.or_else(|| about.name.clone());
            told.model = told.model.or_else(|| about.model.clone());
            told.firmware = told.firmware.or_else(|| about.firmware.clone());
        }
        for judged in subject.of_device(device) {
            let (said, (_, metric)) = (&judged.said, judged.names());
            let of = told.metrics.entry(metric.to_owned()).or_default();
            of.name = of.name.take().or_else(|| said.name.clone());
            of.precision = of.precision.or(said.precision);
            of.expire_after_s = of.expire_after_s.or(said.expire_after_s);
            of.diagnostic |= said.diagnostic;
        }
    }
    told
}

/// What a subject says about a device, under its own key or under the announced one of values that are read as its own.
fn about<'s>(subject: &'s Subject, device: &str) -> Option<&'s AnnouncedDevice> {
    let of = |key: &str| subject.devices.iter().find(|about| about.device == key);
    of(device).or_else(|| subject.of_device(device).next().and_then(|judged| of(&judged.said.device)))
}
