//! PUBACKs: in order, only for known outcomes, with the code that fits.

use broker::Limits;
use model::RejectReason;
use source::{Outcome, Repeat};

use crate::door::{Door, STORED};
use crate::wire::{publish, publish_as};

#[tokio::test]
async fn outcomes_in_any_order_are_acknowledged_in_the_order_of_the_publishes() {
    let (door, mut ingest) = Door::held(Limits::default()).await;
    let mut client = door.client3("c").await;
    for id in 1..=100 {
        client.send(&publish("a/b", id, None, b"1")).await;
    }
    let mut messages = ingest.take(100).await;
    assert_eq!(door.broker.counters().in_flight, 100);
    while let Some(message) = messages.pop() {
        message.reply.settle(STORED);
    }
    let expected: Vec<_> = (1..=100).map(|id| (id, 0)).collect();
    assert_eq!(client.acks(100).await, expected);
    let counters = door.broker.counters();
    assert_eq!((counters.in_flight, counters.in_flight_bytes, counters.acks), (0, 0, 100));
}

#[tokio::test]
async fn nothing_is_acknowledged_before_its_outcome() {
    let (door, mut ingest) = Door::held(Limits::default()).await;
    let mut client = door.client3("c").await;
    client.send(&publish("a", 1, None, b"1")).await;
    client.send(&publish("a", 2, None, b"1")).await;
    let first = ingest.next().await;
    let second = ingest.next().await;
    second.reply.settle(STORED);
    client.ping().await;
    first.reply.settle(STORED);
    assert_eq!(client.acks(2).await, [(1, 0), (2, 0)]);
}

#[tokio::test]
async fn what_came_in_is_handed_over_as_it_was() {
    let (door, mut ingest) = Door::held(Limits::default()).await;
    let mut client = door.client5("device 7").await;
    client.send(&publish("a/b", 0, Some(&[]), b"\xff\x00")).await;
    client.send(&publish_as(0x3a, "a/b", 7, Some(&[]), b"")).await;
    let plain = ingest.next().await;
    assert_eq!((plain.source.as_str(), &*plain.client, plain.topic.as_str()), ("mqtt", "device 7", "a/b"));
    assert_eq!((&plain.payload[..], plain.repeat), (&b"\xff\x00"[..], None));
    let repeat = ingest.next().await;
    assert_eq!(repeat.repeat, Some(Repeat { id: 7, marked: true, part: 0 }));
    // QoS 0 first: its outcome holds nobody up when it comes.
    plain.reply.settle(Outcome::Unknown);
    repeat.reply.settle(Outcome::Duplicate);
    assert_eq!(client.acks(1).await, [(7, 0)]);
}

/// Many connections, outcomes in a seeded random order from another thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_holds_under_load_for_every_connection() {
    let (door, mut ingest) = Door::held(Limits { receive_maximum: 50, ..Limits::default() }).await;
    let settling = tokio::spawn(async move {
        let (mut waiting, mut seed) = (Vec::new(), 7u64);
        while let Some(message) = ingest.0.recv().await {
            waiting.push(message);
            // A batch when nothing more is there, in an order that a linear congruence picks.
            while let Ok(message) = ingest.0.try_recv() {
                waiting.push(message);
            }
            while !waiting.is_empty() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let index = usize::try_from(seed >> 33).unwrap() % waiting.len();
                waiting.swap_remove(index).reply.settle(STORED);
            }
        }
    });
    let mut clients = tokio::task::JoinSet::new();
    for index in 0..20u16 {
        let new = index % 2 == 1;
        let mut client =
            if new { door.client5(&format!("c{index}")).await } else { door.client3(&format!("c{index}")).await };
        clients.spawn(async move {
            for round in 0..20 {
                let ids: Vec<u16> = (1..=50).map(|id| round * 50 + id).collect();
                let packets = ids.iter().map(|id| publish("a/b", *id, new.then_some(&[]), b"21.5"));
                client.send(&packets.collect::<Vec<_>>().concat()).await;
                let acks: Vec<u16> = client.acks(50).await.into_iter().map(|(id, _)| id).collect();
                assert_eq!(acks, ids);
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let counters = door.broker.counters();
    assert_eq!((counters.acks, counters.in_flight, counters.in_flight_bytes), (20_000, 0, 0));
    settling.abort();
}

#[tokio::test]
async fn version_5_is_told_why_a_message_was_refused() {
    let (door, mut ingest) = Door::held(Limits::default()).await;
    let mut new = door.client5("new").await;
    let mut old = door.client3("old").await;
    let outcomes = [
        (Outcome::Unread, 0),
        (Outcome::NoReading { kind: "text" }, 0),
        (Outcome::Duplicate, 0),
        (Outcome::Rejected(RejectReason::Cardinality), 0x97),
        (Outcome::Rejected(RejectReason::Limit), 0x97),
        (Outcome::Rejected(RejectReason::Precision), 0x99),
        (Outcome::Rejected(RejectReason::Time), 0x99),
        (Outcome::Rejected(RejectReason::Name), 0x83),
        (Outcome::Rejected(RejectReason::Ignored), 0x83),
    ];
    for (index, (outcome, code)) in (1..).zip(outcomes) {
        new.send(&publish("a", index, Some(&[]), b"1")).await;
        ingest.next().await.reply.settle(outcome);
        assert_eq!(new.acks(1).await, [(index, code)]);
        old.send(&publish("a", index, None, b"1")).await;
        ingest.next().await.reply.settle(outcome);
        assert_eq!(old.acks(1).await, [(index, 0)]);
    }
}

#[tokio::test]
async fn an_unknown_outcome_closes_the_connection_without_its_acknowledgement() {
    let (door, mut ingest) = Door::held(Limits::default()).await;
    let mut old = door.client3("old").await;
    let mut new = door.client5("new").await;
    for (client, properties) in [(&mut old, None), (&mut new, Some(&[][..]))] {
        for id in 1..=3 {
            client.send(&publish("a", id, properties, b"1")).await;
        }
        let outcomes = [STORED, Outcome::Unknown, STORED];
        for (message, outcome) in ingest.take(3).await.into_iter().zip(outcomes).rev() {
            message.reply.settle(outcome);
        }
        assert_eq!(client.acks(1).await, [(1, 0)]);
    }
    old.expect_end().await;
    new.expect_disconnect(0x83).await;
    assert_eq!(door.ended("not_stored"), 2);
    assert_eq!(door.broker.counters().in_flight_bytes, 0);
}

#[tokio::test]
async fn stopping_acknowledges_what_is_settled_within_the_grace() {
    let (door, mut ingest) = Door::held(Limits::default()).await;
    let mut client = door.client5("c").await;
    client.send(&publish("a", 1, Some(&[]), b"1")).await;
    let message = ingest.next().await;
    let mut refused = door.socket().await;
    let stopped = tokio::spawn(door.stop());
    refused.expect_end().await;
    message.reply.settle(STORED);
    assert_eq!(client.acks(1).await, [(1, 0)]);
    client.expect_disconnect(0x8b).await;
    drop(client);
    stopped.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_ever_and_does_not_acknowledge() {
    let (door, mut ingest) = Door::held(Limits::default()).await;
    let mut client = door.client5("c").await;
    client.send(&publish("a", 1, Some(&[]), b"1")).await;
    let _held = ingest.next().await;
    let stopped = tokio::spawn(door.stop());
    client.expect_disconnect(0x8b).await;
    drop(client);
    stopped.await.unwrap();
}

#[tokio::test]
async fn a_connection_ends_when_ingest_has_stopped() {
    let (door, ingest) = Door::held(Limits::default()).await;
    let mut client = door.client5("c").await;
    drop(ingest);
    client.send(&publish("a", 1, Some(&[]), b"1")).await;
    client.expect_disconnect(0x8b).await;
    assert_eq!(door.broker.counters().in_flight_bytes, 0);
}
