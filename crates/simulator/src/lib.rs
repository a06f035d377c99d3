//! Devices that are not there: the replay of real readings for the demonstration, this computer as a device, a small
//! seeded fleet, and the ledger that kills the server and counts.
//!
//! Everything here is a *client*: it speaks MQTT and HTTP over a socket like any stranger and knows nothing of the
//! server's inside. It is no load generator for benchmarks (`bench` is) and invents no values for real devices.
//! Invariants: what a seed produces never changes within one version; an acknowledgement is noted only after its PUBACK was
//! read from the socket; no loop is without a stop signal or a bound.

#![warn(missing_docs)]

pub mod api;
pub mod audit;
pub mod client;
pub mod computer;
pub mod fleet;
pub mod ledger;
pub mod office_room;
pub mod profiles;
pub mod server;
