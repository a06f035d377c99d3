//! What was made for the cloud of somebody.

use super::{Board, Moment, Words, iso, json, sure, text};

pub(super) fn ttn(board: &Board, moment: &Moment, words: &mut Words) {
    let eui = format!("0004{}", board.mac);
    let time = iso(moment);
    let payload = format!(
        r#"{{"end_device_ids":{{"device_id":"{name}","dev_eui":"{eui}"}},"received_at":"{time}.100Z","uplink_message":{{"f_cnt":{seq},"decoded_payload":{{"temperature":{t},"humidity":{h}}},"rx_metadata":[{{"time":"{time}.000Z","rssi":-35,"snr":5}}]}}}}"#,
        name = board.name,
        eui = eui.to_uppercase(),
        seq = moment.seq,
        t = sure(moment.temperature),
        h = sure(moment.humidity)
    );
    words.say(format!("v3/app@sim/devices/{}/up", board.name), payload);
    words.climate(&eui, moment, None, Some(moment.t));
    words.at(&eui, "signal_strength", Some("dBm"), -35, Some(moment.t));
    words.at(&eui, "snr", Some("dB"), 5, Some(moment.t));
}

pub(super) fn chirpstack(board: &Board, moment: &Moment, words: &mut Words) {
    let eui = format!("0101{}", board.mac);
    let payload = format!(
        r#"{{"deduplicationId":"{eui}-{t}","time":"{time}.000+00:00","deviceInfo":{{"deviceName":"{name}","devEui":"{eui}"}},"fPort":1,"object":{{"temperature":{temperature},"humidity":{humidity}}},"rxInfo":[{{"rssi":-36,"snr":10.5}}]}}"#,
        t = moment.t,
        time = iso(moment),
        name = board.name,
        temperature = sure(moment.temperature),
        humidity = sure(moment.humidity)
    );
    words.say(format!("application/17c82e96/device/{eui}/event/up"), payload);
    words.climate(&eui, moment, None, Some(moment.t));
    words.at(&eui, "signal_strength", Some("dBm"), -36, Some(moment.t));
    words.at(&eui, "snr", Some("dB"), 10.5, Some(moment.t));
}

/// The device is whoever is connected.
pub(super) fn thingsboard(board: &Board, moment: &Moment, words: &mut Words) {
    let (t, temperature, humidity) = (moment.t, sure(moment.temperature), sure(moment.humidity));
    let payload = format!(r#"{{"ts":{t},"values":{{"temperature":{temperature},"humidity":{humidity}}}}}"#);
    words.say("v1/devices/me/telemetry", payload);
    words.climate(&board.name, moment, None, Some(t));
}

pub(super) fn thingsboard_gateway(board: &Board, moment: &Moment, words: &mut Words) {
    let (t, temperature, humidity) = (moment.t, sure(moment.temperature), sure(moment.humidity));
    let values = format!(r#"{{"ts":{t},"values":{{"temperature":{temperature},"humidity":{humidity}}}}}"#);
    words.say("v1/gateway/telemetry", format!(r#"{{"Behind {}":[{values}]}}"#, board.name));
    words.climate(&format!("Behind {}", board.name), moment, None, Some(t));
}

pub(super) fn aws(board: &Board, moment: &Moment, words: &mut Words) {
    let (temperature, humidity) = (sure(moment.temperature), sure(moment.humidity));
    let payload = format!(r#"{{"state":{{"reported":{{"temperature":{temperature},"humidity":{humidity}}}}}}}"#);
    words.say(format!("$aws/things/{}/shadow/update", board.name), payload);
    words.climate(&board.name, moment, None, None);
}

pub(super) fn azure(board: &Board, moment: &Moment, words: &mut Words) {
    let (temperature, humidity) = (sure(moment.temperature), sure(moment.humidity));
    let topic = format!("devices/{}/messages/events/$.ct=application%2Fjson&$.ce=utf-8", board.name);
    words.say(topic, format!(r#"{{"temperature":{temperature},"humidity":{humidity}}}"#));
    words.climate(&board.name, moment, None, None);
}

pub(super) fn adafruit(board: &Board, moment: &Moment, words: &mut Words) {
    words.say(format!("{}/feeds/temperature", board.name), text(moment.temperature));
    words.means(&board.name, "temperature", None, json(moment.temperature));
}

pub(super) fn thingspeak(board: &Board, moment: &Moment, words: &mut Words) {
    let channel = 100_000 + board.index;
    let payload = format!("field1={}&field2={}&status=ok", text(moment.temperature), text(moment.humidity));
    words.say(format!("channels/{channel}/publish"), payload);
    words.means(&channel.to_string(), "field1", None, json(moment.temperature));
    words.means(&channel.to_string(), "field2", None, json(moment.humidity));
}

pub(super) fn cayenne(board: &Board, moment: &Moment, words: &mut Words) {
    let topic = format!("v1/A1234B5678C/things/{}/data/2", board.name);
    words.say(topic, format!("temp,c={}", text(moment.temperature)));
    words.means(&board.name, "temperature.2", Some("°C"), json(moment.temperature));
}

pub(super) fn cloudevents(board: &Board, moment: &Moment, words: &mut Words) {
    let device = format!("/sim/{}", board.name);
    let payload = format!(
        r#"{{"specversion":"1.0","type":"com.example.reading","time":"{}Z","id":"{}","source":"{device}","datacontenttype":"application/json","data":{{"temperature":{},"humidity":{}}}}}"#,
        iso(moment),
        moment.t,
        sure(moment.temperature),
        sure(moment.humidity)
    );
    words.say("events/sim", payload);
    words.climate(&device, moment, None, Some(moment.t));
}
