//! Which windows there are for a range and a step.

use model::{Resolution, TimeRange, Timestamp};

/// Most windows of one grid. A range that needs more is covered from its start as far as they reach.
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

    /// Start of the first window. It may lie before year 1, where no reading can be.
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

    /// First millisecond behind the last window.
    #[must_use]
    pub fn end_ms(self) -> i64 {
        // 100,000 windows of 7 days behind the year 9999 are far inside an i64.
        self.t0_ms + self.step.millis() * i64::try_from(self.count).unwrap_or(0)
    }

    /// Everything the windows cover, whole ones, held inside the years that can be written. Of a grid that reaches the
    /// last millisecond of 9999, that one is left out, because a range excludes its end.
    #[must_use]
    pub fn range(self) -> TimeRange {
        TimeRange { from: Timestamp::saturating(self.t0_ms), to: Timestamp::saturating(self.end_ms()) }
    }

    /// The window that holds `time_ms`, if one does. Any number is legal.
    #[must_use]
    pub fn index_of(self, time_ms: i64) -> Option<usize> {
        let index = usize::try_from(time_ms.checked_sub(self.t0_ms)?.div_euclid(self.step.millis())).ok()?;
        (index < self.count).then_some(index)
    }
}
