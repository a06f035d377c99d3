//! A database whose pages do not fit together: every row that can be reached goes into a new one.
//!
//! Rows are read from the front until something fails, then from the back, then those whose ids are known are asked for one
//! by one. What cannot be reached is named, not guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use model::{Kind, MetricName, SeriesId, Timestamp, UnitSource};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params, params_from_iter};
use store::{DeviceRecord, SeriesRecord};

use crate::care::CareError;
use crate::checkpoint;
use crate::database::{failed, make_database};
use crate::viewing::{DATABASE, LOG, connect};

const DOING: &str = "saving what the database holds";

/// Tables with the columns that order them.
const TABLES: [(&str, &str); 9] = [
    ("meta", "key"),
    ("documents", "kind, id"),
    ("claims", "space, key"),
    ("devices", "id"),
    ("unread", "id"),
    ("series", "id"),
    ("frames", "id"),
    ("frame_series", "series, first_ms, frame, col"),
    ("lost", "id"),
];

/// Replaces the database of `dir` by a new one with everything that could be read.
pub(crate) fn database(dir: &Path, words: &mut Vec<String>) -> Result<(), CareError> {
    let Some(old) = connect(dir).ok() else {
        return Err(CareError::Refused(format!(
            "nothing can be read in {}: restore a backup (the log in {} is as it was)",
            dir.join(DATABASE).display(),
            dir.join(LOG).display()
        )));
    };
    let path = dir.join("sensorium.db.new");
    let _ = std::fs::remove_file(&path);
    let mut new = make_database(&path).map_err(failed(DOING))?;
    new.execute("DELETE FROM meta", []).map_err(failed(DOING))?;
    {
        let writing = new.transaction().map_err(failed(DOING))?;
        for (table, order) in TABLES {
            let copied = Copy { old: &old, new: &writing, table, order }.all()?;
            if let Some(problem) = copied.problem {
                words.push(format!("table {table}: {} rows could be reached ({problem})", copied.rows));
            }
        }
        frames_by_id(&old, &writing, words)?;
        mend_records(&writing, words)?;
        writing.commit().map_err(failed(DOING))?;
    }
    new.close().map_err(|(_, error)| failed(DOING)(error))?;
    drop(old);
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(dir.join(format!("{DATABASE}{suffix}")));
    }
    let place = dir.join(DATABASE);
    std::fs::rename(&path, &place).map_err(CareError::file(&place, "written"))?;
    crate::care::sync_dir(dir)
}

struct Copied {
    rows: u64,
    problem: Option<String>,
}

struct Copy<'a> {
    old: &'a Connection,
    new: &'a Connection,
    table: &'static str,
    order: &'static str,
}

impl Copy<'_> {
    fn all(&self) -> Result<Copied, CareError> {
        let (mut rows, problem) = self.pass("")?;
        if problem.is_some() {
            let backwards = self.order.replace(',', " DESC,") + " DESC";
            let (more, _) = self.pass(&format!("ORDER BY {backwards}"))?;
            rows += more;
        }
        Ok(Copied { rows, problem })
    }

    /// Answers how many rows were new, and what ended it.
    fn pass(&self, order: &str) -> Result<(u64, Option<String>), CareError> {
        let mut rows = 0;
        let sql = format!("SELECT * FROM {} {order}", self.table);
        let mut statement = match self.old.prepare(&sql) {
            Ok(statement) => statement,
            Err(error) => return Ok((0, Some(error.to_string()))),
        };
        let columns: Vec<String> = statement.column_names().map(ToOwned::to_owned).collect();
        let places = vec!["?"; columns.len()].join(", ");
        let insert = format!("INSERT OR IGNORE INTO {} ({}) VALUES ({places})", self.table, columns.join(", "));
        let mut insert = self.new.prepare(&insert).map_err(failed(DOING))?;
        let mut found = match statement.query([]) {
            Ok(found) => found,
            Err(error) => return Ok((0, Some(error.to_string()))),
        };
        loop {
            let row = match found.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok((rows, None)),
                Err(error) => return Ok((rows, Some(error.to_string()))),
            };
            let values = (0..columns.len()).map(|at| row.get::<_, Sql>(at)).collect::<rusqlite::Result<Vec<_>>>();
            // A row whose values are not what the table takes is one of those that cannot be reached.
            if let Ok(values) = values
                && let Ok(added) = insert.execute(params_from_iter(values))
            {
                rows += added as u64;
            }
        }
    }
}

/// Frames that a row names and that neither pass met.
fn frames_by_id(old: &Connection, new: &Connection, words: &mut Vec<String>) -> Result<(), CareError> {
    let sql = "SELECT DISTINCT frame FROM frame_series WHERE frame NOT IN (SELECT id FROM frames)";
    let read = || new.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>();
    let mut found = 0;
    for id in read().map_err(failed(DOING))? {
        let sql = "SELECT rows, crc, blob FROM frames WHERE id = ?1";
        let row =
            old.query_row(sql, [id], |row| Ok((row.get::<_, Sql>(0)?, row.get::<_, Sql>(1)?, row.get::<_, Sql>(2)?)));
        if let Ok((rows, crc, blob)) = row {
            let sql = "INSERT OR IGNORE INTO frames (id, rows, crc, blob) VALUES (?1, ?2, ?3, ?4)";
            found += new.execute(sql, params![id, rows, crc, blob]).unwrap_or(0);
        }
    }
    if found > 0 {
        words.push(format!("{found} frames were found by their ids"));
    }
    Ok(())
}

/// Records that cannot be read are left out or replaced by placeholders, so that their readings can still be seen.
fn mend_records(new: &Connection, words: &mut Vec<String>) -> Result<(), CareError> {
    let mut gone = |table: &str, count: usize| {
        if count > 0 {
            words.push(format!("table {table}: {count} records could not be read"));
        }
    };
    for table in ["unread", "devices", "series"] {
        let bad = bad_records(new, table).map_err(failed(DOING))?;
        gone(table, bad.len());
        for id in &bad {
            let sql = match table {
                "series" => "UPDATE series SET record = x'' WHERE id = ?1".to_owned(),
                _ => format!("DELETE FROM {table} WHERE id = ?1"),
            };
            new.execute(&sql, [id]).map_err(failed(DOING))?;
        }
    }
    placeholders(new).map_err(failed(DOING))?;
    let mut statement = new.prepare("SELECT id, latest FROM series WHERE latest IS NOT NULL").map_err(failed(DOING))?;
    let read = statement.query_map([], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, Vec<u8>>(1)?)));
    let read = read.and_then(Iterator::collect::<rusqlite::Result<BTreeMap<_, _>>>).map_err(failed(DOING))?;
    for (series, _) in read.iter().filter(|(_, bytes)| !checkpoint::is_latest(bytes)) {
        checkpoint::write_latest(new, SeriesId(*series), None)?;
    }
    Ok(())
}

fn bad_records(new: &Connection, table: &str) -> rusqlite::Result<Vec<i64>> {
    let mut statement = new.prepare(&format!("SELECT id, record FROM {table}"))?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(rows.into_iter().filter(|(_, bytes)| !checkpoint::is_record(table, bytes)).map(|(id, _)| id).collect())
}

/// Series that have frames and no record get one, of a device of their own.
fn placeholders(new: &Connection) -> rusqlite::Result<()> {
    let ids =
        |sql: &str| new.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<BTreeSet<u32>>>();
    let nameless = ids(
        "SELECT DISTINCT series FROM frame_series WHERE series NOT IN (SELECT id FROM series WHERE record <> x'') \
         UNION SELECT id FROM series WHERE record = x''",
    )?;
    let Some(highest) = nameless.last() else { return Ok(()) };
    let next: u32 = new.query_row("SELECT coalesce(max(id), 0) + 1 FROM devices", [], |row| row.get(0))?;
    let device = model::DeviceId(next.max(*highest));
    let record = device_record(device);
    let Some(record) = record else { return Ok(()) };
    new.execute("INSERT INTO devices (id, record) VALUES (?1, ?2)", params![device.0, record])?;
    for series in nameless {
        let Some(record) = series_record(SeriesId(series), device) else { continue };
        new.execute(
            "INSERT INTO series (id, record) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            params![series, record],
        )?;
    }
    Ok(())
}

fn device_record(id: model::DeviceId) -> Option<Vec<u8>> {
    let key = model::DeviceKey::parse(&format!("recovered-{}", id.0)).ok()?;
    postcard::to_stdvec(&DeviceRecord { id, key, created: Timestamp::EPOCH }).ok()
}

fn series_record(id: SeriesId, device: model::DeviceId) -> Option<Vec<u8>> {
    let metric = MetricName::parse(&format!("series-{}", id.0)).ok()?;
    let (unit_source, kind) = (UnitSource::None, Kind::Measurement);
    postcard::to_stdvec(&SeriesRecord { id, device, metric, unit: None, unit_source, kind }).ok()
}
