//! The store: opened, asked, closed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::Clock;
use model::{Kind, Reading, ReadingKey, SeriesId, TimeRange};
use parking_lot::Mutex;
use scylla::client::session::Session;
use store::{
    Batch, Commit, CommitOutcome, Node, Order, Readings, Restored, StoreError, StoreStats, UnreadId, UnreadRecord,
};
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::task::JoinHandle;
use windows::{Grid, Window};

use crate::checkpoint::{self, Checkpoints};
use crate::cluster::{Cluster, failed};
use crate::journal::{self, Reached};
use crate::memory::Memory;
use crate::reading::{self, Asked};
use crate::statements::Statements;
use crate::write::{GROUPS_WAITING_MAX, JOBS_MAX, Job, Shared, Writer, settle_in_order};

/// How often a checkpoint is made while something comes in.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
/// How long closing waits for what is under way. Then it is left as it is: not acknowledged, and written out at the next start.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);
/// Readings that are folded into windows at a time.
const FOLDED: usize = 5_000;

/// What may be chosen of a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// The keyspace, which is there with its tables.
    pub keyspace: String,
    /// The number of this server, which no other one has.
    pub node: Node,
    /// Unread messages kept. Beyond it the oldest is dropped and counted.
    pub unread_max: usize,
}

/// Both ports in one keyspace, for one server among those that share it.
pub struct CassandraStore {
    shared: Arc<Shared>,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    tasks: AsyncMutex<Tasks>,
    checkpoints: Arc<AsyncMutex<Checkpoints>>,
    keeper: JoinHandle<()>,
}

struct Tasks {
    writer: JoinHandle<()>,
    settle: JoinHandle<()>,
}

impl CassandraStore {
    /// Goes on where the server of this number stopped: what its journal says is stored, rows in doubt are written out.
    ///
    /// # Errors
    /// Cassandra does not answer, or what is there cannot be read.
    pub async fn open(session: Arc<Session>, options: Options, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let doing = "preparing the statements";
        let statements =
            Statements::prepare(&session, &options.keyspace).await.map_err(|error| failed(doing, error))?;
        let cluster = Cluster::new(session, statements, clock);
        let node = options.node.0;
        let (checkpoints, kept) = Checkpoints::read(&cluster, node).await?;
        cluster.written_until(kept.written);
        let shared = Shared::new(cluster, Memory::resume(options.unread_max, kept), node);
        shared.follow_decisions().await?;
        checkpoint::read_newest(&shared.cluster, &shared.memory).await?;
        replay(&shared).await?;

        let shared = Arc::new(shared);
        let (jobs, jobs_out) = mpsc::channel(JOBS_MAX);
        let (groups, groups_out) = mpsc::channel(GROUPS_WAITING_MAX);
        let writer = tokio::spawn(Writer::new(Arc::clone(&shared)).run(jobs_out, groups));
        let settle = tokio::spawn(settle_in_order(Arc::clone(&shared), groups_out));
        let checkpoints = Arc::new(AsyncMutex::new(checkpoints));
        let keeper = tokio::spawn(keep(Arc::clone(&shared), Arc::clone(&checkpoints)));
        let tasks = AsyncMutex::new(Tasks { writer, settle });
        Ok(Self { shared, jobs: Mutex::new(Some(jobs)), tasks, checkpoints, keeper })
    }

    fn asked(&self, series: SeriesId, range: TimeRange, order: Order) -> Result<(Asked, Kind), StoreError> {
        self.check_open()?;
        let memory = self.shared.memory.read();
        let record = memory.state.series().get(&series).ok_or(StoreError::UnknownSeries(series))?;
        let (places, gone) = (memory.places.of(series), memory.state.gone(series));
        Ok((Asked { places, gone, range, order, after: None, limit: FOLDED }, record.kind))
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.jobs.lock().is_some() { Ok(()) } else { Err(StoreError::Closed) }
    }
}

impl Drop for CassandraStore {
    /// As in a crash: what is under way is left as it is.
    fn drop(&mut self) {
        self.keeper.abort();
        let tasks = self.tasks.get_mut();
        tasks.writer.abort();
        tasks.settle.abort();
    }
}

/// Takes in the own journal behind the checkpoint, and writes the rows in doubt.
async fn replay(shared: &Shared) -> Result<(), StoreError> {
    let mut reached = {
        let memory = shared.memory.read();
        Reached { next: memory.sequence + 1, written: memory.written }
    };
    let (mut settled, mut in_doubt) = (0, Vec::new());
    loop {
        let found = journal::read_on(&shared.cluster, shared.node, &mut reached).await?;
        if found.is_empty() {
            break;
        }
        for record in found {
            settled = settled.max(record.record.settled);
            {
                let mut memory = shared.memory.write();
                record.record.batches.iter().for_each(|batch| memory.settle(batch, record.written));
            }
            in_doubt.push(record);
            in_doubt.retain(|record| record.next() > settled + 1);
        }
    }
    shared.cluster.written_until(reached.written);
    for record in in_doubt {
        shared.write_rows(&record.record.batches, record.written).await;
    }
    Ok(())
}

/// Makes checkpoints as long as the store is open.
async fn keep(shared: Arc<Shared>, checkpoints: Arc<AsyncMutex<Checkpoints>>) {
    loop {
        tokio::time::sleep(CHECKPOINT_EVERY).await;
        if let Err(error) = checkpoint(&shared, &checkpoints).await {
            tracing::warn!(%error, "no checkpoint was made; the next one is tried in {} s", CHECKPOINT_EVERY.as_secs());
        }
    }
}

/// Keeps the newest readings, then what this server knows of itself, unless nothing came in since.
async fn checkpoint(shared: &Shared, checkpoints: &AsyncMutex<Checkpoints>) -> Result<(), StoreError> {
    let mut checkpoints = checkpoints.lock().await;
    let (kept, newest) = {
        let mut memory = shared.memory.write();
        (memory.kept(), memory.newest.take_changed())
    };
    if let Err(error) = checkpoint::keep_newest(&shared.cluster, shared.node, &newest).await {
        shared.memory.write().newest.give_back(newest.into_iter().map(|(series, _)| series));
        return Err(error);
    }
    checkpoints.write(&shared.cluster, &kept).await
}

#[async_trait]
impl Readings for CassandraStore {
    async fn append(&self, batch: Batch) -> Commit {
        let (sender, commit) = Commit::pending();
        let jobs = self.jobs.lock().clone();
        match jobs {
            // A writer that is gone drops the job, which says *unknown*.
            Some(jobs) => drop(jobs.send(Job { batch, commit: sender }).await),
            None => drop(sender.send(CommitOutcome::NotStored("closed"))),
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
        let (asked, _) = self.asked(series, range, order)?;
        reading::read(&self.shared.cluster, &Asked { after, limit, ..asked }).await
    }

    async fn windows(&self, series: SeriesId, grid: Grid) -> Result<Vec<Window>, StoreError> {
        let (mut asked, kind) = self.asked(series, grid.range(), Order::Ascending)?;
        let mut windows = vec![Window::default(); grid.count()];
        loop {
            let page = reading::read(&self.shared.cluster, &asked).await?;
            for reading in &page {
                let index = grid.index_of(reading.key.time.millis());
                if let Some(window) = index.and_then(|index| windows.get_mut(index)) {
                    window.push_reading(kind, reading);
                }
            }
            if page.len() < asked.limit {
                return Ok(windows);
            }
            asked.after = page.last().map(|reading| reading.key);
        }
    }

    async fn latest(&self, series: &[SeriesId]) -> Result<Vec<Option<Reading>>, StoreError> {
        let mut latest = Vec::with_capacity(series.len());
        for id in series {
            let (asked, _) = self.asked(*id, TimeRange::ALL, Order::Descending)?;
            let known = self.shared.memory.read().newest.get(*id).map(|newest| newest.reading.clone());
            latest.push(match known {
                Some(reading) if asked.gone.contains(reading.key.time) => {
                    reading::read(&self.shared.cluster, &Asked { limit: 1, ..asked }).await?.pop()
                }
                known => known,
            });
        }
        Ok(latest)
    }

    async fn unread(&self, before: Option<UnreadId>, limit: usize) -> Result<Vec<UnreadRecord>, StoreError> {
        self.check_open()?;
        Ok(self.shared.memory.read().state.unread_before(before, limit))
    }

    async fn unread_one(&self, id: UnreadId) -> Result<Option<UnreadRecord>, StoreError> {
        self.check_open()?;
        Ok(self.shared.memory.read().state.unread().get(&id).cloned())
    }

    fn stats(&self) -> StoreStats {
        let memory = self.shared.memory.read();
        StoreStats {
            books: memory.state.books().clone(),
            unread: memory.state.unread().len() as u64,
            unread_dropped: memory.state.unread_dropped(),
            degraded: self.shared.cluster.degraded().into_iter().collect(),
            commits: memory.sequence,
            ..StoreStats::default()
        }
    }

    fn restored(&self) -> Restored {
        self.shared.memory.read().restored(Node(self.shared.node))
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.check_open()?;
        checkpoint(&self.shared, &self.checkpoints).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        let Some(jobs) = self.jobs.lock().take() else { return Ok(()) };
        drop(jobs);
        self.keeper.abort();
        let mut tasks = self.tasks.lock().await;
        let Tasks { writer, settle } = &mut *tasks;
        let all = async { tokio::join!(writer, settle) };
        if tokio::time::timeout(CLOSE_DEADLINE, all).await.is_err() {
            tasks.writer.abort();
            tasks.settle.abort();
            let why = format!("what was taken in is not at a quorum after {} s", CLOSE_DEADLINE.as_secs());
            return Err(failed("closing the store", std::io::Error::other(why)));
        }
        checkpoint(&self.shared, &self.checkpoints).await
    }
}
