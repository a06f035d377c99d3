//! Batches that wait for the writer: bounded in bytes and thereby in number; whoever brings more waits for room.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::{Batch, CommitOutcome};
use tokio::sync::{Semaphore, oneshot};

use crate::options::{GROUP_BATCHES_MAX, GROUP_BYTES_MAX};

/// What a batch weighs at least, so that the bound on bytes is one on the number, too.
const WEIGHT_MIN: usize = 4 * 1024;

/// A batch with whoever waits for its fate.
pub(crate) struct Waiting {
    pub(crate) batch: Batch,
    pub(crate) encoded: Vec<u8>,
    pub(crate) commit: oneshot::Sender<CommitOutcome>,
}

/// What the writer is to do next.
pub(crate) enum Next {
    /// Write these as one record.
    Group(Vec<Waiting>),
    /// Nothing came for as long as was asked.
    Silence,
    /// Somebody wants the log looked after.
    Nudge,
    /// Nothing more will come, and everything that came was taken.
    Closed,
    /// Stop at once and leave everything as it is.
    Abandoned,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Waiting>,
    closed: bool,
    abandoned: bool,
    nudged: bool,
}

pub(crate) struct Queue {
    inner: Mutex<Inner>,
    changed: Condvar,
    room: Semaphore,
    bytes_max: u32,
}

impl Queue {
    pub(crate) fn bounded(bytes_max: u32) -> Self {
        let room = Semaphore::new(bytes_max as usize);
        Self { inner: Mutex::default(), changed: Condvar::new(), room, bytes_max }
    }

    fn weight(&self, encoded: usize) -> u32 {
        u32::try_from(encoded.max(WEIGHT_MIN)).unwrap_or(u32::MAX).min(self.bytes_max)
    }

    /// Waits for room. Gives the batch's sender back when the queue is closed.
    pub(crate) async fn push(&self, waiting: Waiting) -> Result<(), Waiting> {
        let Ok(permit) = self.room.acquire_many(self.weight(waiting.encoded.len())).await else { return Err(waiting) };
        let mut inner = self.lock();
        if inner.closed || inner.abandoned {
            return Err(waiting);
        }
        permit.forget();
        inner.waiting.push_back(waiting);
        drop(inner);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for work, at most `silence`.
    pub(crate) fn next(&self, silence: Option<Duration>) -> Next {
        let idle = |inner: &mut Inner| inner.waiting.is_empty() && !inner.closed && !inner.abandoned && !inner.nudged;
        let mut inner = match silence {
            Some(silence) => {
                self.changed.wait_timeout_while(self.lock(), silence, idle).unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner),
        };
        if inner.abandoned {
            return Next::Abandoned;
        }
        if std::mem::take(&mut inner.nudged) {
            return Next::Nudge;
        }
        if !inner.waiting.is_empty() {
            return Next::Group(self.take_group(&mut inner));
        }
        if inner.closed { Next::Closed } else { Next::Silence }
    }

    fn take_group(&self, inner: &mut Inner) -> Vec<Waiting> {
        let (mut group, mut bytes) = (Vec::new(), 0);
        while let Some(front) = inner.waiting.front() {
            bytes += front.encoded.len();
            if !group.is_empty() && (bytes > GROUP_BYTES_MAX || group.len() == GROUP_BATCHES_MAX) {
                break;
            }
            group.extend(inner.waiting.pop_front());
        }
        let weight: u32 = group.iter().map(|waiting| self.weight(waiting.encoded.len())).sum();
        self.room.add_permits(weight as usize);
        group
    }

    /// Waits for `pause` or until the queue is closed or abandoned; answers whether to go on.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        let going_on = |inner: &mut Inner| !inner.closed && !inner.abandoned;
        let waited = self.changed.wait_timeout_while(self.lock(), pause, going_on);
        let inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        !inner.closed && !inner.abandoned
    }

    /// Lets the writer look after the log although no batch came.
    pub(crate) fn nudge(&self) {
        self.lock().nudged = true;
        self.changed.notify_one();
    }

    /// Takes no more; what is in it is still written.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.room.close();
        self.changed.notify_all();
    }

    /// Takes no more and writes no more: what a crash does.
    pub(crate) fn abandon(&self) {
        self.lock().abandoned = true;
        self.room.close();
        self.changed.notify_all();
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    /// What is left when the writer gives up.
    pub(crate) fn drain(&self) -> Vec<Waiting> {
        self.lock().waiting.drain(..).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
