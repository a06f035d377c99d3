//! How much came in, settled or not: the left side of the books.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use model::SourceName;
use store::StoreStats;

/// How many messages of each source were taken in, over restarts.
#[derive(Debug, Default)]
pub(crate) struct Taken(Mutex<BTreeMap<SourceName, u64>>);

impl Taken {
    pub(crate) fn resume(stats: &StoreStats) -> Self {
        let received = stats.books.iter().map(|(source, book)| (source.clone(), book.messages.received));
        Self(Mutex::new(received.collect()))
    }

    pub(crate) fn by_source(&self) -> BTreeMap<SourceName, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Messages that were not stored and will never be acknowledged: whoever sent them still has them.
    pub(crate) fn forget(&self, received: &[(SourceName, u64)]) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (source, count) in received {
            if let Some(known) = taken.get_mut(source) {
                *known = known.saturating_sub(*count);
            }
        }
    }

    pub(crate) fn count(&self, source: &SourceName) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(source) {
            Some(count) => *count += 1,
            None => {
                taken.insert(source.clone(), 1);
            }
        }
    }
}
