//! The one thread that writes the log. It takes everything that waits, writes it as one record, syncs, applies it to
//! memory, and only then resolves the commits, in order. It never acknowledges what it could not sync, and tries again
//! until it can.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use clock::Clock;
use store::{Batch, CommitOutcome, Entry, Gate, Sequence};
use wal::{AppendError, Cause, Log};

use crate::barrier;
use crate::flush::{Flusher, Ground};
use crate::health::{Health, Part};
use crate::memory::Memory;
use crate::options::Limits;
use crate::queue::{Next, Queue, Waiting};

/// An idle record follows the last one after this much silence, so that rot in the last acknowledged record is told apart
/// from a torn tail.
const SILENCE: Duration = Duration::from_secs(1);
/// Between attempts on a medium that refuses.
const RETRY: Duration = Duration::from_millis(500);
/// Between looks at whether the database has caught up.
const CATCH_UP: Duration = Duration::from_millis(20);

pub(crate) struct Writer {
    pub(crate) log: Log,
    pub(crate) gate: Gate,
    pub(crate) next: u64,
    pub(crate) queue: Arc<Queue>,
    pub(crate) memory: Arc<RwLock<Memory>>,
    pub(crate) flusher: Arc<Flusher>,
    pub(crate) ground: Arc<Ground>,
    pub(crate) health: Arc<Health>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
}

/// How the writer ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Everything that was appended is durable. Here is the log.
    Settled(Box<Log>),
    /// Some commits could not be settled.
    Unsettled,
    /// It was told to leave everything as it is.
    Abandoned,
}

impl Writer {
    pub(crate) fn run(mut self) -> Ended {
        let mut idle_written = true;
        loop {
            match self.queue.next((!idle_written).then_some(SILENCE)) {
                Next::Abandoned => return Ended::Abandoned,
                Next::Closed => return Ended::Settled(Box::new(self.log)),
                Next::Nudge => self.look_after(),
                Next::Silence => {
                    // Nobody waits for an idle record: if it fails, the next batch finds out.
                    let _ = self.log.append(self.next, 0, &[]);
                    idle_written = true;
                }
                Next::Group(group) => {
                    if !self.wait_for_room() || !self.commit(group) {
                        return self.give_up();
                    }
                    idle_written = false;
                    self.look_after();
                }
            }
        }
    }

    /// Answers false when the group could not be made durable before the store was closed.
    fn commit(&mut self, group: Vec<Waiting>) -> bool {
        let (mut admitted, mut payload) = (Vec::with_capacity(group.len()), Vec::new());
        let mut fates = Vec::with_capacity(group.len());
        for waiting in group {
            if let Err(refusal) = self.gate.admit(&waiting.batch.entries) {
                fates.push((waiting.commit, CommitOutcome::NotStored(refusal.as_str())));
                continue;
            }
            payload.extend_from_slice(&waiting.encoded);
            let sequence = Sequence(self.next + admitted.len() as u64);
            admitted.push((sequence, waiting.batch));
            fates.push((waiting.commit, CommitOutcome::Durable(sequence)));
        }
        let mut durable =
            admitted.is_empty() || self.append(u32::try_from(admitted.len()).unwrap_or(u32::MAX), &payload);
        if durable && let Some((last, _)) = admitted.last() {
            self.next = last.0 + 1;
            durable = self.apply(&admitted);
        }
        for (commit, fate) in fates {
            let fate =
                if durable || matches!(fate, CommitOutcome::NotStored(_)) { fate } else { CommitOutcome::Unknown };
            // Whoever went away does not want to know.
            let _ = commit.send(fate);
        }
        durable
    }

    /// Brings memory up to date. Answers false when a barrier could not be executed before the store was closed: then
    /// the next open does it.
    fn apply(&self, admitted: &[(Sequence, Batch)]) -> bool {
        for group in admitted.chunk_by(|(_, left), (_, right)| !is_barrier(left) && !is_barrier(right)) {
            if let [(sequence, batch)] = group
                && is_barrier(batch)
            {
                if !self.pass_barrier(*sequence, batch) {
                    return false;
                }
                continue;
            }
            let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
            group.iter().for_each(|(sequence, batch)| memory.apply(*sequence, batch));
        }
        true
    }

    /// Has everything before a barrier flushed, then executes it.
    fn pass_barrier(&self, sequence: Sequence, batch: &Batch) -> bool {
        loop {
            let flushed = self.flusher.ask_and_wait();
            let passed = flushed.and_then(|()| {
                batch.entries.iter().try_for_each(|entry| barrier::execute(&self.ground, sequence, entry))
            });
            match passed {
                Ok(()) => {
                    self.health.well(Part::Barrier);
                    return true;
                }
                Err(error) => {
                    let detail = format!("a deletion, merge or expiry waits for the database: {error}");
                    self.health.trouble(Part::Barrier, "barrier_waits", detail);
                    if !self.queue.pause(RETRY) {
                        return false;
                    }
                }
            }
        }
    }

    fn append(&mut self, count: u32, payload: &[u8]) -> bool {
        loop {
            let started = self.clock.monotonic();
            match self.log.append(self.next, count, payload) {
                Ok(()) => {
                    let now = self.clock.monotonic();
                    self.health.synced(now, now.saturating_sub(started));
                    self.health.well(Part::Log);
                    return true;
                }
                Err(error) => {
                    let (code, sentence) = described(&error);
                    self.health.trouble(Part::Log, code, format!("{sentence}: {error}: {}", error.source));
                    if !self.queue.pause(RETRY) {
                        return false;
                    }
                }
            }
        }
    }

    /// Lets the database catch up while the log or the head is at its limit. Answers false when the store was closed before.
    fn wait_for_room(&mut self) -> bool {
        loop {
            let (cut, head_bytes, on_its_way) = self.levels();
            let log_full = self.log.bytes_beyond(cut) >= self.limits.log_bytes_max;
            let head_full = on_its_way && head_bytes >= 2 * self.limits.head_bytes_max;
            if !log_full && !head_full {
                self.health.well(Part::Room);
                return true;
            }
            self.flusher.ask();
            let detail = "messages wait until the database has taken what the log holds".to_owned();
            self.health.trouble(Part::Room, "log_full", detail);
            let closing = !self.queue.pause(CATCH_UP);
            if self.queue.is_abandoned() || (closing && self.flusher.is_failing()) {
                return false;
            }
            if closing {
                std::thread::sleep(CATCH_UP);
            }
            self.log.release(cut);
        }
    }

    fn look_after(&mut self) {
        let (cut, head_bytes, on_its_way) = self.levels();
        self.log.release(cut);
        let beyond = self.log.bytes_beyond(cut);
        Health::set(&self.health.log_bytes, beyond);
        Health::set(&self.health.log_disk_bytes, self.log.disk_bytes());
        if !on_its_way && (beyond >= self.limits.log_flush_bytes || head_bytes >= self.limits.head_bytes_max) {
            self.flusher.ask();
        }
    }

    fn levels(&self) -> (u64, usize, bool) {
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        (memory.cut.0, memory.head.bytes(), memory.frozen.is_some())
    }

    fn give_up(self) -> Ended {
        for waiting in self.queue.drain() {
            let _ = waiting.commit.send(CommitOutcome::NotStored("closed"));
        }
        if self.queue.is_abandoned() { Ended::Abandoned } else { Ended::Unsettled }
    }
}

/// Whether a batch is executed on the database at its place in the log.
pub(crate) fn is_barrier(batch: &Batch) -> bool {
    matches!(batch.entries.as_slice(), [Entry::DeviceDeleted(_) | Entry::DeviceMerged(_) | Entry::Expired(_)])
}

fn described(error: &AppendError) -> (&'static str, &'static str) {
    match error.cause {
        Cause::DiskFull => ("disk_full", "the disk is full, messages wait until there is space"),
        Cause::ReadOnly => ("read_only", "the disk has become read-only, messages wait"),
        Cause::Failed | Cause::TooLarge => ("sync_failed", "the disk refuses, messages wait"),
    }
}
