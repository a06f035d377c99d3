//! A mapping that was checked: columns by number, names and units as the model has them.

use std::collections::HashSet;

use decode::VALUES_MAX;
use model::{DeviceKey, Kind, MetricName, Unit};

use crate::clock_time::{ClockTime, zone_named};
use crate::mapping::{Mapping, MappingError, TimeForm};
use crate::rows::CELLS_MAX;

/// Where the device is told.
pub enum Whose {
    Key(DeviceKey),
    Column(u32),
}

/// A column of values.
pub struct Field {
    pub column: u32,
    pub metric: String,
    pub unit: Option<Unit>,
    pub kind: Option<Kind>,
}

/// Where the values are.
pub enum Values {
    Fields(Vec<Field>),
    Long { metric: u32, value: u32, unit: Option<u32> },
}

/// See the module.
pub struct Columns {
    pub time: u32,
    pub of_day: Option<u32>,
    pub whose: Whose,
    pub values: Values,
    /// The last column that is needed.
    pub last: u32,
}

fn wrong(member: impl Into<String>, sentence: impl Into<String>) -> MappingError {
    MappingError { member: member.into(), sentence: sentence.into() }
}

/// The columns and the clock of a mapping, or what is wrong with it.
pub fn checked(mapping: &Mapping) -> Result<(Columns, ClockTime), MappingError> {
    if !matches!(mapping.delimiter, ',' | ';' | '|' | '\t') {
        return Err(wrong("delimiter", "it must be a comma, a semicolon, a | or a tab"));
    }
    let mut used = Used(HashSet::new());
    let time = used.take(mapping.time.column, "time.column")?;
    let of_day = mapping.time.of_day.map(|column| used.take(column, "time.of_day")).transpose()?;
    let zone = mapping.time.zone.as_deref().map(zone_named).transpose();
    let zone = zone.map_err(|sentence| wrong("time.zone", sentence))?;
    match mapping.time.form {
        TimeForm::Dmy | TimeForm::Mdy if zone.is_none() => {
            return Err(wrong("time.zone", "such times say no zone; choose one"));
        }
        TimeForm::S | TimeForm::Ms | TimeForm::Us | TimeForm::Ns if of_day.is_some() => {
            return Err(wrong("time.of_day", "a number says the time of day, too"));
        }
        TimeForm::Dmy | TimeForm::Mdy | TimeForm::Iso | TimeForm::S | TimeForm::Ms | TimeForm::Us | TimeForm::Ns => {}
    }
    let whose = match (&mapping.device.key, mapping.device.column) {
        (Some(key), None) => Whose::Key(DeviceKey::parse(key).map_err(|error| wrong("device.key", error.to_string()))?),
        (None, Some(column)) => Whose::Column(used.take(column, "device.column")?),
        (Some(_), Some(_)) | (None, None) => return Err(wrong("device", "name its key or its column, one of them")),
    };
    let values = match &mapping.long {
        Some(_) if !mapping.fields.is_empty() => {
            return Err(wrong("long", "values stand in columns of their own or one in a row, not both"));
        }
        Some(long) => Values::Long {
            metric: used.take(long.metric, "long.metric")?,
            value: used.take(long.value, "long.value")?,
            unit: long.unit.map(|column| used.take(column, "long.unit")).transpose()?,
        },
        None => Values::Fields(fields(mapping, &mut used)?),
    };
    let last = used.0.iter().copied().max().unwrap_or_default();
    Ok((Columns { time, of_day, whose, values, last }, ClockTime::new(mapping.time.form, zone)))
}

fn fields(mapping: &Mapping, used: &mut Used) -> Result<Vec<Field>, MappingError> {
    if mapping.fields.is_empty() || mapping.fields.len() > VALUES_MAX {
        return Err(wrong("fields", format!("1 to {VALUES_MAX} columns of values")));
    }
    let mut fields: Vec<Field> = Vec::with_capacity(mapping.fields.len());
    for (at, field) in mapping.fields.iter().enumerate() {
        let member = |name: &str| format!("fields[{at}].{name}");
        let column = used.take(field.column, &member("column"))?;
        let metric = MetricName::parse(&field.metric).map_err(|error| wrong(member("metric"), error.to_string()))?;
        if fields.iter().any(|other| other.metric == metric.as_str()) {
            return Err(wrong(member("metric"), "another column has the same metric"));
        }
        let unit = field.unit.as_deref().filter(|unit| !unit.trim().is_empty());
        let unit = unit.map(|unit| decode::normalise(unit).ok_or_else(|| wrong(member("unit"), "it is no unit")));
        fields.push(Field { column, metric: metric.as_str().to_owned(), unit: unit.transpose()?, kind: field.kind });
    }
    Ok(fields)
}

/// Columns that have a meaning; each has one.
struct Used(HashSet<u32>);

impl Used {
    fn take(&mut self, column: u32, member: &str) -> Result<u32, MappingError> {
        if !usize::try_from(column).is_ok_and(|column| (1..=CELLS_MAX).contains(&column)) {
            return Err(wrong(member, format!("a column is a number from 1 to {CELLS_MAX}")));
        }
        if !self.0.insert(column) {
            return Err(wrong(member, format!("column {column} has another meaning already")));
        }
        Ok(column)
    }
}
