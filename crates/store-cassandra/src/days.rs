//! What lies where of the days of a home: rows, frames, or rows over frames.
//!
//! Touches are asked for before marks. A touch that was acknowledged before is seen, and a mark that is newer than the touches only
//! has more; so what a day is taken for is never less than what was acknowledged when the question came.

use std::collections::BTreeMap;

use model::{DeviceId, Reading, SeriesId, TimeRange};
use store::StoreError;

use crate::cluster::Cluster;
use crate::compactor::missing;
use crate::frame_tables::{self as tables, Mark, year_of};
use crate::touches::{HomeDay, is_dirty};

/// How often frames are read again that were replaced meanwhile.
const REPLACED_MAX: usize = 5;

/// Where the readings of a day are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// There are none.
    Nothing,
    /// In rows alone.
    Rows,
    /// In frames alone.
    Frames(Mark),
    /// In frames, and in rows over them.
    Both(Mark),
}

/// The days of a home that have something.
#[derive(Debug)]
pub(crate) struct HomeDays {
    home: DeviceId,
    touched: BTreeMap<i32, i32>,
    marks: BTreeMap<i32, Mark>,
}

/// The frames of a day, and whether rows lie over them.
pub(crate) struct Framed {
    pub(crate) parts: Vec<Vec<u8>>,
    pub(crate) rows_too: bool,
}

impl HomeDays {
    /// Days from `first` to `last`, both included.
    pub(crate) async fn read(cluster: &Cluster, home: DeviceId, first: i32, last: i32) -> Result<Self, StoreError> {
        let touched = tables::touches(cluster, home, first, last).await?;
        let mut marks = BTreeMap::new();
        let years = tables::years(cluster, home).await?;
        for year in years.into_iter().filter(|year| (year_of(first)..=year_of(last)).contains(year)) {
            marks.append(&mut tables::marks(cluster, home, year, (first, last)).await?);
        }
        Ok(Self { home, touched, marks })
    }

    /// The days that may have readings.
    pub(crate) fn days(&self) -> impl Iterator<Item = i32> {
        let framed = self.marks.iter().filter(|(_, mark)| mark.parts > 0).map(|(day, _)| *day);
        self.touched.keys().copied().chain(framed)
    }

    pub(crate) fn source(&self, day: i32) -> Source {
        self.source_under(day, self.marks.get(&day).copied())
    }

    fn source_under(&self, day: i32, mark: Option<Mark>) -> Source {
        let dirty = is_dirty(self.touched.get(&day).copied(), mark.map(|mark| mark.compacted));
        match (mark.filter(|mark| mark.parts > 0), dirty) {
            (None, false) => Source::Nothing,
            (None, true) => Source::Rows,
            (Some(mark), false) => Source::Frames(mark),
            (Some(mark), true) => Source::Both(mark),
        }
    }

    /// The frames of a day; of a later version where they were replaced meanwhile.
    ///
    /// # Errors
    /// They are not there although they should be.
    pub(crate) async fn framed(&self, cluster: &Cluster, day: i32) -> Result<Framed, StoreError> {
        let mut mark = self.marks.get(&day).copied();
        for _ in 0..REPLACED_MAX {
            let source = self.source_under(day, mark);
            let (held, rows_too) = match source {
                Source::Nothing => return Ok(Framed { parts: Vec::new(), rows_too: false }),
                Source::Rows => return Ok(Framed { parts: Vec::new(), rows_too: true }),
                Source::Frames(held) => (held, false),
                Source::Both(held) => (held, true),
            };
            let of = HomeDay { home: self.home, day };
            let parts = tables::parts(cluster, of, held.version).await?;
            if i32::try_from(parts.len()) == Ok(held.parts) {
                return Ok(Framed { parts, rows_too });
            }
            missing(cluster, of, held.version).await?;
            mark = tables::mark(cluster, of).await?;
        }
        Err(StoreError::Damaged(format!("frames of day {day} of home {} are replaced again and again", self.home.0)))
    }
}

impl Framed {
    /// The readings of a series inside `range` that the frames hold, in order of key.
    ///
    /// # Errors
    /// A frame is not what was written.
    pub(crate) fn readings(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Reading>, StoreError> {
        let mut readings = Vec::new();
        for part in &self.parts {
            let inside = frame::open(part).and_then(|opened| opened.readings_within(series, range));
            readings.extend(inside.map_err(|damage| damaged(series, damage))?);
        }
        Ok(readings)
    }
}

/// A frame that is not what was written.
pub(crate) fn damaged(series: SeriesId, damage: frame::Damage) -> StoreError {
    StoreError::Damaged(format!("series {}: {damage}", series.0))
}
