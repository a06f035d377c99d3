//! Windows: the aggregate of a series over an aligned interval, and the arithmetic that makes and merges them.
//!
//! [`Grid`] says which windows there are, [`Window`] what one knows of its readings, [`fold_ascending`] makes many at once.
//! Pure: no I/O, no clock, no time zones (stored windows are UTC), no choice of which readings exist.
//!
//! Invariants: bad readings, text and NaN never count, booleans count as 1 and 0. Count, min, max, first and last do not
//! depend on how readings were grouped before they were merged; sums are compensated and right to 1e-12 relative. What
//! the page has to compute the same way is in `vectors.json` beside this crate.

#![warn(missing_docs)]

mod fold;
mod grid;
mod window;

pub use fold::fold_ascending;
pub use grid::{Grid, WINDOWS_MAX};
pub use window::Window;
