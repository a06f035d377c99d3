//! What was announced, and how a message is read with it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use decode::announced::{PRESENCE_BYTES_MAX, PresenceMessage};
use decode::{Announcement, Content, Found, Pick, announced, decode};
use model::{Flaw, Judgement, Topic, UnitSource, Value};

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

/// Key, name, model and firmware.
type About<'t> = (&'t str, Option<&'t str>, Option<&'t str>, Option<&'t str>);

fn about(told: &Announcement) -> Vec<About<'_>> {
    let told = told.devices.iter();
    told.map(|it| (it.device.as_str(), it.name.as_deref(), it.model.as_deref(), it.firmware.as_deref())).collect()
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
    assert_eq!(about(&told), [("6055f97b55e0", Some("C3 debug"), Some("esp32-c3"), Some("2026.6.5"))]);
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
        r#""stat_t":"a/b","val_tpl":"{{ states(1) }}""#,
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

#[test]
fn the_same_presence_is_announced_once_and_told_by_short_messages() {
    let entry = r#"{"t":"a/there","val_tpl":"{{ value_json.a }}"}"#;
    let entries = [entry, entry, r#"{"t":"a/there"}"#, entry].join(",");
    let config = format!(r#"{{"stat_t":"a/b","dev":{{"ids":"d"}},"avty":[{entries}]}}"#);
    let told = announce("homeassistant/sensor/n/o/config", &config);
    let availability = &told.devices[0].availability;
    assert_eq!(availability.len(), 2);
    let topic = Topic::parse("a/there").unwrap();
    let here = |payload: &str| {
        let message = PresenceMessage::new(&topic, payload.as_bytes())?;
        availability.iter().find_map(|it| it.read(&message))
    };
    for (payload, expected) in [
        (r#"{"a":"online"}"#, Some(true)),
        (r#"{"a":"offline"}"#, Some(false)),
        (r#"{"a":true}"#, None),
        (" online ", Some(true)),
        ("other", None),
    ] {
        assert_eq!(here(payload), expected, "{payload}");
    }
    let of_bytes = |bytes: usize| format!("online{}", " ".repeat(bytes - "online".len()));
    assert_eq!(here(&of_bytes(PRESENCE_BYTES_MAX)), Some(true));
    assert_eq!(here(&of_bytes(PRESENCE_BYTES_MAX + 1)), None);
}

#[test]
fn what_a_template_mentions_is_doubted() {
    let mut told = announce("homeassistant/sensor/n/o/config", r#"{"stat_t":"a/b","dev":{"ids":"d"}}"#);
    for (paths, expected) in
        [(vec!["/other", "/in/foo"], vec!["foo"]), (vec!["/other"], vec![]), (vec![], vec!["foo", "baz"])]
    {
        told.metrics[0].pick = Pick::Unread(paths.into_iter().map(str::to_owned).collect());
        let found = read("a/b", r#"{"foo":4,"baz":5}"#, &told);
        let doubted = found.iter().filter(|it| it.judgement == Judgement::Suspect(Flaw::NotCalculated));
        assert_eq!(doubted.map(|it| it.metric.as_str()).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn what_devices_are_called_and_what_they_are() {
    let told = announce(
        "tasmota/discovery/0848A2AABBCC/config",
        r#"{"ip":"192.168.1.10","dn":"Attic meter","fn":["Attic",null],"hn":"tasmota-0848A2","mac":"0848A2AABBCC","md":"Sonoff POW",
            "sw":"14.2.0","t":"tasmota_0848A2","ft":"home/%topic%/%prefix%/","tp":["cmnd","stat","tele"]}"#,
    );
    assert_eq!(about(&told), [("home/tasmota_0848A2", Some("Attic meter"), Some("Sonoff POW"), Some("14.2.0"))]);
    let told = announce(
        "zigbee2mqtt/bridge/devices",
        r#"[{"friendly_name":"Coordinator","type":"Coordinator","definition":null},
            {"friendly_name":"attic/window","software_build_id":"3.0","definition":{"vendor":"Aqara","model":"MCCGQ11LM"}}]"#,
    );
    assert_eq!(
        about(&told)[1],
        ("zigbee2mqtt/attic/window", Some("attic/window"), Some("Aqara MCCGQ11LM"), Some("3.0"))
    );
    let told = announce("shellies/announce", r#"{"id":"shellyht-12AB","model":"SHHT-1","mac":"AA","fw_ver":"1.14"}"#);
    assert_eq!(about(&told), [("shellyht-12AB", None, Some("SHHT-1"), Some("1.14"))]);
    assert_eq!(about(&announce("homie/porch/$name", "Porch light")), [("porch", Some("Porch light"), None, None)]);
    assert_eq!(about(&announce("homie/porch/$fw/version", "3.1")), [("porch", None, None, Some("3.1"))]);
}

#[test]
fn every_family_keeps_its_names_whatever_is_announced() {
    for (state, path, device, metric) in [
        ("tele/attic/SENSOR", "AM2301.Temperature", "attic", "am2301.temperature"),
        ("zigbee2mqtt/attic", "temperature", "zigbee2mqtt/attic", "temperature"),
        ("home/gateway/BTtoMQTT/A4C138AABBCC", "tempc", "a4c138aabbcc", "temperature"),
    ] {
        let config = format!(
            r#"{{"name":"T","uniq_id":"x","stat_t":"{state}","val_tpl":"{{{{ value_json.{path} }}}}","unit_of_meas":"°C",
                "dev":{{"ids":"other"}}}}"#
        );
        let told = announce("homeassistant/sensor/n/o/config", &config);
        let usual = announced::usual(&told.metrics[0]).unwrap();
        assert_eq!((usual.device.as_str(), usual.metric.as_str(), usual.family), (device, metric, true), "{state}");
    }
    let told = announce("homeassistant/sensor/c3-debug/pressure_voltage/config", ESPHOME);
    let usual = announced::usual(&told.metrics[0]).unwrap();
    assert_eq!((usual.device.as_str(), usual.metric.as_str(), usual.family), ("c3-debug", "pressure_voltage", false));
}
