//! What devices announce binds names and units: before and after their first reading, over restarts and kills, and never
//! against people or other devices.

use serde_json::{Value, json};
use stories::{Operator, Story};

/// One of ESPHome's, as it sends them.
fn esphome(object: &str, unit: &str) -> (String, Vec<u8>) {
    let config = format!(
        r#"{{"unit_of_meas":"{unit}","stat_cla":"measurement","name":"The {object}","sug_dsp_prc":2,
            "stat_t":"c3-debug/sensor/{object}/state","avty_t":"c3-debug/status","uniq_id":"ESPsensor{object}",
            "dev":{{"ids":"6055f97b55e0","name":"C3 debug","sw":"2026.6.5","mdl":"esp32-c3","mf":"espressif"}}}}"#
    );
    (format!("homeassistant/sensor/c3-debug/{object}/config"), config.into_bytes())
}

fn state(object: &str, value: &str) -> (String, Vec<u8>) {
    (format!("c3-debug/sensor/{object}/state"), value.into())
}

fn device(operator: &Operator, key: &str) -> Value {
    operator.see(&format!("/devices/{}", key.replace('/', "%2F")))
}

fn keys(operator: &Operator) -> Vec<String> {
    let list = operator.see("/devices");
    list["items"].as_array().unwrap().iter().map(|item| item["key"].as_str().unwrap().to_owned()).collect()
}

/// Name, shown name, unit and where it is known from, of each metric.
fn metrics(device: &Value) -> Vec<(&str, Option<&str>, Option<&str>, &str)> {
    let metrics = device["metrics"].as_array().unwrap().iter();
    metrics
        .map(|it| {
            (
                it["name"].as_str().unwrap(),
                it["label"].as_str(),
                it["unit"].as_str(),
                it["unit_source"].as_str().unwrap(),
            )
        })
        .collect()
}

const RESTARTS: [fn(&mut Story); 3] = [|_| {}, Story::kill_and_restart, Story::restart];

#[test]
fn an_esphome_device_that_announces_itself_is_one_device_with_names_and_units() {
    let mut story = Story::begin();
    // As a board does it: everything at once, the first values right behind.
    let messages = [esphome("pressure_voltage", "V"), esphome("flow", "L/min"), state("pressure_voltage", "1.234")];
    story.device("c3").publish_all(messages);
    for (restart, value) in RESTARTS.iter().zip(["3.5", "4.5", "5.5"]) {
        restart(&mut story);
        let operator = story.operator();
        story.device("c3").publish("c3-debug/sensor/flow/state", value);
        assert_eq!(keys(&operator), ["6055f97b55e0"]);
        let seen = device(&operator, "6055f97b55e0");
        assert_eq!(
            (&seen["name"], &seen["model"], &seen["firmware"]),
            (&json!("C3 debug"), &json!("esp32-c3"), &json!("2026.6.5"))
        );
        assert_eq!(
            metrics(&seen),
            [
                ("pressure_voltage", Some("The pressure_voltage"), Some("V"), "discovery"),
                ("flow", Some("The flow"), Some("L/min"), "discovery")
            ]
        );
        assert_eq!(seen["metrics"][0]["display"]["precision"], 2);
    }
    let operator = story.operator();
    operator.expect_values("6055f97b55e0", "flow", &[json!(3.5), json!(4.5), json!(5.5)]);
    // Its will speaks of the device by its prefix.
    story.device("will").publish("c3-debug/status", "offline");
    assert_eq!(device(&operator, "6055f97b55e0")["status"], "offline");
    story.finish();
}

#[test]
fn a_device_that_is_announced_late_stays_the_device_that_it_was() {
    let mut story = Story::begin();
    let mut board = story.device("c3");
    board.publish("c3-debug/sensor/flow/state", "1.5");
    let (topic, config) = esphome("flow", "L/min");
    board.publish_retained(&topic, config);
    for (restart, value) in RESTARTS.iter().zip(["2.5", "3.5", "4.5"]) {
        restart(&mut story);
        let operator = story.operator();
        story.device("c3").publish("c3-debug/sensor/flow/state", value);
        assert_eq!(keys(&operator), ["c3-debug"]);
        let seen = device(&operator, "c3-debug");
        assert_eq!((&seen["name"], &seen["model"]), (&json!("C3 debug"), &json!("esp32-c3")));
        assert_eq!(metrics(&seen), [("flow", Some("The flow"), Some("L/min"), "discovery")]);
    }
    let values = [json!(1.5), json!(2.5), json!(3.5), json!(4.5)];
    story.operator().expect_values("c3-debug", "flow", &values);
    story.finish();
}

#[test]
fn a_person_s_name_wins_and_comes_back_to_the_announced_one() {
    let mut story = Story::begin();
    story.device("c3").publish_all([esphome("flow", "L/min"), state("flow", "1.5")]);
    let name = |operator: &Operator, name: &str| {
        let headers = [("content-type", "application/json")];
        let body = json!({"name": name}).to_string();
        operator.send("PATCH", "/devices/6055f97b55e0", &headers, Some(body.as_bytes())).body["name"].clone()
    };
    assert_eq!(name(&story.operator(), "Cellar"), "Cellar");
    let (topic, config) = esphome("flow", "L/min");
    story.device("c3").publish(&topic, String::from_utf8(config).unwrap().replace("C3 debug", "C3 again"));
    story.kill_and_restart();
    let operator = story.operator();
    assert_eq!(device(&operator, "6055f97b55e0")["name"], "Cellar");
    assert_eq!(name(&operator, ""), "C3 again");
    assert_eq!(operator.see("/devices?q=c3%20AGAIN")["items"][0]["key"], "6055f97b55e0");
    story.finish();
}

#[test]
fn what_is_announced_again_replaces_and_what_is_empty_withdraws() {
    let mut story = Story::begin();
    let mut board = story.device("porch");
    let config = |path: &str, unit: &str| {
        format!(
            r#"{{"name":"Gust","obj_id":"gust","stat_t":"porch/state","val_tpl":"{{{{ value_json.{path} }}}}","unit_of_meas":"{unit}",
                "dev":{{"ids":["porch-1"]}}}}"#
        )
    };
    let topic = "homeassistant/sensor/porch/gust/config";
    board.publish_retained(topic, config("g", "km/h"));
    board.publish("porch/state", r#"{"g":10,"rain":1.5}"#);
    board.publish_retained(topic, config("wind.g", "m/s"));
    board.publish("porch/state", r#"{"wind":{"g":10}}"#);
    let operator = story.operator();
    assert_eq!(keys(&operator), ["porch-1"]);
    // The series is in km/h already, so 10 m/s are 36 km/h.
    operator.expect_values("porch-1", "gust", &[json!(10.0), json!(36.0)]);
    operator.expect_values("porch-1", "rain", &[json!(1.5)]);

    board.publish_retained(topic, "");
    story.kill_and_restart();
    let operator = story.operator();
    story.device("porch").publish("porch/state", r#"{"g":11}"#);
    operator.expect_values("porch", "g", &[json!(11.0)]);
    operator.expect_values("porch-1", "gust", &[json!(10.0), json!(36.0)]);
    story.finish();
}

#[test]
fn homie_tasmota_and_zigbee2mqtt_keep_their_names_and_gain_shown_ones_and_units() {
    let mut story = Story::begin();
    let mut gateway = story.device("gateway");
    for (topic, payload) in [
        (
            "homie/5/car/$description",
            r#"{"name":"Super car","nodes":{"engine":{"properties":{"speed_now":{"name":"Speed","unit":"km/h","datatype":"float"}}}}}"#,
        ),
        ("homie/5/car/engine/speed_now", "21.5"),
        ("homie/van/engine/torque", "300"),
        ("homie/van/$name", "Old van"),
        ("homie/van/engine/torque/$unit", "Nm"),
        ("homie/van/engine/torque/$name", "Torque"),
        ("homie/van/engine/torque", "310"),
        (
            "tasmota/discovery/0848A2AABBCC/config",
            r#"{"dn":"Attic meter","fn":["Attic"],"hn":"tasmota-1","mac":"0848A2AABBCC","md":"Sonoff POW","sw":"14.2.0","t":"attic","ft":"%prefix%/%topic%/","tp":["cmnd","stat","tele"]}"#,
        ),
        (
            "tasmota/discovery/0848A2AABBCC/sensors",
            r#"{"sn":{"Time":"2026-01-01T00:00:00","AM2301":{"Temperature":21.0},"TempUnit":"C"},"ver":1}"#,
        ),
        ("tele/attic/SENSOR", r#"{"Time":"2026-01-01T00:00:00","AM2301":{"Temperature":21.0},"TempUnit":"C"}"#),
        (
            "zigbee2mqtt/bridge/devices",
            r#"[{"friendly_name":"bed/plant","definition":{"vendor":"Tuya","model":"TS0601_soil","exposes":[{"property":"soil_fertility","label":"Soil fertility","unit":"µS/cm","type":"numeric"}]}}]"#,
        ),
        ("zigbee2mqtt/bed/plant", r#"{"soil_fertility":310,"linkquality":90}"#),
    ] {
        gateway.publish(topic, payload);
    }
    for restart in RESTARTS {
        restart(&mut story);
        let operator = story.operator();
        assert_eq!(keys(&operator), ["car", "van", "attic", "zigbee2mqtt/bed/plant"]);
        let car = device(&operator, "car");
        assert_eq!(car["name"], "Super car");
        assert_eq!(metrics(&car), [("engine.speed_now", Some("Speed"), Some("km/h"), "discovery")]);
        let van = device(&operator, "van");
        assert_eq!(van["name"], "Old van");
        assert_eq!(metrics(&van), [("engine.torque", Some("Torque"), Some("Nm"), "discovery")]);
        let attic = device(&operator, "attic");
        assert_eq!(
            (&attic["name"], &attic["model"], &attic["firmware"]),
            (&json!("Attic meter"), &json!("Sonoff POW"), &json!("14.2.0"))
        );
        assert_eq!(metrics(&attic), [("am2301.temperature", None, Some("°C"), "payload")]);
        let plant = device(&operator, "zigbee2mqtt/bed/plant");
        assert_eq!((&plant["name"], &plant["model"]), (&json!("bed/plant"), &json!("Tuya TS0601_soil")));
        assert_eq!(metrics(&plant)[0], ("soil_fertility", Some("Soil fertility"), Some("µS/cm"), "discovery"));
    }
    story.finish();
}

#[test]
fn an_announcement_takes_nothing_away_from_another_client() {
    let mut story = Story::begin();
    let mut owner = story.device("owner");
    owner.publish("home/kitchen/climate", r#"{"temp_c":21.5,"level":7}"#);
    owner.publish_all([esphome("flow", "L/min"), state("flow", "1.5")]);
    let mut rogue = story.device("rogue");
    let config = |object: &str, topic: &str, template: &str, unit: &str, device: &str| {
        let topic_of = format!("homeassistant/sensor/{object}/config");
        let config = format!(
            r#"{{"name":"Mine","obj_id":"{object}","stat_t":"{topic}","val_tpl":"{template}","unit_of_meas":"{unit}","dev":{{"ids":"{device}","name":"Mine"}}}}"#
        );
        (topic_of, config.into_bytes())
    };
    rogue.publish_all([
        // Its topic, its device, its unit.
        config("a", "home/kitchen/climate", "{{ value_json.temp_c }}", "°F", "rogue-1"),
        config("b", "home/kitchen/climate", "{{ value_json.level }}", "cm", "rogue-1"),
        // What was announced already, by its topic and by the very subject.
        config("c", "c3-debug/sensor/flow/state", "{{ value }}", "gal/h", "rogue-1"),
        config("c3-debug/flow", "c3-debug/sensor/flow/state", "{{ value }}", "gal/h", "rogue-1"),
        // Own values among the readings of another's device.
        config("temperature", "rogue/one", "{{ value }}", "°C", "home/kitchen/climate"),
        config("flow", "rogue/two", "{{ value }}", "L/min", "6055f97b55e0"),
    ]);
    rogue.publish("rogue/one", "99");
    rogue.publish("rogue/two", "99");
    story.kill_and_restart();
    let mut owner = story.device("owner");
    owner.publish("home/kitchen/climate", r#"{"temp_c":22.5,"level":8}"#);
    owner.publish("c3-debug/sensor/flow/state", "2.5");
    let operator = story.operator();
    operator.expect_values("home/kitchen/climate", "temperature", &[json!(21.5), json!(22.5)]);
    operator.expect_values("home/kitchen/climate", "level", &[json!(7.0), json!(8.0)]);
    operator.expect_values("6055f97b55e0", "flow", &[json!(1.5), json!(2.5)]);
    let kitchen = device(&operator, "home/kitchen/climate");
    let units: Vec<_> = metrics(&kitchen).into_iter().map(|(name, _, unit, source)| (name, unit, source)).collect();
    // A unit that the name tells stays; one that nobody has told may be told by anybody.
    assert_eq!(units, [("temperature", Some("°C"), "name"), ("level", Some("cm"), "discovery")]);
    assert_eq!(metrics(&device(&operator, "6055f97b55e0"))[0].2, Some("L/min"));
    story.finish();
}

#[test]
fn an_announced_device_cannot_be_taken_over_by_its_announcement() {
    let mut story = Story::begin();
    let config = |name: &str, unit: &str| {
        format!(
            r#"{{"name":"{name}","obj_id":"inside","stat_t":"victim/state","unit_of_meas":"{unit}","dev":{{"ids":"victim-1","name":"{name}"}}}}"#
        )
    };
    let topic = "homeassistant/sensor/victim/config";
    let mut owner = story.device("owner");
    owner.publish_retained(topic, config("Cellar", "°C"));
    owner.publish("victim/state", "21.5");
    let mut rogue = story.device("rogue");
    for config in [config("Mine", "°C"), config("Mine", "°F"), String::new(), config("Mine", "°F")] {
        rogue.publish_retained(topic, config);
        owner.publish("victim/state", "21.5");
    }
    story.kill_and_restart();
    let mut owner = story.device("owner");
    owner.publish("victim/state", "21.5");
    let operator = story.operator();
    assert_eq!(keys(&operator), ["victim-1"]);
    operator.expect_values(
        "victim-1",
        "inside",
        &[json!(21.5), json!(21.5), json!(21.5), json!(21.5), json!(21.5), json!(21.5)],
    );
    let seen = device(&operator, "victim-1");
    assert_eq!(seen["name"], "Cellar");
    assert_eq!(metrics(&seen), [("inside", Some("Cellar"), Some("°C"), "discovery")]);
    // The owner may still change what it said.
    owner.publish_retained(topic, config("Attic", "°C"));
    assert_eq!(device(&operator, "victim-1")["name"], "Attic");
    story.finish();
}

#[test]
fn what_its_client_withdraws_and_announces_again_is_the_same_device() {
    let mut story = Story::begin();
    let (topic, config) = esphome("flow", "L/min");
    story.device("c3").publish_retained(&topic, config.clone());
    story.device("c3").publish("c3-debug/sensor/flow/state", "1.5");
    let mut values = vec![json!(1.5)];
    for (restart, value) in RESTARTS.iter().zip([3.5, 4.5, 5.5]) {
        let mut board = story.device("c3");
        board.publish_retained(&topic, "");
        board.publish("c3-debug/sensor/flow/state", "2.5");
        restart(&mut story);
        let mut board = story.device("c3");
        board.publish_retained(&topic, config.clone());
        board.publish("c3-debug/sensor/flow/state", value.to_string());
        values.push(json!(value));
        let operator = story.operator();
        operator.expect_values("6055f97b55e0", "flow", &values);
        assert_eq!(device(&operator, "6055f97b55e0")["name"], "C3 debug");
    }
    story.finish();
}

#[test]
fn acknowledged_announcements_survive_a_kill_however_many_and_however_large() {
    let mut story = Story::begin();
    let mut board = story.device("board");
    // One of 256 metrics is larger than a document.
    let long = "x".repeat(110);
    let many: Vec<_> = (0..256)
        .map(|n| format!(r#""m{n}":{{"p":"sensor","name":"{long}","unit_of_meas":"lx","stat_t":"wide/{n}"}}"#))
        .collect();
    let wide = format!(r#"{{"dev":{{"ids":"wide-1","name":"Wide"}},"cmps":{{{}}}}}"#, many.join(","));
    board.publish("homeassistant/device/wide/config", wide);
    let small = (0..400).map(|n| {
        let config = format!(r#"{{"obj_id":"v","stat_t":"small/{n}","unit_of_meas":"lx","dev":{{"ids":"small-{n}","name":"Small {n}"}}}}"#);
        (format!("homeassistant/sensor/small/{n}/config"), config.into_bytes())
    });
    board.publish_all(small);
    story.kill_and_restart();
    let mut board = story.device("board");
    board.publish_all((0..256).map(|n| (format!("wide/{n}"), b"5".to_vec())));
    board.publish_all((0..400).map(|n| (format!("small/{n}"), b"5".to_vec())));
    let operator = story.operator();
    let wide = device(&operator, "wide-1");
    assert_eq!((&wide["name"], wide["metrics"].as_array().unwrap().len()), (&json!("Wide"), 256));
    for n in [0, 1, 200, 399] {
        let small = device(&operator, &format!("small-{n}"));
        assert_eq!((&small["name"], metrics(&small)[0].2), (&json!(format!("Small {n}")), Some("lx")));
    }
    assert_eq!(keys(&operator).len(), 401);
    story.finish();
}

/// A board that announces some of the values of one topic, each with a template.
fn board(values: &[(&str, &str)], more: &str) -> (String, String) {
    let one = |(name, template): &(&str, &str)| {
        format!(r#""{name}":{{"p":"sensor","unit_of_meas":"lx","val_tpl":"{{{{ {template} }}}}"}}"#)
    };
    let values: Vec<String> = values.iter().map(one).collect();
    let values = values.join(",");
    let config = format!(r#"{{"stat_t":"board/state",{more}"dev":{{"ids":"board-1"}},"cmps":{{{values}}}}}"#);
    ("homeassistant/device/board/config".to_owned(), config)
}

#[test]
fn a_template_that_multiplies_is_calculated_and_one_that_does_more_is_doubted() {
    let mut story = Story::begin();
    let mut device = story.device("board");
    let values = [
        ("light", "value_json.l * 0.1"),
        ("shade", "(value_json.s | float / 4 + 1) | round(1)"),
        ("glow", "value_json.g * value_json.l"),
    ];
    let (topic, config) = board(&values, "");
    device.publish_retained(&topic, config);
    device.publish("board/state", r#"{"l":213,"s":9,"g":7,"plain":5}"#);
    story.kill_and_restart();
    story.device("board").publish("board/state", r#"{"l":3,"s":"10","g":8,"plain":6}"#);
    let operator = story.operator();
    operator.expect_values("board-1", "light", &[json!(21.3), json!(0.3)]);
    operator.expect_values("board-1", "shade", &[json!(3.2), json!(3.5)]);
    operator.expect_values("board-1", "g", &[json!(7.0), json!(8.0)]);
    let trace = operator.see("/topics/trace?topic=board%2Fstate");
    let readings = trace["messages"][0]["readings"].as_array().unwrap();
    let flaw = |metric: &str| &readings.iter().find(|it| it["metric"] == metric).unwrap()["flaw"];
    assert_eq!((flaw("g"), flaw("light"), flaw("plain")), (&json!("not_calculated"), &Value::Null, &Value::Null));
    // Nobody else's numbers become others.
    let rogue = r#"{"obj_id":"x","stat_t":"board/state","unit_of_meas":"lx","val_tpl":"{{ value_json.plain * 100 }}","dev":{"ids":"rogue-1"}}"#;
    let mut other = story.device("rogue");
    other.publish("homeassistant/sensor/rogue/x/config", rogue);
    other.publish("homeassistant/sensor/rogue/y/config", rogue.replace("* 100", "| log"));
    story.device("board").publish("board/state", r#"{"l":3,"s":10,"g":8,"plain":7}"#);
    operator.expect_values("board-1", "plain", &[json!(5.0), json!(6.0), json!(7.0)]);
    let trace = operator.see("/topics/trace?topic=board%2Fstate");
    let readings = trace["messages"][0]["readings"].as_array().unwrap();
    assert!(readings.iter().all(|it| it["metric"] == "g" || it["flaw"].is_null()), "{readings:?}");
    story.finish();
}

#[test]
fn a_device_comes_and_goes_by_the_topics_that_it_announced_for_that() {
    let mut story = Story::begin();
    let mut device = story.device("board");
    let avty = r#""avty":[{"t":"board/power","pl_avail":"alive","pl_not_avail":"dead"},
        {"t":"gateway/state","val_tpl":"{{ value_json.state }}"}],"avty_mode":"all","#;
    let (topic, config) = board(&[("light", "value_json.l")], avty);
    device.publish_retained(&topic, config);
    device.publish("board/state", r#"{"l":213}"#);
    let status = |story: &Story| device_status(&story.operator(), "board-1");
    assert_eq!(status(&story), "online");
    device.publish("board/power", "dead");
    assert_eq!(status(&story), "offline");
    device.publish("gateway/state", r#"{"state":"online"}"#);
    assert_eq!(status(&story), "offline", "both have to be there");
    device.publish("board/power", "alive");
    assert_eq!(status(&story), "online");
    // Another client's announcement of its own device tells nothing about this one.
    let rogue =
        r#"{"obj_id":"x","stat_t":"rogue/state","avty_t":"rogue/there","unit_of_meas":"lx","dev":{"ids":"board-1"}}"#;
    let mut other = story.device("rogue");
    other.publish("homeassistant/sensor/rogue/x/config", rogue);
    other.publish("rogue/state", "5");
    other.publish("rogue/there", "offline");
    assert_eq!(status(&story), "online");
    story.kill_and_restart();
    let mut device = story.device("board");
    device.publish("board/state", r#"{"l":213}"#);
    device.publish("gateway/state", r#"{"state":"offline"}"#);
    assert_eq!(device_status(&story.operator(), "board-1"), "offline");
    story.finish();
}

fn device_status(operator: &Operator, key: &str) -> Value {
    device(operator, key)["status"].clone()
}

#[test]
fn a_value_is_stale_when_it_is_older_than_it_was_announced_to_hold() {
    let story = Story::begin();
    let mut board = story.device("board");
    let config = |object: &str, holds: u32| {
        let config = format!(
            r#"{{"obj_id":"{object}","stat_t":"b/{object}","exp_aft":{holds},"unit_of_meas":"lx","dev":{{"ids":"b-1"}}}}"#
        );
        (format!("homeassistant/sensor/b/{object}/config"), config.into_bytes())
    };
    board.publish_all([config("short", 1), config("long", 3600)]);
    board.publish_all([("b/short".to_owned(), b"5".to_vec()), ("b/long".to_owned(), b"5".to_vec())]);
    let operator = story.operator();
    let stale = || {
        let seen = device(&operator, "b-1");
        let metrics = seen["metrics"].as_array().unwrap().iter();
        metrics.map(|it| (it["name"].as_str().unwrap().to_owned(), it["stale"].as_bool().unwrap())).collect::<Vec<_>>()
    };
    let expected = [("short".to_owned(), true), ("long".to_owned(), false)];
    stories::expect("the short one to be stale", || if stale() == expected { Ok(()) } else { Err(stale()) });
    story.finish();
}

#[test]
fn garbage_and_what_is_too_large_announce_nothing_and_harm_nobody() {
    let story = Story::begin();
    let mut board = story.device("board");
    let long = "x".repeat(70_000);
    let loops = "{% for a in range(9999999) %}{% for b in range(9999999) %}{{ a * b }}{% endfor %}{% endfor %}{{ value_json.temp }}";
    for (n, config) in [
        r#"{"stat_t":"#.to_owned(),
        r#"{"stat_t":"a/+/b","unit_of_meas":"V"}"#.to_owned(),
        r#"{"stat_t":["a"],"unit_of_meas":{"a":1},"dev":[{"ids":{}}]}"#.to_owned(),
        format!(r#"{{"stat_t":"plain/state","unit_of_meas":"V","name":"{long}"}}"#),
        format!(r#"{{"stat_t":"plain/state","unit_of_meas":"V","val_tpl":"{loops}"}}"#),
        format!(r#"{{"stat_t":"plain/state","unit_of_meas":"V","val_tpl":"{{{{ value_json.temp }}}}","dev":{{"ids":"{long}"}}}}"#),
        format!(r#"{{"stat_t":"plain/state","unit_of_meas":"V","val_tpl":"{{{{ value_json.{} }}}}"}}"#, "a.".repeat(5_000)),
        "[".repeat(10_000),
        r#"{"dev":{"ids":"\u0000\u0007"},"stat_t":"plain/state"}"#.to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        board.publish(&format!("homeassistant/sensor/garbage/{n}/config"), config);
    }
    board.publish("homeassistant/sensor/garbage/bytes/config", vec![0xff, 0x00, 0xfe]);
    board.publish("plain/state", r#"{"temp":21.5}"#);
    let operator = story.operator();
    operator.expect_values("plain", "temperature", &[json!(21.5)]);
    assert_eq!(keys(&operator), ["plain"]);
    story.finish();
}
