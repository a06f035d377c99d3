//! What was withdrawn, for those that announce it again: their values get their names back, also after a restart.

use std::collections::VecDeque;

use super::subject::{Part, Subject};

/// Bytes of withdrawn announcements, as they are kept, and how many. More: the oldest is forgotten, and is new when it is
/// announced again.
const BYTES_MAX: usize = 1024 * 1024;
const SUBJECTS_MAX: usize = 1_024;

#[derive(Default)]
pub(super) struct Withdrawn {
    /// The oldest first.
    subjects: VecDeque<Subject>,
    bytes: usize,
}

impl Withdrawn {
    /// Answers those that are forgotten for it.
    pub(super) fn remember(&mut self, subject: Subject) -> Vec<Subject> {
        self.bytes += subject.bytes;
        self.subjects.push_back(subject);
        let mut forgotten = Vec::new();
        while self.subjects.len() > SUBJECTS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.subjects.pop_front() else { break };
            self.bytes -= oldest.bytes;
            forgotten.push(oldest);
        }
        forgotten
    }

    /// What that client withdrew there last; it is no longer remembered then.
    pub(super) fn take(&mut self, key: &str, owner: &str) -> Option<Subject> {
        let same = |subject: &Subject| *subject.key == *key && *subject.owner == *owner;
        let place = self.subjects.iter().rposition(same)?;
        let subject = self.subjects.remove(place)?;
        self.bytes -= subject.bytes;
        Some(subject)
    }

    /// The change with which that client withdrew there last, as far as it is remembered.
    pub(super) fn serial_of(&self, key: &str, owner: &str) -> Option<u64> {
        let same = |subject: &&Subject| *subject.key == *key && *subject.owner == *owner;
        self.subjects.iter().rev().find(same).map(|subject| subject.serial)
    }

    /// Whether a part that was found is one of these.
    pub(super) fn holds(&self, part: &Part) -> bool {
        let of = |subject: &Subject| *subject.key == *part.subject && *subject.owner == *part.owner;
        self.subjects.iter().any(|subject| subject.serial == part.serial && of(subject))
    }
}
