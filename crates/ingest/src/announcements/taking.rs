//! What the taking task does with announcements.

use std::sync::Arc;

use decode::{Announcement, Availability, Content};
use model::DeviceId;
use source::Outcome;

use super::OF_BROKER;
use super::names::Existing;
use super::presence::Told;
use crate::draft::Draft;
use crate::take::{Arriving, Taker};

impl Taker {
    /// It holds from the next message on, and is acknowledged once it is durable.
    pub(crate) fn announced(&self, arriving: &Arriving<'_>, announcement: Announcement, draft: &mut Draft) -> Outcome {
        let owner: Arc<str> = format!("{}/{}", arriving.source.as_str(), arriving.client).into();
        let of_client = arriving.bound.device_of_client(arriving.source, arriving.client);
        let existing = Existing { identity: &self.identity, bound: arriving.bound, of_client };
        let (announced, registry) = (&self.shared.announced, &self.shared.registry);
        // A broker that replays what it keeps takes nothing over.
        let now = self.clock.monotonic();
        let released = owner.starts_with(OF_BROKER)
            && announced.is_released(&announcement.subject, now, |client| registry.is_connected(client));
        let change = announced.accept(announcement, &owner, now, released, &existing);
        draft.effects.announced |= change.is_some();
        draft.behind = draft.behind.max(change);
        Outcome::NoReading { kind: "discovery" }
    }

    /// An empty message on the topic of an announcement withdraws it.
    pub(crate) fn cleared(&self, arriving: &Arriving<'_>, draft: &mut Draft) {
        let subject = arriving.topic.as_str();
        if self.shared.announced.is_subject(subject) {
            self.announced(arriving, Announcement::withdrawing(subject), draft);
        }
    }

    /// Devices come and go by the word of a topic that they announced for that; such a message needs no other meaning.
    pub(crate) fn announced_presence(
        &self,
        arriving: &Arriving<'_>,
        told: &Told,
        content: Content,
        draft: &mut Draft,
    ) -> Content {
        let said = self.shared.announced.presence(told, arriving.topic, arriving.payload);
        if said.is_empty() {
            return content;
        }
        let mut devices = Vec::new();
        for (device, presence) in said {
            if let Ok(Some(id)) = self.known_device(&device, arriving.bound) {
                draft.effects.availability.push((id, presence));
                devices.push(id);
            }
        }
        match content {
            Content::Readings(_) | Content::Announced(_) => content,
            Content::NoReading { kind, availability } => {
                let id = |key: &str| self.identity.device(key).or_else(|| self.device_told_of(key));
                let another = |it: &Availability| id(&it.device).is_none_or(|id| !devices.contains(&id));
                Content::NoReading { kind, availability: availability.filter(another) }
            }
            Content::Unreadable { .. } => Content::NoReading { kind: "availability", availability: None },
        }
    }

    /// The device that an announcement put in the place of the one of that key.
    pub(crate) fn device_told_of(&self, key: &str) -> Option<DeviceId> {
        self.identity.device(&self.shared.announced.stands_for(key)?)
    }
}
