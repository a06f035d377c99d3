//! Rules: what a person says about the messages of some topics, obeyed from the next message on.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use stories::{Answer, Operator, Story, expect};

/// Adds a rule that must be taken; its id.
fn add(operator: &Operator, rule: &Value) -> String {
    let made = operator.post("/rules", &json!({ "rule": rule }));
    assert_eq!((made.status, &made.body["version"]), (201, &json!(1)), "{made:?}");
    made.body["id"].as_str().unwrap().to_owned()
}

fn change(operator: &Operator, id: &str, version: u64, body: &Value) -> Answer {
    let (version, body) = (version.to_string(), body.to_string());
    let headers = [("content-type", "application/json"), ("if-match", version.as_str())];
    operator.send("PUT", &format!("/rules/{id}"), &headers, Some(body.as_bytes()))
}

fn unread(operator: &Operator) -> Vec<Value> {
    operator.see("/inbox/messages")["items"].as_array().unwrap().clone()
}

fn frame_rule() -> Value {
    json!({
        "name": "Greenhouse frames", "match": "greenhouse/{device}/frame", "format": "csv",
        "fields": [
            {"column": 1, "metric": "temperature", "unit": "°C", "scale": 0.1},
            {"column": 2, "metric": "humidity", "valid": [0, 100]}
        ]
    })
}

/// What a sketch sends that puts its text together by hand: nearly JSON.
const FRAME: &str = "{temperature: 23.5, humidity: 61}";

#[test]
fn a_rule_is_tried_saved_and_obeyed_by_the_next_message() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("frames");
    device.publish("greenhouse/7/frame", "235;61");
    let before = operator.see("/topics/trace?topic=greenhouse%2F7%2Fframe");
    assert_eq!(before["messages"][0]["rule"], Value::Null, "{before}");
    let tried = operator.post("/rules/test", &json!({ "rule": frame_rule() }));
    assert_eq!((tried.status, &tried.body["filter"]), (200, &json!("greenhouse/+/frame")), "{tried:?}");
    let readings = &tried.body["messages"][0]["readings"];
    assert_eq!(
        (&readings[0]["device"], &readings[0]["metric"], &readings[0]["v"], &readings[0]["unit"]),
        (&json!("7"), &json!("temperature"), &json!(23.5), &json!("°C")),
        "{tried:?}"
    );
    assert_eq!(operator.see("/rules")["items"], json!([]), "trying stores nothing");
    assert!(operator.values("7", "temperature").is_empty());
    let id = add(&operator, &frame_rule());
    device.publish("greenhouse/7/frame", "236;62");
    operator.expect_values("7", "temperature", &[json!(23.6)]);
    operator.expect_values("7", "humidity", &[json!(62.0)]);
    let rule = operator.see(&format!("/rules/{id}"));
    assert_eq!((&rule["matched"], &rule["rule"]["name"]), (&json!(1), &json!("Greenhouse frames")), "{rule}");
    let trace = operator.see("/topics/trace?topic=greenhouse%2F7%2Fframe");
    let newest = &trace["messages"][0];
    assert_eq!((&newest["rule"], &newest["decoder"]), (&json!(id), &json!("rule")), "{trace}");
    assert_eq!(newest["steps"][1], "The rule \"Greenhouse frames\" took it.", "{trace}");
    assert_eq!(newest["readings"][0]["v"], json!(23.6), "{trace}");
    assert_eq!(trace["messages"][1]["rule"], Value::Null, "what was read before stays as it was: {trace}");
    assert_eq!(operator.see("/topics?q=greenhouse")["items"][0]["rule"], json!(id));
    story.finish();
}

#[test]
fn an_unread_message_is_suggested_a_rule_tried_and_ingested_again() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("board");
    device.publish("shed/board1/data", FRAME);
    let waiting = unread(&operator);
    assert_eq!((waiting.len(), &waiting[0]["reason"]), (1, &json!("json_invalid")), "{waiting:?}");
    let id = waiting[0]["id"].as_str().unwrap();
    let suggested = operator.post("/rules/suggest", &json!({ "unread": id }));
    let rule = &suggested.body["rule"];
    assert_eq!((suggested.status, &rule["match"]), (200, &json!("shed/board1/data")), "{suggested:?}");
    assert_eq!(operator.post("/rules/suggest", &json!({"topic": "shed/board1/data"})).body["rule"], *rule);
    let tried = operator.post("/rules/test", &json!({ "rule": rule }));
    assert_eq!(tried.body["messages"].as_array().map(Vec::len), Some(1), "one message, though kept twice: {tried:?}");
    let message = &tried.body["messages"][0];
    assert_eq!((&message["outcome"], &message["text"]), (&json!("stored"), &json!(FRAME)), "{tried:?}");
    assert_eq!(unread(&operator).len(), 1, "trying stores nothing");
    add(&operator, rule);
    device.publish("shed/board1/data", "{temperature: 24.5, humidity: 60}");
    operator.expect_values("shed/board1", "temperature", &[json!(24.5)]);
    let answer = operator.post(&format!("/inbox/messages/{id}/retry"), &json!({}));
    assert_eq!((answer.status, &answer.body["outcome"]), (200, &json!("stored")), "{answer:?}");
    assert!(unread(&operator).is_empty());
    operator.expect_values("shed/board1", "temperature", &[json!(23.5), json!(24.5)]);
    operator.expect_values("shed/board1", "humidity", &[json!(61.0), json!(60.0)]);
    let nobody = operator.post("/rules/suggest", &json!({"topic": "shed/nobody"}));
    assert_eq!(nobody.problem(&[404]), "topic_unknown");
    assert_eq!(operator.post("/rules/suggest", &json!({ "unread": id })).problem(&[404]), "message_unknown");
    assert_eq!(operator.post("/rules/suggest", &json!({})).problem(&[422]), "suggest_invalid");
    device.publish("home/porch", r#"{"temperature":21.5}"#);
    let none = operator.post("/rules/suggest", &json!({"topic": "home/porch"})).body;
    assert_eq!(none["rule"], Value::Null);
    assert!(none["why"].as_str().is_some_and(|why| why.contains("needs no rule")), "{none}");
    story.finish();
}

#[test]
fn a_rule_that_does_not_fit_makes_unread_messages_and_route_only_none() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("board");
    let wrong = json!({"match": "shed/{device}/x", "format": "json", "fields": [{"path": "a.b", "metric": "depth"}]});
    let id = add(&operator, &wrong);
    device.publish("shed/b/x", r#"{"a":1}"#);
    device.publish("shed/b/x", "21.5");
    let reasons: Vec<Value> = unread(&operator).iter().map(|message| message["reason"].clone()).collect();
    assert_eq!(reasons, [json!("rule_format"), json!("rule_no_value")]);
    let tried = operator.post("/rules/test", &json!({ "rule": wrong, "id": id }));
    assert_eq!(tried.body["shadowed_by"], Value::Null, "it does not stand before itself: {tried:?}");
    let messages = tried.body["messages"].as_array().unwrap();
    assert!(messages.len() == 2 && messages.iter().all(|message| message["outcome"] == "unread"), "{tried:?}");
    assert!(messages.iter().any(|m| m["detail"] == "the payload is no JSON"), "{tried:?}");
    let server = json!({"rule": {
        "match": "shed/{device}/x", "server_time": true, "time": {"path": "t"}, "fields": [{"path": "a", "metric": "depth"}]
    }});
    assert_eq!(change(&operator, &id, 1, &server).status, 200);
    device.publish("shed/b/x", r#"{"a":2,"t":1700000000}"#);
    assert!(operator.readings("b", "depth")[0].0 > 1_750_000_000_000, "the time of arrival counts");
    let timed = json!({"rule": {"match": "shed/{device}/x", "time": {"path": "t"}, "fields": [{"path": "a", "metric": "depth"}]}});
    assert_eq!(change(&operator, &id, 2, &timed).status, 200);
    device.publish("shed/b/x", r#"{"a":3,"t":1700000000}"#);
    assert_eq!(operator.readings("b", "depth")[0], (1_700_000_000_000, json!(3.0)));
    let routed = json!({"rule": {"match": "shed/{device}/x", "route_only": true}});
    assert_eq!(change(&operator, &id, 3, &routed).status, 200);
    device.publish("shed/b/x", r#"{"a":4,"t":1700000001}"#);
    let trace = operator.see("/topics/trace?topic=shed%2Fb%2Fx");
    assert_eq!((&trace["charted"], &trace["messages"][0]["rule"]), (&json!(false), &json!(id)), "{trace}");
    assert!(trace["why"].as_str().is_some_and(|why| why.contains("passed on")), "{trace}");
    let changed = trace["messages"][1]["steps"][1].as_str().unwrap();
    assert!(changed.contains("changed since"), "what another version read is not read by this one: {changed}");
    let messages = operator.settled_books().messages;
    assert_eq!((messages.stored, messages.no_reading.get("routed")), (2, Some(&1)), "{messages:?}");
    story.finish();
}

#[test]
fn all_unread_messages_of_a_rule_are_ingested_again_at_once() {
    const FRAMES: usize = 1_100;
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("board");
    let frame = |n: usize| (format!("shed/board{}/data", n % 4), format!("{{depth: {n}}}").into_bytes());
    device.publish_all((0..FRAMES).map(frame));
    device.publish("shed/board1/data", r#"{"depth":"#);
    device.publish("other/board1/data", FRAME);
    assert_eq!(operator.see("/inbox/messages")["total"], FRAMES + 2);
    let rule = json!({"match": "shed/{device}/data", "format": "csv", "fields": [{"column": 1, "metric": "depth"}]});
    let path = format!("/rules/{}/retry", add(&operator, &rule));
    let first = operator.post(&path, &json!({}));
    assert_eq!(
        (first.status, &first.body["stored"], &first.body["more"]),
        (200, &json!(999), &json!(true)),
        "{first:?}"
    );
    let second = operator.post(&path, &json!({}));
    let expected = json!({"stored": FRAMES - 999, "no_reading": 0, "rejected": 0, "still_unread": 1, "more": false});
    assert_eq!((second.status, &second.body), (200, &expected), "{second:?}");
    assert_eq!(operator.see("/inbox/messages")["total"], 2, "what it is not for, and what it cannot read");
    let depths = (0..4).map(|n| operator.values(&format!("board{n}"), "depth").len()).sum::<usize>();
    assert_eq!(depths, FRAMES, "each once");
    assert_eq!(operator.post("/rules/1/retry", &json!({})).problem(&[404]), "rule_unknown");
    story.finish();
}

#[test]
fn the_first_rule_decides_and_a_shadowed_one_is_named() {
    let mut story = Story::begin();
    let operator = story.operator();
    let wide = add(&operator, &json!({"match": "tank/{device}/{_*}", "fields": [{"metric": "level", "unit": "cm"}]}));
    let narrow = add(&operator, &json!({"match": "tank/{device}/raw", "fields": [{"metric": "depth", "unit": "cm"}]}));
    let list = operator.see("/rules");
    assert_eq!(
        (&list["items"][0]["shadowed_by"], &list["items"][1]["shadowed_by"]),
        (&Value::Null, &json!(wide)),
        "{list}"
    );
    let test = json!({"rule": {"match": "tank/a/raw"}});
    assert_eq!(operator.post("/rules/test", &test).body["shadowed_by"], json!(wide));
    let mut device = story.device("tank");
    device.publish("tank/a/raw", "12");
    operator.expect_values("a", "level", &[json!(12.0)]);
    for (ids, member) in [(vec![&narrow], "ids"), (vec![&narrow, &wide, &narrow], "ids")] {
        let refused = operator.post("/rules/order", &json!({ "ids": ids }));
        assert_eq!((refused.problem(&[422]).as_str(), &refused.body["member"]), ("rule_order_invalid", &json!(member)));
    }
    let ordered = operator.post("/rules/order", &json!({"ids": [narrow, wide]}));
    assert_eq!((ordered.status, &ordered.body["items"][0]["id"]), (200, &json!(narrow)), "{ordered:?}");
    assert_eq!(ordered.body["items"][1]["shadowed_by"], Value::Null, "{ordered:?}");
    device.publish("tank/a/raw", "13");
    operator.expect_values("a", "depth", &[json!(13.0)]);
    story.kill_and_restart();
    let operator = story.operator();
    assert_eq!(operator.see("/rules")["items"][0]["id"], json!(narrow), "the order is kept");
    let off = change(&operator, &narrow, 1, &json!({"enabled": false, "rule": {"match": "tank/{device}/raw"}}));
    assert_eq!((off.status, &off.body["enabled"], &off.body["version"]), (200, &json!(false), &json!(2)), "{off:?}");
    story.device("tank").publish("tank/a/raw", "14");
    operator.expect_values("a", "level", &[json!(12.0), json!(14.0)]);
    story.finish();
}

#[test]
fn of_two_who_change_a_rule_one_is_told_and_rules_survive_everything() {
    let mut story = Story::begin();
    let operator = story.operator();
    let id = add(&operator, &frame_rule());
    let twice = json!({"rule": {"match": "greenhouse/{device}/frame", "format": "csv", "fields": [{"column": 2, "metric": "depth"}]}});
    assert_eq!(change(&operator, &id, 1, &twice).body["version"], 2);
    let late = change(&operator, &id, 1, &json!({ "rule": frame_rule() }));
    assert_eq!(late.problem(&[412]), "version_conflict");
    for restart in [Story::restart as fn(&mut Story), Story::kill_and_restart] {
        restart(&mut story);
        let kept = story.operator().see(&format!("/rules/{id}"));
        assert_eq!((&kept["version"], &kept["rule"]["fields"][0]["metric"]), (&json!(2), &json!("depth")), "{kept}");
    }
    let operator = story.operator();
    story.device("frames").publish("greenhouse/7/frame", "1;2");
    operator.expect_values("7", "depth", &[json!(2.0)]);
    let path = format!("/rules/{id}");
    assert_eq!(operator.send("DELETE", &path, &[("if-match", "1")], None).problem(&[412]), "version_conflict");
    assert_eq!(operator.send("DELETE", &path, &[("if-match", "2")], None).status, 204);
    assert_eq!(operator.get(&path).problem(&[404]), "rule_unknown");
    story.device("frames").publish("greenhouse/7/frame", "3;4");
    let trace = operator.see("/topics/trace?topic=greenhouse%2F7%2Fframe");
    assert_eq!(trace["messages"][0]["rule"], Value::Null, "without the rule it is read as before: {trace}");
    assert_eq!(
        trace["messages"][1]["steps"][1],
        "A rule that is no longer there took it, so its values are not shown."
    );
    story.restart();
    assert_eq!(story.operator().see("/rules")["items"], json!([]));
    story.finish();
}

#[test]
fn rules_are_changed_while_a_flood_goes_on() {
    const AT_ONCE: usize = 2_000;
    let story = Story::begin();
    let operator = story.operator();
    let rule = |metric: &str| json!({"rule": {"match": "flood/{device}/v", "fields": [{"metric": metric}]}});
    let id = add(&operator, &rule("depth")["rule"]);
    let over = AtomicBool::new(false);
    let count = |metric: &str| (0..20).map(|n| operator.values(&format!("d{n}"), metric).len()).sum::<usize>();
    let (changes, messages) = std::thread::scope(|scope| {
        let changer = scope.spawn(|| {
            let mut version = 1;
            while !over.load(Ordering::Relaxed) {
                let changed =
                    change(&operator, &id, version, &rule(["depth", "height"][usize::from(version % 2 == 1)]));
                assert_eq!(changed.status, 200, "{changed:?}");
                version = changed.body["version"].as_u64().unwrap();
            }
            version
        });
        let (mut flood, mut messages) = (story.device("flood"), 0);
        // However slowly the changes come, there is a flood beside some of them.
        expect("both rules to have read some", || {
            flood.publish_all((0..AT_ONCE).map(|n| (format!("flood/d{}/v", n % 20), n.to_string().into_bytes())));
            messages += AT_ONCE;
            let (depth, height) = (count("depth"), count("height"));
            if messages >= 10 * AT_ONCE && depth > 0 && height > 0 { Ok(()) } else { Err((depth, height)) }
        });
        over.store(true, Ordering::Relaxed);
        (changer.join().unwrap(), messages)
    });
    assert!(changes > 1, "{changes}");
    let books = operator.settled_books();
    assert_eq!((books.messages.received, books.messages.stored), (messages as u64, messages as u64), "{books:?}");
    let (depth, height) = (count("depth"), count("height"));
    assert_eq!(depth + height, messages, "each was read by one of the two: {depth} and {height}");
    story.finish();
}

#[test]
fn what_is_wrong_with_a_rule_is_told_with_its_member() {
    let story = Story::begin();
    let operator = story.operator();
    for (rule, member) in [
        (json!({"match": "a/#"}), "match"),
        (json!({"match": "a", "fields": [{"path": "a..b", "metric": "x"}]}), "fields[0].path"),
        (
            json!({"match": "a", "fields": [{"path": "a", "metric": "x"}, {"path": "b", "metric": "{metric}"}]}),
            "fields[1].metric",
        ),
        (json!({"match": "a", "time": {"path": "t", "zone": "Mars/X"}}), "time.zone"),
        (json!({"match": "a", "fields": vec![json!({"path": "a", "metric": "x"}); 65]}), "fields"),
        (json!({"match": "a", "fields": [{"path": "a".repeat(513), "metric": "x"}]}), "fields[0].path"),
    ] {
        for path in ["/rules", "/rules/test"] {
            let refused = operator.post(path, &json!({ "rule": rule }));
            assert_eq!((refused.problem(&[422]).as_str(), &refused.body["member"]), ("rule_invalid", &json!(member)));
        }
    }
    let odd = operator
        .post("/rules", &json!({"rule": {"match": "a", "fields": [{"path": "a", "metric": "x", "scale": "big"}]}}));
    assert_eq!(odd.problem(&[422]), "body_invalid");
    assert!(odd.body["detail"].as_str().is_some_and(|detail| detail.contains("rule.fields[0].scale")), "{odd:?}");
    let long = |n: usize| json!({"path": format!("{n}{}", "p".repeat(500)), "metric": format!("m{}", "x".repeat(250)), "bad": vec![-1.234_567_890_123; 32]});
    let large =
        operator.post("/rules", &json!({"rule": {"match": "a", "fields": (0..64).map(long).collect::<Vec<_>>()}}));
    assert_eq!(large.problem(&[422]), "too_large");
    assert_eq!(operator.see("/rules")["items"], json!([]), "nothing of it was kept");
    story.finish();
}

#[test]
fn there_is_a_most_of_rules_and_all_of_them_are_asked() {
    let story = Story::begin();
    let operator = story.operator();
    for n in 0..500 {
        add(
            &operator,
            &json!({"match": format!("many/{n}/v"), "device": {"fallback": format!("many-{n}")}, "fields": [{"metric": "depth"}]}),
        );
    }
    let refused = operator.post("/rules", &json!({"rule": {"match": "one/more"}}));
    assert_eq!(refused.problem(&[422]), "too_many_rules");
    let mut device = story.device("many");
    device.publish("many/499/v", "7");
    operator.expect_values("many-499", "depth", &[json!(7.0)]);
    story.finish();
}
