//! Windows: the aggregate of a series over an aligned interval, and the arithmetic that merges them.
//!
//! Pure. Bad readings, text and NaN never count; booleans count as 1 and 0.

#![warn(missing_docs)]

use model::{Reading, Resolution, TimeRange};

/// Most windows of one grid.
pub const WINDOWS_MAX: usize = 100_000;

/// Aligned windows `[t0 + i·step, t0 + (i+1)·step)` for i in 0..count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    t0_ms: i64,
    step: Resolution,
    count: usize,
}

impl Grid {
    /// The windows that touch `range`; no window for an empty range, [`WINDOWS_MAX`] at most.
    #[must_use]
    pub fn covering(range: TimeRange, step: Resolution) -> Self {
        let t0_ms = step.align(range.from);
        if range.is_empty() {
            return Self { t0_ms, step, count: 0 };
        }
        let last_ms = range.to.millis() - 1;
        let count = usize::try_from((last_ms - t0_ms).div_euclid(step.millis()) + 1).unwrap_or(0);
        Self { t0_ms, step, count: count.min(WINDOWS_MAX) }
    }

    /// Start of the first window.
    #[must_use]
    pub fn t0_ms(self) -> i64 {
        self.t0_ms
    }

    /// Length of each window.
    #[must_use]
    pub fn step(self) -> Resolution {
        self.step
    }

    /// How many windows.
    #[must_use]
    pub fn count(self) -> usize {
        self.count
    }

    /// Everything the windows cover, whole ones.
    #[must_use]
    pub fn range(self) -> TimeRange {
        let len = self.step.millis().saturating_mul(i64::try_from(self.count).unwrap_or(i64::MAX));
        TimeRange {
            from: model::Timestamp::saturating(self.t0_ms),
            to: model::Timestamp::saturating(self.t0_ms.saturating_add(len)),
        }
    }

    /// The window that holds `time_ms`, if one does.
    #[must_use]
    pub fn index_of(self, time_ms: i64) -> Option<usize> {
        let index = usize::try_from((time_ms - self.t0_ms).div_euclid(self.step.millis())).ok()?;
        (index < self.count).then_some(index)
    }
}

/// What a window knows of its readings. Empty while `count` is 0; then the other fields mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Window {
    /// Readings that count.
    pub count: u64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Sum, for the mean.
    pub sum: f64,
    /// Value of the first by key.
    pub first: f64,
    /// Value of the last by key.
    pub last: f64,
}

impl Window {
    /// Adds one number that comes after all added before, in order of key.
    pub fn push(&mut self, number: f64) {
        self.merge(&Self { count: 1, min: number, max: number, sum: number, first: number, last: number });
    }

    /// Adds a reading that comes after all added before, if it counts.
    pub fn push_reading(&mut self, reading: &Reading) {
        if let Some(number) = reading.charted() {
            self.push(number);
        }
    }

    /// Adds a window whose readings all come after this one's.
    pub fn merge(&mut self, later: &Self) {
        if later.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *later;
            return;
        }
        self.count += later.count;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.sum += later.sum;
        self.last = later.last;
    }

    /// The mean, none when empty.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "2^53 readings are out of reach")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}
