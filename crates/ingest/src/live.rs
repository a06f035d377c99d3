//! The newest stored readings, kept for live clients: a bounded ring that each client reads at its own pace.
//!
//! There is no queue per client, so a client that stops reading costs nothing; when it comes back later than the ring is
//! long it is told to start over.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use store::{Sequence, SeriesReading};
use tokio::sync::watch;

/// The readings of one durable batch, of this server or another one.
#[derive(Debug)]
pub struct LiveBatch {
    /// Its place in this ring. It grows by one with each, and is no position in the log: what other servers stored has a place, too.
    pub sequence: Sequence,
    /// In order of arrival.
    pub readings: Vec<SeriesReading>,
}

/// What a client has missed.
#[derive(Debug)]
pub enum Since {
    /// Everything behind its cursor, oldest first; empty when it missed nothing.
    Batches(Vec<Arc<LiveBatch>>),
    /// The ring no longer reaches back so far.
    Gone,
}

/// See the module.
#[derive(Debug)]
pub struct LiveRing {
    ring: Mutex<Ring>,
    newest: watch::Sender<Sequence>,
    bytes_max: usize,
}

#[derive(Debug)]
struct Ring {
    batches: VecDeque<Arc<LiveBatch>>,
    bytes: usize,
    /// The newest sequence that is not in the ring any more, or was there before the start.
    gone: Sequence,
}

impl Ring {
    fn next(&self) -> Sequence {
        Sequence(self.batches.back().map_or(self.gone, |newest| newest.sequence).0 + 1)
    }
}

fn bytes_of(batch: &LiveBatch) -> usize {
    size_of::<LiveBatch>() + batch.readings.len() * size_of::<SeriesReading>()
}

impl LiveRing {
    pub(crate) fn starting_after(sequence: Sequence, bytes_max: usize) -> Self {
        Self {
            ring: Mutex::new(Ring { batches: VecDeque::new(), bytes: 0, gone: sequence }),
            newest: watch::Sender::new(sequence),
            bytes_max,
        }
    }

    pub(crate) fn push(&self, readings: Vec<SeriesReading>) {
        let sequence;
        {
            let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
            sequence = ring.next();
            let batch = LiveBatch { sequence, readings };
            ring.bytes += bytes_of(&batch);
            ring.batches.push_back(Arc::new(batch));
            while ring.bytes > self.bytes_max && ring.batches.len() > 1 {
                if let Some(oldest) = ring.batches.pop_front() {
                    ring.bytes -= bytes_of(&oldest);
                    ring.gone = oldest.sequence;
                }
            }
        }
        self.tell(sequence);
    }

    /// Some readings never came: whoever has not seen the newest yet starts over.
    pub(crate) fn missed(&self) {
        let sequence;
        {
            let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
            sequence = ring.next();
            *ring = Ring { batches: VecDeque::new(), bytes: 0, gone: sequence };
        }
        self.tell(sequence);
    }

    /// Two may push at once: the newest is told last.
    fn tell(&self, sequence: Sequence) {
        self.newest.send_if_modified(|newest| {
            let newer = *newest < sequence;
            *newest = sequence.max(*newest);
            newer
        });
    }

    /// Changes readings that are in the ring already; those for which `edit` answers false leave it.
    pub(crate) fn rewrite(&self, edit: impl Fn(&mut SeriesReading) -> bool) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        for place in &mut ring.batches {
            let mut readings = place.readings.clone();
            readings.retain_mut(&edit);
            if readings != place.readings {
                *place = Arc::new(LiveBatch { sequence: place.sequence, readings });
            }
        }
        ring.bytes = ring.batches.iter().map(|batch| bytes_of(batch)).sum();
    }

    /// Everything behind `cursor`.
    #[must_use]
    pub fn since(&self, cursor: Sequence) -> Since {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if cursor < ring.gone {
            return Since::Gone;
        }
        let first = ring.batches.partition_point(|batch| batch.sequence <= cursor);
        Since::Batches(ring.batches.range(first..).cloned().collect())
    }

    /// The newest durable sequence, and notice of every later one.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<Sequence> {
        self.newest.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequences(since: Since) -> Option<Vec<u64>> {
        match since {
            Since::Batches(batches) => Some(batches.iter().map(|batch| batch.sequence.0).collect()),
            Since::Gone => None,
        }
    }

    #[test]
    fn a_client_gets_what_it_missed_or_is_told_that_it_is_gone() {
        let ring = LiveRing::starting_after(Sequence(10), 3 * size_of::<LiveBatch>());
        for _ in 11..=15 {
            ring.push(Vec::new());
        }
        assert_eq!(sequences(ring.since(Sequence(13))), Some(vec![14, 15]));
        assert_eq!(sequences(ring.since(Sequence(12))), Some(vec![13, 14, 15]));
        assert_eq!(sequences(ring.since(Sequence(11))), None);
        assert_eq!(sequences(ring.since(Sequence(15))), Some(vec![]));
    }

    #[test]
    fn who_has_not_seen_what_was_missed_starts_over() {
        let ring = LiveRing::starting_after(Sequence(10), 1000);
        ring.push(Vec::new());
        ring.missed();
        assert_eq!(sequences(ring.since(Sequence(11))), None);
        assert_eq!(sequences(ring.since(Sequence(12))), Some(vec![]));
        assert_eq!(*ring.newest().borrow(), Sequence(12));
        ring.push(Vec::new());
        assert_eq!(sequences(ring.since(Sequence(12))), Some(vec![13]));
    }

    #[test]
    fn before_the_first_batch_the_start_is_the_only_cursor() {
        let ring = LiveRing::starting_after(Sequence(10), 1000);
        assert_eq!(sequences(ring.since(Sequence(10))), Some(vec![]));
        assert_eq!(sequences(ring.since(Sequence(9))), None);
    }
}
