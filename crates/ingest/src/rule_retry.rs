//! Unread messages of a rule's topics, ingested again.

use model::Topic;
use source::Outcome;
use store::StoreError;
use tokio::sync::oneshot;

use crate::Ingest;
use crate::command::{Command, Retried};
use crate::rule_changes::RuleFault;

/// Messages that are ingested again at once. More: the rest waits for the next time, and the answer says so.
pub const RETRIED_MAX: usize = 1_000;
/// Unread messages that are looked at together; fewer than the commands that may wait.
const PAGE: usize = 50;

/// What became of the unread messages of a rule's topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetriedAll {
    /// Their readings are stored.
    pub stored: u64,
    /// There is nothing to store in them.
    pub no_reading: u64,
    /// Refused.
    pub rejected: u64,
    /// Still not to be read: they stay in the list.
    pub still_unread: u64,
    /// There are more than [`RETRIED_MAX`].
    pub more: bool,
}

impl Ingest {
    /// Ingests every unread message of the rule's topics again, by whatever reads it now, with the time and key it was given
    /// at arrival.
    ///
    /// # Errors
    /// [`RuleFault::Unknown`], or the store failed.
    pub async fn retry_by_rule(&self, id: &str) -> Result<RetriedAll, RuleFault> {
        let held = self.shared.rules.current().get(id).cloned();
        let held = held.ok_or_else(|| RuleFault::Unknown(id.to_owned()))?;
        let (mut all, mut before, mut tried) = (RetriedAll::default(), None, 0);
        loop {
            let page = self.store.unread(before, PAGE).await?;
            let Some(last) = page.last().map(|record| record.id) else { return Ok(all) };
            before = Some(last);
            let own = |topic: &str| Topic::parse(topic).is_ok_and(|topic| held.rule.matches(&topic));
            let mut waiting = Vec::with_capacity(page.len());
            for record in page.into_iter().filter(|record| own(&record.topic)) {
                if tried == RETRIED_MAX {
                    all.more = true;
                    break;
                }
                tried += 1;
                let (done, retried) = oneshot::channel();
                let command = Command::Retry { id: record.id, done };
                self.commands.send(command).await.map_err(|_| StoreError::Closed)?;
                waiting.push(retried);
            }
            for retried in waiting {
                all.count(retried.await.map_err(|_| StoreError::Closed)??);
            }
            if all.more {
                return Ok(all);
            }
        }
    }
}

impl RetriedAll {
    fn count(&mut self, retried: Retried) {
        match retried {
            Retried::Done(Outcome::Stored { .. }) => self.stored += 1,
            Retried::Done(Outcome::NoReading { .. } | Outcome::Duplicate) => self.no_reading += 1,
            Retried::Done(Outcome::Rejected(_)) => self.rejected += 1,
            Retried::Done(Outcome::Unread | Outcome::Unknown) | Retried::StillUnread => self.still_unread += 1,
            // Somebody else was faster.
            Retried::NotFound => {}
        }
    }
}
