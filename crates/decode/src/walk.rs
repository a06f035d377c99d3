//! Any JSON into values: one per number, boolean and failed read, named by its path.
//!
//! Strings that are no numbers, switches or failed reads are attributes and leave no trace. Times, identifiers and units
//! are recognised by the names of their members and apply to the object they stand in and to all inside.

use std::borrow::Cow;

use model::{Flaw, TimeSource, Value};

use crate::harvest::Harvest;
use crate::json::{Json, Object, member};
use crate::name::{Named, metric_of, metric_with, snake};
use crate::number::{self, Judged};
use crate::quantity::{Role, role_of};
use crate::unit::{Known, normalise};
use crate::{ClaimedTime, place, time};

/// Longest text inside JSON that is tried as a number.
const NUMBER_TEXT_BYTES_MAX: usize = 40;

/// What a family knows about a member that the walk does not.
pub(crate) enum Own {
    /// Nothing.
    Usual,
    /// It is no reading.
    Skip,
    /// What it is, below the path.
    Named(Named),
    /// What it is, whatever it stands in.
    Top(Named),
}

/// A family's knowledge: asked with the path and the name of every plain value.
pub(crate) type Names = fn(path: &str, key: &str) -> Own;

/// Who a message says that it is from.
#[derive(Clone, Debug)]
pub(crate) enum Identity<'k> {
    /// An identifier for all the world.
    Id(Cow<'k, str>),
    /// A name among those of its topic.
    Name(Cow<'k, str>),
}

/// A walk through one message.
#[derive(Default)]
pub(crate) struct Walk<'k> {
    /// What the family knows.
    names: Option<Names>,
    /// Whether `null` means "there is none" and not "could not be read".
    null_is_absent: bool,
    pub(crate) harvest: Harvest<'k>,
    /// The identifier that the message gives at its top.
    pub(crate) device: Option<Identity<'k>>,
    /// The device of the topic, below which names of devices count.
    topic_device: String,
    /// The names above, each with a dot behind.
    path: String,
    depth: usize,
}

impl<'k> Walk<'k> {
    /// Where the topic names that device.
    pub(crate) fn below(topic_device: String) -> Self {
        Self { topic_device, ..Self::default() }
    }

    /// With what a family knows of its names.
    pub(crate) fn naming(names: Names) -> Self {
        Self { names: Some(names), ..Self::default() }
    }

    /// For a family whose `null` means that there is none, not that it could not be read.
    pub(crate) fn null_is_absent(mut self) -> Self {
        self.null_is_absent = true;
        self
    }

    /// All members of an object.
    pub(crate) fn object(&mut self, members: &'k Object<'k>) {
        let mark = self.harvest.mark();
        if mark == 0 && self.depth == 0 {
            self.harvest = Harvest::expecting(members.len());
        }
        let mut claimed = None;
        let mut units = false;
        for (key, value) in members {
            let role = role_of(key);
            match (role, value) {
                (Some(Role::Time | Role::Meta | Role::Device | Role::DeviceName), Json::Number(_) | Json::Text(_))
                    if self.owns(key) =>
                {
                    self.scalar(key, role, value);
                }
                (Some(Role::Time), Json::Number(_) | Json::Text(_)) => {
                    claimed = claimed.or_else(|| time::claimed(value, TimeSource::Device));
                }
                (
                    Some(Role::Time | Role::Meta | Role::Device),
                    Json::Null | Json::Bool(_) | Json::Nan | Json::Infinite,
                ) => {}
                (Some(Role::Meta), Json::Number(_) | Json::Text(_)) => {}
                (Some(Role::Device | Role::DeviceName), Json::Number(_) | Json::Text(_)) => {
                    self.device = self.device.take().or_else(|| identity_of(members).filter(|_| self.depth == 0));
                }
                (_, Json::Text(text)) if is_unit_name(key) => units |= !text.is_empty(),
                (_, Json::Object(inner)) => self.inner(key, inner),
                (_, Json::List(items)) => self.list(key, items),
                (_, scalar) => self.scalar(key, role, scalar),
            }
        }
        if units {
            self.apply_units(mark, members);
        }
        self.harvest.time_since(mark, claimed);
    }

    /// Whether the family says what that member is.
    fn owns(&self, key: &str) -> bool {
        matches!(self.names.map(|names| names(&self.path, key)), Some(Own::Named(_) | Own::Top(_)))
    }

    fn scalar(&mut self, key: &'k str, role: Option<Role>, value: &Json<'_>) {
        let own = self.names.map_or(Own::Usual, |names| names(&self.path, key));
        let known = matches!(role, Some(Role::Quantity(_))) || matches!(own, Own::Named(_) | Own::Top(_));
        if matches!(own, Own::Skip) || (self.null_is_absent && *value == Json::Null) {
            return;
        }
        let Some((judged, unit)) = scalar(value, known) else { return };
        let (path, named) = match own {
            Own::Top(named) => ("", named),
            Own::Named(named) => (self.path.as_str(), named),
            Own::Usual | Own::Skip => (self.path.as_str(), metric_with(role, key)),
        };
        let named = match unit {
            Some(unit) => named.with_unit(unit, model::UnitSource::Payload),
            None => named,
        };
        self.harvest.push(path, key, named, judged);
    }

    /// An object inside: a value with its unit and time, an envelope around values, or a component.
    fn inner(&mut self, key: &'k str, members: &'k Object<'k>) {
        if let Some(measured) = Measured::of(members) {
            self.measured(key, metric_of(key), &measured);
        } else {
            self.under(&component_of(key, members), |walk| walk.object(members));
        }
    }

    /// Walks with one more name in the path.
    pub(crate) fn under(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(name);
        self.path.push('.');
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.path.truncate(length);
    }

    /// A value that brings its unit and time along.
    pub(crate) fn measured(&mut self, key: &'k str, named: Named, measured: &Measured<'k>) {
        let mark = self.harvest.mark();
        if let Json::List(items) = measured.value {
            self.numbers(key, &named, items);
        } else {
            if self.null_is_absent && *measured.value == Json::Null {
                return;
            }
            let Some((judged, unit)) = scalar(measured.value, true) else { return };
            let named = match unit {
                Some(unit) => named.with_unit(unit, model::UnitSource::Payload),
                None => named,
            };
            self.harvest.push(&self.path, key, named, judged);
        }
        if let Some(unit) = measured.unit.and_then(normalise).filter(|_| self.harvest.mark() > mark) {
            self.harvest.unit_of_last(unit);
        }
        self.harvest.time_since(mark, measured.time);
    }

    fn list(&mut self, key: &'k str, items: &'k [Json<'k>]) {
        if items.iter().any(|item| matches!(item, Json::Object(_) | Json::List(_))) {
            self.records(key, items);
        } else if !matches!(role_of(key), Some(Role::Meta | Role::Device | Role::DeviceName | Role::Time)) {
            match self.names.map_or(Own::Usual, |names| names(&self.path, key)) {
                Own::Skip => {}
                Own::Named(named) | Own::Top(named) => self.numbers(key, &named, items),
                Own::Usual => self.numbers(key, &metric_of(key), items),
            }
        }
    }

    /// A list of plain values: `.1`, `.2` …
    pub(crate) fn numbers(&mut self, key: &'k str, named: &Named, items: &[Json<'_>]) {
        for (index, item) in items.iter().enumerate() {
            if let Some((judged, _)) = scalar(item, false) {
                let named = Named { name: format!("{}.{}", named.name, index + 1), ..named.clone() };
                self.harvest.push(&self.path, key, named, judged);
            }
        }
    }

    /// A list of objects: named values, timestamped readings, components with a name, or components with a number.
    pub(crate) fn records(&mut self, key: &'k str, items: &'k [Json<'k>]) {
        for (index, item) in items.iter().enumerate() {
            let Json::Object(members) = item else {
                if let Json::List(inner) = item {
                    self.under(&snake(key), |walk| walk.numbers(key, &metric_of(&(index + 1).to_string()), inner));
                }
                continue;
            };
            let mark = self.harvest.mark();
            let identity = identity_of(members).filter(|_| key.is_empty());
            if identity.is_some() {
                if !self.record(members) {
                    self.object(members);
                }
                let own = identity.map(|identity| place::device_of_identity(&identity, &self.topic_device));
                self.harvest.device_since(mark, &own.unwrap_or_default());
                continue;
            }
            if self.record(members) {
                continue;
            }
            let name =
                ["name", "id", "sensor", "label", "channel"].iter().find_map(|key| match member(members, key)? {
                    Json::Text(text) => Some(snake(text)),
                    Json::Number(text) => Some((*text).into()),
                    Json::Null | Json::Bool(_) | Json::Nan | Json::Infinite | Json::List(_) | Json::Object(_) => None,
                });
            match name {
                Some(name) => self.under(&name, |walk| walk.object(members)),
                None => {
                    let name =
                        if key.is_empty() { (index + 1).to_string() } else { format!("{}.{}", snake(key), index + 1) };
                    self.under(&name, |walk| walk.object(members));
                }
            }
        }
    }

    /// An object that says for itself what it is: `{name, value}`, `{ts, values}`, or values beside a time.
    pub(crate) fn record(&mut self, members: &'k Object<'k>) -> bool {
        if let Some((name, measured)) = named_value(members) {
            self.measured(name, metric_of(name), &measured);
            return true;
        }
        if let Some(values) = timestamped(members) {
            let mark = self.harvest.mark();
            self.object(values);
            let claimed = time_of(members);
            self.harvest.time_since(mark, claimed);
            return true;
        }
        let timed = members
            .iter()
            .any(|(key, value)| role_of(key) == Some(Role::Time) && matches!(value, Json::Number(_) | Json::Text(_)));
        if timed && Measured::of(members).is_none() {
            self.object(members);
            return true;
        }
        false
    }

    /// `TempUnit`, `pressure_unit`, `unit`: what the message says about units beside the values.
    fn apply_units(&mut self, mark: usize, members: &Object<'_>) {
        for (key, value) in members {
            if let Some(unit) = value.text().filter(|_| is_unit_name(key)).and_then(Known::look_up) {
                self.harvest.unit_since(mark, unit);
            }
        }
    }
}

/// Sensors on one wire are counted in the order of their addresses: an added one would shift the others' names, so the
/// address names them (Tasmota's `"DS18B20-2":{"Id":"…"}`).
fn component_of(key: &str, members: &Object<'_>) -> String {
    match member(members, "Id").and_then(Json::text) {
        Some(id) if key.starts_with("DS18") => {
            format!("{}_{}", snake(key.split('-').next().unwrap_or(key)), snake(id))
        }
        Some(_) | None => snake(key),
    }
}

/// What an object says about who it is; an identifier goes before a name.
pub(crate) fn identity_of<'k>(members: &'k Object<'k>) -> Option<Identity<'k>> {
    let of_role = |wanted: Role| {
        members.iter().filter(|(key, _)| role_of(key) == Some(wanted)).find_map(|(_, value)| match value {
            Json::Text(text) if !text.trim().is_empty() => Some(Cow::Borrowed(text.as_ref())),
            Json::Number(text) => Some(Cow::Borrowed(*text)),
            Json::Null
            | Json::Bool(_)
            | Json::Nan
            | Json::Infinite
            | Json::Text(_)
            | Json::List(_)
            | Json::Object(_) => None,
        })
    };
    of_role(Role::Device).map(Identity::Id).or_else(|| of_role(Role::DeviceName).map(Identity::Name))
}

fn is_unit_name(key: &str) -> bool {
    let ends = |word: &str| {
        key.len().checked_sub(word.len()).and_then(|at| key.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    ends("unit") || ends("units") || ends("unit_of_measurement")
}

/// One plain JSON value as a value of ours, perhaps with the unit behind it. Words for a failed read count only where
/// the name is a known quantity: `"effect": "none"` is no sensor.
pub(crate) fn scalar(value: &Json<'_>, known: bool) -> Option<(Judged, Option<Known>)> {
    let judged = match value {
        Json::Null => Judged::bad(Flaw::Null),
        Json::Nan => Judged::bad(Flaw::Nan),
        Json::Infinite => Judged::bad(Flaw::Infinite),
        Json::Bool(on) => Judged::good(Value::Bool(*on)),
        Json::Number(text) => number::decimal(text)?,
        Json::Text(text) => return of_text(text, known),
        Json::List(_) | Json::Object(_) => return None,
    };
    Some((judged, None))
}

fn of_text(text: &str, known: bool) -> Option<(Judged, Option<Known>)> {
    // `12e4` in a string is rather an identifier than a number.
    let hex =
        text.contains(['e', 'E']) && text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains(['.', ',', ' ']);
    // So is one with zeros in front, or with many digits in front of letters.
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let padded = digits > 1 && text.starts_with('0');
    let long = digits > 9 && text.ends_with(|c: char| c.is_alphabetic());
    if text.is_empty() || text.len() > NUMBER_TEXT_BYTES_MAX || hex || padded || long {
        return None;
    }
    let (judged, unit) = number::single(text)?;
    let failed = matches!(&judged.value, Ok(Value::Number(number)) if number.is_nan());
    (known || !failed || text.trim().eq_ignore_ascii_case("nan")).then_some((judged, unit))
}

/// The first time among the members that can be read.
pub(crate) fn time_of(members: &Object<'_>) -> Option<ClaimedTime> {
    members
        .iter()
        .filter(|(key, _)| role_of(key) == Some(Role::Time))
        .find_map(|(_, value)| time::claimed(value, TimeSource::Device))
}

/// Whether a JSON object tells a time among its members that has no zone, and none that can be read.
#[must_use]
pub fn lacks_zone(payload: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(payload) else { return false };
    let Ok(Json::Object(members)) = crate::json::parse(text) else { return false };
    let mut times = members.iter().filter(|(key, _)| role_of(key) == Some(Role::Time));
    time_of(&members).is_none() && times.any(|(_, time)| matches!(time, Json::Text(text) if time::is_time(text)))
}

/// A value with what belongs to it: `{value, unit?, time?}` and nothing else that counts.
pub(crate) struct Measured<'k> {
    pub(crate) value: &'k Json<'k>,
    pub(crate) unit: Option<&'k str>,
    pub(crate) time: Option<ClaimedTime>,
}

impl<'k> Measured<'k> {
    /// The members as one value, where they are one.
    pub(crate) fn of(members: &'k Object<'k>) -> Option<Self> {
        let (key, value) =
            members.iter().find(|(key, value)| is_value_name(key) && !matches!(value, Json::Object(_)))?;
        let belongs = |(other, value): &(Cow<'_, str>, Json<'_>)| {
            other == key
                || is_unit_name(other)
                || matches!(role_of(other), Some(Role::Time | Role::Meta | Role::Device | Role::DeviceName))
                || (matches!(value, Json::Text(_)) && scalar(value, false).is_none())
        };
        members.iter().all(belongs).then(|| Self {
            value,
            unit: members.iter().find(|(key, _)| is_unit_name(key) || key == "u").and_then(|(_, unit)| unit.text()),
            time: time_of(members),
        })
    }
}

fn is_value_name(key: &str) -> bool {
    ["value", "val", "v"].iter().any(|name| key.eq_ignore_ascii_case(name))
}

/// `{name, value}` under the names that people give to these two.
fn named_value<'k>(members: &'k Object<'k>) -> Option<(&'k str, Measured<'k>)> {
    let (key, _) = members.iter().find(|(key, value)| is_value_name(key) && !matches!(value, Json::Object(_)))?;
    let names = ["value_type", "metric", "name", "key", "n", "sensor", "type", "measurement", "field", "variable"];
    let name = names.iter().find_map(|name| member(members, name)?.text()).filter(|name| !name.is_empty())?;
    let value = member(members, key)?;
    let unit = members.iter().find(|(key, _)| is_unit_name(key) || key == "u").and_then(|(_, unit)| unit.text());
    Some((name, Measured { value, unit, time: time_of(members) }))
}

/// `{ts, values: {…}}`: the values.
pub(crate) fn timestamped<'k>(members: &'k Object<'k>) -> Option<&'k Object<'k>> {
    let values = member(members, "values").and_then(Json::object)?;
    let envelope = members.iter().all(|(key, _)| {
        key == "values" || matches!(role_of(key), Some(Role::Time | Role::Meta | Role::Device | Role::DeviceName))
    });
    envelope.then_some(values)
}
