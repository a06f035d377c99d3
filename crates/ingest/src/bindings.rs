//! Topics that a person has bound to a device: its messages are that device's, whatever the topic says.

use std::sync::{Arc, PoisonError, RwLock};

use model::{DeviceKey, Topic, TopicFilter};

/// Filters in the order in which they were bound; the first that matches decides.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    current: RwLock<Arc<Bound>>,
}

/// One state of the bindings. The version tells whether what was looked up before still holds.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    pub(crate) version: u64,
    filters: Vec<(TopicFilter, DeviceKey)>,
}

impl Bound {
    pub(crate) fn device_of(&self, topic: &Topic) -> Option<&DeviceKey> {
        self.filters.iter().find(|(filter, _)| filter.matches(topic)).map(|(_, device)| device)
    }
}

impl Bindings {
    pub(crate) fn current(&self) -> Arc<Bound> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From the next message on, what matches `topics` and nothing else is bound to `device`.
    pub(crate) fn bind(&self, device: &DeviceKey, topics: &[TopicFilter]) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let others = current.filters.iter().filter(|(_, bound)| bound != device).cloned();
        let own = topics.iter().map(|filter| (filter.clone(), device.clone()));
        *current = Arc::new(Bound { version: current.version + 1, filters: others.chain(own).collect() });
    }
}
