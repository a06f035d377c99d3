//! How often something usually happens, learned from when it happened.

use model::Timestamp;

/// Gaps remembered.
const GAPS: usize = 8;
/// Gaps needed before anything is said.
const GAPS_MIN: u8 = 3;

/// A gap that is so many times shorter than the usual one is inside a burst: what was kept back, sent at once.
const SHORTER: u32 = 10;
/// Short gaps that go on for so long, or for a usual gap if that is shorter, are no burst but another rhythm.
const BURST_MAX_MS: u32 = 60_000;
/// Nothing but a burst is known where the usual gap is shorter than this, and one comes that is longer than all that is known.
const BURST_GAP_MS: u32 = 1_000;

/// The last gaps between moments that moved forward. A late reading teaches nothing, and neither does a burst.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rhythm {
    last: Option<Timestamp>,
    gaps_ms: [u32; GAPS],
    /// How long a burst has lasted so far.
    burst_ms: u32,
    known: u8,
    next: u8,
}

impl Rhythm {
    /// It happened at `time`.
    pub(crate) fn beat(&mut self, time: Timestamp) {
        let Some(last) = self.last else {
            self.last = Some(time);
            return;
        };
        let Ok(gap) = u32::try_from(time.millis() - last.millis()) else { return };
        if gap == 0 {
            return;
        }
        self.last = Some(time);
        if let Some(usual) = self.usual_ms() {
            if gap < usual / SHORTER {
                self.burst_ms = self.burst_ms.saturating_add(gap);
                if self.burst_ms < usual.min(BURST_MAX_MS) {
                    return;
                }
                (self.known, self.next) = (0, 0);
            } else if usual < BURST_GAP_MS && gap / SHORTER >= usual && gap > self.known_ms() {
                (self.known, self.next) = (0, 0);
            }
        }
        self.burst_ms = 0;
        if let Some(slot) = self.gaps_ms.get_mut(usize::from(self.next)) {
            *slot = gap;
        }
        self.next = (self.next + 1) % GAPS as u8;
        self.known = (self.known + 1).min(GAPS as u8);
    }

    /// The median gap in milliseconds, once three are known.
    pub(crate) fn interval_ms(&self) -> Option<u32> {
        self.median_of(|gap| gap)
    }

    /// How far gaps usually are from the usual one: the median of the distances, in milliseconds.
    pub(crate) fn jitter_ms(&self) -> Option<u32> {
        let usual = self.interval_ms()?;
        self.median_of(|gap| gap.abs_diff(usual))
    }

    /// All known gaps together.
    fn known_ms(&self) -> u32 {
        self.gaps_ms.iter().take(usize::from(self.known)).fold(0, |sum, gap| sum.saturating_add(*gap))
    }

    fn median_of(&self, of_gap: impl Fn(u32) -> u32) -> Option<u32> {
        if self.known < GAPS_MIN { None } else { self.median_so_far(of_gap) }
    }

    /// As far as anything is known.
    fn usual_ms(&self) -> Option<u32> {
        self.median_so_far(|gap| gap)
    }

    fn median_so_far(&self, of_gap: impl Fn(u32) -> u32) -> Option<u32> {
        let mut all = self.gaps_ms;
        let known = all.get_mut(..usize::from(self.known))?;
        known.iter_mut().for_each(|gap| *gap = of_gap(*gap));
        known.sort_unstable();
        known.get(known.len() / 2).copied()
    }

    /// Takes what the store remembers of the time before, oldest first, unless enough was heard since.
    pub(crate) fn resume(&mut self, times: impl Iterator<Item = Timestamp>) {
        if self.known >= GAPS_MIN {
            return;
        }
        let last = self.last;
        let mut resumed = Self::default();
        times.chain(last).for_each(|time| resumed.beat(time));
        *self = resumed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_one_long_silence() {
        let mut rhythm = Rhythm::default();
        for second in [0, 10, 20, 30, 4000, 4010, 4020] {
            rhythm.beat(Timestamp::saturating(second * 1000));
        }
        assert_eq!(rhythm.interval_ms(), Some(10_000));
    }

    #[test]
    fn jitter_is_how_far_gaps_usually_are_from_the_usual_one() {
        let mut rhythm = Rhythm::default();
        let mut time = 0;
        for gap in [10_000, 10_200, 9_800, 10_100, 60_000] {
            time += gap;
            rhythm.beat(Timestamp::saturating(time));
        }
        assert_eq!((rhythm.interval_ms(), rhythm.jitter_ms()), (Some(10_200), Some(400)));
    }

    #[test]
    fn a_rhythm_goes_on_from_what_was_stored() {
        let mut rhythm = Rhythm::default();
        rhythm.beat(Timestamp::saturating(50_000));
        rhythm.resume([10, 20, 30, 40].into_iter().map(|second| Timestamp::saturating(second * 1000)));
        assert_eq!(rhythm.interval_ms(), Some(10_000));
        rhythm.resume([1, 2, 3, 4].into_iter().map(|second| Timestamp::saturating(second * 1000)));
        assert_eq!(rhythm.interval_ms(), Some(10_000), "what was heard since counts");
    }

    /// What is learned of moments in milliseconds.
    fn learned(moments: impl IntoIterator<Item = i64>) -> Option<u32> {
        let mut rhythm = Rhythm::default();
        moments.into_iter().for_each(|ms| rhythm.beat(Timestamp::saturating(ms)));
        rhythm.interval_ms()
    }

    #[test]
    fn a_burst_is_no_rhythm() {
        const MINUTE: i64 = 60_000;
        let burst = |at: i64| (0..60).map(move |n| at + n * 5);
        let regular = (0..10).map(|n| n * 10 * MINUTE);
        assert_eq!(learned(regular.clone().chain(burst(95 * MINUTE))), Some(600_000), "what was kept back");
        let first = burst(-10 * MINUTE).chain(regular);
        assert_eq!(learned(first), Some(600_000), "nothing but a burst was known");
        let hourly = (0..4).flat_map(|hour| burst(hour * 60 * MINUTE));
        assert_eq!(learned(hourly), Some(3_600_000 - 59 * 5), "every hour a burst");
        let several = (0..6).flat_map(|minute| (0..5).map(move |n| minute * MINUTE + n * 40));
        assert_eq!(learned(several), Some(60_000 - 160), "a message for each sensor");
    }

    #[test]
    fn another_rhythm_is_learned_within_a_minute() {
        let slow = (0..10).map(|n| n * 600_000);
        let fast = (0..12).map(|n| 5_400_000 + n * 10_000);
        assert_eq!(learned(slow.chain(fast)), Some(10_000));
        let (fast, slow) = ((0..20).map(|n| n * 500), (0..10).map(|n| 10_000 + n * 60_000));
        assert_eq!(learned(fast.chain(slow)), Some(60_000));
        assert_eq!(learned((0..20).map(|n| n * 100)), Some(100), "ten a second");
    }

    #[test]
    fn two_gaps_say_nothing() {
        let mut rhythm = Rhythm::default();
        for second in [0, 10, 20] {
            rhythm.beat(Timestamp::saturating(second * 1000));
        }
        assert_eq!(rhythm.interval_ms(), None);
    }
}
