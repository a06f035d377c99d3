//! Both ports of a store in Apache Cassandra (or ScyllaDB), for more than one server.
//!
//! How rows lie and why: `docs/decisions/007-cassandra-layout.md`.

#![warn(missing_docs)]
