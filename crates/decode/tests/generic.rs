//! Firmware that nobody has listed: what the generic families make of it.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test that cannot go on has failed")]

use decode::{ClaimedTime, Content, Found, decode};
use model::{Flaw, Judgement, Kind, RejectReason, TimeSource, Topic, UnitSource, Value};

fn content(topic: &str, payload: &str) -> Content {
    decode(&Topic::parse(topic).unwrap(), payload.as_bytes(), None).content
}

fn readings(topic: &str, payload: &str) -> Vec<Found> {
    match content(topic, payload) {
        Content::Readings(found) => found,
        other => panic!("{topic} {payload}: {other:?}"),
    }
}

/// `device metric value unit` of everything found, in order.
fn told(topic: &str, payload: &str) -> Vec<String> {
    let value = |found: &Found| match &found.value {
        Ok(Value::Number(number)) => format!("{number}"),
        Ok(Value::Bool(on)) => format!("{on}"),
        Ok(Value::Text(text)) => format!("{text:?}"),
        Err(reason) => format!("refused:{}", reason.as_str()),
    };
    let unit = |found: &Found| found.unit.as_ref().map_or("-".into(), |unit| unit.as_str().to_owned());
    readings(topic, payload)
        .iter()
        .map(|found| format!("{} {} {} {}", found.device, found.metric, value(found), unit(found)))
        .collect()
}

#[test]
fn the_two_messages_of_the_first_page() {
    let found = readings("home/kitchen/climate", r#"{"temperature":21.5,"humidity":48}"#);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].device.as_str(), found[0].metric.as_str()), ("home/kitchen/climate", "temperature"));
    assert_eq!(found[0].unit.as_ref().unwrap().as_str(), "°C");
    assert_eq!(found[0].unit_source, UnitSource::Assumed);
    assert_eq!(found[1].unit.as_ref().unwrap().as_str(), "%");
    assert_eq!(found[1].unit_source, UnitSource::Name);
    assert_eq!(told("esp32/dht/temperature", "23.75"), ["esp32/dht temperature 23.75 °C"]);
}

#[test]
fn json_of_any_shape_becomes_named_values() {
    for (topic, payload, expected) in [
        (
            "a/b",
            r#"{"bme280":{"temp":20.5,"press":1013.2}}"#,
            vec!["a/b bme280.temperature 20.5 °C", "a/b bme280.pressure 1013.2 hPa"],
        ),
        (
            "a/b/state",
            r#"{"temp_c":"20.5","humidity_pct":" 40 "}"#,
            vec!["a/b temperature 20.5 °C", "a/b humidity 40 %"],
        ),
        ("a/b", r#"{"v":[1,2.5]}"#, vec!["a b.1 1 -", "a b.2 2.5 -"]),
        ("a/b", r#"{"accel":[1,2.5],"x":0}"#, vec!["a/b accel.1 1 -", "a/b accel.2 2.5 -", "a/b x 0 -"]),
        ("a/temperature", r#"{"value":21.5,"unit":"F"}"#, vec!["a temperature 21.5 °F"]),
        ("a/b", r#"{"temperature":{"value":21.5,"unit":"C"},"n":1}"#, vec!["a/b temperature 21.5 °C", "a/b n 1 -"]),
        (
            "a/b",
            r#"[{"name":"temperature","value":21.5},{"name":"co2","value":"600"}]"#,
            vec!["a/b temperature 21.5 °C", "a/b co2 600 ppm"],
        ),
        (
            "a/b",
            r#"{"sensors":[{"name":"Attic","temp":3},{"name":"Cellar","temp":12}]}"#,
            vec!["a/b attic.temperature 3 °C", "a/b cellar.temperature 12 °C"],
        ),
        (
            "a/b",
            r#"{"door":"open","relay":"OFF","ok":true}"#,
            vec!["a/b door true -", "a/b relay false -", "a/b ok true -"],
        ),
        ("a/b", r#"{"a":1,"a":2}"#, vec!["a/b a 2 -"]),
        ("a/b", r#"{"temperature":70,"temp_unit":"F"}"#, vec!["a/b temperature 70 °F"]),
        ("a/b", r#"{"tempC":20,"tempF":68,"hum":50}"#, vec!["a/b temperature 20 °C", "a/b humidity 50 %"]),
        ("a/b", r#"{"temp":20,"temperature":68}"#, vec!["a/b temp 20 °C", "a/b temperature 68 °C"]),
        ("sensors", r#"{"device_id":"node-7a","temp":20}"#, vec!["node-7a temperature 20 °C"]),
        ("sensors", r#"{"device_id":7,"temp":20}"#, vec!["sensors/7 temperature 20 °C"]),
        ("sensors", r#"{"mac":"24:0A:C4:12:34:56","temp":20}"#, vec!["240ac4123456 temperature 20 °C"]),
        ("sensors", r#"{"device":"attic","temp":20}"#, vec!["sensors/attic temperature 20 °C"]),
        ("home/attic/climate", r#"{"device":"Attic","temp":20}"#, vec!["home/attic/climate temperature 20 °C"]),
        (
            "sensors",
            r#"[{"device":"a","temp":1},{"device":"b","temp":2}]"#,
            vec!["sensors/a temperature 1 °C", "sensors/b temperature 2 °C"],
        ),
        ("home/temperature", r#"{"sensor":"kitchen","value":20}"#, vec!["home temperature 20 °C"]),
        ("home/x", r#"{"sensor":"co2","value":600}"#, vec!["home/x co2 600 ppm"]),
        ("a/b", r#"{"addr":"00189440","key":"8000000000C","serial":"12e4","x":1}"#, vec!["a/b x 1 -"]),
    ] {
        assert_eq!(told(topic, payload), expected, "{payload}");
    }
}

#[test]
fn a_failed_read_voids_nothing_but_itself() {
    let found =
        readings("a/b", r#"{"temperature":nan,"humidity":48,"pressure":null,"co2":"unavailable","x":-inf,"y":1e999}"#);
    let judged: Vec<_> = found.iter().map(|found| (found.metric.as_str(), found.judgement)).collect();
    assert_eq!(
        judged,
        [
            ("temperature", Judgement::Bad(Flaw::Nan)),
            ("humidity", Judgement::Good),
            ("pressure", Judgement::Bad(Flaw::Null)),
            ("co2", Judgement::Bad(Flaw::Null)),
            ("x", Judgement::Bad(Flaw::Infinite)),
            ("y", Judgement::Bad(Flaw::Infinite)),
        ]
    );
    let found = readings("a/b", r#"{"big":9007199254740993,"small":1}"#);
    assert_eq!(found[0].value, Err(RejectReason::Precision));
    assert_eq!(found[1].value, Ok(Value::Number(1.0)));
    assert_eq!(told("a/b", "9007199254740993"), ["a b refused:precision -"]);
}

#[test]
fn times_are_read_where_they_stand() {
    let at = |ms| Some(ClaimedTime::At { ms, source: TimeSource::Device });
    for (payload, time) in [
        (r#"{"ts":1700000000,"a":1}"#, at(1_700_000_000_000)),
        (r#"{"a":1,"timestamp":1700000000123}"#, at(1_700_000_000_123)),
        (r#"{"time":"2023-11-14T22:13:20Z","a":1}"#, at(1_700_000_000_000)),
        (r#"{"time":"2023-11-14T22:13:20","a":1}"#, None),
        (r#"{"ts":12,"a":1}"#, at(12_000)),
        (r#"{"ts":"","a":1}"#, None),
        (r#"{"ts":1700000000,"values":{"a":1}}"#, at(1_700_000_000_000)),
        (r#"[{"ts":1700000000,"values":{"a":1}}]"#, at(1_700_000_000_000)),
        (r#"[{"ts":1700000000,"a":1}]"#, at(1_700_000_000_000)),
        (r#"{"time":1700000000000,"value":1}"#, at(1_700_000_000_000)),
        (r#"{"ts":1700000000,"b":{"a":1}}"#, at(1_700_000_000_000)),
        (r#"{"ts":5,"b":{"a":1,"ts":1700000000}}"#, at(1_700_000_000_000)),
    ] {
        let found = readings("x/y", payload);
        assert_eq!(found.len(), 1, "{payload}");
        assert_eq!(found[0].time, time, "{payload}");
    }
    let found = readings("iot/v1/s/dev/batch", r#"{"age":1000,"dt":500,"m":{"temperature":[1,2,3]}}"#);
    let ago: Vec<_> = found.iter().map(|found| found.time).collect();
    assert_eq!(ago, [2000, 1500, 1000].map(|ms| Some(ClaimedTime::Ago { ms })));
}

#[test]
fn single_values_are_read_as_they_are_written() {
    for (topic, payload, expected) in [
        ("a/temp", "21,5 °C", "a temperature 21.5 °C"),
        ("a/temp", "\"21.5\"", "a temperature 21.5 °C"),
        ("a/temp", "70 F", "a temperature 70 °F"),
        ("a/pressure", "1013hPa", "a pressure 1013 hPa"),
        ("a/relay", "ON", "a relay true -"),
        ("a/power", "1", "a power 1 W"),
        ("a/power", "ON", "a power true -"),
        ("plug/state", "off", "plug state false -"),
        ("garage/humidity/value", "40", "garage humidity 40 %"),
        ("a/temp_humidity", "21.5;40", "a/temp_humidity temperature 21.5 °C"),
        ("a/x", "1;2;3", "a/x value_0 1 -"),
    ] {
        assert_eq!(told(topic, payload)[0], expected, "{topic} {payload}");
    }
}

#[test]
fn labels_with_values_are_read_as_the_object_that_they_mean() {
    for (topic, payload, expected) in [
        ("yard/esp1/data", "T=23.4;H=55.5", vec!["yard/esp1 t 23.4 -", "yard/esp1 h 55.5 -"]),
        ("yard/esp1", "temp:22.5C", vec!["yard/esp1 temperature 22.5 °C"]),
        (
            "yard/esp1",
            "Temperature: 23.1 °C, Humidity: 40 %",
            vec!["yard/esp1 temperature 23.1 °C", "yard/esp1 humidity 40 %"],
        ),
        ("yard/esp1", "temp: 70 F hum: 40", vec!["yard/esp1 temperature 70 °F", "yard/esp1 humidity 40 %"]),
        (
            "yard/esp1",
            "Temp: 23,4 | Soil moisture: 512",
            vec!["yard/esp1 temperature 23.4 °C", "yard/esp1 soil_moisture 512 -"],
        ),
        ("yard/esp1/status", "rssi=-67;ip=10.0.0.1;version=2", vec!["yard/esp1 signal_strength -67 dBm"]),
        (
            "lora/rx",
            "mac=24:0A:C4:12:34:56;temp=2;door=open",
            vec!["240ac4123456 temperature 2 °C", "240ac4123456 door true -"],
        ),
    ] {
        assert_eq!(told(topic, payload), expected, "{topic} {payload}");
    }
    let found = readings("a/b", "ts=1700000000;temp=nan;hum=40");
    assert!(found.iter().all(|found| matches!(found.time, Some(ClaimedTime::At { ms: 1_700_000_000_000, .. }))));
    assert_eq!(found[0].judgement, Judgement::Bad(Flaw::Nan));
}

#[test]
fn text_with_numbers_that_say_nothing_is_unread_and_talk_is_not() {
    for (topic, payload, sentence) in [
        ("yard/rx", "node7|21.4|44|OK", "2 of 4 columns hold numbers, and nothing says what they are"),
        ("yard/rx", "node7;T=21.4", "1 of 2 columns"),
        ("yard/rx", "2026-11-29 12:00:01,21.4,44", "2 of 3 columns"),
        ("yard/rx", "time;temp\n2026-11-29 12:00:01;21.4", "1 of 2 columns"),
        ("yard/rx", "21.4 44", "2 of 2 columns"),
        ("yard/rx", "Level: 55", "the text has labels before its numbers, but none of a known quantity"),
    ] {
        let Content::Unreadable { reason, detail } = content(topic, payload) else { panic!("{topic} {payload}") };
        assert_eq!(reason, "text_unclear", "{payload}");
        assert!(detail.starts_with(sentence), "{payload}: {detail}");
    }
    for (topic, payload) in [
        ("yard/rx", "hello"),
        ("yard/rx", "data_3"),
        ("yard/rx", "2026-11-29 12:00 [INFO] free heap 23412"),
        ("yard/rx", "2026-11-29 12:00:01,234 INFO main - heap 23412, 3 tasks"),
        ("yard/rx", "1.4.2"),
        ("yard/rx", "v2.1.0-rc1"),
        ("yard/rx", "192.168.1.10"),
        ("yard/rx", "192.168.1.10:1883"),
        ("yard/rx", "10.0.0.1, 255.255.255.0"),
        ("yard/rx", "WiFi connected, rssi -67 dBm"),
        ("yard/rx", "WiFi connected, rssi: -67 dBm"),
        ("yard/rx", "24:0A:C4:12:34:56"),
        ("yard/rx", "12:30:05"),
        ("yard/rx", "29/11/2026"),
        ("yard/rx", "0664 123456"),
        ("yard/rx", "Error: 404"),
        ("yard/rx", "Error: no sensor, retry in 5 s, code 3"),
        ("yard/rx", "I (2345) main: heap=23412"),
        ("yard/rx", "[D][sensor:094]: 'Temp': Sending state 23.4 °C with 1 decimals"),
        ("yard/rx", "http://10.0.0.1:80/x?a=1"),
        ("yard/rx", "mode=auto;fan=high"),
        ("yard/debug", "T=23.4;H=55.5"),
        ("yard/log/board", "node7|21.4|44|OK"),
        ("yard/cmd", "speed: 5 mode: 2"),
        ("yard/status", "up|3|ok"),
    ] {
        let Content::NoReading { kind, .. } = content(topic, payload) else {
            panic!("{topic} {payload}: {:?}", content(topic, payload))
        };
        assert_eq!(kind, "text", "{topic} {payload}");
    }
}

#[test]
fn kinds_tell_what_a_number_means() {
    for (topic, payload, kind) in [
        ("a/wind_direction", "270", Kind::Angle),
        ("a/energy", "12.5", Kind::TotalIncreasing),
        ("a/pulse_count", "12", Kind::TotalIncreasing),
        ("a/occupancy", "1", Kind::State),
        ("a/relay", "ON", Kind::State),
        ("a/temperature", "1", Kind::Measurement),
    ] {
        assert_eq!(readings(topic, payload)[0].kind, kind, "{topic}");
    }
}

#[test]
fn what_is_no_reading_says_what_it_is() {
    for (topic, payload, expected) in [
        ("a/b", "", "clear"),
        ("a/b", "hello", "text"),
        ("a/b", "   ", "text"),
        ("a/b", "{}", "text"),
        ("a/b", r#"{"mode":"heat"}"#, "text"),
        ("a/status", "online", "availability"),
        ("a/LWT", "Offline", "availability"),
        ("iot/v1/s/d/info", r#"{"fw":"1.0"}"#, "meta"),
        ("iot/v1/s/d/telemetry", r#"{"err":"dht_timeout"}"#, "event"),
    ] {
        let Content::NoReading { kind, .. } = content(topic, payload) else { panic!("{topic} {payload}") };
        assert_eq!(kind, expected, "{topic} {payload}");
    }
    assert!(matches!(content("homeassistant/sensor/x/config", r#"{"name":"x"}"#), Content::Announced(_)));
}

#[test]
fn what_cannot_be_read_says_why_and_where() {
    for (payload, code, sentence) in [
        (&br#"{"a":1"#[..], "json_incomplete", "JSON ends early at byte 5"),
        (br#" {"a":1,}"#, "json_invalid", "JSON goes wrong at byte 8: '}' cannot stand there"),
        (b"{'a':1}", "json_invalid", "JSON goes wrong at byte 1: a single quote (') cannot stand there"),
        (b"{\"a\":\"\\ud800\"}", "json_invalid", "JSON goes wrong at byte 12"),
        (&[0xff, 0xfe, 0x31], "not_text", "the bytes are no text: UTF-8 ends at byte 0"),
        (b"\xef\xbb\xbf1", "not_text", "the text starts with a byte order mark"),
        (&[b'1', 0, b'2'], "not_text", "the bytes are no text: a control character stands at byte 1"),
        (&[b'['; 40], "too_deep", "JSON is nested more than 32 deep"),
    ] {
        match decode(&Topic::parse("a/b").unwrap(), payload, None).content {
            Content::Unreadable { reason, detail } => {
                assert_eq!(reason, code);
                assert!(detail.starts_with(sentence), "{detail}");
            }
            other => panic!("{payload:?}: {other:?}"),
        }
    }
}

#[test]
fn a_dht_that_says_more_than_it_can_measure_is_suspect() {
    for (payload, expected) in [
        (r#"{"DHT11":{"Temperature":49.0,"Humidity":21.0}}"#, [true, true]),
        (r#"{"DHT11":{"Temperature":51.0,"Humidity":19.0}}"#, [false, false]),
        (r#"{"dht22":{"temp":-41,"hum":100}}"#, [false, true]),
        (r#"{"dht22":{"temp":122,"hum":99,"temp_unit":"F"}}"#, [true, true]),
        (r#"{"sht31":{"temp":-41,"hum":3}}"#, [true, true]),
    ] {
        let suspect = Judgement::Suspect(Flaw::OutOfRange);
        let found = readings("a/b", payload);
        let judged: Vec<_> = found.iter().map(|found| found.judgement).collect();
        assert_eq!(judged, expected.map(|good| if good { Judgement::Good } else { suspect }), "{payload}");
    }
}

#[test]
fn sentinels_are_kept_and_judged() {
    for (topic, payload, judgement) in [
        ("a/temp", "-127", Judgement::Bad(Flaw::Ds18b20Disconnected)),
        ("a/temp", "-196.6 F", Judgement::Bad(Flaw::Ds18b20Disconnected)),
        ("a/temp", "85", Judgement::Suspect(Flaw::Ds18b20PowerOn85)),
        ("a/temp", "84.9", Judgement::Good),
        ("a/temp", "-999", Judgement::Bad(Flaw::OutOfRange)),
        ("a/pressure", "999", Judgement::Good),
        ("a/humidity", "100.5", Judgement::Suspect(Flaw::OutOfRange)),
        ("a/humidity", "140", Judgement::Bad(Flaw::OutOfRange)),
        ("a/co2", "65535", Judgement::Bad(Flaw::OutOfRange)),
    ] {
        let found = readings(topic, payload);
        assert_eq!(found[0].judgement, judgement, "{topic} {payload}");
        assert!(matches!(found[0].value, Ok(Value::Number(number)) if !number.is_nan()));
    }
}

#[test]
fn a_battery_is_in_percent_unless_its_number_cannot_be() {
    for (topic, payload, expected) in [
        ("a/b", r#"{"battery":2900}"#, "a/b battery 2900 mV"),
        ("a/b", r#"{"battery":3.92,"x":1}"#, "a/b battery 3.92 V"),
        ("a/battery", "2900", "a battery 2900 mV"),
        ("a/battery", "12600", "a battery 12600 mV"),
        ("a/b", r#"{"battery":98}"#, "a/b battery 98 %"),
        ("a/b", r#"{"battery":3}"#, "a/b battery 3 %"),
        ("a/b", r#"{"battery":"2900 mV"}"#, "a/b battery 2900 mV"),
        ("a/b", r#"{"battery_percent":2900}"#, "a/b battery 2900 %"),
    ] {
        assert_eq!(told(topic, payload)[0], expected, "{payload}");
    }
    let judged = |payload| readings("a/b", payload)[0].judgement;
    assert_eq!((judged(r#"{"battery":2900}"#), judged(r#"{"battery":104}"#).quality()), (Judgement::Good, 1));
    assert_eq!(judged(r#"{"battery":65535}"#), Judgement::Bad(Flaw::OutOfRange), "no voltage but a failed read");
}

#[test]
fn zero_bytes_behind_a_text_are_not_of_it() {
    assert_eq!(told("a/temperature", "21.5\0\0\0"), ["a temperature 21.5 °C"]);
    assert_eq!(told("a/b", "{\"temperature\":21.5}\0"), ["a/b temperature 21.5 °C"]);
    for inside in ["21\0.5", "\0", "\0\0", "\u{0}21.5"] {
        assert!(matches!(content("a/temperature", inside), Content::Unreadable { .. }), "{inside:?}");
    }
}

#[test]
fn more_columns_than_a_message_may_bring_are_found_and_refused() {
    let line = vec!["1.5"; 300].join(",");
    let found = readings("a/b", &line);
    let refused = found.iter().filter(|found| found.value == Err(RejectReason::Limit)).count();
    assert_eq!((found.len(), refused), (300, 44));
}

#[test]
fn chirpstack_3_is_read_wherever_it_comes() {
    let payload = r#"{"applicationID":"1","deviceName":"cellar","devEUI":"0102030405060708","rxInfo":[
        {"gatewayID":"a","time":"2023-11-14T22:13:20Z","rssi":-97,"loRaSNR":5.5},{"gatewayID":"b","rssi":-110,"loRaSNR":1}],
        "txInfo":{"frequency":868100000,"dr":5},"fCnt":7,"fPort":2,"data":"AQ==","object":{"temperature":21.5}}"#;
    let expected = [
        "0102030405060708 temperature 21.5 °C",
        "0102030405060708 signal_strength -97 dBm",
        "0102030405060708 snr 5.5 dB",
    ];
    let old = payload.replace(r#""object":{"temperature":21.5}"#, r#""objectJSON":"{\"temperature\":21.5}""#);
    for topic in
        ["application/1/device/0102030405060708/event/up", "application/1/device/0102030405060708/rx", "flow/x"]
    {
        for payload in [payload, &old] {
            assert_eq!(told(topic, payload), expected, "{topic}");
            let at = ClaimedTime::At { ms: 1_700_000_000_000, source: TimeSource::Gateway };
            assert!(readings(topic, payload).iter().all(|found| found.time == Some(at)), "{topic}");
        }
    }
}

#[test]
fn a_time_without_a_zone_is_known_as_such() {
    for (payload, expected) in [
        (r#"{"time":"2026-11-29 03:00:00","temp":20.5}"#, true),
        (r#"{"time":"2026-11-29T03:00:00Z","temp":20.5}"#, false),
        (r#"{"temp":20.5}"#, false),
        (r#"{"time":"soon","temp":20.5}"#, false),
    ] {
        assert_eq!(decode::lacks_zone(payload.as_bytes()), expected, "{payload}");
    }
}
