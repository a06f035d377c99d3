//! What was announced, and how a message is read with it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use decode::{Announcement, Content, Found, announced, decode};
use model::{Topic, UnitSource, Value};

fn announce(topic: &str, payload: &str) -> Announcement {
    let content = decode(&Topic::parse(topic).unwrap(), payload.as_bytes(), None).content;
    let Content::Announced(told) = content else { panic!("{content:?}") };
    *told
}

fn read(topic: &str, payload: &str, told: &Announcement) -> Vec<Found> {
    let content = announced::read(&Topic::parse(topic).unwrap(), payload.as_bytes(), &told.metrics).unwrap().content;
    let Content::Readings(found) = content else { panic!("{content:?}") };
    found
}

fn line(found: &Found) -> (&str, &str, &Value, Option<&str>, UnitSource) {
    let unit = found.unit.as_ref().map(model::Unit::as_str);
    (&found.device, &found.metric, found.value.as_ref().unwrap(), unit, found.unit_source)
}

const ESPHOME: &str = r#"{"dev_cla":"voltage","unit_of_meas":"V","stat_cla":"measurement","name":"Pressure voltage",
    "stat_t":"~/sensor/pressure_voltage/state","~":"c3-debug","uniq_id":"ESPsensorpressure_voltage","exp_aft":60,
    "dev":{"ids":"6055f97b55e0","name":"C3 debug","sw":"2026.6.5","mdl":"esp32-c3"}}"#;

#[test]
fn an_esphome_config_and_its_state_topic() {
    let told = announce("homeassistant/sensor/c3-debug/pressure_voltage/config", ESPHOME);
    assert_eq!(
        (told.device_name.as_deref(), told.model.as_deref(), told.firmware.as_deref()),
        (Some("C3 debug"), Some("esp32-c3"), Some("2026.6.5"))
    );
    assert_eq!(told.metrics[0].expire_after_s, Some(60));
    let found = read("c3-debug/sensor/pressure_voltage/state", "1.234", &told);
    let expected = ("6055f97b55e0", "pressure_voltage", &Value::Number(1.234), Some("V"), UnitSource::Discovery);
    assert_eq!(found.iter().map(line).collect::<Vec<_>>(), [expected]);
}

#[test]
fn a_default_is_never_invented_and_what_nobody_announced_is_kept() {
    let told = announce(
        "homeassistant/sensor/ems-esp/system_cputemp/config",
        r#"{"uniq_id":"x","obj_id":"boiler_temp","stat_t":"ems-esp/heartbeat","unit_of_meas":"C",
            "val_tpl":"{{value_json['temperature'] if value_json['temperature'] is defined else 0}}",
            "dev":{"ids":["ems-esp"]}}"#,
    );
    let found = read("ems-esp/heartbeat", r#"{"humidity":40}"#, &told);
    assert_eq!(found.iter().map(|it| it.metric.as_str()).collect::<Vec<_>>(), ["humidity"]);
    let found = read("ems-esp/heartbeat", r#"{"temperature":41.5,"humidity":40}"#, &told);
    let metrics: Vec<_> = found.iter().map(|it| (it.device.as_str(), it.metric.as_str())).collect();
    assert_eq!(metrics, [("ems-esp", "boiler_temp"), ("ems-esp", "humidity")]);
}

#[test]
fn a_family_keeps_its_names_and_gains_units() {
    let told = announce(
        "zigbee2mqtt/bridge/devices",
        r#"[{"friendly_name":"attic","definition":{"exposes":[
            {"property":"soil_moisture","unit":"%","type":"numeric"},
            {"type":"light","features":[{"property":"brightness","type":"numeric"}]}]}}]"#,
    );
    let found = read("zigbee2mqtt/attic", r#"{"soil_moisture":40}"#, &told);
    assert_eq!(line(&found[0]).0, "zigbee2mqtt/attic");
    assert_eq!((line(&found[0]).3, found[0].unit_source <= UnitSource::Name), (Some("%"), true));
}

#[test]
fn homie_tells_units_in_both_versions() {
    let five = announce(
        "homie/5/super-car/$description",
        r#"{"name":"Super car","nodes":{"engine":{"properties":{"speed_now":{"unit":"km/h","datatype":"float"}}}}}"#,
    );
    let four = announce("homie/super-car/engine/speed_now/$unit", "km/h");
    for (told, topic) in [(five, "homie/5/super-car/engine/speed_now"), (four, "homie/super-car/engine/speed_now")] {
        let found = read(topic, "21.5", &told);
        let found = line(&found[0]);
        assert_eq!((found.0, found.1, found.4), ("super-car", told.metrics[0].metric.as_str(), UnitSource::Discovery));
        assert_eq!(found.3, Some("km/h"));
    }
}

#[test]
fn what_cannot_be_bound_is_counted_and_limits_hold() {
    let config = |members: &str| announce("homeassistant/sensor/n/o/config", &format!("{{{members}}}"));
    for members in [
        r#""stat_t":"a/b","val_tpl":"{{ value_json.t * 2 }}""#,
        r#""stat_t":"+/b""#,
        r#""stat_t":"homeassistant/sensor/other/o/config""#,
    ] {
        let told = config(members);
        assert_eq!((told.metrics.len(), told.left_out), (0, 1), "{members}");
    }
    let long = "x".repeat(announced::CONFIG_BYTES_MAX);
    assert_eq!(config(&format!(r#""stat_t":"a/b","name":"{long}""#)).metrics.len(), 0);
    let many: Vec<_> = (0..300).map(|n| format!(r#""m{n}":{{"p":"sensor","stat_t":"a/{n}"}}"#)).collect();
    let told = announce("homeassistant/device/d/config", &format!(r#"{{"cmps":{{{}}}}}"#, many.join(",")));
    assert_eq!((told.metrics.len(), told.left_out), (announced::METRICS_MAX, 44));
    assert_eq!(announce("homeassistant/sensor/n/o/config", "").metrics.len(), 0);
}
