//! Values that come by the name of their metric, such as those of the API and of a table: the name stays as it was told.

use model::{Flaw, TimeSource, Value};

use crate::harvest::Harvest;
use crate::name::{Named, metric_of};
use crate::number::{self, Judged};
use crate::{ClaimedTime, Found};

/// One value as it was told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told<'a> {
    /// A decimal, as text so that no digit is lost on the way.
    Number(&'a str),
    /// True or false.
    Bool(bool),
    /// A read that failed.
    Null,
}

/// Readings of `device` at `time` (UTC milliseconds; none for the time of arrival). What the name of a metric says about unit
/// and kind is taken from it where it is a name that we would give ourselves.
///
/// # Errors
/// The metric whose number cannot be read.
pub fn told<'a>(device: &str, values: &[(&'a str, Told<'_>)], time: Option<i64>) -> Result<Vec<Found>, &'a str> {
    let mut harvest = Harvest::expecting(values.len());
    for (metric, value) in values {
        let judged = match value {
            Told::Number(text) => number::decimal(text).ok_or(*metric)?,
            Told::Bool(on) => Judged::good(Value::Bool(*on)),
            Told::Null => Judged::bad(Flaw::Null),
        };
        let named = metric_of(metric);
        let named = if named.name == **metric { named } else { Named::known(metric, None) };
        harvest.push("", metric, named, judged);
    }
    harvest.time_since(0, time.map(|ms| ClaimedTime::At { ms, source: TimeSource::Device }));
    Ok(harvest.values(device))
}
