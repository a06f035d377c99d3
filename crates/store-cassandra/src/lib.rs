//! Both ports of a store in Apache Cassandra (or ScyllaDB), for more than one server.
//!
//! How rows lie and why: `docs/decisions/007-cassandra-layout.md`.

#![warn(missing_docs)]

mod cassandra;
mod checkpoint;
mod cluster;
#[allow(dead_code, reason = "what compacts is still to come")]
mod compact;
mod decisions;
mod journal;
mod memory;
mod newest;
mod periods;
mod places;
mod reading;
mod row;
mod statements;
#[allow(dead_code, reason = "what writes and compacts is still to come")]
mod touches;
mod write;

pub use cassandra::{CassandraStore, Options};
pub use periods::Periods;
