//! How far a device's clock is from ours, told from the times that it claims. Pure.
//!
//! A message on its way makes a claimed time older, never newer: of the last few the one that is ahead most is the truest.
//! What is sent from a memory of hours ago is late, which is nothing against the clock.

/// Messages looked at.
const OFFSETS: usize = 8;
const OFFSETS_MIN: u8 = 3;
/// Further behind than this a message may just be late …
const LATE_MS: i64 = 60_000;
/// … unless the last ones are all as far behind, within so much.
const STEADY_MS: i64 = 5_000;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Drift {
    offsets_ms: [i64; OFFSETS],
    known: u8,
    next: u8,
}

impl Drift {
    /// A message claimed a time so far ahead of its arrival; negative is behind.
    pub(crate) fn note(&mut self, offset_ms: i64) {
        if let Some(slot) = self.offsets_ms.get_mut(usize::from(self.next)) {
            *slot = offset_ms;
        }
        self.next = (self.next + 1) % OFFSETS as u8;
        self.known = (self.known + 1).min(OFFSETS as u8);
    }

    /// The clock's offset in milliseconds; positive is ahead. None before three messages, and where all of them are late.
    pub(crate) fn drift_ms(&self) -> Option<i64> {
        let known = self.offsets_ms.get(..usize::from(self.known)).filter(|_| self.known >= OFFSETS_MIN)?;
        let (most, least) = (*known.iter().max()?, *known.iter().min()?);
        (most > -LATE_MS || most.saturating_sub(least) <= STEADY_MS).then_some(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(offsets: &[i64]) -> Option<i64> {
        let mut drift = Drift::default();
        offsets.iter().for_each(|offset| drift.note(*offset));
        drift.drift_ms()
    }

    #[test]
    fn the_least_delayed_message_tells_the_clock() {
        assert_eq!(of(&[7_000, 7_900, 2_000, -40_000]), Some(7_900));
        assert_eq!(of(&[7_000, 7_900]), None);
    }

    #[test]
    fn a_replay_of_old_readings_is_late_and_a_clock_of_another_zone_is_wrong() {
        assert_eq!(of(&[-3_600_000, -3_000_000, -2_400_000]), None);
        assert_eq!(of(&[-3_600_100, -3_600_900, -3_600_050]), Some(-3_600_050));
    }
}
