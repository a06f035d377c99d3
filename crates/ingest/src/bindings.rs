//! Whose messages are whose, as people decided it: topics and clients bound to a device, keys of devices that became another's,
//! and senders that are ignored.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use model::{DeviceKey, SourceName, Topic, TopicFilter};

use crate::document::DeviceDocument;

/// The source whose client texts are MQTT client ids. Those of others are addresses, keys or names.
const EMBEDDED_BROKER: &str = "mqtt";

/// Filters in the order in which they were bound; the first that matches decides.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    current: RwLock<Arc<Bound>>,
}

/// One state of the bindings. The version tells whether what was looked up before still holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) version: u64,
    filters: Vec<(TopicFilter, DeviceKey)>,
    /// By MQTT client id; a filter that matches the topic goes first.
    clients: HashMap<String, DeviceKey>,
    /// Keys of devices that were merged into another, by that key. A device of the key itself goes first.
    merged: HashMap<DeviceKey, DeviceKey>,
    ignored: HashSet<DeviceKey>,
}

impl Bound {
    pub(crate) fn device_of(&self, topic: &Topic) -> Option<&DeviceKey> {
        self.filters.iter().find(|(filter, _)| filter.matches(topic)).map(|(_, device)| device)
    }

    /// The device that a client of the embedded broker speaks for, on topics that are bound to none.
    pub(crate) fn device_of_client(&self, source: &SourceName, client: &str) -> Option<&DeviceKey> {
        if self.clients.is_empty() || source.as_str() != EMBEDDED_BROKER { None } else { self.clients.get(client) }
    }

    /// The device that a client id is bound to.
    pub(crate) fn client(&self, client: &str) -> Option<&DeviceKey> {
        self.clients.get(client)
    }

    pub(crate) fn ignores(&self, key: &str) -> bool {
        self.ignored.contains(key)
    }

    /// The device that the one of this key became a part of.
    pub(crate) fn merged_into(&self, key: &str) -> Option<&DeviceKey> {
        self.merged.get(key)
    }

    pub(crate) fn ignored_count(&self) -> usize {
        self.ignored.len()
    }
}

impl Bindings {
    pub(crate) fn starting_with(bound: Bound) -> Self {
        Self { current: RwLock::new(Arc::new(bound)) }
    }

    pub(crate) fn current(&self) -> Arc<Bound> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From the next message on, what matches the document's topics and nothing else is bound to `device`, and so are the
    /// messages of its clients and of the devices that were merged into it.
    pub(crate) fn bind(&self, device: &DeviceKey, document: &DeviceDocument) {
        self.bind_as(device, || document.clone());
    }

    /// As [`Bindings::bind`], by what is known of the device when it has its turn.
    pub(crate) fn bind_as(&self, device: &DeviceKey, document: impl FnOnce() -> DeviceDocument) {
        self.change(|bound| {
            bound.forget(device);
            bound.bind(device, &document());
        });
    }

    /// Takes the place of all bindings if they are still those of that version; whether it did.
    pub(crate) fn replace(&self, version: u64, mut bound: Bound) -> bool {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.version != version {
            return false;
        }
        bound.version = version;
        if bound != **current {
            bound.version += 1;
            *current = Arc::new(bound);
        }
        true
    }

    /// Nothing is bound to `device` any more.
    pub(crate) fn unbind(&self, device: &DeviceKey) {
        self.change(|bound| bound.forget(device));
    }

    /// From the next message on those of `device` are ignored, or not any more.
    pub(crate) fn ignore(&self, device: &DeviceKey, ignored: bool) {
        self.change(|bound| {
            if ignored {
                bound.ignored.insert(device.clone());
            } else {
                bound.ignored.remove(device);
            }
        });
    }

    fn change(&self, edit: impl FnOnce(&mut Bound)) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut bound = Bound::clone(&current);
        edit(&mut bound);
        bound.version += 1;
        *current = Arc::new(bound);
    }
}

impl Bound {
    /// Adds what a document says to that of others.
    pub(crate) fn bind(&mut self, device: &DeviceKey, document: &DeviceDocument) {
        self.filters.extend(document.topics.iter().map(|filter| (filter.clone(), device.clone())));
        for client in &document.clients {
            // Until a merge is durable nothing changes hands.
            self.clients.entry(client.clone()).or_insert_with(|| device.clone());
        }
        self.merged.extend(document.merged.iter().map(|key| (key.clone(), device.clone())));
    }

    pub(crate) fn ignore(&mut self, device: &DeviceKey) {
        self.ignored.insert(device.clone());
    }

    fn forget(&mut self, device: &DeviceKey) {
        self.filters.retain(|(_, bound)| bound != device);
        self.clients.retain(|_, bound| bound != device);
        self.merged.retain(|_, into| into != device);
    }
}
