//! UTC milliseconds, half-open ranges, and the fixed list of resolutions.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z. Years 1 to 9999, so that every value can be written as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Timestamp(i64);

/// A number that is no time of the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} ms is outside the years 1 to 9999")]
pub struct InvalidTime(pub i64);

impl Timestamp {
    /// 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_135_596_800_000);
    /// The last millisecond of 9999.
    pub const MAX: Self = Self(253_402_300_799_999);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// # Errors
    /// Outside [`Timestamp::MIN`]..=[`Timestamp::MAX`].
    pub const fn from_millis(millis: i64) -> Result<Self, InvalidTime> {
        if millis < Self::MIN.0 || millis > Self::MAX.0 {
            return Err(InvalidTime(millis));
        }
        Ok(Self(millis))
    }

    /// The nearest time that can be written, for arithmetic at the edges.
    #[must_use]
    pub fn saturating(millis: i64) -> Self {
        Self(millis.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This time moved by `millis`, held inside the legal years.
    #[must_use]
    pub fn plus(self, millis: i64) -> Self {
        Self::saturating(self.0.saturating_add(millis))
    }
}

impl TryFrom<i64> for Timestamp {
    type Error = InvalidTime;
    fn try_from(millis: i64) -> Result<Self, InvalidTime> {
        Self::from_millis(millis)
    }
}

impl From<Timestamp> for i64 {
    fn from(time: Timestamp) -> i64 {
        time.0
    }
}

/// `from` inclusive, `to` exclusive. `from >= to` is the empty range, which is legal and contains nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    /// First millisecond inside.
    pub from: Timestamp,
    /// First millisecond behind it.
    pub to: Timestamp,
}

impl TimeRange {
    /// Every time but the very last millisecond of 9999.
    pub const ALL: Self = Self { from: Timestamp::MIN, to: Timestamp::MAX };

    /// Whether nothing fits in.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.from >= self.to
    }

    /// Whether `time` is inside.
    #[must_use]
    pub fn contains(self, time: Timestamp) -> bool {
        self.from <= time && time < self.to
    }

    /// Length in milliseconds, 0 when empty.
    #[must_use]
    pub fn millis(self) -> i64 {
        (self.to.0 - self.from.0).max(0)
    }
}

/// The step of windows, one of the fixed list, so that the same windows are asked for again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resolution(i64);

impl Resolution {
    const SECOND: i64 = 1_000;
    const MINUTE: i64 = 60 * Self::SECOND;
    const HOUR: i64 = 60 * Self::MINUTE;
    const DAY: i64 = 24 * Self::HOUR;

    /// Every step in milliseconds, ascending.
    pub const STEPS_MS: [i64; 19] = [
        Self::SECOND,
        2 * Self::SECOND,
        5 * Self::SECOND,
        10 * Self::SECOND,
        15 * Self::SECOND,
        30 * Self::SECOND,
        Self::MINUTE,
        2 * Self::MINUTE,
        5 * Self::MINUTE,
        10 * Self::MINUTE,
        15 * Self::MINUTE,
        30 * Self::MINUTE,
        Self::HOUR,
        2 * Self::HOUR,
        3 * Self::HOUR,
        6 * Self::HOUR,
        12 * Self::HOUR,
        Self::DAY,
        7 * Self::DAY,
    ];

    /// The step of exactly `millis`, if it is on the list.
    #[must_use]
    pub fn from_millis(millis: i64) -> Option<Self> {
        Self::STEPS_MS.contains(&millis).then_some(Self(millis))
    }

    /// The finest step of the list that covers `range` in at most `width` aligned windows; the coarsest if none does.
    #[must_use]
    pub fn for_width(range: TimeRange, width: u32) -> Self {
        let fits = |step: &&i64| {
            let first = range.from.millis().div_euclid(**step);
            let last = (range.to.millis() - 1).max(range.from.millis()).div_euclid(**step);
            last - first < i64::from(width)
        };
        Self(Self::STEPS_MS.iter().find(fits).copied().unwrap_or(7 * Self::DAY))
    }

    /// The step in milliseconds.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The start of the aligned window that holds `time`: `floor(time / step) * step`, also before 1970.
    #[must_use]
    pub fn align(self, time: Timestamp) -> i64 {
        time.millis().div_euclid(self.0) * self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: i64, to: i64) -> TimeRange {
        TimeRange { from: Timestamp::saturating(from), to: Timestamp::saturating(to) }
    }

    #[test]
    fn a_year_in_a_thousand_windows_is_twelve_hours() {
        assert_eq!(Resolution::for_width(range(0, 365 * 86_400_000), 1000).millis(), 12 * 3_600_000);
    }

    #[test]
    fn alignment_floors_before_the_epoch_too() {
        assert_eq!(Resolution(60_000).align(Timestamp(-1)), -60_000);
    }

    #[test]
    fn an_unaligned_range_counts_the_window_it_cuts_at_both_ends() {
        // 999 ms .. 2_001 ms touches three windows of one second.
        assert_eq!(Resolution::for_width(range(999, 2_001), 2).millis(), 2_000);
        assert_eq!(Resolution::for_width(range(999, 2_001), 3).millis(), 1_000);
    }

    #[test]
    fn years_beyond_9999_are_refused() {
        assert!(Timestamp::from_millis(i64::MAX).is_err());
        assert_eq!(Timestamp::saturating(i64::MIN), Timestamp::MIN);
    }
}
