//! Both ports of a store in Apache Cassandra (or ScyllaDB), for more than one server.
//!
//! How rows lie and why: `docs/decisions/007-cassandra-layout.md`.

#![warn(missing_docs)]

mod cassandra;
mod checkpoint;
mod cluster;
<<<<<<< HEAD
#[allow(dead_code, reason = "what compacts is still to come")]
mod compact;
=======
>>>>>>> ceed2b9 (store-cassandra: a target taken apart, a session, a keyspace made and upgraded by one server at a time)
mod conditional;
mod connect;
mod decisions;
mod journal;
mod memory;
mod newest;
mod open_error;
<<<<<<< HEAD
mod periods;
=======
>>>>>>> ceed2b9 (store-cassandra: a target taken apart, a session, a keyspace made and upgraded by one server at a time)
mod peers;
mod places;
mod reading;
mod row;
mod schema;
mod statements;
mod tables;
mod target;
<<<<<<< HEAD
#[allow(dead_code, reason = "what writes and compacts is still to come")]
mod touches;
=======
>>>>>>> ceed2b9 (store-cassandra: a target taken apart, a session, a keyspace made and upgraded by one server at a time)
mod write;

pub use cassandra::{CassandraStore, Options};
pub use connect::{REQUEST_TIMEOUT, connect, connect_through, datacenter};
pub use open_error::OpenError;
<<<<<<< HEAD
pub use periods::Periods;
=======
>>>>>>> ceed2b9 (store-cassandra: a target taken apart, a session, a keyspace made and upgraded by one server at a time)
pub use schema::{Keyspace, Replication, bring_up, version};
pub use target::{HOSTS_MAX, KEYSPACE_BYTES_MAX, PORT, Password, REPLICATION_MAX, Target, TargetFault, TlsFiles};
