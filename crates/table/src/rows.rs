//! Bytes to rows, a piece of the file at a time.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, ReaderBuilder};

/// Bytes of one row without its quotes. A longer one ends the reading: mostly a quote was opened and never closed.
pub const ROW_BYTES_MAX: usize = 64 * 1024;
/// Cells of one row. More end the reading.
pub const CELLS_MAX: usize = 1_024;

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a file cannot be read any further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A row without an end.
    #[error("row {0} is longer than {ROW_BYTES_MAX} bytes; perhaps a quotation mark in it is not closed")]
    TooLong(u64),
    /// A row with too many cells.
    #[error("row {0} has more than {CELLS_MAX} cells")]
    TooManyCells(u64),
    /// Two bytes a character.
    #[error("the file is written in UTF-16; save it as CSV in UTF-8")]
    Utf16,
}

/// Rows as they come out of the bytes.
pub struct Rows {
    core: csv_core::Reader,
    cells: Vec<u8>,
    used: usize,
    ends: Vec<usize>,
    ended: usize,
    /// Line ends so far.
    lines: u64,
    /// The line at which the row began that is being read.
    began: Option<u64>,
    /// The first bytes of the file, until it is known whether they are a mark.
    start: Option<Vec<u8>>,
}

/// One row: its cells without delimiters and quotes.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The line of the file at which it begins, counted from 1.
    pub number: u64,
    cells: &'a [u8],
    ends: &'a [usize],
}

impl Row<'_> {
    /// How many cells it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has none, which does not happen: a blank line is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A cell, counted from 1, without the blanks around it. What is no UTF-8 is taken as Latin-1.
    #[must_use]
    pub fn cell(&self, column: u32) -> Option<Cow<'_, str>> {
        let index = usize::try_from(column).ok()?.checked_sub(1)?;
        let from = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        let bytes = self.cells.get(from..*self.ends.get(index)?)?;
        Some(match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text.trim()),
            Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect::<String>().trim().to_owned()),
        })
    }

    /// All cells.
    pub fn cells(&self) -> impl Iterator<Item = Cow<'_, str>> {
        (1..=u32::try_from(self.len()).unwrap_or(u32::MAX)).filter_map(|column| self.cell(column))
    }

    /// Whether all of it is UTF-8.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        std::str::from_utf8(self.cells).is_ok()
    }

    /// The cells as they came, for people.
    #[must_use]
    pub fn text(&self) -> String {
        self.cells().collect::<Vec<_>>().join(" ")
    }
}

impl Rows {
    /// Rows whose cells are parted by `delimiter`.
    #[must_use]
    pub fn parted_by(delimiter: u8) -> Self {
        Self {
            core: ReaderBuilder::new().delimiter(delimiter).build(),
            cells: vec![0; ROW_BYTES_MAX],
            used: 0,
            ends: vec![0; CELLS_MAX],
            ended: 0,
            lines: 0,
            began: None,
            start: Some(Vec::new()),
        }
    }

    /// Takes the next piece of the file and hands out the rows that end in it.
    ///
    /// # Errors
    /// The file cannot be read any further.
    pub fn push(&mut self, piece: &[u8], mut each: impl FnMut(Row<'_>)) -> Result<(), Fault> {
        let Some(mut start) = self.start.take() else { return self.read(piece, &mut each) };
        start.extend_from_slice(piece);
        if start.len() < UTF8_MARK.len() {
            self.start = Some(start);
            return Ok(());
        }
        self.begin(&start, &mut each)
    }

    /// The file has ended: its last row needs no line end.
    ///
    /// # Errors
    /// As for [`Rows::push`].
    pub fn finish(mut self, mut each: impl FnMut(Row<'_>)) -> Result<(), Fault> {
        if let Some(start) = self.start.take() {
            self.begin(&start, &mut each)?;
        }
        if self.began.is_some() {
            self.step(&[], &mut each)?;
        }
        Ok(())
    }

    fn begin(&mut self, start: &[u8], each: &mut impl FnMut(Row<'_>)) -> Result<(), Fault> {
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(Fault::Utf16);
        }
        self.read(start.strip_prefix(UTF8_MARK).unwrap_or(start), each)
    }

    fn read(&mut self, mut bytes: &[u8], each: &mut impl FnMut(Row<'_>)) -> Result<(), Fault> {
        loop {
            if self.began.is_none() {
                // Blank lines, and what is left of the end of the line before.
                let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                let (before, rest) = bytes.split_at(blank);
                self.lines += line_ends(before);
                bytes = rest;
            }
            if bytes.is_empty() {
                return Ok(());
            }
            let taken = self.step(bytes, each)?;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// One step of the reader; tells how many bytes it took.
    fn step(&mut self, bytes: &[u8], each: &mut impl FnMut(Row<'_>)) -> Result<usize, Fault> {
        let number = *self.began.get_or_insert(self.lines + 1);
        let cells = self.cells.get_mut(self.used..).unwrap_or_default();
        let ends = self.ends.get_mut(self.ended..).unwrap_or_default();
        let (result, taken, used, ended) = self.core.read_record(bytes, cells, ends);
        self.lines += line_ends(bytes.get(..taken).unwrap_or_default());
        self.used += used;
        self.ended += ended;
        match result {
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull => return Err(Fault::TooLong(number)),
            ReadRecordResult::OutputEndsFull => return Err(Fault::TooManyCells(number)),
            ReadRecordResult::Record | ReadRecordResult::End => {
                let cells = self.cells.get(..self.used).unwrap_or_default();
                let ends = self.ends.get(..self.ended).unwrap_or_default();
                if !ends.is_empty() {
                    each(Row { number, cells, ends });
                }
                (self.used, self.ended, self.began) = (0, 0, None);
            }
        }
        Ok(taken)
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Seen = Vec<(u64, Vec<String>)>;

    fn rows(pieces: &[&[u8]], delimiter: u8) -> Result<Seen, Fault> {
        let mut seen = Seen::new();
        let mut each = |row: Row<'_>| seen.push((row.number, row.cells().map(Cow::into_owned).collect()));
        let mut rows = Rows::parted_by(delimiter);
        for piece in pieces {
            rows.push(piece, &mut each)?;
        }
        rows.finish(&mut each)?;
        Ok(seen)
    }

    fn row(number: u64, cells: &[&str]) -> (u64, Vec<String>) {
        (number, cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn rows_carry_the_line_at_which_they_begin() {
        let text = b"\xef\xbb\xbfa,b\r\n\r\n1,\"x\r\ny\"\r\n2, \"\"\n\n\n3,\"a \"\"b\"\"\"";
        let expected =
            vec![row(1, &["a", "b"]), row(3, &["1", "x\r\ny"]), row(5, &["2", "\"\""]), row(8, &["3", "a \"b\""])];
        assert_eq!(rows(&[text], b','), Ok(expected));
        assert_eq!(rows(&[b""], b','), Ok(vec![]));
        assert_eq!(rows(&[b"\n\r\n"], b','), Ok(vec![]));
        assert_eq!(rows(&[b"7"], b','), Ok(vec![row(1, &["7"])]));
        assert_eq!(rows(&[b"a;\n;"], b';'), Ok(vec![row(1, &["a", ""]), row(2, &["", ""])]));
    }

    #[test]
    fn what_cannot_be_read_ends_with_its_row() {
        let open = format!("a,b\n1,\"{}", "x\n".repeat(ROW_BYTES_MAX));
        assert_eq!(rows(&[open.as_bytes()], b','), Err(Fault::TooLong(2)));
        assert_eq!(rows(&[",".repeat(CELLS_MAX + 1).as_bytes()], b','), Err(Fault::TooManyCells(1)));
        assert_eq!(rows(&[b"\xff\xfea\0,\0"], b','), Err(Fault::Utf16));
        assert_eq!(rows(&[b"T (\xb0C)\n"], b','), Ok(vec![row(1, &["T (°C)"])]));
    }

    proptest! {
        #[test]
        fn where_the_file_is_cut_into_pieces_changes_nothing(
            text in "(\u{feff})?([a1,\"\r\n é]{0,40})",
            cuts in proptest::collection::vec(0..90_usize, 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(rows(&pieces, b','), rows(&[bytes], b','));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = rows(&[&bytes], b';');
        }
    }
}
