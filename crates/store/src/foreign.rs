//! Servers that share a store: what each is called, and how one hears what the others did.

use std::sync::Arc;

use model::Timestamp;

use crate::Batch;

/// The number of a server among those that share a store; 0 where there is only one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub u8);

impl Node {
    /// As many as there can be. A node above 0 gives ids that are its number modulo this, so that no two give the same.
    pub const CLASSES: u32 = 256;
}

/// What another server did.
#[derive(Clone, Debug, PartialEq)]
pub enum Foreign {
    /// It made this durable. What says which devices and series exist and to whom readings belong comes in the one order that
    /// holds for all, and before the readings that need it; `restored` knows it already.
    Batch {
        /// Who.
        node: Node,
        /// What.
        batch: Arc<Batch>,
    },
    /// Documents of this kind were written or removed.
    Documents(String),
    /// More happened than could be told: `restored` and the catalogue know it all.
    Missed,
}

/// A server as the others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// Its number.
    pub node: Node,
    /// Whether it is this one.
    pub own: bool,
    /// Where its page is, such as `http://10.0.0.5:8080`.
    pub http: String,
    /// Of the program.
    pub version: String,
    /// Its last heartbeat, by its own clock.
    pub seen: Timestamp,
    /// Milliseconds since that was heard here.
    pub silent_ms: u64,
    /// How far its clock is ahead of ours, in milliseconds; negative when behind. Right to about the time of a request.
    pub clock_skew_ms: i64,
    /// How long what it stores takes until it is seen here, in milliseconds; none while nothing comes.
    pub lag_ms: Option<u64>,
}
