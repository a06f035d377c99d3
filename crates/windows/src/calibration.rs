//! Calibration: what a device should have sent, made of what it sent, at the moment of reading.
//!
//! A [`Line`] is `raw · scale + offset`; [`Calibrations`] say from when on which line holds. Before the first, and where there
//! is none, values stay as they are, bit for bit. Angles come round at 360; a total has a scale and no offset, so that its
//! steps are scaled and a meter that begins again still begins at 0. The step from one reading of a total to the next belongs
//! to the later one: a change of calibration is no consumption.
//!
//! A window inside one period is the stored one moved along the line ([`Line::window`]); one that holds a change, or angles
//! on a line, has to be made of its readings ([`Calibrated::push`]). Both ways give the same window: a line keeps the order
//! of numbers or turns it round, also after rounding. Where charts count booleans as 1 and 0, they calibrate them as such;
//! [`Calibrations::reading`] leaves them alone, as it does texts and bad readings.

use model::{Kind, Reading, Timestamp, Value};

use crate::window::{add, two_sum};
use crate::{Aspect, Window};

/// `raw · scale + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Finite and not 0.
    pub scale: f64,
    /// Finite, in the unit of the series.
    pub offset: f64,
}

impl Line {
    /// Values as the device sent them.
    pub const NONE: Self = Self { scale: 1.0, offset: 0.0 };

    /// The line through two pairs of raw and true values; none where both raw values are one, or it is not finite or flat.
    #[must_use]
    pub fn through(one: [f64; 2], other: [f64; 2]) -> Option<Self> {
        let scale = (other[1] - one[1]) / (other[0] - one[0]);
        let offset = one[1] - one[0] * scale;
        (scale.is_finite() && scale != 0.0 && offset.is_finite()).then_some(Self { scale, offset })
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// A raw number of a series of `kind`, calibrated. States and texts stay.
    #[must_use]
    pub fn number(self, kind: Kind, raw: f64) -> f64 {
        if self.is_none() {
            return raw;
        }
        // Adding +0.0 makes one zero of both, so that a line cannot turn their order round.
        let on_line = raw * self.scale + (self.offset + 0.0);
        match kind {
            Kind::Measurement => on_line,
            Kind::Angle => match on_line.rem_euclid(360.0) {
                degrees if degrees >= 360.0 => 0.0,
                degrees => degrees,
            },
            Kind::Total | Kind::TotalIncreasing => raw * self.scale + 0.0,
            Kind::State | Kind::Text => raw,
        }
    }

    /// A raw window whose readings are all on this line, calibrated. None for angles on a line: where they come round only
    /// the readings tell.
    #[must_use]
    pub fn window(self, kind: Kind, raw: &Window) -> Option<Window> {
        if self.is_none() || raw.count == 0 {
            return Some(*raw);
        }
        let offset = match kind {
            Kind::State | Kind::Text => return Some(*raw),
            Kind::Angle => return (raw.count == 1).then(|| Window::one(kind, self.number(kind, raw.first))),
            Kind::Measurement => self.offset,
            Kind::Total | Kind::TotalIncreasing => 0.0,
        };
        let number = |raw: f64| self.number(kind, raw);
        let (a, b) = (number(raw.min), number(raw.max));
        let (min, max) = if self.scale > 0.0 { (a, b) } else { (b, a) };
        let (sum, carry) = scaled(raw.sum, raw.carry, self.scale);
        let (moved, moved_carry) = scaled(of_count(raw.count), 0.0, offset);
        let (sum, carry) = add(sum, carry, moved, moved_carry);
        let aspect = match raw.aspect {
            Aspect::Total { increase, carry } => {
                let (increase, carry) = scaled(increase, carry, self.scale);
                Aspect::Total { increase, carry }
            }
            Aspect::TotalIncreasing { increase, carry } => {
                let (increase, carry) = scaled(increase, carry, self.scale);
                Aspect::TotalIncreasing { increase, carry }
            }
            Aspect::Plain | Aspect::Angle { .. } => Aspect::Plain,
        };
        let (first, last) = (number(raw.first), number(raw.last));
        Some(Window { count: raw.count, min, max, sum, carry, first, last, aspect })
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 readings are out of reach")]
fn of_count(count: u64) -> f64 {
    count as f64
}

/// A sum and its carry times `scale`, with what the product rounds off.
fn scaled(sum: f64, carry: f64, scale: f64) -> (f64, f64) {
    let product = sum * scale;
    let lost = sum.mul_add(scale, -product);
    let (nearest, carry) = two_sum(product, lost + carry * scale);
    if nearest.is_finite() && carry.is_finite() { (nearest, carry) } else { (product, 0.0) }
}

/// Which line holds from when on, of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibrations(Vec<(Timestamp, Line)>);

impl FromIterator<(Timestamp, Line)> for Calibrations {
    /// In any order; of two from one time the later in the order given holds.
    fn from_iter<I: IntoIterator<Item = (Timestamp, Line)>>(lines: I) -> Self {
        let mut lines: Vec<(Timestamp, Line)> = lines.into_iter().collect();
        lines.sort_by_key(|(from, _)| *from);
        Self(lines)
    }
}

impl Calibrations {
    /// Whether they change nothing at any time.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.iter().all(|(_, line)| line.is_none())
    }

    /// The line that holds at a time.
    #[must_use]
    pub fn at(&self, time: Timestamp) -> Line {
        let begun = self.0.partition_point(|(from, _)| *from <= time);
        begun.checked_sub(1).and_then(|last| self.0.get(last)).map_or(Line::NONE, |(_, line)| *line)
    }

    /// The one line that holds in all of `[from_ms, to_ms)`; none where it changes inside.
    #[must_use]
    pub fn through(&self, from_ms: i64, to_ms: i64) -> Option<Line> {
        let line = self.at(Timestamp::saturating(from_ms));
        let mut inside = self.0.iter().filter(|(from, _)| from.millis() > from_ms && from.millis() < to_ms);
        inside.all(|(_, other)| *other == line).then_some(line)
    }

    /// Calibrates a reading in place: numbers that charts take. Texts, booleans and bad readings stay.
    pub fn reading(&self, kind: Kind, reading: &mut Reading) {
        if let (Value::Number(raw), true) = (&reading.value, reading.charted().is_some()) {
            reading.value = Value::Number(self.at(reading.key.time).number(kind, *raw));
        }
    }
}

/// A calibrated window, with what the step into the next one needs of the raw one.
#[derive(Clone, Copy, Debug)]
pub struct Calibrated {
    /// Calibrated.
    pub window: Window,
    /// The line of its first reading.
    first: Line,
    /// Its last reading, as it was sent.
    raw_last: f64,
}

impl Default for Calibrated {
    fn default() -> Self {
        Self { window: Window::default(), first: Line::NONE, raw_last: 0.0 }
    }
}

impl Calibrated {
    /// Of a stored raw window of `[from_ms, to_ms)`; none where only its readings tell.
    #[must_use]
    pub fn of_stored(
        kind: Kind,
        calibrations: &Calibrations,
        (from_ms, to_ms): (i64, i64),
        raw: &Window,
    ) -> Option<Self> {
        if raw.count == 0 {
            return Some(Self::default());
        }
        let line = calibrations.through(from_ms, to_ms)?;
        Some(Self { window: line.window(kind, raw)?, first: line, raw_last: raw.last })
    }

    /// Adds a raw reading, if it counts, that comes after all added before.
    pub fn push(&mut self, kind: Kind, calibrations: &Calibrations, reading: &Reading) {
        let Some(raw) = reading.charted() else { return };
        let line = calibrations.at(reading.key.time);
        if self.window.count == 0 {
            self.first = line;
        } else {
            // The step to this reading is one of raw numbers, on the line of this one.
            self.window.last = line.number(kind, self.raw_last);
        }
        self.window.push(kind, line.number(kind, raw));
        self.raw_last = raw;
    }
}

/// The increase of each window in order, empty ones passed over; `before` is the last raw number that counts before the
/// first, as for [`crate::increases`].
#[must_use]
pub fn calibrated_increases(kind: Kind, windows: &[Calibrated], mut before: Option<f64>) -> Vec<Option<f64>> {
    let one = |of: &Calibrated| {
        let increase = of.window.increase(kind, before.map(|raw| of.first.number(kind, raw)));
        if of.window.count > 0 {
            before = Some(of.raw_last);
        }
        increase
    };
    windows.iter().map(one).collect()
}
