//! A rule to begin with, made from one message that the usual decoding could not read or read with guesses.
//!
//! What is suggested compiles, takes the message and finds a value in it; a person names what nobody can know. Where the
//! usual decoding found devices and metrics, their names stay, so that a series goes on.

use model::{Kind, Topic, UnitSource, Value};

use crate::json::{self, Fault, Object};
use crate::message::Message;
use crate::name::{Named, metric_of};
use crate::number;
use crate::quantity::{Role, quantity_of};
use crate::time::is_time;
use crate::unit::Known;
use crate::{Content, Found, form, labelled, place};

use super::template::Template;
use super::{
    DeviceSpec, FIELDS_MAX, FieldSpec, Format, Rule, RuleSpec, TimeSpec, lenient, suggest_json, suggest_topic,
};

/// Decoders that know nothing but the text itself; what a family reads needs no rule.
const GENERIC: &[&str] = &["json", "number", "columns", "form", "pairs"];
const READ_WELL: &str = "All values of this message are read under names that say what they are: it needs no rule.";
const NO_VALUES: &str = "This message holds no values: it tells of a device or of other topics.";
const NO_NUMBER: &str = "No number that could be a reading is found in this message.";
const CUT_OFF: &str = "The message was cut off before it came, and what is missing is not guessed at. Many boards send 256 bytes at \
                       most: give the sender a larger buffer.";
/// Lines that are looked at for the first one with a value.
const LINES_MAX: usize = 10;

/// What a message holds, before its topic is looked at.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) format: Format,
    pub(super) time: Option<String>,
    /// Where the device stands, and what stands there.
    pub(super) device: Option<(String, String)>,
    pub(super) fields: Vec<FieldSpec>,
    /// The metric has its name from the last level of the topic.
    pub(super) named_by_topic: bool,
}

/// A rule for a message that could not be read, or whose values have names that mean nothing. It is for every topic of that
/// form; [`only_for`] makes it one for this topic.
///
/// # Errors
/// A sentence for a person: the message is read well, says nothing, was cut off, or no value can be found in it.
pub fn suggest(topic: &Topic, payload: &[u8]) -> Result<RuleSpec, String> {
    let decoded = crate::decode(topic, payload, None);
    let mut nearly_json = false;
    let found = match decoded.content {
        Content::Readings(found) if GENERIC.contains(&decoded.decoder.0) => found,
        Content::Readings(_) => return Err(READ_WELL.to_owned()),
        Content::NoReading { kind: "text", .. } => Vec::new(),
        Content::NoReading { .. } | Content::Announced(_) => return Err(NO_VALUES.to_owned()),
        Content::Unreadable { reason: "json_incomplete", detail } => return Err(format!("{detail}. {CUT_OFF}")),
        Content::Unreadable { reason: "not_text" | "too_deep" | "too_many_values", detail } => {
            return Err(format!("{detail}, so that no value can be pointed at in it."));
        }
        Content::Unreadable { reason, .. } => {
            nearly_json = reason == "json_invalid";
            Vec::new()
        }
    };
    let message = Message::new(topic, payload);
    let draft = if nearly_json { nearly(&message)? } else { drafted(&message, &found) };
    let mut draft = draft.filter(|draft| !draft.fields.is_empty()).ok_or_else(|| NO_NUMBER.to_owned())?;
    draft.fields.truncate(FIELDS_MAX);
    tell_apart(&mut draft.fields);
    if !found.is_empty() && !found.iter().any(is_guess) && draft.fields.len() <= found.len() {
        return Err(READ_WELL.to_owned());
    }
    let spec = placed(draft, topic, &found);
    let content = Rule::compile(&spec).map(|rule| rule.read(topic, payload).content);
    let reads = |read: &[Found]| read.iter().any(|found| number_of(found).is_some());
    match content {
        Ok(Content::Readings(read)) if reads(&read) => Ok(spec),
        Ok(Content::Readings(_) | Content::NoReading { .. } | Content::Announced(_) | Content::Unreadable { .. })
        | Err(_) => Err(NO_NUMBER.to_owned()),
    }
}

/// What was suggested for all topics of the form of `topic`, for that one topic only; devices keep their keys.
#[must_use]
pub fn only_for(spec: &RuleSpec, topic: &Topic) -> RuleSpec {
    let narrow = || {
        let template = Template::parse(&spec.topics).ok()?;
        let captures = template.captures(topic.as_str())?;
        let (_, stood) = captures.iter().find(|(name, _)| *name == "device")?;
        if stood.contains(['{', '}']) {
            return None;
        }
        let device = spec.device.clone().unwrap_or_default();
        let key = device.fallback.map_or_else(|| stood.clone(), |key| key.replace("{device}", stood));
        let levels: Vec<&str> = topic.as_str().split('/').collect();
        let fallback = (place::device_of(&levels) != key).then_some(key);
        let topics = suggest_topic::literal(topic.as_str());
        let device =
            (device.path.is_some() || fallback.is_some()).then_some(DeviceSpec { path: device.path, fallback });
        Some(RuleSpec { topics, device, ..spec.clone() })
    };
    narrow().unwrap_or_else(|| spec.clone())
}

/// A number whose name says nothing.
fn is_guess(found: &Found) -> bool {
    let last = found.metric.rsplit('.').next().unwrap_or_default();
    number_of(found).is_some()
        && found.kind == Kind::Measurement
        && found.unit_source == UnitSource::None
        && quantity_of(last).is_none()
}

pub(super) fn number_of(found: &Found) -> Option<f64> {
    match &found.value {
        Ok(Value::Number(number)) if number.is_finite() => Some(*number),
        Ok(Value::Number(_) | Value::Bool(_) | Value::Text(_)) | Err(_) => None,
    }
}

fn placed(draft: Draft, topic: &Topic, found: &[Found]) -> RuleSpec {
    let read = found.first().map(|first| first.device.as_str());
    // A device that the message names, unless the usual decoding says otherwise.
    let told = draft.device.filter(|(_, told)| {
        read.is_none_or(|read| place::device_by_id(told, &place::device_of(&[topic.as_str()])) == read)
    });
    let (topics, fallback) = suggest_topic::template(topic.as_str(), read, draft.named_by_topic);
    let path = told.map(|(path, _)| path);
    let device = (path.is_some() || fallback.is_some()).then_some(DeviceSpec { path, fallback });
    let time = draft.time.map(|path| TimeSpec { path, unit: None, zone: None });
    let fields = draft.fields;
    RuleSpec { topics, format: draft.format, time, device, fields, ..RuleSpec::default() }
}

fn drafted(message: &Message<'_>, found: &[Found]) -> Option<Draft> {
    let text = message.text?;
    if message.is_json() {
        return Some(suggest_json::drafted(message.value()?, found));
    }
    if text.lines().nth(1).is_none() && value_in(text).is_some() && form::pairs(text).is_none() {
        return of_one(message, text);
    }
    super::read::pairs_of(text).map(|pairs| of_pairs(&pairs)).or_else(|| of_lines(message, text))
}

/// What is nearly JSON, or columns in brackets. What ends early is not guessed at: its last number may be a part of one.
fn nearly(message: &Message<'_>) -> Result<Option<Draft>, String> {
    let Some(text) = message.text else { return Ok(None) };
    let whole = lenient::mended(text).ok_or_else(|| CUT_OFF.to_owned())?;
    let draft = match json::parse(&whole) {
        Ok(root) => Some(suggest_json::drafted(&root, &[])).filter(|draft| !draft.fields.is_empty()),
        Err(Fault::Incomplete(_)) => return Err(CUT_OFF.to_owned()),
        Err(Fault::Invalid(_) | Fault::TooDeep | Fault::TooMany) => None,
    };
    let in_columns = || if text.contains('\n') { None } else { of_lines(message, text) };
    Ok(draft.or_else(in_columns))
}

/// The unit of a text that is one number, perhaps behind its label.
pub(super) fn value_in(text: &str) -> Option<Option<Known>> {
    let read = |text: &str| number::single(text).filter(|(judged, _)| judged.finite().is_some()).map(|(_, unit)| unit);
    read(text).or_else(|| read(labelled::split(text)?.1))
}

/// The metric of a name, with a unit that the value says. A unit that is only a guess is left to be guessed.
pub(super) fn field(named: &Named, told: Option<Known>) -> FieldSpec {
    let by_name = named.unit.filter(|_| named.unit_source != UnitSource::Assumed);
    let unit = told.or(by_name).and_then(Known::unit).map(|unit| unit.as_str().to_owned());
    FieldSpec { metric: named.name.clone(), unit, ..FieldSpec::default() }
}

fn of_pairs(pairs: &Object<'_>) -> Draft {
    let mut draft = Draft { format: Format::Form, ..Draft::default() };
    for (key, value) in pairs {
        let (path, value) = (suggest_json::written(key), value.text().unwrap_or_default());
        match suggest_json::role_of_text(key, value) {
            suggest_json::Meaning::Time => draft.time = draft.time.or(Some(path)),
            suggest_json::Meaning::Device => draft.device = draft.device.or(Some((path, value.to_owned()))),
            suggest_json::Meaning::Value(unit) => {
                draft.fields.push(FieldSpec { path: Some(path), ..field(&metric_of(key), unit) });
            }
            suggest_json::Meaning::Nothing => {}
        }
    }
    draft
}

/// Lines of columns with or without a line of names.
fn of_lines(message: &Message<'_>, text: &str) -> Option<Draft> {
    let lines: Vec<Vec<String>> = text.lines().take(LINES_MAX).map(super::csv::texts).collect();
    let has_value = |cells: &[String]| cells.iter().any(|cell| value_in(cell).is_some() && !is_time(cell));
    let at = lines.iter().position(|cells| has_value(cells))?;
    let cells = lines.get(at)?;
    if cells.len() == 1 {
        return None;
    }
    let names = at
        .checked_sub(1)
        .and_then(|above| lines.get(above))
        .filter(|names| names.len() == cells.len() && names.iter().all(|name| name.starts_with(char::is_alphabetic)));
    Some(of_columns(message, cells, names))
}

fn of_one(message: &Message<'_>, text: &str) -> Option<Draft> {
    let label = labelled::split(text).map(|(label, _)| label);
    let named = label.map_or_else(|| place::device_and_metric(&message.levels).1, metric_of);
    let fields = vec![field(&named, value_in(text)?)];
    Some(Draft { format: Format::Number, fields, named_by_topic: label.is_none(), ..Draft::default() })
}

fn of_columns(message: &Message<'_>, cells: &[String], names: Option<&Vec<String>>) -> Draft {
    let mut draft = Draft { format: Format::Csv, ..Draft::default() };
    let words: Vec<&str> = message.leaf().split(['_', '-', ',', ' ']).collect();
    for (index, cell) in cells.iter().enumerate() {
        let (column, name) = (index + 1, names.and_then(|names| names.get(index)).map(String::as_str));
        let label = labelled::split(cell).map(|(label, _)| label);
        let says = |name: Option<&str>, role| name.is_some_and(|name| suggest_json::has_role(name, role));
        let says_nothing = |name| says(name, Role::Time) || says(name, Role::Meta) || says(name, Role::Device);
        if is_time(cell) {
            draft.time = draft.time.or(Some(column.to_string()));
        } else if says(name, Role::Device) || (value_in(cell).is_none() && is_identifier(cell) && name.is_none()) {
            draft.device = draft.device.or(Some((column.to_string(), cell.clone())));
        } else if let Some(unit) = value_in(cell).filter(|_| !says_nothing(name.or(label))) {
            let fallback = format!("value_{index}");
            let word = words.get(index).copied().filter(|_| words.len() == cells.len()).unwrap_or(&fallback);
            let name = name.or(label).unwrap_or(word);
            let column = u32::try_from(column).ok();
            draft.fields.push(FieldSpec { column, ..field(&metric_of(name), unit) });
        }
    }
    draft
}

/// A word that can name a device: letters and digits, without blanks.
fn is_identifier(cell: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ':' | '.');
    (2..=64).contains(&cell.len())
        && cell.chars().all(plain)
        && cell.chars().any(char::is_alphabetic)
        && number::single(cell).is_none()
}

/// Two fields of one name would be one series.
fn tell_apart(fields: &mut [FieldSpec]) {
    for index in 1..fields.len() {
        let (before, rest) = fields.split_at_mut(index);
        let Some(field) = rest.first_mut() else { return };
        let taken = |name: &str| before.iter().any(|other| other.metric == name);
        if taken(&field.metric) {
            let free = (2..=FIELDS_MAX + 1).map(|n| format!("{}_{n}", field.metric)).find(|name| !taken(name));
            field.metric = free.unwrap_or_else(|| field.metric.clone());
        }
    }
}
