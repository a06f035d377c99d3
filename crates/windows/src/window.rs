//! What a window knows, and how two that follow each other become one.

use model::{Kind, Reading};

use crate::aspect::{Aspect, step};

/// What a window knows of its readings. Empty while `count` is 0; then the other fields mean nothing.
///
/// Two windows are equal if their public meanings are; `carry` is part of how `sum` came about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// Readings that count.
    pub count: u64,
    /// Smallest; −0.0 is below 0.0.
    pub min: f64,
    /// Largest; 0.0 is above −0.0.
    pub max: f64,
    /// Sum, for the mean: the double nearest to all that was added, `carry` included.
    pub sum: f64,
    /// What `sum` rounds off, so that what is added later does not lose it. 0 where it is not known.
    pub carry: f64,
    /// Value of the first by key.
    pub first: f64,
    /// Value of the last by key.
    pub last: f64,
    /// What only angles and totals have.
    pub aspect: Aspect,
}

impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        let meaning = |window: &Self| (window.min, window.max, window.sum, window.first, window.last, window.aspect);
        self.count == other.count && (self.count == 0 || meaning(self) == meaning(other))
    }
}

impl Window {
    /// A window of one reading of a series of `kind`.
    #[must_use]
    pub fn one(kind: Kind, number: f64) -> Self {
        let aspect = Aspect::one(kind, number);
        Self { count: 1, min: number, max: number, sum: number, carry: 0.0, first: number, last: number, aspect }
    }

    /// Adds one number, no NaN, that comes after all added before, in order of key.
    pub fn push(&mut self, kind: Kind, number: f64) {
        self.merge(&Self::one(kind, number));
    }

    /// Adds a reading that comes after all added before, if it counts.
    pub fn push_reading(&mut self, kind: Kind, reading: &Reading) {
        if let Some(number) = reading.charted() {
            self.push(kind, number);
        }
    }

    /// Adds a window of the same kind whose readings all come after this one's. An empty one changes nothing.
    pub fn merge(&mut self, later: &Self) {
        if later.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *later;
            return;
        }
        self.count += later.count;
        // The total order decides between −0.0 and 0.0, so that the answer does not depend on the grouping.
        if later.min.total_cmp(&self.min).is_lt() {
            self.min = later.min;
        }
        if later.max.total_cmp(&self.max).is_gt() {
            self.max = later.max;
        }
        (self.sum, self.carry) = add(self.sum, self.carry, later.sum, later.carry);
        self.aspect.merge(self.last, later.first, &later.aspect);
        self.last = later.last;
    }

    /// The mean, none when empty. Of angles the circular mean in degrees, 0 to below 360, none where they point nowhere
    /// together: see [`Aspect::direction`].
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "2^53 readings are out of reach")]
    pub fn mean(&self) -> Option<f64> {
        match self.aspect {
            Aspect::Angle { .. } => self.aspect.direction(self.count),
            Aspect::Plain | Aspect::Total { .. } | Aspect::TotalIncreasing { .. } => {
                (self.count > 0).then(|| self.sum / self.count as f64)
            }
        }
    }

    /// By how much a total rose in this window, given `before`, the last number that counts before it: the step from there
    /// to its first reading belongs to this window. None when empty or no total.
    ///
    /// The increases of windows that follow each other, each with what was before it, add up to the increase of all.
    #[must_use]
    pub fn increase(&self, kind: Kind, before: Option<f64>) -> Option<f64> {
        let (Aspect::Total { increase, carry } | Aspect::TotalIncreasing { increase, carry }) = self.aspect else {
            return None;
        };
        if self.count == 0 {
            return None;
        }
        let into = before.map_or(0.0, |before| step(kind, before, self.first));
        Some(add(increase, carry, into, 0.0).0)
    }
}

/// The increase of each of `windows` in order, empty ones passed over; `before` as for [`Window::increase`] of the first.
#[must_use]
pub fn increases(kind: Kind, windows: &[Window], mut before: Option<f64>) -> Vec<Option<f64>> {
    let one = |window: &Window| {
        let increase = window.increase(kind, before);
        if window.count > 0 {
            before = Some(window.last);
        }
        increase
    };
    windows.iter().map(one).collect()
}

/// The sum of two numbers and exactly what it rounds off (Knuth, TAOCP 2, 4.2.2, theorem B). Finite numbers only.
#[inline]
pub(crate) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// Adds two sums with their carries. With infinities there is nothing to carry.
pub(crate) fn add(a: f64, a_carry: f64, b: f64, b_carry: f64) -> (f64, f64) {
    let (sum, lost) = two_sum(a, b);
    let (nearest, carry) = two_sum(sum, lost + (a_carry + b_carry));
    if nearest.is_finite() && carry.is_finite() { (nearest, carry) } else { (sum, 0.0) }
}
