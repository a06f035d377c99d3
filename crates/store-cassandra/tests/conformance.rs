//! The conformance suite, the oracle and the failing of every call, against a real Cassandra.

use std::sync::Arc;

use async_trait::async_trait;
use clock::SystemClock;
use store::testing::{Adapter, Opened, UNREAD_MAX, conformance, every_call, oracle};
use store::{MemoryStore, Node};
use store_cassandra::{CassandraStore, Options, Target, bring_up, connect};

/// Every fresh store is a keyspace of its own.
struct Real {
    catalog: Arc<MemoryStore>,
    target: Target,
    made: u32,
    name: &'static str,
}

impl Real {
    fn named(name: &'static str) -> Self {
        let made = 0;
        Self { catalog: Arc::default(), target: target(name, made), made, name }
    }

    async fn open(&self) -> Opened {
        let session = connect(&self.target).await.unwrap();
        bring_up(&session, &self.target).await.unwrap();
        let options = Options { keyspace: self.target.keyspace.clone(), node: Node(1), unread_max: UNREAD_MAX };
        let store = CassandraStore::open(session, options, Arc::new(SystemClock::new())).await.unwrap();
        let store = Arc::new(store);
        Opened { readings: store, catalog: Arc::<MemoryStore>::clone(&self.catalog) }
    }

    async fn drop_keyspace(&self) {
        let session = connect(&self.target).await.unwrap();
        let drop = format!("DROP KEYSPACE IF EXISTS {}", self.target.keyspace);
        session.query_unpaged(drop, &[]).await.unwrap();
    }
}

fn target(name: &str, made: u32) -> Target {
    let address = std::env::var("SENSORIUM_TEST_CASSANDRA").unwrap_or_else(|_| "127.0.0.1:9042".to_owned());
    Target::parse(&format!("cassandra://{address}/{name}_{}_{made}?rf=1", std::process::id()), None).unwrap()
}

#[async_trait]
impl Adapter for Real {
    async fn fresh(&mut self) -> Opened {
        self.drop_keyspace().await;
        self.made += 1;
        self.catalog = Arc::default();
        self.target = target(self.name, self.made);
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
    real.drop_keyspace().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_operations_answer_as_the_oracle_does() {
    let mut real = Real::named("oracle");
    for seed in 1..=4 {
        oracle::run(&mut real, seed, 120).await;
    }
    real.drop_keyspace().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_call_fails_nothing_is_lost_or_doubled() {
    let mut real = Real::named("every_call");
    every_call::run_all(&mut real).await;
    real.drop_keyspace().await;
}
