//! Touches: which days of which homes were written to, and in which hour last. Pure.
//!
//! A writer has a touch (home, day, its number, the UTC hour) at quorum before it acknowledges, so that nobody ever has to delete a
//! mark: a day that was written to after it was compacted shows by its touches, and by nothing else. Hours are compared with
//! [`SLACK_H`] to spare, for touches that are an hour old when a row is written (they are cached) and for clocks that differ.

use std::collections::HashMap;

use model::DeviceId;

use crate::periods::Periods;

/// Days whose touch is remembered, so that a day is touched once in an hour. At the limit all are forgotten, and each day that
/// is still written to is touched once more.
const REMEMBERED_MAX: usize = 200_000;
/// By so many hours a touch may be older than the compaction that has not seen its rows.
pub(crate) const SLACK_H: i32 = 2;

/// The rows of one home whose times lie in one UTC day: a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HomeDay {
    pub(crate) home: DeviceId,
    /// Days since 1970.
    pub(crate) day: i32,
}

/// The touches that this server knows to be at a quorum.
#[derive(Debug, Default)]
pub(crate) struct Touches {
    /// All of one hour.
    done: HashMap<HomeDay, i32>,
}

impl Touches {
    /// Whether a row of `day` that is about to be written in `hour` needs a touch first or at the same time.
    pub(crate) fn needed(&self, day: HomeDay, hour: i32) -> bool {
        self.done.get(&day).is_none_or(|done| *done < hour)
    }

    /// A touch of `hour` is at a quorum.
    pub(crate) fn done(&mut self, day: HomeDay, hour: i32) {
        if self.done.len() >= REMEMBERED_MAX {
            // Those of earlier hours are worth nothing any more.
            self.done.retain(|_, done| *done >= hour);
        }
        if self.done.len() >= REMEMBERED_MAX {
            self.done.clear();
        }
        let known = self.done.entry(day).or_insert(hour);
        *known = hour.max(*known);
    }
}

/// Whether a day whose youngest touch is `touched` may have rows that its compaction in `compacted` has not seen. Without a
/// compaction every touch says that it has; without a touch it has none.
pub(crate) fn is_dirty(touched: Option<i32>, compacted: Option<i32>) -> bool {
    match (touched, compacted) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(touched), Some(compacted)) => touched >= compacted.saturating_sub(SLACK_H),
    }
}

/// The UTC hour in which a day is over.
pub(crate) fn ends(day: i32) -> i32 {
    day.saturating_add(1).saturating_mul(24)
}

/// Whether a day is to be compacted in the hour `now`: it has rows that no frame has, is over, and is either written to no more
/// or was left alone for long enough.
///
/// A day that lies ahead of `now` counts as over: clocks of devices go wrong, and its rows would expire before it comes.
pub(crate) fn is_due(day: i32, touched: Option<i32>, compacted: Option<i32>, now: i32, periods: &Periods) -> bool {
    let Some(youngest) = touched.filter(|_| is_dirty(touched, compacted)) else { return false };
    let start = day.saturating_mul(24);
    let end = ends(day);
    let ahead = start > now.saturating_add(24);
    let over = ahead || now >= end.saturating_add(periods.closed_h);
    let quiet = now >= youngest.saturating_add(periods.quiet_h);
    // Late readings come for days that ended long ago: those are compacted at once, and then no more than once in a while.
    let overdue = match compacted {
        Some(compacted) => now >= compacted.saturating_add(periods.overdue_h),
        None => ahead || now >= end.saturating_add(periods.overdue_h),
    };
    over && (quiet || overdue)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i32 = 20_000;
    const END: i32 = (DAY + 1) * 24;

    fn day(home: u32) -> HomeDay {
        HomeDay { home: DeviceId(home), day: DAY }
    }

    #[test]
    fn a_day_is_touched_once_an_hour() {
        let mut touches = Touches::default();
        assert!(touches.needed(day(1), 5));
        touches.done(day(1), 5);
        assert!(!touches.needed(day(1), 5) && !touches.needed(day(1), 4));
        assert!(touches.needed(day(1), 6) && touches.needed(day(2), 5));
        touches.done(day(1), 6);
        touches.done(day(1), 5);
        assert!(!touches.needed(day(1), 6), "a later touch is not forgotten for an earlier one");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_forgotten_is_touched_again() {
        let mut touches = Touches::default();
        (0..100).for_each(|home| touches.done(day(home), 6));
        (100..).take(REMEMBERED_MAX - 100).for_each(|home| touches.done(day(home), 5));
        touches.done(day(u32::MAX), 6);
        assert_eq!(touches.done.len(), 101, "those of the hour before went first");
        (1_000..).take(REMEMBERED_MAX).for_each(|home| touches.done(day(home), 6));
        assert!(touches.done.len() <= REMEMBERED_MAX && touches.needed(day(0), 6));
    }

    #[test]
    fn dirty_is_what_a_compaction_may_not_have_seen() {
        assert!(!is_dirty(None, None) && !is_dirty(None, Some(10)));
        assert!(is_dirty(Some(0), None));
        for (touched, dirty) in [(7, false), (8, true), (9, true), (10, true), (11, true)] {
            assert_eq!(is_dirty(Some(touched), Some(10)), dirty, "touched in {touched}");
        }
        assert!(is_dirty(Some(i32::MIN), Some(i32::MIN)) && is_dirty(Some(i32::MAX), Some(i32::MAX)));
    }

    #[test]
    fn a_compaction_of_a_quiet_day_leaves_it_clean() {
        let periods = Periods::default();
        for touched in END - 24..END + 200 {
            for now in touched..END + 300 {
                if now >= touched + periods.quiet_h && is_due(DAY, Some(touched), None, now, &periods) {
                    assert!(!is_dirty(Some(touched), Some(now)));
                    assert!(!is_due(DAY, Some(touched), Some(now), now + 1_000, &periods));
                }
            }
        }
    }

    #[test]
    fn a_day_is_due_when_it_is_over_and_quiet_or_waited_for_long_enough() {
        let periods = Periods::default();
        let due = |touched: i32, compacted: Option<i32>, now: i32| is_due(DAY, Some(touched), compacted, now, &periods);
        assert!(!is_due(DAY, None, None, END + 500, &periods), "nothing was written");
        assert!(!due(END - 20, None, END), "not over for an hour");
        assert!(due(END - 20, None, END + 1));
        assert!(!due(END - 1, None, END + 1) && due(END - 1, None, END + 2), "quiet for three hours");
        assert!(!due(END + 23, None, END + 23) && due(END + 24, None, END + 24), "late rows do not wait for quiet");
        assert!(
            !due(END + 60, Some(END + 50), END + 62) && due(END + 60, Some(END + 50), END + 63),
            "late, then quiet"
        );
        assert!(
            !due(END + 73, Some(END + 50), END + 73) && due(END + 74, Some(END + 50), END + 74),
            "late and never quiet"
        );
        assert!(!due(END + 47, Some(END + 50), END + 500), "seen already");
    }

    #[test]
    fn days_ahead_are_compacted_before_their_rows_expire() {
        let (periods, now) = (Periods::default(), DAY * 24 - 25);
        assert!(is_due(DAY, Some(now), None, now, &periods), "at once");
        assert!(!is_due(DAY, Some(now + 1), Some(now), now + 1, &periods), "tomorrow comes by itself");
        assert!(!is_due(DAY + 9, Some(now + 1), Some(now), now + 1, &periods), "not every hour");
        assert!(is_due(DAY + 9, Some(now + 1), Some(now), now + 4, &periods));
        assert!(is_due(DAY + 9, Some(now + 24), Some(now), now + 24, &periods));
    }
}
