//! A batch in the making, and what has to happen once it is durable.

use std::ops::Range;
use std::sync::Arc;

use decode::Presence;
use model::{Book, DeviceId, RejectReason, SourceName, Value};
use source::Outcome;
use store::{Batch, BookDelta, Commit, DeviceRecord, Entry, SeriesReading, SeriesRecord};
use tokio::sync::oneshot;

use crate::again::Kept;
use crate::answer::{Answer, Asker};
use crate::arrival::Arrival;
use crate::command::{Added, Decided};
use crate::traces::Note;
use crate::{Heard, IMPORT};

/// Entries for the log and effects for afterwards, filled message by message.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) entries: Vec<Entry>,
    pub(crate) effects: Effects,
    /// What the batch will weigh in the log, estimated from above.
    pub(crate) bytes: usize,
    /// The change of announcements behind which the message at hand is answered.
    pub(crate) behind: Option<u64>,
    books: Vec<BookDelta>,
}

/// Done in this order when the batch is durable, not done at all otherwise.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) devices: Vec<DeviceRecord>,
    pub(crate) series: Vec<SeriesRecord>,
    /// Those of the devices that a table brought.
    pub(crate) imported: Vec<DeviceId>,
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) readings: Vec<SeriesReading>,
    /// Which of these stood in tables.
    pub(crate) of_tables: Vec<Range<usize>>,
    pub(crate) availability: Vec<(DeviceId, Presence)>,
    /// Devices of which a marked repeat came.
    pub(crate) repeated: Vec<DeviceId>,
    pub(crate) heard: Vec<Heard>,
    pub(crate) traces: Vec<Note>,
    /// An unread message that was ingested again.
    pub(crate) retried: Option<Note>,
    pub(crate) inbox_changed: bool,
    /// Something was announced anew.
    pub(crate) announced: bool,
    pub(crate) answers: Vec<Answer>,
    pub(crate) added: Vec<(oneshot::Sender<Added>, DeviceId)>,
    /// A decision about readings that are there, alone in its batch.
    pub(crate) decision: Option<(Entry, oneshot::Sender<Decided>)>,
    /// Messages of each source in this batch: no longer in flight if it comes to nothing.
    pub(crate) received: Vec<(SourceName, u64)>,
}

/// A batch under way.
pub(crate) struct Waiting {
    pub(crate) commit: Commit,
    /// Grows whenever the taking task has read its identities and repeats anew.
    pub(crate) epoch: u64,
    pub(crate) effects: Effects,
}

impl Effects {
    /// What entries say that are not alone in their batch.
    pub(crate) fn note(&mut self, entries: &[Entry]) {
        let readings = |entry: &Entry| if let Entry::Message(record) = entry { record.readings.len() } else { 0 };
        self.readings.reserve(entries.iter().map(readings).sum());
        for entry in entries {
            match entry {
                Entry::Device(record) => self.devices.push(record.clone()),
                Entry::Series(record) => self.series.push(record.clone()),
                Entry::Message(record) => {
                    let before = self.readings.len();
                    self.readings.extend_from_slice(&record.readings);
                    if record.source.as_str() == IMPORT {
                        self.of_tables.push(before..self.readings.len());
                    }
                }
                Entry::Unread(_) | Entry::UnreadDone(_) => self.inbox_changed = true,
                // What a decision does is told by `decision`.
                Entry::Book(_)
                | Entry::Hidden(_)
                | Entry::DeviceDeleted(_)
                | Entry::DeviceMerged(_)
                | Entry::Expired(_) => {}
            }
        }
    }
}

impl Draft {
    /// With room for so many messages of the usual kind.
    pub(crate) fn expecting(messages: usize) -> Self {
        let mut draft = Self { entries: Vec::with_capacity(messages + 1), ..Self::default() };
        draft.effects.arrivals.reserve(messages);
        draft.effects.traces.reserve(messages);
        draft.effects.answers.reserve(messages);
        draft
    }

    /// Of one message that is answered behind a change of announcements.
    pub(crate) fn answered_behind(change: Option<u64>) -> Self {
        Self { behind: change, ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.books.is_empty()
    }

    /// The book of a source; there are a handful of sources, so looking through a list is the fastest.
    pub(crate) fn book(&mut self, source: &SourceName) -> &mut Book {
        let index = self.books.iter().position(|delta| delta.source == *source).unwrap_or_else(|| {
            self.books.push(BookDelta { source: source.clone(), book: Book::default() });
            self.books.len() - 1
        });
        &mut self.books[index].book
    }

    /// Counts the weight of entries behind `from`: a name is at most 256 bytes, a reading about 40 and its text.
    pub(crate) fn weigh(&mut self, from: usize) {
        const RECORD: usize = 700;
        const READING: usize = 48;
        let weight = |entry: &Entry| match entry {
            Entry::Message(record) => record.readings.iter().fold(RECORD, |sum, entry| match &entry.reading.value {
                Value::Text(text) => sum + READING + text.len(),
                Value::Number(_) | Value::Bool(_) => sum + READING,
            }),
            Entry::Unread(record) => RECORD + record.payload.len(),
            Entry::Device(_)
            | Entry::Series(_)
            | Entry::UnreadDone(_)
            | Entry::Book(_)
            | Entry::Hidden(_)
            | Entry::DeviceDeleted(_)
            | Entry::DeviceMerged(_)
            | Entry::Expired(_) => RECORD,
        };
        self.bytes += self.entries.iter().skip(from).map(weight).sum::<usize>();
    }

    /// Counts the fate of one message.
    pub(crate) fn count(&mut self, source: &SourceName, outcome: Outcome) {
        let messages = &mut self.book(source).messages;
        messages.received += 1;
        match outcome {
            Outcome::Stored { .. } => messages.stored += 1,
            Outcome::NoReading { kind } => *messages.no_reading.entry(kind.to_owned()).or_default() += 1,
            Outcome::Unread => *messages.no_reading.entry("unread".to_owned()).or_default() += 1,
            Outcome::Duplicate => messages.duplicate += 1,
            Outcome::Rejected(reason) => *messages.rejected.entry(reason).or_default() += 1,
            Outcome::Unknown => messages.received -= 1,
        }
    }

    /// Tells somebody about the message at hand once the batch is durable.
    pub(crate) fn answer(&mut self, asker: Asker, outcome: Outcome) {
        self.answer_kept(asker, outcome, None);
    }

    /// The same of a message that can be taken again.
    pub(crate) fn answer_kept(&mut self, asker: Asker, outcome: Outcome, kept: Option<Box<Kept>>) {
        self.effects.answers.push(Answer { asker, outcome, behind: self.behind.take(), kept });
    }

    /// Counts one value read out of a message.
    pub(crate) fn count_reading(&mut self, source: &SourceName, rejected: Option<RejectReason>) {
        let readings = &mut self.book(source).readings;
        readings.decoded += 1;
        if let Some(reason) = rejected {
            *readings.rejected.entry(reason).or_default() += 1;
        }
    }

    /// The batch, and what to do when it is durable. New devices and series become visible with it.
    pub(crate) fn close(mut self) -> (Batch, Effects) {
        self.effects.note(&self.entries);
        let received = self.books.iter().map(|delta| (delta.source.clone(), delta.book.messages.received));
        self.effects.received = received.collect();
        self.entries.extend(self.books.into_iter().map(Entry::Book));
        (Batch { entries: self.entries }, self.effects)
    }
}

/// The start of a payload as text for people, if it is text.
pub(crate) fn excerpt(payload: &[u8]) -> Option<Arc<str>> {
    const BYTES_MAX: usize = 200;
    let start = payload.get(..BYTES_MAX).unwrap_or(payload);
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(cut) if cut.valid_up_to() + 4 > start.len() => std::str::from_utf8(&start[..cut.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    Some(text.trim().into())
}
