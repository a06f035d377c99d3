//! One that sends without end: what it cannot have is refused and counted, and others do not feel it.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use stories::{Story, publish_packet};

/// Devices that nobody has accepted, at most.
const NEW_DEVICES_MAX: u64 = 20_000;
/// So much the server may grow while it refuses, debug build.
const GROWTH_MAX_KIB: u64 = 150 * 1024;

fn resident_kib(story: &Story) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", story.server().pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn new_devices_without_end_stop_at_the_limit_until_some_are_accepted() {
    let story = Story::begin();
    let operator = story.operator();
    let mut known = story.device("known");
    known.publish("known/level", "0");
    let message = |n: u64| (format!("bomb/{n}/level"), b"1".to_vec());
    let mut bomb = story.device("bomb");
    bomb.publish_all((1..NEW_DEVICES_MAX).map(message));
    let full = resident_kib(&story);
    bomb.publish_all((NEW_DEVICES_MAX..NEW_DEVICES_MAX + 5_000).map(message));
    let grown = resident_kib(&story).saturating_sub(full);
    assert!(grown < GROWTH_MAX_KIB, "{grown} KiB for nothing");
    known.publish("known/level", "1");
    assert_eq!(operator.values("known", "level"), [json!(0.0), json!(1.0)], "who is known goes on");
    let messages = operator.settled_books().messages;
    assert_eq!((messages.stored, messages.rejected["cardinality"]), (NEW_DEVICES_MAX + 1, 5_000), "{messages:?}");
    assert_eq!(operator.get("/devices/bomb%2F24999").problem(&[404]), "device_unknown");

    // Accepting some makes room for as many.
    let keys: Vec<String> = (1..=100).map(|n| format!("bomb/{n}")).collect();
    let accepted = operator.post("/devices/bulk", &json!({"keys": keys, "change": {"accepted": true}}));
    assert_eq!(accepted.body["changed"], 100, "{accepted:?}");
    stories::expect("there to be room again", || {
        bomb.publish("late/level", "1");
        if operator.get("/devices/late").status == 200 { Ok(()) } else { Err(()) }
    });
    story.finish();
}

#[test]
fn a_flood_from_one_device_holds_no_other_up() {
    let story = Story::begin();
    let operator = story.operator();
    let stop = AtomicBool::new(false);
    let (flooded, sent) = std::thread::scope(|scope| {
        // Two that never wait: one at QoS 1 with a full window, one at QoS 0 that reads nothing.
        let acknowledged = scope.spawn(|| {
            let mut device = story.device("flood");
            let mut count = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                device.publish_all((0..500).map(|n| ("flood/level".to_owned(), n.to_string().into_bytes())));
                count += 500;
            }
            count
        });
        let blind = scope.spawn(|| {
            let mut socket = story.rude_client("blind");
            // Long ones, so that few of them stand in the buffers between us at the end.
            let payload = format!(r#"{{"level":1{}}}"#, " ".repeat(8 * 1024));
            let packets: Vec<u8> =
                (0..50).flat_map(|_| publish_packet(0x30, b"blind", None, payload.as_bytes())).collect();
            let mut count = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                socket.send(&packets);
                count += 50;
            }
            // In order behind all of them: when this is acknowledged they are taken in.
            socket.send(&publish_packet(0x32, b"blind/level", Some(1), b"2"));
            assert_eq!(socket.read(4), [0x40, 2, 0, 1]);
            count + 1
        });
        let mut modest = story.device("modest");
        for n in 0..100 {
            modest.publish("modest/level", n.to_string());
            assert_eq!(operator.see("/devices/modest")["status"], "online");
        }
        stop.store(true, Ordering::Relaxed);
        (acknowledged.join().unwrap() + blind.join().unwrap(), 100)
    });
    assert!(flooded > 10 * sent, "it was a flood: {flooded}");
    let expected: Vec<Value> = (0..100).map(|n| json!(f64::from(n))).collect();
    assert_eq!(operator.values("modest", "level"), expected);
    let messages = operator.settled_books().messages;
    assert_eq!((messages.received, messages.stored), (flooded + sent, flooded + sent), "each is counted: {messages:?}");
    story.finish();
}

#[test]
fn filters_and_topics_as_wide_as_they_go_cost_their_sender_only() {
    let story = Story::begin();
    let operator = story.operator();
    let mut bystander = story.device("bystander");
    let mut greedy = story.rude_client("greedy");
    let subscribe = |id: u16, filter: &[u8]| {
        let mut body = id.to_be_bytes().to_vec();
        body.extend(u16::try_from(filter.len()).unwrap().to_be_bytes());
        body.extend(filter);
        body.push(0);
        let mut packet = vec![0x82];
        let mut left = body.len();
        loop {
            let digit = (left % 128) as u8;
            left /= 128;
            packet.push(if left > 0 { digit | 0x80 } else { digit });
            if left == 0 {
                break;
            }
        }
        packet.extend(body);
        packet
    };
    let deep = "+/".repeat(2_000) + "#";
    for (id, filter) in [(1, "#"), (2, "+/#"), (3, "$SYS/#"), (4, deep.as_str())] {
        greedy.send(&subscribe(id, filter.as_bytes()));
        let suback = greedy.read(5);
        assert_eq!(suback[..2], [0x90, 3], "{filter}");
        assert!(matches!(suback[4], 0 | 0x80), "{filter} is granted or refused: {suback:02x?}");
    }
    // It reads nothing more: what everybody publishes piles up for it, up to its limit.
    let topic = "x/".repeat(31) + "level";
    let too_deep = "x/".repeat(32) + "level";
    for refused in [too_deep.as_str(), "$SYS/broker/uptime"] {
        assert!(story.device("deep").try_publish(refused, "1").is_err(), "{refused}: its connection is closed");
    }
    for n in 0..50 {
        bystander.publish("bystander/level", n.to_string());
        bystander.publish(&topic, "1");
    }
    assert_eq!(operator.values("bystander", "level").len(), 50);
    // A filter that takes everything is a binding as any other, and is taken back with the next message.
    assert_eq!(operator.post("/devices", &json!({"key": "all", "topics": ["#"]})).status, 201);
    bystander.publish("bystander/level", "50");
    assert_eq!(operator.values("all", "level"), [json!(50.0)]);
    let freed =
        operator.send("PATCH", "/devices/all", &[("content-type", "application/json")], Some(br#"{"topics":[]}"#));
    assert_eq!(freed.status, 200, "{freed:?}");
    bystander.publish("bystander/level", "51");
    assert_eq!(operator.values("bystander", "level").len(), 51);
    story.finish();
}
