//! The status of devices over time, with a clock that is moved by hand.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use clock::{Clock, ManualClock};
use ingest::{EventCode, Ingest, Limits, Status, TimePolicy};
use model::{SourceName, Timestamp, Topic};
use source::{Inbound, Inlet, Outcome, Parting, Reply, Settle, Watch};
use store::{Catalog, MemoryStore, Readings};
use tokio::sync::{mpsc, watch};

const NOW: i64 = 1_800_000_000_000;
const MINUTE: u32 = 60_000;

struct Outcomes(mpsc::Sender<Outcome>);

impl Settle for Outcomes {
    fn settle(&self, _token: u64, outcome: Outcome) {
        self.0.try_send(outcome).unwrap();
    }
}

/// An ingest with its tasks, and boards that publish to it.
struct Bench {
    ingest: Ingest,
    inlet: Inlet,
    clock: Arc<ManualClock>,
    sink: Arc<dyn Settle>,
    outcomes: mpsc::Receiver<Outcome>,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Bench {
    async fn on(store: &Arc<MemoryStore>, now: i64) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(now).unwrap()));
        let (stop, stopped) = watch::channel(false);
        let (readings, catalog) = (Arc::clone(store) as Arc<dyn Readings>, Arc::clone(store) as Arc<dyn Catalog>);
        let own_clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let (limits, policy) = (Limits::default(), TimePolicy::default());
        let (ingest, inlet, tasks) =
            Ingest::start(readings, catalog, own_clock, limits, policy, stopped).await.unwrap();
        let (sender, outcomes) = mpsc::channel(1_000);
        let tasks = vec![tokio::spawn(tasks.take), tokio::spawn(tasks.settle)];
        Self { ingest, inlet, clock, sink: Arc::new(Outcomes(sender)), outcomes, stop, tasks }
    }

    async fn publish(&mut self, client: &Arc<str>, topic: &str, payload: &str) {
        let inbound = Inbound {
            source: SourceName::parse("mqtt").unwrap(),
            client: Arc::clone(client),
            topic: Topic::parse(topic).unwrap(),
            payload: payload.to_owned().into(),
            read: None,
            replayed: false,
            repeat: None,
            reply: Reply::new(Arc::clone(&self.sink), 0),
        };
        self.inlet.deliver(inbound).await.unwrap();
        self.outcomes.recv().await.unwrap();
    }

    fn status(&self) -> Status {
        self.ingest.device("shed").unwrap().status
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        drop(self.inlet);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[tokio::test(start_paused = true)]
async fn a_sleeper_sleeps_until_three_of_its_messages_are_missing_and_wakes() {
    let mut bench = Bench::on(&Arc::default(), NOW).await;
    let board: Arc<str> = "board".into();
    for turn in 0..5 {
        bench.ingest.came(&board, turn, HERE);
        bench.publish(&board, "shed", r#"{"temperature":20,"battery":80}"#).await;
        bench.ingest.went(&board, turn, Parting::Goodbye);
        assert_eq!(bench.status(), Status::Online);
        bench.clock.advance(2 * MINUTE);
        assert_eq!(bench.status(), Status::Sleeping, "after message {turn}, its rhythm known or not");
        bench.clock.advance(58 * MINUTE);
    }
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    bench.clock.advance(119 * MINUTE);
    assert_eq!(bench.status(), Status::Sleeping);
    bench.clock.advance(2 * MINUTE);
    assert_eq!(bench.status(), Status::Stale);
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    bench.publish(&board, "shed", r#"{"temperature":20,"battery":80}"#).await;
    assert_eq!(bench.status(), Status::Online);
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let codes: Vec<EventCode> = bench.ingest.events(Some("shed"), 10).iter().map(|event| event.code).collect();
    assert_eq!(codes, [EventCode::Online, EventCode::Stale, EventCode::Appeared], "a sleep is no event");
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_rhythm_is_known_again_after_a_restart() {
    let store: Arc<MemoryStore> = Arc::default();
    let mut bench = Bench::on(&store, NOW).await;
    let board: Arc<str> = "board".into();
    for _ in 0..6 {
        bench.publish(&board, "shed", r#"{"temperature":20}"#).await;
        bench.clock.advance(10_000);
    }
    bench.stop().await;
    let bench = Bench::on(&store, NOW + 4 * 60_000).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(bench.ingest.health("shed").unwrap().interval_ms, Some(10_000));
    assert_eq!(bench.status(), Status::Stale, "three minutes of silence are too long for it");
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_lost_does_not_put_its_devices_offline() {
    let mut bench = Bench::on(&Arc::default(), NOW).await;
    let gateway: Arc<str> = "gateway".into();
    bench.ingest.came(&gateway, 1, HERE);
    bench.publish(&gateway, "shed", r#"{"temperature":20}"#).await;
    bench.publish(&gateway, "attic", r#"{"temperature":20}"#).await;
    bench.ingest.went(&gateway, 1, Parting::Lost);
    assert_eq!(bench.status(), Status::Online);
    let own: Arc<str> = "shed-board".into();
    bench.ingest.came(&own, 2, HERE);
    bench.publish(&own, "shed", r#"{"temperature":20}"#).await;
    bench.ingest.went(&own, 2, Parting::Lost);
    assert_eq!(bench.status(), Status::Offline);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_device_that_says_that_it_sleeps_is_believed_until_it_speaks() {
    let mut bench = Bench::on(&Arc::default(), NOW).await;
    let board: Arc<str> = "board".into();
    bench.publish(&board, "iot/v1/home/shed/telemetry", r#"{"temperature":20}"#).await;
    bench.publish(&board, "iot/v1/home/shed/status", "sleeping").await;
    bench.clock.advance(20 * 60 * MINUTE);
    assert_eq!(bench.status(), Status::Sleeping);
    bench.publish(&board, "iot/v1/home/shed/status", "offline").await;
    assert_eq!(bench.status(), Status::Offline);
    bench.publish(&board, "iot/v1/home/shed/telemetry", r#"{"temperature":20}"#).await;
    assert_eq!(bench.status(), Status::Online);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn events_are_known_after_a_restart_and_the_oldest_go() {
    let store: Arc<MemoryStore> = Arc::default();
    let board: Arc<str> = "board".into();
    let mut bench = Bench::on(&store, NOW).await;
    bench.publish(&board, "shed", r#"{"temperature":20}"#).await;
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    bench.stop().await;
    let mut bench = Bench::on(&store, NOW + 60_000).await;
    for n in 0..1_500 {
        bench.publish(&board, &format!("{}{n}", "long/".repeat(30)), r#"{"temperature":20}"#).await;
    }
    let before = bench.ingest.events(None, 10_000);
    assert_eq!(before.len(), 1_501);
    bench.stop().await;
    let bench = Bench::on(&store, NOW + 120_000).await;
    assert_eq!(bench.ingest.events(None, 10_000), before);
    assert_eq!(bench.ingest.events(Some("shed"), 10).len(), 1);
    bench.stop().await;
    for turn in 0..3 {
        let mut bench = Bench::on(&store, NOW + 180_000 + turn).await;
        for n in 0..1_000 {
            bench.publish(&board, &format!("{}{turn}/{n}", "more/".repeat(30)), r#"{"temperature":20}"#).await;
        }
        bench.stop().await;
    }
    let bench = Bench::on(&store, NOW + 240_000).await;
    let after = bench.ingest.events(None, 10_000);
    assert!((2_000..4_501).contains(&after.len()), "{}", after.len());
    assert!(after[0].device.as_ref().is_some_and(|key| key.as_str().ends_with("2/999")), "{:?}", after[0]);
    bench.stop().await;
}
