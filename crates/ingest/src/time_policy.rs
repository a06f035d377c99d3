//! Which device times are believed.

use decode::ClaimedTime;
use model::{SourceName, TimeSource, Timestamp};

/// The source of tables that people bring. Their times have no floor, and one that is not believed is refused rather than replaced by
/// the time of arrival: a table that is brought again would be doubled by it.
pub const IMPORT: &str = "import";

/// The limits of belief. A late reading is not a wrong one: there is no other age limit than the floor.
#[derive(Clone, Copy, Debug)]
pub struct TimePolicy {
    /// Nothing was measured before this (2010-01-01 by default).
    pub time_floor: Timestamp,
    /// So far ahead of our clock a device may be, in milliseconds (5 min by default).
    pub time_skew_max_ms: i64,
}

impl Default for TimePolicy {
    fn default() -> Self {
        Self { time_floor: Timestamp::saturating(1_262_304_000_000), time_skew_max_ms: 5 * 60 * 1000 }
    }
}

/// What is made of a claimed time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It is the reading's time.
    Believed(Timestamp, TimeSource),
    /// The device knows how long ago it was; our clock knows when that is.
    Counted(Timestamp),
    /// The message carries no time.
    Absent,
    /// It is kept beside ours.
    Disbelieved(i64),
}

impl TimePolicy {
    /// What holds for the readings of a source.
    #[must_use]
    pub fn of(self, source: &SourceName) -> Self {
        if source.as_str() == IMPORT { Self { time_floor: Timestamp::MIN, ..self } } else { self }
    }

    /// Whether readings of a message that came at `now`, by a clock that is right, get the time it claims, or it claims none.
    #[must_use]
    pub fn believes(&self, claimed: Option<ClaimedTime>, now: Timestamp) -> bool {
        !matches!(self.judge(claimed, now, true), Judged::Disbelieved(_))
    }

    /// Judges `claimed` at `now`. With an untrusted server clock device times are believed as they are.
    pub(crate) fn judge(&self, claimed: Option<ClaimedTime>, now: Timestamp, clock_trusted: bool) -> Judged {
        match claimed {
            None => Judged::Absent,
            Some(ClaimedTime::Ago { ms }) => match now.millis().checked_sub(ms) {
                Some(then) if ms >= 0 && then >= self.time_floor.millis() => {
                    Judged::Counted(Timestamp::saturating(then))
                }
                Some(_) | None => Judged::Disbelieved(ms),
            },
            Some(ClaimedTime::At { ms, source }) => {
                let ahead = clock_trusted && ms > now.millis().saturating_add(self.time_skew_max_ms);
                match Timestamp::from_millis(ms) {
                    Ok(time) if ms >= self.time_floor.millis() && !ahead => Judged::Believed(time, source),
                    Ok(_) | Err(_) => Judged::Disbelieved(ms),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn judge(ms: i64) -> Judged {
        let claimed = Some(ClaimedTime::At { ms, source: TimeSource::Device });
        TimePolicy::default().judge(claimed, Timestamp::saturating(NOW), true)
    }

    #[test]
    fn late_is_not_wrong_but_1970_and_2100_are() {
        let late = NOW - 400 * 86_400_000;
        assert_eq!(judge(late), Judged::Believed(Timestamp::saturating(late), TimeSource::Device));
        for wrong in [0, -1, 12_345, 4_102_444_800_000, i64::MAX, i64::MIN] {
            assert_eq!(judge(wrong), Judged::Disbelieved(wrong));
        }
    }

    #[test]
    fn five_minutes_ahead_is_the_edge() {
        let edge = NOW + 300_000;
        assert_eq!(judge(edge), Judged::Believed(Timestamp::saturating(edge), TimeSource::Device));
        assert_eq!(judge(edge + 1), Judged::Disbelieved(edge + 1));
    }

    #[test]
    fn a_table_has_no_floor_and_is_not_ahead_either() {
        let policy = TimePolicy::default().of(&SourceName::parse(IMPORT).unwrap());
        let judge = |ms| {
            let claimed = Some(ClaimedTime::At { ms, source: TimeSource::Device });
            policy.judge(claimed, Timestamp::saturating(NOW), true)
        };
        assert_eq!(judge(-1), Judged::Believed(Timestamp::saturating(-1), TimeSource::Device));
        assert_eq!(judge(NOW + 300_001), Judged::Disbelieved(NOW + 300_001));
    }

    #[test]
    fn an_age_counts_back_from_arrival() {
        let policy = TimePolicy::default();
        let now = Timestamp::saturating(NOW);
        assert_eq!(
            policy.judge(Some(ClaimedTime::Ago { ms: 1500 }), now, true),
            Judged::Counted(Timestamp::saturating(NOW - 1500))
        );
        assert_eq!(policy.judge(Some(ClaimedTime::Ago { ms: -1 }), now, true), Judged::Disbelieved(-1));
    }
}
