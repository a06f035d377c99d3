//! Rules made, changed, ordered and removed by people.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

use decode::rules::{Rule, RuleError, RuleSpec};
use store::{CatalogError, Expected, StoreError, Version};

use crate::Ingest;
use crate::ids::next_number;
use crate::rules::{BrokenRule, HeldRule, KIND, ORDER, OrderDocument, RULES_MAX, RuleDocument, RuleSet, RuleView};

/// A rule as it shall be.
#[derive(Clone, Debug)]
pub struct RuleChange {
    /// As a person writes it.
    pub spec: RuleSpec,
    /// Whether it is asked. None: as before, a new one is.
    pub enabled: Option<bool>,
}

/// A change that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum RuleFault {
    /// No rule of that id.
    #[error("no rule has the id {0:?}")]
    Unknown(String),
    /// It cannot be used.
    #[error(transparent)]
    Wrong(#[from] RuleError),
    /// There are [`RULES_MAX`].
    #[error("there are {RULES_MAX} rules, which is the most")]
    TooMany,
    /// It is at another version than the one the caller saw.
    #[error("the rule was changed by somebody else; it is at version {found}")]
    Conflict {
        /// What is there now; 0 where it is gone.
        found: u64,
    },
    /// An order must name every rule once.
    #[error("{0}")]
    Order(String),
    /// The change was cut off.
    #[error("the rule could not be stored")]
    NotStored,
    /// The store failed, or ingest has stopped.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalogue failed, or the rule is larger than a document.
    #[error("the catalogue failed")]
    Catalog(#[source] CatalogError),
}

impl Ingest {
    /// Every rule in the order in which they are asked.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleView> {
        self.shared.rules.current().views().collect()
    }

    /// Documents that are no rule that could be used.
    #[must_use]
    pub fn broken_rules(&self) -> Vec<BrokenRule> {
        self.shared.rules.current().broken.clone()
    }

    /// One rule.
    ///
    /// # Errors
    /// [`RuleFault::Unknown`].
    pub fn rule(&self, id: &str) -> Result<RuleView, RuleFault> {
        let found = self.shared.rules.current().views().find(|view| *view.id == *id);
        found.ok_or_else(|| RuleFault::Unknown(id.to_owned()))
    }

    /// Makes a rule in front of the rule `before`, or behind all others. It is durable when this returns and holds from the
    /// next message on. Without a name it is called like its topics.
    ///
    /// # Errors
    /// [`RuleFault::Wrong`], [`RuleFault::TooMany`], [`RuleFault::Unknown`] where there is no rule `before`, or the catalogue
    /// failed.
    pub async fn create_rule(&self, change: RuleChange, before: Option<String>) -> Result<RuleView, RuleFault> {
        let this = self.clone();
        to_its_end(async move {
            let rules = &this.shared.rules;
            let _turn = this.turn_of_rules().await?;
            let current = rules.current();
            if current.held().count() + current.broken.len() >= RULES_MAX {
                return Err(RuleFault::TooMany);
            }
            let ids = current.held().map(|held| &held.id).chain(current.broken.iter().map(|broken| &broken.id));
            let greatest = ids.filter_map(|id| id.parse::<i64>().ok()).max().unwrap_or_default();
            // Two servers give different ones, whatever their clocks say.
            let last = u64::try_from(greatest.max(this.clock.now().millis() - 1)).unwrap_or_default();
            let id: Arc<str> = next_number(last, this.shared.node.unwrap_or_default()).to_string().into();
            if let Some(before) = &before {
                Rule::compile(&change.spec)?;
                this.write_place(&current, &id, before).await?;
            }
            this.write_rule(id, None, change, before.as_deref()).await
        })
        .await
    }

    /// Changes a rule at its place. With `expected` only if it is still at that version. Its count begins anew.
    ///
    /// # Errors
    /// [`RuleFault::Unknown`], [`RuleFault::Wrong`], [`RuleFault::Conflict`], or the catalogue failed.
    pub async fn change_rule(
        &self,
        id: &str,
        expected: Option<u64>,
        change: RuleChange,
    ) -> Result<RuleView, RuleFault> {
        let (this, id) = (self.clone(), id.to_owned());
        to_its_end(async move {
            let rules = &this.shared.rules;
            let _turn = this.turn_of_rules().await?;
            let held = rules.current().get(&id).map(Arc::clone).ok_or(RuleFault::Unknown(id))?;
            if expected.is_some_and(|expected| expected != held.version) {
                return Err(RuleFault::Conflict { found: held.version });
            }
            let enabled = Some(change.enabled.unwrap_or(held.enabled));
            let change = RuleChange { enabled, ..change };
            this.write_rule(Arc::clone(&held.id), Some(held.version), change, None).await
        })
        .await
    }

    /// Removes a rule, or a document that is no rule. With `expected` only if it is still at that version.
    ///
    /// # Errors
    /// [`RuleFault::Unknown`], [`RuleFault::Conflict`], or the catalogue failed.
    pub async fn remove_rule(&self, id: &str, expected: Option<u64>) -> Result<(), RuleFault> {
        let (this, id) = (self.clone(), id.to_owned());
        to_its_end(async move {
            let rules = &this.shared.rules;
            let _turn = this.turn_of_rules().await?;
            let current = rules.current();
            let held = current.get(&id).map(|held| held.version);
            let broken = || current.broken.iter().find(|broken| *broken.id == *id).map(|broken| broken.version);
            let Some(found) = held.or_else(broken) else { return Err(RuleFault::Unknown(id)) };
            if expected.is_some_and(|expected| expected != found) {
                return Err(RuleFault::Conflict { found });
            }
            this.catalog.remove(KIND, &id, Version(found)).await.map_err(of_catalog)?;
            rules.remove(&id);
            Ok(())
        })
        .await
    }

    /// Asks the rules in that order from the next message on.
    ///
    /// # Errors
    /// [`RuleFault::Order`] where it does not name every rule once, or the catalogue failed.
    pub async fn order_rules(&self, ids: Vec<Arc<str>>) -> Result<Vec<RuleView>, RuleFault> {
        let this = self.clone();
        to_its_end(async move {
            let rules = &this.shared.rules;
            let _turn = this.turn_of_rules().await?;
            let current = rules.current();
            let named: HashSet<&str> = ids.iter().map(AsRef::as_ref).collect();
            if let Some(unknown) = ids.iter().find(|id| current.get(id).is_none()) {
                return Err(RuleFault::Order(format!("no rule has the id {unknown:?}")));
            }
            if let Some(missing) = current.held().find(|held| !named.contains(&*held.id)) {
                return Err(RuleFault::Order(format!("the order does not name the rule {:?}", missing.id)));
            }
            if named.len() < ids.len() {
                return Err(RuleFault::Order("the order names a rule twice".to_owned()));
            }
            let document = OrderDocument { ids };
            let version = this.write_order(&current, &document).await?;
            rules.set_order(&document.ids, version);
            Ok(this.rules())
        })
        .await
    }

    /// The turn to change rules. Where others change them too, it begins with what they wrote last.
    async fn turn_of_rules(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, RuleFault> {
        let rules = &self.shared.rules;
        let turn = rules.turn.lock().await;
        if self.shared.is_shared() {
            rules.follow(self.catalog.as_ref()).await.map_err(RuleFault::Catalog)?;
        }
        Ok(turn)
    }

    /// The order with the new rule `id` in front of `before`, written ahead of the rule: what an order names and is not there
    /// counts for nothing. Whoever calls it has its turn.
    async fn write_place(&self, current: &RuleSet, id: &Arc<str>, before: &str) -> Result<(), RuleFault> {
        let mut ids: Vec<_> = current.held().map(|held| Arc::clone(&held.id)).collect();
        let place = ids.iter().position(|id| **id == *before).ok_or_else(|| RuleFault::Unknown(before.to_owned()))?;
        ids.insert(place, Arc::clone(id));
        let version = self.write_order(current, &OrderDocument { ids }).await?;
        self.shared.rules.note_order(version);
        Ok(())
    }

    async fn write_order(&self, current: &RuleSet, document: &OrderDocument) -> Result<Version, RuleFault> {
        let body = serde_json::to_string(document).map_err(|_| RuleFault::NotStored)?;
        let expected = current.order.map_or(Expected::Absent, Expected::Version);
        self.catalog.put(ORDER.0, ORDER.1, expected, &body, &[]).await.map_err(of_catalog)
    }

    /// Whoever calls it has its turn.
    async fn write_rule(
        &self,
        id: Arc<str>,
        version: Option<u64>,
        change: RuleChange,
        before: Option<&str>,
    ) -> Result<RuleView, RuleFault> {
        let RuleChange { spec: mut rule, enabled } = change;
        if rule.name.as_ref().is_none_or(|name| name.trim().is_empty()) {
            rule.name = Some(self.shared.rules.current().name_for(&id, &rule.topics));
        }
        let document = RuleDocument { enabled: enabled.unwrap_or(true), rule };
        let body = serde_json::to_string(&document).map_err(|_| RuleFault::NotStored)?;
        let mut held = HeldRule::compile(Arc::clone(&id), version.unwrap_or_default() + 1, document)?;
        let expected = version.map_or(Expected::Absent, |version| Expected::Version(Version(version)));
        held.version = self.catalog.put(KIND, &id, expected, &body, &[]).await.map_err(of_catalog)?.0;
        self.shared.rules.put(held, before);
        self.rule(&id)
    }
}

fn of_catalog(error: CatalogError) -> RuleFault {
    match error {
        CatalogError::Conflict { found } => RuleFault::Conflict { found: found.map_or(0, |version| version.0) },
        CatalogError::Claimed { .. } | CatalogError::TooLarge(_) | CatalogError::Store(_) => RuleFault::Catalog(error),
    }
}

/// Runs a change to its end even if whoever asked for it goes away in the middle.
async fn to_its_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, RuleFault>> + Send + 'static,
) -> Result<T, RuleFault> {
    tokio::spawn(change).await.unwrap_or(Err(RuleFault::NotStored))
}
