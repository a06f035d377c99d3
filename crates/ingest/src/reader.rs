//! What a message says: its decoder, the device that its topic is bound to, and what is remembered of the topic so that the next
//! message of it costs one look-up.

use std::collections::HashMap;
use std::sync::Arc;

use decode::{Content, DecoderId};
use model::{DeviceKey, Topic};

use crate::bindings::Bound;
use crate::traces::{TopicTrace, Traces};

/// What a message says, by which decoder, and what is known of its topic.
pub(crate) struct Read {
    pub(crate) content: Content,
    pub(crate) decoder: DecoderId,
    /// The device that the topic is bound to.
    pub(crate) device: Option<DeviceKey>,
    /// None for a topic beyond the limit, and where the source had read the message.
    pub(crate) trace: Option<Arc<TopicTrace>>,
}

/// Reads messages. A topic beyond `topics_max` is read all the same, at the cost of the look-ups each time.
pub(crate) struct Reader {
    topics: HashMap<Topic, TopicMemory>,
    topics_max: usize,
}

struct TopicMemory {
    decoder: DecoderId,
    bound_version: u64,
    bound: Option<DeviceKey>,
    trace: Arc<TopicTrace>,
}

impl Reader {
    pub(crate) fn new(topics_max: usize) -> Self {
        Self { topics: HashMap::new(), topics_max }
    }

    pub(crate) fn read(&mut self, topic: &Topic, payload: &[u8], bound: &Bound, traces: &Traces) -> Read {
        let memory = self.topics.get_mut(topic);
        let decoded = decode::decode(topic, payload, memory.as_ref().map(|memory| memory.decoder));
        let (content, decoder) = (decoded.content, decoded.decoder);
        if let Some(memory) = memory {
            memory.decoder = decoder;
            if memory.bound_version != bound.version {
                memory.bound_version = bound.version;
                memory.bound = bound.device_of(topic).cloned();
            }
            let (device, trace) = (memory.bound.clone(), Some(Arc::clone(&memory.trace)));
            return Read { content, decoder, device, trace };
        }
        let device = bound.device_of(topic).cloned();
        if self.topics.len() >= self.topics_max {
            return Read { content, decoder, device, trace: None };
        }
        let trace = traces.add(topic);
        let (bound, bound_version) = (device.clone(), bound.version);
        let memory = TopicMemory { decoder, bound_version, bound, trace: Arc::clone(&trace) };
        self.topics.insert(topic.clone(), memory);
        Read { content, decoder, device, trace: Some(trace) }
    }
}
