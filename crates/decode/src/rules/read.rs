//! Reading one message by a rule.

use std::borrow::Cow;

use model::{Flaw, Judgement, Kind, RejectReason, TimeSource, Topic, UnitSource, Value};

use crate::harvest::VALUES_MAX;
use crate::json::{self, Fault, Json, Object};
use crate::message::Message;
use crate::name::{Named, metric_of, snake};
use crate::number::{self, Judged};
use crate::unit::Known;
use crate::walk::scalar;
use crate::{ClaimedTime, Content, Found, cbor, families, form, judge, labelled, leftover, place};

use super::path::Work;
use super::template::Captures;
use super::{Field, Format, Metric, Rule, WORK_MAX, lenient};

/// Longest text that is tried as a number or kept as words. A longer one is no number, and refused as words.
const TEXT_BYTES_MAX: usize = 1024;

/// Steps that a value costs that was found.
const VALUE_WORK: usize = 4;
/// Times, devices and values that a new value is compared with in one step.
const COMPARED_AT_ONCE: usize = 8;

/// One message on its way through a rule.
struct Reading<'r> {
    rule: &'r Rule,
    captures: Captures<'r>,
    /// The device where the message does not say one.
    device: String,
    found: Vec<Found>,
    work: Work,
}

pub(super) fn read(rule: &Rule, topic: &Topic, payload: &[u8]) -> Content {
    let Some(captures) = rule.template.captures(topic.as_str()) else {
        return unreadable("rule_topic", "the rule is not for this topic");
    };
    if rule.route_only {
        return Content::NoReading { kind: "routed", availability: None };
    }
    if payload.is_empty() {
        return Content::NoReading { kind: "clear", availability: None };
    }
    let message = Message::new(topic, payload);
    let device = device_of(rule, &captures, &message);
    let mut reading = Reading { rule, captures, device, found: Vec::new(), work: Work::default() };
    let content = if rule.fields.is_empty() {
        match usual(rule.format, topic, &message) {
            Ok(content) => reading.renamed(content, &message),
            Err(fault) => fault,
        }
    } else {
        match reading.fields(&message) {
            Ok(()) => reading.finish(),
            Err(fault) => fault,
        }
    };
    if rule.server_time { without_times(content) } else { content }
}

fn unreadable(reason: &'static str, detail: impl Into<String>) -> Content {
    Content::Unreadable { reason, detail: detail.into() }
}

fn other_format(format: &str) -> Content {
    unreadable("rule_format", format!("the payload is no {format}"))
}

fn too_much_work() -> Content {
    unreadable("rule_work", format!("the paths of the rule take more than {WORK_MAX} steps through this message"))
}

fn without_times(mut content: Content) -> Content {
    if let Content::Readings(found) = &mut content {
        for found in found {
            found.time = None;
        }
    }
    content
}

/// The device that the topic names: the fallback, else `{site}`, `{area}` and `{device}` joined in their order.
fn of_topic(rule: &Rule, captures: &Captures<'_>) -> Option<String> {
    if let Some(words) = &rule.device_fallback {
        return Some(words.render(captures, str::to_owned)).filter(|key| !key.trim().is_empty());
    }
    if !rule.template.has("device") {
        return None;
    }
    let parts = captures.iter().filter(|(name, text)| matches!(*name, "site" | "area" | "device") && !text.is_empty());
    let key = parts.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("/");
    (!key.is_empty()).then_some(key)
}

/// Else the topic, without what names the metric in it.
fn device_of(rule: &Rule, captures: &Captures<'_>, message: &Message<'_>) -> String {
    of_topic(rule, captures).unwrap_or_else(|| {
        let naming = |level: &&str| {
            captures.iter().any(|(name, text)| matches!(*name, "metric" | "component" | "channel") && text == level)
        };
        let rest: Vec<&str> = message.levels.iter().copied().filter(|level| !naming(level)).collect();
        let device = place::device_of(&rest);
        if device.is_empty() { message.topic.to_owned() } else { device }
    })
}

/// The usual decoding of a format.
fn usual(format: Format, topic: &Topic, message: &Message<'_>) -> Result<Content, Content> {
    let by_family =
        |read: fn(&Message<'_>) -> Option<Content>, name: &str| read(message).ok_or_else(|| other_format(name));
    match format {
        Format::Auto => Ok(crate::decode(topic, message.payload, None).content),
        Format::Json if message.is_json() => Ok(crate::decode(topic, message.payload, None).content),
        Format::Json => Err(other_format("JSON")),
        Format::Cbor if message.text.is_none() => Ok(crate::decode(topic, message.payload, None).content),
        Format::Cbor => Err(other_format("CBOR")),
        Format::Number => by_family(families::read_number, "number"),
        Format::Csv => by_family(families::read_columns, "line of columns"),
        Format::LineProtocol => by_family(families::read_line_protocol, "line protocol"),
        Format::Senml => senml(topic.as_str(), message).ok_or_else(|| other_format("SenML")),
        Format::Form => {
            by_family(|message| families::read_form(message).or_else(|| families::read_pairs(message)), "form")
        }
    }
}

fn senml(topic: &str, message: &Message<'_>) -> Option<Content> {
    if message.text.is_some() {
        return families::read_senml(message);
    }
    let text = cbor::to_json(message.payload)?;
    families::read_senml(&Message::of_text(topic, &text))
}

impl Reading<'_> {
    /// The usual decoding under the names that the topic gives.
    fn renamed(&self, content: Content, message: &Message<'_>) -> Content {
        let by_topic = of_topic(self.rule, &self.captures);
        match content {
            Content::Readings(mut found) => {
                let root = message.value();
                let time =
                    self.rule.time.as_ref().zip(root).and_then(|(time, root)| time.millis(time.path.first(root)?));
                let told =
                    self.rule.device_path.as_ref().zip(root).and_then(|(path, root)| self.told(path.first(root)?));
                let device = told.or(by_topic);
                let one = found.len() == 1;
                for found in &mut found {
                    if let Some(device) = &device {
                        found.device.clone_from(device);
                    }
                    if let Some(ms) = time {
                        found.time = Some(ClaimedTime::At { ms, source: TimeSource::Device });
                    }
                    self.rename(found, one);
                }
                Content::Readings(found)
            }
            Content::NoReading { kind, availability } => {
                let availability = availability.map(|mut availability| {
                    if let Some(device) = by_topic {
                        availability.device = device;
                    }
                    availability
                });
                Content::NoReading { kind, availability }
            }
            other @ (Content::Announced(_) | Content::Unreadable { .. }) => other,
        }
    }

    fn capture(&self, wanted: &str) -> Option<&str> {
        self.captures
            .iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, text)| text.as_str())
            .filter(|text| !text.is_empty())
    }

    /// A single value is called what the topic says; of several each keeps its name below it.
    fn rename(&self, found: &mut Found, one: bool) {
        if let Some(metric) = self.capture("metric") {
            let named = metric_of(metric);
            if one {
                if found.unit.is_none() && matches!(found.value, Ok(Value::Number(_))) {
                    found.unit = named.unit.and_then(Known::unit);
                    found.unit_source = if found.unit.is_some() { named.unit_source } else { UnitSource::None };
                }
                if found.kind == Kind::Measurement {
                    found.kind = named.kind;
                }
                found.metric = named.name;
            } else {
                found.metric = format!("{}.{}", named.name, found.metric);
            }
        }
        found.metric = self.with_component(&found.metric, &[]);
    }

    /// `[component.][stars.]metric[.channel]`.
    fn with_component(&self, metric: &str, stars: &[String]) -> String {
        let component = self.capture("component").map(snake);
        let channel = self.capture("channel").map(snake);
        let stars = component.iter().chain(stars).map(String::as_str);
        stars.chain([metric]).chain(channel.as_deref()).collect::<Vec<_>>().join(".")
    }

    /// A device that the message says.
    fn told(&self, value: &Json<'_>) -> Option<String> {
        let text = match value {
            Json::Text(text) => text.trim(),
            Json::Number(text) => text,
            Json::Null | Json::Bool(_) | Json::Nan | Json::Infinite | Json::List(_) | Json::Object(_) => return None,
        };
        (!text.is_empty()).then(|| place::device_by_id(text, &self.device))
    }

    /// All fields of a message, in whatever it is written.
    fn fields(&mut self, message: &Message<'_>) -> Result<(), Content> {
        match self.rule.format {
            Format::Json => self.json(message),
            Format::Cbor => self.cbor(message),
            Format::Number => self.place(&Json::Text(Cow::Borrowed(text_of(message, "number")?))),
            Format::Csv => text_of(message, "CSV")?.lines().try_for_each(|line| self.place(&super::csv::cells(line))),
            Format::Form => self.form(message),
            Format::LineProtocol | Format::Senml => {
                let topic = Topic::parse(message.topic).map_err(|_| other_format("topic"))?;
                usual(self.rule.format, &topic, message).map(|content| self.named(content))
            }
            Format::Auto if message.text.is_none() => self.cbor(message),
            Format::Auto if message.is_json() => self.json(message),
            Format::Auto if message.text.is_some_and(|text| pairs_of(text).is_some()) => self.form(message),
            Format::Auto => match families::read_line_protocol(message) {
                Some(content) => {
                    self.named(content);
                    Ok(())
                }
                None => Err(other_format("JSON, CBOR, form or line protocol")),
            },
        }
    }

    fn json(&mut self, message: &Message<'_>) -> Result<(), Content> {
        match message.json() {
            Some(Ok(root)) => self.place(root),
            Some(Err(fault)) => {
                let mended = matches!(fault, Fault::Invalid(_)).then(|| lenient::mended(message.text?)).flatten();
                match mended.as_deref().map(json::parse) {
                    Some(Ok(root)) => self.place(&root),
                    Some(Err(_)) | None => Err(leftover::read(message).content),
                }
            }
            None => Err(other_format("JSON")),
        }
    }

    fn cbor(&mut self, message: &Message<'_>) -> Result<(), Content> {
        let text = cbor::to_json(message.payload).ok_or_else(|| other_format("CBOR map or list"))?;
        self.place(&json::parse(&text).map_err(|_| other_format("CBOR map or list"))?)
    }

    fn form(&mut self, message: &Message<'_>) -> Result<(), Content> {
        let pairs = pairs_of(text_of(message, "form")?).ok_or_else(|| other_format("form"))?;
        self.place(&Json::Object(pairs))
    }

    /// Values that the usual decoding has named.
    fn named(&mut self, content: Content) {
        let Content::Readings(all) = content else { return };
        let by_topic = of_topic(self.rule, &self.captures);
        for found in all {
            let rule = self.rule;
            for field in rule.fields.iter().filter(|field| field.name == found.metric) {
                let told = found.unit.as_ref().and_then(|unit| Known::look_up(unit.as_str()));
                let told = told.filter(|_| found.unit_source == UnitSource::Payload);
                let judged = Judged { value: found.value.clone(), judgement: found.judgement };
                let device = by_topic.clone().unwrap_or_else(|| found.device.clone());
                let named = named(field, &self.captures);
                self.push((field, &named), &[], (judged, told), device, found.time);
            }
        }
    }

    /// All fields of one tree.
    fn place(&mut self, root: &Json<'_>) -> Result<(), Content> {
        let rule = self.rule;
        let work = std::mem::take(&mut self.work);
        let mut times = Vec::new();
        if let Some(time) = &rule.time {
            time.path.visit(root, &work, &mut |place| {
                times.extend(time.millis(place.value).map(|ms| (place.stars, ms)));
                times.len() < VALUES_MAX
            });
        }
        let mut devices = Vec::new();
        if let Some(path) = &rule.device_path {
            path.visit(root, &work, &mut |place| {
                devices.extend(self.told(place.value).map(|device| (place.stars, device)));
                devices.len() < VALUES_MAX
            });
        }
        for field in &rule.fields {
            let named = named(field, &self.captures);
            field.path.visit(root, &work, &mut |place| {
                if let Some(raw) = raw(place.value, field.kind) {
                    let time = belonging(&times, &place.stars);
                    let device = belonging(&devices, &place.stars);
                    let shared =
                        time.map_or(0, |(stars, _)| stars.len()).max(device.map_or(0, |(stars, _)| stars.len()));
                    let stars = place.stars.get(shared..).unwrap_or_default();
                    let time = time.map(|(_, ms)| ClaimedTime::At { ms: *ms, source: TimeSource::Device });
                    let device = device.map_or_else(|| self.device.clone(), |(_, device)| device.clone());
                    self.push((field, &named), stars, raw, device, time);
                }
                work.spend(
                    VALUE_WORK + (times.len() + devices.len() + self.found.len().min(VALUES_MAX)) / COMPARED_AT_ONCE,
                )
            });
        }
        let done_up = work.is_done_up();
        self.work = work;
        if done_up { Err(too_much_work()) } else { Ok(()) }
    }

    /// One value as the field wants it. Of two with one device, metric and time the first one counts.
    fn push(
        &mut self,
        (field, named): (&Field, &Named),
        stars: &[String],
        (judged, told): (Judged, Option<Known>),
        device: String,
        time: Option<ClaimedTime>,
    ) {
        let metric = self.with_component(&named.name, stars);
        let same = |other: &Found| other.metric == metric && other.device == device && other.time == time;
        // Behind the limit all are refused, also those that come twice.
        let full = self.found.len() >= VALUES_MAX;
        if !full && self.found.iter().any(same) {
            return;
        }
        let mut found = settle(field, named, judged, told);
        if full {
            found.value = Err(RejectReason::Limit);
        }
        self.found.push(Found { device, metric, time, ..found });
    }

    fn finish(self) -> Content {
        if !self.found.is_empty() {
            return Content::Readings(self.found);
        }
        let first = self.rule.fields.first().map_or("", |field| field.name.as_str());
        let place = if first.is_empty() { String::new() } else { format!(" at {first}") };
        let more = if self.rule.fields.len() > 1 { ", nor at the other fields" } else { "" };
        unreadable("rule_no_value", format!("the rule finds no value{place}{more}"))
    }
}

/// The keys of a form, or the labels of a text, with their values.
pub(super) fn pairs_of(text: &str) -> Option<Object<'_>> {
    let own = |(key, value)| (Cow::Owned(key), Json::Text(Cow::Owned(value)));
    let form = form::pairs(text).filter(|pairs| pairs.iter().any(|(_, value)| number::single(value).is_some()));
    if let Some(pairs) = form {
        return Some(pairs.into_iter().map(own).collect());
    }
    let borrowed = |(label, value)| (Cow::Borrowed(label), Json::Text(Cow::Borrowed(value)));
    let labels = labelled::pairs(text).map(|pairs| pairs.into_iter().map(borrowed).collect());
    labels.or_else(|| form::pairs(text).map(|pairs| pairs.into_iter().map(own).collect()))
}

fn text_of<'m>(message: &Message<'m>, format: &str) -> Result<&'m str, Content> {
    message.text.ok_or_else(|| other_format(format))
}

/// What stands at the same `*` or above.
fn belonging<'l, T>(all: &'l [(Vec<String>, T)], stars: &[String]) -> Option<&'l (Vec<String>, T)> {
    all.iter().find(|(own, _)| stars.starts_with(own))
}

/// The metric of a field. What the topic says is put into our words, what the rule says is left as it is.
fn named<'f>(field: &'f Field, captures: &Captures<'_>) -> Cow<'f, Named> {
    match &field.metric {
        Metric::Fixed(named) => Cow::Borrowed(named),
        Metric::OfTopic(words) if words.is_one_name() => Cow::Owned(metric_of(&words.render(captures, str::to_owned))),
        Metric::OfTopic(words) => Cow::Owned(of_components(words.render(captures, snake))),
    }
}

/// A metric of which the last component tells what it is.
pub(super) fn of_components(name: String) -> Named {
    let last = metric_of(name.rsplit('.').next().unwrap_or(&name));
    Named { name, ..last }
}

/// One plain value. A person has said that it is one, so texts are tried as numbers whatever they look like, and without a
/// label before them.
fn raw(value: &Json<'_>, kind: Option<Kind>) -> Option<(Judged, Option<Known>)> {
    let words = kind == Some(Kind::Text);
    match value {
        Json::Text(text) if words => Some((of_words(text), None)),
        Json::Number(text) if words => Some((of_words(text), None)),
        Json::Text(text) if text.len() > TEXT_BYTES_MAX => None,
        Json::Text(text) => number::single(text).or_else(|| number::single(labelled::split(text)?.1)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Nan | Json::Infinite | Json::List(_) | Json::Object(_) => {
            scalar(value, true)
        }
    }
}

fn of_words(text: &str) -> Judged {
    if text.len() > TEXT_BYTES_MAX {
        Judged::refused(RejectReason::Limit)
    } else {
        Judged::good(Value::Text(text.into()))
    }
}

/// Unit, scale and judgement of one value; device, metric and time are not settled yet.
fn settle(field: &Field, named: &Named, judged: Judged, told: Option<Known>) -> Found {
    let (unit, unit_source, known) = match (&field.unit, told) {
        // The strongest knowledge: a person has said it.
        (Some(unit), _) => (Some(unit.clone()), UnitSource::Payload, field.known),
        (None, Some(told)) => (told.unit(), UnitSource::Payload, Some(told)),
        (None, None) => (named.unit.and_then(Known::unit), named.unit_source, named.unit),
    };
    let mut found = Found {
        device: String::new(),
        metric: String::new(),
        value: judged.value,
        unit_source: if unit.is_some() { unit_source } else { UnitSource::None },
        unit,
        kind: field.kind.unwrap_or(named.kind),
        judgement: judged.judgement,
        time: None,
    };
    match &found.value {
        Ok(Value::Number(raw)) if raw.is_finite() => {
            let raw = *raw;
            let converted = told.zip(known).and_then(|(told, known)| told.convert(raw, known)).unwrap_or(raw);
            let plain = field.scale == 1.0 && field.offset == 0.0;
            let number = if plain { converted } else { converted * field.scale + field.offset };
            found.judgement = judged_of(field, raw, number, judge::alone(number, named.class, known));
            found.value = Ok(Value::Number(number));
        }
        Ok(Value::Bool(_)) => {
            (found.unit, found.unit_source, found.kind) = (None, UnitSource::None, Kind::State);
        }
        Ok(Value::Text(_)) => {
            (found.unit, found.unit_source, found.kind) = (None, UnitSource::None, Kind::Text);
        }
        Ok(Value::Number(_)) | Err(_) => {}
    }
    found
}

/// What the rule says against a number goes before what is said against it as a rule.
fn judged_of(field: &Field, raw: f64, number: f64, usual: Judgement) -> Judgement {
    let outside = field.valid.is_some_and(|[low, high]| !(low..=high).contains(&number));
    match usual {
        _ if !number.is_finite() => Judgement::Bad(Flaw::Infinite),
        Judgement::Bad(flaw) => Judgement::Bad(flaw),
        Judgement::Good | Judgement::Suspect(_) if field.bad.contains(&raw) => Judgement::Bad(Flaw::OutOfRange),
        Judgement::Good | Judgement::Suspect(_) if outside => Judgement::Suspect(Flaw::OutOfRange),
        Judgement::Good | Judgement::Suspect(_) => usual,
    }
}
