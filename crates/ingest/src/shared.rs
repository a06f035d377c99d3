//! What both tasks and the handle see.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use model::Timestamp;
use store::Node;
use tokio::sync::watch;

use crate::announcements::Announcements;
use crate::bindings::Bindings;
use crate::heard::HeardList;
use crate::live::LiveRing;
use crate::registry::Registry;
use crate::rules::RuleBook;
use crate::taken::Taken;
use crate::traces::Traces;

/// What the tasks and the handle share.
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) bindings: Bindings,
    pub(crate) rules: RuleBook,
    pub(crate) announced: Arc<Announcements>,
    pub(crate) heard: HeardList,
    pub(crate) traces: Traces,
    pub(crate) live: Arc<LiveRing>,
    pub(crate) taken: Taken,
    /// A batch was not stored: the taking task's identities are ahead of the store's and must be read anew.
    pub(crate) identity_lost: AtomicBool,
    /// This server among those that share the store; none where it has the store for itself.
    pub(crate) node: Option<Node>,
    /// Batches since start whose outcome is known and followed.
    pub(crate) settled: watch::Sender<u64>,
    /// Batches since start that were not stored.
    pub(crate) batches_lost: AtomicU64,
    /// The greatest server time of any message, in epoch milliseconds.
    pub(crate) server_ms: AtomicI64,
}

impl Shared {
    /// Whether other servers may change what is stored.
    pub(crate) fn is_shared(&self) -> bool {
        self.node.is_some()
    }

    /// A message was stamped.
    pub(crate) fn stamped(&self, time: Timestamp) {
        self.server_ms.fetch_max(time.millis(), Ordering::Relaxed);
    }

    /// The clock, unless it is behind a message that is there: then the time of that.
    pub(crate) fn not_before_messages(&self, now: Timestamp) -> Timestamp {
        now.max(Timestamp::saturating(self.server_ms.load(Ordering::Relaxed)))
    }

    /// A batch of messages was not stored.
    pub(crate) fn batch_lost(&self) {
        self.batches_lost.fetch_add(1, Ordering::Relaxed);
        self.identity_lost();
    }

    /// The taking task knows more than the store.
    pub(crate) fn identity_lost(&self) {
        self.identity_lost.store(true, Ordering::Release);
    }

    pub(crate) fn take_identity_lost(&self) -> bool {
        self.identity_lost.swap(false, Ordering::AcqRel)
    }
}
