//! On which topics it is told whether an announced device is there.

use model::Topic;
use serde::{Deserialize, Serialize};

use super::{Pick, at};
use crate::json::Json;
use crate::message::Message;

/// Most topics of one device. Further ones are left out.
pub(super) const TOPICS_MAX: usize = 8;
/// Longest word for being there or not, in bytes. A topic with a longer one is left out.
pub(super) const WORD_BYTES_MAX: usize = 64;
/// Longest message that is asked whether devices are there, in bytes. A longer one tells nothing of it.
pub const PRESENCE_BYTES_MAX: usize = 4 * 1024;

/// A topic on which it is told whether a device is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedAvailability {
    /// Without wildcards.
    pub topic: String,
    /// Where in the message.
    pub pick: Pick,
    /// The word for being there.
    pub here: String,
    /// The word for being gone.
    pub gone: String,
}

/// What several such topics of one device mean together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The last word counts.
    #[default]
    Latest,
    /// It is there if each of them says so, as far as they are known.
    All,
    /// It is there if one of them says so.
    Any,
}

/// A message of such a topic. It is parsed at most once, however many devices it tells of.
pub struct PresenceMessage<'m>(Message<'m>);

impl<'m> PresenceMessage<'m> {
    /// Nothing where it is longer than [`PRESENCE_BYTES_MAX`].
    #[must_use]
    pub fn new(topic: &'m Topic, payload: &'m [u8]) -> Option<Self> {
        (payload.len() <= PRESENCE_BYTES_MAX).then(|| Self(Message::new(topic, payload)))
    }
}

impl AnnouncedAvailability {
    /// Whether the device is there by the word of that message; nothing where it has another word.
    #[must_use]
    pub fn read(&self, message: &PresenceMessage<'_>) -> Option<bool> {
        let message = &message.0;
        let word: &str = match (&self.pick, message.value()) {
            (Pick::Whole, _) => message.text?.trim(),
            (Pick::Path(path), Some(json)) => match at(json, path)? {
                Json::Text(text) => text,
                Json::Number(text) => text,
                Json::Bool(true) => "true",
                Json::Bool(false) => "false",
                Json::Null | Json::Nan | Json::Infinite | Json::List(_) | Json::Object(_) => return None,
            },
            (Pick::Path(_), None) | (Pick::Unread(_), _) => return None,
        };
        match word {
            word if word == self.here => Some(true),
            word if word == self.gone => Some(false),
            _ => None,
        }
    }
}
