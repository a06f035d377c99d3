//! Windows of a series. The time asked for is cut into pieces, which are added up in order:
//!
//! * a *clean* piece belongs to one frame and nothing else touches it, no other frame, no reading in memory, nothing that
//!   is left out. The frame's summary is used where it lies wholly inside one window, its stored hours where an hour lies
//!   inside the piece and inside one window, its decoded columns for the rest.
//! * a *mixed* piece is read from everything that has something there and merged by key.
//!
//! Nothing stored is used under another kind than the one it was stored under.

use std::iter::Peekable;

use model::{Kind, SeriesId, TimeRange};
use rusqlite::Connection;
use store::found::{Found, Sums, sort};
use store::hours::{HOUR_MS, Hour};
use store::{Gone, Order, StoreError};
use windows::{Grid, Window};

use crate::hours;
use crate::rows::{FrameRow, known, readings_within, visit, with_frame};
use crate::spans::Spans;

/// A frame of at most so many readings that overlaps others is taken apart, so that a few late readings spread over a
/// year do not make the whole year overlap.
const LOOSE_ROWS_MAX: u64 = 1_024;
/// At most so many readings are taken out of such frames; the rest is merged frame by frame.
const LOOSE_TOTAL_MAX: u64 = 256 * 1_024;

/// The windows of `grid` by what `kind` asks for, given what was fresh before the database's moment was taken. `fresh` is
/// without what is `gone`.
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
    let plan = Plan::of(grid, gone, &rows, &loose);
    let mut sweep = Sweep {
        connection,
        rows: &rows,
        plan: &plan,
        sums: Sums::over(kind, grid),
        loose: loose.into_iter().peekable(),
        pending: Vec::new(),
        taken: vec![false; rows.len()],
        charted: frame::Charted::default(),
        charted_of: None,
        hours: None,
        hours_of: None,
    };
    for piece in &plan.pieces {
        sweep.add(piece)?;
    }
    Ok(sweep.sums.windows)
}

/// The windows when everything is in memory.
pub(crate) fn of_memory(kind: Kind, grid: &Grid, mut fresh: Vec<Found>) -> Vec<Window> {
    sort(&mut fresh);
    let mut sums = Sums::over(kind, grid);
    sums.add_found(fresh.into_iter());
    sums.windows
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
            let inside = readings_within(connection, row, range)?.into_iter();
            loose.extend(inside.map(|reading| Found { rank: row.rank, reading }));
        }
    }
    *rows = kept;
    Ok(())
}

/// A stretch of time, start inside, end outside.
#[derive(Clone, Copy, Debug)]
struct Piece {
    from: i64,
    to: i64,
    /// The frame that it belongs to; none for a mixed piece.
    row: Option<usize>,
}

/// How the time asked for is cut.
struct Plan {
    /// In order, disjoint.
    pieces: Vec<Piece>,
    /// All mixed pieces.
    mixed: Spans,
    /// What is left out.
    gone: Spans,
}

impl Plan {
    /// `rows` are in order of their first reading.
    fn of(grid: &Grid, gone: &Gone, rows: &[FrameRow], loose: &[Found]) -> Self {
        let (start, end) = (grid.t0_ms(), grid.end_ms());
        let mut reach = i64::MIN;
        let overlap = |row: &FrameRow| {
            let shared = (row.first_ms, reach.min(row.last_ms).saturating_add(1));
            reach = reach.max(row.last_ms);
            shared
        };
        let hour = |found: &Found| {
            let start = millis(found).div_euclid(HOUR_MS) * HOUR_MS;
            (start, start + HOUR_MS)
        };
        let mixed: Spans = rows.iter().map(overlap).chain(loose.iter().map(hour)).collect();
        let gone: Spans = gone.ranges().iter().map(|range| (range.from.millis(), range.to.millis())).collect();
        let mut pieces: Vec<Piece> = mixed.within(start, end).map(|(from, to)| Piece { from, to, row: None }).collect();
        for (at, row) in rows.iter().enumerate() {
            for (from, to) in mixed.outside(row.first_ms.max(start), (row.last_ms + 1).min(end)) {
                let clean = gone.outside(from, to).into_iter();
                pieces.extend(clean.map(|(from, to)| Piece { from, to, row: Some(at) }));
            }
        }
        pieces.sort_unstable_by_key(|piece| piece.from);
        Self { pieces, mixed, gone }
    }

    /// Whether a row has to be read for mixed pieces.
    fn wants(&self, row: &FrameRow) -> bool {
        self.mixed.within(row.first_ms, row.last_ms + 1).any(|(from, to)| !self.gone.outside(from, to).is_empty())
    }
}

struct Sweep<'a> {
    connection: &'a Connection,
    rows: &'a [FrameRow],
    plan: &'a Plan,
    sums: Sums<'a>,
    loose: Peekable<std::vec::IntoIter<Found>>,
    /// Readings of mixed pieces that are still to come, of the frames taken so far.
    pending: Vec<Found>,
    /// The frames whose readings of mixed pieces were read.
    taken: Vec<bool>,
    charted: frame::Charted,
    charted_of: Option<usize>,
    hours: Option<Vec<Hour>>,
    hours_of: Option<usize>,
}

impl Sweep<'_> {
    fn add(&mut self, piece: &Piece) -> Result<(), StoreError> {
        match piece.row.and_then(|at| Some((at, self.rows.get(at)?))) {
            Some((at, row)) => self.add_clean(at, row, piece),
            None => self.add_mixed(piece),
        }
    }

    fn add_clean(&mut self, at: usize, row: &FrameRow, piece: &Piece) -> Result<(), StoreError> {
        let plain = matches!(self.sums.kind, Kind::Measurement | Kind::State | Kind::Text);
        if plain
            && (piece.from, piece.to) == (row.first_ms, row.last_ms + 1)
            && let Some(index) = self.sums.same_window(piece.from, piece.to)
        {
            self.sums.merge(index, &row.summary);
            return Ok(());
        }
        if self.sums.grid.resolution().is_some_and(|step| step.millis() < HOUR_MS) || !self.take_hours(at, row)? {
            return self.fold(at, row, piece.from, piece.to);
        }
        let hours = self.hours.take();
        for hour in hours.iter().flatten() {
            let end_ms = hour.start_ms + HOUR_MS;
            if end_ms <= piece.from || hour.start_ms >= piece.to {
                continue;
            }
            // What the hour has of this frame, which may begin or end in the middle of it.
            let (from, to) = (hour.start_ms.max(row.first_ms), end_ms.min(row.last_ms + 1));
            let whole = piece.from <= from && to <= piece.to;
            match self.sums.same_window(from, to).filter(|_| whole) {
                Some(index) => self.sums.merge(index, &hour.window),
                None => self.fold(at, row, from.max(piece.from), to.min(piece.to))?,
            }
        }
        self.hours = hours;
        Ok(())
    }

    /// Reads the stored hours of a row and answers whether there are any.
    fn take_hours(&mut self, at: usize, row: &FrameRow) -> Result<bool, StoreError> {
        if self.hours_of != Some(at) {
            self.hours = hours::stored(self.connection, row, self.sums.kind)?;
            self.hours_of = Some(at);
        }
        Ok(self.hours.is_some())
    }

    /// Adds a part of a frame from its columns.
    fn fold(&mut self, at: usize, row: &FrameRow, from: i64, to: i64) -> Result<(), StoreError> {
        if self.charted_of != Some(at) {
            self.charted_of = None;
            let charted = &mut self.charted;
            with_frame(self.connection, row, |opened| opened.charted_into(row.col, charted))?;
            self.charted_of = Some(at);
        }
        self.sums.add_charted(&self.charted, from, to);
        Ok(())
    }

    /// Merges by key, holding no more than the mixed readings of frames that overlap at one time.
    fn add_mixed(&mut self, piece: &Piece) -> Result<(), StoreError> {
        let range = self.sums.grid.range();
        let near = self.rows.iter().zip(&mut self.taken).take_while(|(row, _)| row.first_ms < piece.to);
        for (row, taken) in near.filter(|(row, taken)| !**taken && row.last_ms >= piece.from) {
            *taken = true;
            if !self.plan.wants(row) {
                continue;
            }
            let wanted = |time: i64| self.plan.mixed.contains(time) && !self.plan.gone.contains(time);
            let inside = readings_within(self.connection, row, range)?.into_iter();
            let inside =
                inside.filter(|reading| reading.key.time.millis() >= piece.from && wanted(reading.key.time.millis()));
            self.pending.extend(inside.map(|reading| Found { rank: row.rank, reading }));
        }
        let loose = &mut self.loose;
        let mut here: Vec<Found> = std::iter::from_fn(|| loose.next_if(|found| millis(found) < piece.to)).collect();
        here.extend(self.pending.extract_if(.., |found| millis(found) < piece.to));
        sort(&mut here);
        self.sums.add_found(here.into_iter());
        Ok(())
    }
}
