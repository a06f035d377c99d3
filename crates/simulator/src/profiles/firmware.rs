//! Ready-made firmware and gateways.

use super::{Board, Moment, Words, iso, json, seconds, sure, text};

/// A local time without a zone is no time; a failed DHT is `nan`.
pub(super) fn tasmota(board: &Board, moment: &Moment, words: &mut Words) {
    let (temperature, humidity) = (text(moment.temperature), text(moment.humidity));
    let payload = format!(
        r#"{{"Time":"{}","DHT11":{{"Temperature":{temperature},"Humidity":{humidity}}},"TempUnit":"C"}}"#,
        iso(moment)
    );
    words.say(format!("tele/{}/SENSOR", board.name), payload);
    words.means(&board.name, "dht11.temperature", Some("°C"), json(moment.temperature));
    words.means(&board.name, "dht11.humidity", Some("%"), json(moment.humidity));
}

/// The same with the option that sends the epoch as well.
pub(super) fn tasmota_epoch(board: &Board, moment: &Moment, words: &mut Words) {
    let payload = format!(
        r#"{{"Time":"{}","Epoch":{},"BME280":{{"Temperature":{},"Humidity":{},"Pressure":988.6}},"PressureUnit":"hPa","TempUnit":"C"}}"#,
        iso(moment),
        seconds(moment),
        sure(moment.temperature),
        sure(moment.humidity)
    );
    words.say(format!("tele/{}/SENSOR", board.name), payload);
    let t = Some(moment.t);
    words.at(&board.name, "bme280.temperature", Some("°C"), json(moment.temperature), t);
    words.at(&board.name, "bme280.humidity", Some("%"), json(moment.humidity), t);
    words.at(&board.name, "bme280.pressure", Some("hPa"), 988.6, t);
}

pub(super) fn esphome(board: &Board, moment: &Moment, words: &mut Words) {
    words.say(format!("{}/sensor/temperature/state", board.name), text(moment.temperature));
    words.say(format!("{}/sensor/humidity/state", board.name), text(moment.humidity));
    words.climate(&board.name, moment, None, None);
}

pub(super) fn zigbee2mqtt(board: &Board, moment: &Moment, words: &mut Words) {
    let device = format!("zigbee2mqtt/{}", board.name);
    let payload = format!(
        r#"{{"battery":91,"voltage":2985,"temperature":{},"humidity":{},"linkquality":87}}"#,
        sure(moment.temperature),
        sure(moment.humidity)
    );
    words.say(&device, payload);
    words.climate(&device, moment, Some("°C"), None);
    words.means(&device, "battery", Some("%"), 91);
    words.means(&device, "voltage", Some("mV"), 2985);
    words.means(&device, "linkquality", None, 87);
}

pub(super) fn shelly_gen1(board: &Board, moment: &Moment, words: &mut Words) {
    let device = format!("shellyht-{}", board.mac);
    words.say(format!("shellies/{device}/sensor/temperature"), text(moment.temperature));
    words.say(format!("shellies/{device}/sensor/humidity"), text(moment.humidity));
    words.climate(&device, moment, None, None);
}

pub(super) fn shelly_gen2(board: &Board, moment: &Moment, words: &mut Words) {
    let device = format!("shellyplusht-{}", board.mac);
    let payload = format!(
        r#"{{"src":"{device}","dst":"{device}/events","method":"NotifyStatus","params":{{"ts":{}.00,"temperature:0":{{"id":0,"tC":{},"tF":66.2}},"humidity:0":{{"id":0,"rh":{}}}}}}}"#,
        seconds(moment),
        sure(moment.temperature),
        sure(moment.humidity)
    );
    words.say(format!("{device}/events/rpc"), payload);
    words.climate(&device, moment, Some("°C"), Some(moment.t));
}

pub(super) fn theengs(board: &Board, moment: &Moment, words: &mut Words) {
    let mac = board.mac.to_uppercase();
    let celsius = sure(moment.temperature);
    let payload = format!(
        r#"{{"id":"{mac}","rssi":-82,"brand":"BlueMaestro","model":"TempoDisc","tempc":{celsius},"tempf":{:.2},"hum":{},"volt":2.56}}"#,
        celsius * 1.8 + 32.0,
        sure(moment.humidity)
    );
    words.say(format!("home/TheengsGateway/BTtoMQTT/{mac}"), payload);
    words.climate(&board.mac, moment, Some("°C"), None);
    words.means(&board.mac, "signal_strength", Some("dBm"), -82);
    words.means(&board.mac, "voltage", Some("V"), 2.56);
}

/// All devices of a receiver speak on one topic.
pub(super) fn rtl_433(board: &Board, moment: &Moment, words: &mut Words) {
    let payload = format!(
        r#"{{"time":"{}","model":"Nexus-TH","id":{},"channel":2,"battery_ok":1,"temperature_C":{},"humidity":{}}}"#,
        iso(moment).replace('T', " "),
        board.index,
        sure(moment.temperature),
        sure(moment.humidity)
    );
    words.say("rtl_433/sim/events", payload);
    let device = format!("Nexus-TH/2/{}", board.index);
    words.climate(&device, moment, Some("°C"), None);
    words.means(&device, "battery_ok", None, 1);
}

pub(super) fn homie4(board: &Board, moment: &Moment, words: &mut Words) {
    homie(&format!("homie/{}", board.name), board, moment, words);
}

pub(super) fn homie5(board: &Board, moment: &Moment, words: &mut Words) {
    homie(&format!("homie/5/{}", board.name), board, moment, words);
}

fn homie(root: &str, board: &Board, moment: &Moment, words: &mut Words) {
    words.say(format!("{root}/climate/temperature"), text(moment.temperature));
    words.say(format!("{root}/climate/humidity"), text(moment.humidity));
    words.means(&board.name, "climate.temperature", None, json(moment.temperature));
    words.means(&board.name, "climate.humidity", Some("%"), json(moment.humidity));
}

pub(super) fn zwavejs(board: &Board, moment: &Moment, words: &mut Words) {
    let payload = format!(r#"{{"time":{},"value":{}}}"#, moment.t, sure(moment.temperature));
    words.say(format!("zwave/{}/49/0/Air_temperature", board.name), payload);
    words.at(&board.name, "air_temperature", None, json(moment.temperature), Some(moment.t));
}

pub(super) fn meshtastic(board: &Board, moment: &Moment, words: &mut Words) {
    let node = 0x1000_0000 + board.index;
    let payload = format!(
        r#"{{"channel":0,"from":{node},"id":{},"payload":{{"temperature":{},"relative_humidity":{}}},"rssi":-14,"sender":"!833c2233","snr":11.25,"timestamp":{},"to":4294967295,"type":"telemetry"}}"#,
        moment.seq,
        sure(moment.temperature),
        sure(moment.humidity),
        seconds(moment)
    );
    words.say("msh/2/json/MediumFast/!833c2233", payload);
    let (device, t) = (format!("!{node:08x}"), Some(moment.t));
    words.climate(&device, moment, Some("°C"), t);
    words.at(&device, "signal_strength", Some("dBm"), -14, t);
    words.at(&device, "snr", Some("dB"), 11.25, t);
}
