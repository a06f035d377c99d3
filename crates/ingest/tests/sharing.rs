//! Two servers over one store: what one takes in the other shows, what people change on one is in force on the other, and where both
//! want the same at once nothing is lost, doubled or half done.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use clock::{Clock, ManualClock};
use decode::rules::RuleSpec;
use ingest::{
    DeviceChange, DeviceDocument, DeviceError, DeviceView, Ingest, Limits, NewDevice, RuleChange, Since, TimePolicy,
};
use model::{DeviceKey, Reading, ReadingKey, SeriesId, SourceName, TimeRange, Timestamp, Topic, Value};
use source::{Inbound, Inlet, Outcome, Repeat, Reply, Settle};
use store::{
    Batch, Commit, Foreign, MemoryStore, Node, Order, Readings, Restored, StoreError, StoreStats, UnreadId,
    UnreadRecord,
};
use tokio::sync::{mpsc, oneshot, watch};
use windows::{Grid, Window};

const NOW: i64 = 1_800_000_000_000;

/// Tells one message's outcome.
struct Told(Mutex<Option<oneshot::Sender<Outcome>>>);

impl Settle for Told {
    fn settle(&self, _: u64, outcome: Outcome) {
        self.0.lock().unwrap().take().unwrap().send(outcome).unwrap();
    }
}

/// A store whose server hears of the others only while `open`, and which counts how often everything is read.
struct Gated {
    inner: MemoryStore,
    open: watch::Sender<bool>,
    restored: AtomicUsize,
}

#[async_trait]
impl Readings for Gated {
    async fn append(&self, batch: Batch) -> Commit {
        self.inner.append(batch).await
    }

    async fn read(
        &self,
        series: SeriesId,
        range: TimeRange,
        order: Order,
        after: Option<ReadingKey>,
        limit: usize,
    ) -> Result<Vec<Reading>, StoreError> {
        self.inner.read(series, range, order, after, limit).await
    }

    async fn windows(&self, series: SeriesId, grid: Grid) -> Result<Vec<Window>, StoreError> {
        self.inner.windows(series, grid).await
    }

    async fn latest(&self, series: &[SeriesId]) -> Result<Vec<Option<Reading>>, StoreError> {
        self.inner.latest(series).await
    }

    async fn unread(&self, before: Option<UnreadId>, limit: usize) -> Result<Vec<UnreadRecord>, StoreError> {
        self.inner.unread(before, limit).await
    }

    async fn unread_one(&self, id: UnreadId) -> Result<Option<UnreadRecord>, StoreError> {
        self.inner.unread_one(id).await
    }

    fn stats(&self) -> StoreStats {
        self.inner.stats()
    }

    fn restored(&self) -> Restored {
        self.restored.fetch_add(1, Ordering::Relaxed);
        self.inner.restored()
    }

    fn foreign(&self) -> Option<mpsc::Receiver<Foreign>> {
        let mut inner = self.inner.foreign()?;
        let (told, heard) = mpsc::channel(1);
        let mut open = self.open.subscribe();
        tokio::spawn(async move {
            while let Some(event) = inner.recv().await {
                if open.wait_for(|open| *open).await.is_err() || told.send(event).await.is_err() {
                    return;
                }
            }
        });
        Some(heard)
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.inner.flush().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}

/// One server.
struct Server {
    ingest: Ingest,
    inlet: Inlet,
    store: Arc<Gated>,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Server {
    async fn on(memory: &MemoryStore, node: u8) -> Self {
        let restored = AtomicUsize::new(0);
        let store = Arc::new(Gated { inner: memory.beside(Node(node)), open: watch::Sender::new(true), restored });
        let catalog = Arc::new(memory.beside(Node(node)));
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(NOW).unwrap()));
        let (stop, stopped) = watch::channel(false);
        let (readings, clock) = (Arc::clone(&store) as Arc<dyn Readings>, clock as Arc<dyn Clock>);
        let started =
            Ingest::start(readings, catalog, clock, Limits::default(), TimePolicy::default(), stopped).await.unwrap();
        let (ingest, inlet, tasks) = started;
        let tasks = vec![tokio::spawn(tasks.take), tokio::spawn(tasks.settle)];
        Self { ingest, inlet, store, stop, tasks }
    }

    async fn hand(&self, topic: &str, payload: &str, repeat: Option<Repeat>) -> oneshot::Receiver<Outcome> {
        let (told, outcome) = oneshot::channel();
        let inbound = Inbound {
            source: SourceName::parse("mqtt").unwrap(),
            client: "board".into(),
            topic: Topic::parse(topic).unwrap(),
            payload: payload.to_owned().into(),
            read: None,
            replayed: false,
            repeat,
            reply: Reply::new(Arc::new(Told(Mutex::new(Some(told)))), 0),
        };
        self.inlet.deliver(inbound).await.unwrap();
        outcome
    }

    async fn publish(&self, topic: &str, payload: &str) -> Outcome {
        self.hand(topic, payload, None).await.await.unwrap()
    }

    async fn values(&self, device: &str, metric: &str) -> Vec<(ReadingKey, Value)> {
        let Some(series) = self.ingest.series(device, metric) else { return Vec::new() };
        let readings = self.store.read(series.id, TimeRange::ALL, Order::Ascending, None, 10_000).await.unwrap();
        readings.into_iter().map(|reading| (reading.key, reading.value)).collect()
    }

    /// From here on it hears nothing of the others, until it is open again.
    fn deafen(&self) {
        self.store.open.send_replace(false);
    }

    fn hear(&self) {
        self.store.open.send_replace(true);
    }

    async fn finish(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await.unwrap();
        }
        let books = self.ingest.books();
        assert!(books.balanced && books.in_flight == 0, "{books:?}");
    }
}

async fn two() -> (Server, Server) {
    let memory = MemoryStore::default();
    // Both are known before either stores anything.
    let _known = (memory.beside(Node(1)), memory.beside(Node(2)));
    (Server::on(&memory, 1).await, Server::on(&memory, 2).await)
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

async fn heard(server: &Server, device: &str, metric: &str, value: f64) -> DeviceView {
    let latest = || {
        let view = server.ingest.device(device)?;
        let metric = view.metrics.iter().find(|known| known.record.metric.as_str() == metric)?;
        (metric.latest.as_ref()?.value == Value::Number(value)).then_some(())
    };
    until(&format!("{device} {metric} {value}"), || latest().is_some()).await;
    server.ingest.device(device).unwrap()
}

fn stored(readings: u32) -> Outcome {
    Outcome::Stored { readings }
}

#[tokio::test]
async fn each_shows_what_the_other_received() {
    let (one, two) = two().await;
    let cursor = *two.ingest.live().newest().borrow();
    assert_eq!(one.publish("garden/dht/temperature", "20.5").await, stored(1));
    let view = heard(&two, "garden/dht", "temperature", 20.5).await;
    assert_eq!(view.last_seen, Timestamp::from_millis(NOW).ok());
    assert_eq!(view.status, ingest::Status::Online);
    let live = || match two.ingest.live().since(cursor) {
        Since::Batches(batches) => batches.iter().flat_map(|batch| &batch.readings).count(),
        Since::Gone => 0,
    };
    until("the reading in the other's ring", || live() == 1).await;
    assert_eq!(two.publish("garden/dht/temperature", "21").await, stored(1));
    heard(&one, "garden/dht", "temperature", 21.0).await;
    assert_eq!(one.ingest.counts(), (1, 1));
    assert_eq!(two.ingest.counts(), (1, 1));
    let values = two.values("garden/dht", "temperature").await;
    assert_eq!(values.len(), 2, "two readings of one millisecond: {values:?}");
    assert_eq!(two.ingest.events(None, 10).len(), 1, "a device appears once");
    let health = two.ingest.health("garden/dht").unwrap();
    assert_eq!(health.messages, 2, "{health:?}");
    one.finish().await;
    two.finish().await;
}

#[tokio::test]
async fn ids_are_of_the_class_of_the_node_that_gave_them() {
    let (one, two) = two().await;
    one.publish("a/one/temperature", "1").await;
    heard(&two, "a/one", "temperature", 1.0).await;
    two.publish("a/two/temperature", "2").await;
    two.publish("a/two/humidity", "{").await;
    heard(&one, "a/two", "temperature", 2.0).await;
    one.publish("a/three/temperature", "3").await;
    let ids: Vec<u32> = one.ingest.devices().iter().map(|device| device.record.id.0 % 256).collect();
    assert_eq!(ids, [1, 2, 1]);
    let series = |device| one.ingest.series(device, "temperature").unwrap().id.0;
    assert_eq!([series("a/one") % 256, series("a/two") % 256, series("a/three") % 256], [1, 2, 1]);
    let unread = two.store.unread(None, 10).await.unwrap();
    assert!(unread.iter().all(|record| record.id.0 % 256 == 2), "{unread:?}");
    one.finish().await;
    two.finish().await;
}

#[tokio::test]
async fn a_device_that_is_new_on_both_is_one_and_no_sender_notices() {
    let (one, two) = two().await;
    two.deafen();
    assert_eq!(one.publish("garden/dht/temperature", "20.5").await, stored(1));
    // What came before it in the same moment waits with it and keeps its order.
    let first = two.hand("garden/dht/temperature", "21", None).await;
    let second = two.hand("garden/dht/temperature", "22", None).await;
    let third = two.hand("garden/dht/humidity", "40", None).await;
    for outcome in [first, second, third] {
        assert_eq!(outcome.await.unwrap(), stored(1));
    }
    assert_eq!(one.publish("garden/dht/humidity", "41").await, stored(1));
    two.hear();
    heard(&two, "garden/dht", "humidity", 40.0).await;
    for server in [&one, &two] {
        assert_eq!(server.ingest.counts(), (1, 2));
        let temperatures: Vec<Value> =
            server.values("garden/dht", "temperature").await.into_iter().map(|it| it.1).collect();
        assert_eq!(temperatures, [20.5, 21.0, 22.0].map(Value::Number));
        assert_eq!(server.values("garden/dht", "humidity").await.len(), 2);
    }
    assert_eq!((one.ingest.batches_lost(), two.ingest.batches_lost()), (0, 0));
    one.finish().await;
    two.finish().await;
}

#[tokio::test]
async fn a_repeat_of_what_the_other_accepted_is_one() {
    let (one, two) = two().await;
    let first = Some(Repeat { id: 7, marked: false, part: 0 });
    let marked = Some(Repeat { id: 7, marked: true, part: 0 });
    let outcome = one.hand("garden/dht/temperature", "20.5", first).await.await.unwrap();
    assert_eq!(outcome, stored(1));
    heard(&two, "garden/dht", "temperature", 20.5).await;
    // The one that takes hears a moment after the one that shows.
    let marks = || two.ingest.series("garden/dht", "temperature").is_some();
    until("the series", marks).await;
    let again = two.hand("garden/dht/temperature", "20.5", marked).await.await.unwrap();
    assert_eq!(again, Outcome::Duplicate);
    let other = two.hand("garden/dht/temperature", "20.6", marked).await.await.unwrap();
    assert_eq!(other, stored(1));
    one.finish().await;
    two.finish().await;
}

#[tokio::test]
async fn what_people_change_on_one_is_in_force_on_the_other() {
    let (one, two) = two().await;
    one.publish("garden/dht/temperature", "20.5").await;
    heard(&two, "garden/dht", "temperature", 20.5).await;
    let named = |name: &str| DeviceChange { name: Some(Some(name.to_owned())), ..DeviceChange::default() };
    one.ingest.change_device("garden/dht", None, named("Bed")).await.unwrap();
    let name = || two.ingest.device("garden/dht").unwrap().document.name;
    until("the name", || name().as_deref() == Some("Bed")).await;
    let spec = RuleSpec { topics: "plant/{device}/raw/{metric}".into(), ..RuleSpec::default() };
    let rule = one.ingest.create_rule(RuleChange { spec, enabled: None }, None).await.unwrap();
    until("the rule", || two.ingest.rule(&rule.id).is_ok()).await;
    assert_eq!(two.publish("plant/pump/raw/level", "7").await, stored(1));
    assert_eq!(two.values("pump", "level").await.len(), 1);
    one.ingest.remove_rule(&rule.id, None).await.unwrap();
    until("it goes", || two.ingest.rule(&rule.id).is_err()).await;
    one.ingest.ignore_sender(DeviceKey::parse("noise").unwrap()).await.unwrap();
    until("the ignored sender", || two.ingest.ignores("noise")).await;
    one.ingest.hear_again("noise").await.unwrap();
    until("it is heard again", || !two.ingest.ignores("noise")).await;
    let new = NewDevice { key: DeviceKey::parse("tank").unwrap(), document: DeviceDocument::default() };
    two.ingest.create_device(new).await.unwrap();
    two.ingest.change_device("tank", None, named("Tank")).await.unwrap();
    let name = || one.ingest.device("tank").and_then(|device| device.document.name);
    until("the device of a person", || name().as_deref() == Some("Tank")).await;
    one.finish().await;
    two.finish().await;
}

#[tokio::test]
async fn two_people_who_change_one_device_on_two_servers_meet_as_on_one() {
    let (one, two) = two().await;
    one.publish("garden/dht/temperature", "20.5").await;
    heard(&two, "garden/dht", "temperature", 20.5).await;
    let named = |name: &str| DeviceChange { name: Some(Some(name.to_owned())), ..DeviceChange::default() };
    two.deafen();
    one.ingest.change_device("garden/dht", None, named("Bed")).await.unwrap();
    // Whoever saw the version before is told, though the server has not heard of the change.
    let conflict = two.ingest.change_device("garden/dht", Some(0), named("Tank")).await;
    assert!(matches!(conflict, Err(DeviceError::Conflict { found: 1 })), "{conflict:?}");
    // Whoever saw the newest on the other server may change it here.
    let changed = two.ingest.change_device("garden/dht", Some(1), named("Tank")).await.unwrap();
    assert_eq!((changed.version, changed.document.name.as_deref()), (2, Some("Tank")));
    let many = (0..20).map(|turn| {
        let ingest = if turn % 2 == 0 { one.ingest.clone() } else { two.ingest.clone() };
        let change = DeviceChange { add_tags: vec![format!("t{turn}")], ..DeviceChange::default() };
        tokio::spawn(async move { ingest.change_device("garden/dht", None, change).await.is_ok() })
    });
    let mut made = 0;
    for turn in many.collect::<Vec<_>>() {
        made += u64::from(turn.await.unwrap());
    }
    two.hear();
    until("both know the same", || {
        let view = |server: &Server| server.ingest.device("garden/dht").map(|view| (view.version, view.document));
        view(&one) == view(&two)
    })
    .await;
    let view = one.ingest.device("garden/dht").unwrap();
    assert_eq!((view.version, view.document.tags.len() as u64), (2 + made, made), "{view:?}");
    one.finish().await;
    two.finish().await;
}

#[tokio::test]
async fn what_one_merges_or_deletes_is_followed_even_before_it_is_heard() {
    let (one, two) = two().await;
    one.publish("a/old/temperature", "1").await;
    one.publish("a/new/temperature", "2").await;
    one.publish("a/gone/temperature", "3").await;
    heard(&two, "a/gone", "temperature", 3.0).await;
    two.deafen();
    one.ingest.merge_devices("a/old", "a/new").await.unwrap();
    one.ingest.delete_device("a/gone", None, true).await.unwrap();
    assert_eq!(two.publish("a/old/temperature", "4").await, stored(1));
    assert_eq!(two.publish("a/old/humidity", "5").await, stored(1));
    let gone = two.publish("a/gone/temperature", "6").await;
    assert_eq!(gone, Outcome::Rejected(model::RejectReason::Ignored));
    two.hear();
    until("the other follows", || two.ingest.device("a/old").is_none() && two.ingest.device("a/gone").is_none()).await;
    heard(&one, "a/new", "humidity", 5.0).await;
    for server in [&one, &two] {
        assert_eq!(server.ingest.counts(), (1, 2));
        assert_eq!(server.values("a/new", "temperature").await.len(), 3);
    }
    one.finish().await;
    two.finish().await;
}

#[tokio::test]
async fn a_range_hidden_on_one_is_hidden_on_the_other() {
    let (one, two) = two().await;
    one.publish("a/b/temperature", "1").await;
    heard(&two, "a/b", "temperature", 1.0).await;
    one.ingest.hide("a/b", "temperature", TimeRange::ALL, true).await.unwrap();
    let latest = || two.ingest.device("a/b").unwrap().metrics[0].latest.clone();
    until("hidden", || latest().is_none() && two.ingest.hidden(None, None).len() == 1).await;
    one.ingest.hide("a/b", "temperature", TimeRange::ALL, false).await.unwrap();
    until("shown", || latest().is_some()).await;
    one.finish().await;
    two.finish().await;
}

#[tokio::test]
async fn who_missed_something_reads_everything_anew() {
    let (one, two) = two().await;
    two.deafen();
    for number in 0..1_100 {
        one.publish(&format!("a/d{}/temperature", number % 50), "1").await;
    }
    one.ingest.delete_device("a/d7", None, true).await.unwrap();
    let cursor = *two.ingest.live().newest().borrow();
    two.hear();
    until("every device", || two.ingest.counts() == (49, 49)).await;
    until("live clients start over", || matches!(two.ingest.live().since(cursor), Since::Gone)).await;
    assert_eq!(two.publish("a/d8/temperature", "2").await, stored(1));
    assert_eq!(two.ingest.counts(), (49, 49));
    one.finish().await;
    two.finish().await;
}

#[tokio::test]
async fn many_devices_of_the_other_cost_no_look_at_everything() {
    let (one, two) = two().await;
    let before = two.store.restored.load(Ordering::Relaxed);
    for number in 0..500 {
        one.publish(&format!("a/d{number}/temperature"), "1").await;
        two.publish(&format!("b/d{number}/temperature"), "1").await;
    }
    until("all of both", || one.ingest.counts() == (1_000, 1_000) && two.ingest.counts() == (1_000, 1_000)).await;
    assert_eq!(two.store.restored.load(Ordering::Relaxed), before);
    one.finish().await;
    two.finish().await;
}

#[tokio::test]
async fn what_both_do_at_once_is_done_once_and_nothing_half() {
    let (one, two) = two().await;
    for device in ["a/gone", "a/old", "a/new"] {
        one.publish(&format!("{device}/temperature"), "1").await;
    }
    heard(&two, "a/new", "temperature", 1.0).await;
    let series = two.ingest.series("a/gone", "temperature").unwrap().id;
    two.deafen();
    one.ingest.delete_device("a/gone", None, true).await.unwrap();
    two.ingest.delete_device("a/gone", None, true).await.unwrap();
    one.ingest.delete_device("a/old", None, true).await.unwrap();
    let merged = two.ingest.merge_devices("a/old", "a/new").await;
    assert!(matches!(merged, Err(DeviceError::Overtaken | DeviceError::Unknown(_))), "{merged:?}");
    let before = Timestamp::from_millis(NOW - 86_400_000).unwrap();
    let of_new = two.ingest.series("a/new", "temperature").unwrap().id;
    two.ingest.expire(vec![series, of_new], before).await.unwrap();
    assert_eq!(two.ingest.floor(of_new), Some(before));
    two.hear();
    until("both know of one", || one.ingest.counts() == (1, 1) && two.ingest.counts() == (1, 1)).await;
    until("the floor", || one.ingest.floor(of_new) == Some(before)).await;
    for server in [&one, &two] {
        let new = server.ingest.device("a/new").unwrap();
        assert!(new.document.merged.is_empty(), "{new:?}");
        assert!(server.ingest.ignores("a/gone") && server.ingest.ignores("a/old"));
    }
    one.finish().await;
    two.finish().await;
}

#[tokio::test]
async fn what_is_announced_to_one_is_read_by_both_and_the_latest_word_counts() {
    let memory = MemoryStore::default();
    let _known = (memory.beside(Node(1)), memory.beside(Node(2)));
    let (one, two) = (Server::on(&memory, 1).await, Server::on(&memory, 2).await);
    let topic = "homeassistant/sensor/tank/level/config";
    let config = |name: &str| {
        format!(
            r#"{{"obj_id":"level","stat_t":"tank/state","unit_of_meas":"lx","dev":{{"ids":"tank-1","name":"{name}"}}}}"#
        )
    };
    let discovery = Outcome::NoReading { kind: "discovery" };
    let name = |server: &Server| {
        server.ingest.device("tank-1").and_then(|device| device.told).and_then(|told| told.name.clone())
    };
    assert_eq!(one.publish(topic, &config("Tank")).await, discovery);
    assert_eq!(one.publish("tank/state", "5").await, stored(1));
    until("told on the other", || name(&two).as_deref() == Some("Tank")).await;
    assert_eq!(two.publish("tank/state", "6").await, stored(1));
    assert_eq!(two.values("tank-1", "level").await.len(), 2);
    // Its client is connected to the other server now, and says something else there.
    assert_eq!(two.publish(topic, &config("Basin")).await, discovery);
    until("told on the first", || name(&one).as_deref() == Some("Basin")).await;
    assert!(!one.ingest.announcements_not_kept() && !two.ingest.announcements_not_kept());
    let third = Server::on(&memory, 3).await;
    assert_eq!(name(&third).as_deref(), Some("Basin"), "what is kept says so as well");
    assert_eq!(one.publish(topic, "").await, Outcome::NoReading { kind: "discovery" });
    until("withdrawn everywhere", || name(&two).is_none() && name(&third).is_none()).await;
    one.finish().await;
    two.finish().await;
    third.finish().await;
}
