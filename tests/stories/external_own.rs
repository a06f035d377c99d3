//! External brokers that are Sensorium: this server itself, however it is reached, and a second one that listens to the first.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};
use stories::{Mosquitto, Operator, Story, expect};

use crate::external_brokers::{add, change, expect_state, far};

fn settings(name: &str, host: &str, port: u16) -> Value {
    json!({"name": name, "host": host, "port": port, "filters": [{"filter": "#", "qos": 1}]})
}

/// A port of this machine that leads to another one, as a router or a container does it. It ends with the program.
fn led_on(to: SocketAddr) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let lead = move |from: TcpStream| {
        // Whoever is gone is not led to.
        let Ok(to) = TcpStream::connect(to) else { return };
        for (from, to) in [(&from, &to), (&to, &from)] {
            let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
        }
    };
    thread::spawn(move || listener.incoming().flatten().for_each(lead));
    port
}

fn expect_itself(operator: &Operator, name: &str) {
    expect("it to be recognised", || {
        let found = operator.see(&format!("/brokers/{name}"));
        let told = found["detail"].as_str().is_some_and(|detail| detail.starts_with("This is Sensorium itself"));
        if found["state"] == "failing" && told { Ok(()) } else { Err(found) }
    });
}

#[test]
fn our_own_address_is_no_external_broker() {
    let (mosquitto, story) = (Mosquitto::begin(""), Story::begin());
    let operator = story.operator();
    let ours = story.server().mqtt().port();
    for host in ["127.0.0.1", "localhost", "::ffff:127.0.0.1"] {
        let refused = operator.post("/brokers", &settings("far", host, ours));
        assert_eq!(refused.problem(&[422]), "broker_invalid");
        assert!(refused.body["detail"].as_str().unwrap().contains("this server itself"), "{refused:?}");
    }
    add(&operator, &far(&mosquitto, &["tank/#"]));
    expect_state(&operator, "connected");
    let json_type = [("content-type", "application/json")];
    let refused = operator.send("PATCH", "/brokers/far", &json_type, Some(format!(r#"{{"port":{ours}}}"#).as_bytes()));
    assert_eq!(refused.problem(&[422]), "broker_invalid");
    mosquitto.publish(&[], "tank/one/level", &["7".to_owned()]);
    operator.expect_values("tank/one", "level", &[json!(7.0)]);
    story.finish();
}

#[test]
fn a_way_that_leads_back_to_us_is_recognised_and_doubles_nothing() {
    let (mosquitto, mut story) = (Mosquitto::begin(""), Story::begin());
    let operator = story.operator();
    let hidden = led_on(story.server().mqtt());
    let mut five = settings("five", "127.0.0.1", hidden);
    five["protocol"] = json!("5");
    five["client_id"] = json!("gateway");
    add(&operator, &settings("far", "127.0.0.1", hidden));
    add(&operator, &five);
    let mut device = story.device("tank");
    for n in 0..20 {
        device.publish("tank/one/level", n.to_string());
    }
    expect_itself(&operator, "far");
    expect_itself(&operator, "five");
    // A device of the same name as one of our links is no link.
    story.device("gateway").publish("tank/one/level", "20");
    let values: Vec<Value> = (0..21).map(|n| json!(f64::from(n))).collect();
    operator.expect_values("tank/one", "level", &values);
    assert_eq!((operator.book("far").messages.received, operator.book("five").messages.received), (0, 0));
    let refused = operator.see("/inbox/refused");
    assert!(refused["items"].as_array().unwrap().iter().any(|item| item["reason"] == "own_link"), "{refused}");

    // The entry is set right like any other, and what it was before leaves no trace.
    change(&operator, &json!({"port": mosquitto.address().port()}));
    assert_eq!(expect_state(&operator, "connected")["gaps"], json!([]));
    mosquitto.publish(&[], "tank/two/level", &["7".to_owned()]);
    operator.expect_values("tank/two", "level", &[json!(7.0)]);
    assert_eq!(operator.send("DELETE", "/brokers/five", &[], None).status, 204);
    story.restart();
    expect_state(&story.operator(), "connected");
    story.finish();
}

#[test]
fn two_servers_that_listen_to_each_other_have_everything_once() {
    let (one, other) = (Story::begin(), Story::begin());
    let settings = |peer: &Story| settings("far", "127.0.0.1", peer.server().mqtt().port());
    add(&one.operator(), &settings(&other));
    add(&other.operator(), &settings(&one));
    expect_state(&one.operator(), "connected");
    expect_state(&other.operator(), "connected");
    let numbers: Vec<Value> = (0..100).map(|n| json!(f64::from(n))).collect();
    for (story, device) in [(&one, "cellar"), (&other, "attic")] {
        let topic = format!("{device}/level");
        story.device(device).publish_all(numbers.iter().map(|n| (topic.clone(), n.to_string().into_bytes())));
    }
    for story in [&one, &other] {
        story.operator().expect_values("cellar", "level", &numbers);
        story.operator().expect_values("attic", "level", &numbers);
        let books = story.operator().settled_books();
        assert_eq!((books.messages.received, story.operator().book("far").messages.received), (200, 100));
    }
    one.finish();
    other.finish();
}
