//! What can be seen of a connection while it lives, and of the ones before it.

use std::collections::VecDeque;

use parking_lot::Mutex;
use source::{Gap, LinkState, LinkView, Seen};

/// Topics remembered of one broker. Beyond it the one unheard for longest is forgotten.
const SEEN_MAX: usize = 200;
/// Characters of a payload that are remembered. The rest is left out.
const SEEN_TEXT_MAX: usize = 200;
/// Gaps remembered. Beyond it the oldest is forgotten.
const GAPS_MAX: usize = 32;

pub struct Status {
    inner: Mutex<Inner>,
}

struct Inner {
    view: LinkView,
    seen: VecDeque<Seen>,
    lost: Option<i64>,
}

impl Status {
    pub fn new(state: LinkState, now: i64) -> Self {
        let view =
            LinkView { state, detail: None, since: now, received: 0, refused: 0, in_flight: 0, gaps: Vec::new() };
        Self { inner: Mutex::new(Inner { view, seen: VecDeque::new(), lost: None }) }
    }

    pub fn view(&self) -> LinkView {
        self.inner.lock().view.clone()
    }

    /// The newest first.
    pub fn seen(&self) -> Vec<Seen> {
        self.inner.lock().seen.iter().rev().cloned().collect()
    }

    pub fn set(&self, state: LinkState, detail: Option<String>, now: i64) {
        let view = &mut self.inner.lock().view;
        if view.state != state {
            view.since = now;
        }
        view.state = state;
        view.detail = detail;
    }

    /// The connection is subscribed. Without its session the broker may have kept nothing since the last one was lost.
    pub fn connected(&self, session_present: bool, now: i64) {
        let inner = &mut *self.inner.lock();
        if let Some(from) = inner.lost.take()
            && !session_present
        {
            if inner.view.gaps.len() == GAPS_MAX {
                inner.view.gaps.remove(0);
            }
            inner.view.gaps.push(Gap { from, to: now });
        }
        inner.view.state = LinkState::Connected;
        inner.view.since = now;
        inner.view.detail = None;
    }

    /// A connection that was subscribed is gone.
    pub fn lost(&self, now: i64) {
        let inner = &mut *self.inner.lock();
        inner.lost = inner.lost.or(Some(now));
        inner.view.in_flight = 0;
    }

    pub fn received(&self, topic: &str, payload: &[u8], now: i64) {
        let inner = &mut *self.inner.lock();
        inner.view.received += 1;
        if let Some(at) = inner.seen.iter().position(|seen| seen.topic == topic) {
            inner.seen.remove(at);
        } else if inner.seen.len() == SEEN_MAX {
            inner.seen.pop_front();
        }
        let start = payload.get(..SEEN_TEXT_MAX * 4).unwrap_or(payload);
        let text = String::from_utf8_lossy(start).chars().take(SEEN_TEXT_MAX).collect();
        inner.seen.push_back(Seen { topic: topic.to_owned(), text, t: now });
    }

    pub fn refused(&self) {
        self.inner.lock().view.refused += 1;
    }

    pub fn in_flight(&self, count: usize) {
        self.inner.lock().view.in_flight = count as u64;
    }
}
