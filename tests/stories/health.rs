//! Whether a device is well: what is lost, repeated, wrong, late, frozen, refused, and what happened to it.

use serde_json::{Value, json};
use stories::{Device, Operator, Story, expect, publish_packet};

const KEY: &str = "greenhouse%2F7";
const TOPIC: &str = "greenhouse/7/telemetry";
const DAY_MS: i64 = 86_400_000;

fn health(operator: &Operator) -> Value {
    operator.see(&format!("/devices/{KEY}/health"))
}

fn codes(operator: &Operator) -> Vec<String> {
    let events = operator.see("/events?device=greenhouse%2F7");
    let items = events["items"].as_array().unwrap().iter();
    items.map(|event| event["code"].as_str().unwrap().to_owned()).collect()
}

fn numbered(device: &mut Device, starts: u64, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        let temperature = 20.0 + (number % 10) as f64 / 10.0;
        device.publish(TOPIC, json!({"temp": temperature, "seq": number, "bootCount": starts}).to_string());
    }
}

#[test]
fn lost_messages_are_counted_by_their_numbers_across_starts_of_the_device_and_of_the_server() {
    let mut story = Story::begin();
    let mut device = story.device("board");
    numbered(&mut device, 1, (0..50).filter(|number| number % 10 != 3));
    let loss = &health(&story.operator())["loss"];
    assert_eq!(loss, &json!({"expected": 50, "missing": 5, "percent": 10.0, "restarts": 0}));
    numbered(&mut device, 2, 0..10);
    let told = health(&story.operator());
    assert_eq!(told["loss"], json!({"expected": 60, "missing": 5, "percent": 100.0 * 5.0 / 60.0, "restarts": 1}));
    assert_eq!(told["messages"], 55, "{told}");
    let hints = told["hints"].as_array().unwrap();
    assert!(hints.iter().any(|hint| hint["code"] == "loss"), "{told}");
    assert_eq!(codes(&story.operator()), ["restarted", "appeared"]);

    story.kill_and_restart();
    numbered(&mut story.device("board"), 2, 15..20);
    let loss = &health(&story.operator())["loss"];
    assert_eq!(
        (&loss["expected"], &loss["missing"]),
        (&json!(10), &json!(5)),
        "what was sent while it was down: {loss}"
    );
    story.finish();
}

#[test]
fn a_board_that_starts_anew_where_a_counter_would_go_round_stops_nobody() {
    let story = Story::begin();
    let mut device = story.device("board");
    for number in [256_u64, 0, 65_536, 0, 1 << 32, 0, 1] {
        device.publish(TOPIC, json!({"temp": 20.5, "seq": number}).to_string());
    }
    assert_eq!(health(&story.operator())["messages"], 7);
    story.finish();
}

#[test]
fn failures_and_repeats_are_told_by_their_kind_and_stay_readable() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("board");
    let start = operator.see("/about")["started"].as_i64().unwrap_or(1_790_000_000_000) - DAY_MS;
    let mut second = 0;
    let mut send = |values: &str| {
        second += 10;
        device.publish(TOPIC, format!(r#"{{"ts":{},{values}}}"#, start + second * 1000));
    };
    for values in [
        r#""temp":21.0,"hum":40"#,
        r#""temp":nan,"hum":41"#,
        r#""temp":-127,"hum":40"#,
        r#""temp":85,"hum":40"#,
        r#""temp":21.2,"hum":0"#,
        r#""temp":61.5,"hum":40"#,
        r#""temp":21.3,"hum":40"#,
        r#""temp":999,"hum":40"#,
    ] {
        send(values);
    }
    let told = health(&operator);
    let by_flaw = json!({"nan": 1, "ds18b20_disconnected": 1, "ds18b20_power_on_85": 1, "out_of_range": 1});
    assert_eq!(told["failures"]["by_flaw"], by_flaw, "{told}");
    assert_eq!(told["failures"]["suspect_by_flaw"], json!({"jump": 1, "out_of_range": 1}), "{told}");
    assert_eq!((&told["failures"]["bad"], &told["failures"]["total"]), (&json!(4), &json!(16)), "{told}");
    assert_eq!(told["metrics"][0]["bad"], 4, "{told}");
    assert_eq!(told["metrics"][0]["interval_ms"], 10_000, "{told}");
    let all = operator.values("greenhouse/7", "temperature");
    let sent =
        [json!(21.0), Value::Null, json!(-127.0), json!(85.0), json!(21.2), json!(61.5), json!(21.3), json!(999.0)];
    assert_eq!(all, sent, "nothing is dropped");

    device.publish(TOPIC, format!(r#"{{"ts":{},"temp":999,"hum":40}}"#, start + 80_000));
    device.publish(TOPIC, format!(r#"{{"ts":{},"temp":22,"hum":40}}"#, start + 80_000));
    let told = health(&operator);
    assert_eq!((&told["duplicates"], &told["replaced"]), (&json!(1), &json!(1)), "{told}");
    story.finish();
}

#[test]
fn a_clock_that_is_ahead_is_seen_and_one_that_is_in_1970_is_told() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("board");
    let now = || operator.see("/about")["now"].as_i64().expect("the server tells its time");
    for _ in 0..3 {
        device.publish(TOPIC, format!(r#"{{"ts":{},"temp":21}}"#, now() + 40_000));
    }
    let clock = &health(&operator)["clock"];
    let drift = clock["drift_ms"].as_i64().unwrap();
    assert!((30_000..=40_000).contains(&drift) && clock["bad"] == 0, "{clock}");
    device.publish(TOPIC, r#"{"ts":1234567,"temp":21}"#);
    assert_eq!(health(&operator)["clock"]["bad"], 1);
    device.publish(TOPIC, format!(r#"{{"ts":{},"temp":21}}"#, now()));
    assert_eq!(codes(&operator), ["clock_good", "clock_bad", "appeared"]);
    assert_eq!(operator.post(&format!("/devices/{KEY}/hardware"), &json!({})).status, 201);
    assert_eq!(codes(&operator)[0], "hardware_replaced");
    story.finish();
}

#[test]
fn a_value_that_stands_still_while_its_sensor_moves_is_marked_and_told() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("board");
    let start = 1_790_000_000_000_i64;
    let reading = |minute: i64| {
        let body = json!({"ts": start + minute * 60_000, "temp": 21.37, "hum": 40.0 + (minute % 5) as f64});
        (TOPIC.to_owned(), body.to_string().into_bytes())
    };
    device.publish_all((0..90).map(reading));
    let told = health(&operator);
    let metrics = told["metrics"].as_array().unwrap();
    let of = |name: &str| metrics.iter().find(|metric| metric["name"] == name).unwrap();
    assert_eq!(of("temperature")["frozen_since"], start, "{told}");
    assert_eq!(of("humidity")["frozen_since"], Value::Null, "{told}");
    assert_eq!(codes(&operator), ["frozen", "appeared"]);
    let latest = operator.see(&format!("/latest?device={KEY}"));
    let latest = latest["items"].as_array().unwrap().iter().find(|item| item["metric"] == "temperature").unwrap();
    assert_eq!(latest["q"], 1, "{latest}");
    device.publish(TOPIC, json!({"ts": start + 90 * 60_000, "temp": 21.44, "hum": 40.0}).to_string());
    let told = health(&operator);
    let frozen = |metric: &&Value| metric["frozen_since"] != Value::Null;
    assert_eq!(told["metrics"].as_array().unwrap().iter().find(frozen), None, "{told}");
    story.finish();
}

#[test]
fn a_device_whose_connection_is_lost_is_offline_and_one_that_said_goodbye_is_not() {
    let story = Story::begin();
    let operator = story.operator();
    let status = || health(&operator)["status"].as_str().unwrap().to_owned();
    let mut device = story.device("board");
    device.publish(TOPIC, r#"{"temp":21.5}"#);
    let connection = &health(&operator)["connection"];
    assert_eq!((&connection["client"], &connection["address"]), (&json!("board"), &json!("127.0.0.1")), "{connection}");
    let lint = connection["lint"].to_string();
    assert!(lint.contains("no will") && !lint.contains("QoS 0"), "{lint}");
    assert_eq!(status(), "online");
    drop(device);
    expect("the device to be offline", || Some(status()).filter(|status| status == "offline").ok_or(()));
    expect("its events", || Some(codes(&operator)).filter(|codes| codes[0] == "offline").ok_or(()));

    let mut device = story.rude_client("board");
    device.send(&publish_packet(0x30, TOPIC.as_bytes(), None, br#"{"temp":21.6}"#));
    expect("the device to be online", || Some(status()).filter(|status| status == "online").ok_or(()));
    device.send(&[0xe0, 0]);
    drop(device);
    expect("the client to be gone", || {
        let connection = health(&operator)["connection"]["address"].clone();
        if connection.is_null() { Ok(()) } else { Err(connection) }
    });
    assert_eq!(status(), "online", "heard just now, and nothing is wrong");
    story.finish();
}

#[test]
fn a_device_whose_next_hourly_reading_is_not_due_sleeps_and_the_rhythm_outlives_a_restart() {
    let mut story = Story::begin();
    let operator = story.operator();
    let now = operator.see("/about")["now"].as_i64().expect("the server tells its time");
    // Over HTTP there is no session; the rhythm is that of the device's own times.
    for hour in (0..6).rev() {
        let body = json!({"t": now - hour * 3_600_000, "values": {"temperature": 20.0 + hour as f64 / 10.0}});
        assert_eq!(operator.post(&format!("/devices/{KEY}/readings"), &body).status, 200);
    }
    let told = health(&operator);
    assert_eq!((&told["interval_ms"], &told["jitter_ms"]), (&json!(3_600_000), &json!(0)), "{told}");
    assert_eq!(told["status"], "online", "{told}");
    story.restart();
    let operator = story.operator();
    expect("the rhythm to be known again", || {
        let told = health(&operator);
        if told["interval_ms"] == 3_600_000 { Ok(()) } else { Err(told) }
    });
    story.finish();
}

#[test]
fn who_was_not_let_in_stands_in_the_inbox_with_the_reason() {
    let story = Story::begin();
    let operator = story.operator();
    for _ in 0..3 {
        let mut door = std::net::TcpStream::connect(story.server().mqtt()).unwrap();
        std::io::Write::write_all(&mut door, b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut rest = Vec::new();
        let _ = std::io::Read::read_to_end(&mut door, &mut rest);
    }
    let mut rude = story.rude_client("qos2");
    rude.send(&publish_packet(0x34, b"a", Some(1), b"xyz"));
    let refused = expect("both to be in the list", || {
        let refused = operator.see("/inbox/refused");
        if refused["items"].as_array().map(Vec::len) == Some(2) { Ok(refused) } else { Err(refused) }
    });
    let (last, first) = (&refused["items"][0], &refused["items"][1]);
    assert_eq!((&last["client"], &last["reason"]), (&json!("qos2"), &json!("qos2_unsupported")), "{refused}");
    assert_eq!((&first["reason"], &first["count"], &first["client"]), (&json!("not_mqtt"), &json!(3), &Value::Null));
    assert_eq!(first["address"], "127.0.0.1", "{refused}");
    assert!(first["detail"].as_str().is_some_and(|detail| detail.contains("CONNECT")), "{refused}");
    story.finish();
}

#[test]
fn a_board_that_is_lost_and_comes_back_every_moment_is_told() {
    let story = Story::begin();
    let operator = story.operator();
    story.device("brown-out").publish(TOPIC, r#"{"temp":21.5}"#);
    for _ in 0..8 {
        // Seen as lost before it comes back: else it takes its session over.
        expect("the connection to be gone", || {
            let connection = health(&operator)["connection"]["address"].clone();
            if connection.is_null() { Ok(()) } else { Err(connection) }
        });
        drop(story.rude_client("brown-out"));
    }
    expect("it to be told", || {
        let codes = codes(&operator);
        if codes.iter().any(|code| code == "flapping") { Ok(()) } else { Err(codes) }
    });
    let hints = health(&operator)["hints"].to_string();
    assert!(hints.contains("flapping") && !hints.contains("client_conflict"), "{hints}");
    story.finish();
}

#[test]
fn two_boards_with_one_client_id_are_told() {
    let story = Story::begin();
    let operator = story.operator();
    story.device("same").publish(TOPIC, r#"{"temp":21.5}"#);
    let boards: Vec<_> = (0..6).map(|_| story.rude_client("same")).collect();
    expect("the conflict to be told", || {
        let codes = codes(&operator);
        if codes.iter().any(|code| code == "client_conflict") { Ok(()) } else { Err(codes) }
    });
    let hints = health(&operator)["hints"].to_string();
    assert!(hints.contains("client_conflict"), "{hints}");
    drop(boards);
    story.finish();
}
