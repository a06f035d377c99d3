//! The SQLite database: opening it, its one writing connection and its few reading ones.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use store::StoreError;
use tokio::sync::Semaphore;

use crate::options::OpenError;
use crate::{upgrade, viewing};

/// The format of the data directory that this version writes and reads. `FORMAT.md` describes it.
pub const FORMAT: i64 = 2;
/// The format before it, which is upgraded.
const FORMAT_1: i64 = 1;
/// Tells a database of ours from others: "SENS".
const APPLICATION: i64 = 0x5345_4E53;
const SCHEMA: &str = include_str!("schema.sql");

pub(crate) struct Database {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    /// Reads that may work at once; more wait.
    pub(crate) permits: Semaphore,
}

impl Database {
    /// Opens the database in `dir`, making it if it is not there.
    pub(crate) fn open(dir: &Path, readers_max: usize) -> Result<Self, OpenError> {
        viewing::refuse_half(dir)?;
        let path = dir.join(viewing::DATABASE);
        let created = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        created.map_err(|source| OpenError::Directory { dir: dir.to_owned(), doing: "written", source })?;
        let failed = |doing| move |source| OpenError::Database { dir: dir.to_owned(), doing, source };
        let mut connection = Connection::open(&path).map_err(failed("opening"))?;
        let found = check_format(&connection, dir, &path)?;
        prepare_writer(&mut connection).map_err(failed("being prepared"))?;
        if found == Some(FORMAT_1) {
            tracing::info!(dir = %dir.display(), from = FORMAT_1, to = FORMAT, "upgrading the data directory");
            let upgraded = upgrade::to_format_2(&mut connection);
            upgraded.map_err(|source| OpenError::Upgrade {
                dir: dir.to_owned(),
                found: FORMAT_1,
                to: FORMAT,
                source,
            })?;
        }
        let readers = Mutex::new(Vec::with_capacity(readers_max));
        Ok(Self { path, writer: Mutex::new(connection), readers, permits: Semaphore::new(readers_max.max(1)) })
    }

    /// The writing connection; whoever holds it is alone.
    pub(crate) fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on one moment of the database.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let pooled = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => self.open_reader().map_err(failed("opening the database for reading"))?,
        };
        let snapshot = connection.unchecked_transaction().map_err(failed("starting a read"))?;
        let answer = work(&snapshot);
        drop(snapshot);
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        answer
    }

    /// Brings everything into the one file, so that a closed directory holds no journal. What fails here is done by the
    /// next open.
    pub(crate) fn tidy(&self) {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let checkpoint = self.writer().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        if let Err(error) = checkpoint {
            tracing::warn!(%error, "the database could not be brought into one file");
        }
    }

    fn open_reader(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "cache_size", -1_024)?;
        Ok(connection)
    }

    /// Bytes of its files.
    pub(crate) fn disk_bytes(&self) -> u64 {
        let sizes = ["", "-wal", "-shm"].map(|suffix| {
            let mut name = self.path.clone().into_os_string();
            name.push(suffix);
            std::fs::metadata(PathBuf::from(name)).map_or(0, |file| file.len())
        });
        sizes.iter().sum()
    }
}

/// Answers the format; none for a database that is still to be made.
pub(crate) fn check_format(connection: &Connection, dir: &Path, file: &Path) -> Result<Option<i64>, OpenError> {
    let failed = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotOurs { file: file.to_owned() },
        _ => OpenError::Database { dir: dir.to_owned(), doing: "reading its format", source },
    };
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(failed);
    let (application, format) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    let is_new = application == 0 && format == 0 && tables == 0;
    if application != APPLICATION && !is_new {
        return Err(OpenError::NotOurs { file: file.to_owned() });
    }
    if !is_new && !(FORMAT_1..=FORMAT).contains(&format) {
        return Err(OpenError::Format { dir: dir.to_owned(), found: format, supported: FORMAT });
    }
    Ok((!is_new).then_some(format))
}

fn prepare_writer(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -2_048)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.busy_timeout(Duration::from_secs(5))?;
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format == 0 {
        let making = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        making.execute_batch(SCHEMA)?;
        making.pragma_update(None, "application_id", APPLICATION)?;
        making.pragma_update(None, "user_version", FORMAT)?;
        making.execute("INSERT INTO meta (key, value) VALUES ('store_id', randomblob(16))", [])?;
        making.commit()?;
    }
    Ok(())
}

/// A new database at `path`, with a store id of its own.
pub(crate) fn make_database(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    prepare_writer(&mut connection)?;
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    Ok(connection)
}

/// A value of the table `meta`.
pub(crate) fn meta<T: rusqlite::types::FromSql>(connection: &Connection, key: &str) -> rusqlite::Result<Option<T>> {
    connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()
}

/// Sets a value of the table `meta`.
pub(crate) fn set_meta(connection: &Connection, key: &str, value: impl rusqlite::ToSql) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?;
    statement.execute(rusqlite::params![key, value]).map(drop)
}

/// What a failure of SQLite means to whoever asked the store.
pub(crate) fn failed(doing: &str) -> impl FnOnce(rusqlite::Error) -> StoreError {
    let doing = doing.to_owned();
    move |error| {
        let code = error.sqlite_error_code();
        if matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) {
            return StoreError::Damaged(format!("{doing}: {error}"));
        }
        let kind = match code {
            Some(ErrorCode::DiskFull) => io::ErrorKind::StorageFull,
            Some(ErrorCode::ReadOnly) => io::ErrorKind::ReadOnlyFilesystem,
            _ => io::ErrorKind::Other,
        };
        StoreError::Io { doing, source: io::Error::new(kind, error) }
    }
}
