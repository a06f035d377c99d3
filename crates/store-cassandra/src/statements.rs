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
    keyspace: &'a str,
}

impl Preparing<'_> {
    /// One that may be sent twice.
    pub(crate) async fn prepare(&self, text: &str, page: i32) -> Result<PreparedStatement, PrepareError> {
        let mut statement = self.prepare_once(text).await?;
        statement.set_is_idempotent(true);
        statement.set_page_size(page);
        Ok(statement)
    }

    /// One that must not be sent twice.
    pub(crate) async fn prepare_once(&self, text: &str) -> Result<PreparedStatement, PrepareError> {
        self.session.prepare(text.replace("KS.", &format!("{}.", self.keyspace))).await
    }
}

impl Statements {
    pub(crate) async fn prepare(session: &Session, keyspace: &str) -> Result<Self, PrepareError> {
        // A keyspace is quoted: its case counts, and a quote is doubled.
        let keyspace = format!("\"{}\"", keyspace.replace('"', "\"\""));
        let read = async |text: &str, page: i32| {
            let mut statement = session.prepare(text.replace("KS.", &format!("{keyspace}."))).await?;
            statement.set_is_idempotent(true);
            statement.set_page_size(page);
            Ok::<_, PrepareError>(statement)
        };
        let write = async |text: &str| read(text, ROWS_PAGE).await;
        let readings = "SELECT time, n, reading FROM KS.readings WHERE home = ? AND day = ? AND series = ? \
             AND (time, n) >= (?, ?) AND (time, n) < (?, ?)";
        let frames = FrameStatements::prepare(&Preparing { session, keyspace: &keyspace }).await?;
        Ok(Self {
            frames,
            put_reading: write(
                "INSERT INTO KS.readings (home, day, series, time, n, reading) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?",
            )
            .await?,
            put_touch: write("INSERT INTO KS.touches (home, day, node, hour) VALUES (?, ?, ?, ?) USING TIMESTAMP ?").await?,
            readings_up: read(&format!("{readings} LIMIT ?"), ROWS_PAGE).await?,
            readings_down: read(&format!("{readings} ORDER BY series DESC, time DESC, n DESC LIMIT ?"), ROWS_PAGE).await?,
            put_journal: write(
                "INSERT INTO KS.journal (node, chunk, sequence, written, body) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?",
            )
            .await?,
            journal: read(
                "SELECT sequence, written, body FROM KS.journal WHERE node = ? AND chunk = ? AND sequence >= ?",
                RECORDS_PAGE,
            )
            .await?,
            decide: write("INSERT INTO KS.decisions (chunk, position, node, record) VALUES (?, ?, ?, ?) IF NOT EXISTS").await?,
            decisions: read(
                "SELECT position, node, record FROM KS.decisions WHERE chunk = ? AND position >= ?",
                RECORDS_PAGE,
            )
            .await?,
            decision: read("SELECT node, record FROM KS.decisions WHERE chunk = ? AND position = ?", 1).await?,
            put_checkpoint: write("INSERT INTO KS.checkpoints (node, part, body) VALUES (?, ?, ?) USING TIMESTAMP ?").await?,
            checkpoint: read("SELECT body FROM KS.checkpoints WHERE node = ? AND part = ?", 1).await?,
            put_latest: write("INSERT INTO KS.latest (shard, series, node, reading) VALUES (?, ?, ?, ?) USING TIMESTAMP ?").await?,
            latest: read("SELECT series, node, reading FROM KS.latest WHERE shard = ?", ROWS_PAGE).await?,
        })
    }
}
