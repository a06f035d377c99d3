//! A store for which hours go by at each flush: what is flushed then is in frames that nothing lies over, and is read from frames
//! and hours; what comes later lies over them.

use std::sync::Arc;

use async_trait::async_trait;
use clock::ManualClock;
use model::{Reading, ReadingKey, SeriesId, TimeRange};
use store::{Batch, Commit, Order, Readings, Restored, StoreError, StoreStats, UnreadId, UnreadRecord};
use store_cassandra::CassandraStore;
use windows::{Grid, Window};

/// Longer than touches are believed to be older than their rows, so that what is flushed is clean.
const FLUSH_TAKES_MS: u32 = 4 * 3_600_000;

/// See the module.
pub struct Aging {
    pub store: Arc<CassandraStore>,
    pub clock: Arc<ManualClock>,
}

#[async_trait]
impl Readings for Aging {
    async fn append(&self, batch: Batch) -> Commit {
        self.store.append(batch).await
    }

    async fn read(
        &self,
        series: SeriesId,
        range: TimeRange,
        order: Order,
        after: Option<ReadingKey>,
        limit: usize,
    ) -> Result<Vec<Reading>, StoreError> {
        self.store.read(series, range, order, after, limit).await
    }

    async fn windows(&self, series: SeriesId, grid: Grid) -> Result<Vec<Window>, StoreError> {
        self.store.windows(series, grid).await
    }

    async fn latest(&self, series: &[SeriesId]) -> Result<Vec<Option<Reading>>, StoreError> {
        self.store.latest(series).await
    }

    async fn unread(&self, before: Option<UnreadId>, limit: usize) -> Result<Vec<UnreadRecord>, StoreError> {
        self.store.unread(before, limit).await
    }

    async fn unread_one(&self, id: UnreadId) -> Result<Option<UnreadRecord>, StoreError> {
        self.store.unread_one(id).await
    }

    fn stats(&self) -> StoreStats {
        self.store.stats()
    }

    fn restored(&self) -> Restored {
        self.store.restored()
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.clock.advance(FLUSH_TAKES_MS);
        self.store.flush().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}
