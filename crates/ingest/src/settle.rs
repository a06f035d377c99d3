//! What follows a commit, in order: the registry, the live ring, then the acknowledgements.

use std::sync::Arc;

use source::Outcome;
use store::CommitOutcome;
use tokio::sync::mpsc;

use crate::command::{Added, Retried};
use crate::draft::{Effects, Waiting};
use crate::live::LiveBatch;
use crate::shared::Shared;

/// Waits for the commits in the order of their appends until the taking task is gone.
pub(crate) async fn settle_in_order(mut waiting: mpsc::Receiver<Waiting>, shared: Arc<Shared>) {
    let mut failed_epoch = None;
    while let Some(Waiting { commit, epoch, effects }) = waiting.recv().await {
        match commit.await {
            CommitOutcome::Durable(sequence) => {
                // A repeat taken in behind a batch that was not stored may be a repeat of that: nobody has its readings.
                let repeats_hold = failed_epoch != Some(epoch);
                durable(&shared, sequence, repeats_hold, effects);
            }
            outcome @ (CommitOutcome::NotStored(_) | CommitOutcome::Unknown) => {
                tracing::error!(?outcome, messages = effects.replies.len(), "a batch was not stored");
                failed_epoch = Some(epoch);
                shared.identity_lost();
                shared.taken.forget(&effects.received);
                not_stored(effects);
            }
        }
    }
}

fn durable(shared: &Shared, sequence: store::Sequence, repeats_hold: bool, mut effects: Effects) {
    shared.registry.apply(&effects);
    for heard in effects.heard.drain(..) {
        shared.heard.push(heard);
    }
    shared.live.push(LiveBatch { sequence, readings: std::mem::take(&mut effects.readings) });
    for (reply, outcome) in effects.replies {
        let told = if repeats_hold || outcome != Outcome::Duplicate { outcome } else { Outcome::Unknown };
        reply.settle(told);
    }
    for (done, outcome) in effects.retried {
        let _ = done.send(Ok(Retried::Done(outcome)));
    }
    for (done, id) in effects.added {
        // A caller that went away does not undo the device.
        let _ = done.send(Added::New(id));
    }
}

fn not_stored(effects: Effects) {
    for (reply, _) in effects.replies {
        reply.settle(Outcome::Unknown);
    }
    for (done, _) in effects.added {
        let _ = done.send(Added::Failed);
    }
    for (done, _) in effects.retried {
        let _ = done.send(Ok(Retried::Done(Outcome::Unknown)));
    }
}
