//! Watches how full the volume is, and keeps a reserve on it, so that a flush can still be done when there is no room left.
//!
//! At [`NOTICE`] and [`ALARM`] the store is degraded, with `disk_80` and `disk_95`; nothing is refused for it. Above the
//! alarm no frames are merged, because that needs room before it makes some. When a flush finds the disk full, the reserve
//! is given up for it; it is made again when there is plenty of room.
//!
//! It deletes no readings.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::health::{Health, Part};

/// Used parts of a hundred from which on somebody should make room.
pub const NOTICE: u64 = 80;
/// Used parts of a hundred from which on somebody must.
pub const ALARM: u64 = 95;
/// The reserve is made while so many times as much is free.
const ROOM_FOR_RESERVE: u64 = 4;
/// Zeros that are written at once where the file system knows no other way to set space aside.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Room on a volume, as this process may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that are in use.
    pub used: u64,
    /// Bytes that may still be written.
    pub free: u64,
}

impl Space {
    /// Used parts of a hundred, rounded down.
    #[must_use]
    pub fn used_percent(self) -> u64 {
        let all = u128::from(self.used) + u128::from(self.free);
        u64::try_from(u128::from(self.used) * 100 / all.max(1)).unwrap_or(100)
    }
}

/// Something with limited room.
pub trait Volume: std::fmt::Debug + Send + Sync {
    /// How much there is now.
    ///
    /// # Errors
    /// What the system says.
    fn space(&self) -> io::Result<Space>;
}

/// The volume that a directory is on.
#[derive(Debug)]
pub struct VolumeOf(PathBuf);

impl VolumeOf {
    /// The volume of `dir`.
    #[must_use]
    pub fn dir(dir: &Path) -> Self {
        Self(dir.to_owned())
    }
}

impl Volume for VolumeOf {
    fn space(&self) -> io::Result<Space> {
        let found = statvfs(&self.0)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        let used = bytes(found.f_blocks.saturating_sub(found.f_bfree));
        Ok(Space { used, free: bytes(found.f_bavail) })
    }
}

#[derive(Debug)]
pub(crate) struct Guard {
    reserve: PathBuf,
    reserve_bytes: u64,
    volume: Arc<dyn Volume>,
    alarmed: AtomicBool,
}

impl Guard {
    /// Watches `volume`, on which the data directory `dir` is.
    pub(crate) fn over(dir: &Path, reserve_bytes: u64, volume: Arc<dyn Volume>) -> Self {
        Self { reserve: dir.join("reserve"), reserve_bytes, volume, alarmed: AtomicBool::new(false) }
    }

    /// Whether there is so little room that only what is needed is written.
    pub(crate) fn is_alarmed(&self) -> bool {
        self.alarmed.load(Ordering::Relaxed)
    }

    /// Measures, says what is found, and makes the reserve if it is missing and there is room.
    pub(crate) fn look(&self, health: &Health) {
        let space = match self.volume.space() {
            Ok(space) => space,
            Err(error) => return tracing::debug!(%error, "the volume does not say how full it is"),
        };
        let percent = space.used_percent();
        self.alarmed.store(percent >= ALARM, Ordering::Relaxed);
        let detail = || format!("{percent} % of the disk are in use, {} MiB are free", space.free >> 20);
        if percent >= ALARM {
            health.trouble(Part::Disk, "disk_95", detail());
        } else if percent >= NOTICE {
            health.trouble(Part::Disk, "disk_80", detail());
        } else {
            health.well(Part::Disk);
        }
        let there = std::fs::metadata(&self.reserve).map_or(0, |file| file.len());
        if there != self.reserve_bytes && space.free / ROOM_FOR_RESERVE >= self.reserve_bytes {
            let made = if self.reserve_bytes == 0 { std::fs::remove_file(&self.reserve) } else { self.make() };
            if let Err(error) = made {
                tracing::warn!(%error, "no space could be set aside for a full disk");
                self.give_up();
            }
        }
    }

    /// Frees the reserve. Answers whether there was one.
    pub(crate) fn give_up(&self) -> bool {
        std::fs::remove_file(&self.reserve).is_ok()
    }

    fn make(&self) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.reserve)?;
        match fallocate(&file, FallocateFlags::empty(), 0, self.reserve_bytes) {
            Ok(()) => {}
            Err(errno) if io::Error::from(errno).kind() == ErrorKind::Unsupported => self.write_zeros(&mut file)?,
            Err(errno) => return Err(errno.into()),
        }
        file.sync_all()
    }

    fn write_zeros(&self, file: &mut File) -> io::Result<()> {
        let mut left = self.reserve_bytes;
        while left > 0 {
            let part = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
            file.write_all(ZEROS.get(..part).unwrap_or(&ZEROS))?;
            left -= part as u64;
        }
        Ok(())
    }
}
