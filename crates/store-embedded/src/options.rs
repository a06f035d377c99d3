//! Limits of the store, each with its outcome.

use std::path::PathBuf;
use std::sync::Arc;

use clock::{Clock, SystemClock};
use store::UNREAD_MAX;
use wal::Files;

use crate::guard::Volume;
use crate::merge_plan::Sizes;

/// Most bytes of one encoded batch. A larger one is not stored, with reason `too_large`.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most bytes of the batches that go into one record; more wait for the next.
pub const GROUP_BYTES_MAX: usize = 1024 * 1024;
/// Most batches of one record; more wait for the next.
pub const GROUP_BATCHES_MAX: usize = 4_096;

/// What may be changed for tests and small machines.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of batches that wait for the log; a batch weighs 4 KiB at least. `append` waits while there is no room.
    pub queue_bytes_max: u32,
    /// Readings in memory beyond this are moved into the database. At twice as much, appends wait for that.
    pub head_bytes_max: usize,
    /// A log of this many bytes is moved into the database.
    pub log_flush_bytes: u64,
    /// At this many bytes of log, appends wait until the database has taken them.
    pub log_bytes_max: u64,
    /// Length of a log segment.
    pub segment_bytes: u64,
    /// Unread messages kept; the oldest is dropped and counted.
    pub unread_max: usize,
    /// Reads that work on the database at once; more wait.
    pub readers_max: usize,
    /// Keys of one frame; more make another frame.
    pub frame_rows_max: usize,
    /// Frames of about one size that are merged into one; fewer stay apart until there are more.
    pub merge_fan_in: usize,
    /// Keys of a merged frame; more make another one.
    pub merge_rows_max: usize,
    /// Bytes that a merged frame should have; one of half of it is left alone until late frames lie over it.
    pub merge_bytes_aim: usize,
    /// Readings that are merged at once, in memory; what would be more is merged in parts or left as it is.
    pub merge_cells_max: usize,
    /// Bytes set aside in the data directory, which are given up for a flush when the disk is full.
    pub reserve_bytes: u64,
}

impl Limits {
    pub(crate) fn merged(&self) -> Sizes {
        Sizes {
            fan_in: self.merge_fan_in.max(2),
            keys: self.merge_rows_max.clamp(1, frame::FRAME_ROWS_MAX) as u64,
            bytes: self.merge_bytes_aim.clamp(1, frame::FRAME_BYTES_MAX) as u64,
            cells: self.merge_cells_max.min(frame::FRAME_CELLS_MAX) as u64,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_bytes_max: 4 * 1024 * 1024,
            head_bytes_max: 8 * 1024 * 1024,
            log_flush_bytes: 32 * 1024 * 1024,
            log_bytes_max: 64 * 1024 * 1024,
            segment_bytes: 8 * 1024 * 1024,
            unread_max: UNREAD_MAX,
            readers_max: 2,
            frame_rows_max: 16 * 1024,
            merge_fan_in: 8,
            merge_rows_max: frame::FRAME_ROWS_MAX,
            merge_bytes_aim: frame::FRAME_BYTES_AIM,
            merge_cells_max: 160 * 1024,
            reserve_bytes: 16 * 1024 * 1024,
        }
    }
}

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// Measures the time in fdatasync.
    pub clock: Arc<dyn Clock>,
    /// See [`Limits`].
    pub limits: Limits,
    /// Where the log is; none for the directory `log` inside the data directory.
    pub log_files: Option<Arc<dyn Files>>,
    /// Says how full the disk is; none for the volume that the data directory is on.
    pub volume: Option<Arc<dyn Volume>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock::new()), limits: Limits::default(), log_files: None, volume: None }
    }
}

/// A data directory that cannot be opened, as a sentence for a person. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be made or written.
    #[error("the data directory {} cannot be {doing}", .dir.display())]
    Directory {
        /// Which.
        dir: PathBuf,
        /// `made`, `written` or `read`.
        doing: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A backup; being written to would make it worthless.
    #[error("{} is a backup: make a data directory of it with `sensorium restore`", .dir.display())]
    Backup {
        /// Which.
        dir: PathBuf,
    },
    /// Somebody else has it open.
    #[error("the data directory {} is in use by another process", .dir.display())]
    Locked {
        /// Which.
        dir: PathBuf,
    },
    /// Written by another version.
    #[error(
        "the data directory {} has format {found}, and this version reads format {supported}: use the version that wrote \
         it, or another directory", .dir.display()
    )]
    Format {
        /// Which.
        dir: PathBuf,
        /// Its format.
        found: i64,
        /// The format of this version.
        supported: i64,
    },
    /// An older format that could not be brought to this one. It is as it was.
    #[error(
        "the data directory {} could not be upgraded from format {found} to {to}, and is as it was", .dir.display()
    )]
    Upgrade {
        /// Which.
        dir: PathBuf,
        /// Its format.
        found: i64,
        /// The format of this version.
        to: i64,
        /// Why.
        #[source]
        source: store::StoreError,
    },
    /// A database of something else.
    #[error("{} is not a database of Sensorium", .file.display())]
    NotOurs {
        /// Which.
        file: PathBuf,
    },
    /// The database failed.
    #[error("the database in {} failed while {doing}", .dir.display())]
    Database {
        /// Where.
        dir: PathBuf,
        /// What was attempted.
        doing: &'static str,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A row that cannot be decoded.
    #[error("the database in {} is damaged: {what}", .dir.display())]
    Damaged {
        /// Where.
        dir: PathBuf,
        /// What was found.
        what: String,
    },
    /// The log cannot be read.
    #[error("the log in {} cannot be opened: {source}", .dir.display())]
    Log {
        /// Where.
        dir: PathBuf,
        /// Why.
        source: wal::WalError,
    },
}
