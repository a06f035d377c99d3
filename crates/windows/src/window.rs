//! What a window knows, and how two that follow each other become one.

use model::Reading;

/// What a window knows of its readings. Empty while `count` is 0; then the other fields mean nothing.
///
/// Two windows are equal if their six public meanings are; `carry` is part of how `sum` came about.
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
}

impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        let meaning = |window: &Self| (window.min, window.max, window.sum, window.first, window.last);
        self.count == other.count && (self.count == 0 || meaning(self) == meaning(other))
    }
}

impl Window {
    /// A window of one reading.
    #[must_use]
    pub fn one(number: f64) -> Self {
        Self { count: 1, min: number, max: number, sum: number, carry: 0.0, first: number, last: number }
    }

    /// Adds one number, no NaN, that comes after all added before, in order of key.
    pub fn push(&mut self, number: f64) {
        self.merge(&Self::one(number));
    }

    /// Adds a reading that comes after all added before, if it counts.
    pub fn push_reading(&mut self, reading: &Reading) {
        if let Some(number) = reading.charted() {
            self.push(number);
        }
    }

    /// Adds a window whose readings all come after this one's. An empty one changes nothing.
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
        self.last = later.last;
    }

    /// The mean, none when empty.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "2^53 readings are out of reach")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// The sum of two numbers and exactly what it rounds off (Knuth, TAOCP 2, 4.2.2, theorem B). Finite numbers only.
#[inline]
pub(crate) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// Adds two sums with their carries. With infinities there is nothing to carry.
fn add(a: f64, a_carry: f64, b: f64, b_carry: f64) -> (f64, f64) {
    let (sum, lost) = two_sum(a, b);
    let (nearest, carry) = two_sum(sum, lost + (a_carry + b_carry));
    if nearest.is_finite() && carry.is_finite() { (nearest, carry) } else { (sum, 0.0) }
}
