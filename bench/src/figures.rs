//! Medians and percentiles, and how they are written.

use std::time::Duration;

/// Numbers that were measured, in ascending order; never empty.
pub struct Figures(Vec<f64>);

impl Figures {
    /// What is no number is left out; of nothing the only figure is 0.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut numbers: Vec<f64> = numbers.into_iter().filter(|number| number.is_finite()).collect();
        if numbers.is_empty() {
            numbers.push(0.0);
        }
        numbers.sort_by(f64::total_cmp);
        Self(numbers)
    }

    /// In milliseconds.
    pub fn of_times<'a>(times: impl IntoIterator<Item = &'a Duration>) -> Self {
        Self::of(times.into_iter().map(|time| time.as_secs_f64() * 1000.0))
    }

    /// The number below which `percent` of all lie.
    pub fn at(&self, percent: usize) -> f64 {
        let index = (self.0.len() * percent / 100).min(self.0.len() - 1);
        self.0[index]
    }

    pub fn median(&self) -> f64 {
        self.at(50)
    }

    pub fn least(&self) -> f64 {
        self.at(0)
    }

    pub fn most(&self) -> f64 {
        self.at(100)
    }

    /// `1.25 (0.98–2.04)`: median, least and most.
    pub fn spread(&self) -> String {
        format!("{:.2} ({:.2}–{:.2})", self.median(), self.least(), self.most())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_nothing_is_zero() {
        let figures = Figures::of([3.0, 1.0, f64::NAN, 2.0]);
        assert_eq!((figures.least(), figures.median(), figures.most()), (1.0, 2.0, 3.0));
        assert_eq!(figures.spread(), "2.00 (1.00–3.00)");
        assert_eq!(Figures::of([]).median(), 0.0);
    }
}
