//! The store put together: opening, both ports, closing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;

use async_trait::async_trait;
use model::{Kind, Reading, ReadingKey, SeriesId, TimeRange};
use rusqlite::Transaction;
use store::found::Found;
use store::{
    Batch, Commit, CommitOutcome, Lost, Order, Readings, Restored, StoreError, StoreStats, UnreadId, UnreadRecord,
};
use windows::{Grid, Window};

use crate::database::{Database, failed};
use crate::flush::Flusher;
use crate::health::Health;
use crate::memory::Memory;
use crate::options::BATCH_BYTES_MAX;
use crate::queue::{Queue, Waiting};
use crate::reading::{self, Request};
use crate::writer::Ended;
use crate::{record, windowing};

/// One data directory, open. Dropping it without [`Readings::close`] is what a crash does: nothing that was reported
/// durable is lost, and the next open reads the log.
pub struct EmbeddedStore {
    pub(crate) parts: Parts,
    pub(crate) threads: Mutex<Option<Threads>>,
    pub(crate) closed: AtomicBool,
}

/// What the threads and the handle share.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) memory: Arc<RwLock<Memory>>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) flusher: Arc<Flusher>,
    pub(crate) database: Arc<Database>,
    pub(crate) health: Arc<Health>,
    pub(crate) moment: Arc<RwLock<()>>,
    /// What was lost before it was opened.
    pub(crate) lost: Arc<HashMap<SeriesId, Vec<Lost>>>,
}

/// The two threads, and the lock that is held as long as they may write.
pub(crate) struct Threads {
    pub(crate) writer: JoinHandle<Ended>,
    pub(crate) flusher: JoinHandle<()>,
    pub(crate) lock: std::fs::File,
}

impl EmbeddedStore {
    pub(crate) fn database(&self) -> Arc<Database> {
        Arc::clone(&self.parts.database)
    }

    pub(crate) fn check_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) { Err(StoreError::Closed) } else { Ok(()) }
    }

    fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.parts.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on one moment of the database, away from the async threads.
    pub(crate) async fn read_database<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.check_open()?;
        let database = self.database();
        let _permit = self.parts.database.permits.acquire().await.map_err(|_| StoreError::Closed)?;
        tokio::task::spawn_blocking(move || database.read(work)).await.unwrap_or(Err(StoreError::Closed))
    }

    /// Takes what memory knows and then a moment of the database, with no barrier executed in between, and runs `work` on
    /// both, away from the async threads.
    async fn read_both<K: Send + 'static, T: Send + 'static>(
        &self,
        look: impl FnOnce(&Memory) -> Result<K, StoreError> + Send + 'static,
        work: impl FnOnce(&Transaction<'_>, K) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let parts = self.parts.clone();
        self.read_database(move |snapshot| {
            let known = {
                let _no_barrier = parts.moment.read().unwrap_or_else(PoisonError::into_inner);
                let known = look(&parts.memory.read().unwrap_or_else(PoisonError::into_inner))?;
                // The first read of a transaction is what fixes its moment.
                snapshot.query_row("SELECT count(*) FROM meta", [], |_| Ok(())).map_err(failed("starting a read"))?;
                known
            };
            work(snapshot, known)
        })
        .await
    }

    /// The newest reading of each series, and the places of those whose newest is hidden.
    fn newest(&self, series: &[SeriesId]) -> Result<(Vec<Option<Reading>>, Vec<usize>), StoreError> {
        self.check_open()?;
        let memory = self.memory();
        let (mut newest, mut covered) = (Vec::with_capacity(series.len()), Vec::new());
        for (at, id) in series.iter().enumerate() {
            if !memory.state.knows(*id) {
                return Err(StoreError::UnknownSeries(*id));
            }
            let latest = memory.tracks.get(id).and_then(|track| track.latest.as_ref()).map(|(reading, _)| reading);
            let hidden = memory.state.hidden().get(id);
            if latest.zip(hidden).is_some_and(|(reading, hidden)| hidden.contains(reading.key.time)) {
                covered.push(at);
            }
            newest.push(latest.cloned());
        }
        Ok((newest, covered))
    }

    fn stop(&self, abandon: bool) -> Result<(), StoreError> {
        let taken = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(threads) = taken else { return Ok(()) };
        if abandon {
            self.parts.queue.abandon()
        } else {
            self.parts.queue.close()
        }
        let ended = threads.writer.join();
        let flushed = if abandon { Ok(()) } else { self.parts.flusher.ask_and_wait() };
        self.parts.flusher.stop();
        let flusher_ended = threads.flusher.join();
        self.closed.store(true, Ordering::Release);
        let outcome = match (ended, flusher_ended) {
            (Ok(Ended::Settled(mut log)), Ok(())) => {
                self.parts.database.tidy();
                log.release(self.memory().cut.0);
                flushed
            }
            (Ok(Ended::Abandoned), Ok(())) if abandon => Ok(()),
            _ => Err(StoreError::Io {
                doing: "settling the last messages".to_owned(),
                source: std::io::Error::other("they could not be written before the store was closed"),
            }),
        };
        drop(threads.lock);
        outcome
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        // A crash answers nobody.
        let _ = self.stop(true);
    }
}

/// The request for readings of a series, with what is left out of it now.
fn request_of(
    memory: &Memory,
    series: SeriesId,
    range: TimeRange,
    order: Order,
    after: Option<ReadingKey>,
    limit: usize,
) -> Result<Request, StoreError> {
    if !memory.state.knows(series) {
        return Err(StoreError::UnknownSeries(series));
    }
    Ok(Request { series, range, order, after, limit, gone: memory.state.gone(series) })
}

/// A request with what memory holds of it; none if the database may hold something of it, too, and is to be asked.
fn of_memory_alone(memory: &Memory, request: Request) -> Option<(Request, Vec<Found>)> {
    let alone = request.limit == 0 || !memory.stored_inside(request.series, request.rest());
    alone.then(|| {
        let fresh = request.fresh(memory);
        (request, fresh)
    })
}

fn settled(outcome: CommitOutcome) -> Commit {
    let (sender, commit) = Commit::pending();
    // The receiver is in our hands, so it is there.
    let _ = sender.send(outcome);
    commit
}

#[async_trait]
impl Readings for EmbeddedStore {
    async fn append(&self, batch: Batch) -> Commit {
        let Ok(encoded) = record::encode(&batch) else { return settled(CommitOutcome::NotStored("too_large")) };
        if encoded.len() > BATCH_BYTES_MAX {
            return settled(CommitOutcome::NotStored("too_large"));
        }
        let (sender, commit) = Commit::pending();
        if let Err(refused) = self.parts.queue.push(Waiting { batch, encoded, commit: sender }).await {
            // The receiver is in our hands, so it is there.
            let _ = refused.commit.send(CommitOutcome::NotStored("closed"));
        }
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
        let ask = move |memory: &Memory| request_of(memory, series, range, order, after, limit);
        self.check_open()?;
        let alone = {
            let memory = self.memory();
            of_memory_alone(&memory, ask(&memory)?)
        };
        if let Some((request, fresh)) = alone {
            return Ok(reading::of_memory(fresh, &request));
        }
        let look = move |memory: &Memory| {
            let request = ask(memory)?;
            let fresh = request.fresh(memory);
            Ok((request, fresh))
        };
        self.read_both(look, |snapshot, (request, fresh)| reading::merged(snapshot, &request, fresh)).await
    }

    async fn lost(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Lost>, StoreError> {
        self.check_open()?;
        let of_series = self.parts.lost.get(&series).into_iter().flatten();
        Ok(of_series.filter(|lost| lost.range.from < range.to && lost.range.to > range.from).cloned().collect())
    }

    async fn windows(&self, series: SeriesId, grid: Grid) -> Result<Vec<Window>, StoreError> {
        let range = grid.range();
        let ask = move |memory: &Memory| {
            let request = request_of(memory, series, range, Order::Ascending, None, usize::MAX)?;
            Ok((request, memory.state.series().get(&series).map_or(Kind::Measurement, |record| record.kind)))
        };
        self.check_open()?;
        let (alone, kind) = {
            let memory = self.memory();
            let (request, kind) = ask(&memory)?;
            (of_memory_alone(&memory, request), kind)
        };
        if let Some((_, fresh)) = alone {
            return Ok(windowing::of_memory(kind, &grid, fresh));
        }
        let look = move |memory: &Memory| {
            let (request, kind) = ask(memory)?;
            let fresh = request.fresh(memory);
            Ok((request, kind, fresh))
        };
        self.read_both(look, move |snapshot, (request, kind, fresh)| {
            windowing::windows(snapshot, series, kind, &grid, &request.gone, fresh)
        })
        .await
    }

    async fn latest(&self, series: &[SeriesId]) -> Result<Vec<Option<Reading>>, StoreError> {
        let (mut answer, covered) = self.newest(series)?;
        for at in covered {
            let (Some(id), Some(place)) = (series.get(at), answer.get_mut(at)) else { continue };
            *place = self.read(*id, TimeRange::ALL, Order::Descending, None, 1).await?.pop();
        }
        Ok(answer)
    }

    async fn unread(&self, before: Option<UnreadId>, limit: usize) -> Result<Vec<UnreadRecord>, StoreError> {
        self.check_open()?;
        Ok(self.memory().state.unread_before(before, limit))
    }

    async fn unread_one(&self, id: UnreadId) -> Result<Option<UnreadRecord>, StoreError> {
        self.check_open()?;
        Ok(self.memory().state.unread().get(&id).cloned())
    }

    fn stats(&self) -> StoreStats {
        let health = &self.parts.health;
        let log_disk = Health::get(&health.log_disk_bytes);
        let memory = self.memory();
        StoreStats {
            books: memory.state.books().clone(),
            readings: memory.distinct,
            gone: memory.state.gone_counts(),
            unread: memory.state.unread().len() as u64,
            unread_dropped: memory.state.unread_dropped(),
            disk_bytes: log_disk + Health::get(&health.database_bytes),
            log_bytes: Health::get(&health.log_bytes),
            frames: Health::get(&health.frames),
            degraded: health.degraded(),
            commits: Health::get(&health.commits),
            sync_micros: Health::get(&health.sync_micros),
        }
    }

    fn restored(&self) -> Restored {
        self.memory().restored()
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.check_open()?;
        let flusher = Arc::clone(&self.parts.flusher);
        let flushed = tokio::task::spawn_blocking(move || flusher.ask_and_wait()).await;
        flushed.unwrap_or(Err(StoreError::Closed))
    }

    /// Waits for the disk on this thread: it is the last thing a process does.
    async fn close(&self) -> Result<(), StoreError> {
        self.stop(false)
    }
}
