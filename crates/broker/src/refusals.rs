//! The last refused and broken connections, for people, and one log line for each, at a bounded rate.
//!
//! Ordinary endings are not in here: a device that leaves is no event of the broker, nor is its own stop.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use model::Timestamp;
use parking_lot::Mutex;

use crate::reason::Reason;

/// One connection that was refused, or that was closed because something was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When, by the server's clock.
    pub time: Timestamp,
    /// From where.
    pub ip: IpAddr,
    /// The client identifier if it came that far. Free text of the network, never trusted.
    pub client: Option<Arc<str>>,
    /// Why.
    pub reason: Reason,
    /// How often, since it stands in the list: the same again takes its place.
    pub count: u64,
}

/// A bounded ring of them.
pub(crate) struct Refusals {
    refusals_max: usize,
    lines_per_second: u32,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    ring: VecDeque<Refusal>,
    second: i64,
    lines: u32,
    unsaid: u64,
}

impl Refusals {
    pub(crate) fn new(refusals_max: usize, lines_per_second: u32) -> Self {
        Self { refusals_max, lines_per_second, kept: Mutex::default() }
    }

    /// Oldest first.
    pub(crate) fn list(&self) -> Vec<Refusal> {
        self.kept.lock().ring.iter().cloned().collect()
    }

    /// Keeps it, and says it unless too much was said in this second.
    pub(crate) fn add(&self, refusal: Refusal) {
        if !refusal.reason.is_news() {
            return;
        }
        if let Some(unsaid) = self.keep(&refusal) {
            tracing::warn!(
                reason = refusal.reason.as_str(),
                ip = %refusal.ip,
                client = refusal.client.as_deref().map(tracing::field::debug),
                unsaid,
                "{}",
                refusal.reason.sentence()
            );
        }
    }

    /// The number of lines left out so far if this one may be said.
    fn keep(&self, refusal: &Refusal) -> Option<u64> {
        let mut kept = self.kept.lock();
        let of = |kept: &Refusal| (kept.ip, kept.reason, kept.client.clone());
        let before = kept.ring.iter().position(|kept| of(kept) == of(refusal));
        let count = before.and_then(|at| kept.ring.remove(at)).map_or(0, |before| before.count);
        if kept.ring.len() >= self.refusals_max {
            kept.ring.pop_front();
        }
        if self.refusals_max > 0 {
            kept.ring.push_back(Refusal { count: count + refusal.count, ..refusal.clone() });
        }
        let second = refusal.time.millis().div_euclid(1000);
        if second != kept.second {
            kept.second = second;
            kept.lines = 0;
        }
        if kept.lines >= self.lines_per_second {
            kept.unsaid += 1;
            return None;
        }
        kept.lines += 1;
        Some(std::mem::take(&mut kept.unsaid))
    }
}
