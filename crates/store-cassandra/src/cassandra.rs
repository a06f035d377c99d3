//! The store: opened, asked, closed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::Clock;
use model::{Kind, Reading, ReadingKey, SeriesId, TimeRange};
use parking_lot::Mutex;
use scylla::client::session::Session;
use store::{
    Batch, Catalog, CatalogError, Claim, Commit, CommitOutcome, Degraded, Document, Expected, Foreign, Node,
    NodeReport, Order, Readings, Restored, StoreError, StoreStats, UnreadId, UnreadRecord, Version, Write,
};
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::task::JoinHandle;
use uuid::Uuid;
use windows::{Grid, Window};

use crate::catalog::CassandraCatalog;
use crate::checkpoint::{self, Checkpoints};
use crate::checks::{Checks, ONE_COPY};
use crate::cluster::{Cluster, failed};
use crate::compactor::Compactor;
use crate::connect::connect;
use crate::journal::{self, Reached};
use crate::memory::Memory;
use crate::nodes::{Nodes, Own};
use crate::open_error::OpenError;
use crate::peers::{self, Peers};
use crate::periods::Periods;
use crate::reading::{self, Asked};
use crate::rounds::{Rounds, Which};
use crate::schema::{Keyspace, bring_up};
use crate::statements::Statements;
use crate::target::Target;
use crate::windowing;
use crate::write::{GROUPS_WAITING_MAX, JOBS_MAX, Job, Shared, Writer, settle_in_order};

/// How often a checkpoint is made while something comes in.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
/// See [`Options::common_every`].
const COMMON_EVERY: u64 = 500;
/// How long closing waits for what is under way. Then it is left as it is: not acknowledged, and written out at the next start.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);

/// What may be chosen of a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// The keyspace, which is there with its tables.
    pub keyspace: String,
    /// The number of this server, which no other one has.
    pub node: Node,
    /// Unread messages kept. Beyond it the oldest is dropped and counted.
    pub unread_max: usize,
    /// Decisions after which what follows from them is kept anew, so that a start need not read them all.
    pub common_every: u64,
}

/// What a server needs to share a store.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The cluster and keyspace.
    pub target: Target,
    /// What tells this server from the others, kept in its data directory: under it, it comes back to its own journal.
    pub owner: Uuid,
    /// Where others find its page, such as `http://10.0.0.5:8080`.
    pub http: String,
    /// Of the program.
    pub version: String,
    /// Unread messages kept. Beyond it the oldest is dropped and counted.
    pub unread_max: usize,
}

/// Both ports in one keyspace, for one server among those that share it.
pub struct CassandraStore {
    shared: Arc<Shared>,
    catalog: CassandraCatalog,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    tasks: AsyncMutex<Tasks>,
    checkpoints: Arc<AsyncMutex<Checkpoints>>,
    /// Works beside as long as the store is open.
    beside: Vec<JoinHandle<()>>,
    rounds: Arc<Rounds>,
    /// What of the cluster's settings is to be warned of; none where they were not looked at.
    checks: Option<Arc<Checks>>,
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
        Self::begin(session, options, clock, None).await
    }

    /// Connects, makes or upgrades the keyspace, takes a number among the servers, and goes on where the one of that number
    /// stopped. What others do is followed from then on.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub async fn start(opening: &Opening, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let Opening { target, owner, http, version, unread_max } = opening.clone();
        let session = Arc::new(connect(&target).await?);
        let Keyspace { name: keyspace, datacenter, .. } = bring_up(&session, &target).await?;
        let checks = Arc::new(Checks::begin(Arc::clone(&session), target, datacenter).await);
        for warning in checks.found() {
            tracing::warn!(code = warning.code, "{}", warning.sentence);
        }
        let own = Own { owner, http, version };
        let nodes = Nodes::join(Arc::clone(&session), &keyspace, own, Arc::clone(&clock)).await.map_err(unopened)?;
        let options = Options { keyspace, node: nodes.number(), unread_max, common_every: COMMON_EVERY };
        let mut store = Self::begin(session, options, clock, Some(Arc::new(nodes))).await.map_err(unopened)?;
        store.beside.push(tokio::spawn(Arc::clone(&checks).keep()));
        store.checks = Some(checks);
        Ok(store)
    }

    async fn begin(
        session: Arc<Session>,
        options: Options,
        clock: Arc<dyn Clock>,
        nodes: Option<Arc<Nodes>>,
    ) -> Result<Self, StoreError> {
        let catalog = CassandraCatalog::open(&session, &options.keyspace, options.node).await?;
        let doing = "preparing the statements";
        let statements =
            Statements::prepare(&session, &options.keyspace).await.map_err(|error| failed(doing, error))?;
        let cluster = Cluster::new(session, statements, clock);
        let node = options.node.0;
        let others = nodes.iter().flat_map(|nodes| nodes.others()).map(|other| other.node);
        let (checkpoints, kept, common) = Checkpoints::read(&cluster, node, others, options.common_every).await?;
        cluster.written_until(kept.written);
        let shared = Shared::new(cluster, Memory::resume(options.unread_max, kept, common), node, nodes.clone());
        shared.follow_decisions().await?;
        checkpoint::read_newest(&shared.cluster, &shared.memory).await?;
        replay(&shared).await?;
        let mut peers = Peers::default();
        if let Some(nodes) = &nodes {
            peers.follow(&shared, &nodes.others(), false).await?;
        }

        let shared = Arc::new(shared);
        let (jobs, jobs_out) = mpsc::channel(JOBS_MAX);
        let (groups, groups_out) = mpsc::channel(GROUPS_WAITING_MAX);
        let writer = tokio::spawn(Writer::new(Arc::clone(&shared)).run(jobs_out, groups));
        let settle = tokio::spawn(settle_in_order(Arc::clone(&shared), groups_out));
        let checkpoints = Arc::new(AsyncMutex::new(checkpoints));
        let mut beside = vec![tokio::spawn(keep(Arc::clone(&shared), Arc::clone(&checkpoints)))];
        if let Some(nodes) = nodes {
            let changes = catalog.changes().await?;
            beside.push(tokio::spawn(peers::beat(Arc::clone(&shared), Arc::clone(&nodes))));
            beside.push(tokio::spawn(peers::follow(Arc::clone(&shared), nodes, peers, changes)));
        }
        let readers = Arc::<Shared>::clone(&shared);
        let compactor = Compactor::new(readers, u32::from(shared.node), Periods::default());
        let rounds = Arc::new(Rounds::new(compactor));
        beside.push(tokio::spawn(compact(Arc::clone(&shared), Arc::clone(&rounds))));
        let tasks = AsyncMutex::new(Tasks { writer, settle });
        Ok(Self { shared, catalog, jobs: Mutex::new(Some(jobs)), tasks, checkpoints, checks: None, beside, rounds })
    }

    fn asked(&self, series: SeriesId, range: TimeRange, order: Order) -> Result<(Asked, Kind), StoreError> {
        self.check_open()?;
        let memory = self.shared.memory.read();
        let record = memory.state.series().get(&series).ok_or(StoreError::UnknownSeries(series))?;
        let (places, gone) = (memory.places.of(series), memory.state.gone(series));
        Ok((Asked { places, gone, range, order, after: None, limit: usize::MAX }, record.kind))
    }

    fn degraded(&self) -> Vec<Degraded> {
        let mut ended = self.beside.iter().any(JoinHandle::is_finished);
        if let Ok(tasks) = self.tasks.try_lock() {
            ended |= tasks.writer.is_finished() || tasks.settle.is_finished();
        }
        let ended = (ended && self.jobs.lock().is_some()).then(|| Degraded {
            code: "store_task_ended",
            detail: "A part of the store has ended by a fault. What was acknowledged is stored; start the server again"
                .to_owned(),
        });
        // One copy is what a single node can keep; it is said in the log, and no reason to call the server degraded.
        let settings = self.checks.iter().flat_map(|checks| checks.found()).filter(|found| found.code != ONE_COPY);
        let of_settings = settings.map(Degraded::from);
        let of_nodes = self.shared.nodes.iter().flat_map(|nodes| nodes.degraded());
        let of_store = self.shared.cluster.degraded().into_iter().chain(ended).chain(self.rounds.degraded());
        of_store.chain(of_nodes).chain(of_settings).collect()
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.jobs.lock().is_some() { Ok(()) } else { Err(StoreError::Closed) }
    }
}

fn unopened(error: StoreError) -> OpenError {
    let why = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
    OpenError::Failed { doing: "opening the store".to_owned(), why: format!("{error}{why}") }
}

impl Drop for CassandraStore {
    /// As in a crash: what is under way is left as it is.
    fn drop(&mut self) {
        self.beside.iter().for_each(JoinHandle::abort);
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
    // What a replica that was away may still have behind this is older than it, and nobody takes it for ours.
    let (written, end) = (shared.cluster.write_time(), journal::encode(0, settled, &[]));
    let end = end.map_err(|_| StoreError::Damaged("a record cannot be written as bytes".to_owned()))?;
    journal::write(&shared.cluster, shared.node, reached.next, written, &end).await;
    Ok(())
}

/// Goes the rounds of compacting as long as the store is open.
async fn compact(shared: Arc<Shared>, rounds: Arc<Rounds>) {
    rounds.run(&shared.cluster).await;
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
    {
        let memory = shared.memory.read();
        if checkpoints.has(memory.sequence) && !checkpoints.wants_common(memory.decided) {
            return Ok(());
        }
    }
    let (kept, newest) = {
        let mut memory = shared.memory.write();
        (memory.kept(), memory.newest.take_changed())
    };
    if let Err(error) = checkpoint::keep_newest(&shared.cluster, shared.node, &newest).await {
        shared.memory.write().newest.give_back(newest.into_iter().map(|(series, _)| series));
        return Err(error);
    }
    checkpoints.write(&shared.cluster, &kept).await?;
    let common = {
        let memory = shared.memory.read();
        checkpoints.wants_common(memory.decided).then(|| memory.common())
    };
    match common {
        Some(common) => checkpoints.write_common(&shared.cluster, &common).await,
        None => Ok(()),
    }
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
        let (Asked { places, gone, .. }, kind) = self.asked(series, grid.range(), Order::Ascending)?;
        windowing::windows(&self.shared.cluster, &places, &gone, kind, &grid).await
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
            degraded: self.degraded(),
            commits: memory.sequence,
            ..StoreStats::default()
        }
    }

    fn restored(&self) -> Restored {
        self.shared.memory.read().restored(Node(self.shared.node))
    }

    fn foreign(&self) -> Option<mpsc::Receiver<Foreign>> {
        self.shared.nodes.as_ref().map(|_| self.shared.listener.listen())
    }

    fn nodes(&self) -> Vec<NodeReport> {
        let lags = self.shared.lags.lock().clone();
        self.shared.nodes.as_ref().map(|nodes| nodes.reports(|node| lags.get(&node).copied())).unwrap_or_default()
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.check_open()?;
        checkpoint(&self.shared, &self.checkpoints).await?;
        let round = self.rounds.round(&self.shared.cluster, Which::Over).await?;
        match round.failed {
            0 => Ok(()),
            days => {
                let why = std::io::Error::other(format!("{days} days stay in rows for now"));
                Err(failed("compacting", why))
            }
        }
    }

    async fn close(&self) -> Result<(), StoreError> {
        let Some(jobs) = self.jobs.lock().take() else { return Ok(()) };
        drop(jobs);
        self.beside.iter().for_each(JoinHandle::abort);
        let mut tasks = self.tasks.lock().await;
        let Tasks { writer, settle } = &mut *tasks;
        let all = async { tokio::join!(writer, settle) };
        if tokio::time::timeout(CLOSE_DEADLINE, all).await.is_err() {
            tasks.writer.abort();
            tasks.settle.abort();
            let why = format!("what was taken in is not at a quorum after {} s", CLOSE_DEADLINE.as_secs());
            return Err(failed("closing the store", std::io::Error::other(why)));
        }
        checkpoint(&self.shared, &self.checkpoints).await?;
        if let Some(nodes) = &self.shared.nodes {
            nodes.leave().await;
        }
        Ok(())
    }
}

#[async_trait]
impl Catalog for CassandraStore {
    async fn get(&self, kind: &str, id: &str) -> Result<Option<Document>, CatalogError> {
        self.catalog.get(kind, id).await
    }

    async fn put(
        &self,
        kind: &str,
        id: &str,
        expected: Expected,
        body: &str,
        claims: &[Claim],
    ) -> Result<Version, CatalogError> {
        self.catalog.put(kind, id, expected, body, claims).await
    }

    async fn put_all(&self, kind: &str, writes: Vec<Write>) -> Result<Vec<Option<Version>>, CatalogError> {
        self.catalog.put_all(kind, writes).await
    }

    async fn remove(&self, kind: &str, id: &str, version: Version) -> Result<(), CatalogError> {
        self.catalog.remove(kind, id, version).await
    }

    async fn list(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>, CatalogError> {
        self.catalog.list(kind, after, limit).await
    }
}
