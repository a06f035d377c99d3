//! InfluxDB line protocol: `measurement[,tag=v…] field=v[,field=v…] [time]`, a line each.
//!
//! A tag `device`, `host`, `sensor` … names the device. Texts are attributes. All lines must be right, else it is text.

use model::TimeSource;

use crate::harvest::{Harvest, VALUES_MAX};
use crate::json::NODES_MAX;
use crate::leftover;
use crate::message::Message;
use crate::name::{metric_of, snake};
use crate::number::{self, Judged};
use crate::quantity::quantity_of;
use crate::{ClaimedTime, Content, Found, place, time};

/// Characters of a line that an error shows.
const SHOWN_CHARS: usize = 80;

const DEVICE_TAGS: &[&str] = &["device", "device_id", "host", "sensor", "sensor_id", "node"];

/// What the times of the lines count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Nanoseconds since 1970.
    Nanoseconds,
    /// Microseconds since 1970.
    Microseconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Seconds since 1970.
    Seconds,
}

impl Precision {
    /// To the millisecond below; what is too far away stays too far away.
    fn millis(self, count: i64) -> i64 {
        match self {
            Self::Nanoseconds => count.div_euclid(1_000_000),
            Self::Microseconds => count.div_euclid(1_000),
            Self::Milliseconds => count,
            Self::Seconds => count.saturating_mul(1_000),
        }
    }
}

/// The values of the line `text`, 1 to [`crate::VALUES_MAX`], no value if it has texts only; None for an empty line and a
/// comment. Without a tag that names a device, the device is the measurement; without a `precision` the unit of the time is
/// told by its magnitude.
///
/// # Errors
/// One sentence that begins with the number of the line.
pub fn read_line(number: usize, text: &str, precision: Option<Precision>) -> Result<Option<Vec<Found>>, String> {
    let line = text.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut harvest = Harvest::default();
    let Some(measurement) = one_line(&mut harvest, line, precision) else {
        let shown: String = line.chars().take(SHOWN_CHARS).collect();
        return Err(format!("line {number} is not `measurement,tag=value field=value time`: {shown:?}"));
    };
    if harvest.mark() > VALUES_MAX {
        return Err(format!("line {number} has {} values, more than {VALUES_MAX}", harvest.mark()));
    }
    Ok(Some(harvest.values(&measurement.replace('\\', ""))))
}

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    let text = message.text?;
    let mut harvest = Harvest::default();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        one_line(&mut harvest, line, None)?;
        if harvest.mark() > NODES_MAX {
            return Some(leftover::too_many());
        }
    }
    if harvest.is_empty() {
        return None;
    }
    let levels = message.levels.as_slice();
    let device = match levels {
        [front @ .., leaf] if quantity_of(leaf).is_some() && !front.is_empty() => front.join("/"),
        levels => place::device_of(levels),
    };
    Some(harvest.finish(&device))
}

/// The measurement of a line whose values were added.
fn one_line<'k>(harvest: &mut Harvest<'k>, line: &'k str, precision: Option<Precision>) -> Option<&'k str> {
    let (series, rest) = cut(line, ' ')?;
    let (fields, stamp) = cut(rest, ' ').unwrap_or((rest, ""));
    let mut tags = pieces(series, ',');
    let measurement = tags.next().filter(|name| !name.is_empty() && !name.contains('='))?;
    let mut device = None;
    for tag in tags {
        let (key, value) = cut(tag, '=')?;
        device = device.or_else(|| DEVICE_TAGS.contains(&key).then_some(value));
    }
    let claimed = match stamp.trim() {
        "" => None,
        stamp => {
            let count = stamp.parse::<i64>().ok()?;
            let ms = precision.map_or_else(|| time::of_number(stamp), |precision| Some(precision.millis(count)))?;
            Some(ClaimedTime::At { ms, source: TimeSource::Device })
        }
    };
    let prefix = format!("{}.", snake(measurement));
    let mark = harvest.mark();
    for field in pieces(fields, ',') {
        let (key, value) = cut(field, '=').filter(|(key, value)| !key.is_empty() && !value.is_empty())?;
        if let Some(judged) = field_value(value)? {
            harvest.push(&prefix, key, metric_of(key), judged);
        }
    }
    harvest.time_since(mark, claimed);
    if let Some(device) = device {
        harvest.device_since(mark, &device.replace('\\', ""));
    }
    Some(measurement)
}

/// None: no line protocol. Some(None): a text.
fn field_value(value: &str) -> Option<Option<Judged>> {
    if value.starts_with('"') {
        return (value.len() > 1 && value.ends_with('"')).then_some(None);
    }
    if matches!(value, "t" | "T" | "true" | "True" | "TRUE") {
        return Some(Some(Judged::good(model::Value::Bool(true))));
    }
    if matches!(value, "f" | "F" | "false" | "False" | "FALSE") {
        return Some(Some(Judged::good(model::Value::Bool(false))));
    }
    let number = value.strip_suffix(['i', 'u']).unwrap_or(value);
    number::decimal(number).map(Some)
}

/// The text up to the first separator outside quotes and not behind a backslash, and the rest behind it.
fn cut(text: &str, separator: char) -> Option<(&str, &str)> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

fn pieces(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match cut(text, separator) {
            Some((piece, behind)) => {
                rest = Some(behind);
                Some(piece)
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}
