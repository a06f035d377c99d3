//! From batches to rows at a quorum.
//!
//! One task takes everything that waits, checks it, puts the decisions among it into their log and makes one group of it.
//! A few groups are under way at one time: each writes its record of the journal, then, when the records of all before it are
//! there as well, its rows. A second task settles them in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use model::{Reading, ReadingKey, SeriesId};
use parking_lot::{Mutex, RwLock};
use scylla::errors::ExecutionError;
use scylla::statement::batch::{Batch as Rows, BatchType};
use store::{Batch, CommitOutcome, Entry, Gate, Sequence};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::checkpoint::BATCH_ROWS_MAX;
use crate::cluster::Cluster;
use crate::decisions::{self, is_decision};
use crate::journal;
use crate::memory::Memory;
use crate::nodes::Nodes;
use crate::peers::{self, Listener};
use crate::places::day_of;
use crate::row;
use crate::touches::{HomeDay, Touches};

/// Batches that wait; whoever brings another one waits.
pub(crate) const JOBS_MAX: usize = 64;
/// Groups under way at one time. More makes them smaller, fewer leaves Cassandra waiting.
const GROUPS_MAX: usize = 4;
/// A record of the journal is not made much larger: Cassandra refuses a write of half a segment of its commit log.
const RECORD_BYTES_AIM: usize = 2 * 1024 * 1024;
/// Groups that wait to be settled; the writer waits when there are more.
pub(crate) const GROUPS_WAITING_MAX: usize = 2 * GROUPS_MAX;

/// What the tasks of a store share.
pub(crate) struct Shared {
    pub(crate) cluster: Cluster,
    pub(crate) memory: RwLock<Memory>,
    pub(crate) node: u8,
    pub(crate) listener: Listener,
    /// How long the last record of each other server took until it was seen here, in milliseconds.
    pub(crate) lags: Mutex<BTreeMap<u8, u64>>,
    /// None for a store that no other server shares.
    pub(crate) nodes: Option<Arc<Nodes>>,
    touches: Mutex<Touches>,
}

/// A batch and whoever waits for its fate.
pub(crate) struct Job {
    pub(crate) batch: Batch,
    pub(crate) commit: oneshot::Sender<CommitOutcome>,
}

/// Jobs under way together: the fate of each, in order, once `done`.
pub(crate) struct Group {
    commits: Vec<(oneshot::Sender<CommitOutcome>, Result<(), &'static str>)>,
    /// Of the jobs that were taken.
    batches: Arc<Vec<Batch>>,
    written: i64,
    done: oneshot::Receiver<()>,
}

impl Shared {
    pub(crate) fn new(cluster: Cluster, memory: Memory, node: u8, nodes: Option<Arc<Nodes>>) -> Self {
        let (listener, lags, touches) = (Listener::default(), Mutex::default(), Mutex::default());
        Self { cluster, memory: RwLock::new(memory), node, listener, lags, nodes, touches }
    }

    /// Applies decisions of other servers up to the end of their log.
    pub(crate) async fn follow_decisions(&self) -> Result<(), store::StoreError> {
        loop {
            let next = self.memory.read().decided + 1;
            let found = decisions::read_from(&self.cluster, next).await?;
            if found.is_empty() {
                return Ok(());
            }
            let mut memory = self.memory.write();
            for decision in found {
                // Told in their order, which only holds while nobody else applies some.
                if decision.position == memory.decided + 1 {
                    memory.decide(&decision.entries);
                    if decision.node != self.node {
                        self.listener.tell(peers::told(decision.node, decision.entries));
                    }
                }
            }
            memory.gate = Gate::behind(&memory.state);
        }
    }

    /// Writes the rows of batches, each partition until it is known to be written.
    pub(crate) async fn write_rows(&self, batches: &[Batch], written: i64) {
        let partitions = self.partitions(batches);
        join_all(partitions.iter().map(|(day, rows)| self.write_partition(*day, rows, written))).await;
    }

    /// The readings by partition; of equal keys the later one.
    fn partitions<'a>(&self, batches: &'a [Batch]) -> BTreeMap<HomeDay, Partition<'a>> {
        let memory = self.memory.read();
        let mut partitions: BTreeMap<HomeDay, Partition<'a>> = BTreeMap::new();
        for entry in batches.iter().flat_map(|batch| &batch.entries) {
            let Entry::Message(message) = entry else { continue };
            for item in &message.readings {
                let Some(home) = memory.places.row_home(item.series) else { continue };
                let key = item.reading.key;
                let partition = partitions.entry(HomeDay { home, day: day_of(key.time.millis()) }).or_default();
                partition.insert((item.series, key), &item.reading);
            }
        }
        partitions
    }

    async fn write_partition(&self, day: HomeDay, partition: &Partition<'_>, written: i64) {
        let cluster = &self.cluster;
        let home_id = day.home.0.cast_signed();
        let row = |((series, key), reading): (&(SeriesId, ReadingKey), &&Reading)| {
            // A reading of ours always has bytes.
            let cell = row::encode(reading).unwrap_or_default();
            (home_id, day.day, series.0.cast_signed(), key.time.millis(), i64::from(key.n), cell, written)
        };
        let rows: Vec<_> = partition.iter().map(row).collect();
        for rows in rows.chunks(BATCH_ROWS_MAX) {
            let statements = vec![cluster.statements.put_reading.clone().into(); rows.len()];
            let mut batch = Rows::new_with_statements(BatchType::Unlogged, statements);
            batch.set_is_idempotent(true);
            let mut tries = cluster.tries("writing readings");
            let attempt = || async {
                self.touch(day).await?;
                match rows {
                    [row] => cluster.session.execute_unpaged(&cluster.statements.put_reading, row).await.map(drop),
                    rows => cluster.session.batch(&batch, rows).await.map(drop),
                }
            };
            while tries.again(cluster.held(attempt()).await).await.is_none() {}
        }
    }

    /// Makes sure that the compactor will look at a day that is written to in this hour. Asked before each attempt: one that
    /// succeeds hours after the first has a touch of its own hour.
    async fn touch(&self, day: HomeDay) -> Result<(), ExecutionError> {
        let (cluster, hour) = (&self.cluster, self.cluster.hour());
        if !self.touches.lock().needed(day, hour) {
            return Ok(());
        }
        let values = (day.home.0.cast_signed(), day.day, i32::from(self.node), hour, cluster.write_time());
        cluster.session.execute_unpaged(&cluster.statements.put_touch, values).await?;
        self.touches.lock().done(day, hour);
        Ok(())
    }
}

type Partition<'a> = BTreeMap<(SeriesId, ReadingKey), &'a Reading>;

/// Takes jobs; see the module.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    next: u64,
    /// Whether the records of all groups so far are there.
    recorded: oneshot::Receiver<()>,
    places: Arc<Semaphore>,
    under_way: JoinSet<()>,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let next = shared.memory.read().sequence + 1;
        let (nothing_before, recorded) = oneshot::channel();
        // The receiver is in our hands.
        let _ = nothing_before.send(());
        Self { shared, next, recorded, places: Arc::new(Semaphore::new(GROUPS_MAX)), under_way: JoinSet::new() }
    }

    /// Until nobody can bring a job any more and all groups are written.
    pub(crate) async fn run(mut self, mut jobs: mpsc::Receiver<Job>, groups: mpsc::Sender<Group>) {
        let mut taken = Vec::with_capacity(JOBS_MAX);
        while !taken.is_empty() || jobs.recv_many(&mut taken, JOBS_MAX).await > 0 {
            let places = Arc::clone(&self.places);
            // Never closed.
            let Ok(place) = places.acquire_owned().await else { return };
            while taken.len() < JOBS_MAX
                && let Ok(job) = jobs.try_recv()
            {
                taken.push(job);
            }
            if let Some(nodes) = &self.shared.nodes
                && !nodes.may_write().await
            {
                return;
            }
            let later = taken.split_off(fitting(&taken));
            let fates = self.admit(&taken).await;
            let group = self.launch(taken.drain(..).zip(fates).collect(), place);
            taken = later;
            if groups.send(group).await.is_err() {
                return;
            }
            while self.under_way.try_join_next().is_some() {}
        }
        while self.under_way.join_next().await.is_some() {}
    }

    /// Decides which jobs are taken, and puts the decisions among them into their log.
    async fn admit(&self, jobs: &[Job]) -> Vec<Result<(), &'static str>> {
        loop {
            let (position, fates) = {
                let mut memory = self.shared.memory.write();
                (memory.decided + 1, jobs.iter().map(|job| admit_one(&mut memory, &job.batch)).collect::<Vec<_>>())
            };
            let admitted = jobs.iter().zip(&fates).filter(|(_, fate)| fate.is_ok());
            let decisions: Vec<&Entry> =
                admitted.flat_map(|(job, _)| &job.batch.entries).filter(|entry| is_decision(entry)).collect();
            if decisions.is_empty() {
                return fates;
            }
            match decisions::append(&self.shared.cluster, position, self.shared.node, &decisions).await {
                Ok(true) => {
                    let entries: Vec<Entry> = decisions.into_iter().cloned().collect();
                    let mut memory = self.shared.memory.write();
                    // Unless whoever follows the log has seen it there already.
                    if memory.decided + 1 == position {
                        memory.decide(&entries);
                    }
                    return fates;
                }
                Ok(false) => {
                    let mut tries = self.shared.cluster.tries("following the decisions");
                    while tries.again(self.shared.follow_decisions().await).await.is_none() {}
                    self.shared.memory.write().forget_admitted();
                }
                Err(error) => {
                    tracing::error!(%error, "a decision cannot be written as bytes");
                    self.shared.memory.write().forget_admitted();
                    return fates.into_iter().map(|fate| fate.and(Err("unwritable"))).collect();
                }
            }
        }
    }

    fn launch(&mut self, jobs: Vec<(Job, Result<(), &'static str>)>, place: OwnedSemaphorePermit) -> Group {
        let (mut commits, mut batches) = (Vec::with_capacity(jobs.len()), Vec::with_capacity(jobs.len()));
        for (Job { batch, commit }, fate) in jobs {
            if fate.is_ok() {
                batches.push(batch);
            }
            commits.push((commit, fate));
        }
        let (tell_done, done) = oneshot::channel();
        let (first, written, batches) = (self.next, self.shared.cluster.write_time(), Arc::new(batches));
        self.next += batches.len() as u64;
        let group = Group { commits, batches: Arc::clone(&batches), written, done };
        if batches.is_empty() {
            // The receiver is in our hands.
            let _ = tell_done.send(());
            return group;
        }
        let (tell_recorded, recorded) = oneshot::channel();
        let before = std::mem::replace(&mut self.recorded, recorded);
        let shared = Arc::clone(&self.shared);
        self.under_way.spawn(async move {
            let _place = place;
            let (decided, settled) = {
                let memory = shared.memory.read();
                (memory.decided, memory.sequence)
            };
            let bytes = match journal::encode(decided, settled, &batches) {
                Ok(bytes) => bytes,
                // Nobody is told anything, so nothing is acknowledged.
                Err(error) => return tracing::error!(%error, "a record cannot be written as bytes"),
            };
            let (before, ()) =
                tokio::join!(before, journal::write(&shared.cluster, shared.node, first, written, &bytes));
            if before.is_err() {
                return;
            }
            // Who waits for them may be gone with the whole store.
            let _ = tell_recorded.send(());
            shared.write_rows(&batches, written).await;
            let _ = tell_done.send(());
        });
        group
    }
}

/// How many jobs, at least one, go into a record of [`RECORD_BYTES_AIM`].
fn fitting(jobs: &[Job]) -> usize {
    let mut bytes = 0;
    let heavy = |job: &Job| {
        bytes += job.batch.entries.iter().map(weight).sum::<usize>();
        bytes > RECORD_BYTES_AIM
    };
    jobs.iter().position(heavy).map_or(jobs.len(), |at| at.max(1))
}

/// About the bytes of an entry in the journal.
fn weight(entry: &Entry) -> usize {
    match entry {
        Entry::Message(message) => {
            let texts = message.readings.iter().map(|item| match &item.reading.value {
                model::Value::Text(text) => text.len(),
                model::Value::Number(_) | model::Value::Bool(_) => 0,
            });
            32 + 32 * message.readings.len() + texts.sum::<usize>()
        }
        Entry::Unread(record) => 128 + record.payload.len(),
        Entry::Device(_)
        | Entry::Series(_)
        | Entry::UnreadDone(_)
        | Entry::Book(_)
        | Entry::Hidden(_)
        | Entry::DeviceDeleted(_)
        | Entry::DeviceMerged(_)
        | Entry::Expired(_) => 128,
    }
}

fn admit_one(memory: &mut Memory, batch: &Batch) -> Result<(), &'static str> {
    if batch.entries.iter().any(|entry| memory.is_taken(entry)) {
        return Err("taken");
    }
    memory.gate.admit(&batch.entries).map_err(store::Refusal::as_str)
}

/// Tells the fates in order. One that is never known ends it: the senders of all behind are dropped, which says *unknown*.
pub(crate) async fn settle_in_order(shared: Arc<Shared>, mut groups: mpsc::Receiver<Group>) {
    while let Some(Group { commits, batches, written, done }) = groups.recv().await {
        if done.await.is_err() {
            return;
        }
        let mut batches = batches.iter();
        for (commit, fate) in commits {
            let outcome = match fate {
                Ok(()) => {
                    let mut memory = shared.memory.write();
                    batches.next().iter().for_each(|batch| memory.settle(batch, written));
                    CommitOutcome::Durable(Sequence(memory.sequence))
                }
                Err(reason) => CommitOutcome::NotStored(reason),
            };
            // Whoever does not wait any more is not told.
            let _ = commit.send(outcome);
        }
    }
}
