//! Which windows there are for a range and a step.

use std::sync::Arc;

use model::{Resolution, TimeRange, Timestamp};

use crate::Zone;
use crate::calendar::{CalendarStep, edges};

/// Most windows of one grid. A range that needs more is covered from its start as far as they reach.
pub const WINDOWS_MAX: usize = 100_000;

/// Windows that follow each other without a hole: window i is `[edge(i), edge(i + 1))`, all edges in UTC milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid(Edges);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Edges {
    /// `t0 + i · step`: the plain case, found by a division.
    Even { t0_ms: i64, step: Resolution, count: usize },
    /// Strictly ascending, one more than there are windows; none without a window.
    Listed(Arc<[i64]>),
}

impl Grid {
    /// The aligned windows of one length that touch `range`; no window for an empty range, [`WINDOWS_MAX`] at most.
    #[must_use]
    pub fn covering(range: TimeRange, step: Resolution) -> Self {
        let t0_ms = step.align(range.from);
        if range.is_empty() {
            return Self(Edges::Even { t0_ms, step, count: 0 });
        }
        let last_ms = range.to.millis() - 1;
        let count = usize::try_from((last_ms - t0_ms).div_euclid(step.millis()) + 1).unwrap_or(0);
        Self(Edges::Even { t0_ms, step, count: count.min(WINDOWS_MAX) })
    }

    /// The local days, weeks or months of `zone` that touch `range`; no window for an empty range, [`WINDOWS_MAX`] at most.
    ///
    /// A day is 23 h or 25 h long where the clock changes; a date that the zone skipped has no window.
    #[must_use]
    pub fn calendar(range: TimeRange, step: CalendarStep, zone: &Zone) -> Self {
        Self(Edges::Listed(edges(range, step, zone, WINDOWS_MAX).into()))
    }

    /// Start of the first window. It may lie before year 1, where no reading can be. Of a grid without windows it means
    /// nothing.
    #[must_use]
    pub fn t0_ms(&self) -> i64 {
        match &self.0 {
            Edges::Even { t0_ms, .. } => *t0_ms,
            Edges::Listed(edges) => edges.first().copied().unwrap_or(0),
        }
    }

    /// Length of each window; none where they differ.
    #[must_use]
    pub fn resolution(&self) -> Option<Resolution> {
        match &self.0 {
            Edges::Even { step, .. } => Some(*step),
            Edges::Listed(_) => None,
        }
    }

    /// How many windows.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.0 {
            Edges::Even { count, .. } => *count,
            Edges::Listed(edges) => edges.len().saturating_sub(1),
        }
    }

    /// Start of window `index`; of `count` and beyond the end of the last one.
    #[must_use]
    pub fn edge_ms(&self, index: usize) -> i64 {
        match &self.0 {
            // 100,000 windows of 7 days behind the year 9999 are far inside an i64.
            Edges::Even { t0_ms, step, count } => t0_ms + step.millis() * i64::try_from(index.min(*count)).unwrap_or(0),
            Edges::Listed(edges) => edges.get(index).or(edges.last()).copied().unwrap_or(0),
        }
    }

    /// The start of every window.
    pub fn starts_ms(&self) -> impl Iterator<Item = i64> {
        (0..self.count()).map(|index| self.edge_ms(index))
    }

    /// First millisecond behind the last window.
    #[must_use]
    pub fn end_ms(&self) -> i64 {
        self.edge_ms(self.count())
    }

    /// Everything the windows cover, whole ones, held inside the years that can be written. Of a grid that reaches the
    /// last millisecond of 9999, that one is left out, because a range excludes its end.
    #[must_use]
    pub fn range(&self) -> TimeRange {
        TimeRange { from: Timestamp::saturating(self.t0_ms()), to: Timestamp::saturating(self.end_ms()) }
    }

    /// The window that holds `time_ms`, if one does. Any number is legal.
    #[must_use]
    pub fn index_of(&self, time_ms: i64) -> Option<usize> {
        match &self.0 {
            Edges::Even { t0_ms, step, count } => {
                let index = usize::try_from(time_ms.checked_sub(*t0_ms)?.div_euclid(step.millis())).ok()?;
                (index < *count).then_some(index)
            }
            Edges::Listed(edges) => {
                let behind = edges.partition_point(|edge| *edge <= time_ms);
                (behind < edges.len()).then(|| behind.checked_sub(1)).flatten()
            }
        }
    }
}
