//! A client that breaks the protocol loses its own connection and nothing else.

use std::panic::AssertUnwindSafe;

use broker::Limits;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::door::Door;
use crate::wire::{connect, packet, publish, publish_as, subscribe3, subscribe5, text};

#[tokio::test]
async fn what_breaks_the_protocol_is_counted_and_closed() {
    let door = Door::open(Limits::default()).await;
    let mut bystander = door.client3("bystander").await;
    let too_large = publish("a", 1, None, &vec![b'x'; 256 * 1024 + 1]);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (connect(4, 2, 60, &[], "again", &[]), "second_connect"),
        (publish_as(0x34, "a", 1, None, b"1"), "qos2_unsupported"),
        (publish_as(0x36, "a", 1, None, b"1"), "malformed"),
        (publish_as(0x38, "a", 0, None, b"1"), "malformed"),
        (publish_as(0x32, "a", 0, None, b"1"), "malformed"),
        (publish("", 0, None, b"1"), "topic_invalid"),
        (publish("a/+", 0, None, b"1"), "topic_invalid"),
        (publish("a/#", 0, None, b"1"), "topic_invalid"),
        (publish("a\0b", 0, None, b"1"), "topic_invalid"),
        (publish("a\u{7}", 0, None, b"1"), "topic_invalid"),
        (publish("$SYS/broker", 0, None, b"1"), "topic_invalid"),
        (publish(&"a/".repeat(40), 0, None, b"1"), "topic_invalid"),
        (publish(&"a".repeat(2000), 0, None, b"1"), "topic_invalid"),
        (publish_as(0x30, b"\xed\xa0\x80", 0, None, b"1"), "malformed"),
        (publish_as(0x30, b"\xc0\x80", 0, None, b"1"), "malformed"),
        (too_large, "packet_too_large"),
        (vec![0x30, 0xff, 0xff, 0xff, 0x7f], "packet_too_large"),
        (vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x01], "malformed"),
        (vec![0x30, 0x80, 0x00], "malformed"),
        (vec![0x30, 1, 0], "malformed"),
        (vec![0x00, 0], "malformed"),
        (vec![0xf0, 0], "unexpected_packet"),
        (vec![0xc0, 1, 0], "malformed"),
        (vec![0xe0, 1, 0], "malformed"),
        (packet(0x80, &[0, 1, 0, 1, b'a', 0]), "malformed"),
        (packet(0x82, &[0, 1]), "topic_invalid"),
        (packet(0x82, &[0, 0, 0, 1, b'a', 0]), "malformed"),
        (packet(0x82, &[0, 1, 0, 1, b'a', 3]), "malformed"),
        (packet(0x82, &[0, 1, 0, 1, b'a', 4]), "malformed"),
        (packet(0x82, &[0, 1, 0, 9, b'a', 0]), "malformed"),
        (packet(0xa2, &[0, 1]), "topic_invalid"),
        (packet(0x40, &[0, 1]), "unexpected_packet"),
        (packet(0x50, &[0, 1]), "unexpected_packet"),
        (packet(0x62, &[0, 1]), "unexpected_packet"),
        (packet(0x60, &[0, 1]), "malformed"),
        (packet(0x70, &[0, 1]), "unexpected_packet"),
        (packet(0x20, &[0, 0]), "unexpected_packet"),
        (packet(0x90, &[0, 1, 0]), "unexpected_packet"),
        (packet(0xb0, &[0, 1]), "unexpected_packet"),
        (packet(0xd0, &[]), "unexpected_packet"),
    ];
    for (bytes, reason) in cases {
        let before = door.ended(reason);
        let mut client = door.client3("c").await;
        client.try_send(&bytes).await;
        client.expect_end().await;
        assert_eq!(door.ended(reason), before + 1, "{bytes:?}");
        bystander.ping().await;
    }
    let refusals = door.broker.refusals();
    let of_client = refusals.iter().filter(|refusal| refusal.client.as_deref() == Some("c"));
    assert_eq!(of_client.map(|refusal| refusal.count).sum::<u64>(), 40);
}

#[tokio::test]
async fn version_5_is_told_what_was_wrong() {
    let door = Door::open(Limits::default()).await;
    let user = [0x26, 0, 1, b'k', 0, 1, b'v'];
    let many = user.repeat(10);
    let mut far_too_many = vec![0, 9, 0xd6, 3];
    far_too_many.extend_from_slice(&user.repeat(66));
    let mut subscribe_many = far_too_many[..2].to_vec();
    subscribe_many.extend_from_slice(&[0xce, 3]);
    subscribe_many.extend_from_slice(&user.repeat(66));
    subscribe_many.extend_from_slice(&[&text("a")[..], &[0]].concat());
    let cases: Vec<(Vec<u8>, u8)> = vec![
        (publish_as(0x34, "a", 1, Some(&[]), b"1"), 0x9b),
        (publish("a/+", 0, Some(&[]), b"1"), 0x90),
        (publish("", 0, Some(&[]), b"1"), 0x90),
        (publish_as(0x30, b"\xff", 0, Some(&[]), b"1"), 0x81),
        (publish("", 0, Some(&[0x23, 0, 1]), b"1"), 0x94),
        (publish("a", 0, Some(&[0x23, 0, 17]), b"1"), 0x94),
        (publish("a", 0, Some(&[0x23, 0, 0]), b"1"), 0x81),
        (publish("a", 0, Some(&[0x0b, 1]), b"1"), 0x82),
        (publish("a", 0, Some(&[0x08, 0, 1, b'#']), b"1"), 0x82),
        (publish("a", 0, Some(&[0x7f]), b"1"), 0x81),
        (publish("a", 1, Some(&[]), &vec![b'x'; 256 * 1024 + 1]), 0x95),
        (vec![0x32, 0xff, 0xff, 0xff, 0x7f], 0x95),
        (packet(0x82, &subscribe_many), 0x97),
        (packet(0xf0, &[0x18, 0]), 0x82),
        (packet(0x62, &[0, 1]), 0x82),
        (packet(0x10, &[0; 20]), 0x82),
        (subscribe5(0, &[], &[("a", 0)]), 0x81),
        (subscribe5(1, &[], &[("a", 0x30)]), 0x81),
        (subscribe5(1, &[0x0b, 0], &[("a", 0)]), 0x81),
    ];
    for (bytes, code) in cases {
        let mut client = door.client5("c").await;
        client.try_send(&bytes).await;
        client.expect_disconnect(code).await;
    }
    let mut client = door.client5("c").await;
    client.send(&publish("a", 1, Some(&many), b"1")).await;
    assert_eq!(client.acks(1).await, [(1, 0)]);
    let exactly = publish("a", 2, Some(&[]), &vec![b'x'; 256 * 1024]);
    client.send(&exactly).await;
    assert_eq!(client.acks(1).await, [(2, 0)]);
}

#[tokio::test]
async fn what_follows_a_goodbye_is_ignored() {
    let (door, mut ingest) = Door::held(Limits::default()).await;
    let mut client = door.client3("c").await;
    client.send(&[&[0xe0, 0][..], &publish("a", 0, None, b"1")].concat()).await;
    client.expect_end().await;
    assert!(ingest.0.try_recv().is_err());
}

#[tokio::test]
async fn packets_may_come_in_any_pieces() {
    let door = Door::open(Limits::default()).await;
    let mut client = door.client3("c").await;
    let packets = [publish("a/b", 1, None, b"21.5"), publish("a/b", 2, None, &vec![b'x'; 70_000]), vec![0xc0, 0]];
    let bytes = packets.concat();
    for piece in bytes.chunks(1).take(300) {
        client.send(piece).await;
        tokio::task::yield_now().await;
    }
    for piece in bytes[300..].chunks(4_099) {
        client.send(piece).await;
    }
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(client.packet().await.unwrap().0);
    }
    kinds.sort_unstable();
    assert_eq!(kinds, [0x40, 0x40, 0xd0]);
}

/// A conversation with bytes changed, left out or added.
fn mutated() -> impl Strategy<Value = (bool, Vec<u8>)> {
    let conversation = |new: bool| {
        let properties = new.then_some(&[0x23, 0, 1, 0x26, 0, 1, b'k', 0, 1, b'v'][..]);
        let subscribe = if new { subscribe5(2, &[0x0b, 1], &[("a/#", 1)]) } else { subscribe3(2, &["a/#", "+"]) };
        let level = if new { 5 } else { 4 };
        let will = [if new { &[0][..] } else { &[] }, &text("w"), &text("gone")].concat();
        [
            connect(level, 6, 60, &[], "fuzz", &will),
            publish("a/b", 1, properties, b"{\"t\":1}"),
            subscribe,
            publish_as(0x3b, "a/b", 1, properties, b"2"),
            vec![0xc0, 0],
            vec![0xe0, 0],
        ]
        .concat()
    };
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..4u8);
    (any::<bool>(), prop::collection::vec(change, 1..6), any::<bool>()).prop_map(move |(new, changes, keep_connect)| {
        let mut bytes = conversation(new);
        let from = if keep_connect { 30 } else { 0 };
        for (place, byte, kind) in changes {
            let index = from + place.index(bytes.len() - from);
            match kind {
                0 => bytes[index] = byte,
                1 => bytes[index] ^= 1 << (byte % 8),
                2 => drop(bytes.remove(index)),
                _ => bytes.insert(index, byte),
            }
        }
        (new, bytes)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_mutation_ends_more_than_its_own_connection() {
    let door = Door::open(Limits::default()).await;
    let mut bystander = door.client3("bystander").await;
    let runtime = tokio::runtime::Handle::current();
    let address = door.address;
    let fuzzing = tokio::task::spawn_blocking(move || {
        let mut runner =
            TestRunner::new(ProptestConfig { cases: 1_500, failure_persistence: None, ..Default::default() });
        let outcome = runner.run(&mutated(), |(_, bytes)| {
            let talk = async {
                let mut client = crate::wire::Client::to(address).await;
                client.try_send(&bytes).await;
                let _ = tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await;
                while client.packet().await.is_some() {}
            };
            std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(talk)))
                .map_err(|_| TestCaseError::fail("the connection hangs"))
        });
        outcome.unwrap();
    });
    fuzzing.await.unwrap();
    bystander.ping().await;
    let counters = door.broker.counters();
    assert_eq!((counters.connections, counters.in_flight, counters.in_flight_bytes), (1, 0, 0));
    assert_eq!(counters.subscriptions, 0);
    door.client5("still here").await.ping().await;
}
