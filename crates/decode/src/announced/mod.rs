//! What devices announce about themselves, and how messages are read with it.
//!
//! An announcement says on which topic a value comes, under which name, in which unit and from which device. It holds no
//! values. Whoever keeps announcements hands those of a topic to [`read`] together with the next message of that topic.

mod availability;
mod calculation;
mod config;
mod lists;
mod template;
mod usual;

pub use availability::{AnnouncedAvailability, Mode, PRESENCE_BYTES_MAX, PresenceMessage};
pub use calculation::{Calculation, Rounding};
pub(crate) use config::{read as read_config, withdrawn};
pub(crate) use lists::{read_about, read_description, read_devices, read_tasmota, read_text};
pub use usual::{Usual, usual};

use std::borrow::Cow;
use std::collections::HashSet;

use model::{Flaw, Judgement, Kind, Topic, Unit, UnitSource, Value};
use serde::{Deserialize, Serialize};

use crate::harvest::{Note, VALUES_MAX};
use crate::json::{Json, Object};
use crate::message::Message;
use crate::name::{Named, metric_of};
use crate::number::{self, Judged};
use crate::unit::Known;
use crate::walk::{Walk, scalar, time_of};
use crate::{ClaimedTime, Content, Decoded, DecoderId, Found, judge};

/// The decoder of messages that are read with what was announced.
pub const DECODER: DecoderId = DecoderId("announced");
/// Longest configuration in bytes. A longer one is counted as `discovery` and announces nothing.
pub const CONFIG_BYTES_MAX: usize = 64 * 1024;
/// Longest list of devices in bytes (a whole Zigbee network in one message). Same outcome.
pub const LIST_BYTES_MAX: usize = 1024 * 1024;
/// Most metrics of one device's announcement. The excess is left out and counted in [`Announcement::left_out`].
pub const METRICS_MAX: usize = 256;
/// Most metrics, and most devices, of a list of devices. Same outcome.
pub const LIST_METRICS_MAX: usize = 4096;

/// What one message announced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Announcement {
    /// The topic it came on; a later one of the same subject replaces it.
    pub subject: String,
    /// Where values come.
    pub metrics: Vec<AnnouncedMetric>,
    /// What is told about devices.
    #[serde(default)]
    pub devices: Vec<AnnouncedDevice>,
    /// Metrics that were announced and are not bound: a template we do not read, a topic that is none, too many.
    #[serde(default)]
    pub left_out: u32,
}

impl Announcement {
    pub(crate) fn of(subject: &str) -> Self {
        Self { subject: subject.into(), metrics: Vec::new(), devices: Vec::new(), left_out: 0 }
    }

    /// Takes back what was announced on that topic.
    #[must_use]
    pub fn withdrawing(subject: &str) -> Self {
        Self::of(subject)
    }

    /// It says nothing: what was announced on its topic before is withdrawn.
    #[must_use]
    pub fn withdraws(&self) -> bool {
        self.metrics.is_empty() && self.devices.is_empty()
    }

    /// Adds what is told about a device while there is room.
    fn about(&mut self, device: AnnouncedDevice) {
        if !device.says_nothing() && self.devices.len() < LIST_METRICS_MAX {
            self.devices.push(device);
        }
    }

    /// Adds a metric while there is room.
    fn add(&mut self, metric: Option<AnnouncedMetric>) {
        self.add_up_to(METRICS_MAX, metric);
    }

    fn add_up_to(&mut self, most: usize, metric: Option<AnnouncedMetric>) {
        match metric {
            Some(metric) if self.metrics.len() < most => self.metrics.push(metric),
            Some(_) | None => self.left_out += 1,
        }
    }
}

impl From<Announcement> for Content {
    fn from(announcement: Announcement) -> Self {
        Self::Announced(Box::new(announcement))
    }
}

/// What a device is, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedDevice {
    /// Device key.
    pub device: String,
    /// How it is called.
    pub name: Option<String>,
    /// What it is.
    pub model: Option<String>,
    /// What runs on it.
    pub firmware: Option<String>,
    /// Where it is told whether it is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub availability: Vec<AnnouncedAvailability>,
    /// What these mean together.
    #[serde(default)]
    pub mode: Mode,
}

impl AnnouncedDevice {
    fn says_nothing(&self) -> bool {
        self.name.is_none() && self.model.is_none() && self.firmware.is_none() && self.availability.is_empty()
    }
}

/// A metric of a device, and where its values come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnnouncedMetric {
    /// The topic of the values, without wildcards.
    pub topic: String,
    /// Where in the message.
    pub pick: Pick,
    /// What becomes of the number there.
    #[serde(default, skip_serializing_if = "Calculation::is_none")]
    pub calculation: Calculation,
    /// Device key.
    pub device: String,
    /// Metric name in lower snake.
    pub metric: String,
    /// For people.
    pub name: Option<String>,
    /// In the written form of our table where it has the unit.
    pub unit: Option<Unit>,
    /// What the number means.
    pub kind: Kind,
    /// Decimals worth showing.
    pub precision: Option<u8>,
    /// Seconds after which a value no longer holds.
    pub expire_after_s: Option<u32>,
    /// About the device itself rather than what it measures.
    pub diagnostic: bool,
}

/// Where in a message a value is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// The payload is the value.
    Whole,
    /// A JSON pointer (RFC 6901): `/sensor/temperature`.
    Path(String),
    /// A template that is not calculated, and the JSON pointers that it mentions; without any it is about the whole message.
    /// Numbers there are read as usual and doubted, see [`model::Flaw::NotCalculated`].
    Unread(Vec<String>),
}

/// Reads a message of a topic of which `metrics` were announced; as usual where it holds no value of them, and nothing where
/// there is nothing to read or nothing announced. Values of the same object that nobody announced are kept, under the
/// announced device.
///
/// Where a family knows the topic by itself, its names stay and only units are taken from the announcement.
#[must_use]
pub fn read(topic: &Topic, payload: &[u8], metrics: &[AnnouncedMetric]) -> Option<Decoded> {
    if payload.is_empty() || metrics.is_empty() {
        return None;
    }
    let mut usual = crate::decode(topic, payload, None);
    if usual::knows_better(usual.decoder) {
        if let Content::Readings(found) = &mut usual.content {
            describe(found, metrics);
        }
        return Some(usual);
    }
    let found = values(&Message::new(topic, payload), metrics);
    if found.is_empty() {
        if let Content::Readings(found) = &mut usual.content
            && doubt(found, metrics)
        {
            usual.decoder = DECODER;
        }
        return Some(usual);
    }
    Some(Decoded { decoder: DECODER, content: Content::Readings(found) })
}

/// Gives what a family has read the units that were announced, where it did not know better.
fn describe(found: &mut [Found], metrics: &[AnnouncedMetric]) {
    let alone = found.len() == 1;
    // Each name is looked up once per message, not once per value.
    let leaves: Vec<Option<String>> = metrics
        .iter()
        .map(|metric| match &metric.pick {
            Pick::Path(path) => Some(metric_of(last_of(path)).name),
            Pick::Whole | Pick::Unread(_) => None,
        })
        .collect();
    for found in found {
        let leaf = found.metric.rsplit('.').next().unwrap_or_default();
        let mut meant = metrics.iter().zip(&leaves).filter(|(metric, last)| match &metric.pick {
            Pick::Whole => alone,
            Pick::Path(_) => metric.metric == found.metric || last.as_deref() == Some(leaf),
            Pick::Unread(_) => false,
        });
        let Some(unit) = meant.find_map(|(metric, _)| metric.unit.clone()) else { continue };
        if matches!(found.value, Ok(Value::Number(_))) && found.unit_source >= UnitSource::Discovery {
            (found.unit, found.unit_source) = (Some(unit), UnitSource::Discovery);
        }
    }
}

/// Doubts the numbers of which a template would have made others; whether there are any.
fn doubt(found: &mut [Found], metrics: &[AnnouncedMetric]) -> bool {
    if found.is_empty() {
        return false;
    }
    let unread = || {
        metrics.iter().filter_map(|metric| match &metric.pick {
            Pick::Unread(paths) => Some(paths),
            Pick::Whole | Pick::Path(_) => None,
        })
    };
    let whole_message = unread().any(Vec::is_empty);
    // Each name is looked up once per message, not once per value: that took seconds.
    let last: HashSet<&str> = unread().filter(|_| !whole_message).flatten().map(|path| last_of(path)).collect();
    let leaves: HashSet<String> = last.into_iter().map(|last| metric_of(last).name).collect();
    if !whole_message && leaves.is_empty() {
        return false;
    }
    let mut any = false;
    for found in found {
        let leaf = found.metric.rsplit('.').next().unwrap_or_default();
        let meant = whole_message || leaves.contains(leaf);
        if meant && found.judgement == Judgement::Good && matches!(found.value, Ok(Value::Number(_))) {
            found.judgement = Judgement::Suspect(Flaw::NotCalculated);
            any = true;
        }
    }
    any
}

fn last_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn values(message: &Message<'_>, metrics: &[AnnouncedMetric]) -> Vec<Found> {
    let json = message.value();
    let time = json.and_then(Json::object).and_then(time_of);
    let (mut found, mut notes): (Vec<Found>, Vec<Note<'_>>) = (Vec::new(), Vec::new());
    for metric in metrics.iter().take(VALUES_MAX) {
        let read = match (&metric.pick, json) {
            (Pick::Whole, None) => message.text.and_then(number::single),
            (Pick::Path(path), Some(json)) => at(json, path).and_then(|value| scalar(value, true)),
            (Pick::Whole, Some(_)) | (Pick::Path(_), None) | (Pick::Unread(_), _) => None,
        };
        let Some((mut judged, told)) = read else { continue };
        if let Ok(Value::Number(number)) = &mut judged.value
            && number.is_finite()
        {
            let Some(calculated) = metric.calculation.of(*number) else { continue };
            *number = calculated;
        }
        if !found.iter().any(|other| other.metric == metric.metric && other.device == metric.device) {
            let (value, note) = one(metric, judged, told, time);
            found.push(value);
            notes.push(note);
        }
    }
    judge::judge(&mut found, &notes);
    if let Some(json) = json {
        let calculated = found.len();
        add_the_rest(json, metrics, &mut found);
        doubt(found.get_mut(calculated..).unwrap_or_default(), metrics);
    }
    found
}

fn one<'m>(
    metric: &'m AnnouncedMetric,
    judged: Judged,
    told: Option<Known>,
    time: Option<ClaimedTime>,
) -> (Found, Note<'m>) {
    let announced = metric.unit.as_ref().and_then(|unit| Known::look_up(unit.as_str()));
    let usual = metric_of(&metric.metric);
    let by_name = usual.unit.filter(|_| metric.unit.is_none());
    let known = told.or(announced).or(by_name);
    let (unit, unit_source) = match (&judged.value, told, &metric.unit) {
        (Ok(Value::Bool(_) | Value::Text(_)), ..) => (None, UnitSource::None),
        (_, Some(told), _) => (told.unit(), UnitSource::Payload),
        (_, None, Some(unit)) => (Some(unit.clone()), UnitSource::Discovery),
        (_, None, None) => (by_name.and_then(Known::unit), usual.unit_source),
    };
    let kind = match &judged.value {
        Ok(Value::Bool(_)) => Kind::State,
        Ok(Value::Text(_)) => Kind::Text,
        Ok(Value::Number(_)) | Err(_) => metric.kind,
    };
    let class = Named::known(&usual.name, known).class;
    let found = Found {
        device: metric.device.clone(),
        metric: metric.metric.clone(),
        value: judged.value,
        unit,
        unit_source,
        kind,
        judgement: judged.judgement,
        time,
    };
    (found, Note { key: &metric.metric, unit: known, class, prefix: 0 })
}

/// The value at a JSON pointer.
fn at<'j, 'a>(json: &'j Json<'a>, path: &str) -> Option<&'j Json<'a>> {
    steps(path).try_fold(json, |json, step| match json.list() {
        Some(items) => items.get(step.parse::<usize>().ok()?),
        None => json.get(&step),
    })
}

/// The steps of a JSON pointer.
fn steps(path: &str) -> impl Iterator<Item = Cow<'_, str>> {
    // A pointer begins with a slash, so there is nothing in front of the first one.
    path.split('/').skip(1).map(written)
}

fn written(step: &str) -> Cow<'_, str> {
    if step.contains('~') { step.replace("~1", "/").replace("~0", "~").into() } else { step.into() }
}

/// Puts one more step at the end of a JSON pointer.
fn push_step(path: &mut String, step: &str) {
    path.push('/');
    path.push_str(&step.replace('~', "~0").replace('/', "~1"));
}

/// What is beside the announced values in the object, read as usual.
fn add_the_rest(json: &Json<'_>, metrics: &[AnnouncedMetric], found: &mut Vec<Found>) {
    // What is not calculated is one of the rest itself.
    let mut read = metrics.iter().filter(|metric| !matches!(metric.pick, Pick::Unread(_)));
    let Some(first) = read.next() else { return };
    let Json::Object(members) = json else { return };
    if read.any(|other| other.device != first.device) {
        return;
    }
    let mut members = members.clone();
    for metric in metrics {
        if let Pick::Path(path) = &metric.pick {
            take_out(&mut members, &steps(path).collect::<Vec<_>>());
        }
    }
    let mut walk = Walk::below(first.device.clone());
    walk.object(&members);
    for mut other in walk.harvest.values(&first.device) {
        other.device.clone_from(&first.device);
        if found.len() < VALUES_MAX && !found.iter().any(|known| known.metric == other.metric) {
            found.push(other);
        }
    }
}

fn take_out(members: &mut Object<'_>, steps: &[Cow<'_, str>]) {
    match steps {
        [] => {}
        [last] => members.retain(|(name, _)| name != last),
        [first, rest @ ..] => {
            if let Some((_, Json::Object(inner))) = members.iter_mut().find(|(name, _)| name == first) {
                take_out(inner, rest);
            }
        }
    }
}
