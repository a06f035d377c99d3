//! A directory that is looked at and not changed: its database read-only, its log without the segment that opening a log
//! makes. A server may have it open meanwhile.

use std::fs::TryLockError;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use store::Batch;
use wal::{Log, Recovery, StoreId, WalError};

use crate::backup::segments;
use crate::care::CareError;
use crate::database::{FORMAT, check_format, meta};
use crate::mended_log;
use crate::options::OpenError;
use crate::record;
use crate::restore::RESTORING;

pub(crate) const DATABASE: &str = "sensorium.db";
pub(crate) const LOG: &str = "log";
/// The key of texts that are sealed in the catalogue. Whoever seals makes it; without it a copy of them is worth nothing, so that
/// a backup has it.
pub const SECRETS: &str = "secrets.key";

/// The lock of the directory; none if somebody else holds it. Nothing is made.
pub(crate) enum Hold {
    /// Nobody writes as long as this is there.
    Ours { _lock: Option<std::fs::File> },
    /// A server has it open.
    Theirs,
}

pub(crate) fn hold(dir: &Path) -> Result<Hold, CareError> {
    let path = dir.join("lock");
    let lock = match std::fs::File::open(&path) {
        Ok(lock) => lock,
        // A copy has none, and nobody has it open.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Hold::Ours { _lock: None }),
        Err(error) => return Err(CareError::file(&path, "read")(error)),
    };
    match lock.try_lock() {
        Ok(()) => Ok(Hold::Ours { _lock: Some(lock) }),
        Err(TryLockError::WouldBlock) => Ok(Hold::Theirs),
        Err(TryLockError::Error(source)) => Err(CareError::file(&path, "locked")(source)),
    }
}

/// Opens the database of `dir` for reading.
pub(crate) fn connect(dir: &Path) -> Result<Connection, CareError> {
    let path = dir.join(DATABASE);
    match std::fs::metadata(&path) {
        Ok(file) if file.len() > 0 => {}
        Ok(_) => return Err(gone(dir, "is empty")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(gone(dir, "is missing")),
        Err(error) => return Err(CareError::file(&path, "read")(error)),
    }
    let connection = open_reader(&path);
    let failed = |source| OpenError::Database { dir: dir.to_owned(), doing: "opening", source };
    let connection = connection.map_err(failed)?;
    match check_format(&connection, dir, &path)? {
        Some(FORMAT) => Ok(connection),
        found => {
            let found = found.unwrap_or(0);
            Err(OpenError::Format { dir: dir.to_owned(), found, supported: FORMAT }.into())
        }
    }
}

/// Refuses a directory that would be taken for a new one and is none: its database is missing or empty although it has a
/// log, or a restore into it or a repair of it was interrupted.
pub(crate) fn refuse_half(dir: &Path) -> Result<(), OpenError> {
    let damaged = |what: String| Err(OpenError::Damaged { dir: dir.to_owned(), what });
    if dir.join(RESTORING).exists() {
        return damaged("a restore into it was interrupted: remove what it holds and restore again".to_owned());
    }
    if dir.join(mended_log::ASIDE).exists() || dir.join(mended_log::NEW).exists() {
        return damaged("a repair was interrupted: run `sensorium repair` again".to_owned());
    }
    let empty = std::fs::metadata(dir.join(DATABASE)).map_or(true, |file| file.len() == 0);
    let has_log = segments(&dir.join(LOG)).is_ok_and(|segments| !segments.is_empty());
    if empty && has_log {
        let words = "is missing or empty although there is a log, which says nothing without it: only a backup helps";
        return damaged(format!("its file {DATABASE} {words}"));
    }
    Ok(())
}

fn gone(dir: &Path, what: &str) -> CareError {
    let what = format!("its file {DATABASE} {what}");
    OpenError::Damaged { dir: dir.to_owned(), what }.into()
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(30))?;
    connection.pragma_update(None, "cache_size", -4_096)?;
    Ok(connection)
}

/// Everything in the log of `dir` behind `cut`, batch by batch.
pub(crate) fn read_log(
    dir: &Path,
    store: StoreId,
    cut: u64,
    must_exist: bool,
    take: &mut dyn FnMut(u64, Batch) -> Result<(), String>,
) -> Result<Recovery, WalError> {
    let files = Arc::new(Viewed { dir: dir.join(LOG) });
    let opened = Log::open(files, store, wal::Options::default(), cut, must_exist, &mut |record| {
        for (sequence, batch) in (record.first..).zip(record::decode(record.payload)?) {
            if sequence > cut {
                take(sequence, batch)?;
            }
        }
        Ok(())
    });
    opened.map(|(_, recovery)| recovery)
}

/// The store id, and whether there must be a log.
pub(crate) fn identity(connection: &Connection, dir: &Path) -> Result<(StoreId, bool), CareError> {
    let failed = |source| OpenError::Database { dir: dir.to_owned(), doing: "being read", source };
    let id = meta::<[u8; 16]>(connection, "store_id").map_err(failed)?;
    let Some(id) = id else {
        return Err(OpenError::Damaged { dir: dir.to_owned(), what: "it has no store id".to_owned() }.into());
    };
    Ok((StoreId(id), meta::<i64>(connection, "log_made").map_err(failed)?.is_some()))
}

/// The files of a log as they are; what is written to them goes nowhere.
struct Viewed {
    dir: PathBuf,
}

impl wal::Files for Viewed {
    fn create(&self, _: &str) -> io::Result<Box<dyn wal::File>> {
        Ok(Box::new(Nowhere))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn wal::File>> {
        Ok(Box::new(ViewedFile(std::fs::File::open(self.dir.join(name))?)))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }
}

struct Nowhere;

impl wal::File for Nowhere {
    fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn read_at(&self, _: u64, _: usize) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(0)
    }
}

struct ViewedFile(std::fs::File);

impl wal::File for ViewedFile {
    fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let there = usize::try_from(self.len()?.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len.min(there)];
        self.0.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}
