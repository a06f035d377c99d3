//! What angles and totals need beside the figures of every window.
//!
//! **Angles** are degrees of a circle; their mean is the direction of the sum of their unit vectors (Mardia & Jupp,
//! *Directional Statistics*, 2.2.1), so that 350° and 10° make 0° and not 180°. The sums are kept as whole numbers, in
//! units of 2⁻³⁶: no order and no grouping changes them by a bit.
//!
//! **Totals** are meter readings; what one asks is their increase: the sum of the steps from each reading to the next.
//! A rise counts as it is. A fall of a *total* counts nothing: energy that was given back and a reset look the same, and
//! neither is an increase. A fall of a *total_increasing* below nine tenths of what was there is a reset, behind which the
//! meter began at 0, so the new value counts; a smaller one is a dip of rounding and counts with its sign, or the way back
//! up would count twice. These are the rules of Home Assistant's long-term statistics (`reset_detected` of its recorder);
//! Prometheus' `increase` has the first without the tolerance, and extrapolates, which this does not: nothing is invented.

use model::Kind;

use crate::window::add;

/// One, as a sine or cosine is kept. 2^63 / 2^36 readings of one window fit, which is 134 million.
const ONE: f64 = 68_719_476_736.0;
/// Vectors whose mean is shorter than this point nowhere: opposite winds have no mean direction.
const LENGTH_MIN: f64 = 1e-6;
/// A fall to this share of what was there, or above, is a dip and no reset.
const DIP: f64 = 0.9;

/// What a window of an angle or a total knows beside the rest. An empty window has none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Aspect {
    /// Nothing: a measurement, a state, a text.
    #[default]
    Plain,
    /// Of an angle: sums of sines and cosines, in units of 2⁻³⁶.
    Angle {
        /// Of the sines: the part that points to 90°.
        sin: i64,
        /// Of the cosines: the part that points to 0°.
        cos: i64,
    },
    /// Of a total: the sum of the steps inside the window and what it rounds off.
    Total {
        /// The sum, never below 0.
        increase: f64,
        /// What it rounds off.
        carry: f64,
    },
    /// Of a counter, the same by its own rule of falls.
    TotalIncreasing {
        /// The sum.
        increase: f64,
        /// What it rounds off.
        carry: f64,
    },
}

impl Aspect {
    /// Of a single reading: a direction, or no step yet.
    #[must_use]
    pub fn one(kind: Kind, number: f64) -> Self {
        match kind {
            Kind::Angle => {
                let radians = number.rem_euclid(360.0).to_radians();
                Self::Angle { sin: units(radians.sin()), cos: units(radians.cos()) }
            }
            Kind::Total => Self::Total { increase: 0.0, carry: 0.0 },
            Kind::TotalIncreasing => Self::TotalIncreasing { increase: 0.0, carry: 0.0 },
            Kind::Measurement | Kind::State | Kind::Text => Self::Plain,
        }
    }

    /// Of several readings in order; NaN does not count.
    pub(crate) fn of(kind: Kind, numbers: &[f64]) -> Self {
        if matches!(kind, Kind::Measurement | Kind::State | Kind::Text) {
            return Self::Plain;
        }
        let mut whole = Self::Plain;
        let mut before = None;
        for number in numbers.iter().copied().filter(|number| !number.is_nan()) {
            let one = Self::one(kind, number);
            match before {
                None => whole = one,
                Some(before) => whole.merge(before, number, &one),
            }
            before = Some(number);
        }
        whole
    }

    /// Adds what comes after: `last` is the last number on this side, `first` the first on the other.
    pub(crate) fn merge(&mut self, last: f64, first: f64, later: &Self) {
        *self = match (*self, *later) {
            (Self::Angle { sin, cos }, Self::Angle { sin: more_sin, cos: more_cos }) => {
                Self::Angle { sin: sin.saturating_add(more_sin), cos: cos.saturating_add(more_cos) }
            }
            (Self::Total { increase, carry }, Self::Total { increase: more, carry: more_carry }) => {
                let across = step(Kind::Total, last, first);
                let (increase, carry) = join(increase, carry, across, more, more_carry);
                Self::Total { increase, carry }
            }
            (
                Self::TotalIncreasing { increase, carry },
                Self::TotalIncreasing { increase: more, carry: more_carry },
            ) => {
                let across = step(Kind::TotalIncreasing, last, first);
                let (increase, carry) = join(increase, carry, across, more, more_carry);
                Self::TotalIncreasing { increase, carry }
            }
            // Windows of two kinds are never merged; if they were, no aspect would be true of both.
            (_, _) => Self::Plain,
        };
    }

    /// The direction of `count` angles together, in degrees from 0 to below 360; none without one: no reading, or vectors
    /// that cancel out.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean to 2^-53 is precise enough")]
    pub fn direction(&self, count: u64) -> Option<f64> {
        let Self::Angle { sin, cos } = self else { return None };
        let (sin, cos) = (*sin as f64 / ONE, *cos as f64 / ONE);
        if count == 0 || sin.hypot(cos) < LENGTH_MIN * count as f64 {
            return None;
        }
        let degrees = sin.atan2(cos).to_degrees().rem_euclid(360.0);
        // 1e-12 below 0 is not 360.
        Some(if degrees >= 360.0 { 0.0 } else { degrees })
    }
}

/// A sine or cosine in units of 2⁻³⁶; 0 of an infinite angle, which points nowhere.
#[expect(clippy::cast_possible_truncation, reason = "at most 2^36; NaN becomes 0")]
fn units(part: f64) -> i64 {
    (part * ONE).round() as i64
}

/// The step of a total from one reading to the next; see the module. 0 of any other kind.
pub(crate) fn step(kind: Kind, before: f64, after: f64) -> f64 {
    match kind {
        Kind::Total | Kind::TotalIncreasing if after > before => after - before,
        Kind::TotalIncreasing if after < before * DIP => after.max(0.0),
        Kind::TotalIncreasing if after < before => after - before,
        Kind::Measurement | Kind::Angle | Kind::State | Kind::Text | Kind::Total | Kind::TotalIncreasing => 0.0,
    }
}

fn join(increase: f64, carry: f64, across: f64, more: f64, more_carry: f64) -> (f64, f64) {
    let (increase, carry) = add(increase, carry, across, 0.0);
    add(increase, carry, more, more_carry)
}
