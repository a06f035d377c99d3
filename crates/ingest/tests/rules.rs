//! Rules that the catalogue keeps and nobody can use do not stop the start.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::Arc;

use clock::{Clock, ManualClock};
use ingest::{Ingest, Limits, RuleChange, TimePolicy};
use model::Timestamp;
use store::{Catalog, Expected, MemoryStore, Readings};
use tokio::sync::watch;

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
