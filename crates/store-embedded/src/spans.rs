//! Sets of milliseconds as sorted ranges that neither touch nor overlap.

/// Ranges, start inside, end outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans(Vec<(i64, i64)>);

impl FromIterator<(i64, i64)> for Spans {
    /// Everything that is in any of `ranges`; an inverted one is empty.
    fn from_iter<I: IntoIterator<Item = (i64, i64)>>(ranges: I) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().filter(|(from, to)| from < to).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                Some(_) | None => merged.push((from, to)),
            }
        }
        Self(merged)
    }
}

impl Spans {
    pub(crate) fn contains(&self, time: i64) -> bool {
        let at = self.0.partition_point(|(_, to)| *to <= time);
        self.0.get(at).is_some_and(|(from, _)| *from <= time)
    }

    /// The parts of the ranges that lie in `from..to`, in order.
    pub(crate) fn within(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, i64)> {
        let start = self.0.partition_point(|range| range.1 <= from);
        let near = self.0.get(start..).unwrap_or_default().iter().take_while(move |range| range.0 < to);
        near.map(move |range| (range.0.max(from), range.1.min(to)))
    }

    /// What is in `from..to` and not in here, in order.
    pub(crate) fn outside(&self, from: i64, to: i64) -> Vec<(i64, i64)> {
        let mut left = Vec::new();
        let mut next = from;
        for (start, end) in self.within(from, to) {
            left.push((next, start));
            next = end;
        }
        left.push((next, to));
        left.retain(|(from, to)| from < to);
        left
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_a_set_of_milliseconds(
            ranges in prop::collection::vec((0_i64..60, -3_i64..20), 0..20),
            from in 0_i64..80,
            length in 0_i64..40,
        ) {
            let spans: Spans = ranges.iter().map(|(from, length)| (*from, from + length)).collect();
            let expected = |time: i64| ranges.iter().any(|(from, length)| (*from..from + length).contains(&time));
            for time in 0..100 {
                prop_assert_eq!(spans.contains(time), expected(time));
                let asked = (from..from + length).contains(&time);
                let inside = |parts: &[(i64, i64)]| parts.iter().any(|(from, to)| (*from..*to).contains(&time));
                let within: Vec<_> = spans.within(from, from + length).collect();
                prop_assert_eq!(inside(&within), asked && expected(time));
                prop_assert_eq!(inside(&spans.outside(from, from + length)), asked && !expected(time));
            }
            prop_assert!(spans.0.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }
}
