//! Stored hours of the columns of frames ([`store::hours`]), as rows beside their frames.
//!
//! They are bound to the checksum of their frame: those that do not match it are not used, the readings answer instead, and
//! `check` names them.

use frame::Encoded;
use model::{Kind, SeriesId};
use rusqlite::{Connection, OptionalExtension};
use store::StoreError;
use store::hours::{HOUR_MS, Hour, of_charted, read};

use crate::database::failed;
use crate::rows::FrameRow;

/// A frame that spans less is decoded.
const SPAN_MIN_MS: i64 = 2 * HOUR_MS;
/// A column with fewer readings an hour is decoded: a year of it is soon read, and its hours would be as large as itself.
const DENSITY_MIN: u64 = 100;

/// The hours of each column of a new frame that are worth it, as [`insert`] takes them; `kind` is what each series is now.
pub(crate) fn of_frame(encoded: &Encoded, kind: impl Fn(SeriesId) -> Kind) -> Vec<(SeriesId, Vec<u8>)> {
    let long = |summary: &&frame::Summary| match (summary.first_key, summary.last_key) {
        (Some(first), Some(last)) => last.time.millis() - first.time.millis() >= SPAN_MIN_MS,
        (_, _) => false,
    };
    let dense = |summary: &&frame::Summary| summary.count >= 2 * DENSITY_MIN;
    let mut wanted = encoded.summaries.iter().filter(long).filter(dense).peekable();
    if wanted.peek().is_none() {
        return Vec::new();
    }
    // A new frame was just decoded and compared. What cannot be packed is not stored: the readings are there.
    let Ok(opened) = frame::open(&encoded.blob) else { return Vec::new() };
    let mut charted = frame::Charted::default();
    let hours = |summary: &frame::Summary| {
        let series = summary.series;
        opened.charted_into(series, &mut charted).ok()?;
        Some((series, of_charted(encoded.checksum, &charted, kind(series), DENSITY_MIN)?))
    };
    wanted.filter_map(hours).collect()
}

/// Puts what [`of_frame`] answered beside the frame of this id.
pub(crate) fn insert(connection: &Connection, frame: i64, hours: &[(SeriesId, Vec<u8>)]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("INSERT INTO hours (frame, col, blob) VALUES (?1, ?2, ?3)")?;
    hours.iter().try_for_each(|(col, blob)| statement.execute((frame, col.0, blob)).map(drop))
}

/// The stored hours of a row under `kind`; none where there are none that can be used.
pub(crate) fn stored(connection: &Connection, row: &FrameRow, kind: Kind) -> Result<Option<Vec<Hour>>, StoreError> {
    let doing = "reading stored hours";
    let mut statement =
        connection.prepare_cached("SELECT blob FROM hours WHERE frame = ?1 AND col = ?2").map_err(failed(doing))?;
    let found =
        statement.query_row((row.frame, row.col.0), |found| Ok(read(found.get_ref(0)?.as_blob()?, row.crc, kind)));
    match found.optional().map_err(failed(doing))? {
        Some(Ok(hours)) => Ok(hours),
        Some(Err(damage)) => {
            tracing::warn!(frame = row.frame, series = row.col.0, %damage, "stored hours are not used; the readings are");
            Ok(None)
        }
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use frame::{Cell, Column, Frame};
    use model::{Judgement, TimeSource, Timestamp, Value};

    use super::*;

    /// A frame of one series every 10 s; the values follow from the index.
    fn encoded(rows: i64, value: impl Fn(i64) -> f64) -> Encoded {
        let key = |at: i64| model::ReadingKey { time: Timestamp::saturating(1_735_690_000_000 + at * 10_000), n: 0 };
        let cell = |at: i64| Cell {
            value: Value::Number(value(at)),
            judgement: Judgement::Good,
            time_source: TimeSource::Device,
            claimed_ms: None,
        };
        let column = Column { series: SeriesId(1), cells: (0..rows).map(|at| Some(cell(at))).collect() };
        frame::encode(&Frame { keys: (0..rows).map(key).collect(), columns: vec![column] }).unwrap()
    }

    fn walk(at: i64) -> f64 {
        // Steps of a tenth that look like chance, the same every time.
        let noise = |at: i64| (at * 7_919 + at * at * 31) % 11 - 5;
        (200 + noise(at / 40) * 3 + noise(at) / 4) as f64 / 10.0
    }

    #[test]
    fn hours_are_small() {
        let frame = encoded(16_384, walk);
        let stored = of_frame(&frame, |_| Kind::Measurement);
        let [(_, blob)] = stored.as_slice() else { panic!("there are hours") };
        assert!(blob.len() * 100 <= frame.blob.len() * 7, "{} of {}", blob.len(), frame.blob.len());
    }

    #[test]
    fn what_is_short_or_sparse_has_no_hours() {
        assert!(of_frame(&encoded(700, walk), |_| Kind::Measurement).is_empty());
        assert!(!of_frame(&encoded(800, walk), |_| Kind::Measurement).is_empty());
    }
}
