//! What the taking task does with announcements.

use std::sync::Arc;

use decode::Announcement;
use model::DeviceId;
use source::Outcome;

use super::names::Existing;
use crate::draft::Draft;
use crate::take::{Arriving, Taker};

impl Taker {
    /// It holds from the next message on, and is acknowledged once it is durable.
    pub(crate) fn announced(&self, arriving: &Arriving<'_>, announcement: Announcement, draft: &mut Draft) -> Outcome {
        let owner: Arc<str> = format!("{}/{}", arriving.source.as_str(), arriving.client).into();
        let of_client = arriving.bound.device_of_client(arriving.source, arriving.client);
        let existing = Existing { identity: &self.identity, bound: arriving.bound, of_client };
        let change = self.shared.announced.accept(announcement, &owner, &existing);
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

    /// The device that an announcement put in the place of the one of that key.
    pub(crate) fn device_told_of(&self, key: &str) -> Option<DeviceId> {
        self.identity.device(&self.shared.announced.stands_for(key)?)
    }
}
