//! External brokers: a second way for MQTT messages to come in, behind the port `source`.
//!
//! An acknowledgement belongs to one connection: every connection is a new object with its own list of what is in flight, and
//! what is settled after its end is told to nobody, so that a late PUBACK 5 never acknowledges another message 5. The broker
//! sends those again, marked, and ingest recognises them.

#![warn(missing_docs)]

mod connection;
mod external;
mod filters;
mod framing;
mod keeping;
mod link;
mod memory;
mod sealing;
mod sentences;
mod sharing;
mod speech;
mod status;
mod tls;

pub use external::External;
pub use keeping::KIND;
pub use sharing::Sharing;
