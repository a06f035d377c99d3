//! A store that fails on command, around any other: for tests of whoever uses one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use model::{Reading, ReadingKey, SeriesId, TimeRange};
use tokio::sync::mpsc;
use windows::{Grid, Window};

use crate::{
    Batch, Commit, CommitOutcome, Foreign, Lost, NodeReport, Order, Readings, Restored, StoreError, StoreStats,
    UnreadId, UnreadRecord,
};

/// What becomes of one append; any other call meets an error of the medium instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Certainly not stored, with this reason.
    NotStored(&'static str),
    /// Stored, but the caller is told that nobody knows.
    UnknownButStored,
    /// Not stored, and the caller is told that nobody knows.
    UnknownAndLost,
}

/// Passes everything on but the calls it was told to fail.
pub struct FlakyStore {
    inner: Arc<dyn Readings>,
    plan: Mutex<Plan>,
}

#[derive(Default)]
struct Plan {
    appends: u64,
    faults: BTreeMap<u64, Fault>,
    calls: u64,
    call: Option<(u64, Fault)>,
}

impl FlakyStore {
    /// Behaves like `inner` until told otherwise.
    #[must_use]
    pub fn around(inner: Arc<dyn Readings>) -> Self {
        Self { inner, plan: Mutex::default() }
    }

    /// The append that is `ahead` appends away (1 = the next one) meets `fault`.
    pub fn fail_append(&self, ahead: u64, fault: Fault) {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let append = plan.appends + ahead;
        plan.faults.insert(append, fault);
    }

    /// The `nth` call from now on (1 = the next one) that can fail meets `fault`, whatever it is.
    pub fn fail_call(&self, nth: u64, fault: Fault) {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.call = Some((plan.calls + nth, fault));
    }

    /// Whether the fault of [`FlakyStore::fail_call`] has not been met yet.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).call.is_some()
    }

    fn next_append(&self) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.appends += 1;
        let append = plan.appends;
        plan.faults.remove(&append).or_else(|| plan.next_call())
    }

    fn check(&self) -> Result<(), StoreError> {
        match self.plan.lock().unwrap_or_else(PoisonError::into_inner).next_call() {
            None => Ok(()),
            Some(_) => {
                Err(StoreError::Io { doing: "a call".to_owned(), source: std::io::Error::other("told to fail") })
            }
        }
    }
}

impl Plan {
    fn next_call(&mut self) -> Option<Fault> {
        self.calls += 1;
        let calls = self.calls;
        self.call.take_if(|(call, _)| *call == calls).map(|(_, fault)| fault)
    }
}

#[async_trait]
impl Readings for FlakyStore {
    async fn append(&self, batch: Batch) -> Commit {
        let outcome = match self.next_append() {
            None => return self.inner.append(batch).await,
            Some(Fault::NotStored(reason)) => CommitOutcome::NotStored(reason),
            Some(Fault::UnknownAndLost) => CommitOutcome::Unknown,
            Some(Fault::UnknownButStored) => {
                self.inner.append(batch).await.await;
                CommitOutcome::Unknown
            }
        };
        let (sender, commit) = Commit::pending();
        // The receiver is in our hands, so it is there.
        let _ = sender.send(outcome);
        commit
    }

    async fn read(
        &self,
        series: SeriesId,
        range: TimeRange,
        order: Order,
        after: Option<ReadingKey>,
        limit: usize,
    ) -> Result<Vec<Reading>, StoreError> {
        self.check()?;
        self.inner.read(series, range, order, after, limit).await
    }

    async fn lost(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Lost>, StoreError> {
        self.check()?;
        self.inner.lost(series, range).await
    }

    async fn windows(&self, series: SeriesId, grid: Grid) -> Result<Vec<Window>, StoreError> {
        self.check()?;
        self.inner.windows(series, grid).await
    }

    async fn latest(&self, series: &[SeriesId]) -> Result<Vec<Option<Reading>>, StoreError> {
        self.check()?;
        self.inner.latest(series).await
    }

    async fn unread(&self, before: Option<UnreadId>, limit: usize) -> Result<Vec<UnreadRecord>, StoreError> {
        self.check()?;
        self.inner.unread(before, limit).await
    }

    async fn unread_one(&self, id: UnreadId) -> Result<Option<UnreadRecord>, StoreError> {
        self.check()?;
        self.inner.unread_one(id).await
    }

    fn stats(&self) -> StoreStats {
        self.inner.stats()
    }

    fn restored(&self) -> Restored {
        self.inner.restored()
    }

    fn foreign(&self) -> Option<mpsc::Receiver<Foreign>> {
        self.inner.foreign()
    }

    fn nodes(&self) -> Vec<NodeReport> {
        self.inner.nodes()
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.check()?;
        self.inner.flush().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}
