//! Rows of frames: finding the ones that a range touches, and opening them.

use std::collections::{HashMap, HashSet};

use model::{Reading, ReadingKey, SeriesId, TimeRange, Timestamp, Value};
use rusqlite::{Connection, OptionalExtension, Row};
use store::{Order, StoreError};
use windows::Window;

use crate::database::failed;
use crate::frames::read_summary;

/// A series in a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameRow {
    pub(crate) frame: i64,
    /// Of two frames with one key the one of higher rank is the later.
    pub(crate) rank: u64,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) rows: u64,
    /// Over all of its readings of this series.
    pub(crate) summary: Window,
}

const READING: &str = "reading frames";

/// The longest frame of a series from first to last reading, as of this moment of the database (what memory knows may be
/// of another moment); none while it has no frame.
pub(crate) fn span_ms(connection: &Connection, series: SeriesId) -> Result<Option<i64>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT span_ms FROM series WHERE id = ?1").map_err(failed(READING))?;
    let found = statement.query_row([series.0], |row| row.get::<_, Option<i64>>(0)).optional();
    Ok(found.map_err(failed(READING))?.flatten())
}

/// Visits the frames of a series that touch `range`, ascending in order of their first reading, descending of their last,
/// until `visit` answers false. `span_ms` is that of [`span_ms`] at the same moment: no frame that begins earlier than
/// this before the range reaches it.
pub(crate) fn visit(
    connection: &Connection,
    series: SeriesId,
    span_ms: i64,
    range: TimeRange,
    order: Order,
    visit: &mut dyn FnMut(FrameRow) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let (from, to) = (range.from.millis(), range.to.millis());
    let (sql, lowest, highest) = match order {
        Order::Ascending => (
            "SELECT frame, rank, first_ms, last_ms, rows, summary FROM frame_series \
             WHERE series = ?1 AND first_ms >= ?2 AND first_ms < ?3 ORDER BY first_ms",
            from.saturating_sub(span_ms),
            to,
        ),
        Order::Descending => (
            "SELECT frame, rank, first_ms, last_ms, rows, summary FROM frame_series \
             WHERE series = ?1 AND last_ms >= ?2 AND last_ms < ?3 ORDER BY last_ms DESC",
            from,
            to.saturating_add(span_ms),
        ),
    };
    let mut statement = connection.prepare_cached(sql).map_err(failed(READING))?;
    let mut rows = statement.query((series.0, lowest, highest)).map_err(failed(READING))?;
    while let Some(row) = rows.next().map_err(failed(READING))? {
        let row = frame_row(row).map_err(failed(READING))?;
        if row.last_ms >= from && row.first_ms < to && !visit(row)? {
            break;
        }
    }
    Ok(())
}

fn frame_row(row: &Row<'_>) -> rusqlite::Result<FrameRow> {
    let summary = read_summary(row.get_ref(5)?.as_blob()?).ok_or(rusqlite::Error::InvalidQuery)?;
    let (rank, rows): (i64, i64) = (row.get(1)?, row.get(4)?);
    Ok(FrameRow {
        frame: row.get(0)?,
        rank: rank.cast_unsigned(),
        first_ms: row.get(2)?,
        last_ms: row.get(3)?,
        rows: rows.cast_unsigned(),
        summary,
    })
}

/// Opens a frame and hands it to `work`.
pub(crate) fn with_frame<T>(
    connection: &Connection,
    frame: i64,
    work: impl FnOnce(&frame::Opened<'_>) -> Result<T, frame::Damage>,
) -> Result<T, StoreError> {
    let mut statement = connection.prepare_cached("SELECT blob FROM frames WHERE id = ?1").map_err(failed(READING))?;
    let opened = statement.query_row([frame], |row| {
        let blob = row.get_ref(0)?.as_blob()?;
        Ok(frame::open(blob).and_then(|opened| work(&opened)))
    });
    match opened.optional().map_err(failed(READING))? {
        Some(worked) => worked.map_err(|damage| StoreError::Damaged(format!("frame {frame}: {damage}"))),
        None => Err(StoreError::Damaged(format!("frame {frame} is missing"))),
    }
}

/// The readings of a series in a frame.
pub(crate) fn readings(connection: &Connection, frame: i64, series: SeriesId) -> Result<Vec<Reading>, StoreError> {
    with_frame(connection, frame, |opened| opened.readings(series))
}

/// What the database holds under `wanted` keys.
pub(crate) fn values_of(
    connection: &Connection,
    series: SeriesId,
    wanted: &HashSet<ReadingKey>,
) -> Result<HashMap<ReadingKey, Value>, StoreError> {
    let mut found: HashMap<ReadingKey, (u64, Value)> = HashMap::new();
    let (first, last) = (wanted.iter().min(), wanted.iter().max());
    if let (Some(span_ms), Some(first), Some(last)) = (span_ms(connection, series)?, first, last) {
        let mut times: Vec<i64> = wanted.iter().map(|key| key.time.millis()).collect();
        times.sort_unstable();
        let range = TimeRange { from: first.time, to: Timestamp::saturating(last.time.millis() + 1) };
        visit(connection, series, span_ms, range, Order::Ascending, &mut |row| {
            let next = times.partition_point(|time| *time < row.first_ms);
            if times.get(next).is_some_and(|time| *time <= row.last_ms) {
                for reading in readings(connection, row.frame, series)? {
                    if wanted.contains(&reading.key) && found.get(&reading.key).is_none_or(|(rank, _)| *rank < row.rank)
                    {
                        found.insert(reading.key, (row.rank, reading.value));
                    }
                }
            }
            Ok(true)
        })?;
    }
    Ok(found.into_iter().map(|(key, (_, value))| (key, value)).collect())
}
