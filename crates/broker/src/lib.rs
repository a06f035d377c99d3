//! The embedded MQTT broker: 3.1.1 and 5, QoS 0 and 1 in, QoS 0 out.
//!
//! It turns every publish into a [`source::Inbound`] and acknowledges it when its outcome is durable, in the order of
//! the publishes, many of a connection in flight. Copies for subscribers do not wait for that. It stores nothing: it
//! deliberately has no kept sessions, no QoS 2 and no accounts yet, and what is retained is forgotten on restart.
//!
//! Invariants: a publish whose outcome is unknown is never acknowledged; every queue and every memory a client can
//! claim has a limit in [`Limits`]; a client that breaks the protocol loses its own connection and nothing else.
//!
//! A will is published as soon as its connection is lost: Will Delay Interval counts as 0, as the session ends with the
//! connection. A will at QoS 1 is handed to ingest like one at QoS 0, because there is nobody to acknowledge it to.

#![warn(missing_docs)]

mod broker;
mod connection;
mod counters;
mod greeting;
mod limits;
mod link;
mod message;
mod packet;
mod reason;
mod refusals;
mod retained;
mod router;
mod session;
mod trie;

pub use crate::broker::Broker;
pub use crate::counters::Counters;
pub use crate::limits::Limits;
pub use crate::reason::{Class, Reason};
pub use crate::refusals::Refusal;
