//! The port for readings.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use model::{Book, Reading, ReadingKey, SeriesId, SourceName, TimeRange, Timestamp};
use tokio::sync::{mpsc, oneshot};
use windows::{Grid, Window};

use crate::{
    Batch, DeviceRecord, Foreign, Gone, GoneCounts, Node, NodeReport, RepeatMark, SeriesRecord, UnreadId, UnreadRecord,
};

/// A position in the log. Grows by one with every batch, over restarts too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// On stable storage and readable. Says nothing about novelty.
    Durable(Sequence),
    /// Certainly not stored, and why: `closed`, `too_large`, or a [`crate::Refusal`].
    NotStored(&'static str),
    /// May or may not be stored. Repeat the same write or drop the connection; never acknowledge.
    Unknown,
}

/// Resolves when the fate of a batch is known; commits resolve in the order of their appends.
#[derive(Debug)]
pub struct Commit(oneshot::Receiver<CommitOutcome>);

impl Commit {
    /// A commit and the store's end of it. A store that drops its end makes the outcome unknown.
    #[must_use]
    pub fn pending() -> (oneshot::Sender<CommitOutcome>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }
}

impl Future for Commit {
    type Output = CommitOutcome;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CommitOutcome> {
        Pin::new(&mut self.0).poll(context).map(|outcome| outcome.unwrap_or(CommitOutcome::Unknown))
    }
}

/// Direction of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// A read that failed. The store stays usable.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No series of that id.
    #[error("series {} does not exist", .0.0)]
    UnknownSeries(SeriesId),
    /// Stored bytes do not match their checksum; the rest is served.
    #[error("stored readings are damaged: {0}")]
    Damaged(String),
    /// The medium failed.
    #[error("{doing} failed")]
    Io {
        /// What was attempted, on what.
        doing: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

/// How new the readings of a source were: `stored + duplicate + replaced + unsettled + upserted` = readings appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Novelty {
    /// New keys.
    pub stored: u64,
    /// Equal key, equal value.
    pub duplicate: u64,
    /// Equal key, other value; the later one is what reads answer.
    pub replaced: u64,
    /// Not known before the next flush.
    pub unsettled: u64,
    /// Never known: the store does not look before it writes.
    pub upserted: u64,
}

/// A reason why the store is not at its best, for `/health`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degraded {
    /// A stable code such as `disk_full`.
    pub code: &'static str,
    /// One sentence for a person.
    pub detail: String,
}

/// Books and sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// The sum of all [`crate::BookDelta`]s, with the novelty of the readings filled in by the store.
    pub books: BTreeMap<SourceName, Book>,
    /// Distinct readings that are there, hidden ones too. When nothing is unsettled: all that the books call stored =
    /// `readings + gone.deleted + gone.expired + gone.absorbed + gone.lost`.
    pub readings: u64,
    /// Readings that were stored and are no longer there.
    pub gone: GoneCounts,
    /// Unread messages in the list.
    pub unread: u64,
    /// Unread messages dropped because the list was full.
    pub unread_dropped: u64,
    /// Everything on disk.
    pub disk_bytes: u64,
    /// The log's part of it that is not yet covered by the cut.
    pub log_bytes: u64,
    /// Frames in the database.
    pub frames: u64,
    /// Why it is not at its best; empty when it is.
    pub degraded: Vec<Degraded>,
    /// Group commits since start and the time spent in fdatasync, for the metrics.
    pub commits: u64,
    /// Microseconds in fdatasync since start.
    pub sync_micros: u64,
}

/// Readings of a series that were there and cannot be read any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// From the first to behind the last of them. Other readings of the range may still be there.
    pub range: TimeRange,
    /// How many, replaced ones too.
    pub readings: u64,
    /// Why, as a sentence.
    pub why: String,
}

/// What a store remembers for ingest across a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    /// The number of this server.
    pub node: Node,
    /// The greatest id that a series of this server's class ever had, where the store remembers those that are gone.
    pub last_series: Option<SeriesId>,
    /// The last durable sequence.
    pub sequence: Sequence,
    /// Every device, by id.
    pub devices: Vec<DeviceRecord>,
    /// Every series as last described, by id.
    pub series: Vec<SeriesRecord>,
    /// The newest reading of each series that has one, hidden or not, with the server time of the message that brought it.
    pub latest: Vec<(SeriesId, Reading, Timestamp)>,
    /// The repeat window: at most the last 128 of each client, oldest first.
    pub repeats: Vec<RepeatMark>,
    /// The greatest `received` of any message or unread message, so that server stamps go on from it.
    pub last_received: Option<Timestamp>,
    /// The greatest unread id ever given.
    pub last_unread: Option<UnreadId>,
    /// What is hidden, by series; series of which nothing is are left out.
    pub hidden: Vec<(SeriesId, Gone)>,
    /// Retention floors, by series.
    pub floors: Vec<(SeriesId, Timestamp)>,
}

/// Keeps readings. The contract, each sentence with a test in the conformance suite:
///
/// * **Durability.** A commit resolves to durable only when every entry of the batch is on stable storage; after a
///   crash at any later moment every entry is there. A batch that was not reported durable is there as a whole or not at
///   all. Before a commit resolves, nothing of its batch can be read.
/// * **Order.** Sequences grow by one with each durable batch; commits resolve in order of their appends.
/// * **Keys.** Reads answer at most one reading per (series, time, n). An equal key with an equal value is a duplicate,
///   with another value the later batch (and within a batch the later entry) wins. `stats` counts both, at once where
///   the store can tell, as `unsettled` until the next flush otherwise; after a flush nothing is unsettled. A store that
///   does not look before it writes counts all as `upserted` instead, and then `readings` and `gone` as 0.
/// * **Late data.** Any time is accepted in any order; a late reading is read at its place.
/// * **Reads.** `read` answers readings with `range.from <= time < range.to` in order of key, at most `limit`, behind
///   `after` in the direction of the order. Fewer than `limit` means the end. An empty or inverted range is empty,
///   an unknown series is an error. A read sees every batch that was durable when it was called.
/// * **Windows.** One window for each of the grid's, equal to brute force over the readings in it: count, min, max, first
///   and last bit for bit, sum to 1e-12 relative. Bad readings, text and NaN never count. Beside these, by the kind that the
///   series has now, whatever it was when the readings came: of an angle the sums of sines and cosines bit for bit, of a
///   total the increase from its first to its last reading to 1e-12 (see [`windows::Aspect`]). What was late, replaced or
///   hidden shows at once.
/// * **Latest.** The reading with the greatest key, of any judgement; none for an empty series.
/// * **Identity.** Readings of a series that no entry introduced make the batch `NotStored("unknown_series")`.
/// * **Hiding.** A hidden range is not answered by reads, windows and latest, nor are readings that come into it later; shown
///   again they are all there, corrections included. At most [`crate::HIDDEN_RANGES_MAX`] separate ranges of a series.
/// * **Delete.** A deleted device is gone with its series and readings when the commit resolves, for good: a series of it is
///   unknown, no id is given again, and a batch that was appended later cannot refer to it.
/// * **Merge.** See [`crate::MergeRecord`]; afterwards `from` and the series that were absorbed are unknown.
/// * **Expiry.** Readings before the floor are gone when the commit resolves; one that comes later counts as stored and
///   expired at once. `stats().gone` counts what went, by cause, exactly.
/// * **Unread.** The list is bounded (`unread_max`, oldest dropped and counted); `UnreadDone` takes one out.
/// * **Restart.** `restored` after a reopen equals what was appended: identities, books, repeats, stamps.
#[async_trait]
pub trait Readings: Send + Sync + 'static {
    /// Hands a batch to the log, waiting while the store's queue is full, and answers its commit.
    async fn append(&self, batch: Batch) -> Commit;

    /// Readings of one series in order of key; see *Reads*.
    async fn read(
        &self,
        series: SeriesId,
        range: TimeRange,
        order: Order,
        after: Option<ReadingKey>,
        limit: usize,
    ) -> Result<Vec<Reading>, StoreError>;

    /// How many readings `read` would answer of `range`.
    async fn count(&self, series: SeriesId, range: TimeRange) -> Result<u64, StoreError> {
        const PAGE: usize = 10_000;
        let (mut count, mut after) = (0, None);
        loop {
            let page = self.read(series, range, Order::Ascending, after, PAGE).await?;
            count += page.len() as u64;
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.key),
                Some(_) | None => return Ok(count),
            }
        }
    }

    /// What was given up of a series inside `range` because it was damaged, in order of time; empty in a store that never was.
    async fn lost(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Lost>, StoreError> {
        let _ = (series, range);
        Ok(Vec::new())
    }

    /// One window for each step of `grid`; see *Windows*.
    async fn windows(&self, series: SeriesId, grid: Grid) -> Result<Vec<Window>, StoreError>;

    /// The newest reading of each series, in the order asked.
    async fn latest(&self, series: &[SeriesId]) -> Result<Vec<Option<Reading>>, StoreError>;

    /// Unread messages with an id below `before`, newest first, at most `limit`.
    async fn unread(&self, before: Option<UnreadId>, limit: usize) -> Result<Vec<UnreadRecord>, StoreError>;

    /// One unread message, if it is still in the list.
    async fn unread_one(&self, id: UnreadId) -> Result<Option<UnreadRecord>, StoreError>;

    /// Books and sizes, as of the last durable batch.
    fn stats(&self) -> StoreStats;

    /// What ingest needs to go on where it stopped. As of the last durable batch.
    fn restored(&self) -> Restored;

    /// What other servers do with a store that is shared, from the call on; none where it belongs to one. One caller hears it.
    fn foreign(&self) -> Option<mpsc::Receiver<Foreign>> {
        None
    }

    /// The servers that share the store, by number; none where it belongs to one.
    fn nodes(&self) -> Vec<NodeReport> {
        Vec::new()
    }

    /// Moves everything durable into the long-term form. Reads answer the same before, during and after.
    async fn flush(&self) -> Result<(), StoreError>;

    /// Settles what was appended, flushes, and refuses everything after it.
    async fn close(&self) -> Result<(), StoreError>;
}
