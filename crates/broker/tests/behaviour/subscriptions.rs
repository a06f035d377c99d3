//! Copies: who gets which, with which flags, retained or not, and what a subscriber that does not read costs.

use broker::Limits;

use crate::door::Door;
use crate::wire::{packet, publish, publish_as, subscribe3, subscribe5, text};

#[tokio::test]
async fn copies_do_not_wait_for_the_store() {
    let (door, mut ingest) = Door::held(Limits::default()).await;
    let mut old = door.client3("old").await;
    old.subscribe(&["home/+/light"]).await;
    let mut new = door.client5("new").await;
    new.send(&subscribe5(1, &[], &[("home/#", 0)])).await;
    assert_eq!(new.packet().await.unwrap(), (0x90, vec![0, 1, 0, 0]));
    let mut publisher = door.client3("publisher").await;
    publisher.send(&publish("home/kitchen/light", 5, None, b"on")).await;
    old.expect(&publish("home/kitchen/light", 0, None, b"on")).await;
    new.expect(&publish("home/kitchen/light", 0, Some(&[]), b"on")).await;
    assert_eq!(ingest.next().await.topic.as_str(), "home/kitchen/light");
}

#[tokio::test]
async fn every_filter_gets_its_own_code() {
    let door = Door::open(Limits { subscriptions_max: 2, ..Limits::default() }).await;
    let filters = ["a", "a/#/b", "$share/g/a", "b/+", "c"];
    let mut old = door.client3("old").await;
    old.send(&subscribe3(7, &filters)).await;
    old.expect(&packet(0x90, &[0, 7, 0, 0x80, 0x80, 0, 0x80])).await;
    let mut new = door.client5("new").await;
    let with_options: Vec<_> = filters.iter().map(|filter| (*filter, 1)).collect();
    new.send(&subscribe5(7, &[], &with_options)).await;
    new.expect(&packet(0x90, &[0, 7, 0, 0, 0x8f, 0x9e, 0, 0x97])).await;
    let unsubscribe = [&[0, 8, 0][..], &text("a"), &text("x"), &text("#/x")].concat();
    new.send(&packet(0xa2, &unsubscribe)).await;
    new.expect(&packet(0xb0, &[0, 8, 0, 0, 0x11, 0x8f])).await;
    assert_eq!(door.broker.counters().subscriptions, 3);
    new.send(&publish("a", 0, Some(&[]), b"not for me")).await;
    new.ping().await;
    drop((old, new));
}

#[tokio::test]
async fn one_copy_for_a_client_however_many_filters_ask() {
    let door = Door::open(Limits::default()).await;
    let mut client = door.client5("c").await;
    client.send(&subscribe5(1, &[0x0b, 7], &[("a/#", 0)])).await;
    client.packet().await.unwrap();
    client.send(&subscribe5(1, &[0x0b, 9], &[("a/+", 0), ("#", 0)])).await;
    client.packet().await.unwrap();
    client.send(&publish("a/b", 0, Some(&[]), b"1")).await;
    let (first, body) = client.packet().await.unwrap();
    assert_eq!((first, body.len()), (0x30, 5 + 1 + 6 + 1));
    client.send(&publish("$x/b", 0, Some(&[]), b"a wildcard does not match this")).await;
    client.ping().await;
}

#[tokio::test]
async fn options_of_version_5_are_obeyed() {
    let door = Door::open(Limits::default()).await;
    let mut client = door.client5("c").await;
    // No Local on one, Retain As Published on the other.
    client.send(&subscribe5(1, &[], &[("local", 4), ("flag", 8)])).await;
    client.packet().await.unwrap();
    client.send(&publish("local", 0, Some(&[]), b"1")).await;
    client.send(&publish_as(0x31, "flag", 0, Some(&[]), b"2")).await;
    client.expect(&publish_as(0x31, "flag", 0, Some(&[]), b"2")).await;
    let mut other = door.client3("other").await;
    other.send(&publish("local", 0, None, b"3")).await;
    client.expect(&publish("local", 0, Some(&[]), b"3")).await;
    // Retain handling: 0 always, 1 only if new, 2 never.
    for (options, comes) in [(0x10, false), (0x20, false), (0x00, true)] {
        client.send(&subscribe5(1, &[], &[("flag", options)])).await;
        client.packet().await.unwrap();
        if comes {
            client.expect(&publish_as(0x31, "flag", 0, Some(&[]), b"2")).await;
        }
        client.ping().await;
    }
}

#[tokio::test]
async fn properties_travel_with_the_message() {
    let door = Door::open(Limits::default()).await;
    let mut client = door.client5("c").await;
    client.send(&subscribe5(1, &[], &[("a", 0)])).await;
    client.packet().await.unwrap();
    let properties = [&[0x03][..], &text("text/plain"), &[0x26], &text("k"), &text("v")].concat();
    client.send(&publish_as(0x33, "a", 1, Some(&properties), b"1")).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.push(client.packet().await.unwrap());
    }
    assert!(seen.contains(&(0x30, publish("a", 0, Some(&properties), b"1")[2..].to_vec())));
    let mut late = door.client5("late").await;
    late.send(&subscribe5(1, &[], &[("a", 0)])).await;
    late.packet().await.unwrap();
    late.expect(&publish_as(0x31, "a", 0, Some(&properties), b"1")).await;
}

#[tokio::test]
async fn an_alias_stands_for_its_topic() {
    let (door, mut ingest) = Door::held(Limits::default()).await;
    let mut client = door.client5("c").await;
    client.send(&publish("long/topic", 0, Some(&[0x23, 0, 16]), b"1")).await;
    client.send(&publish("", 0, Some(&[0x23, 0, 16]), b"2")).await;
    client.send(&publish("other", 0, Some(&[0x23, 0, 16]), b"3")).await;
    client.send(&publish("", 0, Some(&[0x23, 0, 16]), b"4")).await;
    for topic in ["long/topic", "long/topic", "other", "other"] {
        assert_eq!(ingest.next().await.topic.as_str(), topic);
    }
}

#[tokio::test]
async fn retained_messages_are_kept_replaced_cleared_and_bounded() {
    let door = Door::open(Limits { retained_max: 2, ..Limits::default() }).await;
    let mut client = door.client3("c").await;
    for (topic, payload) in [("r/a", "1"), ("r/a", "2"), ("r/b", "3"), ("r/c", "does not fit"), ("r/b", "")] {
        client.send(&publish_as(0x31, topic, 0, None, payload.as_bytes())).await;
    }
    client.send(&publish_as(0x31, "r", 0, None, b"fits again")).await;
    client.ping().await;
    let counters = door.broker.counters();
    assert_eq!((counters.retained, counters.retained_refused), (2, 1));
    let mut late = door.client3("late").await;
    late.subscribe(&["r/#"]).await;
    late.expect(&publish_as(0x31, "r", 0, None, b"fits again")).await;
    late.expect(&publish_as(0x31, "r/a", 0, None, b"2")).await;
    late.ping().await;
    // To those who were there already, it is a message like any other.
    client.send(&publish_as(0x31, "r/a", 0, None, b"4")).await;
    late.expect(&publish("r/a", 0, None, b"4")).await;
}

#[tokio::test]
async fn any_number_of_retained_messages_arrives_whole() {
    let door = Door::open(Limits { outbound_bytes_max: 4_096, ..Limits::default() }).await;
    let mut client = door.client3("c").await;
    for index in 0..500 {
        client.send(&publish_as(0x31, format!("r/{index:03}"), 0, None, &[b'x'; 100])).await;
    }
    client.ping().await;
    let mut late = door.client3("late").await;
    late.subscribe(&["r/+"]).await;
    for index in 0..500 {
        late.expect(&publish_as(0x31, format!("r/{index:03}"), 0, None, &[b'x'; 100])).await;
    }
    assert_eq!(door.broker.counters().dropped, 0);
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_loses_the_oldest_and_holds_nobody_up() {
    let door = Door::open(Limits { outbound_bytes_max: 64 * 1024, ..Limits::default() }).await;
    let mut deaf = door.client3("deaf").await;
    deaf.subscribe(&["a"]).await;
    let mut publisher = door.client3("publisher").await;
    let payload = vec![b'x'; 50_000];
    let mut sent = 0u32;
    while door.broker.counters().dropped < 10 {
        sent += 1;
        let payload = [&sent.to_be_bytes()[..], &payload].concat();
        publisher.send(&publish("a", 1, None, &payload)).await;
        assert_eq!(publisher.acks(1).await, [(1, 0)]);
        assert!(sent < 5_000, "nothing is ever dropped");
    }
    let mut last = 0;
    while last < sent {
        let (_, body) = deaf.packet().await.unwrap();
        let number = u32::from_be_bytes([body[3], body[4], body[5], body[6]]);
        assert!(number > last);
        last = number;
    }
    assert_eq!(door.ended("not_reading"), 0);
}

#[tokio::test]
async fn what_is_queued_for_all_subscribers_is_bounded() {
    let limits = Limits {
        outbound_total_bytes_max: 400_000,
        write_stall_max: std::time::Duration::MAX / 4,
        ..Limits::default()
    };
    let door = Door::open(limits).await;
    let mut deaf = Vec::new();
    for index in 0..10 {
        let (ours, theirs) = tokio::io::duplex(64);
        tokio::spawn(std::sync::Arc::clone(&door.broker).attach(theirs, [127, 0, 0, 1].into()));
        let mut client = crate::wire::Client { stream: ours };
        client.greet3(&format!("deaf {index}")).await;
        client.subscribe(&["a"]).await;
        deaf.push(client);
    }
    let mut publisher = door.client3("publisher").await;
    for id in 1..=200 {
        publisher.send(&publish("a", id, None, &[b'x'; 5_000])).await;
        publisher.acks(1).await;
        assert!(door.broker.counters().queued_bytes <= 800_000);
    }
    assert!(door.broker.counters().dropped > 1_000);
    drop(deaf);
    door.wait_ended("peer_closed").await;
}

#[tokio::test]
async fn a_client_of_version_5_gets_no_packet_larger_than_it_takes() {
    let door = Door::open(Limits::default()).await;
    let mut client = door.socket().await;
    client.send(&crate::wire::connect(5, 2, 60, &[0x27, 0, 0, 0, 30], "c", &[])).await;
    client.packet().await.unwrap();
    client.send(&subscribe5(1, &[], &[("a", 0)])).await;
    client.packet().await.unwrap();
    let mut publisher = door.client3("publisher").await;
    publisher.send(&publish("a", 0, None, &[b'x'; 100])).await;
    publisher.send(&publish("a", 0, None, b"fits")).await;
    client.expect(&publish("a", 0, Some(&[]), b"fits")).await;
    assert_eq!(door.broker.counters().dropped, 1);
}

#[tokio::test]
async fn asking_without_reading_the_answers_ends_the_connection() {
    let door = Door::open(Limits { answers_bytes_max: 1_000, ..Limits::default() }).await;
    let (ours, theirs) = tokio::io::duplex(256);
    tokio::spawn(std::sync::Arc::clone(&door.broker).attach(theirs, [127, 0, 0, 1].into()));
    let mut client = crate::wire::Client { stream: ours };
    client.greet3("c").await;
    for _ in 0..10_000 {
        client.try_send(&[0xc0, 0]).await;
        if door.ended("not_reading") > 0 {
            break;
        }
    }
    assert_eq!(door.ended("not_reading"), 1);
}
