//! From format 1 to format 2: rows learn which column is theirs, frames and summaries get their checksums into the
//! database, and each series a tally and the number of its readings. All in one transaction, so that an upgrade that is
//! interrupted or fails leaves the directory as it was. It needs as much free space as the database takes.
//!
//! A frame that is damaged already is taken along as it is, and found when it is read. Readings of a frame that is gone are
//! lost, and noted as such.

use std::collections::{BTreeSet, HashSet};

use model::{ReadingKey, SeriesId};
use rusqlite::{Connection, TransactionBehavior, params};
use store::StoreError;

use crate::checkpoint;
use crate::database::failed;
use crate::lost::{self, LostRow};
use crate::rows::{self, FrameRow};

const TO_FORMAT_2: &str = include_str!("upgrade-2.sql");
const UPGRADING: &str = "upgrading";

/// Upgrades a database of format 1.
pub(crate) fn to_format_2(connection: &mut Connection) -> Result<(), StoreError> {
    let upgrading = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(UPGRADING))?;
    upgrading.execute_batch(TO_FORMAT_2).map_err(failed(UPGRADING))?;
    copy_frames(&upgrading).map_err(failed(UPGRADING))?;
    let Copied { touched, lost } = copy_rows(&upgrading)?;
    for series in touched {
        rows::tally_again(&upgrading, series)?;
        let readings = distinct(&upgrading, series)?;
        rows::readings_changed(&upgrading, series, readings.cast_signed())?;
    }
    note_lost(&upgrading, &lost)?;
    upgrading.execute_batch("DROP TABLE frame_series_1; DROP TABLE frames_1").map_err(failed(UPGRADING))?;
    upgrading.pragma_update(None, "user_version", 2).map_err(failed(UPGRADING))?;
    upgrading.commit().map_err(failed(UPGRADING))
}

fn copy_frames(connection: &Connection) -> rusqlite::Result<()> {
    let mut old = connection.prepare("SELECT id, rows, blob FROM frames_1 ORDER BY id")?;
    let mut new = connection.prepare("INSERT INTO frames (id, rows, crc, blob) VALUES (?1, ?2, ?3, ?4)")?;
    let mut frames = old.query([])?;
    while let Some(frame) = frames.next()? {
        let (id, rows, blob): (i64, i64, _) = (frame.get(0)?, frame.get(1)?, frame.get_ref(2)?.as_blob()?);
        // Its own, as written: whether it holds is found by whoever reads the frame.
        let crc = blob.last_chunk::<4>().map_or(0, |crc| u32::from_le_bytes(*crc));
        new.execute(params![id, rows, crc, blob])?;
    }
    Ok(())
}

/// What the rows of format 1 say.
struct Copied {
    /// Series that have rows.
    touched: HashSet<SeriesId>,
    /// Rows whose frame is not there.
    lost: Vec<LostRow>,
}

fn copy_rows(connection: &Connection) -> Result<Copied, StoreError> {
    let mut old = connection
        .prepare(
            "SELECT series, frame, rank, first_ms, last_ms, frame_series_1.rows, frames.crc, summary \
             FROM frame_series_1 LEFT JOIN frames ON frames.id = frame",
        )
        .map_err(failed(UPGRADING))?;
    let mut found = old.query([]).map_err(failed(UPGRADING))?;
    let mut copied = Copied { touched: HashSet::new(), lost: Vec::new() };
    while let Some(row) = found.next().map_err(failed(UPGRADING))? {
        let series = SeriesId(row.get(0).map_err(failed(UPGRADING))?);
        copied.touched.insert(series);
        if row.get::<_, Option<u32>>(6).map_err(failed(UPGRADING))?.is_none() {
            copied.lost.push(lost_row(series, row).map_err(failed(UPGRADING))?);
            continue;
        }
        let row = old_row(row).map_err(failed(UPGRADING))?;
        let row = row.ok_or_else(|| StoreError::Damaged("a summary of a frame has not the length it should".into()))?;
        rows::insert_row(connection, &row).map_err(failed(UPGRADING))?;
    }
    Ok(copied)
}

fn lost_row(series: SeriesId, row: &rusqlite::Row<'_>) -> rusqlite::Result<LostRow> {
    let frame: i64 = row.get(1)?;
    let (first_ms, last_ms, rows) = (row.get(3)?, row.get(4)?, row.get::<_, i64>(5)?.cast_unsigned());
    Ok(LostRow { series, first_ms, last_ms, rows, why: format!("its frame {frame} was gone before the upgrade") })
}

/// Names what is lost, and counts it no longer among the readings that are there.
fn note_lost(connection: &Connection, all: &[LostRow]) -> Result<(), StoreError> {
    if all.is_empty() {
        return Ok(());
    }
    for row in all {
        lost::insert(connection, row)?;
        let LostRow { series, first_ms, last_ms, rows, why } = row;
        tracing::warn!(series = series.0, first_ms, last_ms, readings = rows, why, "readings are lost");
    }
    let sql = "SELECT coalesce(sum(readings), 0) FROM series";
    let there: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(failed(UPGRADING))?;
    let counted = checkpoint::read(connection, usize::MAX)?.distinct;
    checkpoint::count_less(connection, counted.saturating_sub(there.cast_unsigned()))
}

fn old_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<FrameRow>> {
    let series = SeriesId(row.get(0)?);
    let numbers: Vec<u8> = row.get(7)?;
    let Some(summary) = rows::unguarded_summary(&numbers) else { return Ok(None) };
    Ok(Some(FrameRow {
        series,
        frame: row.get(1)?,
        col: series,
        rank: row.get(2)?,
        first_ms: row.get(3)?,
        last_ms: row.get(4)?,
        rows: row.get::<_, i64>(5)?.cast_unsigned(),
        crc: row.get(6)?,
        summary,
    }))
}

/// Distinct readings in the frames of a series. A frame that nothing overlaps is not opened; of the others no more than
/// those that overlap at one time are held.
pub(crate) fn distinct(connection: &Connection, series: SeriesId) -> Result<u64, StoreError> {
    let mut all = rows::all(connection, series)?;
    all.sort_unstable_by_key(|row| row.first_ms);
    let (mut count, mut pending) = (0, BTreeSet::<ReadingKey>::new());
    for (at, row) in all.iter().enumerate() {
        let next = all.get(at + 1).map_or(i64::MAX, |next| next.first_ms);
        pending.retain(|key| {
            let settled = key.time.millis() < row.first_ms;
            count += u64::from(settled);
            !settled
        });
        if pending.is_empty() && row.last_ms < next {
            count += row.rows;
            continue;
        }
        match rows::readings(connection, row) {
            Ok(readings) => pending.extend(readings.iter().map(|reading| reading.key)),
            Err(error) => {
                tracing::warn!(%error, "a damaged frame is taken along as it is");
                count += row.rows;
            }
        }
    }
    Ok(count + pending.len() as u64)
}
