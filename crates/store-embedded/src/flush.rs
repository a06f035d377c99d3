//! Moving the head into the database: freeze a generation, find out what was new, encode, write all of it with its cut in
//! one transaction. Acknowledgements go on meanwhile; readers see the frozen generation until it is in the database.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use frame::{EncodeError, Encoded};
use model::{DeviceId, Kind, ReadingKey, SeriesId, SourceName, Value};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use store::strands::{Room, Strand, encode_device};
use store::{Novelty, StoreError};

use crate::checkpoint;
use crate::database::{Database, failed};
use crate::guard::Guard;
use crate::health::{Health, Part};
use crate::memory::{Extent, Frozen, Memory, Settled};
use crate::merge_plan::Sizes;
use crate::merging::Merging;
use crate::queue::Queue;
use crate::{hours, rows};

/// Between attempts on a medium that refuses.
const RETRY: Duration = Duration::from_secs(1);
/// Between looks at how full the disk is.
const LOOK: Duration = Duration::from_secs(10);

struct Control {
    asked: u64,
    done: u64,
    /// The attempt that failed last, and why.
    failed: Option<(u64, String)>,
    stopped: bool,
    /// Frames may be waiting to be merged.
    merging: bool,
}

impl Default for Control {
    fn default() -> Self {
        Self { asked: 0, done: 0, failed: None, stopped: false, merging: true }
    }
}

/// What the thread does next.
enum Task {
    Flush(u64),
    Merge,
    Look,
}

/// Asks for flushes and waits for them. The thread that does them is [`Flusher::run`].
#[derive(Default)]
pub(crate) struct Flusher {
    control: Mutex<Control>,
    changed: Condvar,
}

/// What a flush works on.
pub(crate) struct Ground {
    pub(crate) memory: Arc<RwLock<Memory>>,
    pub(crate) database: Arc<Database>,
    pub(crate) health: Arc<Health>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) frame_rows_max: usize,
    /// What frames are merged into.
    pub(crate) sizes: Sizes,
    pub(crate) guard: Guard,
    /// What is still to be merged.
    pub(crate) merging: Mutex<Merging>,
    /// Held by a barrier while it is done in the database and not yet in memory.
    pub(crate) moment: Arc<RwLock<()>>,
}

impl Flusher {
    /// Wants a flush of everything that is durable now.
    pub(crate) fn ask(&self) {
        let mut control = self.lock();
        if control.asked == control.done {
            control.asked += 1;
        }
        self.changed.notify_all();
    }

    /// Wants a flush of everything that is durable now and waits for it.
    pub(crate) fn ask_and_wait(&self) -> Result<(), StoreError> {
        let mut control = self.lock();
        // A flush under way may have frozen its generation already, so it takes another one.
        control.asked += 1;
        let mine = control.asked;
        self.changed.notify_all();
        loop {
            if control.done >= mine {
                return Ok(());
            }
            if let Some((_, why)) = control.failed.as_ref().filter(|(attempt, _)| *attempt >= mine) {
                return Err(StoreError::Io {
                    doing: "flushing".to_owned(),
                    source: std::io::Error::other(why.clone()),
                });
            }
            if control.stopped {
                return Err(StoreError::Closed);
            }
            control = self.changed.wait(control).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.lock().failed.is_some()
    }

    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Does what is asked until it is stopped.
    pub(crate) fn run(&self, ground: &Ground) {
        ground.guard.look(&ground.health);
        ground.merge_all();
        while let Some(task) = self.next_task(ground) {
            let attempt = match task {
                Task::Flush(attempt) => attempt,
                Task::Merge => {
                    ground.merge_some();
                    continue;
                }
                Task::Look => {
                    ground.guard.look(&ground.health);
                    continue;
                }
            };
            let outcome = ground.flush_with_reserve();
            let mut control = self.lock();
            match outcome {
                Ok(()) => {
                    control.done = attempt;
                    control.merging = true;
                    control.failed = None;
                    ground.health.well(Part::Database);
                }
                Err(error) => {
                    let why = with_cause(&error);
                    ground.health.trouble(Part::Database, code_of(&error), format!("the database refuses: {why}"));
                    control.failed = Some((attempt, why));
                }
            }
            drop(control);
            self.changed.notify_all();
            ground.queue.nudge();
        }
    }

    /// Waits until no frames are left that are worth merging.
    pub(crate) fn wait_for_merging(&self) -> Result<(), StoreError> {
        let mut control = self.lock();
        loop {
            if control.stopped {
                return Err(StoreError::Closed);
            }
            if !control.merging && control.done == control.asked {
                return Ok(());
            }
            control = self.changed.wait(control).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A flush that is asked for goes before merging.
    fn next_task(&self, ground: &Ground) -> Option<Task> {
        let mut control = self.lock();
        loop {
            if control.stopped {
                return None;
            }
            let failed = control.failed.as_ref().map_or(control.done, |(attempt, _)| *attempt);
            if control.asked > failed {
                return Some(Task::Flush(control.asked));
            }
            if control.failed.is_none() {
                control.merging = ground.merging().is_waiting() && !ground.guard.is_alarmed();
                if control.merging {
                    return Some(Task::Merge);
                }
                self.changed.notify_all();
                let waited = self.changed.wait_timeout(control, LOOK).unwrap_or_else(PoisonError::into_inner);
                control = waited.0;
                if waited.1.timed_out() {
                    return Some(Task::Look);
                }
                continue;
            }
            let (woken, timeout) = self.changed.wait_timeout(control, RETRY).unwrap_or_else(PoisonError::into_inner);
            control = woken;
            if timeout.timed_out() {
                return Some(Task::Flush(control.asked));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_cause(error: &StoreError) -> String {
    use std::error::Error;
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn code_of(error: &StoreError) -> &'static str {
    let StoreError::Io { source, .. } = error else { return "database_failed" };
    if source.kind() == std::io::ErrorKind::StorageFull {
        "disk_full"
    } else if source.kind() == std::io::ErrorKind::ReadOnlyFilesystem {
        "read_only"
    } else {
        "database_failed"
    }
}

/// What the database knows about readings of unknown novelty.
struct Verdict {
    settled: Settled,
    /// Readings that an older frame holds with equal value: they are not written again.
    duplicates: HashMap<SeriesId, HashSet<ReadingKey>>,
}

impl Ground {
    pub(crate) fn merging(&self) -> MutexGuard<'_, Merging> {
        self.merging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A flush that finds the disk full gives up the reserve and is tried once more.
    fn flush_with_reserve(&self) -> Result<(), StoreError> {
        let outcome = self.flush();
        let outcome = match outcome {
            Err(error) if code_of(&error) == "disk_full" && self.guard.give_up() => {
                tracing::warn!("the disk is full: the space set aside is used for what is in memory");
                self.flush()
            }
            outcome => outcome,
        };
        self.guard.look(&self.health);
        outcome
    }

    /// Writes a generation left over from a failed attempt, then everything else that was durable at the call.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let target = self.memory.read().unwrap_or_else(PoisonError::into_inner).durable;
        loop {
            let frozen = {
                let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
                if memory.cut >= target {
                    return Ok(());
                }
                memory.frozen.clone().unwrap_or_else(|| memory.freeze())
            };
            let (settled, frames) = self.write(&frozen)?;
            let cut = frozen.checkpoint.cut;
            Health::add(&self.health.frames, frames);
            Health::set(&self.health.database_bytes, self.database.disk_bytes());
            let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
            memory.thaw(cut, &settled);
            let device = |series| memory.state.series().get(series).map(|record| record.device);
            let touched: Vec<DeviceId> = settled.tallies.keys().filter_map(device).collect();
            drop(memory);
            self.merging().want(touched);
            tracing::debug!(cut = cut.0, frames, "flushed");
        }
    }

    /// Answers what was settled and how many frames were written.
    fn write(&self, frozen: &Frozen) -> Result<(Settled, u64), StoreError> {
        let Verdict { mut settled, duplicates } = self.database.read(|snapshot| self.settle(snapshot, frozen))?;
        let mut encoded = Vec::new();
        let kind = |series: SeriesId| {
            let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
            memory.state.series().get(&series).map_or(Kind::Measurement, |record| record.kind)
        };
        for strands in self.strands_by_device(frozen, &duplicates) {
            let kept = encode_device::<EncodeError>(strands, Room::of_rows(self.frame_rows_max), &mut |frame| {
                let hours = hours::of_frame(&frame, kind);
                encoded.push((frame, hours));
                Ok(())
            });
            kept.map_err(|error| StoreError::Io {
                doing: "encoding a frame".to_owned(),
                source: std::io::Error::other(error),
            })?;
        }
        let frames = encoded.len() as u64;
        let mut connection = self.database.writer();
        let writing = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed("starting to write a flush"))?;
        for (frame, hours) in &encoded {
            let id = insert(&writing, frame, &mut settled).map_err(failed("writing frames"))?;
            hours::insert(&writing, id, hours).map_err(failed("writing hours"))?;
        }
        checkpoint::write(&writing, &frozen.checkpoint, &settled)?;
        settled.tallies.iter().try_for_each(|(series, added)| rows::tally_more(&writing, *series, *added))?;
        let mut counts = settled.readings.iter();
        counts.try_for_each(|(series, added)| rows::readings_changed(&writing, *series, added.cast_signed()))?;
        writing.commit().map_err(failed("committing a flush"))?;
        Ok((settled, frames))
    }

    /// Looks up the readings whose novelty is unknown, and starts from the extents as they are.
    fn settle(&self, snapshot: &Transaction<'_>, frozen: &Frozen) -> Result<Verdict, StoreError> {
        let mut verdict = Verdict { settled: Settled::default(), duplicates: HashMap::new() };
        {
            let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
            for (series, _) in frozen.head.series() {
                if let Some(extent) = memory.tracks.get(&series).and_then(|track| track.stored) {
                    verdict.settled.extents.insert(series, extent);
                }
            }
        }
        let mut orphans: HashMap<SeriesId, Vec<(ReadingKey, Value, &SourceName)>> = HashMap::new();
        for orphan in frozen.head.orphans() {
            let of_series = orphans.entry(orphan.series).or_default();
            of_series.push((orphan.key, orphan.value.clone(), &orphan.source));
        }
        for (series, head) in frozen.head.series() {
            let gone = orphans.remove(&series).unwrap_or_default();
            let waiting: Vec<_> = head.unsettled().collect();
            let reach = verdict.settled.extents.get(&series).map(|extent| extent.last);
            let old = || head.keys().take_while(|key| reach.is_some_and(|reach| *key <= reach));
            let wanted: HashSet<ReadingKey> = gone.iter().chain(&waiting).map(|(key, ..)| *key).chain(old()).collect();
            // Beside damaged readings a late one counts as new and is written: nothing of it is lost.
            let stored = if wanted.is_empty() {
                HashMap::new()
            } else {
                rows::unless_damaged(series, rows::values_of(snapshot, series, &wanted))?.unwrap_or_default()
            };
            let known = old().filter(|key| stored.contains_key(key)).count();
            verdict.settled.readings.insert(series, (head.keys().count() - known) as u64);
            for (key, value, source) in gone {
                count(&mut verdict.settled.by_source, source, stored.get(&key), &value);
            }
            for (key, value, source) in waiting {
                if count(&mut verdict.settled.by_source, source, stored.get(&key), &value) {
                    verdict.duplicates.entry(series).or_default().insert(key);
                }
            }
        }
        Ok(verdict)
    }

    /// The readings to be written, device by device, so that only one device's are unpacked at a time.
    fn strands_by_device<'a>(
        &self,
        frozen: &'a Frozen,
        duplicates: &'a HashMap<SeriesId, HashSet<ReadingKey>>,
    ) -> impl Iterator<Item = Vec<Strand<'a>>> + use<'a> {
        let mut by_device: BTreeMap<DeviceId, BTreeSet<SeriesId>> = BTreeMap::new();
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        for (series, _) in frozen.head.series() {
            if let Some(record) = memory.state.series().get(&series) {
                by_device.entry(record.device).or_default().insert(series);
            }
        }
        by_device.into_values().map(move |all| {
            let strand = |series: SeriesId| {
                let head = frozen.head.of(series)?;
                let kept = move |key: &ReadingKey| !duplicates.get(&series).is_some_and(|gone| gone.contains(key));
                let keys = head.keys().filter(kept).collect();
                let readings = Box::new(head.all().filter(move |reading| kept(&reading.key)));
                Some(Strand { series, keys, readings })
            };
            all.into_iter().filter_map(strand).collect()
        })
    }
}

/// Counts one reading and answers whether it is a duplicate.
fn count(
    by_source: &mut BTreeMap<SourceName, Novelty>,
    source: &SourceName,
    stored: Option<&Value>,
    value: &Value,
) -> bool {
    let novelty = by_source.entry(source.clone()).or_default();
    match stored {
        None => novelty.stored += 1,
        Some(earlier) if earlier == value => novelty.duplicate += 1,
        Some(_) => novelty.replaced += 1,
    }
    stored == Some(value)
}

/// Writes a frame and its rows, behind everything that is there: no frame's id is given twice, so its id is its rank.
/// Answers the id.
fn insert(connection: &Connection, encoded: &Encoded, settled: &mut Settled) -> rusqlite::Result<i64> {
    let (frame, rows) = rows::insert_frame(connection, encoded, &|_, frame| frame)?;
    let lasts: HashMap<SeriesId, Option<ReadingKey>> =
        encoded.summaries.iter().map(|summary| (summary.series, summary.last_key)).collect();
    for row in rows {
        settled.tallies.entry(row.series).or_default().add(&row);
        let Some(last) = lasts.get(&row.series).copied().flatten() else { continue };
        let span_ms = row.last_ms - row.first_ms;
        let extent = settled.extents.entry(row.series).or_insert(Extent { first_ms: row.first_ms, last, span_ms });
        extent.first_ms = extent.first_ms.min(row.first_ms);
        extent.last = extent.last.max(last);
        extent.span_ms = extent.span_ms.max(span_ms);
    }
    Ok(frame)
}
