//! Bytes on a topic become readings, or a reason why not. Pure: no I/O, no clock, no memory of earlier messages, and no
//! panic on any bytes.

#![warn(missing_docs)]

pub mod announced;
mod cbor;
mod families;
mod form;
mod harvest;
mod json;
mod judge;
mod labelled;
mod leftover;
mod message;
mod name;
mod number;
mod place;
mod protobuf;
mod quantity;
pub mod rules;
mod time;
mod told;
mod unclear;
mod unit;
mod usual;
mod walk;

pub use announced::{
    AnnouncedAvailability, AnnouncedDevice, AnnouncedMetric, Announcement, Calculation, Mode, Pick, Rounding,
};
pub use families::line_protocol::{Precision, read_line};
pub use harvest::VALUES_MAX;
pub use json::{DEPTH_MAX, NODES_MAX};
pub use told::{NamedMetric, Told, ToldValue, known_unit, named_metric, told};
pub use unit::{convert, normalise};
pub use walk::lacks_zone;

use message::Message;
use model::{Judgement, Kind, RejectReason, TimeSource, Topic, Unit, UnitSource, Value};

/// The device key of readings whose device is whoever is logged in (`ThingsBoard`, weather stations): the caller puts the
/// client's name or id in its place.
pub const SENDER: &str = "{auth}";

/// What one message turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The decoder that understood it, for the trace and as the hint for the next message of the topic.
    pub decoder: DecoderId,
    /// What it said.
    pub content: Content,
}

/// Names a decoder: `number`, `json`, `tasmota` …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecoderId(pub &'static str);

/// What a message says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// At least one value of some metric; some of them may be refused.
    Readings(Vec<Found>),
    /// Nothing to store; the kind is the word in the books: `text`, `clear`, `availability`, `discovery`, `meta`, `event`.
    NoReading {
        /// The word in the books.
        kind: &'static str,
        /// Whether a device said that it came or went.
        availability: Option<Availability>,
    },
    /// It describes what comes on other topics; in the books `discovery`.
    Announced(Box<Announcement>),
    /// It goes to the unread list.
    Unreadable {
        /// A stable code such as `json_incomplete`.
        reason: &'static str,
        /// One sentence for a person: "JSON ends early at byte 92".
        detail: String,
    },
}

/// A device came or went, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Device key, not yet checked as a name.
    pub device: String,
    /// What it said.
    pub presence: Presence,
}

/// Whether a device is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    Here,
    /// It sleeps, and comes back by itself.
    Asleep,
    /// It is not.
    Gone,
}

/// A value found in a message, before identity and time are settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Device key, not yet checked as a name.
    pub device: String,
    /// Metric name in lower snake, not yet checked as a name.
    pub metric: String,
    /// The value, or why it is refused (an integer beyond 2^53: `precision`).
    pub value: Result<Value, RejectReason>,
    /// In which it was sent.
    pub unit: Option<Unit>,
    /// How that is known.
    pub unit_source: UnitSource,
    /// What the number means.
    pub kind: Kind,
    /// What can be said against it from the message alone.
    pub judgement: Judgement,
    /// When the device says it was, before the time policy.
    pub time: Option<ClaimedTime>,
}

/// A time that a message claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimedTime {
    /// Milliseconds since 1970, of any size.
    At {
        /// UTC milliseconds.
        ms: i64,
        /// Device or gateway.
        source: TimeSource,
    },
    /// So many milliseconds before it was sent: the device has no clock.
    Ago {
        /// Age in milliseconds.
        ms: i64,
    },
}

/// Reads one message. `hint` is the decoder that understood the last message of this topic. It never changes the answer,
/// and as long as the search costs less than a wrong hint would, it is not even looked at.
#[must_use]
pub fn decode(topic: &Topic, payload: &[u8], hint: Option<DecoderId>) -> Decoded {
    let _ = hint;
    if payload.is_empty() {
        return announced::withdrawn(topic).unwrap_or(Decoded {
            decoder: DecoderId("clear"),
            content: Content::NoReading { kind: "clear", availability: None },
        });
    }
    usual::read(topic.as_str(), payload).unwrap_or_else(|| by_families(topic, payload))
}

/// The first family that knows the message decides.
fn by_families(topic: &Topic, payload: &[u8]) -> Decoded {
    let message = Message::new(topic, payload);
    if let Some(content) = families::read_sparkplug(&message) {
        return Decoded { decoder: DecoderId("sparkplug"), content };
    }
    for family in families::asked(&message) {
        if let Some(content) = (family.read)(&message) {
            return Decoded { decoder: family.id, content };
        }
    }
    leftover::read(&message)
}
