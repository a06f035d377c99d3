//! Opening a data directory: lock, database, log, threads, in this order.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rusqlite::Connection;
use store::{Batch, Gate, Sequence, StoreError};
use wal::{Files, Log, RealFiles, StoreId, WalError};

use crate::backup::MANIFEST;
use crate::barrier;
use crate::checkpoint;
use crate::database::{Database, meta, set_meta};
use crate::embedded::{EmbeddedStore, Parts, Threads};
use crate::flush::{Flusher, Ground};
use crate::guard::{Guard, VolumeOf};
use crate::health::Health;
use crate::lost;
use crate::memory::Memory;
use crate::options::{Limits, OpenError, Options};
use crate::queue::Queue;
use crate::record;
use crate::viewing::LOG;
use crate::writer::{Writer, is_barrier};

/// Opens the data directory `dir`, making it if it is not there, and reads back what its log holds.
///
/// # Errors
/// A directory that cannot be used, is in use, has another format or is damaged: each as a sentence.
pub fn open(dir: &Path, options: Options) -> Result<EmbeddedStore, OpenError> {
    if dir.join(MANIFEST).exists() {
        return Err(OpenError::Backup { dir: dir.to_owned() });
    }
    let lock = lock_directory(dir)?;
    let Options { clock, limits, log_files, volume } = options;
    let database = Arc::new(Database::open(dir, limits.readers_max)?);
    let files: Arc<dyn Files> = match log_files {
        Some(files) => files,
        None => Arc::new(own_log(dir, &database)?),
    };
    let health = Arc::new(Health::default());
    let queue = Arc::new(Queue::bounded(limits.queue_bytes_max));
    let memory = Arc::new(RwLock::new(in_database(dir, &database, limits)?));
    let ground = Arc::new(Ground {
        memory: Arc::clone(&memory),
        database: Arc::clone(&database),
        health: Arc::clone(&health),
        queue: Arc::clone(&queue),
        frame_rows_max: limits.frame_rows_max,
        sizes: limits.merged(),
        guard: Guard::over(dir, limits.reserve_bytes, volume.unwrap_or_else(|| Arc::new(VolumeOf::dir(dir)))),
        merging: Mutex::default(),
        moment: Arc::default(),
    });
    let log = replay_log(dir, &ground, files, limits)?;
    let (gate, next) = {
        let memory = memory.read().unwrap_or_else(PoisonError::into_inner);
        Health::set(&health.log_bytes, log.bytes_beyond(memory.cut.0));
        (Gate::behind(&memory.state), memory.durable.0 + 1)
    };
    Health::set(&health.database_bytes, database.disk_bytes());
    Health::set(&health.log_disk_bytes, log.disk_bytes());
    let lost = lost::all(&database.writer()).map_err(|source| OpenError::Database {
        dir: dir.to_owned(),
        doing: "reading what was lost",
        source,
    })?;
    let parts = Parts {
        memory,
        queue,
        flusher: Arc::new(Flusher::default()),
        database,
        health,
        moment: Arc::clone(&ground.moment),
        lost: Arc::new(lost),
    };
    let writer = Writer {
        log,
        gate,
        next,
        queue: Arc::clone(&parts.queue),
        memory: Arc::clone(&parts.memory),
        flusher: Arc::clone(&parts.flusher),
        ground: Arc::clone(&ground),
        health: Arc::clone(&parts.health),
        clock,
        limits,
    };
    let threads = start_threads(&parts, writer, ground, lock).map_err(|source| OpenError::Directory {
        dir: dir.to_owned(),
        doing: "served by threads",
        source,
    })?;
    // A long log is moved into the database at once, while messages come in.
    parts.queue.nudge();
    Ok(EmbeddedStore { parts, threads: Mutex::new(Some(threads)), closed: AtomicBool::new(false) })
}

fn start_threads(parts: &Parts, writer: Writer, ground: Arc<Ground>, lock: File) -> std::io::Result<Threads> {
    let flusher = Arc::clone(&parts.flusher);
    let flush_thread = std::thread::Builder::new().name("store-flush".to_owned());
    let flusher = flush_thread.spawn(move || {
        let _last_words = LastWords::Flusher(Arc::clone(&flusher));
        flusher.run(&ground);
    })?;
    let queue = Arc::clone(&parts.queue);
    let write_thread = std::thread::Builder::new().name("store-log".to_owned());
    let writer = write_thread.spawn(move || {
        let _last_words = LastWords::Writer(queue);
        writer.run()
    });
    match writer {
        Ok(writer) => Ok(Threads { writer, flusher, lock }),
        Err(error) => {
            parts.flusher.stop();
            Err(error)
        }
    }
}

/// Whatever ends a thread, even a panic, nobody waits for it: what it left is unknown, and what comes is refused.
enum LastWords {
    Writer(Arc<Queue>),
    Flusher(Arc<Flusher>),
}

impl Drop for LastWords {
    fn drop(&mut self) {
        match self {
            Self::Writer(queue) => {
                queue.abandon();
                drop(queue.drain());
            }
            Self::Flusher(flusher) => flusher.stop(),
        }
    }
}

pub(crate) fn lock_directory(dir: &Path) -> Result<File, OpenError> {
    let failed = |doing| move |source| OpenError::Directory { dir: dir.to_owned(), doing, source };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed("made"))?;
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(dir.join("lock"));
    let lock = lock.map_err(failed("written"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed("locked")(source)),
    }
}

/// The directory `log`, which is made for a young database only: an empty one in the place of one that is gone would hide
/// that it is gone.
fn own_log(dir: &Path, database: &Database) -> Result<RealFiles, OpenError> {
    let log = dir.join(LOG);
    let failed = |source| OpenError::Database { dir: dir.to_owned(), doing: "being read", source };
    if !log.exists() && meta::<i64>(&database.writer(), "log_made").map_err(failed)?.is_some() {
        return Err(OpenError::Log { dir: dir.to_owned(), source: WalError::Missing });
    }
    RealFiles::at(&log).map_err(|source| OpenError::Directory { dir: log, doing: "made", source })
}

/// What the database holds, as of its cut.
fn in_database(dir: &Path, database: &Database, limits: Limits) -> Result<Memory, OpenError> {
    checkpoint::read(&database.writer(), limits.unread_max)
        .map_err(|error: StoreError| OpenError::Damaged { dir: dir.to_owned(), what: error.to_string() })
}

/// Applies what the log holds behind the cut. A barrier in it is executed at its place, as it would have been without the
/// crash.
fn replay_log(dir: &Path, ground: &Ground, files: Arc<dyn Files>, limits: Limits) -> Result<Log, OpenError> {
    let failed = |source: rusqlite::Error| OpenError::Database { dir: dir.to_owned(), doing: "being read", source };
    let (store_id, had_log, frames) = {
        let connection = ground.database.writer();
        let frames: i64 = connection.query_row("SELECT count(*) FROM frames", [], |row| row.get(0)).map_err(failed)?;
        let had_log = meta::<i64>(&connection, "log_made").map_err(failed)?.is_some();
        (store_id(&connection).map_err(failed)?, had_log, frames)
    };
    let Some(store_id) = store_id else {
        return Err(OpenError::Damaged { dir: dir.to_owned(), what: "it has no store id".to_owned() });
    };
    Health::set(&ground.health.frames, frames.cast_unsigned());
    let cut = ground.memory.read().unwrap_or_else(PoisonError::into_inner).cut.0;
    let sizes = wal::Options { segment_bytes: limits.segment_bytes, ..wal::Options::default() };
    let opened = Log::open(files, store_id, sizes, cut, had_log, &mut |record| {
        for (sequence, batch) in (record.first..).zip(record::decode(record.payload)?) {
            if sequence > cut {
                replay(ground, Sequence(sequence), &batch).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    });
    let (log, recovery) = opened.map_err(|source| OpenError::Log { dir: dir.to_owned(), source })?;
    for torn in &recovery.torn {
        tracing::warn!(
            file = torn.file,
            offset = torn.offset,
            bytes = torn.bytes,
            "dropped a torn tail of the log: nobody had been told that it was stored"
        );
    }
    if !had_log {
        note_log(&ground.database.writer()).map_err(failed)?;
    }
    Ok(log)
}

fn replay(ground: &Ground, sequence: Sequence, batch: &Batch) -> Result<(), StoreError> {
    if is_barrier(batch) {
        ground.flush()?;
        return batch.entries.iter().try_for_each(|entry| barrier::execute(ground, sequence, entry));
    }
    ground.memory.write().unwrap_or_else(PoisonError::into_inner).apply(sequence, batch);
    Ok(())
}

/// From now on a directory without a log is damaged. That the note itself is on the medium is not worth a sync: the
/// next flush brings it there, and until then the log is young.
fn note_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    set_meta(connection, "log_made", 1_i64)?;
    connection.pragma_update(None, "synchronous", "FULL")
}

fn store_id(connection: &Connection) -> rusqlite::Result<Option<StoreId>> {
    Ok(meta::<[u8; 16]>(connection, "store_id")?.map(StoreId))
}
