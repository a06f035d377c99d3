//! What goes into a frame, uncompressed.

use model::{Judgement, Reading, ReadingKey, SeriesId, TimeSource, Value};

/// Readings of several series over one list of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Strictly ascending by (time, n), at least one, at most [`crate::FRAME_ROWS_MAX`].
    pub keys: Vec<ReadingKey>,
    /// At least one, each series once, in any order; the order is kept.
    pub columns: Vec<Column>,
}

/// The readings of one series in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Whose readings.
    pub series: SeriesId,
    /// One for each key of the frame; none where the series has no reading of that key.
    pub cells: Vec<Option<Cell>>,
}

/// A reading without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What was measured.
    pub value: Value,
    /// What we think of it.
    pub judgement: Judgement,
    /// Whose clock the key's time is.
    pub time_source: TimeSource,
    /// What the device claimed where it was not believed.
    pub claimed_ms: Option<i64>,
}

impl Cell {
    /// The reading that this cell is at `key`.
    #[must_use]
    pub fn at(self, key: ReadingKey) -> Reading {
        let Self { value, judgement, time_source, claimed_ms } = self;
        Reading { key, value, judgement, time_source, claimed_ms }
    }

    /// The number that charts and aggregates take, as [`Reading::charted`].
    #[must_use]
    pub fn charted(&self) -> Option<f64> {
        match self.judgement {
            Judgement::Good | Judgement::Suspect(_) => self.value.charted(),
            Judgement::Bad(_) => None,
        }
    }
}

impl From<Reading> for Cell {
    fn from(reading: Reading) -> Self {
        let Reading { key: _, value, judgement, time_source, claimed_ms } = reading;
        Self { value, judgement, time_source, claimed_ms }
    }
}

/// What a store may keep beside a frame so that a window over the whole of it needs no decoding.
///
/// The checksum of the frame does not cover it: whoever stores it guards it or computes it again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Whose column.
    pub series: SeriesId,
    /// Readings of the column, of any judgement and type.
    pub rows: u64,
    /// Readings that count in charts and aggregates. While it is 0 the five numbers below mean nothing (they are 0).
    pub count: u64,
    /// Smallest; −0.0 is below 0.0.
    pub min: f64,
    /// Largest; 0.0 is above −0.0.
    pub max: f64,
    /// Compensated sum, right to the last bit or two.
    pub sum: f64,
    /// First that counts, by key.
    pub first: f64,
    /// Last that counts, by key.
    pub last: f64,
    /// Key of the column's first reading, counted or not; none in a column without readings.
    pub first_key: Option<ReadingKey>,
    /// Key of the column's last reading, counted or not.
    pub last_key: Option<ReadingKey>,
}

impl Summary {
    /// What `column` holds, over `keys`.
    #[must_use]
    pub fn of(keys: &[ReadingKey], column: &Column) -> Self {
        let nothing = Self {
            series: column.series,
            rows: 0,
            count: 0,
            min: 0.0,
            max: 0.0,
            sum: 0.0,
            first: 0.0,
            last: 0.0,
            first_key: None,
            last_key: None,
        };
        let mut carry = 0.0;
        let mut summary = nothing;
        for (key, cell) in keys.iter().zip(&column.cells).filter_map(|(key, cell)| Some((key, cell.as_ref()?))) {
            summary.rows += 1;
            summary.first_key.get_or_insert(*key);
            summary.last_key = Some(*key);
            if let Some(number) = cell.charted() {
                summary.add(number, &mut carry);
            }
        }
        // With infinities the carry is no number and means nothing.
        if carry.is_finite() {
            summary.sum += carry;
        }
        summary
    }

    /// Adds one number that comes after all before, keeping what the sum rounds off in `carry` (Neumaier 1974).
    fn add(&mut self, number: f64, carry: &mut f64) {
        if self.count == 0 {
            (self.min, self.max, self.first) = (number, number, number);
        }
        self.count += 1;
        self.last = number;
        if number.total_cmp(&self.min).is_lt() {
            self.min = number;
        }
        if number.total_cmp(&self.max).is_gt() {
            self.max = number;
        }
        let sum = self.sum + number;
        *carry += if self.sum.abs() >= number.abs() { (self.sum - sum) + number } else { (number - sum) + self.sum };
        self.sum = sum;
    }
}
