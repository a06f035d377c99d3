//! A backup: a copy of a data directory as of one moment, made while a server may have it open, without its help.
//!
//! A moment of the database is fixed, and every segment of the log that is there is opened; if nobody committed meanwhile,
//! no flush has taken anything beyond that moment's cut out of the log, and the two belong together. What a server removes
//! while both are copied stays readable for whoever has it open. Afterwards the copy's log is read behind the copy's cut.
//! The manifest comes last, so that a backup without one is no backup.
//!
//! It is not incremental. It holds what the directory holds, the key of sealed texts too; its files are for their owner only.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use model::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};
use store::Sequence;
use wal::StoreId;

use crate::care::{
    CareError, FileSum, Progress, copy_file, copy_open, hex, make_dir, make_empty_dir, sum_of, sync_dir, write_file,
};
use crate::checkpoint;
use crate::database::{FORMAT, failed};
use crate::viewing::{DATABASE, LOG, SECRETS, connect, identity, read_log};

/// The file that makes a directory a backup.
pub const MANIFEST: &str = "manifest.json";
/// How often a moment is sought in which nobody commits, which takes about a millisecond; then the backup is refused.
const TRIES_MAX: u32 = 1_000;
/// Pages of the database that are copied before progress is told.
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
    make_dir(&to.join(LOG))?;
    let copying = Copying { dir, to, store };
    let (moment, mut log) = copying.moment(&source)?;
    copying.database(moment, progress)?;
    copying.log(&mut log)?;
    copying.secrets()?;
    let found = copying.verify()?;
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

/// Segments of the log by name, open: they can be read whatever becomes of their names.
type Segments = BTreeMap<String, File>;

struct Copying<'a> {
    dir: &'a Path,
    to: &'a Path,
    store: StoreId,
}

impl Copying<'_> {
    /// One moment of the database, for as long as its transaction lasts, and all of the log that lies beyond its cut.
    fn moment<'c>(&self, source: &'c Connection) -> Result<(Transaction<'c>, Segments), CareError> {
        const DOING: &str = "seeking a moment of the database";
        // It differs whenever somebody else has committed; asked outside of the transaction, which sees its moment only.
        let witness = connect(self.dir)?;
        let version = || witness.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0));
        for _ in 0..TRIES_MAX {
            let before = version().map_err(failed(DOING))?;
            let moment = source.unchecked_transaction().map_err(failed(DOING))?;
            // The first read of a transaction is what fixes its moment.
            moment.query_row("SELECT count(*) FROM meta", [], |_| Ok(())).map_err(failed(DOING))?;
            let log = self.open_log()?;
            if version().map_err(failed(DOING))? == before {
                return Ok((moment, log));
            }
        }
        Err(CareError::Refused("the server writes without a pause; begin the backup again".to_owned()))
    }

    fn open_log(&self) -> Result<Segments, CareError> {
        let mut log = Segments::new();
        for name in segments(&self.dir.join(LOG))? {
            let path = self.dir.join(LOG).join(&name);
            match File::open(&path) {
                Ok(file) => _ = log.insert(name, file),
                // A segment goes when the database has what it holds.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(CareError::file(&path, "read")(error)),
            }
        }
        Ok(log)
    }

    fn log(&self, log: &mut Segments) -> Result<(), CareError> {
        for (name, file) in log {
            copy_open(file, &self.dir.join(LOG).join(name), &self.to.join(LOG).join(name), name)?;
        }
        Ok(())
    }

    /// Copies that moment of the database. Writers go on meanwhile.
    fn database(&self, moment: Transaction<'_>, progress: &mut dyn FnMut(Progress)) -> Result<(), CareError> {
        const DOING: &str = "copying the database";
        let path = self.to.join(DATABASE);
        write_file(&path, &[])?;
        let mut copy = Connection::open(&path).map_err(failed(DOING))?;
        copy.pragma_update(None, "synchronous", "OFF").map_err(failed(DOING))?;
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
            }
        }
        drop(moment);
        // One file, which can be read where nothing can be written.
        copy.pragma_update(None, "journal_mode", "DELETE").map_err(failed(DOING))?;
        copy.close().map_err(|(_, error)| failed(DOING)(error))?;
        File::open(&path).and_then(|file| file.sync_all()).map_err(CareError::file(&path, "written"))
    }

    /// Copies the key of sealed texts, if there is one. It is older than all of them.
    fn secrets(&self) -> Result<(), CareError> {
        let path = self.dir.join(SECRETS);
        if path.exists() {
            copy_file(&path, &self.to.join(SECRETS), SECRETS)?;
        }
        Ok(())
    }

    /// Reads the copy as a server would.
    fn verify(&self) -> Result<Manifest, CareError> {
        let copy = connect(self.to)?;
        let (_, had_log) = identity(&copy, self.to)?;
        let mut memory = checkpoint::read(&copy, usize::MAX)?;
        let cut = memory.cut.0;
        let recovery = read_log(self.to, self.store, cut, had_log, &mut |sequence, batch| {
            memory.apply(Sequence(sequence), &batch);
            Ok(())
        });
        let recovery = recovery.map_err(|source| crate::OpenError::Log { dir: self.dir.to_owned(), source })?;
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
        names.extend(self.to.join(SECRETS).exists().then(|| SECRETS.to_owned()));
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
