//! What a rule would make of messages that came, before it is saved, beside what is made of them now. Nothing is stored.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use decode::rules::{Rule, RuleSpec};
use decode::{Content, Found};
use model::{Judgement, Timestamp, Topic, TopicFilter, Value};
use store::StoreError;

use crate::Ingest;
use crate::reader;
use crate::rule_changes::RuleFault;
use crate::rules::{RuleSet, first_shadow};

/// Messages that a rule is tried on. More of them: the newest of each topic go first, and the rest is left out.
pub const TRIED_MAX: usize = 50;
/// Newest unread messages that are looked through for those of the rule.
const UNREAD_LOOKED_AT_MAX: usize = 2_000;

/// What a rule would do.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What to subscribe to for its topics.
    pub filter: TopicFilter,
    /// The rule before it that takes every topic of it.
    pub shadowed_by: Option<Arc<str>>,
    /// At most [`TRIED_MAX`], the newest first; those of the wanted topic before all others.
    pub messages: Vec<TriedMessage>,
}

/// What a rule would make of one message.
#[derive(Clone, Debug)]
pub struct TriedMessage {
    /// Where it was published.
    pub topic: Topic,
    /// When it arrived.
    pub received: Timestamp,
    /// As it came.
    pub payload: Bytes,
    /// What the rule would make of it.
    pub then: Fate,
    /// What is made of it without the rule. None where only its start was kept.
    pub now: Option<Fate>,
    /// Whether readings, their own time or their device are lost unasked, or it would go unread and says something now.
    pub worse: bool,
}

/// What a message comes to.
#[derive(Clone, Debug)]
pub struct Fate {
    /// The word for its fate: `stored`, `no_reading`, `unread` or `rejected`.
    pub outcome: &'static str,
    /// A sentence where something stands in the way.
    pub detail: Option<String>,
    /// What it says.
    pub found: Vec<Found>,
}

/// Where a rule is tried, and on what first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trial<'a> {
    /// In the place of the rule of this id.
    pub id: Option<&'a str>,
    /// In front of the rule of this id. Without both behind all others.
    pub before: Option<&'a str>,
    /// Messages of this topic come first.
    pub topic: Option<&'a Topic>,
}

/// A message to try a rule on.
struct Raw {
    topic: Topic,
    client: Arc<str>,
    received: Timestamp,
    payload: Bytes,
    /// Only its start was kept.
    cut: bool,
}

impl Ingest {
    /// Tries a rule on the unread messages and the last raw messages of its topics.
    ///
    /// # Errors
    /// [`RuleFault::Wrong`], or the unread messages could not be read.
    pub async fn try_rule(&self, spec: &RuleSpec, trial: Trial<'_>) -> Result<Tried, RuleFault> {
        let rule = Rule::compile(spec)?;
        let rules = self.shared.rules.current();
        let known = |id: Option<&'_ str>| id.filter(|id| rules.get(id).is_some()).map(str::to_owned);
        let (id, before) = (known(trial.id), known(trial.before));
        let place = before.as_deref().or(id.as_deref());
        let mut raw = self.unread_of(&rule, trial.topic).await?;
        raw.extend(self.traced_of(&rule, trial.topic));
        let raw = newest(raw, trial.topic).into_iter();
        let meant = Meant::by(spec);
        let messages = raw.map(|raw| self.tried((&rule, meant), &rules, (id.as_deref(), place), raw)).collect();
        Ok(Tried { filter: rule.filter(), shadowed_by: first_shadow(rules.before(place), &rule), messages })
    }

    fn tried(
        &self,
        (rule, meant): (&Rule, Meant),
        rules: &RuleSet,
        (id, place): (Option<&str>, Option<&str>),
        raw: Raw,
    ) -> TriedMessage {
        let Raw { topic, client, received, payload, cut } = raw;
        let earlier = rules
            .before(place)
            .find(|held| held.enabled && id.is_none_or(|id| *held.id != *id) && held.rule.matches(&topic));
        if cut {
            let detail = Some("only the start of this message is kept, so the rule cannot be tried on it".to_owned());
            let then = Fate { outcome: "unread", detail, found: Vec::new() };
            return TriedMessage { topic, received, payload, then, now: None, worse: false };
        }
        let (then, now) = (rule.read(&topic, &payload).content, self.without(rules, id, &topic, &payload));
        let less = is_less(&now, &then) || (is_unread(&then) && says_something(&now));
        let fate = |content| self.fate(&topic, &client, content);
        let (mut then, now) = (fate(then), fate(now));
        let worse = earlier.is_none() && (less || meant.is_missed(&now.found, &then.found));
        if then.detail.is_none() {
            then.detail = earlier.map(|held| {
                let name = held.spec.name.as_deref().unwrap_or(&held.spec.topics);
                format!("the rule {name:?} before it takes this topic")
            });
        }
        TriedMessage { topic, received, payload, then, now: Some(now), worse }
    }

    /// What a message says without the rule `id`.
    pub(crate) fn without(&self, rules: &RuleSet, id: Option<&str>, topic: &Topic, payload: &[u8]) -> Content {
        let mut others = rules.held().filter(|held| held.enabled && id.is_none_or(|id| *held.id != *id));
        let rule = others.find(|held| held.rule.matches(topic));
        let announced = self.shared.announced.of(topic);
        reader::decode(topic, payload, rule.map(Arc::as_ref), announced.as_deref(), None).content
    }

    fn fate(&self, topic: &Topic, client: &str, content: Content) -> Fate {
        let (outcome, detail) = match &content {
            Content::Readings(found) if found.iter().all(|found| found.value.is_err()) => ("rejected", None),
            Content::Readings(_) => ("stored", None),
            Content::NoReading { .. } | Content::Announced(_) => ("no_reading", None),
            Content::Unreadable { detail, .. } => ("unread", Some(detail.clone())),
        };
        Fate { outcome, detail, found: self.with_devices(topic, client, content) }
    }

    async fn unread_of(&self, rule: &Rule, wanted: Option<&Topic>) -> Result<Vec<Raw>, StoreError> {
        const PAGE: usize = 100;
        let (mut all, mut before, mut looked_at) = (Vec::new(), None, 0);
        // Messages of the wanted topic may stand behind many of others.
        let mut enough = false;
        while looked_at < UNREAD_LOOKED_AT_MAX && !enough {
            let page = self.store.unread(before, PAGE).await?;
            looked_at += PAGE;
            before = page.last().map(|record| record.id);
            let full = page.len() == PAGE;
            all.extend(page.into_iter().filter_map(|record| {
                let topic = Topic::parse(&record.topic).ok().filter(|topic| rule.matches(topic))?;
                let (client, received, payload) = (record.client, record.received, record.payload);
                Some(Raw { topic, client, received, payload, cut: false })
            }));
            enough =
                all.iter().filter(|raw: &&Raw| wanted.is_none_or(|wanted| raw.topic == *wanted)).count() >= TRIED_MAX;
            if !full {
                break;
            }
        }
        Ok(all)
    }

    fn traced_of(&self, rule: &Rule, wanted: Option<&Topic>) -> Vec<Raw> {
        let mut all = Vec::new();
        let first = wanted.filter(|topic| rule.matches(topic)).and_then(|topic| self.topic(topic));
        for view in first.into_iter().chain(self.topics_where(TRIED_MAX, |topic| rule.matches(topic))) {
            all.extend(view.last.into_iter().map(|message| Raw {
                topic: view.topic.clone(),
                cut: !message.is_whole(),
                client: message.client,
                received: message.received,
                payload: message.payload,
            }));
        }
        all
    }
}

/// What a rule changes on purpose.
#[derive(Clone, Copy)]
struct Meant {
    /// Readings count as of their arrival.
    arrival: bool,
    /// It names the device.
    device: bool,
}

impl Meant {
    fn by(spec: &RuleSpec) -> Self {
        Self { arrival: spec.server_time, device: spec.device.is_some() || spec.topics.contains("{device}") }
    }

    /// Whether a reading that is kept loses its own time or goes to another device, and that is not meant.
    fn is_missed(self, now: &[Found], then: &[Found]) -> bool {
        let as_before = |was: &Found, is: &Found| {
            (self.arrival || was.time.is_none() || is.time.is_some()) && (self.device || was.device == is.device)
        };
        let mut had = now.iter().filter(|found| is_good(found));
        had.any(|was| {
            let mut kept = then.iter().filter(|is| is_good(is) && is_same(was, is)).peekable();
            kept.peek().is_some() && !kept.any(|is| as_before(was, is))
        })
    }
}

/// Whether a message that is read one way now comes to less another way: fewer readings, or a reading whose name and number are
/// both gone.
pub(crate) fn is_less(now: &Content, then: &Content) -> bool {
    let (had, has) = (good(now), good(then));
    has.len() < had.len() || !had.iter().all(|was| has.iter().any(|is| is_same(was, is)))
}

pub(crate) fn is_unread(content: &Content) -> bool {
    matches!(content, Content::Unreadable { .. })
}

/// More than that there is nothing to chart.
fn says_something(content: &Content) -> bool {
    match content {
        Content::Readings(_) | Content::Announced(_) => true,
        Content::NoReading { availability, .. } => availability.is_some(),
        Content::Unreadable { .. } => false,
    }
}

/// Whether a reading is another one under its name or with its number.
fn is_same(was: &Found, is: &Found) -> bool {
    let last = |metric: &str| metric.rsplit('.').next().map(str::to_owned);
    is.value == was.value || last(&is.metric) == last(&was.metric)
}

/// The readings that nothing is said against.
fn good(content: &Content) -> Vec<&Found> {
    let Content::Readings(found) = content else { return Vec::new() };
    found.iter().filter(|found| is_good(found)).collect()
}

fn is_good(found: &Found) -> bool {
    let failed = matches!(&found.value, Ok(Value::Number(number)) if number.is_nan());
    found.value.is_ok() && !matches!(found.judgement, Judgement::Bad(_)) && !failed
}

/// Each message once, those of the wanted topic first, and of every other topic its newest before the second newest of another.
fn newest(mut raw: Vec<Raw>, wanted: Option<&Topic>) -> Vec<Raw> {
    let behind = |raw: &Raw| wanted.is_some_and(|wanted| raw.topic != *wanted);
    // A whole one goes before one of which only the start is kept.
    raw.sort_by(|a, b| (b.received, &a.topic, a.cut).cmp(&(a.received, &b.topic, b.cut)));
    let mut seen: HashSet<(Topic, Timestamp, Bytes)> = HashSet::new();
    raw.retain(|raw| {
        let start = raw.payload.slice(..raw.payload.len().min(crate::TRACED_MESSAGE_BYTES_MAX));
        seen.insert((raw.topic.clone(), raw.received, start))
    });
    let mut of_topic = HashMap::<Topic, usize>::new();
    let mut ranked: Vec<(usize, Raw)> = raw
        .into_iter()
        .map(|raw| {
            let rank = of_topic.entry(raw.topic.clone()).or_default();
            *rank += 1;
            (*rank, raw)
        })
        .collect();
    ranked.sort_by_key(|(rank, raw)| (behind(raw), *rank));
    ranked.truncate(TRIED_MAX);
    ranked.sort_by_key(|(_, raw)| (behind(raw), std::cmp::Reverse(raw.received)));
    ranked.into_iter().map(|(_, raw)| raw).collect()
}
