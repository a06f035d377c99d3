//! A keyspace of its own for each test.
#![allow(dead_code, reason = "each test binary uses some of it")]
#![allow(clippy::unwrap_used, reason = "this is test code; a panic is how a test fails")]

use std::time::{SystemTime, UNIX_EPOCH};

use scylla::client::session::Session;
use store_cassandra::{Target, connect};

/// The node that tests share.
pub fn node() -> String {
    cassandra_node::Shared::node().address().to_string()
}

/// A name that no other test uses.
pub fn keyspace(test: &str) -> String {
    let name = format!("t_{test}");
    #[expect(clippy::disallowed_methods, reason = "a name, not a time")]
    let drawn = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() % 1_000_000_000;
    format!("{}_{drawn:09}", &name[..name.len().min(36)])
}

pub fn target(keyspace: &str, query: &str) -> Target {
    Target::parse(&format!("cassandra://{}/{keyspace}{query}", node()), None).unwrap()
}

pub async fn session(target: &Target) -> Session {
    connect(target).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a statement with `{k}` standing for the keyspace.
pub async fn run(session: &Session, target: &Target, text: &str) {
    session.query_unpaged(text.replace("{k}", &target.keyspace), &[]).await.unwrap();
}

pub async fn drop_keyspace(session: &Session, target: &Target) {
    run(session, target, "DROP KEYSPACE IF EXISTS {k}").await;
}
