//! Rules as they are in force: compiled, in the order in which they are asked, and what is told about each.
//!
//! A rule is a document of kind `rule`; one further document says the order. A document that cannot be used is left out and
//! named: it never stops the start, and a person can see and remove it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use decode::rules::{NAME_BYTES_MAX, Rule, RuleError, RuleSpec};
use model::Topic;
use serde::{Deserialize, Serialize};
use store::{Catalog, CatalogError, Document, Version};

use crate::documents::every;

/// The kind of these documents; their id is a number of 13 digits or more, given once.
pub(crate) const KIND: &str = "rule";
/// The kind and id of the document that says the order. Rules that it does not name come behind, the oldest first.
pub(crate) const ORDER: (&str, &str) = (ORDER_KIND, "all");
pub(crate) const ORDER_KIND: &str = "rule_order";
/// Most rules. More: a further one is refused.
pub const RULES_MAX: usize = 500;

/// Bytes of a name that are left for the number behind it.
const NUMBER_BYTES: usize = 8;

/// A rule as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleDocument {
    pub(crate) enabled: bool,
    pub(crate) rule: RuleSpec,
}

/// The ids of all rules in the order in which they are asked.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct OrderDocument {
    pub(crate) ids: Vec<Arc<str>>,
}

/// A rule that can be asked.
#[derive(Debug)]
pub(crate) struct HeldRule {
    pub(crate) id: Arc<str>,
    pub(crate) version: u64,
    pub(crate) enabled: bool,
    pub(crate) spec: RuleSpec,
    pub(crate) rule: Rule,
    /// Messages that it took since it was changed or the server started.
    matched: AtomicU64,
}

impl HeldRule {
    /// # Errors
    /// What is wrong with the rule.
    pub(crate) fn compile(id: Arc<str>, version: u64, document: RuleDocument) -> Result<Self, RuleError> {
        let RuleDocument { enabled, rule: spec } = document;
        let rule = Rule::compile(&spec)?;
        Ok(Self { id, version, enabled, spec, rule, matched: AtomicU64::default() })
    }

    pub(crate) fn count(&self) {
        self.matched.fetch_add(1, Ordering::Relaxed);
    }
}

/// A document that is no rule that could be used.
#[derive(Clone, Debug)]
pub struct BrokenRule {
    /// Its id.
    pub id: Arc<str>,
    /// For removing it.
    pub version: u64,
    /// What is wrong with it.
    pub sentence: String,
}

/// A rule and what is told about it.
#[derive(Clone, Debug)]
pub struct RuleView {
    /// Given once.
    pub id: Arc<str>,
    /// Counts the changes, from 1.
    pub version: u64,
    /// Whether it is asked.
    pub enabled: bool,
    /// As it was written.
    pub spec: RuleSpec,
    /// The rule before it that takes every topic of this one.
    pub shadowed_by: Option<Arc<str>>,
    /// Messages that it took since it was changed or the server started.
    pub matched: u64,
}

/// One state of the rules. The version tells whether what was looked up before still holds.
#[derive(Debug, Default)]
pub(crate) struct RuleSet {
    pub(crate) version: u64,
    rules: Vec<(Arc<HeldRule>, Option<Arc<str>>)>,
    pub(crate) broken: Vec<BrokenRule>,
    /// The version of the order's document.
    pub(crate) order: Option<Version>,
}

impl RuleSet {
    fn of(version: u64, rules: Vec<Arc<HeldRule>>, broken: Vec<BrokenRule>, order: Option<Version>) -> Self {
        let shadowed: Vec<_> = (0..rules.len()).map(|at| first_shadow(&rules[..at], &rules[at].rule)).collect();
        Self { version, rules: rules.into_iter().zip(shadowed).collect(), broken, order }
    }

    /// The place of the first rule that is for that topic. It holds as long as the version does.
    pub(crate) fn place_of(&self, topic: &Topic) -> Option<usize> {
        self.held().position(|held| held.enabled && held.rule.matches(topic))
    }

    /// The first rule that is for that topic.
    pub(crate) fn of_topic(&self, topic: &Topic) -> Option<&Arc<HeldRule>> {
        self.place_of(topic).and_then(|place| self.at(place))
    }

    /// The rule at a place.
    pub(crate) fn at(&self, place: usize) -> Option<&Arc<HeldRule>> {
        self.rules.get(place).map(|(held, _)| held)
    }

    /// In order.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Arc<HeldRule>> {
        self.rules.iter().map(|(held, _)| held)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<HeldRule>> {
        self.held().find(|held| *held.id == *id)
    }

    /// The rules that are asked before that one; all of them where there is none of that id.
    pub(crate) fn before<'s>(&'s self, id: Option<&'s str>) -> impl Iterator<Item = &'s Arc<HeldRule>> {
        self.held().take_while(move |held| id.is_none_or(|id| *held.id != *id))
    }

    /// A name for a rule without one: its topics, with a number behind them where another rule is called so.
    pub(crate) fn name_for(&self, id: &str, topics: &str) -> String {
        let mut end = topics.len().min(NAME_BYTES_MAX - NUMBER_BYTES);
        while !topics.is_char_boundary(end) {
            end -= 1;
        }
        let bare = topics.get(..end).unwrap_or_default();
        let taken = |name: &str| self.held().any(|held| *held.id != *id && held.spec.name.as_deref() == Some(name));
        let numbered = (2..).map(|number| format!("{bare} ({number})"));
        std::iter::once(bare.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
    }

    pub(crate) fn views(&self) -> impl Iterator<Item = RuleView> {
        self.rules.iter().map(|(held, shadowed_by)| RuleView {
            id: Arc::clone(&held.id),
            version: held.version,
            enabled: held.enabled,
            spec: held.spec.clone(),
            shadowed_by: shadowed_by.clone(),
            matched: held.matched.load(Ordering::Relaxed),
        })
    }
}

/// The first of the rules that are asked which leaves nothing for `rule`.
pub(crate) fn first_shadow<'s>(before: impl IntoIterator<Item = &'s Arc<HeldRule>>, rule: &Rule) -> Option<Arc<str>> {
    before.into_iter().find(|held| held.enabled && held.rule.shadows(rule)).map(|held| Arc::clone(&held.id))
}

/// All rules. Whoever changes them has the turn, so that what is kept and what is in force go together.
#[derive(Debug, Default)]
pub(crate) struct RuleBook {
    current: RwLock<Arc<RuleSet>>,
    pub(crate) turn: tokio::sync::Mutex<()>,
}

impl RuleBook {
    /// What the catalogue keeps.
    ///
    /// # Errors
    /// The catalogue could not be read.
    pub(crate) async fn read(catalog: &dyn Catalog) -> Result<Self, CatalogError> {
        let book = Self::default();
        book.follow(catalog).await?;
        Ok(book)
    }

    /// Takes over what the catalogue keeps; rules that are as they were go on with their counts. Whoever calls it has the turn.
    ///
    /// # Errors
    /// The catalogue could not be read.
    pub(crate) async fn follow(&self, catalog: &dyn Catalog) -> Result<(), CatalogError> {
        let before = self.current();
        let (mut rules, mut broken) = (Vec::new(), Vec::new());
        for document in every(catalog, KIND).await? {
            let same = before.get(&document.id).filter(|held| held.version == document.version.0);
            match same.map_or_else(|| read_rule(&document).map(Arc::new), |held| Ok(Arc::clone(held))) {
                Ok(held) => rules.push(held),
                Err(sentence) => {
                    tracing::error!(id = ?document.id, %sentence, "a rule cannot be used and is left out");
                    broken.push(BrokenRule { id: document.id.into(), version: document.version.0, sentence });
                }
            }
        }
        let order = catalog.get(ORDER.0, ORDER.1).await?;
        let ids: OrderDocument =
            order.as_ref().and_then(|document| serde_json::from_str(&document.body).ok()).unwrap_or_default();
        sort(&mut rules, &ids.ids);
        let set = RuleSet::of(before.version + 1, rules, broken, order.map(|document| document.version));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        Ok(())
    }

    pub(crate) fn current(&self) -> Arc<RuleSet> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// In place of the rule of that id; a new one in front of the rule `before`, or behind all of them. In force with the next
    /// message.
    pub(crate) fn put(&self, held: HeldRule, before: Option<&str>) {
        let held = Arc::new(held);
        self.change(|rules, broken, _| {
            broken.retain(|other| other.id != held.id);
            match rules.iter_mut().find(|other| other.id == held.id) {
                Some(other) => *other = held,
                None => {
                    let place = rules.iter().position(|other| Some(&*other.id) == before).unwrap_or(rules.len());
                    rules.insert(place, held);
                }
            }
        });
    }

    /// The version of the document of the order.
    pub(crate) fn note_order(&self, version: Version) {
        self.change(|_, _, order| *order = Some(version));
    }

    pub(crate) fn remove(&self, id: &str) {
        self.change(|rules, broken, _| {
            rules.retain(|held| *held.id != *id);
            broken.retain(|other| *other.id != *id);
        });
    }

    pub(crate) fn set_order(&self, ids: &[Arc<str>], version: Version) {
        self.change(|rules, _, order| {
            sort(rules, ids);
            *order = Some(version);
        });
    }

    fn change(&self, edit: impl FnOnce(&mut Vec<Arc<HeldRule>>, &mut Vec<BrokenRule>, &mut Option<Version>)) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut rules: Vec<_> = current.held().map(Arc::clone).collect();
        let (mut broken, mut order) = (current.broken.clone(), current.order);
        edit(&mut rules, &mut broken, &mut order);
        *current = Arc::new(RuleSet::of(current.version + 1, rules, broken, order));
    }
}

fn read_rule(document: &Document) -> Result<HeldRule, String> {
    let kept: RuleDocument = serde_json::from_str(&document.body).map_err(|error| error.to_string())?;
    let held = HeldRule::compile(document.id.as_str().into(), document.version.0, kept);
    held.map_err(|error| error.to_string())
}

/// As the order says; what it does not name comes behind, as it came. Ids are numbers, so the oldest is the first.
fn sort(rules: &mut [Arc<HeldRule>], ids: &[Arc<str>]) {
    rules.sort_by_key(|held| ids.iter().position(|id| *id == held.id).unwrap_or(usize::MAX));
}
