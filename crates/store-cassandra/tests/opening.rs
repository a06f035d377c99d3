//! Opening a keyspace of a real Cassandra: made, found, refused, and by several servers at once.

mod keyspaces;

use cassandra_node::Shared;
use keyspaces::{keyspace, run, session};
use store_cassandra::{OpenError, Target, bring_up, connect, version};

const SIMPLE: &str = "CREATE KEYSPACE {k} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_at_once_all_come_up() {
    let (_own, target) = keyspace("at_once", "");
    let one = session(&target).await;
    let starts = (0..4).map(|_| {
        let target = target.clone();
        tokio::spawn(async move {
            let session = session(&target).await;
            bring_up(&session, &target).await.unwrap_or_else(|error| panic!("{error}"))
        })
    });
    let mut opened = Vec::new();
    for start in starts.collect::<Vec<_>>() {
        opened.push(start.await.unwrap());
    }
    assert!(opened.iter().all(|keyspace| *keyspace == opened[0]), "{opened:?}");
    assert_eq!((opened[0].replication.factor, opened[0].replication.strategy.as_str()), (1, "NetworkTopologyStrategy"));
    let again = bring_up(&one, &target).await.unwrap();
    assert_eq!(again, opened[0], "it is the same store the next time");
    run(&one, &target, "SELECT body FROM {k}.documents WHERE kind = 'a' AND id = 'b'").await;
    run(&one, &target, "SELECT kind FROM {k}.changes WHERE part = 0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_died_while_it_upgraded_is_followed() {
    let (_own, target) = keyspace("died", "");
    let session = session(&target).await;
    run(&session, &target, SIMPLE).await;
    run(&session, &target, "CREATE TABLE {k}.meta (name text PRIMARY KEY, value text)").await;
    run(&session, &target, "CREATE TABLE {k}.leases (name text PRIMARY KEY, owner uuid, until bigint)").await;
    // Its lease has three seconds left.
    run(&session, &target, "INSERT INTO {k}.meta (name, value) VALUES ('upgrader', 'x') IF NOT EXISTS USING TTL 3")
        .await;
    let opened = bring_up(&session, &target).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(opened.replication.strategy, "SimpleStrategy", "what somebody made stays as it is");
    run(&session, &target, "SELECT time FROM {k}.readings WHERE home = 1 AND day = 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_keyspace_is_refused() {
    let (_own, target) = keyspace("newer", "");
    let session = session(&target).await;
    bring_up(&session, &target).await.unwrap();
    run(&session, &target, "UPDATE {k}.meta SET value = '99' WHERE name = 'version' IF EXISTS").await;
    let refused = bring_up(&session, &target).await.unwrap_err();
    assert!(matches!(refused, OpenError::NewerKeyspace { found: 99, known, .. } if known == version()), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyspace_of_something_else_is_refused() {
    let (_own, target) = keyspace("foreign", "");
    let session = session(&target).await;
    run(&session, &target, SIMPLE).await;
    run(&session, &target, "CREATE TABLE {k}.ts_kv (id int PRIMARY KEY)").await;
    let refused = bring_up(&session, &target).await.unwrap_err();
    assert!(refused.to_string().contains("ts_kv"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_a_keyspace_use_one_datacenter() {
    let (_own, target) = keyspace("datacenter", "");
    let session = session(&target).await;
    bring_up(&session, &target).await.unwrap();
    run(&session, &target, "UPDATE {k}.meta SET value = 'west' WHERE name = 'datacenter' IF EXISTS").await;
    let refused = bring_up(&session, &target).await.unwrap_err();
    assert!(refused.to_string().contains("?dc=west"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cluster_cannot_give_is_a_sentence() {
    let (own, plain) = keyspace("cannot", "");
    let with = |query: &str| Target::parse(&format!("{}{query}", own.url()), None).unwrap();
    let one = session(&plain).await;
    let nodes = one.get_cluster_state().get_nodes_info().len();
    let refused = connect(&with("?dc=west")).await.unwrap_err().to_string();
    assert!(refused.contains("no datacenter \"west\"") && refused.contains("datacenter1"), "{refused}");
    let many = with(&format!("?rf={}", nodes + 1));
    let refused = bring_up(&one, &many).await.unwrap_err().to_string();
    assert!(refused.contains("?rf="), "{refused}");
    run(&one, &plain, SIMPLE).await;
    let alter = "ALTER KEYSPACE {k} WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 9}";
    run(&one, &plain, alter).await;
    let refused = bring_up(&one, &plain).await.unwrap_err();
    assert!(matches!(refused, OpenError::TooFewNodes { factor: 9, .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_told_for_each_host() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let target = Target::parse(&format!("cassandra://me:hush@127.0.0.1:{free},127.0.0.9:{free}/k"), None).unwrap();
    let refused = connect(&target).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("127.0.0.1:{free}: ")) && refused.contains("127.0.0.9"), "{refused}");
    assert!(!refused.contains("hush"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_host_that_answers_is_enough() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let target = Target::parse(&format!("cassandra://127.0.0.1:{free},{}/k", Shared::node().address()), None).unwrap();
    session(&target).await;
}
