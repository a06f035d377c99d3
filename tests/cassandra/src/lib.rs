//! A real Cassandra for tests.
