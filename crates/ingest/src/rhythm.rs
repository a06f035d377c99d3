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
        if self.known < GAPS_MIN {
            return None;
        }
        let mut gaps = self.gaps_ms;
        let known = gaps.get_mut(..usize::from(self.known))?;
        known.sort_unstable();
        known.get(known.len() / 2).copied()
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
    fn two_gaps_say_nothing() {
        let mut rhythm = Rhythm::default();
        for second in [0, 10, 20] {
            rhythm.beat(Timestamp::saturating(second * 1000));
        }
        assert_eq!(rhythm.interval_ms(), None);
    }
}
