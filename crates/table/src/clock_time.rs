//! Times as tables write them, and which hour is meant where the clock was set back.

use std::collections::HashMap;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use crate::mapping::TimeForm;

/// Longest zone name that is looked up; the longest of the database has 32 bytes.
const ZONE_BYTES_MAX: usize = 64;
/// Longest text that is tried as a time.
const TIME_BYTES_MAX: usize = 64;
/// Devices of which it is remembered where they are in an hour that occurs twice. Beyond it all are forgotten, and the first of the
/// two hours is meant again.
const REMEMBERED_MAX: usize = 10_000;

/// Reads times of one form.
pub struct ClockTime {
    form: TimeForm,
    zone: Option<TimeZone>,
    /// The last instant of each device in an hour that occurs twice.
    twice: HashMap<String, i64>,
    /// The last instant in an hour that occurs once.
    before: Option<i64>,
    /// Rows later than the one before, less those earlier.
    rising: i64,
}

/// A zone of the database that is built in.
pub fn zone_named(name: &str) -> Result<TimeZone, String> {
    let known = (name.len() <= ZONE_BYTES_MAX).then(|| TimeZoneDatabase::bundled().get(name).ok()).flatten();
    known.ok_or_else(|| String::from("no such time zone; names look like Europe/Berlin or UTC"))
}

impl ClockTime {
    pub fn new(form: TimeForm, zone: Option<TimeZone>) -> Self {
        Self { form, zone, twice: HashMap::new(), before: None, rising: 0 }
    }

    /// UTC milliseconds of `text`, or a sentence. `whose` tells rows apart that may have one and the same time.
    pub fn read(&mut self, text: &str, whose: &str) -> Result<i64, String> {
        let unreadable = || format!("{:?} is no time of the form {}", shown(text), example(self.form));
        if text.len() > TIME_BYTES_MAX {
            return Err(unreadable());
        }
        let instant = match self.form {
            TimeForm::S => scaled(text, 1000, 1).ok_or_else(unreadable)?,
            TimeForm::Ms => scaled(text, 1, 1).ok_or_else(unreadable)?,
            TimeForm::Us => scaled(text, 1, 1000).ok_or_else(unreadable)?,
            TimeForm::Ns => scaled(text, 1, 1_000_000).ok_or_else(unreadable)?,
            TimeForm::Iso | TimeForm::Dmy | TimeForm::Mdy => {
                let (local, offset_ms) = written(text, self.form).ok_or_else(unreadable)?;
                match offset_ms {
                    Some(offset_ms) => utc(local) - offset_ms,
                    None => return self.local(local, text, whose),
                }
            }
        };
        self.passed(instant);
        Ok(instant)
    }

    fn local(&mut self, local: DateTime, text: &str, whose: &str) -> Result<i64, String> {
        let zone = self.zone.as_ref().ok_or_else(|| format!("{:?} says no zone; choose one", shown(text)))?;
        let at = |offset: jiff::tz::Offset| utc(local) - i64::from(offset.seconds()) * 1000;
        match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                let instant = at(offset);
                self.passed(instant);
                Ok(instant)
            }
            AmbiguousOffset::Gap { .. } => {
                Err(format!("{:?} does not occur in the zone: the clock was set forward", shown(text)))
            }
            AmbiguousOffset::Fold { before, after } => Ok(self.one_of(at(before), at(after), whose)),
        }
    }

    /// The direction in which the rows go is that of most of them.
    fn passed(&mut self, instant: i64) {
        if let Some(before) = self.before.replace(instant) {
            self.rising += i64::from(instant.cmp(&before) as i8);
        }
    }

    /// The next of the two in the direction of the rows; the one that comes first where none is.
    fn one_of(&mut self, first: i64, second: i64, whose: &str) -> i64 {
        let near = 2 * (second - first);
        let last = self.twice.get(whose).copied().filter(|last| (last - first).abs() < near);
        let meant = match last {
            None if self.rising >= 0 => first,
            None => second,
            Some(last) if self.rising >= 0 => {
                if first <= last && second > last {
                    second
                } else {
                    first
                }
            }
            Some(last) => {
                if second >= last && first < last {
                    first
                } else {
                    second
                }
            }
        };
        if self.twice.len() >= REMEMBERED_MAX && !self.twice.contains_key(whose) {
            self.twice.clear();
        }
        match self.twice.get_mut(whose) {
            Some(last) => *last = meant,
            None => _ = self.twice.insert(whose.to_owned(), meant),
        }
        meant
    }
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

fn example(form: TimeForm) -> &'static str {
    match form {
        TimeForm::Iso => "2024-03-31 14:05:00",
        TimeForm::Dmy => "31.03.2024 14:05",
        TimeForm::Mdy => "03/31/2024 2:05 PM",
        TimeForm::S => "1711893900",
        TimeForm::Ms => "1711893900000",
        TimeForm::Us => "1711893900000000",
        TimeForm::Ns => "1711893900000000000",
    }
}

/// As if it were UTC.
fn utc(local: DateTime) -> i64 {
    TimeZone::UTC.to_timestamp(local).map_or(i64::MAX / 4, |time| time.as_nanosecond().div_euclid(1_000_000) as i64)
}

/// `number × times / by`, integers exactly and to the millisecond below.
fn scaled(text: &str, times: i64, by: i64) -> Option<i64> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.saturating_mul(times).div_euclid(by));
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
    let number: f64 = if plain { text.parse().ok()? } else { return None };
    // A float's cast saturates; what is that far away is refused as a time.
    number.is_finite().then(|| (number * times as f64 / by as f64).round() as i64)
}

/// A date, perhaps a time of day, perhaps an offset in milliseconds.
pub fn written(text: &str, form: TimeForm) -> Option<(DateTime, Option<i64>)> {
    let text = text.trim();
    let end = text.find([' ', 'T', 't']).unwrap_or(text.len());
    let (date, rest) = text.split_at_checked(end)?;
    let date = written_date(date.trim_end_matches(','), form)?;
    let rest = rest.trim_start_matches([' ', 'T', 't']);
    if rest.is_empty() {
        return Some((date.at(0, 0, 0, 0), None));
    }
    let (time, offset) = written_clock(rest)?;
    Some((date.to_datetime(time), offset))
}

fn written_date(text: &str, form: TimeForm) -> Option<Date> {
    let mark = text.chars().find(|c| matches!(c, '-' | '/' | '.'))?;
    let mut parts = text.split(mark);
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (year, month, day) = match form {
        TimeForm::Dmy => (c, b, a),
        TimeForm::Mdy => (c, a, b),
        TimeForm::Iso | TimeForm::S | TimeForm::Ms | TimeForm::Us | TimeForm::Ns => (a, b, c),
    };
    let year: i16 = match year.len() {
        4 => digits(year)?,
        2 => 2000 + digits::<i16>(year)?,
        _ => return None,
    };
    Date::new(year, digits(month)?, digits(day)?).ok()
}

fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    (!text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// `14:05[:30[.250]]`, with ` PM` or an offset behind it.
pub fn written_clock(text: &str) -> Option<(Time, Option<i64>)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ','))).unwrap_or(text.len());
    let (clock, rest) = text.split_at_checked(end)?;
    let mut parts = clock.split(':');
    let (hour, minute) = (digits::<i8>(parts.next()?)?, digits::<i8>(parts.next()?)?);
    let (second, nanos) = match parts.next() {
        None => (0, 0),
        Some(text) => {
            let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
            (digits::<i8>(whole)?, nanos(fraction)?)
        }
    };
    if parts.next().is_some() {
        return None;
    }
    let rest = rest.trim();
    let half = |rest: &str| {
        if rest.eq_ignore_ascii_case("am") { Some(0) } else { rest.eq_ignore_ascii_case("pm").then_some(12) }
    };
    if let Some(half) = half(rest) {
        let hour = (1..=12).contains(&hour).then(|| hour % 12 + half)?;
        return Some((Time::new(hour, minute, second, nanos).ok()?, None));
    }
    let offset = if rest.is_empty() { None } else { Some(offset_ms(rest)?) };
    Some((Time::new(hour, minute, second, nanos).ok()?, offset))
}

fn nanos(fraction: &str) -> Option<i32> {
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .try_fold(0_i32, |sum, byte| sum.checked_mul(10)?.checked_add(i32::from(byte - b'0')))
}

/// `Z`, `UTC`, `+02:00`, `+0200`, `+02`.
fn offset_ms(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z" | "UTC" | "GMT") {
        return Some(0);
    }
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix(['-', '\u{2212}'])?),
    };
    let plain: String = rest.chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = match plain.len() {
        2 => (digits::<i64>(&plain)?, 0),
        4 => (digits::<i64>(plain.get(..2)?)?, digits::<i64>(plain.get(2..)?)?),
        _ => return None,
    };
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str, form: TimeForm, zone: &str) -> Result<i64, String> {
        ClockTime::new(form, Some(zone_named(zone).unwrap())).read(text, "d")
    }

    #[test]
    fn times_are_read_as_tables_write_them() {
        let noon = 1_711_893_900_000; // 2024-03-31 14:05 UTC
        for (text, form, zone) in [
            ("2024-03-31 14:05:00", TimeForm::Iso, "UTC"),
            ("2024-03-31T14:05", TimeForm::Iso, "UTC"),
            ("2024-03-31 16:05", TimeForm::Iso, "Europe/Berlin"),
            ("2024-03-31T16:05:00+02:00", TimeForm::Iso, "Asia/Tokyo"),
            ("2024-03-31 14:05:00.000Z", TimeForm::Iso, "Asia/Tokyo"),
            ("2024/03/31 14:05:00 UTC", TimeForm::Iso, "Asia/Tokyo"),
            ("31.03.2024 16:05", TimeForm::Dmy, "Europe/Berlin"),
            ("31.3.24, 16:05:00", TimeForm::Dmy, "Europe/Berlin"),
            ("31/03/2024 14:05", TimeForm::Dmy, "UTC"),
            ("03/31/2024 2:05 PM", TimeForm::Mdy, "UTC"),
            ("3/31/2024 14:05", TimeForm::Mdy, "UTC"),
            ("1711893900", TimeForm::S, "UTC"),
            ("1711893900.0", TimeForm::S, "UTC"),
            ("1711893900000", TimeForm::Ms, "UTC"),
            ("1711893900000999", TimeForm::Us, "UTC"),
            ("1711893900000000999", TimeForm::Ns, "UTC"),
        ] {
            assert_eq!(one(text, form, zone), Ok(noon), "{text}");
        }
        assert_eq!(one("2024-03-31 14:05:00.250", TimeForm::Iso, "UTC"), Ok(noon + 250));
        assert_eq!(one("31.03.2024", TimeForm::Dmy, "UTC"), Ok(noon - (14 * 60 + 5) * 60_000));
        assert!(one("12:30 31.03.2024", TimeForm::Dmy, "UTC").is_err());
        for (text, form) in [
            ("", TimeForm::Iso),
            ("yesterday", TimeForm::Iso),
            ("2024-02-30 10:00", TimeForm::Iso),
            ("31.13.2024 10:00", TimeForm::Dmy),
            ("2024-03-31 24:01", TimeForm::Iso),
            ("2024-03-31 14:05 CEST", TimeForm::Iso),
            ("03/31/2024 13:05 PM", TimeForm::Mdy),
            ("nan", TimeForm::S),
            ("1711893900", TimeForm::Iso),
        ] {
            assert!(one(text, form, "UTC").is_err(), "{text}");
        }
    }

    #[test]
    fn an_hour_that_does_not_occur_is_refused_and_a_zone_is_needed() {
        assert!(one("2024-03-31 02:30", TimeForm::Iso, "Europe/Berlin").unwrap_err().contains("does not occur"));
        let mut times = ClockTime::new(TimeForm::Iso, None);
        assert!(times.read("2024-03-31 02:30", "d").unwrap_err().contains("zone"));
        assert!(times.read("2024-03-31 02:30Z", "d").is_ok());
    }

    proptest! {
        /// The clock in Berlin was set back on 2024-10-27 at 01:00 UTC: 02:00 to 03:00 occurs twice.
        #[test]
        fn the_order_of_the_rows_tells_which_hour_is_meant(step_s in 1_i64..=3_600, shift in 0_i64..3_600, falling: bool) {
            let zone = zone_named("Europe/Berlin").unwrap();
            let from = 1_729_969_200 + shift; // 19:00 UTC the day before
            let mut instants: Vec<i64> = (0..).map(|n| from + n * step_s).take_while(|t| *t < from + 36_000).collect();
            if falling {
                instants.reverse();
            }
            let mut times = ClockTime::new(TimeForm::Dmy, Some(zone.clone()));
            for instant in instants {
                let local = zone.to_datetime(jiff::Timestamp::from_second(instant).unwrap());
                let text = local.strftime("%d.%m.%Y %H:%M:%S").to_string();
                prop_assert_eq!(times.read(&text, "d"), Ok(instant * 1000), "{}", text);
            }
        }

        #[test]
        fn any_text_is_read_without_panic(text in any::<String>()) {
            for form in [TimeForm::Iso, TimeForm::Dmy, TimeForm::Mdy, TimeForm::S, TimeForm::Ns] {
                let _ = one(&text, form, "UTC");
            }
        }
    }
}
