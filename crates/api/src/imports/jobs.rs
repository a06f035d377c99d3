//! Imports since start and how far they are. Kept in memory: after a restart the list is empty and says since when it is one, and
//! what was stored is stored.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use decode::{ClaimedTime, Found};
use ingest::IMPORT;
use model::ReadingCounts;
use serde::Serialize;
use table::Refused;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::state::ApiState;

/// Imports that are remembered. Beyond it the oldest is forgotten.
const IMPORTS_MAX: usize = 20;
/// Errors of one import that are told one by one. All are counted.
const ERRORS_MAX: usize = 100;
/// Devices of one import that are told. The readings of others are stored and counted all the same.
const DEVICES_MAX: usize = 20;

/// An import and how far it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Import {
    id: u64,
    /// The name of the file.
    name: Option<String>,
    state: ImportState,
    /// Why it ended early, as a sentence.
    detail: Option<String>,
    /// Epoch ms.
    started: i64,
    /// Epoch ms.
    ended: Option<i64>,
    /// Rows of values that were read.
    rows: u64,
    /// Readings under a new key.
    stored: u64,
    /// Readings that were there with the same value.
    duplicate: u64,
    /// Readings that took the place of another value at the same time.
    replaced: u64,
    /// Readings that are durable, of which is not known yet which of the three they are.
    unsettled: u64,
    /// Readings that are durable, by a store that never knows which of the three they are.
    upserted: u64,
    /// Rows and cells that were not stored, by reason.
    #[schema(value_type = BTreeMap<String, u64>)]
    rejected: BTreeMap<&'static str, u64>,
    /// Bytes of the file that were read.
    bytes: u64,
    /// Bytes of the file, where that is known.
    bytes_total: Option<u64>,
    /// The first 100 of what was not stored.
    errors: Vec<ImportError>,
    /// Whose rows they are: the first 20 devices, by key.
    devices: Vec<ImportedDevice>,
}

/// A device that rows of an import are about.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ImportedDevice {
    key: String,
    /// Epoch ms of its earliest row.
    first: i64,
    /// Epoch ms of its latest row.
    last: i64,
}

/// How an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// Rows are being read.
    Running,
    /// All of it was read, and what was not rejected is durable.
    Done,
    /// It ended early; `detail` says why.
    Failed,
    /// A person stopped it.
    Cancelled,
}

/// Something that was not stored.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ImportError {
    /// The line of the file at which the row begins, counted from 1.
    row: u64,
    detail: String,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Imports(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    last_id: u64,
    /// The newest first.
    jobs: VecDeque<Arc<Job>>,
}

/// One import.
#[derive(Debug)]
pub struct Job {
    id: u64,
    name: Option<String>,
    bytes_total: Option<u64>,
    started: i64,
    stop: watch::Sender<bool>,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    state: ImportState,
    detail: Option<String>,
    ended: Option<i64>,
    rows: u64,
    bytes: u64,
    refused: BTreeMap<&'static str, u64>,
    errors: Vec<ImportError>,
    /// Earliest and latest row of each.
    devices: BTreeMap<String, (i64, i64)>,
    /// The books of all imports before this one.
    before: Option<ReadingCounts>,
    /// Those books at the end of this one; until then they are read.
    after: Option<ReadingCounts>,
}

/// The readings of all imports so far.
pub fn counts(state: &ApiState) -> ReadingCounts {
    let books = state.ingest.books();
    books.sources.get(IMPORT).map(|(book, _)| book.readings.clone()).unwrap_or_default()
}

impl Imports {
    /// A new one that runs.
    ///
    /// # Errors
    /// 409 while another one does.
    pub fn add(&self, name: Option<String>, bytes_total: Option<u64>, started: i64) -> Result<Arc<Job>, Problem> {
        let mut list = self.lock();
        if let Some(running) = list.jobs.iter().find(|job| job.state() == ImportState::Running) {
            let detail = format!("import {} is running; wait for its end or stop it", running.id);
            return Err(Problem::conflict("import_running", detail));
        }
        list.last_id += 1;
        let progress = Progress {
            state: ImportState::Running,
            detail: None,
            ended: None,
            rows: 0,
            bytes: 0,
            refused: BTreeMap::new(),
            errors: Vec::new(),
            devices: BTreeMap::new(),
            before: None,
            after: None,
        };
        let (id, stop) = (list.last_id, watch::Sender::new(false));
        let job = Arc::new(Job { id, name, bytes_total, started, stop, progress: Mutex::new(progress) });
        list.jobs.push_front(Arc::clone(&job));
        list.jobs.truncate(IMPORTS_MAX);
        Ok(job)
    }

    /// What was counted belongs to the imports before; from here on it belongs to `job`.
    pub fn settle_before(&self, job: &Job, counts: &ReadingCounts) {
        for other in self.lock().jobs.iter().filter(|other| other.id != job.id) {
            other.lock().after.get_or_insert_with(|| counts.clone());
        }
        job.lock().before = Some(counts.clone());
    }

    pub fn list(&self, state: &ApiState) -> Vec<Import> {
        let counts = counts(state);
        self.lock().jobs.iter().map(|job| job.view(&counts)).collect()
    }

    pub fn show(&self, state: &ApiState, id: u64) -> Option<Import> {
        let counts = counts(state);
        self.lock().jobs.iter().find(|job| job.id == id).map(|job| job.view(&counts))
    }

    /// Stops one that runs, forgets another; false if there is none.
    pub fn cancel(&self, id: u64) -> bool {
        let mut list = self.lock();
        let Some(at) = list.jobs.iter().position(|job| job.id == id) else { return false };
        let running = list.jobs.get(at).filter(|job| job.state() == ImportState::Running).map(Arc::clone);
        match running {
            Some(job) => _ = job.stop.send_replace(true),
            None => _ = list.jobs.remove(at),
        }
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    fn lock(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn state(&self) -> ImportState {
        self.lock().state
    }

    /// Becomes true when a person stops it.
    pub fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Some more of the file was taken.
    pub fn took(&self, bytes: u64) {
        self.lock().bytes += bytes;
    }

    /// A row was read, perhaps not all of it.
    pub fn read(&self, row: u64, refused: Vec<Refused>) {
        let mut progress = self.lock();
        progress.rows += 1;
        for refused in refused {
            *progress.refused.entry(refused.reason).or_default() += 1;
            progress.tell(row, refused.detail);
        }
    }

    /// What was read of a row.
    pub fn found(&self, found: &[Found]) {
        let devices = &mut self.lock().devices;
        for Found { device, time, .. } in found {
            let Some(ClaimedTime::At { ms, .. }) = *time else { continue };
            if let Some((first, last)) = devices.get_mut(device) {
                (*first, *last) = (ms.min(*first), ms.max(*last));
            } else if devices.len() < DEVICES_MAX {
                devices.insert(device.clone(), (ms, ms));
            }
        }
    }

    /// Values that were read and are not handed over.
    pub fn refuse(&self, row: u64, reason: &'static str, count: u64, detail: String) {
        let mut progress = self.lock();
        *progress.refused.entry(reason).or_default() += count;
        progress.tell(row, detail);
    }

    /// Something that the books count was not stored.
    pub fn tell(&self, row: u64, detail: String) {
        self.lock().tell(row, detail);
    }

    /// It has come to its end, unless it had before. `after` where nothing of it is under way any more.
    pub fn end(&self, state: ImportState, detail: Option<String>, now: i64, after: Option<ReadingCounts>) {
        let mut progress = self.lock();
        if progress.state == ImportState::Running {
            (progress.state, progress.detail, progress.ended) = (state, detail, Some(now));
            progress.after = after;
        }
    }

    /// As it is, with what all imports have brought so far.
    pub fn view(&self, counts: &ReadingCounts) -> Import {
        let progress = self.lock();
        let after = progress.after.as_ref().unwrap_or(counts);
        let before = progress.before.as_ref().unwrap_or(after);
        let mut rejected = progress.refused.clone();
        for (reason, count) in &after.rejected {
            let count = count.saturating_sub(before.rejected.get(reason).copied().unwrap_or_default());
            if count > 0 {
                *rejected.entry(reason.as_str()).or_default() += count;
            }
        }
        Import {
            id: self.id,
            name: self.name.clone(),
            state: progress.state,
            detail: progress.detail.clone(),
            started: self.started,
            ended: progress.ended,
            rows: progress.rows,
            stored: after.stored.saturating_sub(before.stored),
            duplicate: after.duplicate.saturating_sub(before.duplicate),
            replaced: after.replaced.saturating_sub(before.replaced),
            unsettled: after.unsettled.saturating_sub(before.unsettled),
            upserted: after.upserted.saturating_sub(before.upserted),
            rejected,
            bytes: progress.bytes,
            bytes_total: self.bytes_total,
            errors: progress.errors.clone(),
            devices: progress.devices.iter().map(ImportedDevice::of).collect(),
        }
    }
}

impl ImportedDevice {
    fn of((key, &(first, last)): (&String, &(i64, i64))) -> Self {
        Self { key: key.clone(), first, last }
    }
}

impl Progress {
    fn tell(&mut self, row: u64, detail: String) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(ImportError { row, detail });
        }
    }
}
