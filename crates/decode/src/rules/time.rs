//! Times where a rule says how they are written.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::json::Json;
use crate::time::{of_iso, of_number};

use super::{Time, TimeUnit};

/// Longest text that is tried as a time.
const TIME_BYTES_MAX: usize = 64;

impl Time {
    /// UTC milliseconds of any size; nothing where the value is no such time.
    pub(super) fn millis(&self, value: &Json<'_>) -> Option<i64> {
        let text = match value {
            Json::Number(text) => text,
            Json::Text(text) => text.trim(),
            Json::Null | Json::Bool(_) | Json::Nan | Json::Infinite | Json::List(_) | Json::Object(_) => return None,
        };
        if text.len() > TIME_BYTES_MAX {
            return None;
        }
        match self.unit {
            None => of_number(text).or_else(|| self.iso(text)),
            Some(TimeUnit::S) => scaled(text, 1000, 1),
            Some(TimeUnit::Ms) => scaled(text, 1, 1),
            Some(TimeUnit::Us) => scaled(text, 1, 1000),
            Some(TimeUnit::Ns) => scaled(text, 1, 1_000_000),
            Some(TimeUnit::Iso) => self.iso(text),
        }
    }

    fn iso(&self, text: &str) -> Option<i64> {
        of_iso(text).or_else(|| naive(text, self.zone.as_ref()?))
    }
}

/// A local time. Of an hour that occurs twice the first is meant, one that does not occur is taken as that much later.
fn naive(text: &str, zone: &TimeZone) -> Option<i64> {
    let local: DateTime = text.parse().ok()?;
    zone.to_timestamp(local).ok().map(jiff::Timestamp::as_millisecond)
}

/// `number × times / by`, integers exactly and to the millisecond below.
fn scaled(text: &str, times: i64, by: i64) -> Option<i64> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.saturating_mul(times).div_euclid(by));
    }
    let number = crate::number::decimal(text)?.finite()?;
    // A float's cast saturates; the time policy refuses what is that far away.
    Some((number * times as f64 / by as f64).round() as i64)
}
