//! A keyspace of its own for each test, on the node that tests share.
#![allow(dead_code, reason = "each test binary uses some of it")]
#![allow(clippy::unwrap_used, reason = "this is test code; a panic is how a test fails")]

use std::sync::Arc;
use std::time::Duration;

use cassandra_node::{Keyspace, Shared};
use scylla::client::session::Session;
use scylla::statement::Statement;
use store_cassandra::{Target, bring_up, connect};

/// A keyspace that is not made yet, with what stands behind its name in the address. It goes when the first of them is dropped.
pub fn keyspace(what: &str, query: &str) -> (Keyspace, Target) {
    let keyspace = Shared::node().keyspace(what);
    let target = Target::parse(&format!("{}{query}", keyspace.url()), None).unwrap();
    (keyspace, target)
}

/// One that is made, with its tables.
pub async fn made(what: &str) -> (Keyspace, Target, Arc<Session>) {
    let (keyspace, target) = keyspace(what, "");
    let session = session(&target).await;
    bring_up(&session, &target).await.unwrap_or_else(|error| panic!("{error}"));
    (keyspace, target, session)
}

pub async fn session(target: &Target) -> Arc<Session> {
    Arc::new(connect(target).await.unwrap_or_else(|error| panic!("{error}")))
}

/// Runs a statement with `{k}` standing for the keyspace. Changes of tables take their time on a node that many tests share.
pub async fn run(session: &Session, target: &Target, text: &str) {
    let mut statement = Statement::new(text.replace("{k}", &target.keyspace));
    statement.set_request_timeout(Some(Duration::from_secs(60)));
    session.query_unpaged(statement, &[]).await.unwrap();
}
