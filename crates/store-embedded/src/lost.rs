//! Ranges of which readings were lost to damage: written by `repair`, answered to whoever asks for the range.

use std::collections::HashMap;

use model::{SeriesId, TimeRange, Timestamp};
use rusqlite::{Connection, params};
use store::{Lost, StoreError};

use crate::database::failed;

/// Most lost ranges of a series that are answered; the oldest come first.
pub const LOST_MAX: usize = 1_000;

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

/// What was lost of every series, at most [`LOST_MAX`] pieces each, in order of time. Only repair and an upgrade add to it, so
/// it is read when the directory is opened.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<HashMap<SeriesId, Vec<Lost>>> {
    let mut statement =
        connection.prepare("SELECT series, first_ms, last_ms, rows, why FROM lost ORDER BY series, first_ms, id")?;
    let mut rows = statement.query([])?;
    let mut all: HashMap<SeriesId, Vec<Lost>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let of_series = all.entry(SeriesId(row.get(0)?)).or_default();
        if of_series.len() == LOST_MAX {
            continue;
        }
        let (first, last): (i64, i64) = (row.get(1)?, row.get(2)?);
        let (from, to) = (Timestamp::saturating(first), Timestamp::saturating(last.saturating_add(1)));
        of_series.push(Lost {
            range: TimeRange { from, to },
            readings: row.get::<_, i64>(3)?.cast_unsigned(),
            why: row.get(4)?,
        });
    }
    Ok(all)
}
