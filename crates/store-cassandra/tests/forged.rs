//! Errors that a real cluster gives at bad moments, forged by a proxy between the store and a real node: a batch is told as
//! stored once it is, and not before, whatever Cassandra says meanwhile.

#![expect(clippy::unwrap_used, reason = "this is test code; a panic is how a test fails")]

mod keyspaces;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cassandra_node::{Keyspace, Shared};
use clock::SystemClock;
use keyspaces::made;
use model::{
    DeviceId, DeviceKey, Judgement, Kind, MetricName, Reading, ReadingKey, SeriesId, SourceName, TimeRange, TimeSource,
    Timestamp, UnitSource, Value,
};
use scylla_proxy::{
    Condition, Node as Between, Proxy, Reaction, RequestFrame, RequestOpcode, RequestReaction, RequestRule,
    ResponseFrame, ResponseOpcode, ResponseReaction, ResponseRule, RunningProxy, ShardAwareness, example_db_errors,
};
use store::{
    Batch, CommitOutcome, DeviceRecord, Entry, MessageRecord, Node, Order, Readings, SeriesReading, SeriesRecord,
};
use store_cassandra::{CassandraStore, Options, Target, connect_through};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinHandle;

/// How long a condition may take.
const WITHIN: Duration = Duration::from_secs(30);

/// A store that reaches its node through a proxy.
struct Scene {
    store: Arc<CassandraStore>,
    proxy: RunningProxy,
    /// Goes with the scene.
    _keyspace: Keyspace,
}

impl Scene {
    async fn begin(test: &str) -> Self {
        let (keyspace, target, _) = made(test).await;
        let real: SocketAddr = Shared::node().address();
        let free = cassandra_node::free_address(real.port());
        let between = Between::builder().real_address(real).proxy_address(free);
        let proxy = Proxy::new([between.shard_awareness(ShardAwareness::Unaware).build()]);
        let addresses = proxy.translation_map();
        let proxy = proxy.run().await.unwrap();
        let through = Target { hosts: vec![free.to_string()], ..target.clone() };
        let session =
            connect_through(&through, Some(Arc::new(addresses))).await.unwrap_or_else(|error| panic!("{error}"));
        let options = Options { keyspace: target.keyspace.clone(), node: Node(1), unread_max: 10, common_every: 1_000 };
        let store = CassandraStore::open(session.into(), options, Arc::new(SystemClock::new())).await.unwrap();
        Self { store: Arc::new(store), proxy, _keyspace: keyspace }
    }

    /// These requests meet this; whoever listens hears of each.
    fn forge(&mut self, requests: Condition, reaction: RequestReaction) -> UnboundedReceiver<Heard> {
        let (heard, hears) = ears();
        let rule = RequestRule(requests, reaction.with_feedback_when_performed(heard));
        self.proxy.running_nodes[0].change_request_rules(Some(vec![rule]));
        hears
    }

    /// A batch goes to the store; its outcome is waited for beside.
    async fn append(&self, batch: Batch) -> JoinHandle<CommitOutcome> {
        let commit = self.store.append(batch).await;
        tokio::spawn(commit)
    }

    /// Waits until it is told as stored.
    async fn durable(&self, what: &str, commit: JoinHandle<CommitOutcome>) {
        let Ok(outcome) = tokio::time::timeout(WITHIN, commit).await else {
            panic!("not stored within {WITHIN:?}: {what}: {:?}", self.store.stats().degraded);
        };
        let outcome = outcome.unwrap();
        assert!(matches!(outcome, CommitOutcome::Durable(_)), "{what}: {outcome:?}");
    }

    async fn values(&self, series: u32) -> Vec<(i64, Value)> {
        let read = self.store.read(SeriesId(series), TimeRange::ALL, Order::Ascending, None, 100).await;
        read.unwrap().into_iter().map(|reading| (reading.key.time.millis(), reading.value)).collect()
    }

    async fn end(self) {
        self.store.close().await.unwrap();
        drop(self.store);
        // Its workers end when it is gone; waiting for them to say so is not to be relied on.
        drop(self.proxy);
    }
}

type Heard = (RequestFrame, Option<u16>);

#[expect(clippy::disallowed_methods, reason = "the proxy takes no other channel; a test hears a few frames")]
fn ears<T>() -> (mpsc::UnboundedSender<T>, UnboundedReceiver<T>) {
    mpsc::unbounded_channel()
}

/// What is neither the connection that watches the cluster nor a preparation.
fn all_requests() -> Condition {
    let execute = Condition::RequestOpcode(RequestOpcode::Execute).or(rows());
    execute.and(Condition::not(Condition::ConnectionRegisteredAnyEvent))
}

/// Rows of readings, which follow when the journal has taken their batch.
fn rows() -> Condition {
    Condition::RequestOpcode(RequestOpcode::Batch)
}

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(WITHIN, work).await.unwrap_or_else(|_| panic!("not within {WITHIN:?}: {what}"))
}

fn newcomer(id: u32) -> Vec<Entry> {
    let key = DeviceKey::parse(&format!("lab/device-{id}")).unwrap();
    let device = DeviceRecord { id: DeviceId(id), key, created: Timestamp::EPOCH };
    let series = SeriesRecord {
        id: SeriesId(id),
        device: DeviceId(id),
        metric: MetricName::parse("level").unwrap(),
        unit: None,
        unit_source: UnitSource::None,
        kind: Kind::Measurement,
    };
    vec![Entry::Device(device), Entry::Series(series)]
}

/// When the readings of a message are from: two of each of two days, so that several rows of several partitions are written.
fn times(number: u32) -> impl Iterator<Item = i64> {
    let of_day =
        move |day: i64| [0, 1_000].map(|later| 1_700_000_000_000 + day * 86_400_000 + later + i64::from(number));
    (0..2).flat_map(of_day)
}

fn message(series: u32, number: u32) -> Entry {
    let reading = |time: i64| {
        let time = Timestamp::saturating(time);
        let key = ReadingKey { time, n: 0 };
        let value = Value::Number(f64::from(number));
        let reading =
            Reading { key, value, judgement: Judgement::Good, time_source: TimeSource::Device, claimed_ms: None };
        SeriesReading { series: SeriesId(series), reading }
    };
    let source = SourceName::parse("mqtt").unwrap();
    let readings = times(number).map(reading).collect();
    Entry::Message(MessageRecord { source, received: Timestamp::EPOCH, readings, repeat: None })
}

/// What must be there after messages with these numbers.
fn expected(numbers: impl Iterator<Item = u32>) -> Vec<(i64, Value)> {
    let of_message = |number| times(number).map(move |time| (time, Value::Number(f64::from(number))));
    let mut all: Vec<_> = numbers.flat_map(of_message).collect();
    all.sort_by_key(|(time, _)| *time);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_cassandra_says_a_batch_is_told_as_stored_once_it_is_and_is_there_once() {
    let mut scene = Scene::begin("forged").await;
    scene.durable("the first batch", scene.append(Batch { entries: newcomer(1) }).await).await;
    let forged = RequestReaction::forge_with_error;
    let reactions = [
        ("write timeout of rows", forged(example_db_errors::write_timeout())),
        ("write timeout", forged(example_db_errors::write_timeout())),
        ("unavailable", forged(example_db_errors::unavailable())),
        ("overloaded", forged(example_db_errors::overloaded())),
        ("is bootstrapping", forged(example_db_errors::is_bootstrapping())),
        ("truncate error", forged(example_db_errors::truncate_error())),
        ("write failure", forged(example_db_errors::write_failure())),
        ("unauthorized", forged(example_db_errors::unauthorized())),
        ("server error", forged(example_db_errors::server_error())),
        ("a lost connection of rows", RequestReaction::drop_connection()),
        ("a lost connection", RequestReaction::drop_connection()),
        ("a frame that never arrives", RequestReaction::drop_frame()),
    ];
    let count = u32::try_from(reactions.len()).unwrap();
    for ((name, reaction), number) in reactions.into_iter().zip(0..) {
        let requests = if name.ends_with("of rows") { rows() } else { all_requests() };
        let mut heard = scene.forge(requests, reaction);
        let commit = scene.append(Batch { entries: vec![message(1, number)] }).await;
        for _ in 0..2 {
            within(name, heard.recv()).await.unwrap();
        }
        assert!(!commit.is_finished(), "{name}: told although nothing was written");
        scene.proxy.turn_off_rules();
        scene.durable(name, commit).await;
        assert_eq!(scene.values(1).await, expected(0..=number), "{name}");
    }
    assert_eq!(scene.values(1).await, expected(0..count));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_the_node_forgot_is_prepared_again() {
    let mut scene = Scene::begin("unprepared").await;
    scene.durable("the first batch", scene.append(Batch { entries: newcomer(1) }).await).await;
    // A node that was restarted names the statement that it does not know; the proxy names another one, which is an error.
    let mut heard =
        scene.forge(all_requests().and(Condition::TrueForLimitedTimes(3)), RequestReaction::forge().unprepared());
    scene.durable("a message", scene.append(Batch { entries: vec![message(1, 7)] }).await).await;
    within("the forged answer", heard.recv()).await.unwrap();
    assert_eq!(scene.values(1).await, expected(7..8));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_while_its_answer_was_lost_is_there_once() {
    let mut scene = Scene::begin("lost_answers").await;
    let (heard, mut hears) = ears::<(ResponseFrame, Option<u16>)>();
    let results = Condition::ResponseOpcode(ResponseOpcode::Result)
        .and(Condition::not(Condition::ConnectionRegisteredAnyEvent))
        .and(Condition::RandomWithProbability(0.5));
    let rule = ResponseRule(results, ResponseReaction::drop_frame().with_feedback_when_performed(heard));
    scene.proxy.running_nodes[0].change_response_rules(Some(vec![rule]));
    // Devices and series are decisions, made by transactions whose outcome is unknown when the answer is lost.
    let mut commits = Vec::new();
    for id in 1..=3 {
        let entries = newcomer(id).into_iter().chain([message(id, id)]).collect();
        commits.push(scene.append(Batch { entries }).await);
    }
    for _ in 0..5 {
        within("an answer to be lost", hears.recv()).await.unwrap();
    }
    scene.proxy.turn_off_rules();
    for commit in commits {
        scene.durable("after lost answers", commit).await;
    }
    for id in 1..=3 {
        assert_eq!(scene.values(id).await, expected(id..id + 1), "series {id}");
    }
    let restored = scene.store.restored();
    assert_eq!((restored.devices.len(), restored.series.len()), (3, 3), "each once");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_takes_nothing_is_told_and_so_is_its_return_and_reads_fail_meanwhile() {
    let mut scene = Scene::begin("told").await;
    scene.durable("the first batch", scene.append(Batch { entries: newcomer(1) }).await).await;
    let _heard = scene.forge(all_requests(), RequestReaction::forge().unavailable());
    let commit = scene.append(Batch { entries: vec![message(1, 1)] }).await;
    let refused = scene.store.read(SeriesId(1), TimeRange::ALL, Order::Ascending, None, 100).await;
    assert!(refused.is_err(), "an empty answer would say that nothing is there: {refused:?}");
    within("the trouble to be told", async {
        while scene.store.stats().degraded.iter().all(|degraded| degraded.code != "cassandra_away") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(!commit.is_finished());
    scene.proxy.turn_off_rules();
    scene.durable("after its return", commit).await;
    assert!(scene.store.stats().degraded.is_empty(), "{:?}", scene.store.stats().degraded);
    assert_eq!(scene.values(1).await, expected(1..2));
    scene.end().await;
}
