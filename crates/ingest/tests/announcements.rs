//! Announcements while the catalogue is slow or takes nothing: who waits for whom, and what is kept in the end.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use clock::{Clock, ManualClock};
use ingest::{Ingest, Limits, TimePolicy};
use model::{SourceName, Timestamp, Topic};
use source::{Inbound, Inlet, Outcome, Parting, Reply, Settle, Watch};
use store::{Catalog, CatalogError, Claim, Document, Expected, MemoryStore, Readings, StoreError, Version, Write};
use tokio::sync::{Semaphore, mpsc, watch};

const NOW: i64 = 1_800_000_000_000;
const DISCOVERY: Outcome = Outcome::NoReading { kind: "discovery" };
const STORED: Outcome = Outcome::Stored { readings: 1 };

/// A catalogue that writes several documents only when it is let, and not at all while it is full.
struct Slow {
    memory: Arc<MemoryStore>,
    turns: Semaphore,
    full: AtomicBool,
    writes: AtomicUsize,
}

impl Slow {
    fn over(memory: &Arc<MemoryStore>) -> Arc<Self> {
        let (turns, full, writes) = (Semaphore::new(0), AtomicBool::new(false), AtomicUsize::new(0));
        Arc::new(Self { memory: Arc::clone(memory), turns, full, writes })
    }

    fn let_through(&self) {
        self.turns.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

#[async_trait]
impl Catalog for Slow {
    async fn get(&self, kind: &str, id: &str) -> Result<Option<Document>, CatalogError> {
        self.memory.get(kind, id).await
    }

    async fn put(
        &self,
        kind: &str,
        id: &str,
        expected: Expected,
        body: &str,
        claims: &[Claim],
    ) -> Result<Version, CatalogError> {
        self.memory.put(kind, id, expected, body, claims).await
    }

    async fn put_all(&self, kind: &str, writes: Vec<Write>) -> Result<Vec<Option<Version>>, CatalogError> {
        self.turns.acquire().await.unwrap().forget();
        if self.full.load(Ordering::Relaxed) {
            return Err(CatalogError::Store(StoreError::Closed));
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.memory.put_all(kind, writes).await
    }

    async fn remove(&self, kind: &str, id: &str, version: Version) -> Result<(), CatalogError> {
        self.memory.remove(kind, id, version).await
    }

    async fn list(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>, CatalogError> {
        self.memory.list(kind, after, limit).await
    }
}

struct Outcomes(mpsc::Sender<(u64, Outcome)>);

impl Settle for Outcomes {
    fn settle(&self, token: u64, outcome: Outcome) {
        self.0.try_send((token, outcome)).unwrap();
    }
}

/// An ingest with its tasks, and boards that publish to it.
struct Bench {
    ingest: Ingest,
    inlet: Inlet,
    clock: Arc<ManualClock>,
    sink: Arc<dyn Settle>,
    outcomes: mpsc::Receiver<(u64, Outcome)>,
    sent: u64,
    source: &'static str,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Bench {
    async fn on(store: &Arc<MemoryStore>, catalog: Arc<dyn Catalog>) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(NOW).unwrap()));
        let (stop, stopped) = watch::channel(false);
        let (readings, own_clock) = (Arc::clone(store) as Arc<dyn Readings>, Arc::clone(&clock) as Arc<dyn Clock>);
        let (limits, policy) = (Limits::default(), TimePolicy::default());
        let (ingest, inlet, tasks) =
            Ingest::start(readings, catalog, own_clock, limits, policy, stopped).await.unwrap();
        let (sender, outcomes) = mpsc::channel(10_000);
        let tasks = vec![tokio::spawn(tasks.take), tokio::spawn(tasks.settle)];
        Self { ingest, inlet, clock, sink: Arc::new(Outcomes(sender)), outcomes, sent: 0, source: "mqtt", stop, tasks }
    }

    /// Hands a message over and answers its number.
    async fn send(&mut self, client: &str, topic: &str, payload: &str) -> u64 {
        self.sent += 1;
        let inbound = Inbound {
            source: SourceName::parse(self.source).unwrap(),
            client: client.into(),
            topic: Topic::parse(topic).unwrap(),
            payload: payload.to_owned().into(),
            read: None,
            replayed: false,
            repeat: None,
            reply: Reply::new(Arc::clone(&self.sink), self.sent),
        };
        self.inlet.deliver(inbound).await.unwrap();
        self.sent
    }

    async fn publish(&mut self, client: &str, topic: &str, payload: &str) -> Outcome {
        let sent = self.send(client, topic, payload).await;
        let (told, outcome) = self.outcomes.recv().await.unwrap();
        assert_eq!(told, sent);
        outcome
    }

    fn name(&self, device: &str) -> Option<String> {
        Some(self.ingest.device(device)?.shown_name().to_owned())
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        drop(self.inlet);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

/// The announcement of one value of a board.
fn config(board: &str, name: &str) -> (String, String) {
    let config = format!(
        r#"{{"obj_id":"level","stat_t":"{board}/state","unit_of_meas":"lx","dev":{{"ids":"{board}-1","name":"{name}"}}}}"#
    );
    (format!("homeassistant/sensor/{board}/level/config"), config)
}

const HOUR: u32 = 3_600_000;
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[tokio::test(start_paused = true)]
async fn what_was_withdrawn_has_its_names_back_after_a_restart() {
    let store: Arc<MemoryStore> = Arc::default();
    let mut bench = Bench::on(&store, Arc::clone(&store) as _).await;
    let (topic, told) = config("tank", "Tank");
    bench.publish("tank", &topic, &told).await;
    bench.publish("tank", "tank/state", "5").await;
    bench.publish("tank", &topic, "").await;
    bench.publish("tank", "tank/state", "6").await;
    bench.stop().await;
    let mut bench = Bench::on(&store, Arc::clone(&store) as _).await;
    bench.publish("tank", "tank/state", "7").await;
    bench.publish("tank", &topic, &told).await;
    bench.publish("tank", "tank/state", "8").await;
    bench.stop().await;
    // It is announced again, and withdrawn no more: that is kept as well.
    let mut bench = Bench::on(&store, Arc::clone(&store) as _).await;
    bench.publish("tank", "tank/state", "9").await;
    let latest = bench.ingest.device("tank-1").unwrap().metrics[0].latest.clone().unwrap().value;
    assert_eq!(latest, model::Value::Number(9.0));
    assert_eq!(bench.name("tank-1").as_deref(), Some("Tank"));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_announcement_becomes_another_client_s_once_its_own_has_been_away_for_a_day() {
    let store: Arc<MemoryStore> = Arc::default();
    let mut bench = Bench::on(&store, Arc::clone(&store) as _).await;
    let (topic, old) = config("tank", "Old");
    let (_, new) = config("tank", "New");
    let gateway: [Arc<str>; 2] = ["gateway-1".into(), "gateway-2".into()];
    bench.ingest.came(&gateway[0], 1, HERE);
    bench.publish("gateway-1", &topic, &old).await;
    bench.publish("gateway-1", "tank/state", "5").await;
    bench.clock.advance(30 * HOUR);
    // It is connected, however long it said nothing.
    bench.publish("gateway-2", &topic, &new).await;
    bench.publish("gateway-2", &topic, "").await;
    assert_eq!(bench.name("tank-1").as_deref(), Some("Old"));
    bench.ingest.went(&gateway[0], 1, Parting::Lost);
    bench.clock.advance(24 * HOUR);
    bench.publish("gateway-2", &topic, &new).await;
    assert_eq!(bench.name("tank-1").as_deref(), Some("Old"));
    bench.clock.advance(HOUR);
    // What an external broker replays is no client that is there.
    bench.source = "cellar";
    bench.publish("bridge", &topic, &new).await;
    assert_eq!(bench.name("tank-1").as_deref(), Some("Old"));
    bench.source = "mqtt";
    bench.publish("gateway-2", &topic, &new).await;
    assert_eq!(bench.name("tank-1").as_deref(), Some("New"));
    bench.ingest.came(&gateway[1], 2, HERE);
    // The series goes on, and the one of before has lost its word.
    bench.publish("gateway-2", "tank/state", "6").await;
    bench.publish("gateway-1", &topic, &old).await;
    assert_eq!((bench.name("tank-1").as_deref(), bench.ingest.counts().0), (Some("New"), 1));
    bench.stop().await;
    let mut bench = Bench::on(&store, Arc::clone(&store) as _).await;
    bench.publish("gateway-1", &topic, &old).await;
    assert_eq!(bench.name("tank-1").as_deref(), Some("New"));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_else_waits_until_an_announcement_is_kept() {
    let store: Arc<MemoryStore> = Arc::default();
    let slow = Slow::over(&store);
    let mut bench = Bench::on(&store, Arc::clone(&slow) as _).await;
    let (topic, told) = config("tank", "Tank");
    let announced = bench.send("tank", &topic, &told).await;
    let behind = bench.send("tank", "tank/state", "5").await;
    assert_eq!(bench.publish("other", "other/temperature", "21").await, STORED);
    slow.let_through();
    assert_eq!(bench.outcomes.recv().await.unwrap(), (announced, DISCOVERY));
    assert_eq!(bench.outcomes.recv().await.unwrap(), (behind, STORED));
    assert_eq!(bench.publish("tank", "tank/state", "6").await, STORED);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_changes_while_something_is_written_is_written_once() {
    let store: Arc<MemoryStore> = Arc::default();
    let slow = Slow::over(&store);
    let mut bench = Bench::on(&store, Arc::clone(&slow) as _).await;
    for turn in 0..500 {
        let (topic, told) = config(&format!("tank{}", turn % 5), &format!("Turn {turn}"));
        bench.send("tank", &topic, &told).await;
    }
    bench.publish("other", "other/temperature", "21").await;
    slow.let_through();
    for _ in 0..500 {
        assert_eq!(bench.outcomes.recv().await.unwrap().1, DISCOVERY);
    }
    let writes = slow.writes.load(Ordering::Relaxed);
    assert!(writes <= 10, "{writes}");
    bench.stop().await;
    let mut bench = Bench::on(&store, Arc::clone(&store) as _).await;
    bench.publish("tank", "tank4/state", "6").await;
    assert_eq!(bench.name("tank4-1").as_deref(), Some("Turn 499"));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_catalogue_keeps_nobody_from_announcing_and_takes_it_later() {
    let store: Arc<MemoryStore> = Arc::default();
    let slow = Slow::over(&store);
    slow.let_through();
    slow.full.store(true, Ordering::Relaxed);
    let mut bench = Bench::on(&store, Arc::clone(&slow) as _).await;
    let (topic, told) = config("tank", "Tank");
    assert_eq!(bench.publish("tank", &topic, &told).await, Outcome::NOT_KEPT);
    assert_eq!(bench.publish("tank", "tank/state", "5").await, STORED);
    assert!(bench.ingest.announcements_not_kept());
    assert_eq!(bench.name("tank-1").as_deref(), Some("Tank"));
    slow.full.store(false, Ordering::Relaxed);
    while bench.ingest.announcements_not_kept() {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    assert_eq!(bench.publish("tank", &topic, &told).await, DISCOVERY);
    bench.stop().await;
    let mut bench = Bench::on(&store, Arc::clone(&store) as _).await;
    assert_eq!(bench.publish("tank", "tank/state", "6").await, STORED);
    assert_eq!((bench.name("tank-1").as_deref(), bench.ingest.counts().0), (Some("Tank"), 1));
    bench.stop().await;
}
