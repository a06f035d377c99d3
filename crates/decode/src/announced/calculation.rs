//! What an announcement says is to be made of a number before it is a value.

use serde::{Deserialize, Serialize};

/// What a template makes of a number: `scale * number + offset`, rounded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calculation {
    /// What it is multiplied by.
    pub scale: f64,
    /// What is added then.
    pub offset: f64,
    /// What is cut off then.
    pub rounding: Option<Rounding>,
}

/// How a template rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// To so many digits behind the decimal point.
    Digits(u8),
    /// To the next whole number towards 0.
    Whole,
}

impl Rounding {
    pub(super) fn of(self, number: f64) -> f64 {
        match self {
            // As text, so that 0.1 is the number that is written so.
            Self::Digits(digits) => format!("{number:.*}", usize::from(digits)).parse().unwrap_or(number),
            Self::Whole => number.trunc(),
        }
    }
}

impl Default for Calculation {
    fn default() -> Self {
        Self { scale: 1.0, offset: 0.0, rounding: None }
    }
}

impl Calculation {
    /// The number stays what it is.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Rounded once more; nothing where that is not one rounding.
    pub(super) fn rounded(self, rounding: Rounding) -> Option<Self> {
        let rounding = match (self.rounding, rounding) {
            (None, rounding) => rounding,
            (Some(Rounding::Digits(first)), Rounding::Digits(then)) => Rounding::Digits(first.min(then)),
            (Some(Rounding::Whole), Rounding::Digits(_) | Rounding::Whole) => Rounding::Whole,
            (Some(Rounding::Digits(_)), Rounding::Whole) => return None,
        };
        Some(Self { rounding: Some(rounding), ..self })
    }

    /// As it is applied: a number that nothing else becomes of keeps its digits.
    pub(super) fn settled(self) -> Self {
        if (Self { rounding: None, ..self }).is_none() { Self::default() } else { self }
    }

    /// Nothing where it is no number any more.
    pub(super) fn of(&self, number: f64) -> Option<f64> {
        // Twelve digits are more than any sensor has: what a product adds behind them is noise.
        let exact = number * self.scale + self.offset;
        let exact = if self.is_none() { number } else { format!("{exact:.12e}").parse().unwrap_or(exact) };
        Some(self.rounding.map_or(exact, |rounding| rounding.of(exact))).filter(|number| number.is_finite())
    }
}
