//! Taking damaged frames out of a database that can be read, and counting anew what is left. All in the transaction of
//! whoever calls.

use std::collections::BTreeSet;
use std::path::Path;

use frame::Summary;
use model::{SeriesId, Timestamp};
use rusqlite::{Connection, params};
use store::StoreError;
use windows::Window;

use crate::care::{CareError, make_dir, write_file};
use crate::check::{Finding, Place, Raw, rows_of};
use crate::database::failed;
use crate::lost::{self, LostRow};
use crate::rows::{self, FrameRow};
use crate::{checkpoint, tally, upgrade};

const MENDING: &str = "repairing";

/// What was done, for the report.
#[derive(Debug, Default)]
pub(crate) struct Mended {
    pub(crate) words: Vec<String>,
    pub(crate) lost_readings: u64,
}

pub(crate) struct Mending<'a> {
    pub(crate) connection: &'a Connection,
    /// Where bytes of damaged frames are kept.
    pub(crate) damaged: &'a Path,
    pub(crate) done: Mended,
    touched: BTreeSet<SeriesId>,
}

impl<'a> Mending<'a> {
    pub(crate) fn new(connection: &'a Connection, damaged: &'a Path) -> Self {
        Self { connection, damaged, done: Mended::default(), touched: BTreeSet::new() }
    }

    pub(crate) fn all(&mut self, findings: &[Finding]) -> Result<(), CareError> {
        for finding in findings {
            if let Place::Tally(series) = finding.place {
                self.note_missing(series)?;
            }
        }
        let frames: BTreeSet<i64> = findings
            .iter()
            .filter_map(|finding| match finding.place {
                Place::Frame(frame) | Place::Row(frame) => Some(frame),
                Place::Pages | Place::Orphan(_) | Place::Tally(_) | Place::Hours(..) | Place::Log | Place::Memory => {
                    None
                }
            })
            .collect();
        frames.into_iter().try_for_each(|frame| self.frame(frame))?;
        for finding in findings {
            match finding.place {
                Place::Orphan(series) => self.orphans(series)?,
                Place::Hours(frame, col) => {
                    let sql = "DELETE FROM hours WHERE frame = ?1 AND col = ?2";
                    self.connection.execute(sql, params![frame, col.0]).map_err(failed(MENDING))?;
                }
                Place::Tally(series) => _ = self.touched.insert(series),
                Place::Pages | Place::Frame(_) | Place::Row(_) | Place::Log | Place::Memory => {}
            }
        }
        std::mem::take(&mut self.touched).into_iter().try_for_each(|series| self.count_again(series))
    }

    /// Compares what was counted of a series with what is there, before anything is taken out.
    fn note_missing(&mut self, series: SeriesId) -> Result<(), CareError> {
        let sql = "SELECT frames, frame_rows, frames_xor, tally_crc, first_ms, last_ms FROM series WHERE id = ?1";
        let read = self.connection.query_row(sql, [series.0], |row| {
            let (frames, rows): (i64, i64) = (row.get(0)?, row.get(1)?);
            let tally = tally::Tally { frames: frames.cast_unsigned(), rows: rows.cast_unsigned(), xor: row.get(2)? };
            let good = tally.crc(series) == row.get::<_, u32>(3)?;
            Ok((good.then_some(tally), row.get::<_, Option<i64>>(4)?, row.get::<_, Option<i64>>(5)?))
        });
        let (tally, first, last) = read.map_err(failed(MENDING))?;
        let (Some(tally), Some(first_ms), Some(last_ms)) = (tally, first, last) else { return Ok(()) };
        let sql = "SELECT count(*), coalesce(sum(rows), 0) FROM frame_series WHERE series = ?1";
        let there = self.connection.query_row(sql, [series.0], |row| {
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()))
        });
        let (frames, rows) = there.map_err(failed(MENDING))?;
        if tally.frames > frames {
            let why = format!("{} frames are gone and nothing tells their times", tally.frames - frames);
            let row = LostRow { series, first_ms, last_ms, rows: tally.rows.saturating_sub(rows), why };
            self.lose(&row)?;
        }
        Ok(())
    }

    fn lose(&mut self, row: &LostRow) -> Result<(), CareError> {
        lost::insert(self.connection, row)?;
        let time = |millis| crate::check::written(Timestamp::saturating(millis));
        let LostRow { series, first_ms, last_ms, rows, why } = row;
        let (first, last) = (time(*first_ms), time(*last_ms));
        self.done.words.push(format!("lost: series {}, {rows} readings from {first} to {last}: {why}", series.0));
        self.touched.insert(*series);
        Ok(())
    }

    /// A frame with a finding: what of it can be made again is, the rest is taken out and kept as a file.
    fn frame(&mut self, frame: i64) -> Result<(), CareError> {
        let rows = rows_of(self.connection, frame)?;
        let sql = "SELECT crc, blob FROM frames WHERE id = ?1";
        let blob =
            self.connection.query_row(sql, [frame], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, Vec<u8>>(1)?)));
        let blob = match blob {
            Ok((crc, blob)) => Some((crc, blob)),
            Err(rusqlite::Error::SqliteFailure(..)) => None,
            Err(other) => return Err(failed(MENDING)(other).into()),
        };
        if let Some((crc, blob)) = &blob
            && let Some((own, decoded)) = trusted(*crc, blob, &rows)
        {
            return self.rows_again(frame, own, &decoded, &rows);
        }
        let file = self.damaged.join(format!("frame-{frame}.bin"));
        if let Some((_, blob)) = &blob {
            make_dir(self.damaged)?;
            write_file(&file, blob)?;
            self.done.words.push(format!("frame {frame} was taken out; its bytes are in {}", file.display()));
        }
        for (row, _) in &rows {
            self.lose_row(row, format!("frame {frame} was damaged"))?;
        }
        (|| {
            self.connection.execute("DELETE FROM frame_series WHERE frame = ?1", [frame])?;
            self.connection.execute("DELETE FROM frames WHERE id = ?1", [frame])
        })()
        .map_err(failed(MENDING))?;
        Ok(())
    }

    fn lose_row(&mut self, row: &FrameRow, why: String) -> Result<(), CareError> {
        let &FrameRow { series, first_ms, last_ms, rows, .. } = row;
        self.lose(&LostRow { series, first_ms, last_ms, rows, why })
    }

    /// The frame is good: its rows are made again from it.
    fn rows_again(&mut self, frame: i64, crc: u32, decoded: &frame::Frame, rows: &[Raw]) -> Result<(), CareError> {
        let most = decoded.columns.iter().map(|column| column.cells.iter().flatten().count()).max().unwrap_or(0);
        (|| {
            let count = i64::try_from(most).unwrap_or(i64::MAX);
            self.connection
                .execute("UPDATE frames SET crc = ?2, rows = ?3 WHERE id = ?1", params![frame, crc, count])?;
            self.connection.execute("DELETE FROM frame_series WHERE frame = ?1", [frame])
        })()
        .map_err(failed(MENDING))?;
        for (row, _) in rows {
            self.touched.insert(row.series);
            let column = decoded.columns.iter().find(|column| column.series == row.col);
            let summary = column.map(|column| Summary::of(&decoded.keys, column));
            match summary.as_ref().and_then(|summary| row_again(row, crc, summary)) {
                Some(again) => rows::insert_row(self.connection, &again).map_err(failed(MENDING))?,
                None => self.lose_row(row, format!("frame {frame} has no such column"))?,
            }
        }
        self.done.words.push(format!("the rows of frame {frame} were made again from it; nothing of it is lost"));
        Ok(())
    }

    fn orphans(&mut self, series: SeriesId) -> Result<(), CareError> {
        let rows: Vec<FrameRow> =
            crate::check::all_rows(self.connection)?.into_iter().filter(|row| row.series == series).collect();
        let there = "SELECT count(*) FROM frames WHERE id = ?1";
        for row in rows {
            let found: i64 =
                self.connection.query_row(there, [row.frame], |row| row.get(0)).map_err(failed(MENDING))?;
            if found == 0 {
                self.lose_row(&row, format!("its frame {} is gone", row.frame))?;
                let sql = "DELETE FROM frame_series WHERE frame = ?1 AND series = ?2";
                self.connection.execute(sql, params![row.frame, series.0]).map_err(failed(MENDING))?;
            }
        }
        Ok(())
    }

    /// Rows, reach and distinct readings of a series as they are now.
    pub(crate) fn count_again(&mut self, series: SeriesId) -> Result<(), CareError> {
        rows::tally_again(self.connection, series)?;
        let counted: Result<i64, rusqlite::Error> =
            self.connection.query_row("SELECT readings FROM series WHERE id = ?1", [series.0], |row| row.get(0));
        let counted = counted.map_err(failed(MENDING))?;
        let readings = upgrade::distinct(self.connection, series)?;
        rows::readings_changed(self.connection, series, readings.cast_signed() - counted)?;
        let gone = counted.cast_unsigned().saturating_sub(readings);
        self.done.lost_readings += gone;
        checkpoint::count_less(self.connection, gone)?;
        self.reach(series)?;
        Ok(())
    }

    fn reach(&self, series: SeriesId) -> Result<(), StoreError> {
        let last = rows::all(self.connection, series)?.into_iter().max_by_key(|row| row.last_ms);
        let last_n = match &last {
            // Of two frames with the same last time the greater n counts; the largest possible one is never wrong.
            Some(_) => u32::MAX,
            None => 0,
        };
        let sql = "UPDATE series SET \
                first_ms = (SELECT min(first_ms) FROM frame_series WHERE series = ?1), \
                last_ms = (SELECT max(last_ms) FROM frame_series WHERE series = ?1), \
                span_ms = (SELECT max(last_ms - first_ms) FROM frame_series WHERE series = ?1), \
                last_n = CASE WHEN EXISTS (SELECT 1 FROM frame_series WHERE series = ?1) THEN ?2 END WHERE id = ?1";
        self.connection.execute(sql, params![series.0, last_n]).map(drop).map_err(failed(MENDING))
    }
}

/// The frame, if it is whole and at least one of the two places that name its checksum agrees.
fn trusted(crc: u32, blob: &[u8], rows: &[Raw]) -> Option<(u32, frame::Frame)> {
    let opened = frame::open(blob).ok()?;
    let own = opened.checksum();
    let known = crc == own || rows.iter().any(|(row, _)| row.crc == own);
    let decoded = opened.frame().ok().filter(|_| known)?;
    Some((own, decoded))
}

fn row_again(row: &FrameRow, crc: u32, summary: &Summary) -> Option<FrameRow> {
    let (first, last) = (summary.first_key?, summary.last_key?);
    let &Summary { rows, count, min, max, sum, first: first_value, last: last_value, .. } = summary;
    let window = Window { count, min, max, sum, first: first_value, last: last_value, ..Window::default() };
    let (first_ms, last_ms) = (first.time.millis(), last.time.millis());
    Some(FrameRow { first_ms, last_ms, rows, crc, summary: window, ..*row })
}
