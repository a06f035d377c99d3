//! A device is deleted: what was there is gone at once, what comes later is ignored, and one may think better of it.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use stories::{Answer, Operator, Story, expect};

fn delete(operator: &Operator, key: &str, query: &str) -> Answer {
    operator.send("DELETE", &format!("/devices/{key}?confirm={key}{query}"), &[], None)
}

fn holdings(operator: &Operator) -> [u64; 5] {
    let books = operator.see("/books");
    let count = |name: &str| books["holdings"][name].as_u64().unwrap();
    [count("stored"), count("readings"), count("deleted"), count("expired"), count("absorbed")]
}

#[test]
fn a_deletion_needs_the_key_twice_and_tells_what_would_go() {
    let story = Story::begin();
    let mut device = story.device("tank");
    for n in 0..5 {
        device.publish("tank", format!(r#"{{"ts":{},"level":{n}}}"#, 1_700_000_000_000_i64 + n * 1000));
    }
    let operator = story.operator();
    for query in ["", "?confirm=other", "?now=true"] {
        let refused = operator.send("DELETE", &format!("/devices/tank{query}"), &[], None);
        assert_eq!(refused.problem(&[409]), "confirm_needed");
        let going = json!({"readings": 5, "first": 1_700_000_000_000_i64, "last": 1_700_000_004_000_i64});
        assert_eq!(refused.body["going"], going);
    }
    assert_eq!(operator.values("tank", "level").len(), 5);
    assert_eq!(delete(&operator, "nobody", "").problem(&[404]), "device_unknown");
    story.finish();
}

#[test]
fn a_deleted_device_is_gone_while_its_data_arrive_and_stays_so_after_a_kill() {
    let mut story = Story::begin();
    let operator = story.operator();
    let stop = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let (mut tank, mut pump) = (story.device("tank"), story.device("pump"));
            let mut sent = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                tank.publish("tank", format!(r#"{{"level":{sent}}}"#));
                pump.publish("pump", format!(r#"{{"power":{sent}}}"#));
                sent += 1;
            }
            sent
        });
        expect("both to be heard", || match operator.values("tank", "level").len() {
            0..20 => Err(()),
            _ => Ok(()),
        });
        let deleted = delete(&operator, "tank", "&now=true");
        assert_eq!(deleted.status, 204, "{deleted:?}");
        assert_eq!(operator.get("/devices/tank").problem(&[404]), "device_unknown");
        let rejected = || operator.books().messages.rejected.get("ignored").copied().unwrap_or_default();
        expect("later messages to be ignored", || if rejected() > 20 { Ok(()) } else { Err(rejected()) });
        stop.store(true, Ordering::Relaxed);
        flood.join().unwrap()
    });
    let books = operator.settled_books();
    let [stored, readings, deleted, expired, absorbed] = holdings(&operator);
    assert_eq!(readings, sent, "only the pump's are there");
    assert_eq!((stored, expired, absorbed), (readings + deleted, 0, 0));
    assert_eq!(deleted + books.messages.rejected["ignored"], sent, "each of the tank's was deleted or ignored");

    for restart in [Story::kill_and_restart as fn(&mut Story), Story::restart, Story::kill_and_restart] {
        restart(&mut story);
        let operator = story.operator();
        assert_eq!(operator.get("/devices/tank").problem(&[404]), "device_unknown");
        assert_eq!(holdings(&operator), [stored, readings, deleted, 0, 0]);
        story.device("tank").publish("tank", r#"{"level":1}"#);
        assert_eq!(operator.get("/devices/tank").status, 404, "its sender is still ignored");
        assert_eq!(operator.see("/inbox/ignored")["items"][0]["key"], "tank");
    }

    // Somebody makes it again: it starts from nothing.
    let operator = story.operator();
    assert_eq!(operator.post("/devices", &json!({"key": "tank"})).status, 201);
    story.device("tank").publish("tank", r#"{"level":7}"#);
    operator.expect_values("tank", "level", &[json!(7.0)]);
    story.kill_and_restart();
    story.device("tank").publish("tank", r#"{"level":8}"#);
    story.operator().expect_values("tank", "level", &[json!(7.0), json!(8.0)]);
    story.finish();
}

#[test]
fn a_kill_right_behind_the_answer_does_not_bring_it_back() {
    for round in 0..5 {
        let mut story = Story::begin();
        let mut device = story.device("tank");
        for n in 0..=round * 50 {
            device.publish("tank", format!(r#"{{"level":{n}}}"#));
        }
        assert_eq!(delete(&story.operator(), "tank", "&now=true").status, 204);
        story.kill_and_restart();
        let operator = story.operator();
        assert_eq!(operator.get("/devices/tank").status, 404);
        let stored = u64::try_from(round * 50 + 1).unwrap();
        assert_eq!(holdings(&operator), [stored, 0, stored, 0, 0]);
        story.finish();
    }
}

#[test]
fn a_deletion_can_be_taken_back_for_seven_days() {
    let mut story = Story::begin();
    story.device("tank").publish("tank", r#"{"level":1}"#);
    let operator = story.operator();
    assert_eq!(delete(&operator, "tank", "").status, 204);
    story.kill_and_restart();
    let operator = story.operator();
    for path in ["/devices/tank", "/readings?device=tank&metric=level", "/latest?device=tank"] {
        assert_eq!(operator.get(path).problem(&[404]), "device_unknown", "{path}");
    }
    assert_eq!(operator.see("/devices")["items"], json!([]));
    assert_eq!(operator.see("/latest")["items"], json!([]));
    let ignored = operator.see("/inbox/ignored")["items"][0].clone();
    let days = (ignored["restorable_until"].as_i64().unwrap() - ignored["since"].as_i64().unwrap()) / 86_400_000;
    assert_eq!((ignored["key"].as_str(), days), (Some("tank"), 7));
    story.device("tank").publish("tank", r#"{"level":2}"#);
    assert_eq!(operator.settled_books().messages.rejected["ignored"], 1);
    assert_eq!(operator.post("/devices", &json!({"key": "tank"})).problem(&[409]), "device_deleted");

    let restored = operator.send("POST", "/devices/tank/restore", &[], None);
    assert_eq!(restored.status, 200, "{restored:?}");
    story.device("tank").publish("tank", r#"{"level":3}"#);
    operator.expect_values("tank", "level", &[json!(1.0), json!(3.0)]);
    assert_eq!(operator.send("POST", "/devices/tank/restore", &[], None).problem(&[404]), "device_not_deleted");
    assert_eq!(holdings(&operator), [2, 2, 0, 0, 0]);

    // Deleted once more, and then for good.
    assert_eq!(delete(&operator, "tank", "").status, 204);
    assert_eq!(delete(&operator, "tank", "&now=true").status, 204);
    assert_eq!(holdings(&operator), [2, 0, 2, 0, 0]);
    assert_eq!(operator.send("POST", "/devices/tank/restore", &[], None).status, 404);
    story.finish();
}

#[test]
fn a_topic_that_was_bound_stays_with_the_ignored_sender() {
    let mut story = Story::begin();
    let operator = story.operator();
    let made = operator.post("/devices", &json!({"key": "boiler", "topics": ["cellar/#"]}));
    assert_eq!(made.status, 201, "{made:?}");
    story.device("x").publish("cellar/boiler/state", r#"{"temperature":60}"#);
    operator.expect_values("boiler", "temperature", &[json!(60.0)]);
    assert_eq!(delete(&operator, "boiler", "&now=true").status, 204);
    story.restart();
    story.device("x").publish("cellar/boiler/state", r#"{"temperature":61}"#);
    let operator = story.operator();
    assert_eq!(operator.settled_books().messages.rejected["ignored"], 1);
    assert_eq!(operator.see("/devices")["items"], json!([]), "it does not come back under another name");

    // Accepted again it is bound as it was.
    assert_eq!(operator.post("/devices", &json!({"key": "boiler"})).status, 201);
    story.device("x").publish("cellar/boiler/state", r#"{"temperature":62}"#);
    operator.expect_values("boiler", "temperature", &[json!(62.0)]);
    story.finish();
}

#[test]
fn ids_of_what_is_gone_are_never_given_again() {
    let mut story = Story::begin();
    story.device("a").publish("a", r#"{"x":1}"#);
    story.device("b").publish("b", r#"{"x":2}"#);
    assert_eq!(delete(&story.operator(), "b", "&now=true").status, 204);
    story.kill_and_restart();
    // A number given twice would make this one the deleted one.
    story.device("c").publish("c", r#"{"x":3}"#);
    story.kill_and_restart();
    let operator = story.operator();
    assert_eq!(operator.values("c", "x"), [json!(3.0)]);
    assert_eq!(operator.values("a", "x"), [json!(1.0)]);
    assert_eq!(holdings(&operator), [3, 2, 1, 0, 0]);
    story.finish();
}

#[test]
fn a_device_is_created_once_however_often_it_is_asked_for() {
    let story = Story::begin();
    let operator = story.operator();
    let create = |key: &str, body: serde_json::Value| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        operator.send("POST", "/devices", &headers, Some(body.to_string().as_bytes()))
    };
    let first = create("k1", json!({"key": "pump", "name": "Pump"}));
    let again = create("k1", json!({"key": "pump", "name": "Pump"}));
    assert_eq!((first.status, again.status), (201, 201), "{again:?}");
    assert_eq!(first.body, again.body);
    assert_eq!(create("k1", json!({"key": "fan"})).problem(&[422]), "idempotency_key_reused");
    assert_eq!(create("k2", json!({"key": "pump"})).problem(&[409]), "device_exists");
    assert_eq!(create("", json!({"key": "fan"})).problem(&[400]), "idempotency_key_invalid");
    assert_eq!(operator.see("/devices")["items"].as_array().map(Vec::len), Some(1));
    story.finish();
}

#[test]
fn a_kill_in_the_middle_leaves_all_of_a_device_or_nothing() {
    let mut story = Story::begin();
    let start = 1_700_000_000_000_i64;
    let message = |key: &str, n: i64| {
        let payload = format!(r#"{{"ts":{},"level":{n}}}"#, start + n * 1000);
        (key.to_owned(), payload.into_bytes())
    };
    let (mut stored, mut kept) = (0, 0);
    for round in 0..12_u64 {
        let (from, into) = (format!("from{round}"), format!("into{round}"));
        story.device("a").publish_all((0..200).map(|n| message(&from, n)));
        story.device("b").publish_all((100..300).map(|n| message(&into, n)));
        stored += 400;
        let operator = story.operator();
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| {
                // Whether it is answered at all is up to the kill.
                let agent = ureq::agent();
                let address = format!("http://{}/api/v1/devices/{from}", operator.http());
                if round % 2 == 0 {
                    let _ = agent.delete(format!("{address}?confirm={from}&now=true")).call();
                } else {
                    let body = json!({"into": into}).to_string();
                    let request = agent.post(format!("{address}/merge")).header("content-type", "application/json");
                    let _ = request.send(&body);
                }
            });
            // Somewhere between the question and its answer; whatever the moment, the rules below hold.
            std::thread::sleep(std::time::Duration::from_millis(round * 2));
            story.kill();
            asked.join().unwrap();
        });
        story.start();
        // In order once more, so that nothing is unsettled.
        story.restart();
        let operator = story.operator();
        // Where it was only marked as deleted it is in no list, and whole again for whoever restores it.
        for sender in operator.see("/inbox/ignored")["items"].as_array().unwrap() {
            let key = sender["key"].as_str().unwrap();
            if sender["restorable_until"].is_i64() {
                assert_eq!(operator.get(&format!("/devices/{key}")).status, 404);
                assert_eq!(operator.send("POST", &format!("/devices/{key}/restore"), &[], None).status, 200);
            }
        }
        let left = operator.values(&from, "level").len() as u64;
        let taken = operator.values(&into, "level").len() as u64;
        assert!(left == 0 || left == 200, "round {round}: {left} readings are half a device");
        match (round % 2, left) {
            (0, _) | (_, 200) => assert_eq!(taken, 200, "round {round}"),
            _ => assert_eq!(taken, 300, "round {round}: merged as a whole"),
        }
        kept += left + taken;
        let [stored_now, readings, deleted, expired, absorbed] = holdings(&operator);
        assert_eq!((stored_now, readings), (stored, kept), "round {round}");
        assert_eq!(stored, readings + deleted + expired + absorbed, "round {round}");
    }
    story.finish();
}
