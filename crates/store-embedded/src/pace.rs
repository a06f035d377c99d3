//! How long the log's syncs take: a disk that still works but takes seconds is told before anybody wonders why
//! acknowledgements are late. Nothing is refused for it; senders wait, and their own windows hold them back.
//!
//! It reads no clock. A sync that has not come back yet is not seen here.

use std::collections::VecDeque;
use std::time::Duration;

/// A sync that takes longer than this is slow.
pub(crate) const SLOW: Duration = Duration::from_secs(1);
/// Syncs older than this are forgotten.
const WITHIN: Duration = Duration::from_secs(60);
/// Syncs that are remembered at most; the oldest is forgotten for a new one.
const SYNCS_MAX: usize = 4_096;

/// The syncs of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    syncs: VecDeque<(Duration, Duration)>,
    slow: usize,
}

impl Pace {
    /// Notes a sync that ended at `now` of a monotonic clock. Returns the 99th percentile when that is slow.
    pub(crate) fn note(&mut self, now: Duration, took: Duration) -> Option<Duration> {
        self.syncs.push_back((now, took));
        self.slow += usize::from(took > SLOW);
        while let Some((at, took)) = self.syncs.front().copied()
            && (self.syncs.len() > SYNCS_MAX || now.saturating_sub(at) > WITHIN)
        {
            self.syncs.pop_front();
            self.slow -= usize::from(took > SLOW);
        }
        // More than one in a hundred is what the percentile says, and counting is cheaper than sorting.
        (self.slow * 100 > self.syncs.len()).then(|| self.percentile_99())
    }

    fn percentile_99(&self) -> Duration {
        let mut all: Vec<Duration> = self.syncs.iter().map(|(_, took)| *took).collect();
        all.sort_unstable();
        let rank = (all.len() * 99).div_ceil(100).saturating_sub(1);
        all.get(rank).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_millis(2);
    const HANGING: Duration = Duration::from_secs(3);

    #[test]
    fn one_slow_sync_among_a_hundred_is_none_and_two_are() {
        let mut pace = Pace::default();
        for n in 0..198 {
            assert_eq!(pace.note(Duration::from_millis(n), FAST), None);
        }
        assert_eq!(pace.note(Duration::from_millis(198), HANGING), None);
        assert_eq!(pace.note(Duration::from_millis(199), HANGING), None, "two of two hundred are one percent");
        assert_eq!(pace.note(Duration::from_millis(200), HANGING), Some(HANGING));
    }

    #[test]
    fn what_is_a_minute_ago_is_forgotten() {
        let mut pace = Pace::default();
        assert_eq!(pace.note(Duration::from_secs(1), HANGING), Some(HANGING));
        assert_eq!(pace.note(Duration::from_secs(30), FAST), Some(HANGING));
        assert_eq!(pace.note(Duration::from_secs(62), FAST), None);
    }

    #[test]
    fn it_does_not_grow() {
        let mut pace = Pace::default();
        for _ in 0..3 * SYNCS_MAX {
            pace.note(Duration::ZERO, HANGING);
        }
        assert_eq!((pace.syncs.len(), pace.slow), (SYNCS_MAX, SYNCS_MAX));
    }
}
