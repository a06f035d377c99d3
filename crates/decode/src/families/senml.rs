//! SenML (RFC 8428) in JSON: a list of records with base fields.
//!
//! The device is the base name; a record without a base name may end in a quantity behind `:` or `/`. A time below 2^28
//! seconds is relative to now, and there is no other clock in it then.

use model::{TimeSource, UnitSource};

use crate::harvest::Harvest;
use crate::json::{Json, Object, member};
use crate::message::Message;
use crate::name::{Named, metric_of};
use crate::number::Judged;
use crate::quantity::quantity_of;
use crate::unit::normalise;
use crate::walk::scalar;
use crate::{ClaimedTime, Content, place};

/// Seconds below which a SenML time is relative to now (RFC 8428, 4.5.3).
const RELATIVE_BELOW_S: f64 = 268_435_456.0;

#[derive(Default)]
struct Base<'k> {
    name: &'k str,
    unit: Option<&'k str>,
    time: f64,
    timed: bool,
    value: f64,
}

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    let records = message.value()?.list()?;
    let record = |item: &Json<'_>| item.get("n").is_some_and(|n| n.text().is_some()) || item.get("bn").is_some();
    let value = |item: &Json<'_>| ["v", "vs", "vb", "vd", "bv", "s"].iter().any(|key| item.get(key).is_some());
    if !records.iter().all(|item| record(item) || value(item))
        || !records.iter().any(|item| record(item) && value(item))
    {
        return None;
    }
    let mut base = Base::default();
    let mut harvest = Harvest::default();
    for members in records.iter().filter_map(Json::object) {
        base.take(members);
        one_record(&mut harvest, &base, members);
    }
    Some(harvest.finish(&place::device_of(&message.levels)))
}

impl<'k> Base<'k> {
    fn take(&mut self, members: &'k Object<'k>) {
        if let Some(name) = member(members, "bn").and_then(Json::text) {
            self.name = name;
        }
        if let Some(unit) = member(members, "bu").and_then(Json::text) {
            self.unit = Some(unit);
        }
        if let Some(time) = number(members, "bt") {
            (self.time, self.timed) = (time, true);
        }
        if let Some(value) = number(members, "bv") {
            self.value = value;
        }
    }
}

fn number(members: &Object<'_>, key: &str) -> Option<f64> {
    scalar(member(members, key)?, false)?.0.finite()
}

fn one_record<'k>(harvest: &mut Harvest<'k>, base: &Base<'k>, members: &'k Object<'k>) {
    let value = ["v", "vb", "vs", "s"].iter().find_map(|key| member(members, key));
    let Some((judged, _)) = value.and_then(|value| scalar(value, true)) else { return };
    let judged = match judged.finite() {
        Some(number) if base.value != 0.0 => Judged::number(number + base.value),
        _ => judged,
    };
    let own = member(members, "n").and_then(Json::text).unwrap_or_default();
    let (device, name) = device_and_name(base.name, own);
    let mut named = if name.is_empty() { metric_of("value") } else { metric_of(name) };
    let unit = member(members, "u").and_then(Json::text).or(base.unit).and_then(normalise);
    if let Some(known) = unit.as_ref().and_then(|unit| crate::unit::Known::look_up(unit.as_str())) {
        named = Named::with_unit(named, known, UnitSource::Payload);
    }
    let mark = harvest.mark();
    harvest.push("", name, named, judged);
    if let Some(unit) = unit {
        harvest.unit_of_last(unit);
    }
    if !device.is_empty() {
        harvest.device_since(mark, device);
    }
    harvest.time_since(mark, time(base, number(members, "t")));
}

fn time(base: &Base<'_>, own: Option<f64>) -> Option<ClaimedTime> {
    if !base.timed && own.is_none() {
        return None;
    }
    let seconds = base.time + own.unwrap_or(0.0);
    // A float's cast saturates; the time policy refuses what is that far away.
    let ms = (seconds * 1000.0).round() as i64;
    Some(if seconds < RELATIVE_BELOW_S {
        ClaimedTime::Ago { ms: ms.saturating_neg() }
    } else {
        ClaimedTime::At { ms, source: TimeSource::Device }
    })
}

fn device_and_name<'k>(base: &'k str, own: &'k str) -> (&'k str, &'k str) {
    if !base.is_empty() {
        return (base.trim_end_matches([':', '/', '.', '_']), own);
    }
    match own.rfind([':', '/']).and_then(|at| Some((own.get(..at)?, own.get(at + 1..)?))) {
        Some((device, name)) if quantity_of(name).is_some() => (device, name),
        Some(_) => (own, ""),
        None => ("", own),
    }
}
