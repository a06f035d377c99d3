//! The session with its statements, the clock for write times, and how writing goes.
//!
//! A write is repeated, with the same write time, until it is known to be at a quorum: a timeout says nothing about whether it
//! was stored, and every other error may be over a moment later. Nobody is told anything meanwhile.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use clock::Clock;
use futures_util::{Stream, TryStreamExt};
use parking_lot::Mutex;
use scylla::client::session::Session;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::query_result::QueryResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::Consistency;
use scylla::statement::prepared::PreparedStatement;
use store::{Degraded, StoreError};
use tokio::sync::Semaphore;

use crate::statements::Statements;

/// Writes under way at one time; a further one waits.
const WRITES_MAX: usize = 256;
/// The first pause before a write is repeated; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause before a write is repeated.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Writing has to fail for so long to be told.
const TOLD_AFTER: Duration = Duration::from_secs(3);

/// See the module.
pub(crate) struct Cluster {
    pub(crate) session: Arc<Session>,
    pub(crate) statements: Statements,
    pub(crate) clock: Arc<dyn Clock>,
    writes: Semaphore,
    last_written: AtomicI64,
    trouble: Mutex<Option<Trouble>>,
}

/// Writing fails since then.
struct Trouble {
    since: Duration,
    sentence: String,
}

impl Cluster {
    pub(crate) fn new(session: Arc<Session>, statements: Statements, clock: Arc<dyn Clock>) -> Self {
        let (writes, trouble) = (Semaphore::new(WRITES_MAX), Mutex::new(None));
        Self { session, statements, clock, writes, last_written: AtomicI64::new(i64::MIN), trouble }
    }

    /// A write time in microseconds, later than all before it.
    pub(crate) fn write_time(&self) -> i64 {
        let now = self.clock.now().millis().saturating_mul(1_000);
        let later = |last: i64| Some(now.max(last.saturating_add(1)));
        match self.last_written.fetch_update(Ordering::AcqRel, Ordering::Acquire, later) {
            Ok(last) | Err(last) => now.max(last.saturating_add(1)),
        }
    }

    /// Write times go on behind `written`.
    pub(crate) fn written_until(&self, written: i64) {
        self.last_written.fetch_max(written, Ordering::AcqRel);
    }

    /// The UTC hour since 1970 by our clock.
    pub(crate) fn hour(&self) -> i32 {
        i32::try_from(self.clock.now().millis().div_euclid(3_600_000)).unwrap_or(i32::MAX)
    }

    /// Asks once.
    pub(crate) async fn ask(
        &self,
        doing: &str,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<QueryResult, StoreError> {
        self.session.execute_unpaged(statement, values).await.map_err(|error| failed(doing, error))
    }

    /// The rows of an answer, one by one, a page at a time.
    pub(crate) async fn rows<R>(
        &self,
        doing: &str,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<impl Stream<Item = Result<R, StoreError>> + Unpin, StoreError>
    where
        R: for<'f, 'm> DeserializeRow<'f, 'm> + 'static,
    {
        let pager = self.session.execute_iter(statement.clone(), values).await.map_err(|error| failed(doing, error))?;
        let rows = pager.rows_stream::<R>().map_err(|error| failed(doing, error))?;
        Ok(rows.map_err(move |error| failed(doing, error)))
    }

    /// Writes until it is known to be written.
    pub(crate) async fn put(&self, doing: &str, statement: &PreparedStatement, values: impl SerializeRow) {
        let mut tries = self.tries(doing);
        while tries.again(self.held(self.session.execute_unpaged(statement, &values)).await).await.is_none() {}
    }

    /// What a write that is to succeed sooner or later is repeated with.
    pub(crate) fn tries<'a>(&'a self, doing: &'a str) -> Tries<'a> {
        Tries { cluster: self, doing, pause: PAUSE_MIN }
    }

    /// Holds one of the places for writes during `write`. Nothing holds one between two attempts, so that one partition that
    /// fails does not stop the others.
    pub(crate) async fn held<T>(&self, write: impl Future<Output = T>) -> T {
        // Never closed.
        let _place = self.writes.acquire().await;
        write.await
    }

    /// 0.5 to 1, from the clock: enough that not all writes are repeated at one moment.
    fn spread(&self) -> f64 {
        0.5 + f64::from(self.clock.monotonic().subsec_nanos() % 1_000) / 2_000.0
    }

    fn works(&self) {
        let mut trouble = self.trouble.lock();
        if let Some(trouble) = trouble.take()
            && self.clock.monotonic().saturating_sub(trouble.since) > TOLD_AFTER
        {
            tracing::info!("Cassandra takes writes again");
        }
    }

    fn fails(&self, doing: &str, error: &dyn Display) {
        let mut trouble = self.trouble.lock();
        let sentence = format!("{doing}: {error}");
        match &mut *trouble {
            Some(known) => known.sentence = sentence,
            None => {
                tracing::warn!(doing, %error, "Cassandra does not take a write; it is repeated until it does");
                *trouble = Some(Trouble { since: self.clock.monotonic(), sentence });
            }
        }
    }

    /// What is wrong with writing, if it is for long enough to be told.
    pub(crate) fn degraded(&self) -> Option<Degraded> {
        let trouble = self.trouble.lock();
        let Trouble { since, sentence } = trouble.as_ref()?;
        let for_s = self.clock.monotonic().saturating_sub(*since);
        (for_s >= TOLD_AFTER).then(|| Degraded {
            code: "cassandra_away",
            detail: format!(
                "Cassandra has not taken writes for {} s, so nothing is acknowledged; it goes on by itself. Last error: {sentence}",
                for_s.as_secs()
            ),
        })
    }
}

/// Counts attempts of one write.
pub(crate) struct Tries<'a> {
    cluster: &'a Cluster,
    doing: &'a str,
    pause: Duration,
}

impl Tries<'_> {
    /// What an attempt answered; none, after a pause, if it has to be made again.
    pub(crate) async fn again<T, E: Display>(&mut self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(answer) => {
                self.cluster.works();
                return Some(answer);
            }
            Err(error) => self.cluster.fails(self.doing, &error),
        }
        tokio::time::sleep(self.pause.mul_f64(self.cluster.spread())).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        None
    }
}

/// A read that failed.
pub(crate) fn failed(doing: &str, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Io { doing: format!("{doing} in Cassandra"), source: std::io::Error::other(error) }
}

/// A statement whose answer has to come from every transaction that may have happened.
pub(crate) fn serial(statement: &PreparedStatement) -> PreparedStatement {
    let mut statement = statement.clone();
    statement.set_consistency(Consistency::LocalSerial);
    statement
}
