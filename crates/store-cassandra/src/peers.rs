//! What the other servers do: their journals and the common decisions are read to their ends again and again, and told on.
//!
//! A record of another server's journal is told only when every decision that it may refer to was. One that nobody settles,
//! since its server is gone, is written out by whoever sees that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use store::{Batch, Entry, Foreign, Node, StoreError};
use tokio::sync::mpsc;

use crate::checkpoint::Checkpoints;
use crate::journal::{self, Found, Reached};
use crate::write::Shared;

/// Between two looks. A reading is seen by the other servers about so much later.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(250);
/// What waits to be taken by whoever listens. At the limit it is told that it missed something.
const TOLD_MAX: usize = 4_096;
/// A server that was not heard for so long does not write out what its journal says any more.
const SILENT_MAX_MS: u64 = 60_000;

/// Whoever wants to hear what others do.
#[derive(Default)]
pub(crate) struct Listener(Mutex<Listening>);

#[derive(Default)]
struct Listening {
    to: Option<mpsc::Sender<Foreign>>,
    missed: bool,
}

impl Listener {
    /// Only the last one who called hears.
    pub(crate) fn listen(&self) -> mpsc::Receiver<Foreign> {
        let (to, heard) = mpsc::channel(TOLD_MAX);
        *self.0.lock() = Listening { to: Some(to), missed: false };
        heard
    }

    pub(crate) fn tell(&self, foreign: Foreign) {
        let mut listening = self.0.lock();
        let Listening { to: Some(to), missed } = &mut *listening else { return };
        if *missed {
            *missed = to.try_send(Foreign::Missed).is_err();
        }
        if !*missed {
            *missed = to.try_send(foreign).is_err();
        }
    }
}

/// The journals of the other servers.
#[derive(Default)]
pub(crate) struct Peers(BTreeMap<u8, Peer>);

struct Peer {
    reached: Reached,
    settled: u64,
    /// Records that may not be written out yet.
    in_doubt: Vec<Found>,
}

impl Peers {
    /// Reads the journal of each of `nodes` to its end. What comes up is told if `tell`.
    pub(crate) async fn follow(&mut self, shared: &Shared, nodes: &[(u8, u64)], tell: bool) -> Result<(), StoreError> {
        for (node, silent_ms) in nodes {
            if !self.0.contains_key(node) {
                let (_, kept) = Checkpoints::read(&shared.cluster, *node).await?;
                let reached = Reached { next: kept.sequence + 1, written: kept.written };
                self.0.insert(*node, Peer { reached, settled: kept.sequence, in_doubt: Vec::new() });
            }
            if let Some(peer) = self.0.get_mut(node) {
                peer.follow(shared, *node, tell).await?;
                peer.write_out(shared, *silent_ms).await;
            }
        }
        Ok(())
    }

    /// How long the last record of a node took until it was seen here, in milliseconds.
    pub(crate) fn written(&self, node: u8) -> Option<i64> {
        self.0.get(&node).map(|peer| peer.reached.written).filter(|written| *written > 0)
    }
}

impl Peer {
    async fn follow(&mut self, shared: &Shared, node: u8, tell: bool) -> Result<(), StoreError> {
        loop {
            // What was reached counts only when it was told.
            let mut reached = self.reached;
            let records = journal::read_on(&shared.cluster, node, &mut reached).await?;
            if records.is_empty() {
                return Ok(());
            }
            let decided = records.iter().map(|found| found.record.decided).max().unwrap_or(0);
            if shared.memory.read().decided < decided {
                shared.follow_decisions().await?;
            }
            self.reached = reached;
            for found in records {
                self.hear(shared, node, &found, tell);
                self.settled = self.settled.max(found.record.settled);
                self.in_doubt.push(found);
            }
            let settled = self.settled;
            self.in_doubt.retain(|found| found.next() > settled + 1);
        }
    }

    fn hear(&self, shared: &Shared, node: u8, found: &Found, tell: bool) {
        let mut memory = shared.memory.write();
        for batch in &found.record.batches {
            for entry in &batch.entries {
                if let Entry::Message(message) = entry {
                    memory.hear(message, found.written);
                }
            }
            if tell {
                shared.listener.tell(Foreign::Batch { node: Node(node), batch: Arc::new(batch.clone()) });
            }
        }
    }

    async fn write_out(&mut self, shared: &Shared, silent_ms: u64) {
        if silent_ms < SILENT_MAX_MS {
            return;
        }
        for found in std::mem::take(&mut self.in_doubt) {
            shared.write_rows(&found.record.batches, found.written).await;
        }
    }
}

/// A decision of another server, to be told.
pub(crate) fn told(node: u8, entries: Vec<Entry>) -> Foreign {
    Foreign::Batch { node: Node(node), batch: Arc::new(Batch { entries }) }
}
