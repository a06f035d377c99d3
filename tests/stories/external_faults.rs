//! External brokers when things go wrong at both ends: users revoked, brokers killed under load, sessions forgotten while nobody
//! looked, several brokers of which some are dead. Each with a real Mosquitto.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};
use stories::{Mosquitto, Operator, Story, expect, free_port};

use crate::external_brokers::{add, change, expect_received, expect_state, far, numbers};

fn expect_detail(operator: &Operator, name: &str, words: &[&str]) {
    expect(&format!("{name} to say {words:?}"), || {
        let found = operator.see(&format!("/brokers/{name}"));
        let detail = found["detail"].as_str().unwrap_or_default();
        let told = found["state"] == "failing" && words.iter().all(|word| detail.contains(word));
        if told { Ok(()) } else { Err(found) }
    });
}

/// A message with a time of its own, so that it can be told from its double in any case.
fn timed(n: u32) -> String {
    json!({"ts": 1_700_000_000_000_u64 + u64::from(n) * 1000, "level": n}).to_string()
}

#[test]
fn a_user_revoked_while_connected_is_told_and_what_came_meanwhile_is_there_afterwards() {
    let mosquitto = Mosquitto::begin_guarded(tempfile::tempdir().unwrap(), "", "pump", "other");
    mosquitto.set_password("gate", "first");
    let story = Story::begin();
    let operator = story.operator();
    let mut settings = far(&mosquitto, &["tank/#"]);
    settings["username"] = json!("gate");
    settings["password"] = json!("first");
    add(&operator, &settings);
    expect_state(&operator, "connected");
    let (payloads, values) = numbers(0, 20);
    mosquitto.publish(&[], "tank/one/level", &payloads[..10]);
    operator.expect_values("tank/one", "level", &values[..10]);

    mosquitto.set_password("gate", "second");
    expect_detail(&operator, "far", &["refused", "password"]);
    mosquitto.publish(&[], "tank/one/level", &payloads[10..]);
    change(&operator, &json!({"password": "second"}));
    operator.expect_values("tank/one", "level", &values);
    assert_eq!(expect_state(&operator, "connected")["gaps"], json!([]));
    story.finish();
}

#[test]
fn a_broker_killed_under_load_doubles_and_loses_nothing_of_what_it_kept() {
    let mut mosquitto = Mosquitto::begin("max_inflight_messages 90");
    let story = Story::begin();
    let operator = story.operator();
    add(&operator, &far(&mosquitto, &["tank"]));
    expect_state(&operator, "connected");
    let mut next = 0;
    for round in 0..3_u32 {
        let mut pump = mosquitto.device("pump");
        let pumping = std::thread::spawn(move || {
            while pump.try_publish("tank", timed(next)).is_ok() {
                next += 1;
            }
            next
        });
        let enough = (round as usize + 1) * 200;
        expect("many values", || {
            let found = operator.values("tank", "level").len();
            if found >= enough { Ok(()) } else { Err(found) }
        });
        mosquitto.kill();
        let reached = pumping.join().unwrap();
        // What the broker acknowledged and had not written when it died is its own loss; the device sends it again.
        next = reached.saturating_sub(100);
        mosquitto.start();
        expect_state(&operator, "connected");
    }
    let mut pump = mosquitto.device("pump");
    pump.publish_all((next..next + 300).map(|n| ("tank".to_owned(), timed(n).into())));
    let (_, values) = numbers(0, next + 300);
    operator.expect_values("tank", "level", &values);
    story.finish();
}

#[test]
fn retained_messages_replayed_are_taken_only_where_they_are_newer() {
    let mosquitto = Mosquitto::begin("");
    let mut story = Story::begin();
    mosquitto.publish(&["-r"], "tank/one", &[timed(1)]);
    mosquitto.publish(&["-r"], "tank/two/level", &["5".to_owned()]);
    add(&story.operator(), &far(&mosquitto, &["tank/#"]));
    expect_received(&story.operator(), 2);
    story.operator().expect_values("tank/one", "level", &[json!(1.0)]);

    // Every start of ours subscribes again, and everything is replayed again.
    story.restart();
    expect_received(&story.operator(), 2);
    story.operator().expect_values("tank/one", "level", &[json!(1.0)]);
    assert_eq!(story.operator().values("tank/two", "level"), Vec::<Value>::new(), "when was that?");

    // Queued for us and retained as well: it comes twice and is there once.
    story.kill();
    mosquitto.publish(&["-r"], "tank/one", &[timed(2)]);
    story.start();
    expect_received(&story.operator(), 3);
    story.operator().expect_values("tank/one", "level", &[json!(1.0), json!(2.0)]);
    // A retained message that comes as it is published is news.
    mosquitto.publish(&["-r"], "tank/two/level", &["6".to_owned()]);
    story.operator().expect_values("tank/two", "level", &[json!(6.0)]);
    story.finish();
}

#[test]
fn a_paused_broker_keeps_for_us_what_comes_meanwhile() {
    let mosquitto = Mosquitto::begin("");
    let mut story = Story::begin();
    let operator = story.operator();
    add(&operator, &far(&mosquitto, &["tank/#"]));
    expect_state(&operator, "connected");
    let (payloads, values) = numbers(0, 300);
    mosquitto.publish(&[], "tank/one/level", &payloads[..100]);
    operator.expect_values("tank/one", "level", &values[..100]);
    change(&operator, &json!({"paused": true}));
    mosquitto.publish(&[], "tank/one/level", &payloads[100..200]);
    // It stays so over a restart.
    story.restart();
    let operator = story.operator();
    mosquitto.publish(&[], "tank/one/level", &payloads[200..]);
    let paused = expect_state(&operator, "paused");
    assert_eq!(paused["received"], 0, "{paused}");
    assert_eq!(operator.values("tank/one", "level"), values[..100]);
    change(&operator, &json!({"paused": false}));
    operator.expect_values("tank/one", "level", &values);
    assert_eq!(expect_state(&operator, "connected")["gaps"], json!([]));
    story.finish();
}

#[test]
fn a_broker_that_is_removed_keeps_nothing_for_us() {
    let mut mosquitto = Mosquitto::begin("");
    let story = Story::begin();
    let operator = story.operator();
    let mut settings = far(&mosquitto, &["tank/#"]);
    settings["client_id"] = json!("gateway");
    for paused in [true, false] {
        add(&operator, &settings);
        expect_state(&operator, "connected");
        change(&operator, &json!({"paused": paused}));
        if paused {
            mosquitto.publish(&[], "tank/one/level", &["1".to_owned()]);
        } else {
            expect_state(&operator, "connected");
        }
        let removed = operator.send("DELETE", "/brokers/far", &[], None);
        assert_eq!(removed.status, 204, "{removed:?}");
        mosquitto.publish(&[], "tank/one/level", &["2".to_owned()]);
    }
    add(&operator, &settings);
    assert_eq!(expect_state(&operator, "connected")["gaps"], json!([]), "a new one knows no gaps");
    mosquitto.publish(&[], "tank/one/level", &["3".to_owned()]);
    operator.expect_values("tank/one", "level", &[json!(3.0)]);

    // One that cannot be reached is removed all the same, and what it may keep is said.
    mosquitto.end();
    let removed = operator.send("DELETE", "/brokers/far", &[], None);
    assert_eq!(removed.status, 200, "{removed:?}");
    assert!(removed.body["detail"].as_str().unwrap().contains("gateway"), "{removed:?}");
    assert_eq!(operator.get("/brokers/far").problem(&[404]), "broker_unknown");
    story.finish();
}

#[test]
fn a_gap_is_told_over_restarts_of_ours_and_when_both_were_away() {
    let mut mosquitto = Mosquitto::begin("");
    let mut story = Story::begin();
    add(&story.operator(), &far(&mosquitto, &["tank/#"]));
    expect_state(&story.operator(), "connected");
    let forget = |mosquitto: &mut Mosquitto| {
        mosquitto.end();
        fs::remove_file(mosquitto.folder().join("mosquitto.db")).unwrap();
        mosquitto.start();
    };
    forget(&mut mosquitto);
    let gaps = |story: &Story, count: usize| {
        expect(&format!("{count} gaps"), || {
            let found = story.operator().see("/brokers/far");
            let gaps = found["gaps"].as_array().unwrap().clone();
            if found["state"] == "connected" && gaps.len() == count { Ok(gaps) } else { Err(found) }
        })
    };
    let first = gaps(&story, 1);
    story.kill();
    forget(&mut mosquitto);
    story.start();
    let both = gaps(&story, 2);
    assert_eq!(both[..1], first);
    assert!(both[1]["from"].as_i64() < both[1]["to"].as_i64(), "{both:?}");
    story.restart();
    assert_eq!(gaps(&story, 2), both, "this time it had our session");
    change(&story.operator(), &json!({"filters": [{"filter": "tank/+/level"}]}));
    assert_eq!(gaps(&story, 2), both, "a change forgets nothing");
    story.finish();
}

#[test]
fn dead_brokers_are_in_nobodys_way() {
    let (one, mut two) = (Mosquitto::begin(""), Mosquitto::begin(""));
    // It takes connections and never says a word.
    let black_hole = TcpListener::bind("127.0.0.1:0").unwrap();
    let story = Story::begin();
    let operator = story.operator();
    let settings = |name: &str, port: u16| json!({"name": name, "host": "127.0.0.1", "port": port, "filters": [{"filter": format!("{name}/#")}]});
    add(&operator, &settings("hole", black_hole.local_addr().unwrap().port()));
    add(&operator, &settings("nobody", free_port()));
    add(&operator, &settings("one", one.address().port()));
    add(&operator, &settings("two", two.address().port()));
    let connected = |name: &str| {
        expect(&format!("{name} to be connected"), || {
            let found = operator.see(&format!("/brokers/{name}"));
            if found["state"] == "connected" { Ok(()) } else { Err(found) }
        });
    };
    connected("one");
    connected("two");
    let (payloads, values) = numbers(0, 200);
    two.publish(&[], "two/tank/level", &payloads[..100]);
    one.publish(&[], "one/tank/level", &payloads[..100]);
    operator.expect_values("two/tank", "level", &values[..100]);
    two.kill();
    one.publish(&[], "one/tank/level", &payloads[100..]);
    operator.expect_values("one/tank", "level", &values);
    expect_detail(&operator, "nobody", &["cannot be reached"]);
    expect_detail(&operator, "hole", &["did not answer in time"]);
    two.start();
    connected("two");
    assert_eq!(operator.see("/brokers")["items"].as_array().map(Vec::len), Some(4));
    story.finish();
}

#[test]
fn a_message_longer_than_is_taken_does_not_block_the_others() {
    let mosquitto = Mosquitto::begin("");
    let story = Story::begin();
    let operator = story.operator();
    let mut settings = far(&mosquitto, &["tank/#"]);
    for (round, protocol) in ["3.1.1", "5"].into_iter().enumerate() {
        settings["name"] = json!(if round == 0 { "far" } else { "near" });
        settings["protocol"] = json!(protocol);
        settings["filters"] = json!([{"filter": format!("tank/{round}/#")}]);
        add(&operator, &settings);
        let path = format!("/brokers/{}", settings["name"].as_str().unwrap());
        let connected = || {
            let found = operator.see(&path);
            if found["state"] == "connected" { Ok(()) } else { Err(found) }
        };
        expect("it to be connected", connected);
        let mut pump = mosquitto.device("pump");
        let topic = format!("tank/{round}/level");
        pump.publish(&topic, "1");
        pump.publish(&format!("tank/{round}/picture"), vec![b'x'; 3_000_000]);
        pump.publish(&topic, "2");
        operator.expect_values(&format!("tank/{round}"), "level", &[json!(1.0), json!(2.0)]);
        let told = operator.see(&path);
        assert_eq!((&told["gaps"], &told["state"]), (&json!([]), &json!("connected")), "{told}");
        if protocol == "3.1.1" {
            assert_eq!((&told["received"], &told["refused"]), (&json!(3), &json!(1)), "{told}");
        }
    }
    story.finish();
}
