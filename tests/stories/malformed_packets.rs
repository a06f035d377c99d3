//! Clients that do not keep to the protocol lose their connection, and nobody else loses anything.

use serde_json::json;
use stories::{Socket, Story, connect_packet, publish_packet};

/// What is sent instead of a CONNECT.
fn instead_of_connect() -> Vec<(&'static str, Vec<u8>)> {
    let mut level_9 = connect_packet("level-9");
    level_9[8] = 9;
    let mut other_name = connect_packet("other-name");
    other_name[7] = b'X';
    let mut reserved_flag = connect_packet("reserved-flag");
    reserved_flag[9] |= 1;
    vec![
        ("garbage", vec![0xde, 0xad, 0xbe, 0xef, 0x00, 0xff, 0x13, 0x37]),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a TLS hello", vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
        ("a length without end", vec![0x10, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        ("a CONNECT of 256 MiB", vec![0x10, 0xff, 0xff, 0xff, 0x7f]),
        ("a protocol level nobody knows", level_9),
        ("a protocol of another name", other_name),
        ("a CONNECT with a reserved flag", reserved_flag),
        ("PUBLISH before CONNECT", publish_packet(0x30, b"a/b", None, b"1")),
        ("PINGREQ before CONNECT", vec![0xc0, 0x00]),
    ]
}

/// What is sent after a CONNECT that was accepted.
fn after_connect() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("garbage", vec![0xff; 64]),
        ("HTTP", b"POST /api HTTP/1.1\r\n\r\n".to_vec()),
        ("packet type 0", vec![0x00, 0x00]),
        ("packet type 15 of version 5", vec![0xf0, 0x00]),
        ("a packet of 256 MiB", vec![0x30, 0xff, 0xff, 0xff, 0x7f]),
        ("a length without end", vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ("a topic that is not UTF-8", publish_packet(0x30, &[0xc3, 0x28], None, b"1")),
        ("a topic with NUL", publish_packet(0x30, b"a\0b", None, b"1")),
        ("a topic with +", publish_packet(0x30, b"a/+/b", None, b"1")),
        ("a topic with #", publish_packet(0x32, b"a/#", Some(5), b"1")),
        ("an empty topic", publish_packet(0x30, b"", None, b"1")),
        ("a topic longer than its packet", vec![0x30, 0x04, 0x00, 0x40, b'a', b'b']),
        ("QoS 3", publish_packet(0x36, b"a/b", Some(5), b"1")),
        ("QoS 2, which is not offered yet", publish_packet(0x34, b"a/b", Some(5), b"1")),
        ("packet id 0", publish_packet(0x32, b"a/b", Some(0), b"1")),
        ("QoS 1 without room for a packet id", vec![0x32, 0x05, 0x00, 0x03, b'a', b'/', b'b']),
        ("a second CONNECT", connect_packet("twice")),
        ("CONNACK from a client", vec![0x20, 0x02, 0x00, 0x00]),
        ("SUBSCRIBE with wrong flags", vec![0x80, 0x06, 0x00, 0x01, 0x00, 0x01, b'a', 0x00]),
        ("SUBSCRIBE without a filter", vec![0x82, 0x02, 0x00, 0x01]),
        ("PINGREQ with content", vec![0xc0, 0x01, 0x00]),
    ]
}

#[test]
fn whatever_stands_in_place_of_connect_ends_that_connection_only() {
    let story = Story::begin();
    let mut bystander = story.device("bystander");
    for (n, (what, bytes)) in instead_of_connect().into_iter().enumerate() {
        let mut rude = Socket::open(story.server().mqtt());
        rude.send(&bytes);
        let said = rude.expect_closed(what);
        assert!(said.is_empty() || (said[0] == 0x20 && said[3] != 0), "{what} must not be accepted: {said:02x?}");
        bystander.publish("bystander/count", format!("{n}"));
    }
    let expected: Vec<_> = (0..instead_of_connect().len()).map(|n| json!(n as f64)).collect();
    assert_eq!(story.operator().values("bystander", "count"), expected);
    story.finish();
}

#[test]
fn a_malformed_packet_ends_that_connection_only_and_stores_nothing() {
    let story = Story::begin();
    let mut bystander = story.device("bystander");
    for (n, (what, bytes)) in after_connect().into_iter().enumerate() {
        let mut rude = story.rude_client("rude");
        rude.send(&bytes);
        let said = rude.expect_closed(what);
        assert!(said.is_empty(), "MQTT 3.1.1 has no answer to {what}: {said:02x?}");
        bystander.publish("bystander/count", format!("{n}"));
    }
    let operator = story.operator();
    let expected: Vec<_> = (0..after_connect().len()).map(|n| json!(n as f64)).collect();
    assert_eq!(operator.values("bystander", "count"), expected);
    let devices = operator.see("/devices");
    assert_eq!(devices["items"].as_array().map(Vec::len), Some(1), "only the bystander is there: {devices}");
    story.finish();
}

#[test]
fn a_filter_that_is_none_is_refused_in_its_suback() {
    let story = Story::begin();
    let mut client = story.rude_client("curious");
    client.send(&[0x82, 0x0c, 0x00, 0x01, 0x00, 0x03, b'a', b'#', b'b', 0x00, 0x00, 0x01, b'#', 0x00]);
    assert_eq!(client.read(6), [0x90, 4, 0, 1, 0x80, 0], "the other filter of the same packet is granted");
    story.finish();
}

#[test]
fn a_packet_cut_off_in_the_middle_is_nothing() {
    let story = Story::begin();
    let whole = publish_packet(0x32, b"cut/off/temperature", Some(9), b"21.5");
    for length in 1..whole.len() {
        let mut client = story.rude_client("cut-off");
        client.send(&whole[..length]);
        client.finish();
        client.expect_closed("half a packet and the end of the stream");
    }
    let operator = story.operator();
    assert!(operator.values("cut/off", "temperature").is_empty());
    assert_eq!(operator.settled_books().messages.received, 0);
    story.finish();
}

#[test]
fn good_publishes_before_a_malformed_packet_are_stored() {
    let story = Story::begin();
    let mut client = story.rude_client("half-good");
    client.send(&publish_packet(0x32, b"half/good/temperature", Some(1), b"21.5"));
    assert_eq!(client.read(4), [0x40, 2, 0, 1], "PUBACK");
    client.send(&[0xff; 16]);
    client.expect_closed("garbage");
    assert_eq!(story.operator().values("half/good", "temperature"), [json!(21.5)]);
    story.finish();
}

#[test]
fn packets_may_arrive_byte_by_byte_or_all_at_once() {
    let story = Story::begin();
    let mut slow = story.rude_client("slow");
    for byte in publish_packet(0x32, b"slow/temperature", Some(1), b"21.5") {
        slow.send(&[byte]);
    }
    assert_eq!(slow.read(4), [0x40, 2, 0, 1]);
    let many: Vec<u8> = (2..102).flat_map(|id| publish_packet(0x32, b"slow/temperature", Some(id), b"22.5")).collect();
    slow.send(&many);
    let acks: Vec<u8> = (2_u16..102).flat_map(|id| [0x40, 2, 0, u8::try_from(id).unwrap()]).collect();
    assert_eq!(slow.read(acks.len()), acks, "one PUBACK each, in order");
    assert_eq!(story.operator().values("slow", "temperature").len(), 101);
    story.finish();
}
