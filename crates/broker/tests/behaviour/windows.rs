//! What a connection may have in flight, and what happens beyond it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use broker::Limits;

use crate::door::{Door, STORED};
use crate::wire::{Client, connect, publish};

fn small() -> Limits {
    Limits { receive_maximum: 10, ..Limits::default() }
}

#[tokio::test]
async fn version_5_beyond_receive_maximum_is_disconnected() {
    let (door, mut ingest) = Door::held(small()).await;
    let mut client = door.client5("c").await;
    for id in 1..=11 {
        client.send(&publish("a", id, Some(&[]), b"1")).await;
    }
    let messages = ingest.take(10).await;
    client.expect_disconnect(0x93).await;
    assert_eq!(door.ended("receive_maximum"), 1);
    for message in messages {
        message.reply.settle(STORED);
    }
    assert_eq!(door.broker.counters().in_flight, 0);
    assert!(ingest.0.try_recv().is_err());
}

#[tokio::test]
async fn version_5_within_receive_maximum_goes_on_for_ever() {
    let (door, mut ingest) = Door::held(small()).await;
    let mut client = door.client5("c").await;
    for round in 0..20 {
        for id in 1..=10 {
            client.send(&publish("a", round * 10 + id, Some(&[]), b"1")).await;
        }
        for message in ingest.take(10).await {
            message.reply.settle(STORED);
        }
        assert_eq!(client.acks(10).await.len(), 10);
    }
}

#[tokio::test]
async fn version_3_beyond_its_window_waits_unread_and_loses_nothing() {
    let (door, mut ingest) = Door::held(small()).await;
    let mut client = door.client3("c").await;
    for id in 1..=100 {
        client.send(&publish("a", id, None, b"1")).await;
    }
    let mut settled = 0;
    while settled < 100 {
        let batch = ingest.take(10).await;
        assert!(ingest.0.try_recv().is_err());
        assert_eq!(door.broker.counters().in_flight, 10);
        settled += batch.len();
        for message in batch {
            message.reply.settle(STORED);
        }
    }
    let expected: Vec<_> = (1..=100).map(|id| (id, 0)).collect();
    assert_eq!(client.acks(100).await, expected);
}

#[tokio::test]
async fn bytes_in_flight_are_bounded_per_connection_and_in_all() {
    let limits = Limits { inflight_bytes_max: 3_000, inflight_total_bytes_max: 5_000, ..Limits::default() };
    let (door, mut ingest) = Door::held(limits).await;
    let payload = [b'1'; 900];
    let mut one = door.client3("one").await;
    let mut two = door.client5("two").await;
    for id in 1..=20 {
        one.send(&publish("a", id, None, &payload)).await;
        two.send(&publish("a", id, Some(&[]), &payload)).await;
    }
    for _ in 0..40 {
        let message = ingest.next().await;
        assert!(door.broker.counters().in_flight_bytes <= 5_000);
        message.reply.settle(STORED);
    }
    assert_eq!((one.acks(20).await.len(), two.acks(20).await.len()), (20, 20));
    assert_eq!(door.broker.counters().in_flight_bytes, 0);
}

/// Time is paused here, so that hours pass as soon as everybody waits: over a pipe, which is part of that time.
async fn piped(door: &Door, keep_alive: u16) -> Client<tokio::io::DuplexStream> {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    tokio::spawn(Arc::clone(&door.broker).attach(theirs, ip));
    let mut client = Client { stream: ours };
    client.send(&connect(4, 2, keep_alive, &[], "piped", &[])).await;
    client.expect(&[0x20, 2, 0, 0]).await;
    client
}

#[tokio::test(start_paused = true)]
async fn silence_for_one_and_a_half_keep_alives_ends_the_connection() {
    let door = Door::open(Limits::default()).await;
    let mut client = piped(&door, 10).await;
    let start = tokio::time::Instant::now();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(14)).await;
        client.ping().await;
    }
    let last = tokio::time::Instant::now();
    client.expect_end().await;
    assert_eq!(last - start, Duration::from_secs(70));
    assert_eq!(last.elapsed().as_secs(), 15);
    assert_eq!(door.ended("keep_alive"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_throws_nobody_out() {
    let (door, mut ingest) = Door::held(Limits { receive_maximum: 1, ..Limits::default() }).await;
    let mut client = piped(&door, 10).await;
    client.send(&publish("a", 1, None, b"1")).await;
    client.send(&publish("a", 2, None, b"1")).await;
    let first = ingest.next().await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    first.reply.settle(STORED);
    assert_eq!(client.acks(1).await, [(1, 0)]);
    ingest.next().await.reply.settle(STORED);
    assert_eq!(client.acks(1).await, [(2, 0)]);
    client.ping().await;
}

#[tokio::test(start_paused = true)]
async fn no_keep_alive_means_the_longest() {
    let door = Door::open(Limits { keep_alive_max: Duration::from_secs(100), ..Limits::default() }).await;
    let mut client = piped(&door, 0).await;
    let start = tokio::time::Instant::now();
    while client.read_raw().await {}
    assert_eq!(start.elapsed().as_secs(), 150);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_closed_in_the_end() {
    let door = Door::open(Limits { write_stall_max: Duration::from_secs(10), ..Limits::default() }).await;
    let (ours, theirs) = tokio::io::duplex(64);
    tokio::spawn(Arc::clone(&door.broker).attach(theirs, IpAddr::V4(Ipv4Addr::LOCALHOST)));
    let mut client = Client { stream: ours };
    client.send(&connect(4, 2, 600, &[], "deaf", &[])).await;
    client.expect(&[0x20, 2, 0, 0]).await;
    for id in 1..=100 {
        client.try_send(&publish("a", id, None, b"1")).await;
    }
    door.wait_ended("not_reading").await;
}
