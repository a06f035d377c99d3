//! Topics heard since start, and why each is charted or is not.

use axum::extract::State;
use decode::Found;
use ingest::{Announces, TimePolicy, TopicView, TracedMessage, TracedRule};
use model::{Judgement, Timestamp, Topic};
use serde::{Deserialize, Serialize};
use source::Outcome;
use utoipa::{IntoParams, ToSchema};

use crate::params::{Query, bounded};
use crate::problem::Problem;
use crate::refusals::refused_in_words;
use crate::state::ApiState;
use crate::wire::{Cell, hex};

const LIMIT_MAX: u32 = 1_000;
const LIMIT_DEFAULT: u32 = 100;
/// Bytes of a message that are shown in the list.
const SHOWN_BYTES: usize = 256;
/// What a chart shows unless another range is chosen: readings that are older are told with their day.
const CHARTED_MS: i64 = 86_400_000;

/// Which topics.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct TopicsQuery {
    /// Part of the topic, in any case.
    q: Option<String>,
    /// The way its last message came in.
    source: Option<String>,
    /// 1 to 1000, 100 by default.
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Topics by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopicPage {
    items: Vec<TopicItem>,
    next_cursor: Option<String>,
}

/// A topic with its last message.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopicItem {
    topic: String,
    source: String,
    client: String,
    t: i64,
    /// The start of the message, if it is text.
    text: Option<String>,
    /// The start of the message as hexadecimal digits.
    hex: String,
    /// Length of the message.
    bytes: usize,
    decoder: &'static str,
    /// The id of the rule that took it.
    rule: Option<String>,
    /// `stored`, `no_reading`, `unread`, `rejected`.
    outcome: &'static str,
    reason: Option<&'static str>,
    devices: Vec<String>,
    metrics: Vec<String>,
    /// Since start.
    messages: u64,
    per_minute: u64,
}

/// Which topic.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct TraceQuery {
    topic: String,
}

/// The last messages of a topic, newest first, and why it is charted or is not.
#[derive(Debug, Serialize, ToSchema)]
pub struct Trace {
    topic: String,
    messages: Vec<TraceMessage>,
    charted: bool,
    /// One sentence.
    why: String,
}

/// A message and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TraceMessage {
    t: i64,
    text: Option<String>,
    hex: String,
    /// Length of the message as it came; what is shown may be its start.
    bytes: usize,
    client: String,
    source: String,
    decoder: &'static str,
    /// The id of the rule that took it.
    rule: Option<String>,
    outcome: &'static str,
    reason: Option<&'static str>,
    detail: Option<String>,
    /// What was done with it, in sentences.
    steps: Vec<String>,
    readings: Vec<TraceReading>,
}

/// A value that the message says.
#[derive(Debug, Serialize, ToSchema)]
pub struct TraceReading {
    device: String,
    metric: String,
    v: Cell,
    unit: Option<String>,
    unit_source: &'static str,
    /// The time it claims; null where it has none.
    t: Option<i64>,
    /// That time is not believed: the time of arrival counts.
    disbelieved: bool,
    /// 0 good, 1 suspect, 2 bad.
    q: u8,
    flaw: Option<&'static str>,
    rejected: Option<&'static str>,
}

impl From<&Found> for TraceReading {
    fn from(found: &Found) -> Self {
        let (v, rejected) = match &found.value {
            Ok(value) => (value.into(), None),
            Err(reason) => (Cell::Null(()), Some(reason.as_str())),
        };
        let flaw = match found.judgement {
            Judgement::Good => None,
            Judgement::Suspect(flaw) | Judgement::Bad(flaw) => Some(flaw.as_str()),
        };
        let t = match found.time {
            Some(decode::ClaimedTime::At { ms, .. }) => Some(ms),
            Some(decode::ClaimedTime::Ago { .. }) | None => None,
        };
        Self {
            device: found.device.clone(),
            metric: found.metric.clone(),
            v,
            unit: found.unit.as_ref().map(|unit| unit.as_str().to_owned()),
            unit_source: found.unit_source.as_str(),
            t,
            disbelieved: false,
            q: found.judgement.quality(),
            flaw,
            rejected,
        }
    }
}

/// Topics heard since start with what their last message became.
#[utoipa::path(get, path = "/api/v1/topics", params(TopicsQuery), responses((status = 200, body = TopicPage), (status = 400, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    Query(query): Query<TopicsQuery>,
) -> Result<axum::Json<TopicPage>, Problem> {
    let limit = bounded("limit", query.limit, LIMIT_DEFAULT, LIMIT_MAX)? as usize;
    let after = match query.cursor {
        None => None,
        Some(text) => {
            let unknown = |_| Problem::bad_request("cursor_invalid", "the cursor is not one of this list");
            Some(Topic::parse(&text).map_err(unknown)?)
        }
    };
    let part = query.q.map(|part| part.to_lowercase());
    let wanted = |view: &TopicView| {
        part.as_ref().is_none_or(|part| view.topic.as_str().to_lowercase().contains(part.as_str()))
            && query.source.as_ref().is_none_or(|source| {
                view.last.first().is_some_and(|message| message.source.as_str() == source.as_str())
            })
    };
    let views = state.ingest.topics(after.as_ref(), limit, wanted);
    let full = views.len() == limit;
    let next_cursor = views.last().filter(|_| full).map(|view| view.topic.as_str().to_owned());
    let items = views.iter().filter_map(|view| item(&state, view)).collect();
    Ok(axum::Json(TopicPage { items, next_cursor }))
}

fn item(state: &ApiState, view: &TopicView) -> Option<TopicItem> {
    let last = view.last.first()?;
    let found = state.ingest.read_again(&view.topic, last);
    let (outcome, reason) = outcome_of(last);
    let mut devices: Vec<String> = found.iter().map(|value| value.device.clone()).collect();
    let mut metrics: Vec<String> = found.iter().map(|value| value.metric.clone()).collect();
    for names in [&mut devices, &mut metrics] {
        names.sort_unstable();
        names.dedup();
    }
    let (text, hex) = shown(&last.payload, SHOWN_BYTES);
    Some(TopicItem {
        topic: view.topic.as_str().to_owned(),
        source: last.source.as_str().to_owned(),
        client: last.client.to_string(),
        t: last.received.millis(),
        text,
        hex,
        bytes: last.bytes,
        decoder: last.decoder.0,
        rule: last.rule.as_ref().map(|rule| rule.id.to_string()),
        outcome,
        reason,
        devices,
        metrics,
        messages: view.messages,
        per_minute: view.per_minute,
    })
}

/// The last messages of one topic, and why it is charted or is not.
#[utoipa::path(get, path = "/api/v1/topics/trace", params(TraceQuery), responses((status = 200, body = Trace), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub async fn trace(
    State(state): State<ApiState>,
    Query(query): Query<TraceQuery>,
) -> Result<axum::Json<Trace>, Problem> {
    let unknown = || Problem::not_found("topic_unknown", format!("nothing was heard on {:?} since start", query.topic));
    let topic = Topic::parse(&query.topic).map_err(|_| unknown())?;
    let view = state.ingest.topic(&topic).ok_or_else(unknown)?;
    let messages: Vec<TraceMessage> = view.last.iter().map(|message| traced(&state, &topic, message)).collect();
    let Some((last, shown)) = view.last.first().zip(messages.first()) else { return Err(unknown()) };
    let (charted, mut why) = why(last, shown);
    if charted && let Some(days) = past_days(&shown.readings, last.received, state.ingest.now()) {
        why.push_str(&days);
    }
    Ok(axum::Json(Trace { topic: topic.as_str().to_owned(), messages, charted, why }))
}

fn traced(state: &ApiState, topic: &Topic, message: &TracedMessage) -> TraceMessage {
    let found = state.ingest.read_again(topic, message);
    let (outcome, reason) = outcome_of(message);
    let (text, hex) = shown(&message.payload, message.payload.len());
    let detail = message.unread.as_ref().map(|(_, detail)| detail.to_string());
    let mut steps = vec![
        format!("{} bytes came from {} by {}.", message.bytes, message.client, message.source.as_str()),
        match &message.unread {
            Some((_, detail)) if message.rule.is_some() => format!("The rule could not read it: {detail}."),
            Some((_, detail)) => format!("No decoder could read it: {detail}."),
            None if message.rule.is_some() => "It was read as the rule says.".to_owned(),
            None => format!("The decoder {} read it.", message.decoder.0),
        },
    ];
    if let Some(rule) = &message.rule {
        steps.insert(1, rule_step(state, rule));
    }
    if let Some(told) = &message.announces {
        steps.push(sentence(announced(told)));
    }
    let stored = if let Outcome::Stored { readings } = message.outcome { readings } else { 0 };
    steps.extend(refused_in_words(&message.refused, stored).map(sentence));
    if !message.is_whole() {
        steps.push("Only its start is kept here, so its values are not shown.".to_owned());
    }
    let policy = TimePolicy::default().of(&message.source);
    let readings: Vec<TraceReading> = found
        .iter()
        .map(|found| TraceReading {
            disbelieved: !policy.believes(found.time, message.received),
            ..TraceReading::from(found)
        })
        .collect();
    if let Some(t) = readings.iter().filter(|reading| reading.disbelieved).find_map(|reading| reading.t) {
        steps.push(format!("Its time {} is not believed: the time of arrival counts.", time_text(t)));
    }
    let timeless = stored > 0 && readings.iter().all(|reading| reading.t.is_none());
    if timeless && message.rule.is_none() && decode::lacks_zone(&message.payload) {
        steps.push("Its time has no zone and is not believed: name the zone in a rule.".to_owned());
    }
    steps.push(fate(message.outcome));
    TraceMessage {
        t: message.received.millis(),
        text,
        hex,
        bytes: message.bytes,
        client: message.client.to_string(),
        source: message.source.as_str().to_owned(),
        decoder: message.decoder.0,
        rule: message.rule.as_ref().map(|rule| rule.id.to_string()),
        outcome,
        reason,
        detail,
        steps,
        readings,
    }
}

/// The days of a message's readings, where no chart shows them unless their range is chosen. Days are those of UTC.
fn past_days(readings: &[TraceReading], received: Timestamp, now: Timestamp) -> Option<String> {
    let stored = readings.iter().filter(|reading| reading.rejected.is_none());
    let times = stored.map(|reading| reading.t.filter(|_| !reading.disbelieved).unwrap_or(received.millis()));
    let (first, last) = times.fold(None, |span: Option<(i64, i64)>, t| {
        Some(span.map_or((t, t), |(first, last)| (first.min(t), last.max(t))))
    })?;
    if now.millis().saturating_sub(last) <= CHARTED_MS {
        return None;
    }
    let day = |t: i64| time_text(t).split('T').next().map(str::to_owned);
    let (first, last) = (day(first)?, day(last)?);
    Some(if first == last {
        format!(" Its readings are from {first}: choose a range that holds that day.")
    } else {
        format!(" Its readings are from {first} to {last}: choose a range that holds those days.")
    })
}

fn time_text(t: i64) -> String {
    jiff::Timestamp::from_millisecond(t).map_or_else(|_| format!("{t} ms"), |time| time.to_string())
}

fn sentence(words: String) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

fn left_out(told: &Announces) -> String {
    match told.left_out {
        0 => String::new(),
        left => format!(
            "; {left} of {} are left out: they cannot be read here, or are too many",
            told.metrics + left as usize
        ),
    }
}

/// What an announcement tells, without an end.
fn announced(told: &Announces) -> String {
    let device = told.device.as_ref().map_or_else(|| "no device".to_owned(), |device| format!("device {device}"));
    let of = match told.devices {
        0 | 1 => device,
        devices => format!("{device} and {} more", devices - 1),
    };
    match told.metrics {
        0 if told.devices == 0 => "it withdraws what was announced here before".to_owned(),
        1 => format!("it announces 1 value of {of}, which comes on another topic{}", left_out(told)),
        metrics => format!("it announces {metrics} values of {of}, which come on other topics{}", left_out(told)),
    }
}

fn rule_step(state: &ApiState, rule: &TracedRule) -> String {
    match state.ingest.rule(&rule.id) {
        Ok(view) if view.version == rule.version => {
            format!("The rule {:?} took it.", view.spec.name.as_deref().unwrap_or(&view.spec.topics))
        }
        Ok(view) => {
            let name = view.spec.name.as_deref().unwrap_or(&view.spec.topics);
            format!("The rule {name:?} took it; it was changed since, so its values are not shown.")
        }
        Err(_) => "A rule that is no longer there took it, so its values are not shown.".to_owned(),
    }
}

pub fn shown(payload: &[u8], most: usize) -> (Option<String>, String) {
    let start = payload.get(..most).unwrap_or(payload);
    let text = match std::str::from_utf8(start) {
        Ok(text) => Some(text),
        // The cut may go through a character.
        Err(error) if error.error_len().is_none() => {
            start.get(..error.valid_up_to()).and_then(|start| std::str::from_utf8(start).ok())
        }
        Err(_) => None,
    };
    (text.map(str::to_owned), hex(start))
}

fn outcome_of(message: &TracedMessage) -> (&'static str, Option<&'static str>) {
    match message.outcome {
        Outcome::Stored { .. } => ("stored", None),
        Outcome::NoReading { kind } => ("no_reading", Some(kind)),
        Outcome::Unread => ("unread", message.unread.as_ref().map(|(reason, _)| *reason)),
        Outcome::Duplicate => ("duplicate", None),
        Outcome::Rejected(reason) => ("rejected", Some(reason.as_str())),
        Outcome::Unknown => ("unknown", None),
    }
}

fn fate(outcome: Outcome) -> String {
    match outcome {
        Outcome::Stored { readings: 1 } => "1 reading was stored.".to_owned(),
        Outcome::Stored { readings } => format!("{readings} readings were stored."),
        Outcome::NoReading { kind } => format!("There was nothing to store in it ({kind})."),
        Outcome::Unread => "It is kept in the list of unread messages.".to_owned(),
        Outcome::Duplicate => "It repeats a message that is stored.".to_owned(),
        Outcome::Rejected(reason) => format!("It was refused ({}).", reason.as_str()),
        Outcome::Unknown => "It is not known whether it was stored.".to_owned(),
    }
}

/// Whether the topic is charted, and the sentence why: its newest message decides.
fn why(last: &TracedMessage, shown: &TraceMessage) -> (bool, String) {
    let sentence = match last.outcome {
        Outcome::Stored { .. } => {
            let named = shown.readings.iter().find(|reading| reading.rejected.is_none());
            let of = named
                .map_or_else(String::new, |reading| format!(", among them {} of {}", reading.metric, reading.device));
            let by = match &last.rule {
                Some(_) => "a rule".to_owned(),
                None => format!("the decoder {}", last.decoder.0),
            };
            return (true, format!("It is charted: {by} reads its values{of}."));
        }
        Outcome::Unread => {
            let detail = last.unread.as_ref().map_or("it cannot be read", |(_, detail)| detail);
            format!("It is not charted: {detail}.")
        }
        Outcome::NoReading { kind: "routed" } => {
            "It is not charted: its rule says that its messages are passed on and not read.".to_owned()
        }
        Outcome::NoReading { kind } => match &last.announces {
            Some(told) => format!("It is not charted: {}.", announced(told)),
            None if kind == "discovery" => "It is not charted: it announces nothing that can be read here.".to_owned(),
            None => format!("It is not charted: its last message holds no values ({kind})."),
        },
        Outcome::Rejected(reason) => format!("It is not charted: its last message was refused ({}).", reason.as_str()),
        Outcome::Duplicate => "Its last message repeats one that is stored.".to_owned(),
        Outcome::Unknown => "It is not known whether its last message was stored.".to_owned(),
    };
    (false, sentence)
}
