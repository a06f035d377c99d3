//! Ranges of which readings were lost to damage: written by `repair`, answered to whoever asks for the range.

use model::{SeriesId, TimeRange, Timestamp};
use rusqlite::{Connection, params};
use store::StoreError;

use crate::EmbeddedStore;
use crate::database::failed;

/// Most lost ranges of a series that are answered; the oldest come first.
pub const LOST_MAX: usize = 1_000;
const READING: &str = "reading what was lost";

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

/// A row of the table `lost`.
#[derive(Clone, Debug)]
pub(crate) struct LostRow {
    pub(crate) series: SeriesId,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) rows: u64,
    pub(crate) why: String,
}

pub(crate) fn insert(connection: &Connection, row: &LostRow) -> Result<(), StoreError> {
    let LostRow { series, first_ms, last_ms, rows, why } = row;
    let sql = "INSERT INTO lost (series, first_ms, last_ms, rows, why) VALUES (?1, ?2, ?3, ?4, ?5)";
    let written = connection.execute(sql, params![series.0, first_ms, last_ms, rows.cast_signed(), why]);
    written.map(drop).map_err(failed("noting what was lost"))
}

impl EmbeddedStore {
    /// What was lost of a series inside `range`, at most [`LOST_MAX`] pieces, in order of time. Empty for a series that does
    /// not exist.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn lost(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Lost>, StoreError> {
        self.read_database(move |snapshot| {
            let sql = "SELECT first_ms, last_ms, rows, why FROM lost \
                       WHERE series = ?1 AND first_ms < ?3 AND last_ms >= ?2 ORDER BY first_ms, id LIMIT ?4";
            let read = || {
                let limit = i64::try_from(LOST_MAX).unwrap_or(i64::MAX);
                let asked = params![series.0, range.from.millis(), range.to.millis(), limit];
                let mut statement = snapshot.prepare_cached(sql)?;
                let rows = statement.query_map(asked, |row| {
                    let (first, last): (i64, i64) = (row.get(0)?, row.get(1)?);
                    let range = TimeRange {
                        from: Timestamp::saturating(first),
                        to: Timestamp::saturating(last.saturating_add(1)),
                    };
                    Ok(Lost { range, readings: row.get::<_, i64>(2)?.cast_unsigned(), why: row.get(3)? })
                })?;
                rows.collect::<rusqlite::Result<Vec<_>>>()
            };
            read().map_err(failed(READING))
        })
        .await
    }
}
