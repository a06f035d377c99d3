//! The sessions of our own broker as ingest and the API know them: who came and went, how a client behaves, and who was not
//! let in.

use std::net::IpAddr;
use std::sync::Arc;

use model::Timestamp;

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// The client said goodbye.
    Goodbye,
    /// It is gone without a word, or was put out.
    Lost,
    /// Another connection came with the same client id.
    TakenOver,
    /// The broker stops: nothing is said about the client.
    Stopped,
}

/// Told about sessions by the broker, from its own tasks: must return at once and must not block.
pub trait Watch: Send + Sync {
    /// A session began. `number` tells it from every other one of the same client; a greater one is a later one.
    fn came(&self, client: &Arc<str>, number: u64, address: IpAddr);
    /// It ended.
    fn went(&self, client: &Arc<str>, number: u64, parting: Parting);
}

/// A connected client, and what can be said about how it uses MQTT. Counts are of this connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// From where.
    pub address: IpAddr,
    /// Since when, by the server's clock.
    pub since: Timestamp,
    /// Whether it left a will.
    pub has_will: bool,
    /// Whether it asked for no keep-alive, or for a longer one than is given.
    pub keep_alive_capped: bool,
    /// Whether the broker had to give it a client id.
    pub id_assigned: bool,
    /// Publishes at QoS 0.
    pub qos0: u64,
    /// Publishes at QoS 1.
    pub qos1: u64,
    /// Of these, how many asked to be retained.
    pub retained: u64,
    /// Bytes of its largest publish, topic and payload.
    pub largest_bytes: u64,
}

/// Connections that were refused or thrown out for what they sent; those of one address, client and reason are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedView {
    /// When, the last time.
    pub time: Timestamp,
    /// The client id, if it came that far. Free text of the network, never trusted.
    pub client: Option<Arc<str>>,
    /// From where.
    pub address: IpAddr,
    /// A stable word.
    pub reason: &'static str,
    /// A sentence.
    pub detail: &'static str,
    /// How often, since it stands in the list.
    pub count: u64,
}

/// What the API asks the broker.
pub trait Sessions: Send + Sync {
    /// The session of a client that is connected.
    fn session(&self, client: &str) -> Option<SessionView>;
    /// Who was not let in, newest first; bounded, the oldest are forgotten.
    fn refused(&self) -> Vec<RefusedView>;
}

/// A publish in this range of bytes fills the 256-byte buffer of `PubSubClient`: a little more, and the library drops it silently.
const NEAR_BUFFER: std::ops::RangeInclusive<u64> = 230..=256;

impl SessionView {
    /// What the firmware could do better, in sentences; empty where nothing is to be said.
    #[must_use]
    pub fn lint(&self) -> Vec<String> {
        let mut said = Vec::new();
        if self.id_assigned {
            said.push("It brings no client id, so it is another client each time.".to_owned());
        }
        if !self.has_will {
            said.push("It leaves no will, so that it is gone is noticed only by its silence.".to_owned());
        }
        if self.keep_alive_capped {
            said.push("It asks for no keep-alive or for a very long one; a shorter one is used.".to_owned());
        }
        if self.qos0 > 0 && self.qos1 == 0 {
            said.push("It publishes at QoS 0: what is lost on the way is not sent again.".to_owned());
        }
        if self.retained > 0 && self.retained * 2 >= self.qos0 + self.qos1 {
            said.push("It asks to retain what it publishes: whoever subscribes gets old readings again.".to_owned());
        }
        if NEAR_BUFFER.contains(&self.largest_bytes) {
            let bytes = self.largest_bytes;
            said.push(format!(
                "Its largest publish has {bytes} bytes: PubSubClient drops what does not fit into its 256, unless told otherwise."
            ));
        }
        said
    }
}
