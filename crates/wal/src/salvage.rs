//! What can still be read of a log that is damaged: every record with a good checksum, wherever it stands. Changes nothing.

use std::collections::BTreeMap;

use crate::record::{SEGMENT_HEADER, SegmentHead, read_record, read_segment_header, record_len};
use crate::recover::{io_error, read_all};
use crate::{Files, StoreId, WalError};

/// A record whose checksum holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its first sequence.
    pub first: u64,
    /// How many sequences it carries, at least 1.
    pub count: u32,
    /// What was appended.
    pub payload: Vec<u8>,
}

/// Bytes between records that are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rubbish {
    /// Name of the segment.
    pub file: String,
    /// Where it starts.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// What [`salvage`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// In order of their sequences, each sequence once.
    pub records: Vec<Kept>,
    /// What lies between and behind them.
    pub rubbish: Vec<Rubbish>,
}

/// Reads every good record beyond `cut` of the segments in `files`, past any damage. It holds them all: a log is bounded.
///
/// # Errors
/// The medium. A segment of another store is left out and named as rubbish.
pub fn salvage(files: &dyn Files, store: StoreId, cut: u64) -> Result<Salvaged, WalError> {
    let listed = files.list().map_err(|source| WalError::Io { doing: "listing the log directory".into(), source })?;
    let mut names: Vec<String> = listed.into_iter().filter(|name| name.ends_with(".wal")).collect();
    names.sort_unstable();
    let (mut kept, mut rubbish) = (BTreeMap::new(), Vec::new());
    for name in names {
        let bytes = match read_all(files, &name) {
            Ok(bytes) => bytes,
            Err(WalError::Io { source, .. }) => return Err(io_error("reading", &name)(source)),
            Err(other) => return Err(other),
        };
        let number = match read_segment_header(&bytes, store) {
            SegmentHead::Good { number } => Some(number),
            SegmentHead::Bad => name.strip_suffix(".wal").and_then(|stem| stem.parse().ok()),
            SegmentHead::Foreign => None,
        };
        let Some(number) = number else {
            rubbish.push(Rubbish { file: name, offset: 0, bytes: bytes.len() as u64 });
            continue;
        };
        let mut walk = Walk { name: &name, kept: &mut kept, rubbish: &mut rubbish };
        walk.segment(&bytes, store, number, cut);
    }
    let mut next = 0;
    let once = |record: &Kept| {
        let new = record.first >= next;
        if new {
            next = record.first + u64::from(record.count);
        }
        new
    };
    Ok(Salvaged { records: kept.into_values().filter(once).collect(), rubbish })
}

struct Walk<'a> {
    name: &'a str,
    kept: &'a mut BTreeMap<u64, Kept>,
    rubbish: &'a mut Vec<Rubbish>,
}

impl Walk<'_> {
    fn segment(&mut self, bytes: &[u8], store: StoreId, number: u64, cut: u64) {
        let (mut offset, mut bad_since) = (SEGMENT_HEADER, None);
        while offset < bytes.len() {
            let Some(good) = read_record(bytes, offset, store, number) else {
                bad_since.get_or_insert(offset);
                offset += 8;
                continue;
            };
            self.note(bytes, bad_since.take(), offset);
            offset += record_len(good.payload.len());
            let end = good.first.saturating_add(u64::from(good.count));
            if good.count > 0 && end > cut + 1 {
                let kept = Kept { first: good.first, count: good.count, payload: good.payload.to_vec() };
                self.kept.entry(good.first).or_insert(kept);
            }
        }
        self.note(bytes, bad_since, bytes.len());
    }

    /// Zeros were never written to.
    fn note(&mut self, bytes: &[u8], since: Option<usize>, to: usize) {
        let Some(since) = since else { return };
        let bad = bytes.get(since..to).unwrap_or_default();
        if let Some(last) = bad.iter().rposition(|byte| *byte != 0) {
            let (offset, bytes) = (since as u64, last as u64 + 1);
            self.rubbish.push(Rubbish { file: self.name.to_owned(), offset, bytes });
        }
    }
}
