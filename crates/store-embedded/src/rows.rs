//! Rows of frames: finding the ones that a range touches, and opening them.

use std::collections::{HashMap, HashSet};

use model::{Reading, ReadingKey, SeriesId, TimeRange, Timestamp, Value};
use rusqlite::{Connection, OptionalExtension, Row, params};
use store::{Order, StoreError};
use windows::Window;

use crate::database::failed;
use crate::tally::Tally;

/// A series in a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameRow {
    /// Whose readings these are.
    pub(crate) series: SeriesId,
    pub(crate) frame: i64,
    /// Whose column it is inside the frame: another series' before devices were merged.
    pub(crate) col: SeriesId,
    /// Of two rows of a series with one key the one of higher rank is the later.
    pub(crate) rank: i64,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) rows: u64,
    /// The checksum of its frame.
    pub(crate) crc: u32,
    /// Over all of its readings of this series.
    pub(crate) summary: Window,
}

const READING: &str = "reading frames";

/// What stands beside a series about its frames, as of this moment of the database (what memory knows may be of another
/// moment).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    first_ms: i64,
    last_ms: i64,
    /// The longest frame from first to last reading: no frame that begins earlier than this before a range reaches it.
    span_ms: i64,
    tally: Tally,
}

/// A read of a part of a series with more frames than this does not prove that none is missing; merging keeps a year below it.
const PROVEN_FRAMES_MAX: u64 = 256;

/// What is known of the frames of a series; none while it has no frame.
pub(crate) fn known(connection: &Connection, series: SeriesId) -> Result<Option<Known>, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT first_ms, last_ms, span_ms, frames, frame_rows, frames_xor, tally_crc FROM series \
             WHERE id = ?1 AND (span_ms IS NOT NULL OR frames > 0)",
        )
        .map_err(failed(READING))?;
    let found = statement.query_row([series.0], |row| {
        let (frames, rows): (i64, i64) = (row.get(3)?, row.get(4)?);
        let tally = Tally { frames: frames.cast_unsigned(), rows: rows.cast_unsigned(), xor: row.get(5)? };
        let reach: [Option<i64>; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
        let [Some(first_ms), Some(last_ms), Some(span_ms)] = reach else { return Ok(None) };
        Ok(Some((Known { first_ms, last_ms, span_ms, tally }, row.get::<_, u32>(6)?)))
    });
    let found = found.optional().map_err(failed(READING))?;
    match found
        .map(|known| known.ok_or_else(|| damaged(series, "nothing says how far its frames reach")))
        .transpose()?
    {
        // Zeros stand beside a series that never had a frame.
        Some((known, crc)) if known.tally.crc(series) == crc || (known.tally == Tally::default() && crc == 0) => {
            Ok(Some(known))
        }
        Some(_) => Err(damaged(series, "what is known of its frames does not match its checksum")),
        None => Ok(None),
    }
}

pub(crate) fn damaged(series: SeriesId, what: &str) -> StoreError {
    StoreError::Damaged(format!("series {}: {what}", series.0))
}

/// Visits the frames of a series that touch `range`, ascending in order of their first reading, descending of their last,
/// until `visit` answers false. `known` is of the same moment. A visit of all frames of a series proves that none is
/// missing; so does any visit of a series of at most [`PROVEN_FRAMES_MAX`] frames.
pub(crate) fn visit(
    connection: &Connection,
    series: SeriesId,
    known: Known,
    range: TimeRange,
    order: Order,
    visit: &mut dyn FnMut(FrameRow) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let (from, to) = (range.from.millis(), range.to.millis());
    let Known { first_ms, last_ms, span_ms, tally } = known;
    let whole = from <= first_ms && last_ms < to;
    if !whole && tally.frames <= PROVEN_FRAMES_MAX {
        prove(connection, series, known)?;
    }
    let mut seen = Tally::default();
    let (sql, lowest, highest) = match order {
        Order::Ascending => (
            "SELECT frame, col, rank, first_ms, last_ms, rows, crc, summary FROM frame_series \
             WHERE series = ?1 AND first_ms >= ?2 AND first_ms < ?3 ORDER BY first_ms",
            from.saturating_sub(span_ms),
            to,
        ),
        Order::Descending => (
            "SELECT frame, col, rank, first_ms, last_ms, rows, crc, summary FROM frame_series \
             WHERE series = ?1 AND last_ms >= ?2 AND last_ms < ?3 ORDER BY last_ms DESC",
            from,
            to.saturating_add(span_ms),
        ),
    };
    let mut statement = connection.prepare_cached(sql).map_err(failed(READING))?;
    let mut rows = statement.query((series.0, lowest, highest)).map_err(failed(READING))?;
    while let Some(row) = rows.next().map_err(failed(READING))? {
        let row = frame_row(row, series)?;
        seen.add(&row);
        if row.last_ms >= from && row.first_ms < to && !visit(row)? {
            return Ok(());
        }
    }
    if whole { compare(series, tally, seen) } else { Ok(()) }
}

/// Compares all rows of a series with its tally and its reach.
fn prove(connection: &Connection, series: SeriesId, known: Known) -> Result<(), StoreError> {
    let mut seen = Tally::default();
    let (mut first_ms, mut last_ms, mut span_ms) = (i64::MAX, i64::MIN, 0);
    for row in all(connection, series)? {
        seen.add(&row);
        (first_ms, last_ms) = (first_ms.min(row.first_ms), last_ms.max(row.last_ms));
        span_ms = span_ms.max(row.last_ms.saturating_sub(row.first_ms));
    }
    compare(series, known.tally, seen)?;
    if seen.frames > 0 && (first_ms < known.first_ms || last_ms > known.last_ms || span_ms > known.span_ms) {
        return Err(damaged(series, "its frames reach farther than is known of them"));
    }
    Ok(())
}

fn frame_row(row: &Row<'_>, series: SeriesId) -> Result<FrameRow, StoreError> {
    let fields = (|| {
        let rows: i64 = row.get(5)?;
        let fields = FrameRow {
            series,
            frame: row.get(0)?,
            col: SeriesId(row.get(1)?),
            rank: row.get(2)?,
            first_ms: row.get(3)?,
            last_ms: row.get(4)?,
            rows: rows.cast_unsigned(),
            crc: row.get(6)?,
            summary: Window::default(),
        };
        Ok((fields, row.get_ref(7)?.as_blob()?))
    })();
    let (fields, summary) = fields.map_err(failed(READING))?;
    match read_summary(&fields, summary) {
        Some(summary) => Ok(FrameRow { summary, ..fields }),
        None => Err(damaged(series, &format!("the summary of frame {} does not match its checksum", fields.frame))),
    }
}

/// Opens the frame of a row and hands it to `work`.
pub(crate) fn with_frame<T>(
    connection: &Connection,
    row: &FrameRow,
    work: impl FnOnce(&frame::Opened<'_>) -> Result<T, frame::Damage>,
) -> Result<T, StoreError> {
    let damaged = |what: &str| {
        let FrameRow { frame, rows, first_ms, last_ms, .. } = row;
        self::damaged(row.series, &format!("frame {frame} with {rows} readings from {first_ms} to {last_ms} ms {what}"))
    };
    let mut statement = connection.prepare_cached("SELECT blob FROM frames WHERE id = ?1").map_err(failed(READING))?;
    let opened = statement.query_row([row.frame], |found| {
        let blob = found.get_ref(0)?.as_blob()?;
        Ok(match frame::open(blob) {
            Ok(opened) if opened.checksum() != row.crc => Err("it is another one than was written".to_owned()),
            Ok(opened) if opened.series().all(|series| series != row.col) => {
                Err(format!("it has no column of series {}", row.col.0))
            }
            Ok(opened) => work(&opened).map_err(|damage| damage.to_string()),
            Err(damage) => Err(damage.to_string()),
        })
    });
    match opened.optional().map_err(failed(READING))? {
        Some(worked) => worked.map_err(|what| damaged(&format!("is damaged: {what}"))),
        None => Err(damaged("is missing")),
    }
}

/// The readings of a row.
pub(crate) fn readings(connection: &Connection, row: &FrameRow) -> Result<Vec<Reading>, StoreError> {
    let readings = with_frame(connection, row, |opened| opened.readings(row.col))?;
    let found = readings.len() as u64;
    if found == row.rows {
        return Ok(readings);
    }
    Err(damaged(row.series, &format!("frame {} has {found} readings of it, {} should be there", row.frame, row.rows)))
}

/// The readings of a row inside `range`; no others are built.
pub(crate) fn readings_within(
    connection: &Connection,
    row: &FrameRow,
    range: TimeRange,
) -> Result<Vec<Reading>, StoreError> {
    if range.from.millis() <= row.first_ms && row.last_ms < range.to.millis() {
        return readings(connection, row);
    }
    with_frame(connection, row, |opened| opened.readings_within(row.col, range))
}

/// A summary as the database keeps it: six little-endian numbers of 8 bytes (no REAL column, because those lose −0.0), then
/// the CRC32C of [`summary_crc`].
pub(crate) fn summary_bytes(row: &FrameRow) -> Vec<u8> {
    let Window { count, min, max, sum, first, last, .. } = row.summary;
    let numbers = [min, max, sum, first, last].map(f64::to_le_bytes);
    let mut bytes: Vec<u8> = std::iter::once(count.to_le_bytes()).chain(numbers).flatten().collect();
    bytes.extend_from_slice(&summary_crc(row, &bytes).to_le_bytes());
    bytes
}

/// Over what the summary says and what it says it of: column, frame, times and number of readings.
fn summary_crc(row: &FrameRow, numbers: &[u8]) -> u32 {
    let mut crc = crc32c::crc32c_append(row.crc, &row.col.0.to_le_bytes());
    for number in [row.first_ms, row.last_ms, row.rows.cast_signed()] {
        crc = crc32c::crc32c_append(crc, &number.to_le_bytes());
    }
    crc32c::crc32c_append(crc, numbers)
}

/// The window that [`summary_bytes`] made bytes of; none if they are not those of this row.
pub(crate) fn read_summary(row: &FrameRow, bytes: &[u8]) -> Option<Window> {
    let (numbers, checksum) = bytes.split_last_chunk::<4>()?;
    if summary_crc(row, numbers) != u32::from_le_bytes(*checksum) {
        return None;
    }
    unguarded_summary(numbers)
}

/// The window of the six numbers alone.
pub(crate) fn unguarded_summary(numbers: &[u8]) -> Option<Window> {
    let parts: [[u8; 8]; 6] = numbers.as_chunks::<8>().0.try_into().ok()?;
    let [count, min, max, sum, first, last] = parts;
    let [min, max, sum, first, last] = [min, max, sum, first, last].map(f64::from_le_bytes);
    Some(Window { count: u64::from_le_bytes(count), min, max, sum, first, last, ..Window::default() })
}

/// Writes the row of one column of a frame; none for a column without readings.
fn insert(
    connection: &Connection,
    frame: i64,
    rank: i64,
    crc: u32,
    summary: &frame::Summary,
) -> rusqlite::Result<Option<FrameRow>> {
    let (Some(first), Some(last)) = (summary.first_key, summary.last_key) else { return Ok(None) };
    let &frame::Summary { series, rows, count, min, max, sum, first: first_value, last: last_value, .. } = summary;
    let (first_ms, last_ms) = (first.time.millis(), last.time.millis());
    let summary = Window { count, min, max, sum, first: first_value, last: last_value, ..Window::default() };
    let row = FrameRow { series, frame, col: series, rank, first_ms, last_ms, rows, crc, summary };
    insert_row(connection, &row)?;
    Ok(Some(row))
}

/// Writes a frame and the rows of its columns, and answers both. `rank` is told the id of the frame.
pub(crate) fn insert_frame(
    connection: &Connection,
    encoded: &frame::Encoded,
    rank: &dyn Fn(SeriesId, i64) -> i64,
) -> rusqlite::Result<(i64, Vec<FrameRow>)> {
    let rows = encoded.summaries.iter().map(|summary| summary.rows).max().unwrap_or(0);
    let mut statement = connection.prepare_cached("INSERT INTO frames (rows, crc, blob) VALUES (?1, ?2, ?3)")?;
    statement.execute(params![rows.cast_signed(), encoded.checksum, encoded.blob])?;
    let frame = connection.last_insert_rowid();
    let mut written = Vec::with_capacity(encoded.summaries.len());
    for summary in &encoded.summaries {
        written.extend(insert(connection, frame, rank(summary.series, frame), encoded.checksum, summary)?);
    }
    Ok((frame, written))
}

/// Writes a row.
pub(crate) fn insert_row(connection: &Connection, row: &FrameRow) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO frame_series (series, first_ms, frame, col, rank, last_ms, rows, crc, summary) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let &FrameRow { series, frame, col, rank, first_ms, last_ms, rows, crc, summary: _ } = row;
    let summary = summary_bytes(row);
    statement
        .execute(params![series.0, first_ms, frame, col.0, rank, last_ms, rows.cast_signed(), crc, summary])
        .map(drop)
}

/// Takes rows off the tally of a series.
pub(crate) fn tally_less(connection: &Connection, series: SeriesId, removed: &[FrameRow]) -> Result<(), StoreError> {
    let mut tally = known(connection, series)?.map(|known| known.tally).unwrap_or_default();
    for row in removed {
        tally.take(row).ok_or_else(|| damaged(series, "it has more frames than were counted"))?;
    }
    tally.write(connection, series)
}

/// Adds rows to the tally of a series.
pub(crate) fn tally_more(connection: &Connection, series: SeriesId, added: Tally) -> Result<(), StoreError> {
    // A damaged one stays as wrong as it is, and is named by whoever reads all of the series.
    let Some(known) = unless_damaged(series, known(connection, series))? else { return Ok(()) };
    let before = known.map(|known| known.tally).unwrap_or_default();
    let tally =
        Tally { frames: before.frames + added.frames, rows: before.rows + added.rows, xor: before.xor ^ added.xor };
    tally.write(connection, series)
}

/// Distinct readings of a series in frames, as they were counted.
pub(crate) fn counted(connection: &Connection, series: SeriesId) -> Result<i64, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT readings FROM series WHERE id = ?1").map_err(failed(READING))?;
    let found = statement.query_row([series.0], |row| row.get(0)).optional().map_err(failed(READING))?;
    Ok(found.unwrap_or(0))
}

/// Counts distinct readings of a series that came into frames, or went. Those before its floor do not count.
pub(crate) fn readings_changed(connection: &Connection, series: SeriesId, by: i64) -> Result<(), StoreError> {
    (|| {
        let mut statement =
            connection.prepare_cached("UPDATE series SET readings = max(0, readings + ?2) WHERE id = ?1")?;
        statement.execute(params![series.0, by]).map(drop)
    })()
    .map_err(failed("counting the readings of a series"))
}

/// Every row of a series, in no particular order.
pub(crate) fn all(connection: &Connection, series: SeriesId) -> Result<Vec<FrameRow>, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT frame, col, rank, first_ms, last_ms, rows, crc, summary FROM frame_series WHERE series = ?1",
        )
        .map_err(failed(READING))?;
    let mut rows = statement.query([series.0]).map_err(failed(READING))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(failed(READING))? {
        all.push(frame_row(row, series)?);
    }
    Ok(all)
}

/// Compares the rows of a series with its tally.
///
/// # Errors
/// [`StoreError::Damaged`] naming the series, if one is missing, changed, or one too many.
pub(crate) fn check_tally(connection: &Connection, series: SeriesId) -> Result<(), StoreError> {
    let expected = known(connection, series)?.map(|known| known.tally).unwrap_or_default();
    compare(series, expected, Tally::of(&all(connection, series)?))
}

fn compare(series: SeriesId, expected: Tally, seen: Tally) -> Result<(), StoreError> {
    if seen == expected {
        return Ok(());
    }
    let others = if seen.frames == expected.frames { ", but not the ones that were written" } else { "" };
    Err(damaged(series, &format!("{} of its {} frames are there{others}", seen.frames, expected.frames)))
}

/// What was answered, or none where that is damaged: what is wrong with one series must not hold up the others.
pub(crate) fn unless_damaged<T>(series: SeriesId, answer: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(StoreError::Damaged(what)) => {
            tracing::error!(series = series.0, what, "stored readings are damaged; going on without them");
            Ok(None)
        }
        Err(error @ (StoreError::UnknownSeries(_) | StoreError::Io { .. } | StoreError::Closed)) => Err(error),
    }
}

/// Readings of the rows that lie between two times, as the rows say it.
pub(crate) fn said(connection: &Connection, series: SeriesId, range: TimeRange) -> Result<u64, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT coalesce(sum(rows), 0) FROM frame_series WHERE series = ?1 AND first_ms >= ?2 AND last_ms < ?3",
        )
        .map_err(failed(READING))?;
    let said = statement
        .query_row(params![series.0, range.from.millis(), range.to.millis()], |row| row.get::<_, i64>(0))
        .map_err(failed(READING))?;
    Ok(said.cast_unsigned())
}

/// Counts the rows of a series anew, after some went or changed. Whoever changes them calls [`check_tally`] first, or a
/// lost row would be forgotten.
pub(crate) fn tally_again(connection: &Connection, series: SeriesId) -> Result<(), StoreError> {
    Tally::of(&all(connection, series)?).write(connection, series)
}

/// What the database holds under `wanted` keys.
pub(crate) fn values_of(
    connection: &Connection,
    series: SeriesId,
    wanted: &HashSet<ReadingKey>,
) -> Result<HashMap<ReadingKey, Value>, StoreError> {
    let mut found: HashMap<ReadingKey, (i64, Value)> = HashMap::new();
    let (first, last) = (wanted.iter().min(), wanted.iter().max());
    if let (Some(known), Some(first), Some(last)) = (known(connection, series)?, first, last) {
        let mut times: Vec<i64> = wanted.iter().map(|key| key.time.millis()).collect();
        times.sort_unstable();
        let range = TimeRange { from: first.time, to: Timestamp::saturating(last.time.millis() + 1) };
        visit(connection, series, known, range, Order::Ascending, &mut |row| {
            let next = times.partition_point(|time| *time < row.first_ms);
            if times.get(next).is_some_and(|time| *time <= row.last_ms) {
                for reading in readings_within(connection, &row, range)? {
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
