//! Formats that are not, or not only, text.

use super::{Board, Moment, Words, json, seconds, sure};

/// Protocol Buffers of Sparkplug B: timestamp 1, metrics 2 (name 1, timestamp 3, datatype 4 = Double, value 13), seq 3.
pub(super) fn sparkplug(board: &Board, moment: &Moment, words: &mut Words) {
    let time = u64::try_from(moment.t).unwrap_or_default();
    let mut payload = Vec::new();
    number_field(&mut payload, 1, time);
    for (name, value) in [("Temperature", moment.temperature), ("Humidity", moment.humidity)] {
        let mut metric = Vec::new();
        bytes_field(&mut metric, 1, name.as_bytes());
        number_field(&mut metric, 3, time);
        number_field(&mut metric, 4, 10);
        varint(&mut metric, 13 << 3 | 1);
        metric.extend(sure(value).to_le_bytes());
        bytes_field(&mut payload, 2, &metric);
    }
    number_field(&mut payload, 3, u64::from(moment.seq % 256));
    words.say(format!("spBv1.0/Sim/DDATA/Edge/{}", board.name), payload);
    let device = format!("Sim/Edge/{}", board.name);
    words.at(&device, "Temperature", None, json(moment.temperature), Some(moment.t));
    words.at(&device, "Humidity", Some("%"), json(moment.humidity), Some(moment.t));
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number_field(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes_field(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

/// A map of a time in seconds and two doubles.
pub(super) fn cbor(board: &Board, moment: &Moment, words: &mut Words) {
    let mut payload = vec![0xa3];
    let key = |payload: &mut Vec<u8>, name: &str| {
        payload.push(0x60 | name.len() as u8);
        payload.extend(name.as_bytes());
    };
    key(&mut payload, "ts");
    payload.push(0x1a);
    payload.extend(u32::try_from(seconds(moment)).unwrap_or_default().to_be_bytes());
    for (name, value) in [("temperature", moment.temperature), ("humidity", moment.humidity)] {
        key(&mut payload, name);
        payload.push(0xfb);
        payload.extend(sure(value).to_be_bytes());
    }
    words.say(format!("iot/v1/sim/{}/cbor", board.mac), payload);
    words.climate(&board.mac, moment, None, Some(moment.t));
}

/// RFC 8428.
pub(super) fn senml(board: &Board, moment: &Moment, words: &mut Words) {
    let device = format!("urn:dev:mac:{}", board.mac);
    let payload = format!(
        r#"[{{"bn":"{device}:","bt":{},"n":"temperature","u":"Cel","v":{}}},{{"n":"humidity","u":"%RH","v":{}}}]"#,
        seconds(moment),
        sure(moment.temperature),
        sure(moment.humidity)
    );
    words.say(format!("sensors/{}/senml", board.name), payload);
    words.climate(&device, moment, Some("°C"), Some(moment.t));
}
