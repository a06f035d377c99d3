//! What the taking task hears of other servers that share the store: their devices and series, what tells repeats of their clients'
//! messages, and which of its own messages come back because another server was faster.

use std::sync::Arc;

use source::Outcome;
use store::{Batch, Entry};
use tokio::sync::mpsc;

use crate::again::Turn;
use crate::documents::follow_documents;
use crate::draft::Waiting;
use crate::take::Taker;

/// Batches of others that wait for the taking task. Full: following them waits, and in the end is told that it missed something.
pub(crate) const LEARNED_MAX: usize = 64;

/// What comes to the taking task beside messages and commands.
pub(crate) struct Ears {
    /// What others made durable.
    pub(crate) learned: mpsc::Receiver<Arc<Batch>>,
    /// Messages to be taken again.
    pub(crate) back: mpsc::Receiver<Turn>,
}

impl Ears {
    /// The messages that came back by now, in their order.
    pub(crate) fn came_back(&mut self) -> Vec<Turn> {
        std::iter::from_fn(|| self.back.try_recv().ok()).collect()
    }

    /// Nothing is taken any more: nobody knows what becomes of messages that come back.
    pub(crate) async fn give_up(&mut self) {
        self.back.close();
        while let Some(turn) = self.back.recv().await {
            turn.inbound.reply.settle(Outcome::Unknown);
        }
    }
}

impl Taker {
    /// Takes a message again, and all others that came back with it; false when the settling task is gone.
    pub(crate) async fn take_back(&mut self, first: Turn, waiting: &mpsc::Sender<Waiting>) -> bool {
        self.catch_up().await;
        let mut turns = vec![first];
        turns.extend(self.ears.came_back());
        self.take_turns(turns, waiting).await
    }

    /// Hears what others have done by now.
    pub(crate) fn hear(&mut self) {
        while let Ok(batch) = self.ears.learned.try_recv() {
            self.learn(&batch);
        }
    }

    /// A batch of another server: what it introduces is known from here on.
    pub(crate) fn learn(&mut self, batch: &Batch) {
        for entry in &batch.entries {
            match entry {
                Entry::Device(record) => {
                    if self.identity.device(record.key.as_str()).is_none() {
                        self.newcomers.learn();
                    }
                    self.identity.learn_device(record);
                }
                Entry::Series(record) => self.identity.learn_series(record),
                Entry::Message(message) => message.repeat.iter().for_each(|mark| self.repeats.accept(mark)),
                Entry::Unread(record) => {
                    self.last_unread = self.last_unread.max(record.id.0);
                    record.repeat.iter().for_each(|mark| self.repeats.accept(mark));
                }
                Entry::DeviceDeleted(device) => self.identity.delete(*device),
                Entry::DeviceMerged(merge) => self.identity.merge(*merge),
                Entry::UnreadDone(_) | Entry::Book(_) | Entry::Hidden(_) | Entry::Expired(_) => {}
            }
        }
    }

    /// Another server was faster: waits for what is under way, which was made without knowing it.
    pub(crate) async fn await_the_others(&mut self) {
        let submitted = self.submitted;
        let mut settled = self.shared.settled.subscribe();
        // The sender is ours.
        let _ = settled.wait_for(|settled| *settled >= submitted).await;
        // What failed meanwhile is made good by the same.
        self.shared.take_identity_lost();
        self.hear();
    }

    /// To whom messages belong by what was written elsewhere, once it is known which devices there are.
    pub(crate) async fn read_whose_is_whose(&self) {
        if let Err(error) = follow_documents(self.ids.catalog(), &self.shared).await {
            tracing::warn!(%error, "what another server wrote of devices could not be read");
        }
    }
}
