//! Devices grouped, archived, changed many at once, and kept through a change of their hardware.

use serde_json::{Value, json};
use stories::{Answer, Operator, Story};

const START: i64 = 1_700_000_000_000;

fn publish(story: &Story, device: &str, second: i64, value: f64) {
    let payload = format!(r#"{{"ts":{},"temperature":{value},"text":"calm"}}"#, START + second * 1000);
    story.device(device).publish(device, payload);
}

fn send(operator: &Operator, method: &str, path: &str, version: Option<u64>, body: &Value) -> Answer {
    let version = version.map(|version| version.to_string());
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(version.as_deref().map(|version| ("if-match", version)));
    operator.send(method, path, &headers, Some(body.to_string().as_bytes()))
}

fn patch(operator: &Operator, device: &str, body: &Value) -> Answer {
    send(operator, "PATCH", &format!("/devices/{device}"), None, body)
}

fn keys(operator: &Operator, query: &str) -> Vec<String> {
    let list = operator.see(&format!("/devices{query}"));
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_archived_device_is_out_of_the_lists_and_loses_nothing() {
    let mut story = Story::begin();
    let operator = story.operator();
    ["attic", "porch"].iter().for_each(|device| publish(&story, device, 0, 20.0));
    let archived = patch(&operator, "attic", &json!({"archived": true}));
    assert_eq!((archived.status, &archived.body["archived"]), (200, &json!(true)), "{archived:?}");
    publish(&story, "attic", 1, 21.0);

    for restart in [|_: &mut Story| {}, Story::kill_and_restart, Story::restart] {
        restart(&mut story);
        let operator = story.operator();
        assert_eq!(keys(&operator, ""), ["porch"]);
        assert_eq!(keys(&operator, "?archived=false"), ["porch"]);
        assert_eq!(keys(&operator, "?archived=true"), ["attic", "porch"]);
        assert_eq!(keys(&operator, "?archived=only"), ["attic"]);
        let latest = operator.see("/latest");
        assert!(latest["items"].as_array().unwrap().iter().all(|item| item["device"] == "porch"), "{latest}");
        assert_eq!(operator.see("/latest?device=attic")["items"][0]["v"], 21.0);
        assert_eq!(operator.see("/devices/attic")["archived"], true);
        operator.expect_values("attic", "temperature", &[json!(20.0), json!(21.0)]);
    }
    let operator = story.operator();
    assert_eq!(patch(&operator, "attic", &json!({"archived": false})).status, 200);
    assert_eq!(keys(&operator, ""), ["attic", "porch"]);
    assert_eq!(keys(&operator, "?archived=only"), [] as [&str; 0]);
    assert_eq!(operator.get("/devices?archived=perhaps").problem(&[400]), "query_invalid");
    story.finish();
}

#[test]
fn many_devices_are_changed_at_once_each_with_its_own_outcome() {
    let mut story = Story::begin();
    let operator = story.operator();
    ["attic", "porch", "bulk"].iter().for_each(|device| publish(&story, device, 0, 20.0));
    assert_eq!(patch(&operator, "attic", &json!({"tags": ["old", "warm"]})).status, 200);
    // A device of that key is reached as any other.
    assert_eq!(operator.see("/devices/bulk")["key"], "bulk");
    assert_eq!(patch(&operator, "bulk", &json!({"name": "Grain"})).body["name"], "Grain");

    let change = json!({"add_tags": ["upstairs", "warm"], "remove_tags": ["old"], "group": " house ", "place": "roof",
        "accepted": true, "hidden": true});
    let ask = json!({"keys": ["attic", "nobody", "bulk", "attic"], "change": change});
    let outcome = operator.post("/devices/bulk", &ask);
    assert_eq!((outcome.status, &outcome.body["changed"]), (200, &json!(2)), "{outcome:?}");
    let failed = outcome.body["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 1, "{outcome:?}");
    assert_eq!((&failed[0]["key"], &failed[0]["code"]), (&json!("nobody"), &json!("device_unknown")));

    story.kill_and_restart();
    let operator = story.operator();
    let attic = operator.see("/devices/attic");
    assert_eq!(attic["tags"], json!(["warm", "upstairs"]));
    assert_eq!((&attic["group"], &attic["place"]), (&json!("house"), &json!("roof")));
    assert_eq!((&attic["new"], &attic["hidden"]), (&json!(false), &json!(true)));
    assert_eq!(keys(&operator, "?group=house"), ["attic", "bulk"]);
    assert_eq!(keys(&operator, "?group=House"), [] as [&str; 0]);
    let apart = operator.post("/devices/bulk", &json!({"keys": ["bulk"], "change": {"group": ""}}));
    assert_eq!(apart.body, json!({"changed": 1, "failed": []}));
    assert_eq!(keys(&operator, "?group=house"), ["attic"]);
    story.finish();
}

#[test]
fn a_bulk_change_beyond_its_limits_changes_nothing() {
    let story = Story::begin();
    let operator = story.operator();
    publish(&story, "attic", 0, 20.0);
    let before = operator.see("/devices/attic")["version"].clone();
    let ask =
        |keys: Vec<String>, change: Value| operator.post("/devices/bulk", &json!({"keys": keys, "change": change}));
    let attic = || vec![String::from("attic")];
    assert_eq!(ask(vec![String::from("attic"); 1_001], json!({})).problem(&[422]), "too_many_keys");
    assert_eq!(ask(attic(), json!({"add_tags": vec!["x"; 101]})).problem(&[422]), "too_many_tags");
    assert_eq!(ask(attic(), json!({"group": "x".repeat(101)})).problem(&[422]), "text_too_long");
    assert_eq!(ask(attic(), json!({"add_tags": [" "]})).problem(&[422]), "tag_invalid");
    assert_eq!(ask(attic(), json!({"colour": "red"})).problem(&[422]), "body_invalid");
    assert_eq!(operator.see("/devices/attic")["version"], before);
    let tags: Vec<String> = (0..100).map(|number| format!("tag {number}")).collect();
    assert_eq!(ask(attic(), json!({"add_tags": tags})).body["changed"], 1);
    let full = ask(attic(), json!({"add_tags": ["one more"]}));
    assert_eq!(full.body["failed"][0]["code"], "too_many_tags", "{full:?}");
    story.finish();
}

#[test]
fn replaced_hardware_is_a_mark_and_the_history_goes_on() {
    let mut story = Story::begin();
    let operator = story.operator();
    publish(&story, "attic", 0, 20.0);
    let mark = |version, body: &Value| send(&operator, "POST", "/devices/attic/hardware", version, body);
    let second = mark(None, &json!({"at": START + 9_000, "note": "  new board "}));
    assert_eq!(second.status, 201, "{second:?}");
    let version = second.body["version"].as_u64().unwrap();
    assert_eq!(mark(Some(version + 1), &json!({})).problem(&[412]), "version_conflict");
    assert_eq!(mark(Some(version), &json!({"at": START})).status, 201);
    assert_eq!(mark(None, &json!({"note": "x".repeat(501)})).problem(&[422]), "text_too_long");
    assert_eq!(mark(None, &json!({"serial": 7})).problem(&[422]), "body_invalid");
    let nobody = operator.post("/devices/nobody/hardware", &json!({}));
    assert_eq!(nobody.problem(&[404]), "device_unknown");
    publish(&story, "attic", 10, 21.0);

    story.kill_and_restart();
    let operator = story.operator();
    let marks = json!([{"at": START, "note": null}, {"at": START + 9_000, "note": "new board"}]);
    assert_eq!(operator.see("/devices/attic")["hardware"], marks);
    operator.expect_values("attic", "temperature", &[json!(20.0), json!(21.0)]);
    // A mark is taken back by its time, which changes nothing else.
    let forget = |at: &str, version: Option<u64>| {
        send(&operator, "DELETE", &format!("/devices/attic/hardware/{at}"), version, &json!({}))
    };
    assert_eq!(forget(&(START + 9_000).to_string(), Some(1)).problem(&[412]), "version_conflict");
    assert_eq!(forget(&(START + 9_000).to_string(), None).body["hardware"], json!([{"at": START, "note": null}]));
    assert_eq!(forget(&(START + 9_000).to_string(), None).problem(&[404]), "hardware_unknown");
    assert_eq!(forget("never", None).status, 400);
    operator.expect_values("attic", "temperature", &[json!(20.0), json!(21.0)]);
    // Without a time it is now, behind the others.
    let now = operator.post("/devices/attic/hardware", &json!({}));
    assert!(now.body["hardware"][1]["at"].as_i64().unwrap() > START + 9_000, "{now:?}");
    for _ in 2..100 {
        assert_eq!(operator.post("/devices/attic/hardware", &json!({"at": START})).status, 201);
    }
    assert_eq!(operator.post("/devices/attic/hardware", &json!({})).problem(&[422]), "too_many_hardware");
    story.finish();
}

#[test]
fn a_metric_is_shown_in_a_unit_it_can_be_converted_to() {
    let mut story = Story::begin();
    let operator = story.operator();
    let payload = format!(r#"{{"ts":{START},"temperature_c":20.5,"strange":1}}"#);
    story.device("attic").publish("attic", payload);
    let metric = |operator: &Operator, name: &str| {
        let device = operator.see("/devices/attic");
        let metrics = device["metrics"].as_array().unwrap();
        metrics.iter().find(|metric| metric["name"] == name).cloned().unwrap_or_else(|| panic!("{name}: {device}"))
    };
    let temperature = operator.see("/devices/attic")["metrics"][0]["name"].as_str().unwrap().to_owned();
    assert_eq!(metric(&operator, &temperature)["unit"], "°C");
    let show = |name: &str, display: Value| patch(&operator, "attic", &json!({"metrics": {name: display}}));
    assert_eq!(show(&temperature, json!({"unit": "F", "precision": 1})).status, 200);
    assert_eq!(metric(&operator, &temperature)["display"], json!({"unit": "°F", "precision": 1}));
    let conversion = metric(&operator, &temperature)["conversion"].clone();
    let near = |member: &str, wanted: f64| (conversion[member].as_f64().unwrap() - wanted).abs() < 1e-9;
    assert!(near("scale", 1.8) && near("offset", 32.0), "{conversion}");
    assert_eq!(show(&temperature, json!({"unit": "hPa"})).problem(&[422]), "unit_not_convertible");
    assert_eq!(show("strange", json!({"unit": "°F"})).problem(&[422]), "unit_not_convertible");
    assert_eq!(show("nothing", json!({"unit": "°F"})).problem(&[404]), "metric_unknown");
    assert_eq!(show(&temperature, json!({"precision": 11})).problem(&[422]), "precision_invalid");
    assert_eq!(show(&temperature, json!({"colour": "red"})).problem(&[422]), "body_invalid");

    story.kill_and_restart();
    let operator = story.operator();
    let shown = metric(&operator, &temperature);
    assert_eq!(shown["display"], json!({"unit": "°F", "precision": 1}));
    // What the device sends is answered as it was sent.
    assert_eq!((&shown["unit"], &shown["latest"]["v"]), (&json!("°C"), &json!(20.5)));
    let show = |display: Value| patch(&operator, "attic", &json!({"metrics": {temperature.as_str(): display}}));
    assert_eq!(show(json!({"unit": null})).status, 200);
    assert_eq!(metric(&operator, &temperature)["display"], json!({"unit": null, "precision": 1}));
    story.finish();
}
