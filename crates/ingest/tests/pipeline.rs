//! Ingest through its public door: messages in at the inlet, outcomes back through the reply, readings in the store.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::Arc;
use std::sync::Mutex;

use clock::{Clock, ManualClock};
use decode::{Told, ToldValue};
use ingest::{
    DeviceChange, DeviceDocument, IMPORT, Ingest, Limits, NewDevice, Retried, RuleChange, Status, TimePolicy,
};
use model::{DeviceKey, SourceName, TimeRange, Timestamp, Topic, TopicFilter, Value};
use source::{Inbound, Inlet, Outcome, Repeat, Reply, Settle};
use store::{Catalog, Fault, FlakyStore, MemoryStore, Order, Readings};
use tokio::sync::{mpsc, watch};

const NOW: i64 = 1_800_000_000_000;

struct Outcomes(Mutex<mpsc::Sender<(u64, Outcome)>>);

impl Settle for Outcomes {
    fn settle(&self, token: u64, outcome: Outcome) {
        self.0.lock().unwrap().try_send((token, outcome)).unwrap();
    }
}

/// An ingest with its tasks running, and a device that publishes to it.
struct Bench {
    ingest: Ingest,
    inlet: Inlet,
    clock: Arc<ManualClock>,
    store: Arc<dyn Readings>,
    sink: Arc<dyn Settle>,
    outcomes: mpsc::Receiver<(u64, Outcome)>,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Bench {
    async fn on(store: Arc<dyn Readings>, catalog: Arc<dyn Catalog>, limits: Limits) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(NOW).unwrap()));
        let (stop, stopped) = watch::channel(false);
        let (ingest, inlet, tasks) = Ingest::start(
            Arc::clone(&store),
            catalog,
            Arc::clone(&clock) as Arc<dyn Clock>,
            limits,
            TimePolicy::default(),
            stopped,
        )
        .await
        .unwrap();
        let (sender, outcomes) = mpsc::channel(1_000);
        let tasks = vec![tokio::spawn(tasks.take), tokio::spawn(tasks.settle)];
        let sink = Arc::new(Outcomes(Mutex::new(sender)));
        Self { ingest, inlet, clock, store, sink, outcomes, stop, tasks }
    }

    async fn new() -> Self {
        let store = Arc::new(MemoryStore::default());
        Self::on(Arc::clone(&store) as _, store, Limits::default()).await
    }

    async fn send(&self, topic: &str, payload: &[u8], repeat: Option<Repeat>) {
        let inbound = Inbound {
            source: SourceName::parse("mqtt").unwrap(),
            client: "board".into(),
            topic: Topic::parse(topic).unwrap(),
            payload: payload.to_vec().into(),
            read: None,
            replayed: false,
            repeat,
            reply: Reply::new(Arc::clone(&self.sink), u64::from(repeat.map_or(0, |repeat| repeat.id))),
        };
        self.inlet.deliver(inbound).await.unwrap();
    }

    async fn publish(&mut self, topic: &str, payload: &str) -> Outcome {
        self.send(topic, payload.as_bytes(), None).await;
        self.outcomes.recv().await.unwrap().1
    }

    async fn replay(&mut self, topic: &str, payload: &str) -> Outcome {
        let inbound = Inbound {
            source: SourceName::parse("plant").unwrap(),
            client: "plant".into(),
            topic: Topic::parse(topic).unwrap(),
            payload: payload.to_owned().into(),
            read: None,
            replayed: true,
            repeat: None,
            reply: Reply::new(Arc::clone(&self.sink), 0),
        };
        self.inlet.deliver(inbound).await.unwrap();
        self.outcomes.recv().await.unwrap().1
    }

    /// A row of a table, two days old.
    async fn import(&mut self, device: &str) -> Outcome {
        let told = ToldValue::plain("level", Told::Number("1"));
        let inbound = Inbound {
            source: SourceName::parse(IMPORT).unwrap(),
            client: "desk".into(),
            topic: Topic::parse(IMPORT).unwrap(),
            payload: "1".into(),
            read: Some(decode::told(device, &[told], Some(NOW - 2 * 86_400_000)).unwrap()),
            replayed: false,
            repeat: None,
            reply: Reply::new(Arc::clone(&self.sink), 0),
        };
        self.inlet.deliver(inbound).await.unwrap();
        self.outcomes.recv().await.unwrap().1
    }

    async fn values(&self, device: &str, metric: &str) -> Vec<(i64, Value)> {
        let Some(series) = self.ingest.series(device, metric) else { return Vec::new() };
        let readings = self.store.read(series.id, TimeRange::ALL, Order::Ascending, None, 1000).await.unwrap();
        readings.into_iter().map(|reading| (reading.key.time.millis(), reading.value)).collect()
    }

    /// Stops both tasks in order and checks the books, which must balance after everything.
    async fn finish(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await.unwrap();
        }
        let books = self.ingest.books();
        assert!(books.balanced, "{books:?}");
        assert_eq!(books.in_flight, 0);
    }
}

fn marked(id: u16) -> Option<Repeat> {
    Some(Repeat { id, marked: true, part: 0 })
}

fn first(id: u16) -> Option<Repeat> {
    Some(Repeat { id, marked: false, part: 0 })
}

#[tokio::test]
async fn a_message_is_told_stored_only_when_its_readings_can_be_read() {
    let mut bench = Bench::new().await;
    let outcome = bench.publish("home/kitchen/climate", r#"{"temperature":21.5,"humidity":48}"#).await;
    assert_eq!(outcome, Outcome::Stored { readings: 2 });
    assert_eq!(bench.values("home/kitchen/climate", "temperature").await, [(NOW, Value::Number(21.5))]);
    let device = bench.ingest.device("home/kitchen/climate").unwrap();
    assert!(!device.document.accepted, "it is new");
    assert_eq!(device.status, Status::Online);
    assert_eq!(bench.ingest.heard()[0].topic.as_str(), "home/kitchen/climate");
    bench.finish().await;
}

#[tokio::test]
async fn two_undated_messages_of_one_millisecond_are_two_readings() {
    let mut bench = Bench::new().await;
    bench.publish("a/temperature", "1").await;
    bench.publish("a/temperature", "2").await;
    let expected = [(NOW, Value::Number(1.0)), (NOW, Value::Number(2.0))];
    assert_eq!(bench.values("a", "temperature").await, expected);
    bench.finish().await;
}

#[tokio::test]
async fn only_a_marked_repeat_is_a_duplicate() {
    let mut bench = Bench::new().await;
    for repeat in [first(7), marked(7), first(7)] {
        bench.send("a/temperature", b"1", repeat).await;
    }
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        outcomes.push(bench.outcomes.recv().await.unwrap().1);
    }
    let stored = Outcome::Stored { readings: 1 };
    assert_eq!(outcomes, [stored, Outcome::Duplicate, stored]);
    assert_eq!(bench.values("a", "temperature").await.len(), 2);
    bench.finish().await;
}

#[tokio::test]
async fn the_repeat_window_survives_a_restart() {
    let store = Arc::new(MemoryStore::default());
    let mut bench = Bench::on(Arc::clone(&store) as _, Arc::clone(&store) as _, Limits::default()).await;
    bench.send("a/temperature", b"1", first(7)).await;
    bench.outcomes.recv().await.unwrap();
    bench.finish().await;
    let mut again = Bench::on(Arc::clone(&store) as _, store, Limits::default()).await;
    again.send("a/temperature", b"1", marked(7)).await;
    assert_eq!(again.outcomes.recv().await.unwrap().1, Outcome::Duplicate);
    again.finish().await;
}

#[tokio::test]
async fn a_time_that_cannot_be_is_replaced_by_ours_and_kept_beside_it() {
    let mut bench = Bench::new().await;
    bench.publish("a/b", r#"{"ts":12345,"temperature":1}"#).await;
    let series = bench.ingest.series("a/b", "temperature").unwrap();
    let readings = bench.store.read(series.id, TimeRange::ALL, Order::Ascending, None, 10).await.unwrap();
    assert_eq!(readings[0].key.time.millis(), NOW);
    assert!(readings[0].key.n > 0);
    assert_eq!(bench.ingest.device("a/b").unwrap().clock_bad, 1);
    bench.finish().await;
}

#[tokio::test]
async fn nothing_is_acknowledged_that_was_not_stored_and_ingest_goes_on() {
    let memory = Arc::new(MemoryStore::default());
    let flaky = Arc::new(FlakyStore::around(Arc::clone(&memory) as Arc<dyn Readings>));
    flaky.fail_append(1, Fault::NotStored("closed"));
    let mut bench = Bench::on(flaky, memory, Limits::default()).await;
    assert_eq!(bench.publish("a/temperature", "1").await, Outcome::Unknown);
    assert!(bench.ingest.device("a").is_none(), "nothing of it is shown");
    assert_eq!(bench.publish("a/temperature", "2").await, Outcome::Stored { readings: 1 });
    assert_eq!(bench.values("a", "temperature").await.len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_batch_of_unknown_outcome_is_never_acknowledged_and_shown_if_it_was_stored() {
    let memory = Arc::new(MemoryStore::default());
    let flaky = Arc::new(FlakyStore::around(Arc::clone(&memory) as Arc<dyn Readings>));
    flaky.fail_append(1, Fault::UnknownButStored);
    let mut bench = Bench::on(flaky, memory, Limits::default()).await;
    assert_eq!(bench.publish("a/temperature", "1").await, Outcome::Unknown);
    assert_eq!(bench.publish("a/temperature", "2").await, Outcome::Stored { readings: 1 });
    assert_eq!(bench.values("a", "temperature").await.len(), 2);
    bench.finish().await;
}

#[tokio::test]
async fn a_bound_topic_is_the_devices_from_the_next_message_on() {
    let mut bench = Bench::new().await;
    bench.publish("shed/box/temperature", "1").await;
    let document = DeviceDocument {
        topics: vec![TopicFilter::parse("shed/#").unwrap()],
        accepted: true,
        ..DeviceDocument::default()
    };
    let key = DeviceKey::parse("Garden shed").unwrap();
    bench.ingest.create_device(NewDevice { key, document }).await.unwrap();
    bench.publish("shed/box/temperature", "2").await;
    assert_eq!(bench.values("shed/box", "temperature").await.len(), 1);
    assert_eq!(bench.values("Garden shed", "temperature").await.len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn an_unread_message_is_kept_and_stays_until_it_can_be_read() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.publish("a/b", r#"{"temperature":"#).await, Outcome::Unread);
    let unread = bench.store.unread(None, 10).await.unwrap();
    assert_eq!(unread.len(), 1);
    assert_eq!(bench.ingest.retry_unread(unread[0].id).await.unwrap(), Retried::StillUnread);
    let topic = Topic::parse("rx/label").unwrap();
    assert_eq!(bench.publish("rx/label", "Level: 55").await, Outcome::Unread);
    let spec = bench.ingest.suggest_for_topic(&topic).unwrap().unwrap();
    let rule = bench.ingest.create_rule(RuleChange { spec, enabled: None }, None).await.unwrap();
    assert_eq!(bench.ingest.retry_by_rule(&rule.id).await.unwrap().stored, 1);
    let view = bench.ingest.topic(&topic).unwrap();
    let told = &view.last[0];
    assert_eq!((view.messages, told.outcome, &told.unread), (1, Outcome::Stored { readings: 1 }, &None));
    assert_eq!(told.rule.as_ref().map(|rule| &rule.id), Some(&rule.id), "its trace says so at once");
    bench.finish().await;
}

#[tokio::test]
async fn limits_refuse_the_excess_and_count_it() {
    let store = Arc::new(MemoryStore::default());
    let limits = Limits { new_devices_max: 2, metrics_per_device_max: 1, ..Limits::default() };
    let mut bench = Bench::on(Arc::clone(&store) as _, store, limits).await;
    for device in ["a", "b"] {
        bench.publish(&format!("{device}/temperature"), "1").await;
    }
    let cardinality = Outcome::Rejected(model::RejectReason::Cardinality);
    assert_eq!(bench.publish("c/temperature", "1").await, cardinality);
    assert_eq!(bench.publish("a/humidity", "1").await, cardinality);
    assert_eq!(bench.publish("a/temperature", "2").await, Outcome::Stored { readings: 1 });
    let accept = DeviceChange { accepted: Some(true), ..DeviceChange::default() };
    bench.ingest.change_device("a", None, accept).await.unwrap();
    bench.clock.advance(1_000);
    assert_eq!(bench.publish("c/temperature", "1").await, Outcome::Stored { readings: 1 });
    bench.finish().await;
}

#[tokio::test]
async fn a_device_comes_to_be_by_a_reading_that_is_stored_and_by_nothing_less() {
    let store = Arc::new(MemoryStore::default());
    let limits = Limits { series_max: 2, ..Limits::default() };
    let mut bench = Bench::on(Arc::clone(&store) as _, store, limits).await;
    let refused = |reason| Outcome::Rejected(reason);
    assert_eq!(bench.publish("a/level", "9007199254740993").await, refused(model::RejectReason::Precision));
    assert!(bench.ingest.device("a").is_none(), "nothing of it was stored");
    let long = format!("a/{}", "x".repeat(300));
    assert_eq!(bench.publish(&long, "1").await, refused(model::RejectReason::Name));
    assert!(bench.ingest.devices().is_empty());
    let part = r#"{"x":9007199254740993,"y":1}"#;
    assert_eq!(bench.publish("b", part).await, Outcome::Stored { readings: 1 });
    assert_eq!(bench.publish("a/level", "1").await, Outcome::Stored { readings: 1 });
    assert_eq!(bench.publish("c/level", "1").await, refused(model::RejectReason::Cardinality));
    let keys: Vec<String> = bench.ingest.devices().iter().map(|it| it.record.key.as_str().to_owned()).collect();
    assert_eq!(keys, ["b", "a"], "and none for what no series was left for");
    let rejected = bench.ingest.books().total.readings.rejected;
    assert_eq!(rejected.values().sum::<u64>(), 4);
    bench.finish().await;
}

#[tokio::test]
async fn tables_do_not_take_the_places_of_devices_that_speak() {
    let store = Arc::new(MemoryStore::default());
    let limits = Limits { new_devices_max: 1, imported_devices_max: 2, ..Limits::default() };
    let mut bench = Bench::on(Arc::clone(&store) as _, store, limits).await;
    let cardinality = Outcome::Rejected(model::RejectReason::Cardinality);
    for (device, expected) in
        [("t1", Outcome::Stored { readings: 1 }), ("t2", Outcome::Stored { readings: 1 }), ("t3", cardinality)]
    {
        assert_eq!(bench.import(device).await, expected, "{device}");
    }
    assert_eq!(bench.publish("a/level", "1").await, Outcome::Stored { readings: 1 });
    assert_eq!(bench.publish("b/level", "1").await, cardinality);
    assert_eq!(bench.ingest.accept_imported().await.unwrap(), 2);
    let accepted = |key: &str| bench.ingest.device(key).unwrap().document.accepted;
    assert_eq!((accepted("t1"), accepted("a")), (true, false), "only those of the table");
    assert_eq!(bench.ingest.device("t1").unwrap().status, Status::NeverSeen);
    let sentence = bench.ingest.health("t1").unwrap().sentence;
    assert_eq!(sentence, "It has never been heard; its newest reading, from a table, is 2 days old.");
    bench.clock.advance(1_000);
    assert_eq!(bench.import("t3").await, Outcome::Stored { readings: 1 });
    bench.finish().await;
}

#[tokio::test]
async fn a_change_based_on_an_old_version_is_refused() {
    let mut bench = Bench::new().await;
    bench.publish("a/temperature", "1").await;
    let change = || DeviceChange { name: Some(Some("Attic".into())), ..DeviceChange::default() };
    let device = bench.ingest.change_device("a", Some(0), change()).await.unwrap();
    assert_eq!(device.document.name.as_deref(), Some("Attic"));
    assert!(bench.ingest.change_device("a", Some(0), change()).await.is_err());
    bench.finish().await;
}

#[tokio::test]
async fn a_deletion_is_never_older_than_the_last_message() {
    let store = Arc::new(MemoryStore::default());
    let mut bench = Bench::on(Arc::clone(&store) as _, Arc::clone(&store) as _, Limits::default()).await;
    for key in ["attic", "cellar"] {
        bench.publish(key, r#"{"x":1}"#).await;
    }
    let deleted = |bench: &Bench, key: &str| bench.ingest.deleted_device(key).unwrap().document.deleted_at;
    // A board without a clock of its own starts in 1970 and hears the time later.
    bench.clock.set_wall(Timestamp::from_millis(0).unwrap());
    bench.ingest.delete_device("attic", None, false).await.unwrap();
    assert_eq!(deleted(&bench, "attic"), Some(NOW));
    bench.finish().await;

    let bench = Bench::on(Arc::clone(&store) as _, store, Limits::default()).await;
    bench.clock.set_wall(Timestamp::from_millis(0).unwrap());
    bench.ingest.delete_device("cellar", None, false).await.unwrap();
    assert_eq!(deleted(&bench, "cellar"), Some(NOW));
    bench.finish().await;
}

#[tokio::test]
async fn a_silent_device_turns_stale() {
    let mut bench = Bench::new().await;
    for second in 0..5 {
        bench.publish("a/temperature", &second.to_string()).await;
        bench.clock.advance(10_000);
    }
    assert_eq!(bench.ingest.device("a").unwrap().status, Status::Online);
    bench.clock.advance(60_000);
    assert_eq!(bench.ingest.device("a").unwrap().status, Status::Stale);
    bench.finish().await;
}

#[tokio::test]
async fn a_message_that_names_no_device_is_its_senders() {
    let mut bench = Bench::new().await;
    bench.publish("v1/devices/me/telemetry", r#"{"temperature":21}"#).await;
    assert_eq!(bench.values("board", "temperature").await.len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_refused_batch_leaves_no_repeat_mark() {
    let memory = Arc::new(MemoryStore::default());
    let flaky = Arc::new(FlakyStore::around(Arc::clone(&memory) as Arc<dyn Readings>));
    flaky.fail_append(1, Fault::NotStored("too_large"));
    let mut bench = Bench::on(flaky, memory, Limits::default()).await;
    bench.send("a/temperature", b"1", first(7)).await;
    assert_eq!(bench.outcomes.recv().await.unwrap().1, Outcome::Unknown);
    bench.send("a/temperature", b"1", marked(7)).await;
    assert_eq!(bench.outcomes.recv().await.unwrap().1, Outcome::Stored { readings: 1 });
    assert_eq!(bench.values("a", "temperature").await.len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_repeat_on_its_way_behind_a_refused_original_is_not_acknowledged() {
    let memory = Arc::new(MemoryStore::default());
    let flaky = Arc::new(FlakyStore::around(Arc::clone(&memory) as Arc<dyn Readings>));
    flaky.fail_append(1, Fault::NotStored("too_large"));
    let limits = Limits { batch_messages_max: 1, ..Limits::default() };
    let mut bench = Bench::on(flaky, memory, limits).await;
    // Both are taken in before the first one's fate is known: this test's runtime has one thread.
    bench.send("a/temperature", b"1", first(7)).await;
    bench.send("a/temperature", b"1", marked(7)).await;
    for _ in 0..2 {
        let outcome = bench.outcomes.recv().await.unwrap().1;
        assert!(matches!(outcome, Outcome::Unknown | Outcome::Stored { .. }), "{outcome:?}");
    }
    bench.stop.send_replace(true);
}

#[tokio::test]
async fn wide_messages_make_small_batches() {
    let store = Arc::new(MemoryStore::default());
    let mut bench = Bench::on(Arc::clone(&store) as _, store, Limits::default()).await;
    let wide = format!(r#"{{"a":[{}]}}"#, ["1"; 250].join(","));
    for _ in 0..1_000 {
        bench.send("wide/board", wide.as_bytes(), None).await;
    }
    for _ in 0..1_000 {
        assert_eq!(bench.outcomes.recv().await.unwrap().1, Outcome::Stored { readings: 250 });
    }
    // 250,000 readings weigh some 12 MB in the log: never in one batch, which would be refused.
    assert!(bench.ingest.newest_sequence().0 >= 10, "{:?}", bench.ingest.newest_sequence());
    bench.finish().await;
}

#[tokio::test]
async fn a_change_goes_to_its_end_when_its_caller_goes_away() {
    let mut bench = Bench::new().await;
    bench.publish("a/temperature", "1").await;
    let rename = |name: &str| DeviceChange { name: Some(Some(name.into())), ..DeviceChange::default() };
    for _ in 0..5 {
        let mut change = Box::pin(bench.ingest.change_device("a", None, rename("Attic")));
        let first_step = std::future::poll_fn(|context| {
            let _ = change.as_mut().poll(context);
            std::task::Poll::Ready(())
        });
        first_step.await;
        drop(change);
    }
    let mut list = bench.ingest.list_version();
    while bench.ingest.device("a").unwrap().version == 0 {
        list.changed().await.unwrap();
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let device = bench.ingest.change_device("a", None, rename("Loft")).await.unwrap();
    assert_eq!(device.document.name.as_deref(), Some("Loft"));
    bench.finish().await;
}

#[tokio::test]
async fn a_replay_is_taken_only_where_its_own_time_is_newer_than_what_is_there() {
    let mut bench = Bench::new().await;
    let stale = Outcome::Rejected(model::RejectReason::RetainedStale);
    let timed = |ms: i64| format!(r#"{{"temperature":21.5,"timestamp":{ms}}}"#);
    // Without a time of its own it is old news, and no device comes of it.
    assert_eq!(bench.replay("home/attic/climate", r#"{"temperature":20.0}"#).await, stale);
    assert!(bench.ingest.devices().is_empty());
    assert_eq!(bench.replay("home/attic/climate", &timed(NOW - 9_000)).await, Outcome::Stored { readings: 1 });
    assert_eq!(bench.replay("home/attic/climate", &timed(NOW - 9_000)).await, stale);
    assert_eq!(bench.replay("home/attic/climate", &timed(NOW - 9_001)).await, stale);
    assert_eq!(bench.replay("home/attic/climate", &timed(NOW - 8_999)).await, Outcome::Stored { readings: 1 });
    let device = bench.ingest.devices()[0].record.key.clone();
    assert_eq!(bench.values(device.as_str(), "temperature").await.len(), 2);
    bench.finish().await;
}

#[tokio::test]
async fn the_trace_of_a_topic_holds_its_last_messages_and_what_became_of_them() {
    let limits = Limits { traced_bytes_max: 4_000, ..Limits::default() };
    let store = Arc::new(MemoryStore::default());
    let mut bench = Bench::on(Arc::clone(&store) as _, store, limits).await;
    for _ in 0..12 {
        bench.publish("home/attic/temperature", "21.5").await;
    }
    bench.publish("raw/frame", "\u{1}\u{2}\u{3}garbage").await;
    let view = bench.ingest.topic(&Topic::parse("home/attic/temperature").unwrap()).unwrap();
    assert_eq!((view.messages, view.per_minute, view.last.len()), (12, 12, 10));
    let found = bench.ingest.read_again(&view.topic, &view.last[0]);
    assert_eq!(found[0].value, Ok(Value::Number(21.5)));
    let unread = bench.ingest.topic(&Topic::parse("raw/frame").unwrap()).unwrap();
    assert_eq!(unread.last[0].outcome, Outcome::Unread);
    assert!(unread.last[0].unread.is_some());
    // Where memory is full, a topic keeps its newest message, and of that the length only.
    bench.publish("raw/long", &"x".repeat(4_000)).await;
    let long = bench.ingest.topic(&Topic::parse("raw/long").unwrap()).unwrap();
    assert_eq!((long.last.len(), long.last[0].bytes, long.last[0].payload.len()), (1, 4_000, 0));
    assert_eq!(bench.ingest.topics(None, 10, |_| true).len(), 3);
    assert_eq!(bench.ingest.topics(Some(&view.topic), 1, |_| true)[0].topic.as_str(), "raw/frame");
    bench.finish().await;
}
