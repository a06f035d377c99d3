//! How often something happens, counted in whole minutes of server time.

use model::Timestamp;

const MINUTE_MS: i64 = 60_000;

/// This minute and the one before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    minute: i64,
    in_minute: u64,
    in_minute_before: u64,
}

impl Rate {
    pub(crate) fn count(&mut self, at: Timestamp) {
        let minute = at.millis().div_euclid(MINUTE_MS);
        if minute != self.minute {
            self.in_minute_before = if minute == self.minute + 1 { self.in_minute } else { 0 };
            self.minute = minute;
            self.in_minute = 0;
        }
        self.in_minute += 1;
    }

    /// This minute's, and of the minute before the part that is not over a minute ago.
    pub(crate) fn per_minute(&self, now: Timestamp) -> u64 {
        let passed = u64::try_from(now.millis().rem_euclid(MINUTE_MS)).unwrap_or_default();
        let part = |count: u64| count * (60_000 - passed) / 60_000;
        match now.millis().div_euclid(MINUTE_MS) - self.minute {
            ..=0 => self.in_minute + part(self.in_minute_before),
            1 => part(self.in_minute),
            2.. => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_fades_over_a_minute_and_is_gone_after_two() {
        let at = |ms: i64| Timestamp::saturating(1_800_000_000_000 + ms);
        let mut rate = Rate::default();
        (0..60).for_each(|second| rate.count(at(second * 1_000)));
        assert_eq!(rate.per_minute(at(59_999)), 60);
        assert_eq!(rate.per_minute(at(90_000)), 30);
        rate.count(at(90_000));
        assert_eq!(rate.per_minute(at(90_000)), 31);
        assert_eq!(rate.per_minute(at(180_000)), 0);
    }
}
