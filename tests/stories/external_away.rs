//! External brokers while one side is away without being gone: our store, which can store nothing; the broker, which answers
//! nothing; one of two servers that share what a broker has.

use std::fs;

use serde_json::{Value, json};
use stories::{Device, Mosquitto, Operator, Story, expect};

use crate::external_brokers::{add, expect_state, far, numbers};
use crate::full_disk::{Disk, fill};

fn way(operator: &Operator) -> Value {
    let sources = operator.see("/sources");
    sources["items"].as_array().unwrap().iter().find(|way| way["name"] == "far").cloned().unwrap()
}

/// Bytes that nothing makes shorter and nobody can read: they are kept as they come.
fn noise(seed: u32) -> Vec<u8> {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..20_000).map(|_| byte()).collect()
}

fn publish(pump: &mut Device, from: u32, to: u32) {
    let pairs = |n: u32| [("tank".to_owned(), format!(r#"{{"level":{n}}}"#).into()), ("noise".to_owned(), noise(n))];
    pump.publish_all((from..to).flat_map(pairs));
}

#[test]
fn while_our_disk_is_full_the_broker_keeps_what_is_not_acknowledged() {
    let Some(disk) = Disk::mount("size=100m") else { return };
    let mut story = Story::begin_on(tempfile::tempdir().unwrap(), disk.path().join("data"), &[]);
    // As it is killed nowhere here, it saves what it has when it ends.
    let mut mosquitto = Mosquitto::begin("autosave_interval 1800");
    add(&story.operator(), &far(&mosquitto, &["tank", "noise"]));
    expect_state(&story.operator(), "connected");
    let mut pump = mosquitto.device("pump");
    publish(&mut pump, 0, 10);
    story.operator().expect_values("tank", "level", &numbers(0, 10).1);

    // The log takes so many as it has laid out room for. Then the broker goes on to take them for us.
    let filler = fill(&disk);
    let mut sent = 10;
    let full = |story: &Story, what: &str| {
        expect(what, || {
            // What becomes free is taken by others.
            fill(&disk);
            let (link, way) = (story.operator().see("/brokers/far"), way(&story.operator()));
            let told = way["detail"].as_str().is_some_and(|detail| detail.contains("the disk is full"));
            // How many it sends at once is up to the broker; it is twenty at least.
            let waits = link["in_flight"].as_u64() >= Some(20) && link["state"] == "connected";
            let full = waits && way["state"] == "failing";
            if full && told { Ok(()) } else { Err((link, way)) }
        });
    };
    while way(&story.operator())["state"] != "failing" {
        publish(&mut pump, sent, sent + 50);
        sent += 50;
        expect("most of it to be taken, or no room for it", || {
            let received = story.operator().see("/brokers/far")["received"].as_u64().unwrap_or(0);
            let enough = received + 100 >= 2 * u64::from(sent) || way(&story.operator())["state"] == "failing";
            if enough { Ok(()) } else { Err(received) }
        });
        assert!(sent < 5_000, "a full disk must be noticed");
    }
    publish(&mut pump, sent, sent + 300);
    sent += 300;
    full(&story, "messages that wait while nothing is stored");
    let stored = story.operator().values("tank", "level").len();
    assert!(stored < sent as usize, "{stored} are stored of {sent}");

    // The broker is restarted, then we are killed: it sends all of these again, and what is settled belongs to no connection.
    drop(pump);
    mosquitto.end();
    mosquitto.start();
    full(&story, "messages that wait on a second connection");
    story.kill_and_restart();
    full(&story, "messages that wait for a server that started on the full disk");
    let found = story.operator().values("tank", "level").len();
    assert!((stored..sent as usize).contains(&found), "{found} are stored of {sent}, and {stored} were before");

    fs::remove_file(filler).unwrap();
    publish(&mut mosquitto.device("pump"), sent, sent + 10);
    let operator = story.operator();
    operator.expect_values("tank", "level", &numbers(0, sent + 10).1);
    assert_eq!(expect_state(&operator, "connected")["gaps"], json!([]));
    expect("it to be well again", || {
        let way = way(&operator);
        if way["state"] == "connected" && way["detail"] == Value::Null { Ok(()) } else { Err(way) }
    });
    story.finish();
}

#[test]
fn a_broker_that_stands_still_is_told_and_goes_on_where_it_stood() {
    // It asks to be heard every ten seconds, so that it is missed after ten and not after thirty.
    let mosquitto = Mosquitto::begin("max_keepalive 10\nmax_inflight_messages 0");
    let story = Story::begin();
    let operator = story.operator();
    let mut settings = far(&mosquitto, &["tank/#"]);
    settings["protocol"] = json!("5");
    add(&operator, &settings);
    expect_state(&operator, "connected");
    let (payloads, values) = numbers(0, 600);
    mosquitto.publish(&["-V", "5"], "tank/one/level", &payloads[..500]);
    mosquitto.signal("STOP");
    let told = expect_state(&operator, "failing");
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("does not answer") || detail.contains("did not answer"), "{told}");
    mosquitto.signal("CONT");
    let connected = expect_state(&operator, "connected");
    assert_eq!(connected["gaps"], json!([]), "it kept our session");
    mosquitto.publish(&["-V", "5"], "tank/one/level", &payloads[500..]);
    operator.expect_values("tank/one", "level", &values);
    story.finish();
}

#[test]
fn two_servers_that_share_a_subscription_have_each_message_once_also_when_one_dies() {
    let mosquitto = Mosquitto::begin("");
    let (mut one, mut other) = (Story::begin(), Story::begin());
    let mut settings = far(&mosquitto, &["tank/#"]);
    settings["shared_group"] = json!("pair");
    for story in [&one, &other] {
        add(&story.operator(), &settings);
        expect_state(&story.operator(), "connected");
    }
    let held = |story: &Story| {
        let operator = story.operator();
        // What one of them was not sent is a device that it does not know.
        operator.values("tank/one", "level")
    };
    let sum = |one: &Story, other: &Story, count: u32| {
        expect(&format!("{count} values in both together"), || {
            let mut both = [held(one), held(other)].concat();
            both.sort_by(|one, other| one.as_f64().unwrap().total_cmp(&other.as_f64().unwrap()));
            if both == numbers(0, count).1 { Ok(()) } else { Err(both) }
        });
    };
    let (payloads, _) = numbers(0, 600);
    mosquitto.publish(&[], "tank/one/level", &payloads[..200]);
    sum(&one, &other, 200);
    assert!(!held(&one).is_empty() && !held(&other).is_empty(), "both have a share");

    mosquitto.publish(&[], "tank/one/level", &payloads[200..400]);
    other.kill();
    mosquitto.publish(&[], "tank/one/level", &payloads[400..]);
    other.start();
    sum(&one, &other, 600);
    one.restart();
    sum(&one, &other, 600);
    one.finish();
    other.finish();
}
