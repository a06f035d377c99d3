//! Windows: the aggregate of a series over an interval, and the arithmetic that makes and merges them.
//!
//! [`Grid`] says which windows there are, of one length or local days, weeks and months of a [`Zone`]; [`Window`] what one
//! knows of its readings, [`Aspect`] what angles and totals have beside; [`fold_ascending`] makes many at once.
//! Pure: no I/O, no clock, no choice of which readings exist; time zone rules are built in.
//!
//! Invariants: bad readings, text and NaN never count, booleans count as 1 and 0. Count, min, max, first, last and the sums
//! of an angle do not depend on how readings were grouped before they were merged; sums and increases are compensated and
//! right to 1e-12 relative. What the page has to compute the same way is in `vectors.json` beside this crate.

#![warn(missing_docs)]

mod aspect;
mod calendar;
mod calibration;
mod fold;
mod grid;
mod window;
mod zone;

pub use aspect::Aspect;
pub use calendar::CalendarStep;
pub use calibration::{Calibrated, Calibrations, Line, calibrated_increases};
pub use fold::fold_ascending;
pub use grid::{Grid, WINDOWS_MAX};
pub use window::{Window, increases};
pub use zone::{UnknownZone, Zone};
