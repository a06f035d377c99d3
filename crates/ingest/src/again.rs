//! Messages of a batch that another server was faster with, taken again without a word to their senders: each keeps its stamp, and
//! whoever waits for its answer waits a little longer.

use std::sync::Arc;

use bytes::Bytes;
use decode::Found;
use model::{ReadingKey, SourceName, Topic};
use source::{Inbound, Outcome, Repeat, Reply};
use tokio::sync::mpsc;

use crate::answer::{Answer, Asker};

/// So often a message is taken in all. Then its sender is not acknowledged and sends it again.
const TRIES_MAX: u8 = 4;

/// Whether a batch was refused because it was made without knowing what another server had decided.
pub(crate) fn was_behind(reason: &str) -> bool {
    matches!(reason, "taken" | "unknown_series" | "unknown_device")
}

/// A message as it came, kept until the outcome of its batch is known. Batches that wait are bounded, and so are these.
pub(crate) struct Kept {
    source: SourceName,
    client: Arc<str>,
    topic: Topic,
    payload: Bytes,
    read: Option<Vec<Found>>,
    replayed: bool,
    repeat: Option<Repeat>,
    pub(crate) stamp: ReadingKey,
    tries: u8,
}

/// A message to be taken, and with which stamp where it was taken before.
pub(crate) struct Turn {
    pub(crate) inbound: Inbound,
    pub(crate) stamp: Option<ReadingKey>,
    tries: u8,
}

impl Turn {
    pub(crate) fn first(inbound: Inbound) -> Self {
        Self { inbound, stamp: None, tries: 1 }
    }

    /// What is kept of it, unless it had its last turn.
    pub(crate) fn keep(&self, stamp: ReadingKey) -> Option<Box<Kept>> {
        let Inbound { source, client, topic, payload, read, replayed, repeat, reply: _ } = &self.inbound;
        let kept = || Kept {
            source: source.clone(),
            client: Arc::clone(client),
            topic: topic.clone(),
            payload: payload.clone(),
            read: read.clone(),
            replayed: *replayed,
            repeat: *repeat,
            stamp,
            tries: self.tries,
        };
        (self.tries < TRIES_MAX).then(|| Box::new(kept()))
    }
}

impl Kept {
    fn again(self, reply: Reply) -> Turn {
        let Self { source, client, topic, payload, read, replayed, repeat, stamp, tries } = self;
        let reply = reply.without_account();
        let inbound = Inbound { source, client, topic, payload, read, replayed, repeat, reply };
        Turn { inbound, stamp: Some(stamp), tries: tries + 1 }
    }
}

/// Hands messages of a refused batch back, or tells that nobody knows what became of them.
pub(crate) fn hand_back(answers: Vec<Answer>, back: &mpsc::Sender<Turn>) {
    for answer in answers {
        let Answer { asker: Asker::Source(reply), kept: Some(kept), .. } = answer else {
            answer.tell(Outcome::Unknown);
            continue;
        };
        // Where there is no room the taking task is gone.
        if let Err(refused) = back.try_send(kept.again(reply)) {
            refused.into_inner().inbound.reply.settle(Outcome::Unknown);
        }
    }
}
