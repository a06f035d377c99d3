//! Reading everything a directory holds and comparing it with every checksum there is. Changes nothing.
//!
//! What can be proved: each frame is the one that was written, decodes, and is what its rows, summaries and stored hours
//! say; each series has the rows that were counted; every record of the log is there. Small rows (documents, devices, books)
//! have no checksum of their own: of them it proves that they can be read and that the database's pages fit together.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::Path;

use frame::{Frame, Summary};
use model::{SeriesId, Timestamp};
use rusqlite::Connection;
use store::StoreError;
use wal::TornTail;

use crate::care::{CareError, Progress};
use crate::checkpoint;
use crate::database::failed;
use crate::memory::Memory;
use crate::rows::{self, FrameRow};
use crate::viewing::{Hold, connect, hold, identity, read_log};

const CHECKING: &str = "checking frames";

/// Damage that was found: one line for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where and what.
    pub what: String,
    pub(crate) place: Place,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)
    }
}

/// What `repair` does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The pages of the database do not fit together.
    Pages,
    /// A frame that cannot be read; with all of its rows it is lost.
    Frame(i64),
    /// A frame is good and a row of it is not: it can be made again.
    Row(i64),
    /// A row without a frame.
    Orphan(SeriesId),
    /// The rows of a series are not those that were counted.
    Tally(SeriesId),
    /// Stored hours that do not match their frame: they can be left out.
    Hours(i64, SeriesId),
    Log,
    /// What is remembered beside readings.
    Memory,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Series.
    pub series: u64,
    /// Frames opened and decoded.
    pub frames: u64,
    /// Readings in frames, replaced ones too.
    pub frame_readings: u64,
    /// Batches of the log behind the cut; none if the log was not read.
    pub log_batches: Option<u64>,
    /// Ends of the log that nobody had been told were stored: no damage.
    pub torn: Vec<TornTail>,
    /// Damage found.
    pub findings: u64,
}

/// Checks the directory `dir` and hands over what it finds. While a server has the directory open, its log is left out.
///
/// # Errors
/// The directory cannot be read at all.
pub fn check(
    dir: &Path,
    progress: &mut dyn FnMut(Progress),
    found: &mut dyn FnMut(Finding),
) -> Result<Checked, CareError> {
    let holding = hold(dir)?;
    check_held(dir, matches!(holding, Hold::Ours { .. }), progress, found)
}

/// As [`check`], for whoever knows whether a server has the directory open.
pub(crate) fn check_held(
    dir: &Path,
    with_log: bool,
    progress: &mut dyn FnMut(Progress),
    found: &mut dyn FnMut(Finding),
) -> Result<Checked, CareError> {
    let connection = connect(dir)?;
    let (store, had_log) = identity(&connection, dir)?;
    let moment = connection.unchecked_transaction().map_err(failed(CHECKING))?;
    let mut checking = Checking::new(&moment, found);
    checking.pages(progress)?;
    checking.frames(progress)?;
    checking.series(progress)?;
    let cut = checking.memory.as_ref().map(|memory| memory.cut.0);
    if let Some(cut) = cut.filter(|_| with_log) {
        progress(Progress { doing: "reading the log", done: 0, total: 1 });
        let mut batches = 0;
        let read = read_log(dir, store, cut, had_log, &mut |_, _| {
            batches += 1;
            Ok(())
        });
        checking.checked.log_batches = Some(batches);
        match read {
            Ok(recovery) => checking.checked.torn = recovery.torn,
            Err(error) => checking.say(Place::Log, error.to_string()),
        }
    }
    Ok(checking.checked)
}

/// Checks only what is in the database of `connection`.
pub(crate) fn check_database(
    connection: &Connection,
    progress: &mut dyn FnMut(Progress),
    found: &mut dyn FnMut(Finding),
) -> Result<Checked, CareError> {
    let mut checking = Checking::new(connection, found);
    checking.frames(progress)?;
    checking.series(progress)?;
    Ok(checking.checked)
}

struct Checking<'a> {
    connection: &'a Connection,
    found: &'a mut dyn FnMut(Finding),
    checked: Checked,
    memory: Option<Memory>,
    names: BTreeMap<SeriesId, String>,
}

impl<'a> Checking<'a> {
    fn new(connection: &'a Connection, found: &'a mut dyn FnMut(Finding)) -> Self {
        let mut checking =
            Self { connection, found, checked: Checked::default(), memory: None, names: BTreeMap::new() };
        match checkpoint::read(connection, usize::MAX) {
            Ok(memory) => {
                checking.names = names(&memory);
                checking.memory = Some(memory);
            }
            Err(error) => checking.say(Place::Memory, format!("what the store remembers cannot be read: {error}")),
        }
        checking
    }

    fn say(&mut self, place: Place, what: String) {
        self.checked.findings += 1;
        (self.found)(Finding { what, place });
    }

    /// `series 3 (esp32/dht temperature)`
    fn name(&self, series: SeriesId) -> String {
        match self.names.get(&series) {
            Some(name) => format!("series {} ({name})", series.0),
            None => format!("series {}", series.0),
        }
    }

    fn pages(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<(), CareError> {
        progress(Progress { doing: "checking the pages of the database", done: 0, total: 1 });
        let words = (|| {
            let mut statement = self.connection.prepare("PRAGMA integrity_check(100)")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })();
        match words {
            Ok(words) => {
                for word in words.iter().flat_map(|word| word.lines()).filter(|word| *word != "ok") {
                    self.say(Place::Pages, format!("database: {word}"));
                }
                Ok(())
            }
            Err(error) => match failed("checking the pages of the database")(error) {
                StoreError::Damaged(what) => {
                    self.say(Place::Pages, format!("database: {what}"));
                    Ok(())
                }
                other @ (StoreError::UnknownSeries(_) | StoreError::Io { .. } | StoreError::Closed) => {
                    Err(other.into())
                }
            },
        }
    }

    /// Every frame with its rows.
    fn frames(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<(), CareError> {
        let connection = self.connection;
        let ids = ids(connection, "SELECT id FROM frames ORDER BY id");
        let ids = match ids {
            Ok(ids) => ids,
            Err(StoreError::Damaged(what)) => {
                self.say(Place::Pages, format!("the list of frames cannot be read: {what}"));
                return Ok(());
            }
            Err(other) => return Err(other.into()),
        };
        let total = ids.len() as u64;
        for (done, frame) in (0..).zip(&ids) {
            if done % 256 == 0 {
                progress(Progress { doing: CHECKING, done, total });
            }
            self.one_frame(*frame)?;
        }
        let known: HashSet<i64> = ids.into_iter().collect();
        let rows = all_rows(connection);
        for row in self.or_say(rows)?.unwrap_or_default() {
            if !known.contains(&row.frame) {
                let what = format!("{}: its frame {} is missing: {}", self.name(row.series), row.frame, span(&row));
                self.say(Place::Orphan(row.series), what);
            }
        }
        Ok(())
    }

    fn or_say<T>(&mut self, read: Result<T, StoreError>) -> Result<Option<T>, CareError> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(StoreError::Damaged(what)) => {
                self.say(Place::Pages, what);
                Ok(None)
            }
            Err(other) => Err(other.into()),
        }
    }

    fn one_frame(&mut self, frame: i64) -> Result<(), CareError> {
        let rows = rows_of(self.connection, frame);
        let Some(rows) = self.or_say(rows)? else { return Ok(()) };
        self.checked.frames += 1;
        let blob = self.connection.query_row("SELECT crc, rows, blob FROM frames WHERE id = ?1", [frame], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
        });
        let opened = match blob {
            Ok((crc, count, blob)) => decode(crc, count, &blob).map(|frame| (crc, frame)),
            Err(error) => match failed(CHECKING)(error) {
                StoreError::Damaged(what) => Err(what),
                other @ (StoreError::UnknownSeries(_) | StoreError::Io { .. } | StoreError::Closed) => {
                    return Err(other.into());
                }
            },
        };
        match opened {
            Ok((crc, decoded)) => {
                for (row, summary) in &rows {
                    if let Some(what) = disagrees(row, summary, crc, &decoded) {
                        let what = format!("{}: frame {frame} {what}: {}", self.name(row.series), span(row));
                        self.say(Place::Row(frame), what);
                    }
                    self.checked.frame_readings += row.rows;
                }
                self.hours(frame, crc)?;
            }
            Err(what) if rows.is_empty() => self.say(Place::Frame(frame), format!("frame {frame} {what}")),
            Err(what) => {
                for (row, _) in &rows {
                    let what = format!("{}: frame {frame} {what}: {}", self.name(row.series), span(row));
                    self.say(Place::Frame(frame), what);
                }
            }
        }
        Ok(())
    }

    fn hours(&mut self, frame: i64, crc: u32) -> Result<(), CareError> {
        let stored = (|| {
            let mut statement = self.connection.prepare_cached("SELECT col, blob FROM hours WHERE frame = ?1")?;
            let rows = statement.query_map([frame], |row| Ok((SeriesId(row.get(0)?), row.get::<_, Vec<u8>>(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })();
        let stored = stored.map_err(failed(CHECKING));
        for (col, bytes) in self.or_say(stored)?.unwrap_or_default() {
            let good = bytes
                .split_last_chunk::<4>()
                .is_some_and(|(content, sum)| crc32c::crc32c_append(crc, content) == u32::from_le_bytes(*sum));
            if !good {
                let what = format!("the stored hours of column {} of frame {frame} do not match their checksum", col.0);
                self.say(Place::Hours(frame, col), format!("{what}; the readings answer instead"));
            }
        }
        Ok(())
    }

    /// What was counted of each series.
    fn series(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<(), CareError> {
        let all = ids(self.connection, "SELECT id FROM series ORDER BY id");
        let all = self.or_say(all)?.unwrap_or_default();
        let total = all.len() as u64;
        for (done, series) in (0..).zip(all) {
            if done % 256 == 0 {
                progress(Progress { doing: "checking series", done, total });
            }
            let Ok(series) = u32::try_from(series).map(SeriesId) else { continue };
            self.checked.series += 1;
            let counted = rows::check_tally(self.connection, series).and_then(|()| edges(self.connection, series));
            match counted {
                Ok(()) => {}
                Err(StoreError::Damaged(what)) => {
                    let name = self.names.get(&series).map_or(String::new(), |name| format!(" ({name})"));
                    self.say(Place::Tally(series), format!("{what}{name}"));
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(())
    }
}

fn names(memory: &Memory) -> BTreeMap<SeriesId, String> {
    let name = |record: &store::SeriesRecord| {
        let device = memory.state.devices().get(&record.device);
        let key = device.map_or("a device that is not known", |device| device.key.as_str());
        format!("{key} {}", record.metric.as_str())
    };
    memory.state.series().values().map(|record| (record.id, name(record))).collect()
}

fn ids(connection: &Connection, sql: &str) -> Result<Vec<i64>, StoreError> {
    let read = || connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>();
    read().map_err(failed(CHECKING))
}

/// A row of `frame_series`, with the bytes of its summary as they are.
pub(crate) type Raw = (FrameRow, Vec<u8>);

const COLUMNS: &str = "series, frame, col, rank, first_ms, last_ms, rows, crc, summary";

fn raw(row: &rusqlite::Row<'_>) -> rusqlite::Result<Raw> {
    let found = FrameRow {
        series: SeriesId(row.get(0)?),
        frame: row.get(1)?,
        col: SeriesId(row.get(2)?),
        rank: row.get(3)?,
        first_ms: row.get(4)?,
        last_ms: row.get(5)?,
        rows: row.get::<_, i64>(6)?.cast_unsigned(),
        crc: row.get(7)?,
        summary: windows::Window::default(),
    };
    Ok((found, row.get(8)?))
}

pub(crate) fn rows_of(connection: &Connection, frame: i64) -> Result<Vec<Raw>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM frame_series WHERE frame = ?1 ORDER BY series, first_ms");
    let read = || connection.prepare_cached(&sql)?.query_map([frame], raw)?.collect::<rusqlite::Result<_>>();
    read().map_err(failed(CHECKING))
}

/// Every row without its summary.
pub(crate) fn all_rows(connection: &Connection) -> Result<Vec<FrameRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM frame_series");
    let without = |row: &rusqlite::Row<'_>| raw(row).map(|(row, _)| row);
    let read = || connection.prepare(&sql)?.query_map([], without)?.collect::<rusqlite::Result<_>>();
    read().map_err(failed(CHECKING))
}

/// A frame from its bytes, if they are what was written.
pub(crate) fn decode(crc: u32, rows: i64, blob: &[u8]) -> Result<Frame, String> {
    let opened = frame::open(blob).map_err(|damage| format!("is damaged ({damage})"))?;
    if opened.checksum() != crc {
        return Err("is another one than was written".to_owned());
    }
    let decoded = opened.frame().map_err(|damage| format!("is damaged ({damage})"))?;
    let most = decoded.columns.iter().map(|column| column.cells.iter().flatten().count()).max().unwrap_or(0);
    if i64::try_from(most) == Ok(rows) {
        Ok(decoded)
    } else {
        Err("has another number of rows than counted".to_owned())
    }
}

/// What a row says wrongly of its frame.
fn disagrees(row: &FrameRow, summary: &[u8], crc: u32, frame: &Frame) -> Option<String> {
    let Some(column) = frame.columns.iter().find(|column| column.series == row.col) else {
        return Some(format!("has no column of series {}", row.col.0));
    };
    let counted = Summary::of(&frame.keys, column);
    let millis = |key: Option<model::ReadingKey>| key.map(|key| key.time.millis());
    if row.crc != crc {
        return Some("has another checksum than its row says".to_owned());
    }
    let same = counted.rows == row.rows
        && millis(counted.first_key) == Some(row.first_ms)
        && millis(counted.last_key) == Some(row.last_ms);
    if !same {
        return Some("has other readings than its row says".to_owned());
    }
    let Some(kept) = rows::read_summary(row, summary) else {
        return Some("has a summary that does not match its checksum".to_owned());
    };
    let exact = |numbers: [f64; 4]| numbers.map(f64::to_bits);
    let of_frame = exact([counted.min, counted.max, counted.first, counted.last]);
    let near = (kept.sum - counted.sum).abs() <= 1e-12 * counted.sum.abs()
        || kept.sum.to_bits() == counted.sum.to_bits()
        || (kept.sum.is_nan() && counted.sum.is_nan());
    if kept.count == counted.count && exact([kept.min, kept.max, kept.first, kept.last]) == of_frame && near {
        return None;
    }
    Some("has a summary that is not that of its readings".to_owned())
}

/// Compares what a series says about the reach of its frames with its frames.
fn edges(connection: &Connection, series: SeriesId) -> Result<(), StoreError> {
    let read = |sql: &str| {
        connection.prepare_cached(sql)?.query_row([series.0], |row| {
            Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, Option<i64>>(2)?))
        })
    };
    let (said, found) = (|| {
        let said = read("SELECT first_ms, last_ms, span_ms FROM series WHERE id = ?1")?;
        let found =
            read("SELECT min(first_ms), max(last_ms), max(last_ms - first_ms) FROM frame_series WHERE series = ?1")?;
        Ok((said, found))
    })()
    .map_err(failed(CHECKING))?;
    let within = match (said, found) {
        // After a removal it may say more than there is; what is there must be inside.
        ((Some(first), Some(last), Some(span)), (Some(first_row), Some(last_row), Some(longest))) => {
            first <= first_row && last >= last_row && span >= longest
        }
        (_, (None, None, None)) => true,
        (_, _) => false,
    };
    if within { Ok(()) } else { Err(rows::damaged(series, "its frames reach further than is known of it")) }
}

/// `123 readings from 2026-01-01T00:00:00Z to …`, in milliseconds of UTC.
pub(crate) fn span(row: &FrameRow) -> String {
    let time = |millis| written(Timestamp::saturating(millis));
    format!("{} readings from {} to {}", row.rows, time(row.first_ms), time(row.last_ms))
}

/// RFC 3339 in UTC.
pub(crate) fn written(time: Timestamp) -> String {
    let millis = time.millis();
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| format!("{millis} ms"), |time| time.to_string())
}
