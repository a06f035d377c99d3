//! Frames: readings of the series that arrive together, compressed into one checksummed block of bytes.
//!
//! A frame has one list of keys (time, n) and for each series a column with at most one cell for each key. [`encode`]
//! makes the bytes and proves that they decode to what went in; [`open`] checks bytes that come from a disk, and the
//! [`Opened`] frame decodes only the columns that are asked for. `FORMAT.md` beside this crate describes every byte.
//!
//! It is not a file, a database row or a cache: no I/O, no clock, no names (a frame carries series ids). It knows nothing
//! of windows; [`Charted`] is what they are folded from.
//!
//! Invariants:
//! * Lossless: every value comes back with its type and bits (all NaN being one class), its judgement, time source and
//!   claimed time.
//! * Bytes from a disk never panic, never allocate more than the named limits allow, and a changed bit or a missing byte
//!   is a [`Damage`], never another value.
//! * A format that was released stays readable; the first byte names it.

#![warn(missing_docs)]

mod bits;
mod column;
mod cursor;
mod encode;
mod numbers;
mod open;
mod packed;
mod sequence;
mod symbols;
mod texts;
mod times;
mod types;

pub use encode::{EncodeError, Encoded, encode};
pub use open::{Charted, Damage, Opened, open};
pub use sequence::{pack_integers, pack_numbers, unpack_integers, unpack_numbers};
pub use types::{Cell, Column, Frame, Summary};

/// The format that [`encode`] writes.
pub const FRAME_FORMAT: u8 = 1;

/// Most keys of one frame. Beyond it `encode` refuses, and `open` calls it damage before it allocates.
///
/// 65,536 messages of a two-metric sensor are some 34 kB at 0.1 resolution, where a row of the database costs 2 % more.
pub const FRAME_ROWS_MAX: usize = 65_536;

/// Most series of one frame. Beyond it `encode` refuses, and `open` calls it damage before it allocates.
pub const FRAME_SERIES_MAX: usize = 4_096;

/// Most cells, keys times series, of one frame. Beyond it `encode` refuses, and `open` calls it damage.
pub const FRAME_CELLS_MAX: usize = 1 << 20;

/// Most bytes of one frame. Beyond it `encode` refuses (make two frames of it), and `open` calls it damage.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// What a full frame should be near: small frames cost space in the container, large ones cost time for a short range.
pub const FRAME_BYTES_AIM: usize = 32 << 10;
