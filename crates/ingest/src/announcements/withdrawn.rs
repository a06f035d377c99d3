//! What was withdrawn since the start, for those that announce it again.

use std::collections::VecDeque;
use std::sync::Arc;

use super::subject::Subject;

/// Bytes of withdrawn announcements, as they were kept, and how many. More: the oldest is forgotten, and is new when it is
/// announced again.
const BYTES_MAX: usize = 1024 * 1024;
const SUBJECTS_MAX: usize = 1_024;

#[derive(Default)]
pub(super) struct Withdrawn {
    /// The oldest first.
    subjects: VecDeque<Arc<Subject>>,
    bytes: usize,
}

impl Withdrawn {
    pub(super) fn remember(&mut self, subject: &Arc<Subject>) {
        self.subjects.push_back(Arc::clone(subject));
        self.bytes += subject.bytes;
        while self.subjects.len() > SUBJECTS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.subjects.pop_front() else { return };
            self.bytes -= oldest.bytes;
        }
    }

    /// What that client withdrew there last; it is no longer remembered then.
    pub(super) fn take(&mut self, key: &str, owner: &str) -> Option<Arc<Subject>> {
        let same = |subject: &Arc<Subject>| *subject.key == *key && *subject.owner == *owner;
        let place = self.subjects.iter().rposition(same)?;
        let subject = self.subjects.remove(place)?;
        self.bytes -= subject.bytes;
        Some(subject)
    }
}
