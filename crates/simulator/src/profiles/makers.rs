//! Sketches and formats that people write themselves.

use super::{Board, Moment, Words, json as value, seconds, sure, text};

/// A bare number for each topic, as tutorials do it.
pub(super) fn number(board: &Board, moment: &Moment, words: &mut Words) {
    let device = format!("house/{}", board.name);
    words.say(format!("{device}/temperature"), text(moment.temperature));
    words.say(format!("{device}/humidity"), text(moment.humidity));
    words.climate(&device, moment, None, None);
}

/// Two numbers in a line.
pub(super) fn csv(board: &Board, moment: &Moment, words: &mut Words) {
    let device = format!("{}/temp_humidity", board.name);
    words.say(&device, format!("{}, {}", text(moment.temperature), text(moment.humidity)));
    words.climate(&device, moment, None, None);
}

/// An object; `nan` as `ArduinoJson` never, but `printf` does write it.
pub(super) fn json(board: &Board, moment: &Moment, words: &mut Words) {
    let device = format!("boards/{}", board.name);
    let (temperature, humidity) = (text(moment.temperature), text(moment.humidity));
    words.say(&device, format!(r#"{{"temperature":{temperature},"humidity":{humidity}}}"#));
    words.climate(&device, moment, None, None);
}

/// The convention of this project.
pub(super) fn ours(board: &Board, moment: &Moment, words: &mut Words) {
    let Moment { t, seq, uptime, .. } = *moment;
    let (temperature, humidity) = (sure(moment.temperature), sure(moment.humidity));
    let payload = format!(
        r#"{{"seq":{seq},"up":{}000,"temperature":{temperature},"humidity":{humidity},"rssi":-61,"ts":{t}}}"#,
        uptime
    );
    words.say(format!("iot/v1/sim/{}/telemetry", board.mac), payload);
    words.climate(&board.mac, moment, None, Some(t));
    words.at(&board.mac, "signal_strength", Some("dBm"), -61, Some(t));
    words.at(&board.mac, "sequence", None, seq, Some(t));
    words.at(&board.mac, "uptime", Some("s"), uptime, Some(t));
}

/// Three readings 200 ms apart, as a board sends them that slept in between.
pub(super) fn ours_batch(board: &Board, moment: &Moment, words: &mut Words) {
    let (temperature, humidity) = (sure(moment.temperature), sure(moment.humidity));
    let payload = format!(
        r#"{{"t0":{},"dt":200,"m":{{"temperature":[{temperature},null,{temperature}],"humidity":[{humidity},{humidity},1.5]}}}}"#,
        moment.t
    );
    words.say(format!("iot/v1/sim/{}/batch", board.mac), payload);
    let at = |step: i64| Some(moment.t + 200 * step);
    for step in [0, 2] {
        words.at(&board.mac, "temperature", None, temperature, at(step));
    }
    for (step, value) in [(0, humidity), (1, humidity), (2, 1.5)] {
        words.at(&board.mac, "humidity", Some("%"), value, at(step));
    }
}

/// Line protocol with a device tag and nanoseconds.
pub(super) fn influx(board: &Board, moment: &Moment, words: &mut Words) {
    let (temperature, humidity) = (sure(moment.temperature), sure(moment.humidity));
    let line = format!(
        "weather,location=roof,device={} temperature={temperature},humidity={humidity},ok=true {}000000000",
        board.name,
        seconds(moment)
    );
    words.say("telegraf/roof", line);
    let t = Some(moment.t);
    words.at(&board.name, "weather.temperature", None, value(moment.temperature), t);
    words.at(&board.name, "weather.humidity", Some("%"), value(moment.humidity), t);
    words.at(&board.name, "weather.ok", None, true, t);
}
