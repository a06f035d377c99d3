//! Making a frame, and proving that it decodes to what went in.

use std::collections::HashSet;

use model::SeriesId;

use crate::column::{put_column, take_cells};
use crate::cursor::{Cursor, put_count, put_section, put_varint};
use crate::open::{CHECKSUM_BYTES, HEAD_BYTES};
use crate::times::{put_ns, put_span, put_times};
use crate::{
    Column, Damage, FRAME_BYTES_MAX, FRAME_CELLS_MAX, FRAME_FORMAT, FRAME_ROWS_MAX, FRAME_SERIES_MAX, Frame, Summary,
    open,
};

/// A frame as bytes, and what is known of each of its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// What [`crate::open`] takes.
    pub blob: Vec<u8>,
    /// The last four bytes of the blob: its CRC32C.
    pub checksum: u32,
    /// One for each column, in their order.
    pub summaries: Vec<Summary>,
}

/// Readings that are no frame, or a frame that would not be what it should.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// No key or no column.
    #[error("a frame needs a key and a column")]
    Empty,
    /// More than [`FRAME_ROWS_MAX`] keys, [`FRAME_SERIES_MAX`] columns or [`FRAME_CELLS_MAX`] cells. Make two frames.
    #[error("{rows} keys of {series} series are more than a frame may hold")]
    TooMany {
        /// Keys.
        rows: usize,
        /// Columns.
        series: usize,
    },
    /// More than [`FRAME_BYTES_MAX`] bytes: long texts. Make two frames.
    #[error("a frame of {0} bytes is larger than {FRAME_BYTES_MAX}")]
    TooLarge(usize),
    /// A key is not behind the one before it.
    #[error("key {row} of a frame is not behind the one before it")]
    Order {
        /// Its position.
        row: usize,
    },
    /// A column has not one cell for each key.
    #[error("series {} has {cells} cells for {rows} keys", series.0)]
    Cells {
        /// Whose column.
        series: SeriesId,
        /// What it has.
        cells: usize,
        /// What it should have.
        rows: usize,
    },
    /// A series has two columns.
    #[error("series {} has two columns", .0.0)]
    Twice(SeriesId),
    /// The packer refused.
    #[error("numbers could not be packed")]
    Pack(#[from] pco::errors::PcoError),
    /// The bytes do not open again. A fault of this crate or of the machine; keep the readings where they are.
    #[error("a new frame does not open again")]
    Unreadable(#[from] Damage),
    /// The bytes decode to something else. A fault of this crate or of the machine; keep the readings where they are.
    #[error("a new frame decodes to something else than was put in")]
    Lossy,
}

/// Makes the bytes of `frame`, decodes them and compares.
///
/// # Errors
/// A frame that breaks the rules of [`Frame`] or a named limit; or bytes that do not decode to `frame`.
pub fn encode(frame: &Frame) -> Result<Encoded, EncodeError> {
    check(frame)?;
    let blob = write(frame)?;
    if blob.len() > FRAME_BYTES_MAX {
        return Err(EncodeError::TooLarge(blob.len()));
    }
    let checksum = prove(frame, &blob)?;
    let summaries = frame.columns.iter().map(|column| Summary::of(&frame.keys, column)).collect();
    Ok(Encoded { blob, checksum, summaries })
}

fn check(frame: &Frame) -> Result<(), EncodeError> {
    let (rows, series) = (frame.keys.len(), frame.columns.len());
    if rows == 0 || series == 0 {
        return Err(EncodeError::Empty);
    }
    if rows > FRAME_ROWS_MAX || series > FRAME_SERIES_MAX || rows.saturating_mul(series) > FRAME_CELLS_MAX {
        return Err(EncodeError::TooMany { rows, series });
    }
    if let Some(row) = frame.keys.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(EncodeError::Order { row: row + 1 });
    }
    let mut seen = HashSet::with_capacity(series);
    for column in &frame.columns {
        let cells = column.cells.len();
        if cells != rows {
            return Err(EncodeError::Cells { series: column.series, cells, rows });
        }
        if !seen.insert(column.series) {
            return Err(EncodeError::Twice(column.series));
        }
    }
    Ok(())
}

fn write(frame: &Frame) -> Result<Vec<u8>, EncodeError> {
    let mut blob = vec![FRAME_FORMAT, 0, 0, 0, 0];
    put_count(&mut blob, frame.keys.len());
    put_count(&mut blob, frame.columns.len());
    if let (Some(first), Some(last)) = (frame.keys.first(), frame.keys.last()) {
        put_span(&mut blob, first.time, last.time);
    }
    let mut section = Vec::new();
    let times: Vec<i64> = frame.keys.iter().map(|key| key.time.millis()).collect();
    put_times(&mut section, &times)?;
    put_section(&mut blob, &section);
    section.clear();
    put_ns(&mut section, &frame.keys)?;
    put_section(&mut blob, &section);
    for column in &frame.columns {
        section.clear();
        put_column(&mut section, &frame.keys, &column.cells)?;
        put_varint(&mut blob, u64::from(column.series.0));
        put_section(&mut blob, &section);
    }
    let length = u32::try_from(blob.len() + CHECKSUM_BYTES).map_err(|_| EncodeError::TooLarge(blob.len()))?;
    if let Some(place) = blob.get_mut(1..HEAD_BYTES) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    let checksum = crc32c::crc32c(&blob);
    blob.extend_from_slice(&checksum.to_le_bytes());
    Ok(blob)
}

/// Decodes what was just written, compares all of it, and answers the checksum.
fn prove(frame: &Frame, blob: &[u8]) -> Result<u32, EncodeError> {
    let opened = open(blob)?;
    if opened.keys()? != frame.keys || opened.columns().count() != frame.columns.len() {
        return Err(EncodeError::Lossy);
    }
    for (column, (series, bytes)) in frame.columns.iter().zip(opened.columns()) {
        let Column { series: expected, cells } = column;
        if *expected != series || take_cells(Cursor::new(bytes), &frame.keys)? != *cells {
            return Err(EncodeError::Lossy);
        }
    }
    Ok(opened.checksum())
}
