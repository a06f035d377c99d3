//! Server stamps: a time and an `n` that make each stamped message unique without reading anything.

use model::{ReadingKey, Timestamp};
use store::Node;

/// Nothing was built before this: a clock that reads less is wrong (2026-01-01).
const BUILT_AFTER_MS: i64 = 1_767_225_600_000;
/// A clock this far behind the log's last stamp at start is not trusted.
const BEHIND_MAX_MS: i64 = 60_000;

/// Gives out stamps. `n` is made of the count of backward steps (8 bits), the node (8 bits, 0 on one machine) and a
/// counter within the millisecond (16 bits, from 1), so `n ≥ 1` always, and device times keep `n = 0` for themselves.
/// Servers that share a store differ in the node, so no two of them give one stamp.
#[derive(Debug)]
pub(crate) struct Stamper {
    node: u8,
    /// The last time given.
    last: Timestamp,
    /// Stamps given in that millisecond.
    counter: u16,
    /// How often the clock stepped back while running.
    backward_steps: u8,
    /// The clock's reading of the call before.
    heard: Timestamp,
    /// Below this the clock is behind the log and stamps go on from the log's last.
    floor: Timestamp,
}

impl Stamper {
    /// `last_received` is the greatest server time in the log.
    pub(crate) fn resume(last_received: Option<Timestamp>, Node(node): Node) -> Self {
        let floor = last_received.map_or(Timestamp::MIN, |last| last.plus(1));
        Self { node, last: Timestamp::MIN, counter: 0, backward_steps: 0, heard: Timestamp::MIN, floor }
    }

    /// Whether `now` can be right. Until it can, device times are believed as they are and nothing may expire.
    pub(crate) fn trusts(&self, now: Timestamp) -> bool {
        now.millis() >= BUILT_AFTER_MS && now.plus(BEHIND_MAX_MS) >= self.floor
    }

    /// The stamp of the next message.
    pub(crate) fn stamp(&mut self, now: Timestamp) -> ReadingKey {
        if now < self.heard {
            self.backward_steps = self.backward_steps.wrapping_add(1);
            self.counter = 0;
            self.last = Timestamp::MIN;
        }
        self.heard = now;
        let mut time = now.max(self.floor).max(self.last);
        if time > self.last {
            self.counter = 0;
        } else if self.counter == u16::MAX {
            time = time.plus(1);
            self.counter = 0;
        }
        self.last = time;
        self.counter += 1;
        ReadingKey { time, n: self.n() }
    }

    /// What the clock read at the last stamp.
    pub(crate) fn clock_reading(&self) -> Option<Timestamp> {
        (self.heard > Timestamp::MIN).then_some(self.heard)
    }

    /// Another `n` for the same moment: a message with several undated readings of one series.
    pub(crate) fn another(&mut self) -> ReadingKey {
        let now = self.heard;
        self.stamp(now)
    }

    fn n(&self) -> u32 {
        (u32::from(self.backward_steps) << 24) | (u32::from(self.node) << 16) | u32::from(self.counter)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::saturating(1_800_000_000_000 + ms)
    }

    #[test]
    fn no_two_stamps_are_equal_whatever_the_clock_does() {
        let mut stamper = Stamper::resume(None, Node(0));
        let mut seen = HashSet::new();
        for wall in [0, 0, 0, 5, 3, 3, 5, 6, 2, 5, 5] {
            for _ in 0..3 {
                assert!(seen.insert(stamper.stamp(at(wall))), "{wall}");
            }
        }
    }

    #[test]
    fn two_nodes_never_give_one_stamp() {
        let mut seen = HashSet::new();
        for node in [0, 1, 2, 255] {
            let mut stamper = Stamper::resume(None, Node(node));
            for wall in [0, 0, 5, 3, 3, 5] {
                let stamp = stamper.stamp(at(wall));
                assert!(stamp.n > 0 && seen.insert(stamp), "{node} {wall}");
            }
        }
    }

    #[test]
    fn a_backward_step_is_followed() {
        let mut stamper = Stamper::resume(None, Node(0));
        stamper.stamp(at(10_000));
        assert_eq!(stamper.stamp(at(0)).time, at(0));
    }

    #[test]
    fn after_a_restart_stamps_go_on_behind_the_log() {
        let mut stamper = Stamper::resume(Some(at(0)), Node(0));
        let stamp = stamper.stamp(at(-3_600_000));
        assert_eq!(stamp.time, at(1));
        assert!(!stamper.trusts(at(-3_600_000)));
        assert!(stamper.trusts(at(10)));
    }

    #[test]
    fn a_full_millisecond_moves_on_instead_of_repeating() {
        let mut stamper = Stamper::resume(None, Node(0));
        let mut last = stamper.stamp(at(0));
        for _ in 0..70_000 {
            let next = stamper.stamp(at(0));
            assert!(next > last);
            last = next;
        }
    }
}
