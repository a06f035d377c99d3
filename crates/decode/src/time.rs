//! Times that messages claim, by magnitude or as ISO 8601 with a zone. Whether one is believed is decided elsewhere.

use jiff::Timestamp;
use jiff::civil::DateTime;
use model::TimeSource;

use crate::ClaimedTime;
use crate::json::Json;

/// What a member named like a time says. Naive local times say nothing: nobody knows the zone.
pub(crate) fn claimed(value: &Json<'_>, source: TimeSource) -> Option<ClaimedTime> {
    millis(value).map(|ms| ClaimedTime::At { ms, source })
}

/// UTC milliseconds, of any size.
pub(crate) fn millis(value: &Json<'_>) -> Option<i64> {
    match value {
        Json::Number(text) => of_number(text),
        Json::Text(text) => of_number(text.trim()).or_else(|| of_iso(text)),
        Json::Null | Json::Bool(_) | Json::Nan | Json::Infinite | Json::List(_) | Json::Object(_) => None,
    }
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by magnitude. The borders are those at
/// which the smaller unit would mean the year 5138 and the larger one 1973, so that nothing of our time is ambiguous.
pub(crate) fn of_number(text: &str) -> Option<i64> {
    if let Ok(whole) = text.parse() {
        return Some(of_whole(whole));
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
    let number: f64 = if plain { text.parse().ok()? } else { return None };
    let ms = match number.abs() {
        size if size < 1e11 => number * 1e3,
        size if size < 1e14 => number,
        size if size < 1e17 => number / 1e3,
        _ => number / 1e6,
    };
    // A float's cast saturates; the time policy refuses what is that far away.
    ms.is_finite().then(|| ms.round() as i64)
}

/// The same for a whole number.
pub(crate) fn of_whole(whole: i64) -> i64 {
    match whole.unsigned_abs() {
        0..100_000_000_000 => whole * 1000,
        100_000_000_000..100_000_000_000_000 => whole,
        100_000_000_000_000..100_000_000_000_000_000 => whole.div_euclid(1000),
        _ => whole.div_euclid(1_000_000),
    }
}

/// RFC 3339 with `Z` or an offset, to the millisecond below.
pub(crate) fn of_iso(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() < 17 || !text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+') {
        return None;
    }
    let time: Timestamp = text.parse().ok()?;
    Some(i64::try_from(time.as_nanosecond().div_euclid(1_000_000)).unwrap_or(i64::MAX))
}

/// Whether a text is a date with a time, with a zone or without, or a number of seconds to nanoseconds of our years.
pub(crate) fn is_time(text: &str) -> bool {
    let text = text.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let epoch = digits && matches!(text.len(), 10 | 13 | 16 | 19) && text.starts_with('1');
    epoch || of_iso(text).is_some() || (text.len() >= 15 && text.len() <= 64 && text.parse::<DateTime>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_told_by_magnitude() {
        for text in ["1700000000", "1700000000000", "1700000000000000", "1700000000000000000", "1700000000.0", "1.7e9"]
        {
            assert_eq!(of_number(text), Some(1_700_000_000_000), "{text}");
        }
        assert_eq!(of_number("12"), Some(12_000));
        assert_eq!(of_number("1276020076.001"), Some(1_276_020_076_001));
        assert_eq!(of_number("-9223372036854775808"), Some(-9_223_372_036_855));
        for text in ["", "soon", "2020-01-01", "1e", "nan", "inf"] {
            assert_eq!(of_number(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_needs_its_zone() {
        assert_eq!(of_iso("2021-06-27T15:03:44+02:00"), Some(1_624_799_024_000));
        assert_eq!(of_iso("2020-02-12T15:15:45.787Z"), Some(1_581_520_545_787));
        assert_eq!(of_iso("2022-07-18T09:34:15.775023242+00:00"), Some(1_658_136_855_775));
        for text in ["2021-06-27T15:03:44", "2019-08-29 08:38:19", "0T00:00:13", "", "21:00"] {
            assert_eq!(of_iso(text), None, "{text}");
        }
    }
}
