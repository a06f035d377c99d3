//! What can be seen of a connection while it lives, and of the ones before it.

use parking_lot::Mutex;
use source::{Gap, LinkState, LinkView};

use crate::memory::Remembered;

/// Gaps remembered. Beyond it the oldest is forgotten.
const GAPS_MAX: usize = 32;

pub struct Status {
    inner: Mutex<Inner>,
}

struct Inner {
    view: LinkView,
    /// The last moment at which a connection was known to be subscribed, until the next one is.
    lost: Option<i64>,
    /// As above, also while one is.
    heard: Option<i64>,
    session: u32,
}

impl Status {
    /// With what is known of the connections before.
    pub fn new(state: LinkState, now: i64, before: Remembered) -> Self {
        let Remembered { gaps, heard, session } = before;
        let view = LinkView { state, detail: None, since: now, received: 0, refused: 0, in_flight: 0, gaps };
        Self { inner: Mutex::new(Inner { view, lost: heard, heard, session }) }
    }

    pub fn view(&self) -> LinkView {
        self.inner.lock().view.clone()
    }

    /// What is to be known at the next start.
    pub fn remembered(&self) -> Remembered {
        let inner = self.inner.lock();
        Remembered { gaps: inner.view.gaps.clone(), heard: inner.heard, session: inner.session }
    }

    /// The broker made a new session.
    pub fn begun(&self) {
        let inner = &mut *self.inner.lock();
        inner.session = inner.session.wrapping_add(1);
    }

    /// The connection is subscribed still.
    pub fn heard(&self, now: i64) {
        self.inner.lock().heard = Some(now);
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
        inner.heard = Some(now);
        inner.view.state = LinkState::Connected;
        inner.view.since = now;
        inner.view.detail = None;
    }

    /// A connection that was subscribed is gone.
    pub fn lost(&self, now: i64) {
        let inner = &mut *self.inner.lock();
        inner.lost = inner.lost.or(Some(now));
        inner.heard = Some(now);
        inner.view.in_flight = 0;
    }

    pub fn received(&self) {
        self.inner.lock().view.received += 1;
    }

    pub fn refused(&self) {
        self.inner.lock().view.refused += 1;
    }

    pub fn in_flight(&self, count: usize) {
        self.inner.lock().view.in_flight = count as u64;
    }
}
