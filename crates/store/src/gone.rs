//! Which times of a series are not answered: what somebody hid, and everything before the retention floor.

use model::{TimeRange, Timestamp};

/// Most separate hidden ranges of one series. A further one is refused with `too_many_hidden`; ranges that touch are one.
pub const HIDDEN_RANGES_MAX: usize = 1_000;

/// Sorted ranges that neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gone(Vec<TimeRange>);

impl Gone {
    /// Whether nothing is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges in order.
    #[must_use]
    pub fn ranges(&self) -> &[TimeRange] {
        &self.0
    }

    /// Whether a reading of this time is left out.
    #[must_use]
    pub fn contains(&self, time: Timestamp) -> bool {
        let at = self.0.partition_point(|range| range.to <= time);
        self.0.get(at).is_some_and(|range| range.from <= time)
    }

    /// Whether any time from `first` to `last`, both included, is left out.
    #[must_use]
    pub fn touches(&self, first: Timestamp, last: Timestamp) -> bool {
        let at = self.0.partition_point(|range| range.to <= first);
        self.0.get(at).is_some_and(|range| range.from <= last)
    }

    /// Leaves `range` out from now on.
    pub fn add(&mut self, range: TimeRange) {
        if range.is_empty() {
            return;
        }
        let first = self.0.partition_point(|other| other.to < range.from);
        let end = self.0.partition_point(|other| other.from <= range.to);
        let mut whole = range;
        for other in self.0.drain(first..end.max(first)) {
            whole = TimeRange { from: whole.from.min(other.from), to: whole.to.max(other.to) };
        }
        self.0.insert(first, whole);
    }

    /// Leaves `range` out no longer.
    pub fn remove(&mut self, range: TimeRange) {
        if range.is_empty() {
            return;
        }
        let cut = |other: TimeRange| {
            let before = TimeRange { from: other.from, to: other.to.min(range.from) };
            let behind = TimeRange { from: other.from.max(range.to), to: other.to };
            [before, behind].into_iter().filter(|part| !part.is_empty())
        };
        self.0 = std::mem::take(&mut self.0).into_iter().flat_map(cut).collect();
    }

    /// Also leaves out what `other` does.
    pub fn extend(&mut self, other: &Self) {
        other.0.iter().for_each(|range| self.add(*range));
    }
}

impl From<Vec<TimeRange>> for Gone {
    fn from(ranges: Vec<TimeRange>) -> Self {
        let mut gone = Self::default();
        ranges.into_iter().for_each(|range| gone.add(range));
        gone
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn adding_and_removing_equals_a_set_of_milliseconds(
            steps in prop::collection::vec((prop::bool::ANY, 0_i64..60, 0_i64..20), 0..40),
        ) {
            let mut gone = Gone::default();
            let mut expected = [false; 100];
            for (add, from, length) in steps {
                let range = TimeRange { from: Timestamp::saturating(from), to: Timestamp::saturating(from + length) };
                if add { gone.add(range) } else { gone.remove(range) }
                for place in &mut expected[usize::try_from(from).unwrap()..usize::try_from(from + length).unwrap()] {
                    *place = add;
                }
            }
            for (at, expected) in (0..).zip(expected) {
                prop_assert_eq!(gone.contains(Timestamp::saturating(at)), expected, "{:?}", gone);
            }
            prop_assert!(gone.ranges().windows(2).all(|pair| pair[0].to < pair[1].from));
        }
    }
}
