//! The values of one message while they are gathered, and what can only be said when all are there.

use model::{Judgement, Kind, RejectReason, Unit, UnitSource, Value};

use crate::judge;
use crate::name::{Named, snake};
use crate::number::Judged;
use crate::quantity::Class;
use crate::unit::{Dimension, Known};
use crate::{ClaimedTime, Content, Found};

/// Most values that one message may bring. The excess is found and refused as `limit`, each by its name.
pub const VALUES_MAX: usize = 256;

/// What is known of a found value beside itself.
pub(crate) struct Note<'k> {
    /// As the device calls it; for two names that mean one quantity.
    pub(crate) key: &'k str,
    pub(crate) unit: Option<Known>,
    pub(crate) class: Class,
    /// Bytes of the metric name before its last component.
    pub(crate) prefix: usize,
}

/// Values in the order of the message, each with its note.
#[derive(Default)]
pub(crate) struct Harvest<'k> {
    found: Vec<Found>,
    notes: Vec<Note<'k>>,
}

impl<'k> Harvest<'k> {
    /// With room for that many, within reason.
    pub(crate) fn expecting(count: usize) -> Self {
        let count = count.min(VALUES_MAX);
        Self { found: Vec::with_capacity(count), notes: Vec::with_capacity(count) }
    }

    /// Where the next value will stand; what was pushed since can be given a time, a device or a unit.
    pub(crate) fn mark(&self) -> usize {
        self.found.len()
    }

    /// Adds `prefix` + `named`, which the device called `key`.
    pub(crate) fn push(&mut self, prefix: &str, key: &'k str, mut named: Named, judged: Judged) {
        let mut metric = named.name;
        if !prefix.is_empty() {
            metric.insert_str(0, prefix);
        }
        let volts = match &judged.value {
            Ok(Value::Number(number)) => judge::battery_unit(*number, named.class, named.unit_source),
            Ok(Value::Bool(_) | Value::Text(_)) | Err(_) => None,
        };
        if volts.is_some() {
            (named.unit, named.class) = (volts, Class::Other);
        }
        // What is on or off is in no unit, whatever its name says.
        let known = named.unit.filter(|_| !matches!(judged.value, Ok(Value::Bool(_) | Value::Text(_))));
        let unit = known.and_then(Known::unit);
        let kind = match &judged.value {
            Ok(Value::Bool(_)) => Kind::State,
            Ok(Value::Text(_)) => Kind::Text,
            Ok(Value::Number(_)) | Err(_) => named.kind,
        };
        let value = if self.found.len() < VALUES_MAX { judged.value } else { Err(RejectReason::Limit) };
        self.notes.push(Note { key, unit: known, class: named.class, prefix: prefix.len() });
        self.found.push(Found {
            device: String::new(),
            metric,
            value,
            unit_source: if unit.is_some() { named.unit_source } else { UnitSource::None },
            unit,
            kind,
            judgement: judged.judgement,
            time: None,
        });
    }

    /// Gives what was found since `mark` a time, where it has none of its own.
    pub(crate) fn time_since(&mut self, mark: usize, time: Option<ClaimedTime>) {
        if time.is_some() {
            for found in self.found.iter_mut().skip(mark).filter(|found| found.time.is_none()) {
                found.time = time;
            }
        }
    }

    /// Gives what was found since `mark` a device, where it has none of its own.
    pub(crate) fn device_since(&mut self, mark: usize, device: &str) {
        for found in self.found.iter_mut().skip(mark).filter(|found| found.device.is_empty()) {
            found.device = device.into();
        }
    }

    /// Gives what was found since `mark` a unit that the message itself tells, where it is of that dimension and its
    /// own name did not tell another one.
    pub(crate) fn unit_since(&mut self, mark: usize, unit: Known) {
        let Some(written) = unit.unit() else { return };
        for (found, note) in self.found.iter_mut().zip(&mut self.notes).skip(mark) {
            let same = note.unit.is_some_and(|known| known.dimension() == unit.dimension());
            if same && !matches!(found.unit_source, UnitSource::Payload | UnitSource::Name) {
                found.unit = Some(written.clone());
                found.unit_source = UnitSource::Payload;
                note.unit = Some(unit);
            }
        }
    }

    /// The last value was told in a unit outside our table.
    pub(crate) fn unit_of_last(&mut self, unit: Unit) {
        if let Some(found) = self.found.last_mut() {
            found.unit = Some(unit);
            found.unit_source = UnitSource::Payload;
        }
    }

    /// What the firmware is known to do with units and kinds: `settle` is called with metric, unit source and note.
    pub(crate) fn each(&mut self, mut settle: impl FnMut(&mut Found, &mut Note<'k>)) {
        for (found, note) in self.found.iter_mut().zip(&mut self.notes) {
            settle(found, note);
        }
    }

    /// The firmware always uses this unit for the dimension.
    pub(crate) fn profile_unit(&mut self, unit: Known) {
        let written = unit.unit();
        self.each(|found, note| {
            if found.unit_source == UnitSource::Assumed
                && note.unit.is_some_and(|known| known.dimension() == unit.dimension())
            {
                found.unit.clone_from(&written);
                found.unit_source = UnitSource::Profile;
                note.unit = Some(unit);
            }
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What the message says: its [`values`](Self::values), or without any value text.
    pub(crate) fn finish(self, device: &str) -> Content {
        if self.found.is_empty() {
            return Content::NoReading { kind: "text", availability: None };
        }
        Content::Readings(self.values(device))
    }

    /// All values, those without a device of their own under `device`, each judged.
    pub(crate) fn values(mut self, device: &str) -> Vec<Found> {
        self.device_since(0, device);
        self.part_twins();
        judge::judge(&mut self.found, &self.notes);
        self.found
    }

    /// Two names that mean one quantity of one device and time: the same in another unit is dropped (°F beside °C),
    /// anything else keeps the name that the device gave it.
    fn part_twins(&mut self) {
        let mut index = 1;
        while index < self.found.len().min(VALUES_MAX) {
            match self.twin_of(index) {
                None => index += 1,
                Some(earlier) if self.same_in_other_units(earlier, index) => {
                    let fahrenheit = self.notes.get(earlier).is_some_and(|note| note.unit == Some(Known::Fahrenheit));
                    let dropped = if fahrenheit { earlier } else { index };
                    self.found.remove(dropped);
                    self.notes.remove(dropped);
                }
                Some(earlier) => {
                    let named_so =
                        |at: usize| self.notes.get(at).is_some_and(|note| snake(note.key) == self.last_component(at));
                    let renamed = if named_so(index) && !named_so(earlier) { earlier } else { index };
                    self.rename(renamed);
                    index += 1;
                }
            }
        }
    }

    fn last_component(&self, at: usize) -> &str {
        let prefix = self.notes.get(at).map_or(0, |note| note.prefix);
        self.found.get(at).and_then(|found| found.metric.get(prefix..)).unwrap_or_default()
    }

    fn twin_of(&self, index: usize) -> Option<usize> {
        let found = self.found.get(index)?;
        self.found
            .get(..index)?
            .iter()
            .position(|other| other.metric == found.metric && other.time == found.time && other.device == found.device)
    }

    fn same_in_other_units(&self, earlier: usize, later: usize) -> bool {
        let told = |at: usize| {
            let number = match &self.found.get(at)?.value {
                Ok(Value::Number(number)) => *number,
                Ok(Value::Bool(_) | Value::Text(_)) | Err(_) => return None,
            };
            Some((number, self.notes.get(at)?.unit?))
        };
        let (Some((a, a_unit)), Some((b, b_unit))) = (told(earlier), told(later)) else { return false };
        let both_nan = a.is_nan() && b.is_nan();
        a_unit != b_unit
            && a_unit.dimension() != Dimension::Own
            && (both_nan || a_unit.convert(a, b_unit).is_some_and(|same| (same - b).abs() <= 0.02 * b.abs().max(5.0)))
    }

    fn rename(&mut self, at: usize) {
        let Some(note) = self.notes.get(at) else { return };
        let (own, prefix) = (snake(note.key), note.prefix);
        let taken = |name: &str| self.found.iter().any(|other| other.metric == name);
        let Some(found) = self.found.get(at) else { return };
        let front = found.metric.get(..prefix).unwrap_or_default();
        let mut name = format!("{front}{own}");
        let mut number = 2;
        while taken(&name) {
            name = format!("{front}{own}_{number}");
            number += 1;
        }
        if let Some(found) = self.found.get_mut(at) {
            found.metric = name;
        }
    }
}

/// Whether a judgement already stands.
pub(crate) fn is_bad(judgement: Judgement) -> bool {
    matches!(judgement, Judgement::Bad(_))
}
