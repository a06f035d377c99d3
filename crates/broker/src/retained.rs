//! The last message of each topic that was published to be kept, bounded in number and bytes, in memory only.
//!
//! It forgets on restart. A message that does not fit is refused, never another one dropped for it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use model::TopicFilter;
use parking_lot::RwLock;

use crate::message::Message;

/// The map and its limits.
pub(crate) struct Retained {
    count_max: usize,
    bytes_max: usize,
    map: RwLock<Map>,
}

#[derive(Default)]
struct Map {
    messages: BTreeMap<Arc<str>, Kept>,
    bytes: usize,
}

struct Kept {
    message: Message,
    since: Duration,
}

/// The message was to be retained, and there is no room for it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl Retained {
    pub(crate) fn new(count_max: usize, bytes_max: usize) -> Self {
        Self { count_max, bytes_max, map: RwLock::default() }
    }

    /// Number and bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let map = self.map.read();
        (map.messages.len(), map.bytes)
    }

    /// Keeps `message` in place of the one before; an empty payload clears the topic. `now` is monotonic.
    pub(crate) fn set(&self, message: &Message, now: Duration) -> Result<(), NoRoom> {
        let topic = message.topic.as_str();
        let mut map = self.map.write();
        if message.payload.is_empty() {
            if let Some(old) = map.messages.remove(topic) {
                map.bytes -= old.message.weight();
            }
            return Ok(());
        }
        let before = map.messages.get(topic).map(|old| old.message.weight());
        let bytes = map.bytes - before.unwrap_or(0) + message.weight();
        if bytes > self.bytes_max || (before.is_none() && map.messages.len() >= self.count_max) {
            return Err(NoRoom);
        }
        map.bytes = bytes;
        let kept = Kept { message: Message { retain: true, ..message.detached() }, since: now };
        map.messages.insert(topic.into(), kept);
        Ok(())
    }

    /// Calls `found` for the retained messages `filter` asks for, with what is left of their expiry, in the order of
    /// topics and from behind `after`, until it answers false; the topic it stopped at is returned to go on from.
    /// Only topics that begin like the filter up to its first wildcard are looked at. Nothing is retained meanwhile, so
    /// that a subscriber never gets an older message behind a newer one.
    pub(crate) fn matching(
        &self,
        filter: &TopicFilter,
        now: Duration,
        after: Option<&Arc<str>>,
        mut found: impl FnMut(&Message) -> bool,
    ) -> Option<Arc<str>> {
        let text = filter.as_str();
        let map = self.map.read();
        if !text.contains(['+', '#']) {
            if after.is_none()
                && let Some(message) = map.messages.get(text).and_then(|kept| kept.unexpired(now))
            {
                found(&message);
            }
            return None;
        }
        let prefix = text.split(['+', '#']).next().unwrap_or("");
        // `a/#` asks for `a` as well, which does not begin with `a/`.
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let from = after.map_or(Bound::Included(prefix), |after| Bound::Excluded(&**after));
        for (topic, kept) in map.messages.range::<str, _>((from, Bound::Unbounded)) {
            if !topic.starts_with(prefix) {
                break;
            }
            if !filter.matches(&kept.message.topic) {
                continue;
            }
            if kept.unexpired(now).is_some_and(|message| !found(&message)) {
                return Some(Arc::clone(topic));
            }
        }
        None
    }
}

impl Kept {
    fn unexpired(&self, now: Duration) -> Option<Message> {
        let Some(properties) = &self.message.properties else {
            return Some(self.message.clone());
        };
        let Some(expiry) = properties.message_expiry_interval else {
            return Some(self.message.clone());
        };
        let age = u32::try_from(now.saturating_sub(self.since).as_secs()).unwrap_or(u32::MAX);
        let left = NonZeroU32::new(expiry.get().saturating_sub(age))?;
        let mut properties = properties.as_ref().clone();
        properties.message_expiry_interval = Some(left);
        Some(Message { properties: Some(Arc::new(properties)), ..self.message.clone() })
    }
}
