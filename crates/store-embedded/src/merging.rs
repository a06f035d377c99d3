//! Merging small frames into larger ones, in the thread that flushes, a bounded piece of work at a time and each in one
//! transaction: a crash leaves the old frames or the new ones, and a reader sees one or the other.
//!
//! It changes no answer. A merged frame takes the greatest rank of what it replaces, and the frames are chosen so that
//! nothing stands between (`merge_plan`). Before the transaction is committed, every series is read over the range that
//! was touched and compared with what it answered before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use frame::{EncodeError, Encoded};
use model::{DeviceId, Kind, Reading, SeriesId, TimeRange, Timestamp};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use store::found::{self, Found};
use store::strands::{Room, Strand, encode_device};
use store::{Gone, Order, StoreError};

use crate::database::failed;
use crate::embedded::EmbeddedStore;
use crate::flush::Ground;
use crate::health::{Health, Part};
use crate::merge_plan::{Piece, Plan, choose};
use crate::reading::{self, Request};
use crate::rows::FrameRow;
use crate::tally::Tally;
use crate::{hours, rows};

/// Sets of frames that could not be merged are left alone until so many frames are in them; then they are tried again.
const REFUSED_MAX: usize = 4_096;
/// A device is left, until its next flush, after so many merges on end.
const MERGES_OF_DEVICE_MAX: u32 = 10_000;

const MERGING: &str = "merging frames";

/// What is still to be looked at.
#[derive(Debug, Default)]
pub(crate) struct Merging {
    devices: BTreeSet<DeviceId>,
    refused: BTreeSet<i64>,
    merges_on_end: u32,
}

impl Merging {
    pub(crate) fn is_waiting(&self) -> bool {
        !self.devices.is_empty()
    }

    /// Wants the frames of these devices looked at.
    pub(crate) fn want(&mut self, devices: impl IntoIterator<Item = DeviceId>) {
        self.devices.extend(devices);
    }

    fn leave(&mut self, device: DeviceId) {
        self.devices.remove(&device);
        self.merges_on_end = 0;
    }
}

/// A series of the device as it is now.
#[derive(Clone, Copy)]
struct Member {
    id: SeriesId,
    kind: Kind,
    floor: Timestamp,
}

/// A new frame and the stored hours of its columns.
type WithHours = (Encoded, Vec<(SeriesId, Vec<u8>)>);

/// Frames ready to take the place of others.
struct Merged {
    members: Vec<Member>,
    old: Vec<Piece>,
    frames: Vec<WithHours>,
    ranks: BTreeMap<SeriesId, i64>,
    /// What each series answered where it is touched.
    answers: BTreeMap<SeriesId, (TimeRange, Vec<Reading>)>,
}

enum Next {
    Nothing,
    /// These frames have to stay as they are.
    Refused(Vec<i64>),
    Ready(Box<Merged>),
}

impl Ground {
    /// Wants every device looked at.
    pub(crate) fn merge_all(&self) {
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<DeviceId> = memory.state.devices().keys().copied().collect();
        drop(memory);
        self.merging().want(all);
    }

    /// One piece of work.
    pub(crate) fn merge_some(&self) {
        let Some(device) = self.merging().devices.first().copied() else { return };
        match self.merge_device(device) {
            Ok(true) => self.health.well(Part::Merging),
            Ok(false) => self.merging().leave(device),
            Err(error) => {
                // The frames are as they were; the next flush of the device is the next attempt.
                self.health.trouble(Part::Merging, "merging_failed", format!("frames could not be merged: {error}"));
                self.merging().leave(device);
            }
        }
    }

    /// Answers false when there is nothing left to merge.
    fn merge_device(&self, device: DeviceId) -> Result<bool, StoreError> {
        let members = self.members(device);
        let refused = self.merging().refused.clone();
        let merged = match self.database.read(|snapshot| self.prepare(snapshot, members, &refused))? {
            Next::Nothing => return Ok(false),
            Next::Refused(frames) => {
                let mut merging = self.merging();
                if merging.refused.len() >= REFUSED_MAX {
                    merging.refused.clear();
                    return Ok(false);
                }
                merging.refused.extend(frames);
                return Ok(true);
            }
            Next::Ready(merged) => merged,
        };
        let (removed, added) = (merged.old.len() as u64, merged.frames.len() as u64);
        if self.replace(&merged)? {
            Health::set(&self.health.frames, (Health::get(&self.health.frames) + added).saturating_sub(removed));
            Health::set(&self.health.database_bytes, self.database.disk_bytes());
            tracing::debug!(device = device.0, removed, added, "merged frames");
        }
        let mut merging = self.merging();
        merging.merges_on_end += 1;
        Ok(merging.merges_on_end < MERGES_OF_DEVICE_MAX)
    }

    fn members(&self, device: DeviceId) -> Vec<Member> {
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        let member = |id| {
            let floor = memory.state.floor(id).unwrap_or(Timestamp::MIN);
            Some(Member { id, kind: memory.state.series().get(&id)?.kind, floor })
        };
        memory.state.series_of(device).into_iter().filter_map(member).collect()
    }

    fn prepare(
        &self,
        snapshot: &Connection,
        members: Vec<Member>,
        refused: &BTreeSet<i64>,
    ) -> Result<Next, StoreError> {
        let pieces = pieces(snapshot, &members)?;
        let Some(plan) = choose(&pieces, self.sizes, refused) else { return Ok(Next::Nothing) };
        let (mut old, mut staying) = (Vec::new(), Vec::new());
        for (at, piece) in pieces.into_iter().enumerate() {
            if plan.chosen.contains(&at) { old.push(piece) } else { staying.push(piece) }
        }
        let ids: Vec<i64> = old.iter().map(|piece| piece.frame).collect();
        let Some(merged) = merge(snapshot, members, old, &staying, &plan)? else { return Ok(Next::Refused(ids)) };
        let fewer = merged.frames.len() < merged.old.len() || plan.core != (i64::MIN, i64::MAX);
        Ok(if fewer { Next::Ready(Box::new(merged)) } else { Next::Refused(ids) })
    }

    /// Answers false if the frames are no longer what they were: then nothing was changed.
    fn replace(&self, merged: &Merged) -> Result<bool, StoreError> {
        let mut connection = self.database.writer();
        let writing = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(MERGING))?;
        for member in &merged.members {
            rows::check_tally(&writing, member.id)?;
        }
        if !are_there(&writing, &merged.old)? {
            return Ok(false);
        }
        take_away(&writing, &merged.old)?;
        let spans = put(&writing, merged)?;
        for (series, (range, before)) in &merged.answers {
            if answer(&writing, *series, *range)? != *before {
                let what = "merged frames would answer something else, and stay as they are";
                return Err(rows::damaged(*series, what));
            }
        }
        writing.commit().map_err(failed(MERGING))?;
        // Whoever writes what memory knows of a series takes the connection first.
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        for (series, span_ms) in spans {
            if let Some(extent) = memory.tracks.get_mut(&series).and_then(|track| track.stored.as_mut()) {
                extent.span_ms = extent.span_ms.max(span_ms);
            }
        }
        Ok(true)
    }
}

/// The frames of these series, in order of their first reading.
fn pieces(connection: &Connection, members: &[Member]) -> Result<Vec<Piece>, StoreError> {
    let mut by_frame: BTreeMap<i64, Vec<FrameRow>> = BTreeMap::new();
    for member in members {
        for row in rows::all(connection, member.id)? {
            by_frame.entry(row.frame).or_default().push(row);
        }
    }
    let mut statement =
        connection.prepare_cached("SELECT length(blob) FROM frames WHERE id = ?1").map_err(failed(MERGING))?;
    let mut pieces = Vec::with_capacity(by_frame.len());
    for (frame, rows) in by_frame {
        let bytes = statement.query_row([frame], |row| row.get::<_, i64>(0)).optional().map_err(failed(MERGING))?;
        let missing = || StoreError::Damaged(format!("frame {frame} is missing"));
        pieces.push(Piece { frame, bytes: bytes.ok_or_else(missing)?.cast_unsigned(), rows });
    }
    pieces.sort_by_key(Piece::first_ms);
    Ok(pieces)
}

/// None if what stays would be answered otherwise than before.
fn merge(
    connection: &Connection,
    members: Vec<Member>,
    old: Vec<Piece>,
    staying: &[Piece],
    plan: &Plan,
) -> Result<Option<Merged>, StoreError> {
    let (first, last) = (old.iter().map(Piece::first_ms).min(), old.iter().map(Piece::last_ms).max());
    let from = Timestamp::saturating(first.unwrap_or(0).max(plan.core.0));
    let range = TimeRange { from, to: Timestamp::saturating(last.unwrap_or(0).min(plan.core.1).saturating_add(1)) };
    let (mut ranks, mut answers) = (BTreeMap::new(), BTreeMap::new());
    let mut segments: [Vec<Strand<'static>>; 3] = Default::default();
    for member in &members {
        let of_series = |piece: &'_ Piece| piece.rows.iter().copied().filter(|row| row.series == member.id).collect();
        let own: Vec<FrameRow> = old.iter().flat_map(|piece| -> Vec<FrameRow> { of_series(piece) }).collect();
        let Some(rank) = own.iter().map(|row| row.rank).max() else { continue };
        let lower: Vec<FrameRow> = staying.iter().flat_map(|piece| -> Vec<FrameRow> { of_series(piece) }).collect();
        let lower: Vec<_> = lower.into_iter().filter(|row| row.rank < rank).collect();
        let Some(mut readings) = folded(connection, &own, &lower)? else { return Ok(None) };
        readings.retain(|reading| reading.key.time >= member.floor);
        let before = TimeRange { from: range.from.max(member.floor), to: range.to };
        answers.insert(member.id, (before, answer(connection, member.id, before)?));
        ranks.insert(member.id, rank);
        let inside = readings.partition_point(|reading| reading.key.time.millis() < plan.core.0);
        let behind = readings.partition_point(|reading| reading.key.time.millis() <= plan.core.1);
        let parts = [readings.split_off(behind), readings.split_off(inside), readings];
        segments.iter_mut().zip(parts).for_each(|(segment, part)| segment.push(Strand::of(member.id, part)));
    }
    let kind = |series| members.iter().find(|member| member.id == series).map_or(Kind::Measurement, |found| found.kind);
    let keys_aim = usize::try_from(plan.keys_aim).unwrap_or(frame::FRAME_ROWS_MAX);
    let mut frames = Vec::new();
    for segment in segments {
        let encoded = encode_device::<EncodeError>(segment, Room::of_rows(keys_aim), &mut |encoded| {
            let hours = hours::of_frame(&encoded, kind);
            frames.push((encoded, hours));
            Ok(())
        });
        encoded.map_err(|error| StoreError::Io {
            doing: "encoding a merged frame".to_owned(),
            source: std::io::Error::other(error),
        })?;
    }
    Ok(Some(Merged { members, old, frames, ranks, answers }))
}

/// The readings of rows of one series, each key once. None if a key's values differ among them where a frame of lower rank
/// may hold that key, too: to answer the same, that frame would have to be merged with them.
fn folded(connection: &Connection, own: &[FrameRow], lower: &[FrameRow]) -> Result<Option<Vec<Reading>>, StoreError> {
    let mut found = Vec::new();
    for row in own {
        found.extend(rows::readings(connection, row)?.into_iter().map(|reading| Found { rank: row.rank, reading }));
    }
    found::sort(&mut found);
    let replaced = found.windows(2).filter_map(|pair| match pair {
        [a, b] if a.reading.key == b.reading.key && a.reading.value != b.reading.value => Some(a.reading.key.time),
        _ => None,
    });
    let hidden_below =
        |time: Timestamp| lower.iter().any(|row| row.first_ms <= time.millis() && time.millis() <= row.last_ms);
    if replaced.into_iter().any(hidden_below) {
        return Ok(None);
    }
    let mut readings = Vec::with_capacity(found.len());
    found::fold(found.into_iter(), |reading| readings.push(reading));
    Ok(Some(readings))
}

/// What frames answer for a series.
fn answer(connection: &Connection, series: SeriesId, range: TimeRange) -> Result<Vec<Reading>, StoreError> {
    let request =
        Request { series, range, order: Order::Ascending, after: None, limit: usize::MAX, gone: Gone::default() };
    reading::merged(connection, &request, Vec::new())
}

/// Whether these frames are as they were, and belong to nobody else.
fn are_there(connection: &Connection, old: &[Piece]) -> Result<bool, StoreError> {
    let find = || {
        let mut statement = connection.prepare_cached(
            "SELECT count(*) FROM frame_series WHERE frame = ?1 AND series = ?2 AND col = ?3 AND rank = ?4 AND crc = ?5",
        )?;
        let mut others = connection.prepare_cached("SELECT count(*) FROM frame_series WHERE frame = ?1")?;
        for piece in old {
            let mut same = 0;
            for row in &piece.rows {
                same += statement.query_row((row.frame, row.series.0, row.col.0, row.rank, row.crc), count)?;
            }
            if others.query_row([piece.frame], count)? != same || same != piece.rows.len() as i64 {
                return Ok(false);
            }
        }
        Ok(true)
    };
    find().map_err(failed(MERGING))
}

fn count(row: &rusqlite::Row<'_>) -> rusqlite::Result<i64> {
    row.get(0)
}

fn take_away(connection: &Connection, old: &[Piece]) -> Result<(), StoreError> {
    let mut by_series: BTreeMap<SeriesId, Vec<FrameRow>> = BTreeMap::new();
    for row in old.iter().flat_map(|piece| &piece.rows) {
        by_series.entry(row.series).or_default().push(*row);
    }
    for (series, removed) in by_series {
        rows::tally_less(connection, series, &removed)?;
    }
    (|| {
        let mut of_series = connection.prepare_cached("DELETE FROM frame_series WHERE frame = ?1")?;
        let mut frame = connection.prepare_cached("DELETE FROM frames WHERE id = ?1")?;
        old.iter().try_for_each(|piece| {
            of_series.execute([piece.frame])?;
            frame.execute([piece.frame]).map(drop)
        })
    })()
    .map_err(failed(MERGING))
}

/// Writes the merged frames and answers the longest of each series.
fn put(connection: &Connection, merged: &Merged) -> Result<BTreeMap<SeriesId, i64>, StoreError> {
    let (mut spans, mut tallies) = (BTreeMap::new(), BTreeMap::<SeriesId, Tally>::new());
    for (encoded, hours) in &merged.frames {
        let rank = |series: SeriesId, frame: i64| merged.ranks.get(&series).copied().unwrap_or(frame);
        let (frame, written) = rows::insert_frame(connection, encoded, &rank).map_err(failed(MERGING))?;
        hours::insert(connection, frame, hours).map_err(failed(MERGING))?;
        for row in written {
            tallies.entry(row.series).or_default().add(&row);
            let span = spans.entry(row.series).or_insert(0);
            *span = (row.last_ms - row.first_ms).max(*span);
        }
    }
    for (series, added) in tallies {
        rows::tally_more(connection, series, added)?;
    }
    (|| {
        let mut statement =
            connection.prepare_cached("UPDATE series SET span_ms = max(coalesce(span_ms, 0), ?2) WHERE id = ?1")?;
        spans.iter().try_for_each(|(series, span_ms)| statement.execute((series.0, span_ms)).map(drop))
    })()
    .map_err(failed(MERGING))?;
    Ok(spans)
}

impl EmbeddedStore {
    /// Waits until no frames are left that are worth merging. For measurements and maintenance; it happens by itself.
    ///
    /// # Errors
    /// [`StoreError::Closed`].
    pub async fn merge_frames(&self) -> Result<(), StoreError> {
        let flusher = std::sync::Arc::clone(&self.parts.flusher);
        let merged = tokio::task::spawn_blocking(move || flusher.wait_for_merging()).await;
        merged.unwrap_or(Err(StoreError::Closed))
    }
}
