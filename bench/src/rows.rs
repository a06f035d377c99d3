//! Rows in a database: what a program of an afternoon does. `SQLite`, one row a value under its (series, time), no row id.
//!
//! A process of its own ([`worker`]), so that it can be measured as the others are. Its door is a pipe, the cheapest there is:
//! one JSON command a line, the messages of a `Store` behind it in bytes.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::sets::{Message, Set};
use crate::systems::{BATCH, Chart, System};

/// The hidden word on the command line that makes this program a worker.
pub const WORKER: &str = "rows-worker";
/// Series of one device at most.
const METRICS_MAX: u32 = 8;

#[derive(Serialize, Deserialize)]
enum Ask {
    /// So many messages follow, each of one device number, one time and so many values, little-endian.
    Store {
        messages: usize,
        metrics: u32,
    },
    Chart {
        series: u32,
        from: i64,
        to: i64,
        step: i64,
    },
    Latest {
        series: u32,
    },
    Count {
        series: u32,
        from: i64,
        to: i64,
    },
    Compact,
}

/// The worker and the pipes to it. Dropping it kills it.
pub struct Rows {
    data: PathBuf,
    worker: Option<Worker>,
}

struct Worker {
    child: Child,
    /// None lets it end.
    to: Option<BufWriter<ChildStdin>>,
    from: RefCell<BufReader<ChildStdout>>,
}

impl Rows {
    pub fn open(folder: &Path) -> Result<Self> {
        let data = folder.join("data");
        std::fs::create_dir(&data)?;
        let mut made = Self { data, worker: None };
        made.start()?;
        Ok(made)
    }

    fn ask(&self, ask: &Ask) -> Result<serde_json::Value> {
        let worker = self.worker.as_ref().context("it was stopped")?;
        let mut to = worker.to.as_ref().context("it ends")?.get_ref();
        writeln!(to, "{}", serde_json::to_string(ask)?)?;
        worker.answer()
    }
}

impl Worker {
    fn answer(&self) -> Result<serde_json::Value> {
        let mut line = String::new();
        self.from.borrow_mut().read_line(&mut line)?;
        ensure!(!line.is_empty(), "the worker ended");
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Nobody is left to tell if it cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl System for Rows {
    fn pid(&self) -> u32 {
        self.worker.as_ref().map_or(0, |worker| worker.child.id())
    }

    fn data(&self) -> &Path {
        &self.data
    }

    fn store(&mut self, set: Set, messages: &[Message]) -> Result<()> {
        let worker = self.worker.as_mut().context("it was stopped")?;
        let metrics = set.metrics().len();
        for batch in messages.chunks(BATCH) {
            let ask = Ask::Store { messages: batch.len(), metrics: u32::try_from(metrics)? };
            let to = worker.to.as_mut().context("it ends")?;
            writeln!(to, "{}", serde_json::to_string(&ask)?)?;
            for message in batch {
                to.write_all(&u32::try_from(message.device)?.to_le_bytes())?;
                to.write_all(&message.time.to_le_bytes())?;
                for value in &message.values[..metrics] {
                    to.write_all(&value.to_le_bytes())?;
                }
            }
            to.flush()?;
            worker.answer()?;
        }
        Ok(())
    }

    fn chart(&self, _set: Set, Chart { from, to, step }: Chart) -> Result<()> {
        let answer = self.ask(&Ask::Chart { series: 0, from, to, step })?;
        ensure!(answer.as_array().is_some_and(|rows| !rows.is_empty()), "no windows");
        Ok(())
    }

    fn latest(&self, set: Set, at: i64) -> Result<()> {
        for series in 0..u32::try_from(set.metrics().len())? {
            ensure!(self.ask(&Ask::Latest { series })?[0] == at, "not the newest");
        }
        Ok(())
    }

    fn count(&self, _set: Set, device: usize, from: i64, to: i64) -> Result<u64> {
        let series = u32::try_from(device)? * METRICS_MAX;
        self.ask(&Ask::Count { series, from, to })?.as_u64().context("no count")
    }

    fn compact(&mut self) -> Result<()> {
        self.ask(&Ask::Compact)?;
        Ok(())
    }

    fn start(&mut self) -> Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(WORKER).arg(&self.data).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let to = Some(BufWriter::new(child.stdin.take().context("no pipe")?));
        let from = BufReader::new(child.stdout.take().context("no pipe")?).into();
        self.worker = Some(Worker { child, to, from });
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        let mut worker = self.worker.take().context("it is stopped already")?;
        worker.to = None;
        worker.child.wait()?;
        Ok(())
    }

    fn kill(&mut self) -> Result<()> {
        self.worker = None;
        Ok(())
    }
}

/// Takes commands from standard input until it ends.
pub fn worker(data: &Path) -> Result<()> {
    let mut database = Connection::open(data.join("rows.db"))?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS readings(series INTEGER, time INTEGER, value REAL, PRIMARY KEY(series, time)) WITHOUT ROWID",
    )?;
    let mut from = std::io::stdin().lock();
    let mut to = std::io::stdout().lock();
    let mut line = String::new();
    while from.read_line(&mut line)? > 0 {
        let answer = answer(&mut database, serde_json::from_str(&line)?, &mut from)?;
        writeln!(to, "{answer}")?;
        to.flush()?;
        line.clear();
    }
    database.close().map_err(|(_, error)| error)?;
    Ok(())
}

fn answer(database: &mut Connection, ask: Ask, from: &mut impl Read) -> Result<serde_json::Value> {
    Ok(match ask {
        Ask::Store { messages, metrics } => {
            insert(database, messages, metrics, from)?;
            messages.into()
        }
        Ask::Chart { series, from, to, step } => {
            let mut asked = database.prepare_cached(
                "SELECT time / ?4, min(value), max(value), avg(value) FROM readings WHERE series = ?1 AND time >= ?2 AND time < ?3 GROUP BY 1",
            )?;
            let row = |row: &rusqlite::Row<'_>| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?, row.get::<_, f64>(2)?, row.get::<_, f64>(3)?))
            };
            let rows = asked.query_map(params![series, from, to, step], row)?.collect::<Result<Vec<_>, _>>()?;
            serde_json::to_value(rows)?
        }
        Ask::Latest { series } => {
            let mut asked = database
                .prepare_cached("SELECT time, value FROM readings WHERE series = ?1 ORDER BY time DESC LIMIT 1")?;
            let newest = asked.query_row([series], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)))?;
            serde_json::to_value(newest)?
        }
        Ask::Count { series, from, to } => {
            let asked = "SELECT count(*) FROM readings WHERE series = ?1 AND time >= ?2 AND time < ?3";
            database.query_row(asked, params![series, from, to], |row| row.get::<_, i64>(0))?.into()
        }
        Ask::Compact => {
            database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            true.into()
        }
    })
}

fn insert(database: &mut Connection, messages: usize, metrics: u32, from: &mut impl Read) -> Result<()> {
    let transaction = database.transaction()?;
    {
        let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO readings VALUES(?1, ?2, ?3)")?;
        for _ in 0..messages {
            let (mut device, mut eight) = ([0; 4], [0; 8]);
            from.read_exact(&mut device)?;
            from.read_exact(&mut eight)?;
            let time = i64::from_le_bytes(eight);
            for metric in 0..metrics {
                from.read_exact(&mut eight)?;
                let series = u32::from_le_bytes(device) * METRICS_MAX + metric;
                insert.execute(params![series, time, f64::from_le_bytes(eight)])?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}
