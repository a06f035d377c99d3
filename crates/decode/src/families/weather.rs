//! Weather stations: Ecowitt (by form or through ecowitt2mqtt) and `WeeWX`. Their units are the imperial ones unless
//! the names or `usUnits` say otherwise, which is the family's knowledge and not in the message.

use model::{Kind, TimeSource};

use crate::harvest::Harvest;
use crate::json::{Json, member};
use crate::message::Message;
use crate::name::{Named, metric_of, snake};
use crate::unit::Known;
use crate::walk::{Own, Walk};
use crate::{ClaimedTime, Content, SENDER, form, number, place, time};

/// `ecowitt2mqtt/<device>`.
pub(crate) fn read_ecowitt2mqtt(message: &Message<'_>) -> Option<Content> {
    message.level(0).filter(|first| *first == "ecowitt2mqtt")?;
    let members = message.value()?.object()?;
    let mut walk = Walk::naming(ecowitt_names).null_is_absent();
    walk.object(members);
    Some(walk.harvest.finish(&message.levels.join("/")))
}

/// What a station posts by itself.
pub(crate) fn read_ecowitt_form(message: &Message<'_>) -> Option<Content> {
    let text = message.text.filter(|text| text.contains("stationtype=") || text.contains("PASSKEY="))?;
    let pairs = form::pairs(text)?;
    let mut harvest = Harvest::default();
    let mut claimed = None;
    for (key, value) in &pairs {
        match key.as_str() {
            // UTC by its name, without a mark in the value.
            "dateutc" => claimed = time::of_iso(&format!("{}Z", value.replace(' ', "T"))),
            "PASSKEY" | "stationtype" | "model" | "freq" | "runtime" | "heap" | "interval" => {}
            key => {
                if let Some((judged, _)) = number::single(value) {
                    harvest.push("", key, ecowitt_named(key), judged);
                }
            }
        }
    }
    harvest.time_since(0, claimed.map(|ms| ClaimedTime::At { ms, source: TimeSource::Device }));
    Some(harvest.finish(SENDER))
}

fn ecowitt_names(_: &str, key: &str) -> Own {
    match key {
        "runtime" => Own::Named(Named::known("runtime", Some(Known::Second))),
        _ => Own::Named(ecowitt_named(key)),
    }
}

fn ecowitt_named(key: &str) -> Named {
    let known = Named::known;
    match key {
        "tempin" | "tempinf" => known("indoor.temperature", Some(Known::Fahrenheit)),
        "humidityin" => known("indoor.humidity", Some(Known::Percent)),
        "baromrel" | "baromrelin" => known("pressure_relative", Some(Known::InchMercury)),
        "baromabs" | "baromabsin" => known("pressure_absolute", Some(Known::InchMercury)),
        "temp" | "tempf" => known("temperature", Some(Known::Fahrenheit)),
        "humidity" => known("humidity", Some(Known::Percent)),
        "dewpoint" | "dewptf" => known("dew_point", Some(Known::Fahrenheit)),
        "windchill" | "windchillf" => known("wind_chill", Some(Known::Fahrenheit)),
        "feelslike" | "heatindex" => known(&snake(key), Some(Known::Fahrenheit)),
        "winddir" => known("wind_direction", Some(Known::Degree)).of_kind(Kind::Angle),
        "windspeed" | "windspeedmph" => known("wind_speed", Some(Known::MilePerHour)),
        "windgust" | "windgustmph" => known("wind_gust", Some(Known::MilePerHour)),
        "maxdailygust" => known("wind_gust_max_today", Some(Known::MilePerHour)),
        "solarradiation" => known("solar_radiation", Some(Known::WattPerSquareMetre)),
        "uv" => known("uv_index", None),
        "rainrate" | "rainratein" => known("rain_rate", Some(Known::InchPerHour)),
        _ => ecowitt_numbered(key),
    }
}

/// `temp1f`, `humidity1`, `soilmoisture1`, `dailyrainin`, `wh65batt` …
fn ecowitt_numbered(key: &str) -> Named {
    let rain = key.strip_suffix("in").unwrap_or(key).strip_suffix("rain").filter(|word| !word.is_empty());
    if let Some(word) = rain {
        return Named::known(&format!("rain_{word}"), Some(Known::Inch)).of_kind(Kind::TotalIncreasing);
    }
    let (name, number) = key.split_at(key.find(|c: char| c.is_ascii_digit()).unwrap_or(key.len()));
    let number: String = number.chars().take_while(char::is_ascii_digit).collect();
    match name {
        "temp" | "tf_ch" => Named::known(&format!("temperature_{number}"), Some(Known::Fahrenheit)),
        "humidity" => Named::known(&format!("humidity_{number}"), Some(Known::Percent)),
        "soilmoisture" => Named::known(&format!("soil_moisture_{number}"), Some(Known::Percent)),
        _ if key.ends_with("batt") => Named::known(&snake(key), None).of_kind(Kind::State),
        _ => metric_of(key),
    }
}

/// `WeeWX`'s loop: all values as strings, the unit behind the name, `usUnits` 1 for imperial.
pub(crate) fn read_weewx(message: &Message<'_>) -> Option<Content> {
    let members = message.value()?.object()?;
    member(members, "usUnits").filter(|units| matches!(units, Json::Text(_) | Json::Number(_)))?;
    let mut walk = Walk::naming(weewx_names).null_is_absent();
    walk.object(members);
    Some(walk.harvest.finish(&place::device_of(&message.levels)))
}

fn weewx_names(_: &str, key: &str) -> Own {
    for (start, place) in [("out", "outdoor."), ("in", "indoor."), ("extra", "extra.")] {
        if let Some(rest) = key.strip_prefix(start).filter(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase())) {
            let named = metric_of(rest);
            return Own::Named(Named { name: format!("{place}{}", named.name), ..named });
        }
    }
    match key {
        "interval_minute" | "maxSolarRad" => Own::Skip,
        _ => Own::Usual,
    }
}
