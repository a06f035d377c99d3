//! Reading a log back after any end: what counts is handed over in order, a torn tail is dropped and reported, damage is
//! an error. Recovery changes nothing that counts, so it may be interrupted and repeated.
//!
//! A record is written only after the one before it was synced, so each record vouches for the one before. Nothing vouches for the
//! last one: it may stand in the page cache only, written by a process that was killed, or left there, marked clean, by a sync
//! that failed. To sync that file again proves nothing then. So the last record is written once more, into a new segment,
//! and no old segment is ever written again.

use std::io;
use std::sync::Arc;

use crate::log::{Log, Options, Owed, Segment};
use crate::record::{SEGMENT_HEADER, SegmentHead, read_record, read_segment_header, record_len};
use crate::{AppendError, Files, StoreId};

/// A log that cannot be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// Bytes that had been reported durable cannot be read.
    #[error("the log is damaged: {detail} (file {file}, byte {offset})")]
    Damaged {
        /// Name of the segment.
        file: String,
        /// Where.
        offset: u64,
        /// What was found.
        detail: String,
    },
    /// There should be a log.
    #[error("the log is missing: its directory holds no segment")]
    Missing,
    /// Segments of another store.
    #[error("the log segment {file} belongs to another store")]
    Foreign {
        /// Name of the segment.
        file: String,
    },
    /// The reader of the records refused one.
    #[error("the log record at sequence {first} cannot be read: {detail}")]
    Record {
        /// Its first sequence.
        first: u64,
        /// Why.
        detail: String,
    },
    /// The medium failed.
    #[error("{doing} failed")]
    Io {
        /// What was attempted, on what.
        doing: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The first segment could not be made.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// A record that counts.
#[derive(Debug)]
pub struct Record<'a> {
    /// Its first sequence.
    pub first: u64,
    /// How many sequences it carries, at least 1.
    pub count: u32,
    /// What was appended.
    pub payload: &'a [u8],
}

/// The end of a segment that nobody had been told about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// Name of the segment.
    pub file: String,
    /// Where it starts.
    pub offset: u64,
    /// How many bytes were dropped.
    pub bytes: u64,
}

/// What recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The last sequence; the cut if the log holds nothing behind it.
    pub last: u64,
    /// Records handed over.
    pub records: u64,
    /// Tails dropped.
    pub torn: Vec<TornTail>,
}

impl Log {
    /// Reads the log in `files` and goes on behind it. Records that reach beyond `cut` are handed to `replay` in order,
    /// each once.
    ///
    /// With `must_exist` a directory without a segment is an error; else the first one is made.
    ///
    /// # Errors
    /// Damage, a foreign log, a record that `replay` refuses, or the medium.
    pub fn open(
        files: Arc<dyn Files>,
        store: StoreId,
        options: Options,
        cut: u64,
        must_exist: bool,
        replay: &mut dyn FnMut(Record<'_>) -> Result<(), String>,
    ) -> Result<(Self, Recovery), WalError> {
        let Found { mut segments, leftovers, highest } = find_segments(files.as_ref(), store)?;
        if segments.is_empty() && must_exist {
            return Err(WalError::Missing);
        }
        let mut reader = Reader { store, cut, next: None, owed: None, recovery: Recovery::default(), replay };
        for segment in &mut segments {
            reader.read_segment(files.as_ref(), segment)?;
        }
        let owed = reader.owed;
        let mut recovery = reader.recovery;
        recovery.last = reader.next.map_or(cut, |next| cut.max(next - 1));
        for name in leftovers {
            recovery.torn.push(TornTail { file: name.clone(), offset: 0, bytes: 0 });
            files.remove(&name).map_err(io_error("removing", &name))?;
        }
        let mut log = Self::resume(files, store, options, segments, owed, highest + 1);
        // On a full disk a log that exists can still be read; appending tries again, beginning with what is owed.
        match log.start_first() {
            Err(error) if !log.holds_segments() => Err(error.into()),
            Ok(()) | Err(_) => Ok((log, recovery)),
        }
    }
}

pub(crate) fn io_error<'a>(doing: &'a str, name: &'a str) -> impl Fn(io::Error) -> WalError + 'a {
    move |source| WalError::Io { doing: format!("{doing} the log segment {name}"), source }
}

struct Found {
    /// In order of their numbers.
    segments: Vec<Segment>,
    /// Files whose making was interrupted.
    leftovers: Vec<String>,
    highest: u64,
}

/// Order comes from the headers; a file without one is a leftover only if no record in it is good.
fn find_segments(files: &dyn Files, store: StoreId) -> Result<Found, WalError> {
    let listed = files.list().map_err(|source| WalError::Io { doing: "listing the log directory".into(), source })?;
    let mut found = Found { segments: Vec::new(), leftovers: Vec::new(), highest: 0 };
    for name in listed.into_iter().filter(|name| name.ends_with(".wal")) {
        let named: Option<u64> = name.strip_suffix(".wal").and_then(|stem| stem.parse().ok());
        found.highest = found.highest.max(named.unwrap_or(0));
        let file = files.open(&name).map_err(io_error("opening", &name))?;
        let head = file.read_at(0, SEGMENT_HEADER).map_err(io_error("reading", &name))?;
        match read_segment_header(&head, store) {
            SegmentHead::Good { number } => {
                found.highest = found.highest.max(number);
                found.segments.push(Segment {
                    number,
                    name,
                    last: None,
                    before: None,
                    bytes: 0,
                    end: SEGMENT_HEADER as u64,
                });
            }
            SegmentHead::Foreign => return Err(WalError::Foreign { file: name }),
            SegmentHead::Bad => {
                let bytes = read_all(files, &name)?;
                let number = named.unwrap_or(0);
                if let Some(offset) = good_record_behind(&bytes, 0, store, number) {
                    let detail = "the segment's header is bad but records stand behind it".into();
                    return Err(WalError::Damaged { file: name, offset: offset as u64, detail });
                }
                found.leftovers.push(name);
            }
        }
    }
    found.segments.sort_by_key(|segment| segment.number);
    if let Some(pair) = found.segments.windows(2).find(|pair| pair[0].number == pair[1].number) {
        let detail = format!("it has the same number as {}", pair[0].name);
        return Err(WalError::Damaged { file: pair[1].name.clone(), offset: 0, detail });
    }
    Ok(found)
}

pub(crate) fn read_all(files: &dyn Files, name: &str) -> Result<Vec<u8>, WalError> {
    let file = files.open(name).map_err(io_error("opening", name))?;
    let len = usize::try_from(file.len().map_err(io_error("reading", name))?).unwrap_or(usize::MAX);
    file.read_at(0, len).map_err(io_error("reading", name))
}

fn good_record_behind(bytes: &[u8], from: usize, store: StoreId, segment: u64) -> Option<usize> {
    let first = from.next_multiple_of(8).max(SEGMENT_HEADER);
    (first..bytes.len()).step_by(8).find(|offset| read_record(bytes, *offset, store, segment).is_some())
}

struct Reader<'a> {
    store: StoreId,
    cut: u64,
    /// The sequence that must come next; none before the first record.
    next: Option<u64>,
    /// The last record beyond the cut, unless an idle one behind it vouches for it.
    owed: Option<Owed>,
    recovery: Recovery,
    replay: &'a mut dyn FnMut(Record<'_>) -> Result<(), String>,
}

impl Reader<'_> {
    fn read_segment(&mut self, files: &dyn Files, segment: &mut Segment) -> Result<(), WalError> {
        let bytes = read_all(files, &segment.name)?;
        segment.bytes = bytes.len() as u64;
        let mut offset = SEGMENT_HEADER.min(bytes.len());
        loop {
            if let Some(good) = read_record(&bytes, offset, self.store, segment.number) {
                let record = Record { first: good.first, count: good.count, payload: good.payload };
                let len = record_len(record.payload.len());
                self.admit(record, segment, offset)?;
                offset += len;
                segment.end = offset as u64;
                continue;
            }
            let tail = bytes.get(offset..).unwrap_or_default();
            let Some(last_written) = tail.iter().rposition(|byte| *byte != 0) else { return Ok(()) };
            // Going on from a good record behind a bad one is legal only if no sequence is missing between them.
            match good_record_behind(&bytes, offset + 8, self.store, segment.number) {
                Some(behind) => offset = behind,
                None => {
                    self.recovery.torn.push(TornTail {
                        file: segment.name.clone(),
                        offset: offset as u64,
                        bytes: last_written as u64 + 1,
                    });
                    return Ok(());
                }
            }
        }
    }

    fn admit(&mut self, record: Record<'_>, segment: &mut Segment, offset: usize) -> Result<(), WalError> {
        let end = record.first.saturating_add(u64::from(record.count));
        let damaged = |detail: String| WalError::Damaged { file: segment.name.clone(), offset: offset as u64, detail };
        // What the cut covers is in the database, so nothing is missed in front of it.
        let expected = self.next.map_or(self.cut + 1, |next| next.max(self.cut + 1));
        if record.first > expected {
            let missing = record.first - 1;
            return Err(damaged(format!(
                "the records of sequences {expected} to {missing} are missing in front of it"
            )));
        }
        if record.count == 0 {
            if self.next == Some(record.first) {
                self.owed = None;
            }
            self.next = Some(self.next.unwrap_or(record.first).max(record.first));
            return Ok(());
        }
        segment.before = if segment.last == Some(end - 1) { segment.before } else { segment.last };
        segment.last = Some(end - 1);
        if end <= self.next.unwrap_or(0) {
            return Ok(());
        }
        if self.next.is_some_and(|next| record.first < next) {
            return Err(damaged(format!("sequence {} stands in two different records", record.first)));
        }
        self.next = Some(end);
        let mut payload = self.owed.take().map(|owed| owed.payload).unwrap_or_default();
        if end - 1 > self.cut {
            payload.clear();
            payload.extend_from_slice(record.payload);
            self.owed = Some(Owed { first: record.first, count: record.count, payload });
            let first = record.first;
            (self.replay)(record).map_err(|detail| WalError::Record { first, detail })?;
            self.recovery.records += 1;
        }
        Ok(())
    }
}
