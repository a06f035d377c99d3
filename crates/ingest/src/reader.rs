//! What a message says: the rule or decoder that reads it, the device that its topic is bound to, and what is remembered of the
//! topic so that the next message of it costs one look-up.

use std::collections::HashMap;
use std::sync::Arc;

use decode::{AnnouncedMetric, Content, Decoded, DecoderId, announced};
use model::{DeviceKey, Topic};

use crate::announcements::Told;
use crate::bindings::Bound;
use crate::rules::{HeldRule, RuleSet};
use crate::shared::Shared;
use crate::traces::TopicTrace;

/// What a message says, by which decoder, and what is known of its topic.
pub(crate) struct Read {
    pub(crate) content: Content,
    pub(crate) decoder: DecoderId,
    /// The rule that took it; such a message is asked nothing else.
    pub(crate) rule: Option<Arc<HeldRule>>,
    /// The device that the topic is bound to.
    pub(crate) device: Option<DeviceKey>,
    /// Whose presence such a message tells.
    pub(crate) presence: Option<Told>,
    /// None for a topic beyond the limit, and where the source had read the message.
    pub(crate) trace: Option<Arc<TopicTrace>>,
}

/// Reads messages. A topic beyond `topics_max` is read all the same, at the cost of the look-ups each time.
pub(crate) struct Reader {
    topics: HashMap<Topic, TopicMemory>,
    topics_max: usize,
}

struct TopicMemory {
    decoder: Option<DecoderId>,
    bound_version: u64,
    bound: Option<DeviceKey>,
    rules_version: u64,
    /// The place of its rule in the rules of that version.
    rule: Option<usize>,
    announced_version: u64,
    announced: Option<Arc<[AnnouncedMetric]>>,
    presence: Option<Told>,
    trace: Arc<TopicTrace>,
}

impl Reader {
    pub(crate) fn new(topics_max: usize) -> Self {
        Self { topics: HashMap::new(), topics_max }
    }

    pub(crate) fn read(
        &mut self,
        topic: &Topic,
        payload: &[u8],
        bound: &Bound,
        rules: &RuleSet,
        shared: &Shared,
    ) -> Read {
        let full = self.topics.len() >= self.topics_max;
        let memory = match self.topics.get_mut(topic) {
            Some(memory) => {
                memory.follow(topic, bound, rules, shared);
                memory
            }
            None if full => {
                let (rule, device) = (rules.of_topic(topic).cloned(), bound.device_of(topic).cloned());
                let announced = shared.announced.of(topic);
                count(rule.as_deref());
                let Decoded { content, decoder } = decode(topic, payload, rule.as_deref(), announced.as_deref(), None);
                let presence = shared.announced.tells_presence(topic);
                return Read { content, decoder, rule, device, presence, trace: None };
            }
            None => {
                let memory = TopicMemory::of(topic, bound, rules, shared);
                self.topics.entry(topic.clone()).or_insert(memory)
            }
        };
        let rule = memory.rule.and_then(|place| rules.at(place)).cloned();
        count(rule.as_deref());
        let announced = memory.announced.as_deref();
        let Decoded { content, decoder } = decode(topic, payload, rule.as_deref(), announced, memory.decoder);
        memory.decoder = Some(decoder);
        let device = memory.bound.clone();
        let presence = memory.presence.clone();
        Read { content, decoder, rule, device, presence, trace: Some(Arc::clone(&memory.trace)) }
    }
}

/// A rule that takes a message is seen to work.
fn count(rule: Option<&HeldRule>) {
    if let Some(held) = rule {
        held.count();
    }
}

/// A rule is asked first, and then nothing else; where there is none, what was announced of the topic counts.
pub(crate) fn decode(
    topic: &Topic,
    payload: &[u8],
    rule: Option<&HeldRule>,
    announced: Option<&[AnnouncedMetric]>,
    hint: Option<DecoderId>,
) -> Decoded {
    let Some(held) = rule else {
        let told = announced.and_then(|metrics| announced::read(topic, payload, metrics));
        return told.unwrap_or_else(|| decode::decode(topic, payload, hint));
    };
    held.rule.read(topic, payload)
}

impl TopicMemory {
    fn of(topic: &Topic, bound: &Bound, rules: &RuleSet, shared: &Shared) -> Self {
        // Of two versions the older one, so that a change in between is seen with the next message.
        let announced_version = shared.announced.version();
        Self {
            decoder: None,
            bound_version: bound.version,
            bound: bound.device_of(topic).cloned(),
            rules_version: rules.version,
            rule: rules.place_of(topic),
            announced_version,
            announced: shared.announced.of(topic),
            presence: shared.announced.tells_presence(topic),
            trace: shared.traces.add(topic),
        }
    }

    /// What people have decided and devices announced since its last message.
    fn follow(&mut self, topic: &Topic, bound: &Bound, rules: &RuleSet, shared: &Shared) {
        if self.bound_version != bound.version {
            self.bound_version = bound.version;
            self.bound = bound.device_of(topic).cloned();
        }
        if self.rules_version != rules.version {
            self.rules_version = rules.version;
            self.rule = rules.place_of(topic);
        }
        let announced_version = shared.announced.version();
        if self.announced_version != announced_version {
            self.announced_version = announced_version;
            self.announced = shared.announced.of(topic);
            self.presence = shared.announced.tells_presence(topic);
        }
    }
}
