//! What a rule would make of messages that came, before it is saved; and a rule to begin with for one of them. Nothing is
//! stored.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use decode::rules::{Rule, RuleSpec, suggest};
use decode::{Content, Found};
use model::{Timestamp, Topic, TopicFilter};
use store::{StoreError, UnreadId};

use crate::Ingest;
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
    /// At most [`TRIED_MAX`], the newest first.
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
    /// The word for its fate: `stored`, `no_reading`, `unread` or `rejected`.
    pub outcome: &'static str,
    /// A sentence where something stands in the way.
    pub detail: Option<String>,
    /// What it would say.
    pub found: Vec<Found>,
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
    /// Tries a rule on the unread messages and the last raw messages of its topics: in the place of the rule `id`, or
    /// behind all others.
    ///
    /// # Errors
    /// [`RuleFault::Wrong`], or the unread messages could not be read.
    pub async fn try_rule(&self, spec: &RuleSpec, id: Option<&str>) -> Result<Tried, RuleFault> {
        let rule = Rule::compile(spec)?;
        let rules = self.shared.rules.current();
        let id = id.filter(|id| rules.get(id).is_some());
        let mut raw = self.unread_of(&rule).await?;
        raw.extend(self.traced_of(&rule));
        let messages = newest(raw).into_iter().map(|raw| self.tried(&rule, &rules, id, raw)).collect();
        Ok(Tried { filter: rule.filter(), shadowed_by: first_shadow(rules.before(id), &rule), messages })
    }

    fn tried(&self, rule: &Rule, rules: &RuleSet, id: Option<&str>, raw: Raw) -> TriedMessage {
        let Raw { topic, client, received, payload, cut } = raw;
        let earlier = rules.before(id).find(|held| held.enabled && held.rule.matches(&topic));
        let mut detail = earlier.map(|held| {
            let name = held.spec.name.as_deref().unwrap_or(&held.spec.topics);
            format!("the rule {name:?} before it takes this topic")
        });
        if cut {
            let detail = Some("only the start of this message is kept, so the rule cannot be tried on it".to_owned());
            return TriedMessage { topic, received, payload, outcome: "unread", detail, found: Vec::new() };
        }
        let content = rule.read(&topic, &payload).content;
        let outcome = match &content {
            Content::Readings(found) if found.iter().all(|found| found.value.is_err()) => "rejected",
            Content::Readings(_) => "stored",
            Content::NoReading { .. } | Content::Announced(_) => "no_reading",
            Content::Unreadable { detail: why, .. } => {
                detail = Some(why.clone());
                "unread"
            }
        };
        let found = self.with_devices(&topic, &client, content);
        TriedMessage { topic, received, payload, outcome, detail, found }
    }

    async fn unread_of(&self, rule: &Rule) -> Result<Vec<Raw>, StoreError> {
        const PAGE: usize = 100;
        let (mut all, mut before, mut looked_at) = (Vec::new(), None, 0);
        while looked_at < UNREAD_LOOKED_AT_MAX && all.len() < TRIED_MAX {
            let page = self.store.unread(before, PAGE).await?;
            looked_at += PAGE;
            before = page.last().map(|record| record.id);
            let full = page.len() == PAGE;
            all.extend(page.into_iter().filter_map(|record| {
                let topic = Topic::parse(&record.topic).ok().filter(|topic| rule.matches(topic))?;
                let (client, received, payload) = (record.client, record.received, record.payload);
                Some(Raw { topic, client, received, payload, cut: false })
            }));
            if !full {
                break;
            }
        }
        Ok(all)
    }

    fn traced_of(&self, rule: &Rule) -> Vec<Raw> {
        let mut all = Vec::new();
        for view in self.topics_where(TRIED_MAX, |topic| rule.matches(topic)) {
            all.extend(view.last.into_iter().map(|message| Raw {
                topic: view.topic.clone(),
                client: message.client,
                received: message.received,
                cut: message.payload.len() < message.bytes,
                payload: message.payload,
            }));
        }
        all
    }

    /// A rule to begin with, for an unread message.
    ///
    /// # Errors
    /// The unread message could not be read. `Ok(None)` where there is none of that id.
    pub async fn suggest_for_unread(&self, id: UnreadId) -> Result<Option<Option<RuleSpec>>, StoreError> {
        let Some(record) = self.store.unread_one(id).await? else { return Ok(None) };
        Ok(Some(Topic::parse(&record.topic).ok().and_then(|topic| suggest(&topic, &record.payload))))
    }

    /// A rule to begin with, for the last messages of a topic. None where nothing was heard on it since start.
    #[must_use]
    pub fn suggest_for_topic(&self, topic: &Topic) -> Option<Option<RuleSpec>> {
        let view = self.topic(topic)?;
        let whole = view.last.iter().filter(|message| message.payload.len() == message.bytes);
        Some(whole.into_iter().find_map(|message| suggest(topic, &message.payload)))
    }
}

/// Each message once, and of every topic its newest before the second newest of another.
fn newest(mut raw: Vec<Raw>) -> Vec<Raw> {
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
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.truncate(TRIED_MAX);
    ranked.sort_by_key(|(_, raw)| std::cmp::Reverse(raw.received));
    ranked.into_iter().map(|(_, raw)| raw).collect()
}
