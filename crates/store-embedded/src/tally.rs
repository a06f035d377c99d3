//! What a series' rows of frames add up to, kept beside the series, so that a row that was lost is noticed.

use model::SeriesId;
use rusqlite::{Connection, params};
use store::StoreError;

use crate::database::failed;
use crate::rows::FrameRow;

const TALLYING: &str = "counting the frames of a series";

/// Number of rows, sum of their readings, and the XOR of their marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    pub(crate) rows: u64,
    pub(crate) xor: u32,
}

impl Tally {
    /// What these rows add up to.
    pub(crate) fn of(rows: &[FrameRow]) -> Self {
        let mut tally = Self::default();
        rows.iter().for_each(|row| tally.add(row));
        tally
    }

    /// Counts a row that is there.
    pub(crate) fn add(&mut self, row: &FrameRow) {
        self.frames += 1;
        self.rows = self.rows.wrapping_add(row.rows);
        self.xor ^= mark(row);
    }

    /// Takes a row off that was counted; none if it cannot have been.
    pub(crate) fn take(&mut self, row: &FrameRow) -> Option<()> {
        self.frames = self.frames.checked_sub(1)?;
        self.rows = self.rows.checked_sub(row.rows)?;
        self.xor ^= mark(row);
        Some(())
    }

    /// The checksum that stands beside it.
    pub(crate) fn crc(self, series: SeriesId) -> u32 {
        let numbers = [u64::from(series.0), self.frames, self.rows, u64::from(self.xor)].map(u64::to_le_bytes);
        crc32c::crc32c(&numbers.concat())
    }

    /// Writes it beside the series.
    pub(crate) fn write(self, connection: &Connection, series: SeriesId) -> Result<(), StoreError> {
        (|| {
            let (frames, rows) = (self.frames.cast_signed(), self.rows.cast_signed());
            connection
                .prepare_cached(
                    "UPDATE series SET frames = ?2, frame_rows = ?3, frames_xor = ?4, tally_crc = ?5 WHERE id = ?1",
                )?
                .execute(params![series.0, frames, rows, self.xor, self.crc(series)])
                .map(drop)
        })()
        .map_err(failed(TALLYING))
    }
}

/// Everything of a row but its summary, which has a checksum of its own.
fn mark(row: &FrameRow) -> u32 {
    let numbers = [row.frame, i64::from(row.col.0), row.rank, row.first_ms, row.last_ms, row.rows.cast_signed()];
    crc32c::crc32c_append(row.crc, &numbers.map(i64::to_le_bytes).concat())
}
