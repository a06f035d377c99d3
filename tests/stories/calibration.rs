//! What a device should have sent, made of what it sent: dated, reversible, and in every answer the same.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use stories::{Answer, Operator, Story};
use tungstenite::{Message, WebSocket, client};

const START: i64 = 1_700_000_000_000;

fn publish(story: &Story, device: &str, second: i64, values: &Value) {
    let mut payload = values.clone();
    payload["ts"] = json!(START + second * 1000);
    story.device(device).publish(device, payload.to_string());
}

fn put(operator: &Operator, metric: &str, version: Option<u64>, body: &Value) -> Answer {
    let version = version.map(|version| version.to_string());
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(version.as_deref().map(|version| ("if-match", version)));
    let path = format!("/devices/attic/calibrations/{metric}");
    operator.send("PUT", &path, &headers, Some(body.to_string().as_bytes()))
}

fn calibrate(operator: &Operator, metric: &str, items: Value) {
    let answer = put(operator, metric, None, &json!({"items": items}));
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn windows(operator: &Operator, metric: &str, more: &str) -> Value {
    let to = START + 20_000;
    operator.see(&format!("/windows?device=attic&metric={metric}&from={START}&to={to}&step_ms=10000{more}"))
}

/// Every answer that has values of a temperature, which all have to say the same.
fn temperatures(operator: &Operator, more: &str) -> Vec<Value> {
    let page = operator.see(&format!("/readings?device=attic&metric=temperature{more}"));
    let values = page["v"].as_array().unwrap().clone();
    assert_eq!(windows(operator, "temperature", more)["raw"]["v"], page["v"]);
    let latest = operator.see(&format!("/latest?device=attic{more}"));
    let latest = latest["items"].as_array().unwrap().iter().find(|item| item["metric"] == "temperature").unwrap();
    assert_eq!(Some(&latest["v"]), values.last());

    let file = |format: &str| {
        let path = format!("/readings?device=attic&metric=temperature&format={format}{more}");
        operator.see(&path).as_str().unwrap().to_owned()
    };
    let csv = file("csv");
    let of_csv: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').nth(3).unwrap()).collect();
    let written = values.iter().map(|value| value.as_f64().map(|value| value.to_string()).unwrap_or_default());
    assert_eq!(of_csv, written.collect::<Vec<_>>());
    let ndjson = file("ndjson");
    let of_ndjson = ndjson.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["value"].clone());
    assert_eq!(of_ndjson.collect::<Vec<_>>(), values);
    values
}

#[test]
fn every_answer_is_calibrated_and_what_was_sent_stays() {
    let mut story = Story::begin();
    let operator = story.operator();
    let sent = [10.0, 20.0, 12.0, 14.0, 30.0];
    for (second, value) in [0, 4, 8, 12, 16].into_iter().zip(sent) {
        publish(&story, "attic", second, &json!({"temperature": value, "humidity": 50.0, "contact": true}));
    }
    // Nothing until second 4, turned round from there on, and from second 12 on the line through 0 → 1 and 10 → 12.
    let items = json!([
        {"from": START + 12_000, "points": [[0.0, 1.0], [10.0, 12.0]], "note": " ice and steam "},
        {"from": START + 4_000, "scale": -0.5, "offset": 1.0},
    ]);
    calibrate(&operator, "temperature", items);
    let calibrated = [json!(10.0), json!(-9.0), json!(-5.0), json!(14.0 * 1.1 + 1.0), json!(34.0)];
    let listed = json!([
        {"from": START + 4_000, "scale": -0.5, "offset": 1.0, "note": null, "points": null},
        {"from": START + 12_000, "scale": 1.1, "offset": 1.0, "note": "ice and steam", "points": [[0.0, 1.0], [10.0, 12.0]]},
    ]);
    for restart in [|_: &mut Story| {}, Story::kill_and_restart, Story::restart] {
        restart(&mut story);
        let operator = story.operator();
        assert_eq!(temperatures(&operator, ""), calibrated);
        assert_eq!(temperatures(&operator, "&raw=true"), sent.map(|value| json!(value)));
        assert_eq!(operator.see("/devices/attic/calibrations/temperature")["items"], listed);
        let of = windows(&operator, "temperature", "");
        assert_eq!((&of["min"][0], &of["max"][0], &of["count"]), (&json!(-9.0), &json!(10.0), &json!([3, 2])), "{of}");
        assert_eq!(of["min"][1], json!(14.0 * 1.1 + 1.0), "{of}");
        assert_eq!(of["max"][1], json!(34.0), "{of}");
        assert!((of["avg"][0].as_f64().unwrap() - -4.0 / 3.0).abs() < 1e-12, "{of}");
        let raw = windows(&operator, "temperature", "&raw=true");
        assert_eq!((&raw["min"], &raw["max"]), (&json!([10.0, 14.0]), &json!([20.0, 30.0])), "{raw}");
        // Local days are made of the same readings.
        let day = operator.see(&format!(
            "/windows?device=attic&metric=temperature&from={START}&to={}&step=day&zone=Europe/Berlin",
            START + 20_000
        ));
        assert_eq!((&day["min"][0], &day["max"][0]), (&json!(-9.0), &json!(34.0)), "{day}");
        let ask =
            json!({"series": [{"device": "attic", "metric": "temperature"}], "from": START, "to": START + 20_000});
        assert_eq!(operator.post("/windows", &ask).body["items"][0]["raw"]["v"], json!(calibrated));
        let device = operator.see("/devices/attic");
        let metrics = device["metrics"].as_array().unwrap();
        let metric = |name: &str| metrics.iter().find(|metric| metric["name"] == name).unwrap();
        let temperature = metric("temperature");
        assert_eq!(temperature["latest"]["v"], json!(34.0), "{device}");
        assert_eq!(temperature["calibration"], json!({"scale": 1.1, "offset": 1.0}), "{device}");
        assert_eq!(
            (&metric("humidity")["calibration"], &metric("contact")["calibration"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(operator.values("attic", "humidity"), vec![json!(50.0); 5]);
    }
    let operator = story.operator();
    calibrate(&operator, "temperature", json!([]));
    assert_eq!(temperatures(&operator, ""), sent.map(|value| json!(value)));
    story.restart();
    assert_eq!(temperatures(&story.operator(), ""), sent.map(|value| json!(value)));
    story.finish();
}

#[test]
fn failed_reads_texts_and_booleans_stay_as_they_were_sent() {
    let story = Story::begin();
    let operator = story.operator();
    let rows = [json!(10.0), json!(-127.0), json!(null), json!(20.0)];
    for (second, value) in rows.iter().enumerate() {
        publish(&story, "attic", second as i64, &json!({"temperature": value, "humidity": 50.0}));
    }
    let raw = operator.see("/readings?device=attic&metric=temperature&raw=true");
    calibrate(&operator, "temperature", json!([{"offset": 100.0}]));
    let found = operator.see("/readings?device=attic&metric=temperature");
    assert_eq!((&found["t"], &found["q"]), (&raw["t"], &raw["q"]));
    let good = |index: usize| raw["q"][index].as_u64() != Some(2);
    for (index, sent) in raw["v"].as_array().unwrap().iter().enumerate() {
        let moved = sent.as_f64().filter(|_| good(index)).map_or(sent.clone(), |number| json!(number + 100.0));
        assert_eq!(found["v"][index], moved, "{found}");
    }
    assert!(raw["q"].as_array().unwrap().contains(&json!(2)), "a failed read is among them: {raw}");
    let of = windows(&operator, "temperature", "");
    assert_eq!((&of["min"][0], &of["max"][0], &of["count"][0]), (&json!(110.0), &json!(120.0), &json!(2)), "{of}");
    story.finish();
}

#[test]
fn an_open_page_hears_calibrated_values_from_the_change_on() {
    let story = Story::begin();
    let operator = story.operator();
    publish(&story, "attic", 0, &json!({"temperature": 10.0}));
    let http = story.server().http();
    let stream = TcpStream::connect(http).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    let (mut socket, _) = client(format!("ws://{http}/api/v1/live"), stream).unwrap();
    // Pings, books and the list of devices may be told at any moment.
    let hear_message = |socket: &mut WebSocket<TcpStream>| loop {
        if let Message::Text(text) = socket.read().expect("the server says something in time") {
            return serde_json::from_str::<Value>(&text).unwrap();
        }
    };
    let since = hear_message(&mut socket)["cursor"].clone();
    let subscribe = json!({"subscribe": [{"device": "attic", "metric": "temperature"}], "since": since});
    socket.send(Message::text(subscribe.to_string())).unwrap();
    let mut hear = move || loop {
        let message = hear_message(&mut socket);
        if let Some(value) = message["series"]["attic/temperature"]["v"].as_array().and_then(|v| v.first()) {
            return value.clone();
        }
    };
    publish(&story, "attic", 1, &json!({"temperature": 11.0}));
    assert_eq!(hear(), json!(11.0));
    calibrate(&operator, "temperature", json!([{"scale": 2.0, "offset": 1.0}]));
    publish(&story, "attic", 2, &json!({"temperature": 12.0}));
    assert_eq!(hear(), json!(25.0));
    calibrate(&operator, "temperature", json!([]));
    publish(&story, "attic", 3, &json!({"temperature": 13.0}));
    assert_eq!(hear(), json!(13.0));
    story.finish();
}

#[test]
fn angles_come_round_and_totals_are_scaled() {
    let story = Story::begin();
    let operator = story.operator();
    for (second, angle, energy) in [(0, 350.0, 100.0), (4, 10.0, 104.0), (12, 340.0, 106.0), (16, 20.0, 110.0)] {
        publish(&story, "attic", second, &json!({"wind_dir": angle, "energy_kwh": energy}));
    }
    let device = operator.see("/devices/attic");
    let of_kind = |kinds: &[&str]| {
        let metrics = device["metrics"].as_array().unwrap();
        let metric = metrics.iter().find(|metric| kinds.contains(&metric["kind"].as_str().unwrap()));
        metric.unwrap_or_else(|| panic!("{kinds:?}: {device}"))["name"].as_str().unwrap().to_owned()
    };
    let (wind, energy) = (of_kind(&["angle"]), of_kind(&["total", "total_increasing"]));

    calibrate(&operator, &wind, json!([{"offset": 15.0}]));
    assert_eq!(operator.values("attic", &wind), [json!(5.0), json!(25.0), json!(355.0), json!(35.0)]);
    let of = windows(&operator, &wind, "");
    assert_eq!((&of["min"], &of["max"]), (&json!([5.0, 35.0]), &json!([25.0, 355.0])), "{of}");
    assert!((of["avg"][0].as_f64().unwrap() - 15.0).abs() < 1e-6, "{of}");
    assert!((of["avg"][1].as_f64().unwrap() - 15.0).abs() < 1e-6, "{of}");

    // From the third reading on every unit counts ten: what came before did not become consumption by that.
    calibrate(&operator, &energy, json!([{"from": START + 12_000, "scale": 10.0}]));
    let values: Vec<f64> = operator.values("attic", &energy).iter().filter_map(Value::as_f64).collect();
    assert_eq!(values, [100.0, 104.0, 1060.0, 1100.0]);
    assert_eq!(windows(&operator, &energy, "")["increase"], json!([4.0, 60.0]));
    assert_eq!(windows(&operator, &energy, "&raw=true")["increase"], json!([4.0, 6.0]));
    for bad in [json!({"offset": 1.0}), json!({"scale": -1.0})] {
        let answer = put(&operator, &energy, None, &json!({"items": [bad]}));
        assert_eq!(answer.problem(&[422]), "calibration_invalid");
    }
    story.finish();
}

#[test]
fn a_calibration_that_cannot_be_changes_nothing() {
    let story = Story::begin();
    let operator = story.operator();
    publish(&story, "attic", 0, &json!({"temperature": 10.0, "contact": true}));
    calibrate(&operator, "temperature", json!([{"offset": 1.0}]));
    let before = operator.see("/devices/attic/calibrations/temperature");
    let version = before["version"].as_u64().unwrap();
    let refused = |items: Value| put(&operator, "temperature", None, &json!({"items": items})).problem(&[422]);
    for bad in [
        json!([{"scale": 0.0}]),
        json!([{"scale": 1e10}]),
        json!([{"offset": 1e13}]),
        json!([{"points": [[1.0, 2.0], [1.0, 3.0]]}]),
        json!([{"points": [[1.0, 2.0], [3.0, 2.0]]}]),
        json!([{"points": [[1.0, 2.0], [2.0, 3.0]], "scale": 1.0}]),
        json!([{"offset": 1.0}, {"offset": 2.0}]),
        json!([{"from": START, "offset": 1.0}, {"from": START, "offset": 2.0}]),
    ] {
        assert_eq!(refused(bad), "calibration_invalid");
    }
    assert_eq!(refused(json!([{"offset": 1.0, "note": "x".repeat(501)}])), "text_too_long");
    assert_eq!(refused(json!([{"gain": 2.0}])), "body_invalid");
    assert_eq!(refused(json!([{"points": [[1.0, 2.0]]}])), "body_invalid");
    let many: Vec<Value> = (0..65).map(|second| json!({"from": START + second, "offset": 1.0})).collect();
    assert_eq!(refused(json!(many)), "too_many_calibrations");
    let contact = put(&operator, "contact", None, &json!({"items": [{"offset": 1.0}]}));
    assert_eq!(contact.problem(&[422]), "not_calibratable");
    let nothing = put(&operator, "nothing", None, &json!({"items": []}));
    assert_eq!(nothing.problem(&[404]), "metric_unknown");
    assert_eq!(operator.get("/devices/attic/calibrations/nothing").problem(&[404]), "metric_unknown");
    assert_eq!(operator.get("/devices/nobody/calibrations/temperature").problem(&[404]), "device_unknown");
    let stale = put(&operator, "temperature", Some(version + 1), &json!({"items": []}));
    assert_eq!(stale.problem(&[412]), "version_conflict");
    assert_eq!(operator.see("/devices/attic/calibrations/temperature"), before);
    assert_eq!(put(&operator, "temperature", Some(version), &json!({"items": []})).status, 200);
    story.finish();
}

#[test]
fn merging_keeps_what_values_were_shown() {
    let mut story = Story::begin();
    let operator = story.operator();
    publish(&story, "attic", 0, &json!({"temperature": 10.0, "pressure": 1000.0}));
    publish(&story, "porch", 1, &json!({"temperature": 11.0}));
    let hardware = operator.post("/devices/attic/hardware", &json!({"at": START, "note": "moved"}));
    assert_eq!(hardware.status, 201);
    calibrate(&operator, "pressure", json!([{"offset": 5.0}]));
    calibrate(&operator, "temperature", json!([{"offset": 1.0}]));
    let merge = |operator: &Operator| operator.post("/devices/attic/merge", &json!({"into": "porch"}));
    assert_eq!(merge(&operator).problem(&[409]), "calibrations_differ");
    calibrate(&operator, "temperature", json!([]));
    let merged = merge(&operator);
    assert_eq!(merged.status, 200, "{merged:?}");
    story.kill_and_restart();
    let operator = story.operator();
    assert_eq!(operator.values("porch", "pressure"), [json!(1005.0)]);
    assert_eq!(operator.values("porch", "temperature"), [json!(10.0), json!(11.0)]);
    assert_eq!(operator.see("/devices/porch")["hardware"], json!([{"at": START, "note": "moved"}]));
    story.finish();
}
