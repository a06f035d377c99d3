//! The journal of one server: what it took in, in order. A record makes its batches whole, and nothing of them is written
//! before it is there.

use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use store::{Batch, Entry, StoreError};

use crate::cluster::Cluster;
use crate::decisions::is_decision;

/// Sequences of one partition.
const CHUNK: u64 = 1_000;
/// First byte of every record.
const FORMAT: u8 = 1;
/// Room for an entry of the usual size; larger ones make it grow.
const ENTRY_BYTES: usize = 96;

/// Batches that were written together, without the decisions in them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Record {
    /// Decisions up to this position are older than the record.
    pub(crate) decided: u64,
    /// Batches up to this sequence were at a quorum, rows and all, when it was written.
    pub(crate) settled: u64,
    /// In order; the first has the sequence of the record.
    pub(crate) batches: Vec<Batch>,
}

/// The same, to be written.
#[derive(Serialize)]
struct Written<'a> {
    decided: u64,
    settled: u64,
    batches: Vec<WrittenBatch<'a>>,
}

#[derive(Serialize)]
struct WrittenBatch<'a> {
    entries: Vec<&'a Entry>,
}

/// A record as it was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Of its first batch.
    pub(crate) first: u64,
    /// Its write time and that of its rows, in microseconds.
    pub(crate) written: i64,
    pub(crate) record: Record,
}

impl Found {
    /// The sequence of the batch behind the record.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.record.batches.len() as u64
    }
}

fn place(sequence: u64) -> (i64, i64) {
    ((sequence / CHUNK).cast_signed(), sequence.cast_signed())
}

/// The bytes of the [`Record`] of `batches`, without the decisions in them.
pub(crate) fn encode(decided: u64, settled: u64, batches: &[Batch]) -> Result<Vec<u8>, postcard::Error> {
    let entries: usize = batches.iter().map(|batch| batch.entries.len()).sum();
    let batches = batches
        .iter()
        .map(|batch| WrittenBatch { entries: batch.entries.iter().filter(|entry| !is_decision(entry)).collect() })
        .collect();
    let mut bytes = Vec::with_capacity(1 + entries * ENTRY_BYTES);
    bytes.push(FORMAT);
    postcard::to_extend(&Written { decided, settled, batches }, bytes)
}

fn decode(bytes: &[u8]) -> Option<Record> {
    let (&FORMAT, record) = bytes.split_first()? else { return None };
    postcard::from_bytes(record).ok()
}

/// Writes a record until it is known to be there.
pub(crate) async fn write(cluster: &Cluster, node: u8, first: u64, written: i64, bytes: &[u8]) {
    let (chunk, sequence) = place(first);
    let values = (i32::from(node), chunk, sequence, written, bytes, written);
    cluster.put("writing the journal", &cluster.statements.put_journal, values).await;
}

/// Up to where a journal was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached {
    /// The sequence of the next record.
    pub(crate) next: u64,
    /// The write time of the last one. What is older behind it was left over when the server died and was never whole.
    pub(crate) written: i64,
}

/// The records behind `reached`, in order and without a gap, which is moved along; at most about a thousand sequences at a
/// time, and an empty answer is the end for now.
///
/// # Errors
/// Cassandra does not answer, or a record cannot be read.
pub(crate) async fn read_on(cluster: &Cluster, node: u8, reached: &mut Reached) -> Result<Vec<Found>, StoreError> {
    let doing = "reading the journal";
    let (chunk, sequence) = place(reached.next);
    let values = (i32::from(node), chunk, sequence);
    let mut rows = cluster.rows::<(i64, i64, Vec<u8>)>(doing, &cluster.statements.journal, values).await?;
    let mut records = Vec::new();
    while let Some((at, written, bytes)) = rows.try_next().await? {
        let first = at.cast_unsigned();
        if first < reached.next {
            continue;
        }
        if first > reached.next || written <= reached.written {
            break;
        }
        let damaged = || StoreError::Damaged(format!("record {first} of the journal of node {node} cannot be read"));
        let found = Found { first, written, record: decode(&bytes).ok_or_else(damaged)? };
        *reached = Reached { next: found.next(), written };
        records.push(found);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_another_format_and_cut_ones_are_not_read() {
        let unread = Entry::UnreadDone(store::UnreadId(4));
        let decision = Entry::DeviceDeleted(model::DeviceId(1));
        let batches = [Batch { entries: vec![decision, unread.clone()] }, Batch::default()];
        let mut bytes = encode(3, 7, &batches).unwrap();
        let batches = vec![Batch { entries: vec![unread] }, Batch::default()];
        let record = Record { decided: 3, settled: 7, batches };
        assert_eq!(decode(&bytes), Some(record));
        assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        bytes[0] = 2;
        assert_eq!(decode(&bytes), None);
        assert_eq!(decode(&[]), None);
    }
}
