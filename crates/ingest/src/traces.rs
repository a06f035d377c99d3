//! The last raw messages of every topic and what became of them, as of the last durable batch: why a topic is charted or
//! is not. Bounded in topics, in messages of a topic and in bytes in all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use decode::{Announcement, Content, DecoderId, Found};
use model::{RejectReason, SourceName, Timestamp, Topic};
use source::Outcome;

use crate::Ingest;
use crate::rate::Rate;
use crate::reader;
use crate::take::name_device;

/// Messages kept of one topic. More: the oldest goes.
pub const TRACED_MESSAGES_MAX: usize = 10;
/// Bytes kept of one message. Longer ones are cut; their length is told.
pub const TRACED_MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// What a message weighs beside its payload.
const MESSAGE_BYTES: usize = 256;

/// One message of a topic and what became of it.
#[derive(Clone, Debug)]
pub struct TracedMessage {
    /// Server time of arrival.
    pub received: Timestamp,
    /// Its start: at most [`TRACED_MESSAGE_BYTES_MAX`], nothing where the memory for messages is full.
    pub payload: Bytes,
    /// Its length as it came.
    pub bytes: usize,
    /// Who sent it.
    pub client: Arc<str>,
    /// The way it came in.
    pub source: SourceName,
    /// Which decoder understood it.
    pub decoder: DecoderId,
    /// The rule that took it.
    pub rule: Option<TracedRule>,
    /// Its fate, durable.
    pub outcome: Outcome,
    /// A stable code and a sentence, where it could not be read.
    pub unread: Option<(&'static str, Arc<str>)>,
    /// Values that were found in it and refused, by why.
    pub refused: Vec<(RejectReason, u32)>,
    /// What it told about other topics.
    pub announces: Option<Announces>,
}

impl TracedMessage {
    /// Whether all of it was kept.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.payload.len() == self.bytes
    }
}

/// What an announcement tells, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announces {
    /// Metrics; 0 where it withdraws what was announced before.
    pub metrics: usize,
    /// The device of the first one, as it calls itself.
    pub device: Option<Arc<str>>,
    /// Devices in all.
    pub devices: usize,
    /// Metrics that are not bound: of another kind, or more than one announcement may have.
    pub left_out: u32,
}

impl Announces {
    pub(crate) fn of(announcement: &Announcement) -> Self {
        let of_metrics = announcement.metrics.iter().map(|metric| metric.device.as_str());
        let of_devices = announcement.devices.iter().map(|about| about.device.as_str());
        let devices: BTreeSet<&str> = of_metrics.clone().chain(of_devices.clone()).collect();
        let first = of_metrics.chain(of_devices).next();
        Self {
            metrics: announcement.metrics.len(),
            device: first.map(Arc::from),
            devices: devices.len(),
            left_out: announcement.left_out,
        }
    }
}

/// The rule that took a message, as it was then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedRule {
    /// Its id.
    pub id: Arc<str>,
    /// Its version then.
    pub version: u64,
}

/// A topic with its last messages.
#[derive(Clone, Debug)]
pub struct TopicView {
    /// Where they were published.
    pub topic: Topic,
    /// Messages since start.
    pub messages: u64,
    /// Messages of the last minute.
    pub per_minute: u64,
    /// The last ones, newest first; at least one.
    pub last: Vec<TracedMessage>,
}

/// What is remembered of one topic.
#[derive(Debug)]
pub(crate) struct TopicTrace(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    messages: u64,
    last: VecDeque<TracedMessage>,
    rate: Rate,
}

/// A message whose fate is told once it is durable.
pub(crate) struct Note {
    pub(crate) trace: Arc<TopicTrace>,
    pub(crate) message: TracedMessage,
}

impl Note {
    /// What became of an unread message now, in its old place; nothing where it is no longer kept.
    pub(crate) fn tell_anew(self) {
        let Self { trace, message: now } = self;
        let mut told = trace.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |kept: &&mut TracedMessage| {
            let known = kept.payload.is_empty() || now.payload.starts_with(&kept.payload);
            kept.received == now.received && kept.client == now.client && kept.outcome == Outcome::Unread && known
        };
        if let Some(kept) = told.last.iter_mut().find(is_it) {
            // Where it came in, and how long it was, stays.
            let TracedMessage { decoder, rule, outcome, unread, refused, announces, .. } = now;
            (kept.decoder, kept.rule, kept.outcome) = (decoder, rule, outcome);
            (kept.unread, kept.refused, kept.announces) = (unread, refused, announces);
        }
    }
}

/// All topics by name.
#[derive(Debug)]
pub(crate) struct Traces {
    topics: RwLock<BTreeMap<Topic, Arc<TopicTrace>>>,
    bytes: AtomicUsize,
    bytes_max: usize,
}

impl Traces {
    pub(crate) fn bounded(bytes_max: usize) -> Self {
        Self { topics: RwLock::default(), bytes: AtomicUsize::new(0), bytes_max }
    }

    /// A topic heard for the first time; whoever calls keeps to the limit on topics.
    pub(crate) fn add(&self, topic: &Topic) -> Arc<TopicTrace> {
        let trace = Arc::new(TopicTrace(Mutex::default()));
        self.topics.write().unwrap_or_else(PoisonError::into_inner).insert(topic.clone(), Arc::clone(&trace));
        trace
    }

    /// Keeps a message. Where memory is full, the topic's own older ones go first, then the message's payload.
    pub(crate) fn keep(&self, note: Note) {
        let mut told = note.trace.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut message = note.message;
        told.messages += 1;
        told.rate.count(message.received);
        while told.last.len() >= TRACED_MESSAGES_MAX || (!told.last.is_empty() && self.full_with(&message)) {
            if let Some(old) = told.last.pop_back() {
                self.bytes.fetch_sub(weight(&old), Ordering::Relaxed);
            }
        }
        if self.full_with(&message) {
            message.payload = Bytes::new();
        }
        self.bytes.fetch_add(weight(&message), Ordering::Relaxed);
        told.last.push_front(message);
    }

    fn full_with(&self, message: &TracedMessage) -> bool {
        self.bytes.load(Ordering::Relaxed) + weight(message) > self.bytes_max
    }

    fn get(&self, topic: &Topic, now: Timestamp) -> Option<TopicView> {
        let trace = self.topics.read().unwrap_or_else(PoisonError::into_inner).get(topic).map(Arc::clone)?;
        trace.view(topic, now)
    }

    fn behind(&self, after: Option<&Topic>) -> Vec<(Topic, Arc<TopicTrace>)> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        let from = after.map_or(Unbounded, Excluded);
        topics.range::<Topic, _>((from, Unbounded)).map(|(topic, trace)| (topic.clone(), Arc::clone(trace))).collect()
    }
}

impl TopicTrace {
    fn view(&self, topic: &Topic, now: Timestamp) -> Option<TopicView> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last: Vec<TracedMessage> = told.last.iter().cloned().collect();
        let view =
            TopicView { topic: topic.clone(), messages: told.messages, per_minute: told.rate.per_minute(now), last };
        (!view.last.is_empty()).then_some(view)
    }
}

fn weight(message: &TracedMessage) -> usize {
    MESSAGE_BYTES + message.payload.len()
}

/// The start of a payload, copied: what a source read it into may be much larger.
pub(crate) fn start_of(payload: &[u8]) -> Bytes {
    Bytes::copy_from_slice(payload.get(..TRACED_MESSAGE_BYTES_MAX).unwrap_or(payload))
}

impl Ingest {
    /// Topics heard since start, by name behind `after`, that `wanted` takes; at most `limit`.
    #[must_use]
    pub fn topics(&self, after: Option<&Topic>, limit: usize, wanted: impl Fn(&TopicView) -> bool) -> Vec<TopicView> {
        let now = self.clock.now();
        let all = self.shared.traces.behind(after).into_iter();
        all.filter_map(|(topic, trace)| trace.view(&topic, now)).filter(wanted).take(limit).collect()
    }

    /// The first topics by name that `wanted` takes, with their last messages.
    pub(crate) fn topics_where(&self, limit: usize, wanted: impl Fn(&Topic) -> bool) -> Vec<TopicView> {
        let now = self.clock.now();
        let all = self.shared.traces.behind(None).into_iter().filter(|(topic, _)| wanted(topic));
        all.filter_map(|(topic, trace)| trace.view(&topic, now)).take(limit).collect()
    }

    /// One topic heard since start.
    #[must_use]
    pub fn topic(&self, topic: &Topic) -> Option<TopicView> {
        self.shared.traces.get(topic, self.clock.now())
    }

    /// What a kept message says, with the devices that its topic and its sender have now. Nothing where it was cut, or
    /// where the rule that took it has been changed since.
    #[must_use]
    pub fn read_again(&self, topic: &Topic, message: &TracedMessage) -> Vec<Found> {
        if !message.is_whole() {
            return Vec::new();
        }
        let decoded = match &message.rule {
            None => {
                // What was read before the announcement was read without it.
                let announced =
                    self.shared.announced.of(topic).filter(|_| message.decoder == decode::announced::DECODER);
                reader::decode(topic, &message.payload, None, announced.as_deref(), Some(message.decoder))
            }
            Some(rule) => match self.shared.rules.current().get(&rule.id) {
                Some(held) if held.version == rule.version => held.rule.read(topic, &message.payload),
                Some(_) | None => return Vec::new(),
            },
        };
        self.with_devices(topic, &message.client, decoded.content)
    }

    /// The values of a message under the devices that its topic and its sender have now.
    pub(crate) fn with_devices(&self, topic: &Topic, client: &str, content: Content) -> Vec<Found> {
        let bound = self.shared.bindings.current();
        match content {
            Content::Readings(mut found) => {
                for value in &mut found {
                    name_device(value, bound.device_of(topic), client);
                }
                found
            }
            Content::NoReading { .. } | Content::Announced(_) | Content::Unreadable { .. } => Vec::new(),
        }
    }
}
