//! What a server keeps of itself, so that its journal is read from there on: books, repeats, unread messages; what follows from the
//! decisions so far, so that their log is; and the newest readings, which are kept for all.
//!
//! A checkpoint is written beside the one before it, and counts when its head, part 0, names it. A server writes its own only.

use futures_util::TryStreamExt;
use model::SeriesId;
use parking_lot::RwLock;
use scylla::statement::batch::{Batch, BatchType};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::StoreError;

use crate::cluster::{Cluster, failed};
use crate::memory::{Common, Kept, Memory};
use crate::newest::Newest;

/// Bytes of one part.
const PART_BYTES: usize = 64 * 1024;
/// Parts of the two checkpoints lie so far apart.
const APART: i32 = 1_000_000;
/// Partitions of what follows from the decisions lie behind those of the servers themselves.
const COMMON: i32 = 1_000;
/// Partitions of the newest readings.
const SHARDS: u32 = 16;
/// Rows of one batch.
pub(crate) const BATCH_ROWS_MAX: usize = 100;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Head {
    /// Grows by one with each checkpoint.
    generation: u64,
    parts: i32,
}

impl Head {
    fn part(self, at: i32) -> i32 {
        1 + at + if self.generation.is_multiple_of(2) { 0 } else { APART }
    }
}

/// The checkpoints of one server.
pub(crate) struct Checkpoints {
    own: Slot,
    common: Slot,
    /// Of the last own one.
    sequence: u64,
    /// Decisions up to this position are in the common one.
    decided: u64,
    /// After so many more it is written anew.
    common_every: u64,
}

/// Where one checkpoint lies.
struct Slot {
    /// The partition.
    key: i32,
    generation: u64,
}

impl Checkpoints {
    /// The last ones of a server; what it does not know of the decisions may be known by one of the `others`.
    ///
    /// # Errors
    /// Cassandra does not answer, or one cannot be read.
    pub(crate) async fn read(
        cluster: &Cluster,
        node: u8,
        others: impl Iterator<Item = u8>,
        common_every: u64,
    ) -> Result<(Self, Kept, Common), StoreError> {
        let (own, kept) = Slot::read::<Kept>(cluster, i32::from(node)).await?;
        let (common, mut known) = Slot::read::<Common>(cluster, COMMON + i32::from(node)).await?;
        let decided = known.decided;
        if decided == 0 {
            for other in others {
                let (_, theirs) = Slot::read::<Common>(cluster, COMMON + i32::from(other)).await?;
                known = if theirs.decided > known.decided { theirs } else { known };
            }
        }
        let sequence = kept.sequence;
        Ok((Self { own, common, sequence, decided, common_every }, kept, known))
    }

    /// Whether the last one is of this sequence.
    pub(crate) fn has(&self, sequence: u64) -> bool {
        self.sequence == sequence
    }

    /// Keeps `kept`; it counts when this returns.
    pub(crate) async fn write(&mut self, cluster: &Cluster, kept: &Kept) -> Result<(), StoreError> {
        self.own.write(cluster, kept).await?;
        self.sequence = kept.sequence;
        Ok(())
    }

    /// Whether so much was decided since that a start would take long.
    pub(crate) fn wants_common(&self, decided: u64) -> bool {
        decided >= self.decided + self.common_every
    }

    /// Keeps what follows from the decisions so far.
    pub(crate) async fn write_common(&mut self, cluster: &Cluster, common: &Common) -> Result<(), StoreError> {
        self.common.write(cluster, common).await?;
        self.decided = common.decided;
        Ok(())
    }
}

/// What another server keeps of itself.
///
/// # Errors
/// As [`Checkpoints::read`].
pub(crate) async fn kept_of(cluster: &Cluster, node: u8) -> Result<Kept, StoreError> {
    Slot::read(cluster, i32::from(node)).await.map(|(_, kept)| kept)
}

impl Slot {
    async fn read<T: Default + DeserializeOwned>(cluster: &Cluster, key: i32) -> Result<(Self, T), StoreError> {
        let damaged = || StoreError::Damaged(format!("the checkpoint {key} cannot be read"));
        let Some(head) = part(cluster, key, 0).await? else { return Ok((Self { key, generation: 0 }, T::default())) };
        let head: Head = postcard::from_bytes(&head).map_err(|_| damaged())?;
        let mut bytes = Vec::new();
        for at in 0..head.parts {
            bytes.extend(part(cluster, key, head.part(at)).await?.ok_or_else(damaged)?);
        }
        let kept = postcard::from_bytes(&bytes).map_err(|_| damaged())?;
        Ok((Self { key, generation: head.generation }, kept))
    }

    async fn write(&mut self, cluster: &Cluster, body: &impl Serialize) -> Result<(), StoreError> {
        let unwritable = |_| StoreError::Damaged("a checkpoint cannot be written as bytes".to_owned());
        let bytes = postcard::to_stdvec(body).map_err(unwritable)?;
        let parts = bytes.chunks(PART_BYTES);
        let head = Head { generation: self.generation + 1, parts: i32::try_from(parts.len()).unwrap_or(i32::MAX) };
        for (at, body) in (0..).zip(parts) {
            self.put(cluster, head.part(at), body).await?;
        }
        self.put(cluster, 0, &postcard::to_stdvec(&head).map_err(unwritable)?).await?;
        self.generation = head.generation;
        Ok(())
    }

    async fn put(&self, cluster: &Cluster, part: i32, body: &[u8]) -> Result<(), StoreError> {
        let values = (self.key, part, body, cluster.write_time());
        cluster.ask("writing a checkpoint", &cluster.statements.put_checkpoint, values).await.map(drop)
    }
}

async fn part(cluster: &Cluster, key: i32, part: i32) -> Result<Option<Vec<u8>>, StoreError> {
    let doing = "reading a checkpoint";
    let answer = cluster.ask(doing, &cluster.statements.checkpoint, (key, part)).await?;
    let rows = answer.into_rows_result().map_err(|error| failed(doing, error))?;
    let row = rows.maybe_first_row::<(Vec<u8>,)>().map_err(|error| failed(doing, error))?;
    Ok(row.map(|(body,)| body))
}

/// shard, series, node, reading; write time.
type Row = (i32, i32, i32, Vec<u8>, i64);

/// Keeps newest readings, each in the row of its series and this node.
///
/// # Errors
/// Cassandra does not answer; nothing or a part of them is kept.
pub(crate) async fn keep_newest(cluster: &Cluster, node: u8, newest: &[(SeriesId, Newest)]) -> Result<(), StoreError> {
    let doing = "keeping the newest readings";
    let mut by_shard: Vec<Vec<Row>> = vec![Vec::new(); SHARDS as usize];
    for (series, newest) in newest {
        let bytes = postcard::to_stdvec(newest);
        let bytes = bytes.map_err(|_| StoreError::Damaged("a reading cannot be written as bytes".to_owned()))?;
        let shard = series.0 % SHARDS;
        let row = (shard.cast_signed(), series.0.cast_signed(), i32::from(node), bytes, cluster.write_time());
        if let Some(rows) = by_shard.get_mut(shard as usize) {
            rows.push(row);
        }
    }
    for rows in by_shard.iter().flat_map(|rows| rows.chunks(BATCH_ROWS_MAX)) {
        let statements = vec![cluster.statements.put_latest.clone().into(); rows.len()];
        let batch = Batch::new_with_statements(BatchType::Unlogged, statements);
        cluster.session.batch(&batch, rows).await.map_err(|error| failed(doing, error))?;
    }
    Ok(())
}

/// Puts the newest readings that any server kept into `memory`, which knows the series.
///
/// # Errors
/// Cassandra does not answer.
pub(crate) async fn read_newest(cluster: &Cluster, memory: &RwLock<Memory>) -> Result<(), StoreError> {
    let doing = "reading the newest readings";
    let mut of_absorbed = Vec::new();
    for shard in 0..SHARDS {
        let (statement, shard) = (&cluster.statements.latest, (shard.cast_signed(),));
        let mut rows = cluster.rows::<(i32, i32, Vec<u8>)>(doing, statement, shard).await?;
        while let Some((series, _, bytes)) = rows.try_next().await? {
            let series = SeriesId(series.cast_unsigned());
            let Ok(newest) = postcard::from_bytes::<Newest>(&bytes) else {
                // The series' readings are there; only what is shown first is older until the next one.
                tracing::warn!(series = series.0, "the newest reading cannot be read");
                continue;
            };
            let mut memory = memory.write();
            if memory.state.knows(series) { memory.offer(series, newest) } else { of_absorbed.push((series, newest)) }
        }
    }
    // What counts where both have one of the same key is there by now.
    let mut memory = memory.write();
    of_absorbed.into_iter().for_each(|(series, newest)| memory.offer(series, newest));
    Ok(())
}
