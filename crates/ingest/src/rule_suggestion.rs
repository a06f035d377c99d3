//! A rule to begin with, for a message that came.

use decode::Content;
use decode::rules::{Rule, RuleSpec, only_for, suggest};
use model::Topic;
use store::{StoreError, UnreadId};

use crate::Ingest;
use crate::rule_trial::{is_less, is_unread};

/// Topics of the same form that are looked at. More: the rule is suggested for its own topic only.
const NEIGHBOURS_MAX: usize = 500;

impl Ingest {
    /// A rule to begin with for an unread message, or why there is none.
    ///
    /// # Errors
    /// The unread message could not be read. `Ok(None)` where there is none of that id.
    pub async fn suggest_for_unread(&self, id: UnreadId) -> Result<Option<Result<RuleSpec, String>>, StoreError> {
        let Some(record) = self.store.unread_one(id).await? else { return Ok(None) };
        let Ok(topic) = Topic::parse(&record.topic) else {
            return Ok(Some(Err("Its topic is none that a rule could be for.".to_owned())));
        };
        Ok(Some(suggest(&topic, &record.payload).map(|wide| self.placed(wide, &topic))))
    }

    /// A rule to begin with for the last messages of a topic, or why there is none. None where nothing was heard on it since
    /// start.
    #[must_use]
    pub fn suggest_for_topic(&self, topic: &Topic) -> Option<Result<RuleSpec, String>> {
        let view = self.topic(topic)?;
        let mut why = None;
        for message in view.last.iter().filter(|message| message.is_whole()) {
            match suggest(topic, &message.payload) {
                Ok(wide) => return Some(Ok(self.placed(wide, topic))),
                Err(sentence) => _ = why.get_or_insert(sentence),
            }
        }
        Some(Err(why.unwrap_or_else(|| "Only the starts of its messages are kept.".to_owned())))
    }

    /// For all topics of the form where that helps another one and makes none worse; else for its own.
    fn placed(&self, wide: RuleSpec, topic: &Topic) -> RuleSpec {
        let narrow = only_for(&wide, topic);
        match Rule::compile(&wide) {
            Ok(rule) if narrow != wide && self.helps_neighbours(&rule, topic) => wide,
            Ok(_) | Err(_) => narrow,
        }
    }

    fn helps_neighbours(&self, rule: &Rule, own: &Topic) -> bool {
        let rules = self.shared.rules.current();
        let neighbours = self.topics_where(NEIGHBOURS_MAX + 1, |topic| topic != own && rule.matches(topic));
        if neighbours.len() > NEIGHBOURS_MAX {
            return false;
        }
        let mut helped = false;
        for view in &neighbours {
            for message in view.last.iter().filter(|message| message.is_whole()) {
                let now = self.without(&rules, None, &view.topic, &message.payload);
                let then = rule.read(&view.topic, &message.payload).content;
                if is_less(&now, &then) || (is_unread(&then) && !is_unread(&now)) {
                    return false;
                }
                let wanting = !matches!(now, Content::Readings(_)) || suggest(&view.topic, &message.payload).is_ok();
                helped |= wanting && matches!(then, Content::Readings(_));
            }
        }
        helped
    }
}
