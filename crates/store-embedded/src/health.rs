//! Why the store is not at its best, and the sizes that are known without asking the disk.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use store::Degraded;

use crate::pace::Pace;

/// What can be wrong, one at a time each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Log,
    Room,
    Barrier,
    Database,
    Pace,
    Merging,
    Disk,
}

#[derive(Debug, Default)]
pub(crate) struct Health {
    trouble: Mutex<BTreeMap<Part, Degraded>>,
    pace: Mutex<Pace>,
    pub(crate) commits: AtomicU64,
    pub(crate) sync_micros: AtomicU64,
    pub(crate) log_disk_bytes: AtomicU64,
    pub(crate) log_bytes: AtomicU64,
    pub(crate) database_bytes: AtomicU64,
    pub(crate) frames: AtomicU64,
}

impl Health {
    /// Logs the first of a row of equal troubles.
    pub(crate) fn trouble(&self, part: Part, code: &'static str, detail: String) {
        let trouble = Degraded { code, detail };
        let mut all = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(&part).is_none_or(|known| known.code != code) {
            tracing::error!(code, detail = trouble.detail, "the store is degraded");
        }
        all.insert(part, trouble);
    }

    pub(crate) fn well(&self, part: Part) {
        let mut all = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(over) = all.remove(&part) {
            tracing::info!(code = over.code, "the store has recovered");
        }
    }

    /// Counts a sync of the log that ended at `now`, and tells when they have become slow.
    pub(crate) fn synced(&self, now: Duration, took: Duration) {
        Self::add(&self.commits, 1);
        Self::add(&self.sync_micros, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        let slow = self.pace.lock().unwrap_or_else(PoisonError::into_inner).note(now, took);
        match slow {
            Some(p99) => {
                let detail =
                    format!("the disk is slow: fsync p99 {:.1} s, so acknowledgements wait", p99.as_secs_f64());
                self.trouble(Part::Pace, "disk_slow", detail);
            }
            None => self.well(Part::Pace),
        }
    }

    pub(crate) fn degraded(&self) -> Vec<Degraded> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn set(number: &AtomicU64, value: u64) {
        number.store(value, Ordering::Relaxed);
    }

    pub(crate) fn add(number: &AtomicU64, value: u64) {
        number.fetch_add(value, Ordering::Relaxed);
    }

    pub(crate) fn get(number: &AtomicU64) -> u64 {
        number.load(Ordering::Relaxed)
    }
}
