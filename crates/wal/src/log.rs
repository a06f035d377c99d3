//! Appending: the active segment, what follows a failure, and letting go of old segments.

use std::io;
use std::sync::Arc;

use crate::record::{SEGMENT_HEADER, record_len, segment_header, write_record};
use crate::{File, Files, StoreId};

/// Longest payload of one record. A longer one is refused with [`Cause::TooLarge`].
pub const RECORD_BYTES_MAX: usize = 7 * 1024 * 1024;

static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Sizes of a log.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A segment is closed when the next record would make it longer than this.
    pub segment_bytes: u64,
    /// A segment is filled with zeros ahead in steps of this, so that most syncs change no file length.
    pub step_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 8 * 1024 * 1024, step_bytes: 1024 * 1024 }
    }
}

/// Why nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No space or no quota; trying again later is right.
    DiskFull,
    /// The medium has become read-only.
    ReadOnly,
    /// A write or a sync failed. The file it went to is never written again.
    Failed,
    /// Longer than [`RECORD_BYTES_MAX`].
    TooLarge,
}

/// Nothing was reported durable. Appending the same record again is the way on.
#[derive(Debug, thiserror::Error)]
#[error("{doing} failed")]
pub struct AppendError {
    /// What was attempted.
    pub doing: &'static str,
    /// What kind of failure.
    pub cause: Cause,
    /// The system's word.
    #[source]
    pub source: io::Error,
}

impl AppendError {
    fn new(doing: &'static str, source: io::Error) -> Self {
        let kind = source.kind();
        let cause = if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            Cause::DiskFull
        } else if kind == io::ErrorKind::ReadOnlyFilesystem {
            Cause::ReadOnly
        } else {
            Cause::Failed
        };
        Self { doing, cause, source }
    }
}

/// A segment on disk.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) name: String,
    /// The last sequence in it; none while it has no record that counts.
    pub(crate) last: Option<u64>,
    /// The last sequence in front of the record that ends with `last`. Only recovery asks for it.
    pub(crate) before: Option<u64>,
    /// Length of the file.
    pub(crate) bytes: u64,
    /// Where its records end.
    pub(crate) end: u64,
}

struct Active {
    file: Box<dyn File>,
    segment: Segment,
}

/// The last record that recovery found. Nothing in the log proves that it is on the medium, so it goes into a new
/// segment before anything else does.
#[derive(Clone, Debug)]
pub(crate) struct Owed {
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) payload: Vec<u8>,
}

impl Owed {
    fn last(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count)).saturating_sub(1)
    }
}

/// An open log. One owner; see the crate for the rules it keeps.
pub struct Log {
    files: Arc<dyn Files>,
    store: StoreId,
    options: Options,
    sealed: Vec<Segment>,
    active: Option<Active>,
    owed: Option<Owed>,
    next_number: u64,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("sealed", &self.sealed).field("next_number", &self.next_number).finish()
    }
}

impl Log {
    pub(crate) fn resume(
        files: Arc<dyn Files>,
        store: StoreId,
        options: Options,
        sealed: Vec<Segment>,
        owed: Option<Owed>,
        next_number: u64,
    ) -> Self {
        Self { files, store, options, sealed, active: None, owed, next_number, scratch: Vec::new() }
    }

    /// Writes one record that carries the sequences `first .. first + count` and syncs it. It is durable when this returns.
    /// A count of 0 is the idle record behind `first - 1`.
    ///
    /// # Errors
    /// Nothing may be acknowledged. Call again with the same record.
    pub fn append(&mut self, first: u64, count: u32, payload: &[u8]) -> Result<(), AppendError> {
        if payload.len() > RECORD_BYTES_MAX {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "the record is too long");
            return Err(AppendError { doing: "writing the log", cause: Cause::TooLarge, source });
        }
        self.settle()?;
        self.write(first, count, payload)
    }

    fn write(&mut self, first: u64, count: u32, payload: &[u8]) -> Result<(), AppendError> {
        let needed = record_len(payload.len()) as u64;
        let mut active = match self.active.take() {
            Some(active) if active.segment.end + needed <= self.options.segment_bytes => active,
            Some(full) => {
                // The full segment stays the active one until there is a new one: it is whole and synced.
                match self.start_segment(needed) {
                    Ok(active) => {
                        self.sealed.push(full.segment);
                        active
                    }
                    Err(error) => {
                        self.active = Some(full);
                        return Err(error);
                    }
                }
            }
            None => self.start_segment(needed)?,
        };
        if let Err(source) = fill(&mut active, needed, self.options) {
            // Nothing of the record was written, only zeros behind everything that counts: when the disk is full the same
            // segment goes on later. Any other failure makes the file suspect.
            let error = AppendError::new("preparing the log", source);
            if error.cause == Cause::DiskFull {
                self.active = Some(active)
            } else {
                self.abandon(active)
            }
            return Err(error);
        }
        write_record(&mut self.scratch, self.store, active.segment.number, first, count, payload);
        let written = active.file.write_at(active.segment.end, &self.scratch);
        if let Err(source) = written {
            self.abandon(active);
            return Err(AppendError::new("writing the log", source));
        }
        if let Err(source) = active.file.sync_data() {
            self.abandon(active);
            return Err(AppendError::new("syncing the log", source));
        }
        active.segment.end += needed;
        if count > 0 {
            active.segment.last = Some(first + u64::from(count) - 1);
        }
        self.active = Some(active);
        Ok(())
    }

    /// Removes the segments that hold nothing beyond `cut`; the active one stays. What cannot be removed now is tried
    /// again by the next call.
    pub fn release(&mut self, cut: u64) {
        let files = Arc::clone(&self.files);
        self.sealed
            .retain(|segment| segment.last.is_some_and(|last| last > cut) || files.remove(&segment.name).is_err());
    }

    /// Bytes of the segments that hold something beyond `cut`: of closed ones what they take on disk, which is a step at least,
    /// and of the active one its records.
    #[must_use]
    pub fn bytes_beyond(&self, cut: u64) -> u64 {
        let beyond = |segment: &Segment| segment.last.is_some_and(|last| last > cut);
        let sealed: u64 = self.sealed.iter().filter(|segment| beyond(segment)).map(|segment| segment.bytes).sum();
        let active = self.active.as_ref().filter(|active| beyond(&active.segment));
        sealed + active.map_or(0, |active| active.segment.end)
    }

    /// Everything the log takes on disk.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.segments().map(|segment| segment.bytes).sum()
    }

    pub(crate) fn holds_segments(&self) -> bool {
        self.segments().next().is_some()
    }

    fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.sealed.iter().chain(self.active.iter().map(|active| &active.segment))
    }

    /// A file that failed is never written again. It stays, for replay or at least so that there is a log, until there
    /// is a new segment.
    fn abandon(&mut self, active: Active) {
        self.sealed.push(active.segment);
    }

    /// Starts a segment behind what recovery found, and puts into it what is owed.
    pub(crate) fn start_first(&mut self) -> Result<(), AppendError> {
        if self.owed.is_some() {
            return self.settle();
        }
        if self.active.is_none() {
            self.active = Some(self.start_segment(0)?);
        }
        Ok(())
    }

    /// Writes what is owed into a segment of this life. Its older copy is as good as gone from then on, so that a server
    /// that is killed again and again keeps one copy and not one of each life.
    fn settle(&mut self) -> Result<(), AppendError> {
        let Some(owed) = self.owed.take() else { return Ok(()) };
        if let Err(error) = self.write(owed.first, owed.count, &owed.payload) {
            self.owed = Some(owed);
            return Err(error);
        }
        let files = Arc::clone(&self.files);
        for copy in self.sealed.iter_mut().filter(|copy| copy.last == Some(owed.last())) {
            copy.last = copy.before;
        }
        self.sealed.retain(|sealed| sealed.last.is_some() || files.remove(&sealed.name).is_err());
        Ok(())
    }

    fn start_segment(&mut self, needed: u64) -> Result<Active, AppendError> {
        let number = self.next_number;
        self.next_number += 1;
        let name = format!("{number:012}.wal");
        let doing = "starting a log segment";
        let mut file = self.files.create(&name).map_err(|source| AppendError::new(doing, source))?;
        let prepared = (|| {
            file.write_at(0, &segment_header(self.store, number))?;
            let bytes = (SEGMENT_HEADER as u64 + needed).next_multiple_of(self.options.step_bytes);
            write_zeros(file.as_mut(), SEGMENT_HEADER as u64, bytes)?;
            file.sync_data()?;
            self.files.sync_dir()?;
            Ok(bytes)
        })();
        match prepared {
            Ok(bytes) => {
                // Failed files without anything that counts. What cannot be removed holds at most a record that will be
                // repeated, which replay skips.
                let files = Arc::clone(&self.files);
                self.sealed.retain(|sealed| sealed.last.is_some() || files.remove(&sealed.name).is_err());
                let segment = Segment { number, name, last: None, before: None, bytes, end: SEGMENT_HEADER as u64 };
                Ok(Active { file, segment })
            }
            Err(source) => {
                drop(file);
                // A segment without a whole header and without a record is nothing to recovery either.
                let _ = self.files.remove(&name);
                Err(AppendError::new(doing, source))
            }
        }
    }
}

/// Makes sure that zeros reach as far as the next record does.
fn fill(active: &mut Active, needed: u64, options: Options) -> io::Result<()> {
    let wanted = active.segment.end + needed;
    if wanted > active.segment.bytes {
        let to = wanted.next_multiple_of(options.step_bytes).max(wanted);
        write_zeros(active.file.as_mut(), active.segment.bytes, to)?;
        active.segment.bytes = to;
    }
    Ok(())
}

fn write_zeros(file: &mut dyn File, mut from: u64, to: u64) -> io::Result<()> {
    while from < to {
        let len = (to - from).min(ZEROS.len() as u64);
        file.write_at(from, &ZEROS[..usize::try_from(len).unwrap_or(ZEROS.len())])?;
        from += len;
    }
    Ok(())
}
