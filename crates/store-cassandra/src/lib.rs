//! Both ports of a store in Apache Cassandra (or ScyllaDB), for more than one server.
//!
//! How rows lie and why: `docs/decisions/007-cassandra-layout.md`.

#![warn(missing_docs)]

mod cassandra;
mod catalog;
mod changes;
mod checkpoint;
mod checks;
mod claims;
mod cluster;
mod compact;
mod compactor;
mod conditional;
mod connect;
mod days;
mod decisions;
mod documents;
mod frame_tables;
mod hints;
mod journal;
mod memory;
mod newest;
mod nodes;
mod open_error;
mod peers;
mod periods;
mod places;
#[cfg(test)]
mod races;
mod readers;
mod reading;
mod rounds;
mod row;
mod schema;
mod statements;
mod tables;
mod target;
mod touches;
mod windowing;
mod write;
#[cfg(test)]
mod year;

pub use cassandra::{CassandraStore, Opening, Options};
pub use catalog::{CassandraCatalog, TOGETHER_BYTES_MAX};
pub use changes::Changes;
pub use checks::{Checks, Warning};
pub use connect::{REQUEST_TIMEOUT, connect, connect_through, datacenter};
pub use open_error::OpenError;
pub use periods::Periods;
pub use schema::{Keyspace, Replication, bring_up, version};
pub use target::{HOSTS_MAX, KEYSPACE_BYTES_MAX, PORT, Password, REPLICATION_MAX, Target, TargetFault, TlsFiles};
