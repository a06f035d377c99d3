//! A backup: a copy of a data directory as of one moment, made while a server may have it open, without its help.
//!
//! The log is copied first, the database second, and the log again while that takes long: whatever a flush takes out of the
//! log is then in the database's copy, and whatever the database's copy knows of is in the log's. Afterwards the copy's log
//! is read behind the copy's cut, which proves that nothing is missing between them; if it is, the log is copied anew.
//! The manifest comes last, so that a backup without one is no backup.
//!
//! It is not incremental and holds no secret that the directory does not hold; its files are for their owner only.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use model::Timestamp;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use serde::{Deserialize, Serialize};
use store::Sequence;
use wal::{StoreId, WalError};

use crate::care::{
    CareError, FileSum, Progress, copy_file, hex, make_dir, make_empty_dir, sum_of, sync_dir, write_file,
};
use crate::checkpoint;
use crate::database::{FORMAT, failed};
use crate::viewing::{DATABASE, LOG, connect, identity, read_log};

/// The file that makes a directory a backup.
pub const MANIFEST: &str = "manifest.json";
/// How often a backup is begun again because the log moved on faster than it was copied; then it is refused.
const TRIES_MAX: u32 = 5;
/// Pages of the database that are copied before the log is looked at again.
const PAGES_AT_ONCE: i32 = 4_096;

/// What a backup holds. Written last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format of the data directory inside.
    pub format: i64,
    /// The store, in hexadecimal digits.
    pub store_id: String,
    /// When it was finished, UTC milliseconds.
    pub made_ms: Timestamp,
    /// Everything up to this sequence is in the database.
    pub cut: u64,
    /// The last sequence; what lies behind the cut is in the log.
    pub last_sequence: u64,
    /// Devices.
    pub devices: u64,
    /// Series.
    pub series: u64,
    /// Distinct readings in the database, and those in the log that are certainly new.
    pub readings: u64,
    /// Every other file.
    pub files: Vec<FileSum>,
}

/// Copies the data directory `dir` to `to`, which must be empty or absent.
///
/// # Errors
/// Nothing to copy, a target that is not empty, damage, or the medium. What was copied so far stays and has no manifest.
pub fn backup(
    dir: &Path,
    to: &Path,
    now: impl FnOnce() -> Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Manifest, CareError> {
    let source = connect(dir)?;
    let (store, _) = identity(&source, dir)?;
    make_empty_dir(to)?;
    let mut copying = Copying { dir, to, store, settled: BTreeSet::new() };
    make_dir(&to.join(LOG))?;
    let mut tries = 0;
    let found = loop {
        tries += 1;
        copying.log()?;
        copying.database(&source, progress)?;
        copying.log()?;
        match copying.verify() {
            Ok(found) => break found,
            Err(Unfit::Log(error)) if tries >= TRIES_MAX => {
                let dir = dir.to_owned();
                return Err(crate::OpenError::Log { dir, source: error }.into());
            }
            Err(Unfit::Log(_)) => copying.forget_log()?,
            Err(Unfit::Other(error)) => return Err(error),
        }
    };
    let manifest = Manifest { made_ms: now(), files: copying.sums(progress)?, ..found };
    sync_dir(&to.join(LOG))?;
    sync_dir(to)?;
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| CareError::Refused(error.to_string()))?;
    // Under its name only when it is whole.
    let (half, whole) = (to.join("manifest.half"), to.join(MANIFEST));
    write_file(&half, &text)?;
    std::fs::rename(&half, &whole).map_err(CareError::file(&whole, "written"))?;
    sync_dir(to)?;
    if let Some(parent) = to.canonicalize().ok().as_deref().and_then(Path::parent) {
        sync_dir(parent)?;
    }
    Ok(manifest)
}

/// Why a copy cannot be used.
enum Unfit {
    /// Its log does not go on where its database ends. It may have been released while it was copied.
    Log(WalError),
    Other(CareError),
}

struct Copying<'a> {
    dir: &'a Path,
    to: &'a Path,
    store: StoreId,
    /// Segments that a newer one followed before they were copied: nothing is written to them any more.
    settled: BTreeSet<String>,
}

impl Copying<'_> {
    /// Copies what the log holds now. A segment that goes meanwhile is in the database.
    fn log(&mut self) -> Result<(), CareError> {
        let names = segments(&self.dir.join(LOG))?;
        let newest = names.last().cloned();
        for name in names {
            if self.settled.contains(&name) {
                continue;
            }
            let (from, to) = (self.dir.join(LOG).join(&name), self.to.join(LOG).join(&name));
            match copy_file(&from, &to, &name) {
                Ok(_) => {}
                Err(CareError::File { path, source, .. })
                    if path == from && source.kind() == io::ErrorKind::NotFound =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            }
            if newest.as_ref() != Some(&name) {
                self.settled.insert(name);
            }
        }
        Ok(())
    }

    fn forget_log(&mut self) -> Result<(), CareError> {
        self.settled.clear();
        for name in segments(&self.to.join(LOG))? {
            let path = self.to.join(LOG).join(name);
            std::fs::remove_file(&path).map_err(CareError::file(&path, "removed"))?;
        }
        Ok(())
    }

    /// Copies one moment of the database. Writers go on meanwhile.
    fn database(&mut self, source: &Connection, progress: &mut dyn FnMut(Progress)) -> Result<(), CareError> {
        const DOING: &str = "copying the database";
        let path = self.to.join(DATABASE);
        write_file(&path, &[])?;
        let mut copy = Connection::open(&path).map_err(failed(DOING))?;
        copy.pragma_update(None, "synchronous", "OFF").map_err(failed(DOING))?;
        let moment = source.unchecked_transaction().map_err(failed(DOING))?;
        // The first read of a transaction is what fixes its moment.
        moment.query_row("SELECT count(*) FROM meta", [], |_| Ok(())).map_err(failed(DOING))?;
        {
            let backup = Backup::new(&moment, &mut copy).map_err(failed(DOING))?;
            loop {
                let step = backup.step(PAGES_AT_ONCE).map_err(failed(DOING))?;
                let pages = backup.progress();
                let number = |pages: i32| u64::try_from(pages).unwrap_or(0);
                let total = number(pages.pagecount);
                progress(Progress { doing: DOING, done: total - number(pages.remaining).min(total), total });
                if step == StepResult::Done {
                    break;
                }
                self.log()?;
            }
        }
        drop(moment);
        // One file, which can be read where nothing can be written.
        copy.pragma_update(None, "journal_mode", "DELETE").map_err(failed(DOING))?;
        copy.close().map_err(|(_, error)| failed(DOING)(error))?;
        std::fs::File::open(&path).and_then(|file| file.sync_all()).map_err(CareError::file(&path, "written"))
    }

    /// Reads the copy as a server would.
    fn verify(&self) -> Result<Manifest, Unfit> {
        let other = |error: CareError| Unfit::Other(error);
        let copy = connect(self.to).map_err(other)?;
        let (_, had_log) = identity(&copy, self.to).map_err(other)?;
        let mut memory = checkpoint::read(&copy, usize::MAX).map_err(|error| Unfit::Other(error.into()))?;
        let cut = memory.cut.0;
        let recovery = read_log(self.to, self.store, cut, had_log, &mut |sequence, batch| {
            memory.apply(Sequence(sequence), &batch);
            Ok(())
        });
        let recovery = recovery.map_err(Unfit::Log)?;
        Ok(Manifest {
            format: FORMAT,
            store_id: hex(&self.store.0),
            made_ms: Timestamp::EPOCH,
            cut,
            last_sequence: recovery.last,
            devices: memory.state.devices().len() as u64,
            series: memory.state.series().len() as u64,
            readings: memory.distinct,
            files: Vec::new(),
        })
    }

    fn sums(&self, progress: &mut dyn FnMut(Progress)) -> Result<Vec<FileSum>, CareError> {
        let mut names = vec![DATABASE.to_owned()];
        names.extend(segments(&self.to.join(LOG))?.into_iter().map(|name| format!("{LOG}/{name}")));
        let total = names.len() as u64;
        let sum = |(done, name): (u64, &String)| {
            progress(Progress { doing: "hashing", done, total });
            sum_of(&self.to.join(name), name)
        };
        (0..).zip(&names).map(sum).collect()
    }
}

/// Names of the segments in a directory, in order.
pub(crate) fn segments(dir: &Path) -> Result<Vec<String>, CareError> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(CareError::file(dir, "read")(error)),
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: io::Result<Vec<String>> = names.collect();
    let mut names = names.map_err(CareError::file(dir, "read"))?;
    names.retain(|name| name.ends_with(".wal"));
    names.sort_unstable();
    Ok(names)
}
