//! Frames from a disk: checked as a whole when opened, decoded column by column when asked.

use model::{Reading, ReadingKey, SeriesId, TimeRange, Timestamp};

use crate::column::{take_cells, take_some_cells};
use crate::cursor::Cursor;
use crate::times::{take_keys, take_some_keys, take_span, take_times};
use crate::{Column, FRAME_BYTES_MAX, FRAME_CELLS_MAX, FRAME_FORMAT, FRAME_ROWS_MAX, FRAME_SERIES_MAX, Frame};

pub use crate::column::Charted;

/// Bytes of format and length before, and of the checksum behind, everything else.
pub(crate) const HEAD_BYTES: usize = 5;
pub(crate) const CHECKSUM_BYTES: usize = 4;

/// Bytes that are no frame, or no longer the frame that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Fewer or more bytes than the frame says it has.
    #[error("a frame of {found} bytes has not the length it should have")]
    Length {
        /// Bytes that are there.
        found: usize,
    },
    /// The bytes do not match their checksum.
    #[error("a frame does not match its checksum")]
    Checksum,
    /// Intact, but written by a newer version.
    #[error("a frame has format {0}, which this version cannot read")]
    Format(u8),
    /// The checksum holds and the content is still not legal: not written by `encode`.
    #[error("a frame with a good checksum has illegal content: {0}")]
    Content(&'static str),
}

/// A frame whose checksum and outline are good. Columns are decoded when asked for.
#[derive(Clone, Debug)]
pub struct Opened<'a> {
    rows: usize,
    first: Timestamp,
    last: Timestamp,
    checksum: u32,
    times: &'a [u8],
    ns: &'a [u8],
    columns: Vec<(SeriesId, &'a [u8])>,
}

/// Checks length, checksum and outline of a frame. Any bytes are safe to pass.
///
/// # Errors
/// A truncated, extended or changed frame, one of a newer format, and bytes that never were a frame.
pub fn open(blob: &[u8]) -> Result<Opened<'_>, Damage> {
    let length = Damage::Length { found: blob.len() };
    if blob.len() > FRAME_BYTES_MAX {
        return Err(length);
    }
    let (content, checksum) = blob.split_last_chunk::<CHECKSUM_BYTES>().ok_or(length)?;
    let (format, head) = content.split_first().ok_or(length)?;
    let (said, body) = head.split_first_chunk::<4>().ok_or(length)?;
    if usize::try_from(u32::from_le_bytes(*said)) != Ok(blob.len()) {
        return Err(length);
    }
    let checksum = u32::from_le_bytes(*checksum);
    if crc32c::crc32c(content) != checksum {
        return Err(Damage::Checksum);
    }
    if *format != FRAME_FORMAT {
        return Err(Damage::Format(*format));
    }
    outline(body, checksum)
}

fn outline(body: &[u8], checksum: u32) -> Result<Opened<'_>, Damage> {
    let mut cursor = Cursor::new(body);
    let rows = cursor.count(FRAME_ROWS_MAX)?;
    let series_count = cursor.count(FRAME_SERIES_MAX)?;
    if rows == 0 || series_count == 0 || rows.saturating_mul(series_count) > FRAME_CELLS_MAX {
        return Err(Damage::Content("a number of cells that no frame has"));
    }
    let (first, last) = take_span(&mut cursor)?;
    let times = cursor.section()?;
    let ns = cursor.section()?;
    let mut columns = Vec::with_capacity(series_count);
    for _ in 0..series_count {
        let series = u32::try_from(cursor.varint()?).map_err(|_| Damage::Content("a series id is too large"))?;
        columns.push((SeriesId(series), cursor.section()?));
    }
    cursor.end()?;
    Ok(Opened { rows, first, last, checksum, times, ns, columns })
}

impl Opened<'_> {
    /// Number of keys, at least one.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Time of the first key.
    #[must_use]
    pub fn first(&self) -> Timestamp {
        self.first
    }

    /// Time of the last key; inside the frame, not behind it.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.last
    }

    /// The CRC32C of the frame, for a checksum over all frames of a series.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// The series in the order of their columns.
    pub fn series(&self) -> impl Iterator<Item = SeriesId> {
        self.columns.iter().map(|(series, _)| *series)
    }

    /// The columns as bytes.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (SeriesId, &[u8])> {
        self.columns.iter().map(|(series, bytes)| (*series, *bytes))
    }

    fn column(&self, series: SeriesId) -> Option<Cursor<'_>> {
        self.columns.iter().find(|(id, _)| *id == series).map(|(_, bytes)| Cursor::new(bytes))
    }

    /// Milliseconds of every key, ascending; equal neighbours differ in n.
    ///
    /// # Errors
    /// Content that `encode` did not write.
    pub fn times(&self) -> Result<Vec<i64>, Damage> {
        let mut times = Vec::new();
        self.times_into(&mut times)?;
        Ok(times)
    }

    fn times_into(&self, times: &mut Vec<i64>) -> Result<(), Damage> {
        let mut cursor = Cursor::new(self.times);
        take_times(&mut cursor, self.rows, times)?;
        cursor.end()?;
        let edges = (times.first().copied(), times.last().copied());
        if edges == (Some(self.first.millis()), Some(self.last.millis())) {
            Ok(())
        } else {
            Err(Damage::Content("times outside the range of the frame"))
        }
    }

    /// Every key, strictly ascending.
    ///
    /// # Errors
    /// Content that `encode` did not write.
    pub fn keys(&self) -> Result<Vec<ReadingKey>, Damage> {
        let mut cursor = Cursor::new(self.ns);
        let keys = take_keys(&mut cursor, &self.times()?)?;
        cursor.end()?;
        Ok(keys)
    }

    /// Times and numbers of the readings of `series` that count in charts and aggregates; none if the frame has no such
    /// series. The fast way: builds no reading.
    ///
    /// # Errors
    /// Content that `encode` did not write.
    pub fn charted(&self, series: SeriesId) -> Result<Charted, Damage> {
        let mut charted = Charted::default();
        self.charted_into(series, &mut charted)?;
        Ok(charted)
    }

    /// As [`Opened::charted`], into memory of an earlier call, whose content is replaced. Leaves it empty if the frame has
    /// no such series.
    ///
    /// # Errors
    /// Content that `encode` did not write; what is in `charted` then means nothing.
    pub fn charted_into(&self, series: SeriesId, charted: &mut Charted) -> Result<(), Damage> {
        charted.times.clear();
        charted.numbers.clear();
        let Some(column) = self.column(series) else { return Ok(()) };
        self.times_into(&mut charted.times)?;
        charted.take(column)
    }

    /// The readings of `series` in order of key; none if the frame has no such series.
    ///
    /// # Errors
    /// Content that `encode` did not write.
    pub fn readings(&self, series: SeriesId) -> Result<Vec<Reading>, Damage> {
        let Some(column) = self.column(series) else { return Ok(Vec::new()) };
        let keys = self.keys()?;
        let cells = take_cells(column, &keys)?;
        Ok(keys.into_iter().zip(cells).filter_map(|(key, cell)| Some(cell?.at(key))).collect())
    }

    /// The readings of `series` inside `range` in order of key; none if the frame has no such series. Builds no others.
    ///
    /// # Errors
    /// Content that `encode` did not write.
    pub fn readings_within(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Reading>, Damage> {
        let Some(column) = self.column(series) else { return Ok(Vec::new()) };
        let times = self.times()?;
        let first = times.partition_point(|time| *time < range.from.millis());
        let end = times.partition_point(|time| *time < range.to.millis());
        let Some(wanted) = times.get(first..end).filter(|wanted| !wanted.is_empty()) else { return Ok(Vec::new()) };
        let mut cursor = Cursor::new(self.ns);
        let keys = take_some_keys(&mut cursor, times.len(), first, wanted)?;
        cursor.end()?;
        let cells = take_some_cells(column, times.len(), first, &keys)?;
        Ok(keys.into_iter().zip(cells).filter_map(|(key, cell)| Some(cell?.at(key))).collect())
    }

    /// Everything, as it went into `encode`.
    ///
    /// # Errors
    /// Content that `encode` did not write.
    pub fn frame(&self) -> Result<Frame, Damage> {
        let keys = self.keys()?;
        let column = |(series, bytes): &(SeriesId, &[u8])| {
            let cells = take_cells(Cursor::new(bytes), &keys)?;
            Ok(Column { series: *series, cells })
        };
        let columns = self.columns.iter().map(column).collect::<Result<_, Damage>>()?;
        Ok(Frame { keys, columns })
    }
}
