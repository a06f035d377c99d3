//! Weather stations, meters of air, and what collects them.

use super::{Board, Moment, Words, json, seconds, sure};

pub(super) fn domoticz(board: &Board, moment: &Moment, words: &mut Words) {
    let (temperature, humidity) = (sure(moment.temperature), sure(moment.humidity));
    let payload =
        format!(r#"{{"idx":{},"nvalue":0,"svalue":"{temperature};{humidity};0","Battery":87,"RSSI":6}}"#, board.index);
    words.say("domoticz/in", payload);
    let device = format!("domoticz/{}", board.index);
    words.climate(&device, moment, Some("°C"), None);
    words.means(&device, "battery", Some("%"), 87);
    words.means(&device, "rssi_level", None, 6);
}

pub(super) fn ruuvi(board: &Board, moment: &Moment, words: &mut Words) {
    let pairs: Vec<String> = (0..6).filter_map(|at| board.mac.get(2 * at..2 * at + 2).map(str::to_uppercase)).collect();
    let mac = pairs.join(":");
    let s = seconds(moment);
    let payload = format!(
        r#"{{"gw_mac":"AA:CC:EE:00:11:22","rssi":-70,"aoa":[],"gwts":{s},"ts":{s},"dataFormat":5,"temperature":{},"humidity":{},"pressure":100631,"voltage":2.784,"id":"{mac}"}}"#,
        sure(moment.temperature),
        sure(moment.humidity)
    );
    words.say(format!("ruuvi/AA:CC:EE:00:11:22/{mac}"), payload);
    let t = Some(moment.t);
    words.climate(&board.mac, moment, Some("°C"), t);
    words.at(&board.mac, "signal_strength", Some("dBm"), -70, t);
    words.at(&board.mac, "pressure", Some("Pa"), 100_631, t);
    words.at(&board.mac, "voltage", Some("V"), 2.784, t);
}

/// In the units of its maker.
pub(super) fn ecowitt(board: &Board, moment: &Moment, words: &mut Words) {
    let device = format!("ecowitt2mqtt/{}", board.name);
    let (temperature, humidity) = (sure(moment.temperature), sure(moment.humidity));
    let payload = format!(
        r#"{{"runtime":319206.0,"tempin":{temperature},"humidityin":{humidity},"baromrel":24.74,"winddir":139.0}}"#
    );
    words.say(&device, payload);
    words.means(&device, "indoor.temperature", Some("°F"), json(moment.temperature));
    words.means(&device, "indoor.humidity", Some("%"), json(moment.humidity));
    words.means(&device, "runtime", Some("s"), 319_206.0);
    words.means(&device, "pressure_relative", Some("inHg"), 24.74);
    words.means(&device, "wind_direction", Some("°"), 139.0);
}

/// Every value is text.
pub(super) fn weewx(board: &Board, moment: &Moment, words: &mut Words) {
    let payload = format!(
        r#"{{"dateTime":"{}.0","usUnits":"1","outTemp_F":"{}","outHumidity":"{}","windDir":"225.0"}}"#,
        seconds(moment),
        sure(moment.temperature),
        sure(moment.humidity)
    );
    words.say(format!("{}/loop", board.name), payload);
    let t = Some(moment.t);
    words.at(&board.name, "outdoor.temperature", Some("°F"), json(moment.temperature), t);
    words.at(&board.name, "outdoor.humidity", Some("%"), json(moment.humidity), t);
    words.at(&board.name, "wind_direction", Some("°"), 225.0, t);
}

pub(super) fn victron(board: &Board, moment: &Moment, words: &mut Words) {
    let payload = format!(r#"{{"value":{}}}"#, sure(moment.temperature));
    words.say(format!("N/{}/system/0/Dc/Battery/Temperature", board.mac), payload);
    let device = format!("{}/system/0", board.mac);
    words.means(&device, "dc.battery.temperature", Some("°C"), json(moment.temperature));
}

pub(super) fn airgradient(board: &Board, moment: &Moment, words: &mut Words) {
    let payload = format!(
        r#"{{"wifi":-46,"serialno":"{}","rco2":447,"pm02":7,"atmp":{},"rhum":{},"boot":{seq},"bootCount":{seq},"model":"I-9PSL"}}"#,
        board.mac,
        sure(moment.temperature),
        sure(moment.humidity),
        seq = moment.seq
    );
    words.say(format!("airgradient/readings/{}", board.mac), payload);
    words.climate(&board.mac, moment, Some("°C"), None);
    words.means(&board.mac, "signal_strength", Some("dBm"), -46);
    words.means(&board.mac, "co2", Some("ppm"), 447);
    words.means(&board.mac, "pm2_5", Some("µg/m³"), 7);
    words.means(&board.mac, "boot_count", None, moment.seq);
}

pub(super) fn luftdaten(board: &Board, moment: &Moment, words: &mut Words) {
    let chip = 3_000_000 + board.index;
    let payload = format!(
        r#"{{"esp8266id":"{chip}","software_version":"NRZ-2017-090","sensordatavalues":[{{"value_type":"SDS_P1","value":"4.30"}},{{"value_type":"temperature","value":"{:.2}"}},{{"value_type":"humidity","value":"{:.2}"}},{{"value_type":"signal","value":"-82"}}]}}"#,
        sure(moment.temperature),
        sure(moment.humidity)
    );
    words.say(format!("feinstaub/esp8266-{chip}"), payload);
    let device = chip.to_string();
    words.climate(&device, moment, Some("°C"), None);
    words.means(&device, "pm10", Some("µg/m³"), 4.3);
    words.means(&device, "signal_strength", Some("dBm"), -82);
}
