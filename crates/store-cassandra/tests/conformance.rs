//! The conformance suite, the oracle and the failing of every call, against a real Cassandra.

#![allow(clippy::unwrap_used, reason = "this is test code; a panic is how a test fails")]

mod aging;
mod keyspaces;

use std::sync::Arc;

use async_trait::async_trait;
use cassandra_node::Keyspace;
use clock::{Clock, ManualClock, SystemClock};
use scylla::client::session::Session;
use store::testing::{Adapter, Opened, UNREAD_MAX, conformance, every_call, oracle};
use store::{Node, Readings};
use store_cassandra::{CassandraStore, Options, Target, bring_up};

use crate::aging::Aging;

/// A keyspace, emptied for every fresh store.
struct Real {
    _keyspace: Keyspace,
    target: Target,
    /// Of a store that ages at each flush.
    clock: Option<Arc<ManualClock>>,
}

impl Real {
    fn named(name: &str) -> Self {
        let (keyspace, target) = keyspaces::keyspace(name, "?rf=1");
        Self { _keyspace: keyspace, target, clock: None }
    }

    fn aging(name: &str) -> Self {
        Self { clock: Some(Arc::new(ManualClock::at(SystemClock::new().now()))), ..Self::named(name) }
    }

    async fn open(&self) -> Opened {
        let session = keyspaces::session(&self.target).await;
        bring_up(&session, &self.target).await.unwrap();
        let options =
            Options { keyspace: self.target.keyspace.clone(), node: Node(1), unread_max: UNREAD_MAX, common_every: 3 };
        let clock: Arc<dyn Clock> = match &self.clock {
            None => Arc::new(SystemClock::new()),
            Some(clock) => Arc::<ManualClock>::clone(clock),
        };
        let store = Arc::new(CassandraStore::open(session, options, clock).await.unwrap());
        let readings: Arc<dyn Readings> = match &self.clock {
            None => Arc::<CassandraStore>::clone(&store),
            Some(clock) => Arc::new(Aging { store: Arc::clone(&store), clock: Arc::clone(clock) }),
        };
        Opened { readings, catalog: store }
    }
}

async fn tables(session: &Session, keyspace: &str) -> Vec<String> {
    let all = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
    let rows = session.query_unpaged(all, (keyspace,)).await.unwrap().into_rows_result().unwrap();
    let names = rows.rows::<(String,)>().unwrap().map(|row| row.unwrap().0);
    names.filter(|name| name != "meta").collect()
}

#[async_trait]
impl Adapter for Real {
    /// Making the tables takes longer than emptying them.
    async fn fresh(&mut self) -> Opened {
        let session = keyspaces::session(&self.target).await;
        bring_up(&session, &self.target).await.unwrap();
        for table in tables(&session, &self.target.keyspace).await {
            let table = format!("{}.{table}", self.target.keyspace);
            let some = session.query_unpaged(format!("SELECT * FROM {table} LIMIT 1"), &[]).await.unwrap();
            if some.into_rows_result().unwrap().rows_num() > 0 {
                keyspaces::run(&session, &self.target, &format!("TRUNCATE {table}")).await;
            }
        }
        self.open().await
    }

    async fn crashed(&mut self, opened: Opened) -> Opened {
        drop(opened);
        self.open().await
    }

    async fn reopened(&mut self, _closed: Opened) -> Opened {
        self.open().await
    }

    fn upserts(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sentence_of_the_contract_holds() {
    let mut real = Real::named("conformance");
    conformance::run_all(&mut real).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_operations_answer_as_the_oracle_does() {
    let mut real = Real::named("oracle");
    for seed in 1..=2 {
        oracle::run(&mut real, seed, 120).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_call_fails_nothing_is_lost_or_doubled() {
    let mut real = Real::named("every_call");
    every_call::run_each(&mut real, 13).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sentence_of_the_contract_holds_over_frames() {
    let mut real = Real::aging("frames");
    conformance::run_all(&mut real).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_operations_answer_as_the_oracle_does_over_frames() {
    let mut real = Real::aging("frames_oracle");
    for seed in 11..=14 {
        oracle::run(&mut real, seed, 120).await;
    }
}
