//! A real Apache Cassandra for tests: from jars and a Java that `make setup` brings, without a container.
//!
//! [`Shared::node`] is one node for a whole run of tests, where each test takes a [`Keyspace`] of its own. Tests that kill,
//! freeze or configure a node start their own [`Node`] or a [`Cluster`] of three. Every node listens on an address of its own in
//! 127.0.0.0/8, so that test programs, and a Cassandra that runs anyway, never meet. No node outlives the process that started
//! it, however that process ends. What is missing is said in one line with the command that brings it; nothing is skipped.
//!
//! It is no client: [`Cql`] can do what tests need around the client under test, and not more.

#![warn(missing_docs)]

mod address;
mod cluster;
mod cql;
mod fault;
pub mod kit;
mod node;
mod options;
mod process;
mod shared;
#[cfg(feature = "tls")]
mod tls;

pub use address::free_address;
pub use cluster::Cluster;
pub use cql::{Cql, Row};
pub use fault::Fault;
pub use kit::Version;
pub use node::Node;
pub use options::{Jit, Login, Options, Sync, Tls};
pub use shared::{Keyspace, SHARED_VARIABLE, Shared};
#[cfg(feature = "tls")]
pub use tls::{Authority, Signed};
