//! Getting in: CONNECT, its answers, take-over, wills, and the limits before anybody is known.

use std::time::Duration;

use broker::Limits;

use crate::door::Door;
use crate::wire::{connect, packet, publish, publish_as, text};

#[tokio::test]
async fn every_version_is_greeted_in_its_own_words() {
    let door = Door::open(Limits::default()).await;
    for level in [3, 4] {
        let mut client = door.socket().await;
        client.send(&connect(level, 2, 60, &[], "c", &[])).await;
        client.expect(&[0x20, 2, 0, 0]).await;
        client.ping().await;
    }
    let mut client = door.socket().await;
    // Session expiry and no clean start: there is no session all the same, and the client is told.
    client.send(&connect(5, 0, 60, &[0x11, 0, 0, 1, 0], "c", &[])).await;
    let (first, body) = client.packet().await.unwrap();
    assert_eq!((first, &body[..2]), (0x20, &[0, 0][..]));
    let properties = &body[3..];
    let has = |wanted: &[u8]| properties.windows(wanted.len()).any(|window| window == wanted);
    assert!(has(&[0x24, 1]), "Maximum QoS 1");
    assert!(has(&[0x11, 0, 0, 0, 0]), "Session Expiry Interval 0");
    assert!(has(&[0x21, 1, 0]), "Receive Maximum 256");
    assert!(has(&[0x22, 0, 16]), "Topic Alias Maximum");
    assert!(has(&[0x2a, 0]), "no shared subscriptions");
    assert!(has(&[0x27, 0, 4, 16, 0]), "Maximum Packet Size");
}

#[tokio::test]
async fn an_empty_client_identifier_is_assigned_where_the_standard_allows() {
    let door = Door::open(Limits::default()).await;
    let mut clean = door.socket().await;
    clean.send(&connect(4, 2, 60, &[], "", &[])).await;
    clean.expect(&[0x20, 2, 0, 0]).await;
    let mut kept = door.socket().await;
    kept.send(&connect(4, 0, 60, &[], "", &[])).await;
    kept.expect(&[0x20, 2, 0, 2]).await;
    kept.expect_end().await;
    for flags in [0, 2] {
        let mut new = door.socket().await;
        new.send(&connect(5, flags, 60, &[], "", &[])).await;
        let (_, body) = new.packet().await.unwrap();
        assert_eq!(body[1], 0);
        assert!(body.windows(5).any(|window| window == b"auto-"));
    }
}

#[tokio::test]
async fn what_cannot_be_a_client_is_refused_and_listed() {
    let door = Door::open(Limits::default()).await;
    let too_long = "x".repeat(257);
    let will_qos2 = [&[0][..], &text("a"), &text("b")].concat();
    let wild_will = [&text("a/#")[..], &text("b")].concat();
    let huge_will = [&text("a")[..], &text(vec![b'x'; 20_000])].concat();
    let cases: Vec<(_, _, Option<Vec<u8>>)> = vec![
        (connect(4, 2, 60, &[], &too_long, &[]), "client_id", Some(vec![0x20, 2, 0, 2])),
        (connect(4, 2, 60, &[], "a\nb", &[]), "client_id", Some(vec![0x20, 2, 0, 2])),
        (connect(6, 2, 60, &[], "a", &[]), "unsupported_version", Some(vec![0x20, 2, 0, 1])),
        (connect(4, 6, 60, &[], "a", &wild_will), "will_invalid", None),
        (connect(4, 6, 60, &[], "a", &huge_will), "connect_too_large", None),
        (connect(4, 3, 60, &[], "a", &[]), "connect_malformed", None),
        (connect(4, 0x42, 60, &[], "a", &text("password")), "connect_malformed", None),
        (connect(4, 0x22, 60, &[], "a", &[]), "connect_malformed", None),
        (connect(5, 0x16, 60, &[], "a", &will_qos2), "will_qos2_unsupported", None),
        (connect(5, 2, 60, &[0x15, 0, 1, b'x'], "a", &[]), "authentication_method", None),
        (connect(5, 2, 60, &[0x21, 0, 0], "a", &[]), "connect_malformed", None),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "not_mqtt", None),
        (vec![0x16, 3, 1, 2, 0, 1, 0], "not_mqtt", None),
        (publish("a", 0, None, b"1"), "not_mqtt", None),
        (vec![0x10, 0xff, 0xff, 0xff, 0x7f], "connect_too_large", None),
        (vec![0x10, 0xff, 0xff, 0xff, 0xff, 0x7f], "not_mqtt", None),
    ];
    for (bytes, reason, answer) in cases {
        let before = door.ended(reason);
        let mut client = door.socket().await;
        client.send(&bytes).await;
        match (&answer, bytes.get(8)) {
            (Some(answer), _) => client.expect(answer).await,
            (None, Some(5)) if bytes[0] == 0x10 => {
                let (first, body) = client.packet().await.expect("a CONNACK");
                assert!(first == 0x20 && body[1] >= 0x80, "{reason}");
            }
            (None, _) => {}
        }
        client.expect_end().await;
        assert_eq!(door.ended(reason), before + 1, "{reason}");
    }
    let refusals = door.broker.refusals();
    assert_eq!(refusals.iter().map(|refusal| refusal.count).sum::<u64>(), 16, "equal ones are one");
    assert_eq!(refusals[0].reason.as_str(), "client_id");
    assert_eq!(door.broker.counters().connections, 0);
}

#[tokio::test(start_paused = true)]
async fn a_connect_must_be_whole_in_time_in_all() {
    let door = Door::open(Limits::default()).await;
    let (ours, theirs) = tokio::io::duplex(64);
    let attached = std::sync::Arc::clone(&door.broker).attach(theirs, [127, 0, 0, 1].into());
    let start = tokio::time::Instant::now();
    let serving = tokio::spawn(attached);
    let mut client = crate::wire::Client { stream: ours };
    for byte in connect(4, 2, 60, &[], "slow", &[]) {
        client.try_send(&[byte]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        if door.ended("connect_timeout") == 1 {
            break;
        }
    }
    // The sixth byte is asleep when the connection ends.
    assert!((5..=6).contains(&start.elapsed().as_secs()));
    drop(client);
    serving.await.unwrap();
}

#[tokio::test]
async fn connections_are_bounded_and_a_place_comes_free() {
    let limits = Limits { connections_max: 2, waiting_max: 1, ..Limits::default() };
    let door = Door::open(limits).await;
    let mut one = door.client3("one").await;
    let mut waiting = door.socket().await;
    let mut refused = door.socket().await;
    refused.expect_end().await;
    assert_eq!(door.ended("connections_max"), 1);
    waiting.greet3("two").await;
    one.send(&[0xe0, 0]).await;
    one.expect_end().await;
    drop(one);
    door.wait_ended("disconnected").await;
    let free = async {
        loop {
            let mut next = door.socket().await;
            next.try_send(&connect(4, 2, 60, &[], "three", &[])).await;
            if next.packet().await.is_some() {
                break next;
            }
        }
    };
    free.await.ping().await;
}

#[tokio::test]
async fn the_newest_connection_with_a_client_identifier_wins() {
    let door = Door::open(Limits::default()).await;
    let mut watcher = door.client3("watcher").await;
    watcher.subscribe(&["will/#"]).await;
    let mut old = door.socket().await;
    let will = [&[0][..], &text("will/old"), &text("gone")].concat();
    old.send(&connect(5, 6, 60, &[], "same", &will)).await;
    old.packet().await.unwrap();
    old.send(&crate::wire::subscribe5(1, &[], &[("a", 0)])).await;
    old.packet().await.unwrap();
    let mut new = door.client3("same").await;
    old.expect_disconnect(0x8e).await;
    watcher.expect(&publish("will/old", 0, None, b"gone")).await;
    new.subscribe(&["b"]).await;
    watcher.send(&publish("a", 0, None, b"1")).await;
    watcher.send(&publish("b", 0, None, b"2")).await;
    new.expect(&publish("b", 0, None, b"2")).await;
    let counters = door.broker.counters();
    assert_eq!((counters.connections, counters.subscriptions, counters.wills), (2, 2, 1));
    assert_eq!(door.broker.refusals()[0].client.as_deref(), Some("same"));
}

#[tokio::test]
async fn a_will_is_published_after_every_end_but_a_goodbye() {
    let (door, mut ingest) = Door::held(Limits::default()).await;
    let mut watcher = door.client3("watcher").await;
    watcher.subscribe(&["will/#"]).await;
    for (index, goodbye) in [&[0xe0, 0][..], &[], &[0xff, 0]].into_iter().enumerate() {
        let mut device = door.socket().await;
        let topic = format!("will/{index}");
        let will = [&text(&topic)[..], &text("gone")].concat();
        device.send(&connect(4, 6, 60, &[], "device", &will)).await;
        device.expect(&[0x20, 2, 0, 0]).await;
        device.send(goodbye).await;
    }
    watcher.expect(&publish("will/1", 0, None, b"gone")).await;
    watcher.expect(&publish("will/2", 0, None, b"gone")).await;
    // 5: a goodbye that asks for the will.
    let mut device = door.socket().await;
    let will = [&[0][..], &text("will/3"), &text("gone")].concat();
    device.send(&connect(5, 0x26, 60, &[], "device", &will)).await;
    device.packet().await.unwrap();
    device.send(&packet(0xe0, &[4])).await;
    watcher.expect(&publish("will/3", 0, None, b"gone")).await;
    for topic in ["will/1", "will/2", "will/3"] {
        let message = ingest.next().await;
        assert_eq!((message.topic.as_str(), &*message.client, message.repeat), (topic, "device", None));
    }
    assert_eq!(door.broker.counters().retained, 1);
}

#[tokio::test]
async fn one_address_cannot_take_every_place_but_this_machine_may() {
    let door = Door::open(Limits { connections_per_ip_max: 2, ..Limits::default() }).await;
    let mut clients = Vec::new();
    for (ip, taken) in [([10, 0, 0, 1], true), ([10, 0, 0, 1], true), ([10, 0, 0, 1], false), ([10, 0, 0, 2], true)] {
        let (ours, theirs) = tokio::io::duplex(1024);
        tokio::spawn(std::sync::Arc::clone(&door.broker).attach(theirs, ip.into()));
        let mut client = crate::wire::Client { stream: ours };
        client.try_send(&connect(4, 2, 60, &[], &format!("c{}", clients.len()), &[])).await;
        assert_eq!(client.packet().await.is_some(), taken);
        clients.push(client);
    }
    assert_eq!(door.ended("connections_per_ip_max"), 1);
    for index in 0..3 {
        door.client3(&format!("local {index}")).await.ping().await;
    }
}

#[tokio::test]
async fn only_the_last_refusals_are_kept() {
    let door = Door::open(Limits { refusals_max: 3, ..Limits::default() }).await;
    for first in
        [b"HELO".to_vec(), vec![0x16, 3, 1], connect(4, 3, 60, &[], "a", &[]), connect(6, 2, 60, &[], "a", &[])]
    {
        let mut client = door.socket().await;
        client.send(&first).await;
        while client.packet().await.is_some() {}
    }
    let words: Vec<_> = door.broker.refusals().iter().map(|refusal| refusal.reason.as_str()).collect();
    assert_eq!(words, ["not_mqtt", "connect_malformed", "unsupported_version"]);
    // A look at an open port is no event.
    drop(door.socket().await);
    door.wait_ended("silent").await;
    assert_eq!(door.broker.refusals().len(), 3);
}

#[tokio::test]
async fn a_will_never_overtakes_what_the_client_says_after_it_came_back() {
    let (door, mut ingest) = Door::held(Limits::default()).await;
    let will = [&text("status")[..], &text("offline")].concat();
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = door.socket().await;
        client.send(&connect(4, 0x26, 60, &[], "device", &will)).await;
        client.expect(&[0x20, 2, 0, 0]).await;
        client.send(&publish_as(0x31, "status", 0, None, b"online")).await;
        client.ping().await;
        clients.push(client);
    }
    let said: Vec<_> = ingest.take(99).await.into_iter().map(|message| message.payload).collect();
    for (index, payload) in said.iter().enumerate() {
        assert_eq!(&payload[..], if index % 2 == 0 { &b"online"[..] } else { b"offline" });
    }
    let mut late = door.client3("late").await;
    late.subscribe(&["status"]).await;
    late.expect(&publish_as(0x31, "status", 0, None, b"online")).await;
}
