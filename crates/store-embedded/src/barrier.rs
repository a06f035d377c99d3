//! Entries of the log that decide about readings which are there already: a device deleted, two devices merged, readings
//! expired. Each is a barrier: everything before it is in the database before it is executed, in one transaction that
//! moves the cut to it; then memory follows. So nothing in memory ever refers to rows that are gone, and a crash at any
//! moment leaves the entry either wholly done or wholly to be done, from the log.
//!
//! Only the thread that writes the log comes here (and opening, which replays it), so memory does not change meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::PoisonError;

use model::{ReadingKey, SeriesId, TimeRange, Timestamp};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use store::{Entry, ExpiryRecord, Gone, GoneCounts, MergeRecord, Order, Sequence, State, StoreError};

use crate::checkpoint;
use crate::database::failed;
use crate::flush::Ground;
use crate::health::Health;
use crate::memory::{Extent, Track};
use crate::reading::{self, Request};
use crate::removal;
use crate::rows::{self, FrameRow};
use crate::windowing::cluster_len;

/// Readings held at once while they are counted.
const COUNTED_MAX: usize = 64 * 1024;

const DOING: &str = "executing a barrier";

/// What a barrier changed, for memory to follow.
#[derive(Default)]
struct Executed {
    gone: GoneCounts,
    tracks: BTreeMap<SeriesId, Track>,
    forgotten: BTreeSet<SeriesId>,
}

/// Executes `entry`, a barrier whose place in the log is `sequence`. Everything before it is in the database.
pub(crate) fn execute(ground: &Ground, sequence: Sequence, entry: &Entry) -> Result<(), StoreError> {
    // First, so that nothing that is merged meanwhile changes what memory knows of these series.
    let mut connection = ground.database.writer();
    let (mut state, distinct, tracks) = {
        let memory = ground.memory.read().unwrap_or_else(PoisonError::into_inner);
        let touched = touched(&memory.state, entry);
        let tracks = touched.into_iter().map(|id| (id, memory.tracks.get(&id).cloned().unwrap_or_default()));
        (memory.state.clone(), memory.distinct, tracks.collect())
    };
    let writing = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(DOING))?;
    let mut work = Work { connection: &writing, state: &state, done: Executed { tracks, ..Executed::default() } };
    match entry {
        Entry::DeviceDeleted(device) => work.delete(state.series_of(*device))?,
        Entry::DeviceMerged(merge) => work.merge(*merge)?,
        Entry::Expired(record) => work.expire_all(record)?,
        Entry::Device(_)
        | Entry::Series(_)
        | Entry::Message(_)
        | Entry::Unread(_)
        | Entry::UnreadDone(_)
        | Entry::Book(_)
        | Entry::Hidden(_) => {}
    }
    let Executed { gone, tracks, forgotten } = work.done;
    state.apply(entry);
    state.count_gone(gone);
    let distinct = distinct.saturating_sub(gone.deleted + gone.expired + gone.absorbed);
    remove_devices(&writing, entry).map_err(failed(DOING))?;
    for (series, track) in &tracks {
        if let Some(record) = state.series().get(series) {
            checkpoint::write_series(&writing, record, track)?;
        }
    }
    checkpoint::write_barrier(&writing, &state, sequence, distinct)?;
    // Nobody looks at memory and the database between the two.
    let alone = ground.moment.write().unwrap_or_else(PoisonError::into_inner);
    writing.commit().map_err(failed(DOING))?;
    let mut memory = ground.memory.write().unwrap_or_else(PoisonError::into_inner);
    memory.state = state;
    memory.distinct = distinct;
    memory.tracks.extend(tracks);
    forgotten.iter().for_each(|series| _ = memory.tracks.remove(series));
    memory.durable = sequence;
    memory.cut = sequence;
    drop((memory, alone, connection));
    Health::set(&ground.health.database_bytes, ground.database.disk_bytes());
    Ok(())
}

/// The series whose rows or records an entry changes.
fn touched(state: &State, entry: &Entry) -> Vec<SeriesId> {
    match entry {
        Entry::DeviceDeleted(device) => state.series_of(*device),
        Entry::DeviceMerged(merge) => {
            let mut all = state.series_of(merge.from);
            all.extend(state.merge_plan(*merge).absorbed.iter().map(|(_, into)| *into));
            all
        }
        Entry::Expired(record) => record.series.clone(),
        Entry::Device(_)
        | Entry::Series(_)
        | Entry::Message(_)
        | Entry::Unread(_)
        | Entry::UnreadDone(_)
        | Entry::Book(_)
        | Entry::Hidden(_) => Vec::new(),
    }
}

fn remove_devices(connection: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    let (Entry::DeviceDeleted(gone) | Entry::DeviceMerged(MergeRecord { from: gone, .. })) = entry else {
        return Ok(());
    };
    connection.execute("DELETE FROM devices WHERE id = ?1", [gone.0]).map(drop)
}

struct Work<'a> {
    connection: &'a Connection,
    /// As it was before the entry.
    state: &'a State,
    done: Executed,
}

impl Work<'_> {
    fn delete(&mut self, all: Vec<SeriesId>) -> Result<(), StoreError> {
        for series in all {
            // What lies before the floor is in frames that reach over it, and was counted as expired.
            let from = self.state.floor(series).unwrap_or(Timestamp::MIN);
            self.done.gone.deleted += self.count_or_said(series, TimeRange { from, to: Timestamp::MAX })?;
            removal::remove_series(self.connection, series)?;
            self.forget(series)?;
        }
        Ok(())
    }

    fn merge(&mut self, merge: MergeRecord) -> Result<(), StoreError> {
        for (from, into) in self.state.merge_plan(merge).absorbed {
            if let Some(floor) = self.state.merged_floor(from, into) {
                self.expire(from, floor)?;
                self.expire(into, floor)?;
            }
            let both = rows::unless_damaged(from, self.count_shared(from, into))?.unwrap_or(0);
            self.done.gone.absorbed += both;
            let whole = self.is_whole(from)? && self.is_whole(into)?;
            let moved = rows::counted(self.connection, from)? - both.cast_signed();
            rows::readings_changed(self.connection, into, moved)?;
            removal::absorb(self.connection, from, into)?;
            self.count_rows(into, whole)?;
            self.join_tracks(from, into);
            self.forget(from)?;
        }
        Ok(())
    }

    fn expire_all(&mut self, record: &ExpiryRecord) -> Result<(), StoreError> {
        record.series.iter().try_for_each(|series| self.expire(*series, record.before))
    }

    /// Takes readings before `before` away: frames that end before it go, of the others the floor hides the part before.
    fn expire(&mut self, series: SeriesId, before: Timestamp) -> Result<(), StoreError> {
        let from = self.state.floor(series).unwrap_or(Timestamp::MIN);
        if before <= from {
            return Ok(());
        }
        let whole = self.is_whole(series)?;
        let expired = self.count_or_said(series, TimeRange { from, to: before })?;
        self.done.gone.expired += expired;
        rows::readings_changed(self.connection, series, -expired.cast_signed())?;
        removal::expire(self.connection, series, before)?;
        self.count_rows(series, whole)?;
        let extent = self.extent(series)?;
        if let Some(track) = self.done.tracks.get_mut(&series) {
            track.stored = extent;
            if track.latest.as_ref().is_some_and(|(reading, _)| reading.key.time < before) {
                track.latest = None;
            }
        }
        Ok(())
    }

    /// Whether a series has the rows that it should have. One that has not is named by every read until it is repaired; it
    /// does not keep a barrier from being executed, as that would hold up every other series.
    fn is_whole(&self, series: SeriesId) -> Result<bool, StoreError> {
        Ok(rows::unless_damaged(series, rows::check_tally(self.connection, series))?.is_some())
    }

    /// Counts the rows of a series anew, unless some were lost before: a new count would hide that.
    fn count_rows(&self, series: SeriesId, whole: bool) -> Result<(), StoreError> {
        if whole { rows::tally_again(self.connection, series) } else { Ok(()) }
    }

    /// Distinct readings of a series in a range; where they are damaged, as many as the rows say.
    fn count_or_said(&self, series: SeriesId, range: TimeRange) -> Result<u64, StoreError> {
        match rows::unless_damaged(series, self.count_readings(series, range))? {
            Some(count) => Ok(count),
            None => rows::said(self.connection, series, range),
        }
    }

    /// What the database holds of a series now; the last key stays what it was as long as there is a row.
    fn extent(&self, series: SeriesId) -> Result<Option<Extent>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT min(first_ms) FROM frame_series WHERE series = ?1")
            .map_err(failed(DOING))?;
        let first_ms = statement.query_row([series.0], |row| row.get::<_, Option<i64>>(0)).optional();
        let first_ms = first_ms.map_err(failed(DOING))?.flatten();
        let known = self.done.tracks.get(&series).and_then(|track| track.stored);
        Ok(known.zip(first_ms).map(|(known, first_ms)| Extent { first_ms, ..known }))
    }

    fn join_tracks(&mut self, from: SeriesId, into: SeriesId) {
        let absorbed = self.done.tracks.remove(&from).unwrap_or_default();
        let track = self.done.tracks.entry(into).or_default();
        track.stored = match (absorbed.stored, track.stored) {
            (Some(a), Some(b)) => Some(Extent {
                first_ms: a.first_ms.min(b.first_ms),
                last: a.last.max(b.last),
                span_ms: a.span_ms.max(b.span_ms),
            }),
            (a, b) => a.or(b),
        };
        track.latest = match (absorbed.latest, track.latest.take()) {
            (Some(a), Some(b)) if a.0.key > b.0.key => Some(a),
            // Of equal values the earlier reading is answered, and the other one's message was the later.
            (Some(a), Some(b)) if a.0.key == b.0.key && a.0.value == b.0.value => Some((a.0, b.1)),
            (a, b) => b.or(a),
        };
    }

    fn forget(&mut self, series: SeriesId) -> Result<(), StoreError> {
        self.done.tracks.remove(&series);
        self.done.forgotten.insert(series);
        let mut statement =
            self.connection.prepare_cached("DELETE FROM series WHERE id = ?1").map_err(failed(DOING))?;
        statement.execute([series.0]).map(drop).map_err(failed(DOING))
    }

    /// Distinct keys of a series in a range, hidden ones too. A frame that lies inside and that nothing else touches is
    /// counted without being opened.
    fn count_readings(&self, series: SeriesId, range: TimeRange) -> Result<u64, StoreError> {
        let Some(known) = rows::known(self.connection, series)? else { return Ok(0) };
        let mut frames: Vec<FrameRow> = Vec::new();
        rows::visit(self.connection, series, known, range, Order::Ascending, &mut |row| {
            frames.push(row);
            Ok(true)
        })?;
        let (mut count, mut rest) = (0, frames.as_slice());
        while !rest.is_empty() {
            let (cluster, behind) = rest.split_at(cluster_len(rest));
            rest = behind;
            let reach = cluster.iter().map(|row| row.last_ms).max().unwrap_or(i64::MIN);
            let first = cluster.first().map_or(i64::MAX, |row| row.first_ms);
            match cluster {
                [alone] if first >= range.from.millis() && reach < range.to.millis() => count += alone.rows,
                _ => {
                    let from = range.from.max(Timestamp::saturating(first));
                    let to = range.to.min(Timestamp::saturating(reach.saturating_add(1)));
                    self.pages(series, TimeRange { from, to }, &mut |keys| {
                        count += keys.len() as u64;
                        Ok(())
                    })?;
                }
            }
        }
        Ok(count)
    }

    /// Keys that both series have, above their common floor.
    fn count_shared(&self, from: SeriesId, into: SeriesId) -> Result<u64, StoreError> {
        let extent = |series| self.done.tracks.get(&series).and_then(|track: &Track| track.stored);
        let (Some(a), Some(b)) = (extent(from), extent(into)) else { return Ok(0) };
        let floor = self.state.merged_floor(from, into).unwrap_or(Timestamp::MIN);
        let first = Timestamp::saturating(a.first_ms.max(b.first_ms)).max(floor);
        let to = a.last.time.min(b.last.time).plus(1);
        let mut shared = 0;
        self.pages(from, TimeRange { from: first, to }, &mut |keys| {
            let wanted: HashSet<ReadingKey> = keys.iter().copied().collect();
            shared += rows::values_of(self.connection, into, &wanted)?.len() as u64;
            Ok(())
        })?;
        Ok(shared)
    }

    /// The distinct keys of a series, a bounded number at a time.
    fn pages(
        &self,
        series: SeriesId,
        range: TimeRange,
        page: &mut dyn FnMut(&[ReadingKey]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let request =
                Request { series, range, order: Order::Ascending, after, limit: COUNTED_MAX, gone: Gone::default() };
            let readings = reading::merged(self.connection, &request, Vec::new())?;
            let keys: Vec<ReadingKey> = readings.iter().map(|reading| reading.key).collect();
            page(&keys)?;
            after = keys.last().copied();
            if keys.len() < COUNTED_MAX {
                return Ok(());
            }
        }
    }
}
