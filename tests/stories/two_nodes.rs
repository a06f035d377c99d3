//! Two servers over one Cassandra: what one takes in the other shows, what is changed on one is in force on the other, and a device
//! that moves between them, also because one is killed, leaves neither a double nor a hole.

use std::net::TcpStream;
use std::time::Duration;

use cassandra_node::Shared;
use serde_json::{Value, json};
use stories::{Operator, Story, expect};
use tungstenite::{Message, client};

/// How long a server may be silent before the story fails.
const MESSAGE_WITHIN: Duration = Duration::from_secs(90);

fn server_on(url: &str) -> Story {
    let desk = tempfile::tempdir().unwrap();
    let data = desk.path().join("data");
    Story::begin_on(desk, data, &["--store", url])
}

fn reading(n: usize) -> String {
    format!(r#"{{"ts":{},"level":{n}}}"#, 1_700_000_000_000_i64 + n as i64 * 1000)
}

fn levels(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!(n as f64)).collect()
}

/// As numbers, however they are written.
fn expect_levels(operator: &Operator, device: &str, count: usize) {
    let expected: Vec<Option<f64>> = levels(count).iter().map(Value::as_f64).collect();
    expect(&format!("{device} to have {count} readings on {}", operator.http()), || {
        let found: Vec<Option<f64>> = operator.values(device, "level").iter().map(Value::as_f64).collect();
        if found == expected { Ok(()) } else { Err(found) }
    });
}

/// Listens to a series on the page of `story`, and returns its first value after `act`.
fn hears_live(story: &Story, device: &str, act: impl FnOnce()) -> Value {
    let http = story.server().http();
    let stream = TcpStream::connect(http).unwrap();
    stream.set_read_timeout(Some(MESSAGE_WITHIN)).unwrap();
    let (mut socket, _) = client(format!("ws://{http}/api/v1/live"), stream).unwrap();
    let hear = |socket: &mut tungstenite::WebSocket<TcpStream>| loop {
        if let Message::Text(text) = socket.read().expect("the server says something in time") {
            return serde_json::from_str::<Value>(&text).unwrap();
        }
    };
    let greeting = hear(&mut socket);
    let wanted = json!({"subscribe": [{"device": device, "metric": "level"}], "since": greeting["cursor"]});
    socket.send(Message::text(wanted.to_string())).unwrap();
    act();
    loop {
        let message = hear(&mut socket);
        if let Some(value) = message["series"][format!("{device}/level")]["v"].get(0) {
            return value.clone();
        }
    }
}

#[test]
fn what_one_takes_in_or_is_told_holds_on_the_other() {
    let keyspace = Shared::node().keyspace("two nodes");
    let (one, two) = (server_on(&keyspace.url()), server_on(&keyspace.url()));
    let (first, second) = (one.operator(), two.operator());
    let nodes = |operator: &Operator| operator.see("/system")["nodes"].as_array().cloned().unwrap_or_default();
    for operator in [&first, &second] {
        let known = expect("both servers to be known", || {
            let nodes = nodes(operator);
            if nodes.len() == 2 { Ok(nodes) } else { Err(nodes) }
        });
        assert_eq!(known.iter().filter(|node| node["own"] == true).count(), 1, "{known:?}");
        assert_ne!(known[0]["number"], known[1]["number"]);
    }
    let told = first.see("/system");
    assert_eq!(told["store"], "cassandra");
    assert!(told["sentence"].as_str().is_some_and(|text| text.contains("MQTT sessions")), "{told}");

    // Each shows what the other received, live too.
    one.device("tank").publish("tank", reading(0));
    expect_levels(&second, "tank", 1);
    let mut tank = two.device("tank");
    let live = hears_live(&one, "tank", || tank.publish("tank", reading(1)));
    assert_eq!(live.as_f64(), Some(1.0));
    expect_levels(&first, "tank", 2);
    expect("the newest reading in the other's list", || {
        let shown = first.see("/devices/tank");
        if shown["metrics"][0]["latest"]["v"].as_f64() == Some(1.0) { Ok(()) } else { Err(shown) }
    });

    // A name and a rule of one are in force on the other.
    let named =
        first.send("PATCH", "/devices/tank", &[("content-type", "application/json")], Some(br#"{"name":"The tank"}"#));
    assert_eq!(named.status, 200, "{named:?}");
    expect("the name on the other", || {
        let shown = second.see("/devices/tank");
        if shown["name"] == "The tank" { Ok(()) } else { Err(shown) }
    });
    let made = second.post("/rules", &json!({"rule": {"match": "plant/{device}/raw/{metric}"}}));
    assert_eq!(made.status, 201, "{made:?}");
    let rules = || first.see("/rules")["items"].as_array().unwrap().len();
    expect("the rule on the first", || if rules() == 1 { Ok(()) } else { Err(rules()) });
    one.device("pump").publish("plant/pump/raw/level", "0");
    expect_levels(&second, "pump", 1);

    // Readings that nobody looked for before they were written are told as such, and not as none.
    let books = first.settled_books();
    assert_eq!((books.readings.stored, books.readings.upserted), (0, books.readings.decoded));
    assert_eq!(first.see("/books")["holdings"], Value::Null);
    assert_eq!(first.see("/about")["store"]["readings"], Value::Null);
    one.finish();
    two.finish();
}

#[test]
fn a_device_that_moves_between_servers_leaves_no_double_and_no_hole_and_one_may_be_killed() {
    const BEFORE: usize = 60;
    const IN_ALL: usize = 90;
    let keyspace = Shared::node().keyspace("moving");
    let (mut one, two) = (server_on(&keyspace.url()), server_on(&keyspace.url()));
    let second = two.operator();
    // Turn about, so that the device is new on both within moments, and each message goes to both now and then.
    for n in 0..BEFORE {
        if n % 3 != 0 {
            one.device("tank").publish("tank", reading(n));
        }
        if n % 3 != 1 {
            two.device("tank").publish("tank", reading(n));
        }
    }
    expect_levels(&second, "tank", BEFORE);
    expect_levels(&one.operator(), "tank", BEFORE);

    // One is killed while it is being sent to; whatever it did not acknowledge goes to the other.
    let mut sent = BEFORE;
    let mut device = one.device("tank");
    while sent < IN_ALL - 10 {
        device.publish("tank", reading(sent));
        sent += 1;
    }
    one.kill();
    let not_acknowledged = device.try_publish("tank", reading(sent));
    assert!(not_acknowledged.is_err());
    let mut device = two.device("tank");
    for n in sent..IN_ALL {
        device.publish("tank", reading(n));
    }
    expect_levels(&second, "tank", IN_ALL);

    // It comes back and knows all.
    one.start();
    expect_levels(&one.operator(), "tank", IN_ALL);
    let devices = |operator: &Operator| operator.see("/devices")["items"].as_array().unwrap().len();
    assert_eq!((devices(&one.operator()), devices(&second)), (1, 1));
    one.finish();
    two.finish();
}
