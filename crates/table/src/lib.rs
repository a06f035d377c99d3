//! Tables that people bring: the bytes of a CSV file become rows, and rows become readings, or a sentence that says why not.
//!
//! Pure: no I/O, no clock. A table is read as it comes, a row at a time, so that its size does not matter. What is not known of
//! a file is guessed from its beginning; a person decides.

#![warn(missing_docs)]

mod clock_time;
mod columns;
mod guess;
mod mapping;
mod number;
mod reader;
mod rows;

pub use guess::{ColumnGuess, Guess, Guessed, guess};
pub use mapping::{DeviceColumn, FieldColumn, LongColumns, Mapping, MappingError, TimeColumn, TimeForm};
pub use reader::{Read, Reader, Refused};
pub use rows::{CELLS_MAX, Fault, ROW_BYTES_MAX, Row, Rows};
