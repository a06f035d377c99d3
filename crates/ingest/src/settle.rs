//! What follows a commit, in order: the registry, the live ring, then the acknowledgements.

use std::sync::Arc;

use source::Outcome;
use store::{CommitOutcome, Entry, Readings};
use tokio::sync::mpsc;

use crate::again::{Turn, hand_back, was_behind};
use crate::answer::{Held, give};
use crate::command::{Added, Decided};
use crate::draft::{Effects, Waiting};
use crate::shared::Shared;

/// Waits for the commits in the order of their appends until the taking task is gone. What waits for announcements on top goes
/// to `held`.
pub(crate) async fn settle_in_order(
    mut waiting: mpsc::Receiver<Waiting>,
    held: mpsc::Sender<Held>,
    back: mpsc::Sender<Turn>,
    store: Arc<dyn Readings>,
    shared: Arc<Shared>,
) {
    let mut failed_epoch = None;
    while let Some(Waiting { commit, epoch, effects }) = waiting.recv().await {
        match commit.await {
            CommitOutcome::Durable(_) => {
                // A repeat taken in behind a batch that was not stored may be a repeat of that: nobody has its readings.
                let repeats_hold = failed_epoch != Some(epoch);
                if let Some((entry, _)) = &effects.decision {
                    follow(&shared, store.as_ref(), entry).await;
                }
                if let Some(waits) = durable(&shared, repeats_hold, effects) {
                    // Whoever releases them ends after this.
                    let _ = held.send(waits).await;
                }
            }
            CommitOutcome::NotStored(reason) if shared.is_shared() && was_behind(reason) => {
                failed_epoch = Some(epoch);
                tracing::info!(reason, messages = effects.answers.len(), "another server was faster");
                shared.identity_lost();
                shared.taken.forget(&effects.received);
                refused(effects, reason, &back);
            }
            outcome @ (CommitOutcome::NotStored(_) | CommitOutcome::Unknown) => {
                failed_epoch = Some(epoch);
                if effects.decision.is_some() {
                    tracing::warn!(?outcome, "a decision about stored readings was not taken");
                    shared.identity_lost();
                } else {
                    tracing::error!(?outcome, messages = effects.answers.len(), "a batch was not stored");
                    shared.batch_lost();
                }
                shared.taken.forget(&effects.received);
                not_stored(effects, outcome);
            }
        }
        shared.settled.send_modify(|settled| *settled += 1);
    }
}

/// What is shown follows a decision about readings that are there.
pub(crate) async fn follow(shared: &Shared, store: &dyn Readings, entry: &Entry) {
    let followed = shared.registry.decide(entry);
    shared.live.rewrite(|item| match entry {
        Entry::Hidden(record) => {
            let inside = item.series == record.series && record.range.contains(item.reading.key.time);
            !(record.hidden && inside)
        }
        Entry::DeviceDeleted(_) => !followed.gone.contains(&item.series),
        Entry::DeviceMerged(_) => {
            if let Some((_, into)) = followed.absorbed.iter().find(|(from, _)| *from == item.series) {
                item.series = *into;
            }
            true
        }
        Entry::Expired(_)
        | Entry::Device(_)
        | Entry::Series(_)
        | Entry::Message(_)
        | Entry::Unread(_)
        | Entry::UnreadDone(_)
        | Entry::Book(_) => true,
    });
    shared.registry.reread(store, &followed.uncertain).await;
}

/// Answers what waits for more than this.
fn durable(shared: &Shared, repeats_hold: bool, mut effects: Effects) -> Option<Held> {
    shared.registry.apply(&effects);
    for heard in effects.heard.drain(..) {
        shared.heard.push(heard);
    }
    for note in effects.traces.drain(..) {
        shared.traces.keep(note);
    }
    if let Some(note) = effects.retried.take() {
        note.tell_anew();
    }
    let mut readings = std::mem::take(&mut effects.readings);
    shared.registry.keep_shown(&mut readings);
    shared.live.push(readings);
    let told = |outcome| if repeats_hold || outcome != Outcome::Duplicate { outcome } else { Outcome::Unknown };
    let held = give(effects.answers, told);
    for (done, id) in effects.added {
        // A caller that went away does not undo the device.
        let _ = done.send(Added::New(id));
    }
    if let Some((_, done)) = effects.decision {
        let _ = done.send(Decided::Done);
    }
    held
}

/// Of a batch that was made without knowing what another server had decided.
fn refused(effects: Effects, reason: &'static str, back: &mpsc::Sender<Turn>) {
    hand_back(effects.answers, back);
    for (done, _) in effects.added {
        let _ = done.send(Added::Exists);
    }
    if let Some((_, done)) = effects.decision {
        let _ = done.send(Decided::Refused(reason));
    }
}

fn not_stored(effects: Effects, outcome: CommitOutcome) {
    for answer in effects.answers {
        answer.tell(Outcome::Unknown);
    }
    for (done, _) in effects.added {
        let _ = done.send(Added::Failed);
    }
    if let Some((_, done)) = effects.decision {
        let _ = done.send(match outcome {
            CommitOutcome::NotStored(reason) => Decided::Refused(reason),
            CommitOutcome::Durable(_) | CommitOutcome::Unknown => Decided::Unknown,
        });
    }
}
