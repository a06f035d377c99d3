//! The catalogue against a real Cassandra: its contract, writers that race, claims that a crash left, requests whose outcome is
//! unknown, and what other servers hear.

#![expect(clippy::unwrap_used, reason = "this is test code; a panic is how a test fails")]

mod keyspaces;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cassandra_node::Shared;
use keyspaces::{made, run, session};
use scylla::client::session::Session;
use scylla_proxy::{
    Condition, Node as ProxyNode, Proxy, Reaction, RequestOpcode, RequestReaction, RequestRule, ResponseOpcode,
    ResponseReaction, ResponseRule, RunningProxy, ShardAwareness, example_db_errors,
};
use store::testing::{Adapter, Opened, UNREAD_MAX, conformance_catalog};
use store::{Catalog, CatalogError, Claim, Expected, MemoryStore, Node, Version, Write};
use store_cassandra::{CassandraCatalog, Changes, Target, connect_through};
use tokio::time::timeout;

async fn catalog(session: &Arc<Session>, target: &Target, node: u8) -> CassandraCatalog {
    CassandraCatalog::open(session, &target.keyspace, Node(node)).await.unwrap()
}

fn claim(key: &str) -> Claim {
    Claim { space: "device_key".to_owned(), key: key.to_owned() }
}

struct Real {
    session: Arc<Session>,
    target: Target,
}

impl Real {
    async fn opened(&self) -> Opened {
        // A server of its own, with connections of its own.
        let session = session(&self.target).await;
        let catalog = Arc::new(catalog(&session, &self.target, 1).await);
        Opened { readings: Arc::new(MemoryStore::with_unread_max(UNREAD_MAX)), catalog }
    }
}

#[async_trait]
impl Adapter for Real {
    async fn fresh(&mut self) -> Opened {
        for table in ["documents", "claims", "changes"] {
            run(&self.session, &self.target, &format!("TRUNCATE {{k}}.{table}")).await;
        }
        self.opened().await
    }

    async fn crashed(&mut self, opened: Opened) -> Opened {
        drop(opened);
        self.opened().await
    }

    async fn reopened(&mut self, closed: Opened) -> Opened {
        self.crashed(closed).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sentence_of_the_contract_holds() {
    let (_own, target, session) = made("contract").await;
    conformance_catalog::run_all(&mut Real { session, target }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_writers_that_race_exactly_one_wins() {
    let (_own, target, session) = made("race").await;
    let catalogs = [&catalog(&session, &target, 1).await, &catalog(&session, &target, 2).await];
    for round in 0..5_u64 {
        let expected = if round == 0 { Expected::Absent } else { Expected::Version(Version(round)) };
        let [left, right] = catalogs.map(|catalog| catalog.put("rule", "one", expected, "{}", &[]));
        let outcomes = tokio::join!(left, right);
        let won: Vec<_> = [&outcomes.0, &outcomes.1].into_iter().flatten().collect();
        assert_eq!(won, [&Version(round + 1)], "{outcomes:?}");
        for lost in [outcomes.0, outcomes.1].into_iter().filter_map(Result::err) {
            assert!(
                matches!(lost, CatalogError::Conflict { found: Some(found) } if found == Version(round + 1)),
                "{lost}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_documents_that_race_for_a_claim_exactly_one_has_it() {
    let (_own, target, session) = made("claimrace").await;
    let catalogs = [&catalog(&session, &target, 1).await, &catalog(&session, &target, 2).await];
    for round in 0..8 {
        let key = [claim(&format!("key{round}"))];
        // One of the rounds starts with a row that a crash left.
        if round % 2 == 0 {
            let row = format!(
                "INSERT INTO {{k}}.claims (space, key, kind, id, mark) VALUES ('device_key', 'key{round}', 'device', 'gone', now())"
            );
            run(&session, &target, &row).await;
        }
        let ids = [format!("a{round}"), format!("b{round}")];
        let puts = tokio::join!(
            catalogs[0].put("device", &ids[0], Expected::Absent, "{}", &key),
            catalogs[1].put("device", &ids[1], Expected::Absent, "{}", &key),
        );
        let mut winners = Vec::new();
        for (id, put) in ids.iter().zip([puts.0, puts.1]) {
            let there = catalogs[0].get("device", id).await.unwrap().is_some();
            match put {
                Ok(_) => winners.push(id.clone()),
                Err(CatalogError::Claimed { .. }) => {}
                Err(other) => panic!("{other}"),
            }
            assert_eq!(there, winners.contains(id), "a refused write leaves nothing");
        }
        assert_eq!(winners.len(), 1, "round {round}");
        let third = catalogs[1].put("device", "third", Expected::Absent, "{}", &key).await;
        assert!(matches!(third, Err(CatalogError::Claimed { owner, .. }) if owner == winners[0]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_a_crash_left_is_void() {
    let (_own, target, session) = made("void").await;
    let catalog = catalog(&session, &target, 1).await;
    let left = |key: &str, id: &str| {
        format!(
            "INSERT INTO {{k}}.claims (space, key, kind, id, mark) VALUES ('device_key', '{key}', 'device', '{id}', now())"
        )
    };
    // One for a document that never came about, one for a document that does not name it, one of our own.
    catalog.put("device", "there", Expected::Absent, "{}", &[claim("its")]).await.unwrap();
    for (key, id) in [("a", "never"), ("b", "there"), ("c", "new")] {
        run(&session, &target, &left(key, id)).await;
    }
    catalog.put("device", "new", Expected::Absent, "{}", &["a", "b", "c"].map(claim)).await.unwrap();
    let refused = catalog.put("device", "other", Expected::Absent, "{}", &[claim("b")]).await;
    assert!(matches!(refused, Err(CatalogError::Claimed { owner, .. }) if owner == "new"));
    // Whoever had it may go on without it.
    catalog.put("device", "there", Expected::Version(Version(1)), "{}", &[claim("its")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_documents_are_written_together() {
    let (_own, target, session) = made("together").await;
    let catalog = catalog(&session, &target, 1).await;
    let body = "x".repeat(store::DOCUMENT_BYTES_MAX);
    let writes = |expected| -> Vec<Write> {
        (0..64).map(|id| Write { id: format!("{id:02}"), expected, body: Some(body.clone()) }).collect()
    };
    catalog.put_all("page", writes(Expected::Absent)).await.unwrap();
    let mut second = writes(Expected::Version(Version(1)));
    second[63].expected = Expected::Absent;
    let refused = catalog.put_all("page", second).await;
    assert!(matches!(refused, Err(CatalogError::Conflict { found: Some(Version(1)) })), "{refused:?}");
    let listed = catalog.list("page", None, 1_000).await.unwrap();
    assert_eq!(listed.len(), 64);
    assert!(listed.iter().all(|page| page.version == Version(1) && page.body == body));
    let twice = vec![writes(Expected::Absent).swap_remove(0), writes(Expected::Absent).swap_remove(0)];
    assert!(matches!(catalog.put_all("other", twice).await, Err(CatalogError::Store(_))));
}

/// A proxy before the node, and a catalogue that goes through it.
async fn through_a_proxy(target: &Target) -> (RunningProxy, CassandraCatalog) {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let drawn = fastrand::u8(1..);
    let via = SocketAddr::from((Ipv4Addr::new(127, drawn, high, low.max(1)), 19_042));
    let node = ProxyNode::builder()
        .real_address(Shared::node().address())
        .proxy_address(via)
        .shard_awareness(ShardAwareness::Unaware)
        .build();
    let proxy = Proxy::new([node]);
    let map = proxy.translation_map();
    let running = proxy.run().await.unwrap();
    let through = Target { hosts: vec![via.to_string()], ..target.clone() };
    let session = Arc::new(connect_through(&through, Some(Arc::new(map))).await.unwrap());
    let catalog = catalog(&session, target, 7).await;
    (running, catalog)
}

/// Not the connection on which the driver hears of the cluster.
fn for_work() -> Condition {
    Condition::not(Condition::ConnectionRegisteredAnyEvent)
}

/// Answers `WriteTimeout` to the first request that holds `marker`, which does not reach the node.
fn lose_request(proxy: &mut RunningProxy, opcode: RequestOpcode, marker: &str) {
    let first = Condition::RequestOpcode(opcode)
        .and(for_work())
        .and(Condition::BodyContainsCaseSensitive(marker.as_bytes().into()))
        .and(Condition::TrueForLimitedTimes(1));
    let reaction = RequestReaction::forge_with_error(example_db_errors::write_timeout());
    proxy.running_nodes[0].change_request_rules(Some(vec![RequestRule(first, reaction)]));
}

/// Keeps the answer to a request that holds `marker` back, once: the node carries it out.
fn lose_answer(proxy: &mut RunningProxy, skipped: usize) {
    let first = Condition::ResponseOpcode(ResponseOpcode::Result)
        .and(for_work())
        .and(Condition::not(Condition::TrueForLimitedTimes(skipped)))
        .and(Condition::TrueForLimitedTimes(1));
    proxy.running_nodes[0].change_response_rules(Some(vec![ResponseRule(first, ResponseReaction::drop_frame())]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_did_not_happen_is_made_again() {
    let (_own, target, session) = made("lost").await;
    let (mut proxy, catalog) = through_a_proxy(&target).await;
    lose_request(&mut proxy, RequestOpcode::Execute, "\"first\"");
    assert_eq!(catalog.put("rule", "1", Expected::Absent, "\"first\"", &[]).await.unwrap(), Version(1));
    lose_request(&mut proxy, RequestOpcode::Batch, "\"both\"");
    let both = ["1", "2"].map(|id| Write {
        id: id.to_owned(),
        expected: if id == "1" { Expected::Version(Version(1)) } else { Expected::Absent },
        body: Some("\"both\"".to_owned()),
    });
    assert_eq!(catalog.put_all("rule", both.to_vec()).await.unwrap(), [Some(Version(2)), Some(Version(1))]);
    lose_request(&mut proxy, RequestOpcode::Execute, "device_key");
    catalog.put("rule", "3", Expected::Absent, "{}", &[claim("a")]).await.unwrap();
    // What somebody else did meanwhile is a conflict and nothing else.
    lose_request(&mut proxy, RequestOpcode::Execute, "\"mine\"");
    let other = self::catalog(&session, &target, 1).await;
    let (mine, theirs) = tokio::join!(
        catalog.put("rule", "1", Expected::Version(Version(2)), "\"mine\"", &[]),
        other.put("rule", "1", Expected::Version(Version(2)), "\"theirs\"", &[]),
    );
    assert_eq!([&mine, &theirs].into_iter().filter(|put| put.is_ok()).count(), 1, "{mine:?} {theirs:?}");
    drop(catalog);
    drop(proxy);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_happened_unseen_is_told_as_one_that_happened() {
    let (_own, target, _session) = made("unseen").await;
    let (mut proxy, catalog) = through_a_proxy(&target).await;
    // The document is looked at first, then written.
    lose_answer(&mut proxy, 1);
    assert_eq!(catalog.put("rule", "1", Expected::Absent, "\"first\"", &[]).await.unwrap(), Version(1));
    proxy.turn_off_rules();
    assert_eq!(catalog.get("rule", "1").await.unwrap().unwrap().version, Version(1), "and only once");
    // A batch is tried at once.
    lose_answer(&mut proxy, 0);
    let write = Write { id: "1".to_owned(), expected: Expected::Version(Version(1)), body: Some("[]".to_owned()) };
    assert_eq!(catalog.put_all("rule", vec![write]).await.unwrap(), [Some(Version(2))]);
    // A removal looks, then removes.
    lose_answer(&mut proxy, 1);
    catalog.remove("rule", "1", Version(2)).await.unwrap();
    proxy.turn_off_rules();
    assert_eq!(catalog.get("rule", "1").await.unwrap(), None);
    // A claim: the document is looked at, the row is inserted.
    lose_answer(&mut proxy, 1);
    catalog.put("rule", "1", Expected::Absent, "{}", &[claim("a")]).await.unwrap();
    proxy.turn_off_rules();
    let refused = catalog.put("rule", "2", Expected::Absent, "{}", &[claim("a")]).await;
    assert!(matches!(refused, Err(CatalogError::Claimed { owner, .. }) if owner == "1"));
    drop(catalog);
    drop(proxy);
}

/// What is told until `kind` is.
async fn told(changes: &mut Changes, kind: &str) -> Vec<String> {
    let all = async {
        let mut all = Vec::new();
        while !all.iter().any(|told| told == kind) {
            all.extend(changes.next().await);
        }
        all
    };
    timeout(Duration::from_secs(30), all).await.expect("nothing was told")
}

#[tokio::test(flavor = "multi_thread")]
async fn other_servers_hear_what_changed_and_not_what_they_did() {
    let (_own, target, session) = made("changes").await;
    let (here, there) = (catalog(&session, &target, 1).await, catalog(&session, &target, 2).await);
    there.put("place", "old", Expected::Absent, "{}", &[]).await.unwrap();
    let mut changes = here.changes().await.unwrap();
    here.put("device", "1", Expected::Absent, "{}", &[]).await.unwrap();
    for id in ["a", "b", "c"] {
        there.put("rule", id, Expected::Absent, "{}", &[]).await.unwrap();
    }
    let first = told(&mut changes, "rule").await;
    assert!(!first.contains(&"device".to_owned()), "its own: {first:?}");
    there.remove("rule", "a", Version(1)).await.unwrap();
    told(&mut changes, "rule").await;
    // A change without a hint: found by comparing, for a kind that was never heard of and for one that is known.
    run(
        &session,
        &target,
        "INSERT INTO {k}.documents (kind, id, version, body) VALUES ('silent', 'x', 1, '{}') IF NOT EXISTS",
    )
    .await;
    told(&mut changes, "silent").await;
    run(&session, &target, "UPDATE {k}.documents SET version = 9 WHERE kind = 'rule' AND id = 'b' IF EXISTS").await;
    told(&mut changes, "rule").await;
}
