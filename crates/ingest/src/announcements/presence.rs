//! Whether announced devices are there, by what comes on the topics that they announced for that.

use std::sync::Arc;

use decode::announced::PresenceMessage;
use decode::{Mode, Presence};
use model::Topic;

use super::Announcements;
use super::subject::Subject;

/// Topics whose last word is remembered. Full: all are forgotten, and known again with their next word.
const PRESENT_MAX: usize = 20_000;

/// Devices of which a topic tells whether they are there, each with all it announced for that.
pub(crate) type Told = Arc<[Arc<Subject>]>;

impl Announcements {
    /// Who announced that a topic tells whether its device is there.
    pub(crate) fn tells_presence(&self, topic: &Topic) -> Option<Told> {
        self.state().index.tells_presence(topic.as_str())
    }

    /// What a message on such a topic says, by device key.
    pub(crate) fn presence(&self, told: &Told, topic: &Topic, payload: &[u8]) -> Vec<(String, Presence)> {
        let Some(message) = PresenceMessage::new(topic, payload) else { return Vec::new() };
        let mut state = None;
        let mut all: Vec<(String, Presence)> = Vec::new();
        for about in told.iter().flat_map(|subject| subject.own_devices()) {
            if all.iter().any(|(device, _)| *device == about.device) {
                continue;
            }
            let mut of_topic = about.availability.iter().filter(|it| it.topic == topic.as_str());
            let Some(here) = of_topic.find_map(|it| it.read(&message)) else { continue };
            let state = state.get_or_insert_with(|| self.state_mut());
            if state.present.len() >= PRESENT_MAX {
                state.present.clear();
            }
            state.present.insert(topic.as_str().to_owned(), here);
            let mut known = about.availability.iter().filter_map(|it| state.present.get(&it.topic).copied());
            let there = match about.mode {
                Mode::Latest => here,
                Mode::All => known.all(|here| here),
                Mode::Any => known.any(|here| here),
            };
            all.push((about.device.clone(), if there { Presence::Here } else { Presence::Gone }));
        }
        all
    }
}
