//! Both ports of a store in Apache Cassandra (or ScyllaDB), for more than one server.
//!
//! How rows lie and why: `docs/decisions/007-cassandra-layout.md`.

#![warn(missing_docs)]

mod cassandra;
mod catalog;
mod changes;
mod checkpoint;
mod claims;
mod cluster;
#[allow(dead_code, reason = "what compacts is still to come")]
mod compact;
mod conditional;
mod connect;
mod decisions;
mod documents;
mod hints;
mod journal;
mod memory;
mod newest;
mod nodes;
mod open_error;
mod peers;
mod periods;
mod places;
mod reading;
mod row;
mod schema;
mod statements;
mod tables;
mod target;
mod touches;
mod write;

pub use cassandra::{CassandraStore, Opening, Options};
pub use catalog::{CassandraCatalog, TOGETHER_BYTES_MAX};
pub use changes::Changes;
pub use connect::{REQUEST_TIMEOUT, connect, connect_through, datacenter};
pub use open_error::OpenError;
pub use periods::Periods;
pub use schema::{Keyspace, Replication, bring_up, version};
pub use target::{HOSTS_MAX, KEYSPACE_BYTES_MAX, PORT, Password, REPLICATION_MAX, Target, TargetFault, TlsFiles};
