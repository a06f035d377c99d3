//! From a rule as it is written to one that can be used; all its mistakes are told here.

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::name::snake;
use crate::unit::{Known, normalise};

use super::path::Path;
use super::read::of_components;
use super::template::Template;
use super::words::Words;
use super::{
    BAD_MAX, COLUMN_MAX, DeviceSpec, FIELDS_MAX, Field, FieldSpec, Format, Metric, NAME_BYTES_MAX, Rule, RuleError,
    RuleSpec, Time, TimeSpec,
};

/// Longest zone name that is looked up; the longest of the database has 32 bytes.
const ZONE_BYTES_MAX: usize = 64;

fn wrong(member: impl Into<String>, sentence: impl Into<String>) -> RuleError {
    RuleError { member: member.into(), sentence: sentence.into() }
}

pub(super) fn compile(spec: &RuleSpec) -> Result<Rule, RuleError> {
    if spec.name.as_ref().is_some_and(|name| name.len() > NAME_BYTES_MAX) {
        return Err(wrong("name", format!("a name of a rule is at most {NAME_BYTES_MAX} bytes")));
    }
    if spec.fields.len() > FIELDS_MAX {
        return Err(wrong("fields", format!("a rule has at most {FIELDS_MAX} fields")));
    }
    let template = Template::parse(&spec.topics)?;
    let format = format_of(spec);
    if spec.route_only && !spec.fields.is_empty() {
        return Err(wrong("fields", "a rule that only routes reads no fields"));
    }
    if format == Format::Number && spec.fields.len() > 1 {
        return Err(wrong("fields", "a payload that is one number has one field"));
    }
    let fields =
        (0..).zip(&spec.fields).map(|(at, field)| field_of(field, at, format, &template)).collect::<Result<_, _>>()?;
    let time = spec.time.as_ref().map(|time| time_of(time, format)).transpose()?;
    let (device_path, device_fallback) = match &spec.device {
        Some(device) => device_of(device, format, &template)?,
        None => (None, None),
    };
    let (route_only, server_time) = (spec.route_only, spec.server_time);
    Ok(Rule { template, format, time, device_path, device_fallback, fields, route_only, server_time })
}

/// What the fields ask for where the rule leaves the format open.
fn format_of(spec: &RuleSpec) -> Format {
    if spec.format != Format::Auto || spec.fields.is_empty() {
        spec.format
    } else if spec.fields.iter().any(|field| field.column.is_some()) {
        Format::Csv
    } else if spec.fields.iter().all(|field| field.path.is_none()) {
        Format::Number
    } else {
        Format::Auto
    }
}

/// The place of something that the format has in columns, at paths, or as a whole.
fn place_of(format: Format, text: &str, member: &str) -> Result<Path, RuleError> {
    match format {
        Format::Csv => column_of(text.trim().parse().ok(), member),
        Format::Number => Err(wrong(member, "a payload that is one number holds nothing else")),
        Format::LineProtocol | Format::Senml => {
            Err(wrong(member, "this format says where it stands; leave the path out"))
        }
        Format::Auto | Format::Json | Format::Cbor | Format::Form => {
            Path::parse(text).map_err(|sentence| wrong(member, sentence))
        }
    }
}

fn column_of(column: Option<u32>, member: &str) -> Result<Path, RuleError> {
    column
        .filter(|column| (1..=COLUMN_MAX).contains(column))
        .map(Path::to_column)
        .ok_or_else(|| wrong(member, format!("a column is a number from 1 to {COLUMN_MAX}")))
}

fn time_of(time: &TimeSpec, format: Format) -> Result<Time, RuleError> {
    let zone = time.zone.as_deref().map(zone_of).transpose()?;
    Ok(Time { path: place_of(format, &time.path, "time.path")?, unit: time.unit, zone })
}

fn zone_of(name: &str) -> Result<TimeZone, RuleError> {
    let known = (name.len() <= ZONE_BYTES_MAX).then(|| TimeZoneDatabase::bundled().get(name).ok()).flatten();
    known.ok_or_else(|| wrong("time.zone", "there is no such time zone; names look like Europe/Berlin or UTC"))
}

fn device_of(
    device: &DeviceSpec,
    format: Format,
    template: &Template,
) -> Result<(Option<Path>, Option<Words>), RuleError> {
    let path = device.path.as_ref().map(|path| place_of(format, path, "device.path")).transpose()?;
    let fallback = device.fallback.as_ref().map(|text| Words::parse(text, template)).transpose();
    Ok((path, fallback.map_err(|sentence| wrong("device.fallback", sentence))?))
}

fn field_of(field: &FieldSpec, at: usize, format: Format, template: &Template) -> Result<Field, RuleError> {
    let member = |name: &str| format!("fields[{at}].{name}");
    if field.path.is_some() && field.column.is_some() {
        return Err(wrong(member("column"), "a field has a path or a column, not both"));
    }
    let name = field.path.clone().unwrap_or_default();
    let path = match (format, &field.path, field.column) {
        (Format::Csv, None, column) => column_of(column, &member("column"))?,
        (Format::Csv, Some(_), _) => return Err(wrong(member("path"), "CSV has columns, not paths")),
        (_, _, Some(_)) => return Err(wrong(member("column"), "only CSV has columns")),
        (Format::Number, None, None) => Path::whole(),
        (Format::Number, Some(_), None) => {
            return Err(wrong(member("path"), "a payload that is one number has no paths"));
        }
        (_, None, None) => return Err(wrong(member("path"), "say where the value stands")),
        (_, Some(text), None) => Path::parse(text).map_err(|sentence| wrong(member("path"), sentence))?,
    };
    let words = Words::parse(&field.metric, template).map_err(|sentence| wrong(member("metric"), sentence))?;
    check_metric(&field.metric, &words).map_err(|sentence| wrong(member("metric"), sentence))?;
    let fixed = words.plain().map(|text| Metric::Fixed(of_components(text.into())));
    let metric = fixed.unwrap_or(Metric::OfTopic(words));
    let unit = match field.unit.as_deref().map(str::trim).filter(|unit| !unit.is_empty()) {
        None => None,
        Some(unit) => Some(normalise(unit).ok_or_else(|| wrong(member("unit"), format!("{unit:?} cannot be a unit")))?),
    };
    let known = unit.as_ref().and_then(|unit| Known::look_up(unit.as_str()));
    let (scale, offset) = (field.scale.unwrap_or(1.0), field.offset.unwrap_or(0.0));
    if !scale.is_finite() || scale == 0.0 {
        return Err(wrong(member("scale"), "a scale is a number other than 0"));
    }
    if !offset.is_finite() {
        return Err(wrong(member("offset"), "an offset is a number"));
    }
    if field.valid.is_some_and(|[low, high]| low.is_nan() || high.is_nan() || low > high) {
        return Err(wrong(member("valid"), "the lower end of what is valid stands first"));
    }
    if field.bad.len() > BAD_MAX {
        return Err(wrong(member("bad"), format!("at most {BAD_MAX} numbers can mean a failed read")));
    }
    let (kind, valid, bad) = (field.kind, field.valid, field.bad.clone());
    Ok(Field { name, path, metric, unit, known, kind, scale, offset, valid, bad })
}

/// Metric names are lower snake, with dots between components; so are the texts between names.
fn check_metric(text: &str, words: &Words) -> Result<(), String> {
    let plain = |c: char| c.is_alphanumeric() && !c.is_uppercase() || matches!(c, '_' | '.');
    let texts_plain = words.texts().all(|text| text.chars().all(plain));
    let bare = text.split('.').all(|part| !part.is_empty());
    if texts_plain && bare {
        return Ok(());
    }
    let meant: Vec<_> = text.split('.').filter(|part| !part.is_empty()).map(snake).collect();
    Err(format!(
        "a metric name is small letters, digits and _, with dots between components, such as {:?}",
        meant.join(".")
    ))
}
