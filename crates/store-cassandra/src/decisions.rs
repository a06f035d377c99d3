//! The one log of decisions for all servers: which devices and series exist and to whom readings belong. A record goes to the
//! next position by a lightweight transaction, so all servers apply the same records in the same order.

use futures_util::TryStreamExt;
use store::{Entry, StoreError};

use crate::cluster::{Cluster, failed, serial};
use crate::conditional::{Decided, decided};

/// Positions of one partition.
const CHUNK: u64 = 1_000;

/// One record.
#[derive(Debug)]
pub(crate) struct Decision {
    /// From 1, without gaps.
    pub(crate) position: u64,
    /// Whose it is.
    pub(crate) node: u8,
    pub(crate) entries: Vec<Entry>,
}

/// What an entry is: a decision, or a part of the journal of one server.
pub(crate) fn is_decision(entry: &Entry) -> bool {
    match entry {
        Entry::Device(_)
        | Entry::Series(_)
        | Entry::Hidden(_)
        | Entry::DeviceDeleted(_)
        | Entry::DeviceMerged(_)
        | Entry::Expired(_) => true,
        Entry::Message(_) | Entry::Unread(_) | Entry::UnreadDone(_) | Entry::Book(_) => false,
    }
}

fn place(position: u64) -> (i64, i64) {
    ((position / CHUNK).cast_signed(), position.cast_signed())
}

/// Takes `position` for `entries` and answers whether it is ours. An error leaves open whether it is.
async fn attempt(cluster: &Cluster, position: u64, node: u8, bytes: &[u8]) -> Result<bool, StoreError> {
    let (chunk, at) = place(position);
    let doing = "taking a decision";
    let answer = cluster.ask(doing, &cluster.statements.decide, (chunk, at, i32::from(node), bytes)).await?;
    if decided(doing, answer)? == Decided::Applied {
        return Ok(true);
    }
    // It may be an earlier attempt of ours that was not answered.
    holds(cluster, position, node, bytes).await.map(|holds| holds.unwrap_or(false))
}

/// Whether `position` is taken, and then whether by just this.
async fn holds(cluster: &Cluster, position: u64, node: u8, bytes: &[u8]) -> Result<Option<bool>, StoreError> {
    let doing = "reading a decision";
    let answer = cluster.ask(doing, &serial(&cluster.statements.decision), place(position)).await?;
    let rows = answer.into_rows_result().map_err(|error| failed(doing, error))?;
    let row = rows.maybe_first_row::<(i32, Vec<u8>)>().map_err(|error| failed(doing, error))?;
    Ok(row.map(|(by, found)| by == i32::from(node) && found == bytes))
}

/// Puts `entries` at `position` and answers whether they are there; repeats until that is known.
///
/// # Errors
/// The entries cannot be written as bytes.
pub(crate) async fn append(
    cluster: &Cluster,
    position: u64,
    node: u8,
    entries: &[&Entry],
) -> Result<bool, postcard::Error> {
    let bytes = postcard::to_stdvec(entries)?;
    let mut tries = cluster.tries("taking a decision");
    loop {
        if let Some(ours) = tries.again(attempt(cluster, position, node, &bytes).await).await {
            return Ok(ours);
        }
    }
}

/// The decisions from `position` on, in order, at most about a thousand at a time; an empty answer is the end.
///
/// # Errors
/// Cassandra does not answer, or a record cannot be read.
pub(crate) async fn read_from(cluster: &Cluster, position: u64) -> Result<Vec<Decision>, StoreError> {
    let doing = "reading the decisions";
    let statement = &cluster.statements.decisions;
    let mut rows = cluster.rows::<(i64, i32, Vec<u8>)>(doing, statement, place(position)).await?;
    let (mut decisions, mut next) = (Vec::new(), position);
    while let Some((at, node, bytes)) = rows.try_next().await? {
        if at.cast_unsigned() != next {
            break;
        }
        let damaged = |_| StoreError::Damaged(format!("decision {at} cannot be read"));
        let entries = postcard::from_bytes(&bytes).map_err(damaged)?;
        decisions.push(Decision { position: next, node: u8::try_from(node).unwrap_or(0), entries });
        next += 1;
    }
    Ok(decisions)
}
