//! Readings older than people want to keep.

use serde_json::{Value, json};
use stories::{Answer, Operator, Story};

const DAY: i64 = 24 * 60 * 60 * 1000;

fn set(operator: &Operator, query: &str, headers: &[(&str, &str)], policy: &Value) -> Answer {
    let headers: Vec<_> = headers.iter().copied().chain([("content-type", "application/json")]).collect();
    operator.send("PUT", &format!("/retention{query}"), &headers, Some(policy.to_string().as_bytes()))
}

fn holdings(operator: &Operator) -> [u64; 3] {
    let _ = operator.settled_books();
    let books = operator.see("/books");
    ["stored", "readings", "expired"].map(|name| books["holdings"][name].as_u64().unwrap())
}

/// In the middle between two whole numbers of days before now: however long the story takes, so many days ago it stays.
fn ago(now: i64, day: i64) -> i64 {
    now - day * DAY + DAY / 2
}

/// A reading a day for forty days, by the device's own clock.
fn publish(story: &Story, key: &str, now: i64) {
    let message = |day: i64| (key.to_owned(), format!(r#"{{"ts":{},"level":{day}}}"#, ago(now, day)).into_bytes());
    story.device(key).publish_all((1..=40).map(message));
}

#[test]
fn what_would_go_is_told_first_and_goes_when_it_is_confirmed() {
    let mut story = Story::begin();
    let operator = story.operator();
    story.device("clock").publish("clock", r#"{"x":1}"#);
    let now = operator.readings("clock", "x")[0].0;
    publish(&story, "attic", now);
    publish(&story, "cellar", now);
    assert_eq!(operator.see("/retention")["policy"], json!({"default_days": null, "rules": []}));

    let policy = json!({"default_days": 30, "rules": [{"device": "cellar", "days": null}]});
    let preview = operator.post("/retention/preview", &policy);
    assert_eq!(preview.status, 200, "{preview:?}");
    let attic = &preview.body["devices"][0];
    assert_eq!((&attic["device"], &attic["readings"]), (&json!("attic"), &json!(10)));
    assert_eq!((&attic["first"], &attic["last"]), (&json!(ago(now, 40)), &json!(ago(now, 31))));
    assert!(preview.body["bytes"].as_u64().unwrap() > 0);
    assert_eq!(preview.body["devices"].as_array().map(Vec::len), Some(1));

    // Not confirmed it waits for a day, and can be taken back.
    let pending = set(&operator, "", &[("if-match", "0")], &policy);
    assert_eq!(pending.status, 200, "{pending:?}");
    assert_eq!(pending.body["policy"]["default_days"], Value::Null);
    assert!(pending.body["pending"]["takes_effect"].as_i64().unwrap() >= now + DAY);
    assert_eq!(set(&operator, "", &[("if-match", "0")], &policy).problem(&[412]), "version_conflict");
    story.restart();
    let operator = story.operator();
    assert_eq!(operator.see("/retention")["pending"]["policy"], policy);
    assert_eq!(operator.send("DELETE", "/retention/pending", &[], None).status, 200);
    assert_eq!(operator.send("DELETE", "/retention/pending", &[], None).problem(&[404]), "nothing_pending");
    assert_eq!(holdings(&operator), [81, 81, 0]);

    for unconfirmed in ["?now=true", "?now=true&confirm=9"] {
        let refused = set(&operator, unconfirmed, &[], &policy);
        assert_eq!(refused.problem(&[409]), "confirm_needed");
        assert_eq!(refused.body["going"]["readings"], 10);
    }
    assert_eq!(set(&operator, "?now=true&confirm=10", &[], &policy).status, 200);
    assert_eq!(holdings(&operator), [81, 71, 10]);
    assert_eq!(operator.values("attic", "level").len(), 30);
    assert_eq!(operator.values("cellar", "level").len(), 40);

    // One that comes too late is counted, and is not there.
    let late = format!(r#"{{"ts":{},"level":50}}"#, now - 50 * DAY);
    story.device("attic").publish("attic", late.clone());
    story.device("cellar").publish("cellar", late);
    assert_eq!(holdings(&operator)[2], 11);
    // Whether the other one is new is known for sure when all of it is in the database.
    for restart in [Story::restart as fn(&mut Story), Story::kill_and_restart] {
        restart(&mut story);
        let operator = story.operator();
        assert_eq!(holdings(&operator), [83, 72, 11]);
        assert_eq!(operator.values("attic", "level").len(), 30);
        assert_eq!(operator.see("/retention")["policy"], policy);
    }
    story.finish();
}

#[test]
fn a_policy_that_cannot_be_meant_is_refused() {
    let story = Story::begin();
    let operator = story.operator();
    for wrong in [
        json!({"default_days": 0}),
        json!({"default_days": 36_501}),
        json!({"default_days": null, "rules": [{"days": 1}]}),
        json!({"default_days": null, "rules": [{"device": "a", "tag": "b", "days": 1}]}),
        json!({"default_days": null, "rules": [{"device": "a", "days": 1}, {"device": "a", "days": 2}]}),
        json!({"default_days": -1}),
        json!({"days": 3}),
    ] {
        assert!(!set(&operator, "", &[], &wrong).problem(&[400, 422]).is_empty(), "{wrong}");
        assert!(!operator.post("/retention/preview", &wrong).problem(&[400, 422]).is_empty(), "{wrong}");
    }
    assert_eq!(operator.see("/retention")["version"], 0);
    story.finish();
}
