//! How much came in, settled or not: the left side of the books, how often, and how long the oldest of it has waited.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use model::{SourceName, Timestamp};
use store::StoreStats;

use crate::Ingest;
use crate::rate::Rate;

/// Moments remembered of one source. More are under way than batches wait for their commit; beyond it the oldest goes, and the
/// wait is told shorter than it is.
const MOMENTS_MAX: usize = 32;

/// How many messages of each source were taken in, over restarts.
#[derive(Debug, Default)]
pub(crate) struct Taken(Mutex<BTreeMap<SourceName, Flow>>);

/// One source.
#[derive(Debug, Default)]
struct Flow {
    received: u64,
    rate: Rate,
    /// When messages were taken in, and how many had been then.
    moments: VecDeque<(Timestamp, u64)>,
}

/// How a source flows at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceFlow {
    /// Messages taken in, over restarts.
    pub received: u64,
    /// Of these, how many came in the last minute.
    pub per_minute: u64,
    /// Of these, how many are not durable yet.
    pub in_flight: u64,
    /// How long the oldest of those has waited, in milliseconds; 0 without one.
    pub lag_ms: u64,
}

impl Flow {
    fn count(&mut self, now: Timestamp) {
        self.received += 1;
        self.rate.count(now);
        match self.moments.back_mut() {
            Some((at, received)) if *at == now => *received = self.received,
            Some(_) | None => {
                if self.moments.len() >= MOMENTS_MAX {
                    self.moments.pop_front();
                }
                self.moments.push_back((now, self.received));
            }
        }
    }

    fn seen(&self, settled: u64, now: Timestamp) -> SourceFlow {
        let oldest = self.moments.iter().find(|(_, received)| *received > settled);
        let waited = oldest.map_or(0, |(at, _)| now.millis() - at.millis());
        SourceFlow {
            received: self.received.max(settled),
            per_minute: self.rate.per_minute(now),
            in_flight: self.received.saturating_sub(settled),
            lag_ms: u64::try_from(waited).unwrap_or_default(),
        }
    }
}

impl Taken {
    pub(crate) fn resume(stats: &StoreStats) -> Self {
        let flow = |received| Flow { received, ..Flow::default() };
        let received = stats.books.iter().map(|(source, book)| (source.clone(), flow(book.messages.received)));
        Self(Mutex::new(received.collect()))
    }

    pub(crate) fn by_source(&self) -> BTreeMap<SourceName, u64> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.iter().map(|(source, flow)| (source.clone(), flow.received)).collect()
    }

    /// Messages that were not stored and will never be acknowledged: whoever sent them still has them.
    pub(crate) fn forget(&self, received: &[(SourceName, u64)]) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (source, count) in received {
            if let Some(flow) = taken.get_mut(source) {
                flow.received = flow.received.saturating_sub(*count);
                for (_, received) in &mut flow.moments {
                    *received = received.saturating_sub(*count);
                }
            }
        }
    }

    pub(crate) fn count(&self, source: &SourceName, now: Timestamp) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(source) {
            Some(flow) => flow.count(now),
            None => taken.entry(source.clone()).or_default().count(now),
        }
    }
}

impl Ingest {
    /// How each source flows that ever brought a message.
    #[must_use]
    pub fn flows(&self) -> BTreeMap<SourceName, SourceFlow> {
        let (settled, now) = (self.store.stats().books, self.clock.now());
        let taken = self.shared.taken.0.lock().unwrap_or_else(PoisonError::into_inner);
        let flows = taken.iter().map(|(source, flow)| {
            let settled = settled.get(source).map_or(0, |book| book.messages.received);
            (source.clone(), flow.seen(settled, now))
        });
        flows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::saturating(1_800_000_000_000 + ms)
    }

    #[test]
    fn the_oldest_message_that_is_not_durable_is_the_lag() {
        let mut flow = Flow::default();
        for ms in [0, 0, 10, 25] {
            flow.count(at(ms));
        }
        let seen = |settled| flow.seen(settled, at(100));
        assert_eq!(seen(0), SourceFlow { received: 4, per_minute: 4, in_flight: 4, lag_ms: 100 });
        assert_eq!((seen(1).lag_ms, seen(2).lag_ms, seen(3).lag_ms), (100, 90, 75));
        assert_eq!(seen(4), SourceFlow { received: 4, per_minute: 4, in_flight: 0, lag_ms: 0 });
    }

    #[test]
    fn a_batch_that_came_to_nothing_leaves_no_lag() {
        let source = SourceName::parse("mqtt").unwrap();
        let taken = Taken::default();
        (0..3).for_each(|ms| taken.count(&source, at(ms)));
        taken.forget(&[(source.clone(), 2)]);
        let flows = taken.0.lock().unwrap();
        assert_eq!(flows[&source].seen(1, at(9)).lag_ms, 0);
        assert_eq!(flows[&source].seen(0, at(9)), SourceFlow { received: 1, per_minute: 3, in_flight: 1, lag_ms: 7 });
    }
}
