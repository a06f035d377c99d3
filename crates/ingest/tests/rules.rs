//! Rules that the catalogue keeps and nobody can use do not stop the start; what a rule makes worse is told before it is saved.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::Arc;

use clock::{Clock, ManualClock};
use ingest::{Ingest, Limits, RuleChange, TimePolicy, Trial};
use model::{SourceName, Timestamp, Topic};
use source::{Inbound, Outcome, Reply, Settle};
use store::{Catalog, Expected, MemoryStore, Readings};
use tokio::sync::{mpsc, watch};

async fn start(store: &Arc<MemoryStore>, ms: i64) -> Ingest {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(ms).unwrap()));
    let (readings, catalog) = (Arc::clone(store) as Arc<dyn Readings>, Arc::clone(store) as Arc<dyn Catalog>);
    let (_stop, stopped) = watch::channel(false);
    let clock = clock as Arc<dyn Clock>;
    Ingest::start(readings, catalog, clock, Limits::default(), TimePolicy::default(), stopped).await.unwrap().0
}

fn rule(topics: &str) -> RuleChange {
    let spec = decode::rules::RuleSpec { topics: topics.into(), ..Default::default() };
    RuleChange { spec, enabled: None }
}

#[tokio::test]
async fn a_rule_that_cannot_be_used_is_left_out_and_named() {
    let store = Arc::new(MemoryStore::default());
    let ingest = start(&store, 1_800_000_000_000).await;
    let good = ingest.create_rule(rule("a/{device}"), None).await.unwrap();
    for (id, body) in [
        ("1", "no JSON"),
        ("2", r#"{"enabled":true,"rule":{"match":"a/#"}}"#),
        ("3", r#"{"enabled":true,"rule":{"match":"a","later":1}}"#),
    ] {
        store.put("rule", id, Expected::Absent, body, &[]).await.unwrap();
    }
    store.put("rule_order", "all", Expected::Absent, "no JSON", &[]).await.unwrap();
    // The clock has gone back: an id is given once all the same.
    let ingest = start(&store, 1_000).await;
    assert_eq!(ingest.rules().iter().map(|view| Arc::clone(&view.id)).collect::<Vec<_>>(), [Arc::clone(&good.id)]);
    let broken = ingest.broken_rules();
    assert_eq!(broken.iter().map(|broken| &*broken.id).collect::<Vec<_>>(), ["1", "2", "3"]);
    assert!(broken[1].sentence.starts_with("match: "), "{broken:?}");
    let second = ingest.create_rule(rule("b/{device}"), None).await.unwrap();
    assert!(second.id.parse::<i64>().unwrap() > good.id.parse().unwrap());
    let ids = vec![Arc::clone(&second.id), Arc::clone(&good.id)];
    ingest.order_rules(ids.clone()).await.unwrap();
    ingest.remove_rule("2", Some(1)).await.unwrap();
    let ingest = start(&store, 1_000).await;
    assert_eq!(ingest.broken_rules().len(), 2);
    assert_eq!(ingest.rules().into_iter().map(|view| view.id).collect::<Vec<_>>(), ids);
}

struct Outcomes(mpsc::Sender<Outcome>);

impl Settle for Outcomes {
    fn settle(&self, _: u64, outcome: Outcome) {
        self.0.try_send(outcome).unwrap();
    }
}

/// What a rule that is tried makes worse of a message that came.
async fn worse(topic: &str, payload: &'static str, rule: &str) -> bool {
    let store = Arc::new(MemoryStore::default());
    let (readings, catalog) = (Arc::clone(&store) as Arc<dyn Readings>, store as Arc<dyn Catalog>);
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000).unwrap())) as Arc<dyn Clock>;
    let (_stop, stopped) = watch::channel(false);
    let started = Ingest::start(readings, catalog, clock, Limits::default(), TimePolicy::default(), stopped).await;
    let (ingest, inlet, tasks) = started.unwrap();
    let _tasks = (tokio::spawn(tasks.take), tokio::spawn(tasks.settle));
    let (sender, mut outcomes) = mpsc::channel(1);
    let inbound = Inbound {
        source: SourceName::parse("mqtt").unwrap(),
        client: "board".into(),
        topic: Topic::parse(topic).unwrap(),
        payload: payload.into(),
        read: None,
        replayed: false,
        repeat: None,
        reply: Reply::new(Arc::new(Outcomes(sender)), 0),
    };
    inlet.deliver(inbound).await.unwrap();
    outcomes.recv().await.unwrap();
    let tried = ingest.try_rule(&serde_json::from_str(rule).unwrap(), Trial::default()).await.unwrap();
    assert_eq!(tried.messages.len(), 1);
    tried.messages[0].worse
}

#[tokio::test]
async fn a_rule_makes_worse_what_loses_its_time_or_device_unasked() {
    const TIMED: &str = r#"{"ts":1799999990,"level":7}"#;
    const FIELDS: &str = r#""fields":[{"path":"level","metric":"level"}]"#;
    let by = |rest: &str| format!("{{{rest},{FIELDS}}}");
    assert!(!worse("a/b", "hello", &by(r#""match":"a/b""#)).await, "nothing was read of it");
    assert!(worse("a/status", "online", &by(r#""match":"a/status""#)).await, "a presence was");
    assert!(worse("a/b", TIMED, &by(r#""match":"a/b""#)).await, "it is on arrival");
    assert!(!worse("a/b", TIMED, &by(r#""match":"a/b","time":{"path":"ts"}"#)).await);
    assert!(!worse("a/b", TIMED, &by(r#""match":"a/b","server_time":true"#)).await, "it is meant to be");
    const NAMED: &str = r#"{"device_id":"n7","level":7}"#;
    assert!(worse("a/b", NAMED, &by(r#""match":"a/b""#)).await, "it goes to another device");
    assert!(!worse("a/b", NAMED, &by(r#""match":"a/{device}""#)).await, "the rule names it");
}
