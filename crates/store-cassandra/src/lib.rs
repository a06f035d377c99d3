//! Both ports of a store in Apache Cassandra (or ScyllaDB), for more than one server.
//!
//! How rows lie and why: `docs/decisions/007-cassandra-layout.md`.

#![warn(missing_docs)]

mod cassandra;
mod checkpoint;
mod cluster;
mod decisions;
mod journal;
mod memory;
mod newest;
mod places;
mod reading;
mod row;
mod statements;
mod write;

pub use cassandra::{CassandraStore, Options};
