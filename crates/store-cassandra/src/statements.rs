//! Every statement, prepared once. The text stands here alone; whoever runs one knows the order of its values.

use scylla::client::session::Session;
use scylla::errors::PrepareError;
use scylla::statement::prepared::PreparedStatement;

use crate::frame_tables::FrameStatements;

/// Rows of a journal or of decisions that come at a time: each may be a megabyte.
const RECORDS_PAGE: i32 = 20;
/// Small rows that come at a time.
const ROWS_PAGE: i32 = 5_000;

/// Prepared for one keyspace.
pub(crate) struct Statements {
    /// home, day, series, time, n, reading; write time.
    pub(crate) put_reading: PreparedStatement,
    /// home, day, node, hour; write time.
    pub(crate) put_touch: PreparedStatement,
    /// home, day, series, (time, n) from, (time, n) to, limit → time, n, reading.
    pub(crate) readings_up: PreparedStatement,
    /// The same, newest first.
    pub(crate) readings_down: PreparedStatement,
    /// node, chunk, sequence, written, body; write time.
    pub(crate) put_journal: PreparedStatement,
    /// node, chunk, sequence → sequence, written, body.
    pub(crate) journal: PreparedStatement,
    /// chunk, position, node, record: a lightweight transaction.
    pub(crate) decide: PreparedStatement,
    /// chunk, position → position, node, record.
    pub(crate) decisions: PreparedStatement,
    /// chunk, position → node, record.
    pub(crate) decision: PreparedStatement,
    /// node, part, body; write time.
    pub(crate) put_checkpoint: PreparedStatement,
    /// node, part → body.
    pub(crate) checkpoint: PreparedStatement,
    /// shard, series, node, reading; write time.
    pub(crate) put_latest: PreparedStatement,
    /// shard → series, node, reading.
    pub(crate) latest: PreparedStatement,
    /// What has to do with frames.
    pub(crate) frames: FrameStatements,
}

/// Prepares statements in which `KS` stands for a keyspace.
pub(crate) struct Preparing<'a> {
    session: &'a Session,
    keyspace: String,
}

impl<'a> Preparing<'a> {
    /// The keyspace is quoted: its case counts, and a quote is doubled.
    pub(crate) fn of(session: &'a Session, keyspace: &str) -> Self {
        Self { session, keyspace: format!("\"{}\".", keyspace.replace('"', "\"\"")) }
    }

    /// One that may be sent twice, with small rows.
    pub(crate) async fn prepare(&self, text: &str) -> Result<PreparedStatement, PrepareError> {
        self.prepare_paged(text, ROWS_PAGE).await
    }

    /// The same with `page` rows at a time.
    pub(crate) async fn prepare_paged(&self, text: &str, page: i32) -> Result<PreparedStatement, PrepareError> {
        let mut statement = self.prepare_once(text).await?;
        statement.set_is_idempotent(true);
        statement.set_page_size(page);
        Ok(statement)
    }

    /// One that must not be sent twice.
    pub(crate) async fn prepare_once(&self, text: &str) -> Result<PreparedStatement, PrepareError> {
        self.session.prepare(text.replace("KS.", &self.keyspace)).await
    }
}

impl Statements {
    pub(crate) async fn prepare(session: &Session, keyspace: &str) -> Result<Self, PrepareError> {
        let to = Preparing::of(session, keyspace);
        let readings = "SELECT time, n, reading FROM KS.readings WHERE home = ? AND day = ? AND series = ? \
             AND (time, n) >= (?, ?) AND (time, n) < (?, ?)";
        let frames = FrameStatements::prepare(&to).await?;
        Ok(Self {
            frames,
            put_reading: to.prepare(
                "INSERT INTO KS.readings (home, day, series, time, n, reading) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?",
            )
            .await?,
            put_touch: to.prepare("INSERT INTO KS.touches (home, day, node, hour) VALUES (?, ?, ?, ?) USING TIMESTAMP ?").await?,
            readings_up: to.prepare(&format!("{readings} LIMIT ?")).await?,
            readings_down: to.prepare(&format!("{readings} ORDER BY series DESC, time DESC, n DESC LIMIT ?")).await?,
            put_journal: to.prepare(
                "INSERT INTO KS.journal (node, chunk, sequence, written, body) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?",
            )
            .await?,
            journal: to.prepare_paged(
                "SELECT sequence, written, body FROM KS.journal WHERE node = ? AND chunk = ? AND sequence >= ?",
                RECORDS_PAGE,
            )
            .await?,
            decide: to.prepare("INSERT INTO KS.decisions (chunk, position, node, record) VALUES (?, ?, ?, ?) IF NOT EXISTS").await?,
            decisions: to.prepare_paged(
                "SELECT position, node, record FROM KS.decisions WHERE chunk = ? AND position >= ?",
                RECORDS_PAGE,
            )
            .await?,
            decision: to.prepare_paged("SELECT node, record FROM KS.decisions WHERE chunk = ? AND position = ?", 1).await?,
            put_checkpoint: to.prepare("INSERT INTO KS.checkpoints (node, part, body) VALUES (?, ?, ?) USING TIMESTAMP ?").await?,
            checkpoint: to.prepare_paged("SELECT body FROM KS.checkpoints WHERE node = ? AND part = ?", 1).await?,
            put_latest: to.prepare("INSERT INTO KS.latest (shard, series, node, reading) VALUES (?, ?, ?, ?) USING TIMESTAMP ?").await?,
            latest: to.prepare("SELECT series, node, reading FROM KS.latest WHERE shard = ?").await?,
        })
    }
}
