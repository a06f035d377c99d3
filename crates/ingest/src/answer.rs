//! What whoever handed a message over is told, and the answers that wait until announcements are kept.
//!
//! An answer waits where a crash could take back what its message was read with: that of an announcement, and those of messages
//! on the topics that it speaks of. All others pass them by.

use std::sync::Arc;

use source::{Outcome, Reply};
use store::StoreError;
use tokio::sync::{mpsc, oneshot};

use crate::again::Kept;
use crate::announcements::Announcements;
use crate::command::Retried;

/// Who waits to be told about a message.
pub(crate) enum Asker {
    /// The source that handed it over.
    Source(Reply),
    /// A person who had an unread one ingested again.
    Person(oneshot::Sender<Result<Retried, StoreError>>),
}

/// What is told about a message once its batch is durable.
pub(crate) struct Answer {
    pub(crate) asker: Asker,
    pub(crate) outcome: Outcome,
    /// The change of announcements that comes before it.
    pub(crate) behind: Option<u64>,
    /// For taking the message again.
    pub(crate) kept: Option<Box<Kept>>,
}

impl Answer {
    pub(crate) fn tell(self, outcome: Outcome) {
        match self.asker {
            Asker::Source(reply) => reply.settle(outcome),
            Asker::Person(done) => _ = done.send(Ok(Retried::Done(outcome))),
        }
    }
}

/// Answers of one batch that wait for a change of announcements.
pub(crate) struct Held {
    change: u64,
    answers: Vec<(Answer, Outcome)>,
}

/// Gives every answer that waits for nothing, and what is left.
pub(crate) fn give(answers: Vec<Answer>, told: impl Fn(Outcome) -> Outcome) -> Option<Held> {
    let mut held = Held { change: 0, answers: Vec::new() };
    for answer in answers {
        let outcome = told(answer.outcome);
        match answer.behind {
            Some(change) if outcome != Outcome::Unknown => {
                held.change = held.change.max(change);
                held.answers.push((answer, outcome));
            }
            Some(_) | None => answer.tell(outcome),
        }
    }
    (!held.answers.is_empty()).then_some(held)
}

/// Gives the answers that wait, until nobody holds any more. An announcement that could not be kept holds all the same, and its
/// sender is told that.
pub(crate) async fn release(mut held: mpsc::Receiver<Held>, announced: Arc<Announcements>) {
    while let Some(Held { change, answers }) = held.recv().await {
        let kept = announced.kept(change).await;
        for (answer, outcome) in answers {
            let discovery = outcome == (Outcome::NoReading { kind: "discovery" });
            answer.tell(if discovery && !kept { Outcome::NOT_KEPT } else { outcome });
        }
    }
}
