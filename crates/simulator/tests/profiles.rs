//! What the simulated boards say is what the decoder reads, for every profile; so a fleet's books can be checked against it.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use decode::{ClaimedTime, Content, decode};
use model::{Topic, Value};
use serde_json::Value as Json;
use simulator::profiles::{Board, Moment, PROFILES, Profile, Truth};

/// Device, metric, unit where it is told, value, time: as lines, so that a difference can be read.
fn lines(profile: &Profile, board: &Board, moment: &Moment) -> (BTreeSet<String>, BTreeSet<String>) {
    let words = profile.words(board, moment);
    let expected = words.truths.iter().map(|truth| {
        let value = truth.value.as_f64().map_or_else(|| truth.value.to_string(), |number| number.to_string());
        format!("{} {} {} {:?} {value}", truth.device, truth.metric, truth.unit.unwrap_or("-"), truth.t)
    });
    let mut found = BTreeSet::new();
    for said in &words.said {
        let Content::Readings(readings) = decode(&Topic::parse(&said.topic).unwrap(), &said.payload, None).content
        else {
            panic!("{} on {}: {}", profile.name, said.topic, String::from_utf8_lossy(&said.payload));
        };
        for reading in readings {
            let value = match reading.value.unwrap() {
                Value::Number(number) if number.is_nan() => Json::Null.to_string(),
                Value::Number(number) => number.to_string(),
                Value::Bool(state) => state.to_string(),
                other => format!("{other:?}"),
            };
            let time = match reading.time {
                Some(ClaimedTime::At { ms, .. }) => Some(ms),
                _ => None,
            };
            let device = if reading.device == decode::SENDER { board.name.clone() } else { reading.device };
            let same = |truth: &&Truth| truth.device == device && truth.metric == reading.metric;
            // Where the message tells no unit, one may be assumed.
            let told = words.truths.iter().find(same).is_none_or(|truth| truth.unit.is_some());
            let unit = reading.unit.filter(|_| told).map_or_else(|| String::from("-"), |unit| unit.as_str().to_owned());
            found.insert(format!("{device} {} {unit} {time:?} {value}", reading.metric));
        }
    }
    (expected.collect(), found)
}

#[test]
fn the_decoder_reads_what_every_profile_says() {
    let moment = Moment { t: 1_764_000_000_000, temperature: Some(21.37), humidity: Some(55.5), seq: 7, uptime: 70 };
    let failed = Moment { temperature: None, humidity: None, ..moment };
    let mut wrong = Vec::new();
    for profile in PROFILES {
        for moment in [Some(moment), profile.failures.then_some(failed)].into_iter().flatten() {
            let (expected, found) = lines(profile, &Board::new(42), &moment);
            if expected != found {
                wrong.push(format!("{}: expected {expected:#?}, found {found:#?}", profile.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_two_boards_are_one_device() {
    let moment = Moment { t: 0, temperature: Some(20.0), humidity: Some(50.0), seq: 1, uptime: 1 };
    let mut seen = BTreeSet::new();
    for (index, profile) in PROFILES.iter().cycle().take(3 * PROFILES.len()).enumerate() {
        let words = profile.words(&Board::new(index), &moment);
        let devices: BTreeSet<String> = words.truths.into_iter().map(|truth| truth.device).collect();
        for device in devices {
            assert!(seen.insert(device.clone()), "{} repeats {device}", profile.name);
        }
    }
}
