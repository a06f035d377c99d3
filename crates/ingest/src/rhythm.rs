//! How often something usually happens, learned from when it happened.

use model::Timestamp;

/// Gaps remembered.
const GAPS: usize = 8;
/// Gaps needed before anything is said.
const GAPS_MIN: u8 = 3;

/// The last gaps between moments that moved forward. A late reading teaches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rhythm {
    last: Option<Timestamp>,
    gaps_ms: [u32; GAPS],
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

    fn median_of(&self, of_gap: impl Fn(u32) -> u32) -> Option<u32> {
        if self.known < GAPS_MIN {
            return None;
        }
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

    #[test]
    fn two_gaps_say_nothing() {
        let mut rhythm = Rhythm::default();
        for second in [0, 10, 20] {
            rhythm.beat(Timestamp::saturating(second * 1000));
        }
        assert_eq!(rhythm.interval_ms(), None);
    }
}
