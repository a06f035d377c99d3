//! What a server keeps of itself, so that its journal is read from there on: books, repeats, unread messages; and the newest
//! readings, which are kept for all.
//!
//! A checkpoint is written beside the one before it, and counts when its head, part 0, names it.

use futures_util::TryStreamExt;
use model::SeriesId;
use parking_lot::RwLock;
use scylla::statement::batch::{Batch, BatchType};
use serde::{Deserialize, Serialize};
use store::StoreError;

use crate::cluster::{Cluster, failed};
use crate::memory::{Kept, Memory};
use crate::newest::Newest;

/// Bytes of one part.
const PART_BYTES: usize = 64 * 1024;
/// Parts of the two checkpoints lie so far apart.
const APART: i32 = 1_000_000;
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

/// Writes checkpoints of one server.
pub(crate) struct Checkpoints {
    node: i32,
    generation: u64,
}

impl Checkpoints {
    /// The last checkpoint of a node.
    ///
    /// # Errors
    /// Cassandra does not answer, or it cannot be read.
    pub(crate) async fn read(cluster: &Cluster, node: u8) -> Result<(Self, Kept), StoreError> {
        let node = i32::from(node);
        let damaged = || StoreError::Damaged(format!("the checkpoint of node {node} cannot be read"));
        let Some(head) = part(cluster, node, 0).await? else {
            return Ok((Self { node, generation: 0 }, Kept::default()));
        };
        let head: Head = postcard::from_bytes(&head).map_err(|_| damaged())?;
        let mut bytes = Vec::new();
        for at in 0..head.parts {
            bytes.extend(part(cluster, node, head.part(at)).await?.ok_or_else(damaged)?);
        }
        let kept = postcard::from_bytes(&bytes).map_err(|_| damaged())?;
        Ok((Self { node, generation: head.generation }, kept))
    }

    /// Keeps `kept`; it counts when this returns.
    pub(crate) async fn write(&mut self, cluster: &Cluster, kept: &Kept) -> Result<(), StoreError> {
        let unwritable = |_| StoreError::Damaged("a checkpoint cannot be written as bytes".to_owned());
        let bytes = postcard::to_stdvec(kept).map_err(unwritable)?;
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
        let values = (self.node, part, body, cluster.write_time());
        cluster.ask("writing a checkpoint", &cluster.statements.put_checkpoint, values).await.map(drop)
    }
}

async fn part(cluster: &Cluster, node: i32, part: i32) -> Result<Option<Vec<u8>>, StoreError> {
    let doing = "reading a checkpoint";
    let answer = cluster.ask(doing, &cluster.statements.checkpoint, (node, part)).await?;
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
        let statement = cluster.statements.latest.clone();
        let pager = cluster.session.execute_iter(statement, (shard.cast_signed(),)).await;
        let pager = pager.map_err(|error| failed(doing, error))?;
        let mut rows = pager.rows_stream::<(i32, i32, Vec<u8>)>().map_err(|error| failed(doing, error))?;
        while let Some((series, _, bytes)) = rows.try_next().await.map_err(|error| failed(doing, error))? {
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
