//! Windows of a series. A frame's summary is used where the frame lies wholly inside one window and nothing else touches
//! its times; a frame that nothing else touches is decoded by column; what overlaps is read and merged by key.

use model::{Kind, SeriesId, TimeRange, Timestamp};
use rusqlite::Connection;
use store::{Gone, Order, StoreError};
use windows::{Grid, Window, fold_ascending};

use crate::reading::{Found, fold, sort};
use crate::rows::{FrameRow, known, readings, visit, with_frame};

/// A frame of at most so many readings that overlaps others is taken apart, so that a few late readings spread over a
/// year do not make the whole year overlap.
const LOOSE_ROWS_MAX: u64 = 1_024;
/// At most so many readings are taken out of such frames; the rest is merged frame by frame.
const LOOSE_TOTAL_MAX: u64 = 256 * 1_024;

/// The windows of `grid`, given what was fresh before the database's moment was taken.
pub(crate) fn windows(
    connection: &Connection,
    series: SeriesId,
    kind: Kind,
    grid: &Grid,
    gone: &Gone,
    fresh: Vec<Found>,
) -> Result<Vec<Window>, StoreError> {
    let Some(known) = known(connection, series)? else { return Ok(of_memory(kind, grid, fresh)) };
    let mut rows = Vec::new();
    visit(connection, series, known, grid.range(), Order::Ascending, &mut |row| {
        rows.push(row);
        Ok(true)
    })?;
    let mut loose = fresh;
    loosen(connection, grid.range(), &mut rows, &mut loose)?;
    loose.retain(|found| !gone.contains(found.reading.key.time));
    sort(&mut loose);
    let mut sweep = Sweep { connection, gone, sums: Sums::over(kind, grid), charted: frame::Charted::default() };
    let mut loose = loose.into_iter().peekable();
    let mut rest = rows.as_slice();
    while let Some(first) = rest.first() {
        let (cluster, behind) = rest.split_at(cluster_len(rest));
        rest = behind;
        let last_ms = cluster.iter().map(|row| row.last_ms).max().unwrap_or(first.last_ms);
        let before = std::iter::from_fn(|| loose.next_if(|found| millis(found) < first.first_ms));
        sweep.sums.add_found(before);
        let inside: Vec<Found> = std::iter::from_fn(|| loose.next_if(|found| millis(found) <= last_ms)).collect();
        match cluster {
            [alone] if inside.is_empty() && !gone.touches(at(alone.first_ms), at(alone.last_ms)) => {
                sweep.add_alone(alone)?
            }
            several => sweep.add_merged(several, inside)?,
        }
    }
    sweep.sums.add_found(loose);
    Ok(sweep.sums.windows)
}

/// The windows when everything is in memory.
pub(crate) fn of_memory(kind: Kind, grid: &Grid, mut fresh: Vec<Found>) -> Vec<Window> {
    sort(&mut fresh);
    let mut sums = Sums::over(kind, grid);
    sums.add_found(fresh.into_iter());
    sums.windows
}

fn at(millis: i64) -> Timestamp {
    Timestamp::saturating(millis)
}

fn millis(found: &Found) -> i64 {
    found.reading.key.time.millis()
}

/// How many of `rows`, in order of their first reading, touch one another.
pub(crate) fn cluster_len(rows: &[FrameRow]) -> usize {
    let mut reach = i64::MIN;
    let apart = rows.iter().enumerate().position(|(at, row)| {
        let apart = at > 0 && row.first_ms > reach;
        reach = reach.max(row.last_ms);
        apart
    });
    apart.unwrap_or(rows.len())
}

/// Takes small overlapping frames out of `rows` and puts their readings to the loose ones.
fn loosen(
    connection: &Connection,
    range: TimeRange,
    rows: &mut Vec<FrameRow>,
    loose: &mut Vec<Found>,
) -> Result<(), StoreError> {
    let mut total = 0;
    let mut kept = Vec::with_capacity(rows.len());
    let mut rest = rows.as_slice();
    while !rest.is_empty() {
        let (cluster, behind) = rest.split_at(cluster_len(rest));
        rest = behind;
        for row in cluster {
            let small = row.rows <= LOOSE_ROWS_MAX && total + row.rows <= LOOSE_TOTAL_MAX;
            if cluster.len() == 1 || !small {
                kept.push(*row);
                continue;
            }
            total += row.rows;
            let inside = readings(connection, row)?;
            let inside = inside.into_iter().filter(|reading| range.contains(reading.key.time));
            loose.extend(inside.map(|reading| Found { rank: row.rank, reading }));
        }
    }
    *rows = kept;
    Ok(())
}

struct Sweep<'a> {
    connection: &'a Connection,
    gone: &'a Gone,
    sums: Sums<'a>,
    charted: frame::Charted,
}

impl Sweep<'_> {
    fn add_alone(&mut self, row: &FrameRow) -> Result<(), StoreError> {
        let grid = self.sums.grid;
        if let Some(index) = grid.index_of(row.first_ms)
            && grid.index_of(row.last_ms) == Some(index)
            && matches!(self.sums.kind, Kind::Measurement | Kind::State | Kind::Text)
        {
            self.sums.merge(index, &row.summary);
            return Ok(());
        }
        let charted = &mut self.charted;
        with_frame(self.connection, row, |opened| opened.charted_into(row.col, charted))?;
        fold_ascending(&self.charted.times, &self.charted.numbers, grid, self.sums.kind, &mut self.sums.windows);
        Ok(())
    }

    /// Merges frames in order of their first reading, holding no more than those that overlap at one time.
    fn add_merged(&mut self, rows: &[FrameRow], loose: Vec<Found>) -> Result<(), StoreError> {
        let range = self.sums.grid.range();
        let mut pending = loose;
        for row in rows {
            sort(&mut pending);
            let ready = pending.partition_point(|found| millis(found) < row.first_ms);
            self.sums.add_found(pending.drain(..ready));
            let inside = readings(self.connection, row)?;
            let wanted = |time| range.contains(time) && !self.gone.contains(time);
            let inside = inside.into_iter().filter(|reading| wanted(reading.key.time));
            pending.extend(inside.map(|reading| Found { rank: row.rank, reading }));
        }
        sort(&mut pending);
        self.sums.add_found(pending.into_iter());
        Ok(())
    }
}

/// Windows being added up, in order of key.
struct Sums<'a> {
    kind: Kind,
    grid: &'a Grid,
    windows: Vec<Window>,
}

impl<'a> Sums<'a> {
    fn over(kind: Kind, grid: &'a Grid) -> Self {
        Self { kind, grid, windows: vec![Window::default(); grid.count()] }
    }

    fn merge(&mut self, index: usize, later: &Window) {
        if let Some(window) = self.windows.get_mut(index) {
            window.merge(later);
        }
    }

    fn add_found(&mut self, sorted: impl Iterator<Item = Found>) {
        fold(sorted, |reading| {
            let index = self.grid.index_of(reading.key.time.millis());
            if let Some(window) = index.and_then(|index| self.windows.get_mut(index)) {
                window.push_reading(self.kind, &reading);
            }
        });
    }
}
