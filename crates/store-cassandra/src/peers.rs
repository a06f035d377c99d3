//! What the other servers do: their journals and the common decisions are read to their ends again and again, and told on.
//!
//! A record of another server's journal is told only when every decision that it may refer to was. One that nobody settles,
//! since its server is gone, is written out by whoever sees that.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Known;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use store::{Batch, Entry, Foreign, Node, StoreError};
use tokio::sync::mpsc;

use crate::changes::Changes;
use crate::checkpoint;
use crate::decisions::is_decision;
use crate::journal::{self, Found, Reached};
use crate::nodes::{BEAT_EVERY, Nodes, Other};
use crate::write::Shared;

/// Between two looks. A reading is seen by the other servers about so much later.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(250);
/// What waits to be taken by whoever listens. At the limit it is told that it missed something.
const TOLD_MAX: usize = 4_096;
/// The journal of a server that was not heard for so long is not asked for any more.
const GONE_MS: u64 = 600_000;
/// A journal that could not be read to its end for so many looks has a gap: some of it was lost, or there were two writers.
const STUCK_MAX: u32 = 40;
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
        if !*missed {
            *missed = to.try_send(foreign).is_err();
        }
    }

    /// Tells that something was missed, once there is room for it.
    fn tell_missed(&self) {
        let mut listening = self.0.lock();
        let Listening { to: Some(to), missed } = &mut *listening else { return };
        *missed = *missed && to.try_send(Foreign::Missed).is_err();
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
    /// Looks in a row after which it was said to go further than could be read.
    stuck: u32,
}

impl Peers {
    /// Reads the journal of each of `nodes` to its end. What comes up is told if `tell`.
    pub(crate) async fn follow(&mut self, shared: &Shared, nodes: &[Other], tell: bool) -> Result<(), StoreError> {
        for other in nodes {
            match self.follow_one(shared, *other, tell).await {
                // One that is newer or damaged does not keep the others from being heard.
                Err(StoreError::Damaged(why)) => {
                    tracing::warn!(node = other.node, why, "what another server took in is not heard");
                }
                followed => followed?,
            }
        }
        Ok(())
    }

    async fn follow_one(&mut self, shared: &Shared, other: Other, tell: bool) -> Result<(), StoreError> {
        let Other { node, silent_ms, durable } = other;
        let peer = match self.0.entry(node) {
            Known::Occupied(known) => known.into_mut(),
            Known::Vacant(new) => {
                let kept = checkpoint::kept_of(&shared.cluster, node).await?;
                shared.memory.write().hear_kept(&kept);
                if tell {
                    // It began after us, and what it took in before its checkpoint was told by nobody.
                    checkpoint::read_newest(&shared.cluster, &shared.memory).await?;
                    shared.listener.tell(Foreign::Missed);
                }
                let reached = Reached { next: kept.sequence + 1, written: kept.written };
                new.insert(Peer { reached, settled: kept.sequence, in_doubt: Vec::new(), stuck: 0 })
            }
        };
        peer.follow(shared, node, tell).await?;
        peer.stuck = if durable >= peer.reached.next { peer.stuck + 1 } else { 0 };
        if peer.stuck >= STUCK_MAX {
            tracing::warn!(node, "the journal of another server has a gap; it is read anew from its last checkpoint");
            self.0.remove(&node);
            return Ok(());
        }
        peer.write_out(shared, silent_ms).await;
        Ok(())
    }
}

/// Follows the others for as long as it is polled: their journals, and what they change in the catalogue.
pub(crate) async fn follow(shared: Arc<Shared>, nodes: Arc<Nodes>, mut peers: Peers, mut changes: Changes) {
    let journals = async {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            shared.listener.tell_missed();
            let live: Vec<_> = nodes.others().into_iter().filter(|other| other.silent_ms < GONE_MS).collect();
            let followed = async {
                shared.follow_decisions().await?;
                peers.follow(&shared, &live, true).await
            };
            if let Err(error) = followed.await {
                tracing::debug!(%error, "the journals of the other servers are asked for again");
            }
        }
    };
    let documents = async {
        loop {
            changes.next().await.into_iter().for_each(|kind| shared.listener.tell(Foreign::Documents(kind)));
        }
    };
    tokio::join!(journals, documents);
}

/// Says that this server is there, and hears the others, for as long as it is polled.
pub(crate) async fn beat(shared: Arc<Shared>, nodes: Arc<Nodes>) {
    loop {
        let durable = shared.memory.read().sequence;
        let beaten = async {
            nodes.beat(durable).await?;
            nodes.look().await
        };
        if let Err(error) = beaten.await {
            tracing::debug!(%error, "the heartbeat is tried again");
        }
        tokio::time::sleep(BEAT_EVERY).await;
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
                if tell {
                    let now = shared.cluster.clock.now().millis();
                    let lag = u64::try_from(now - found.written.div_euclid(1_000)).unwrap_or(0);
                    shared.lags.lock().insert(node, lag);
                }
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
                match entry {
                    Entry::Message(message) => {
                        memory.hear(message, found.written);
                        message
                            .repeat
                            .iter()
                            .for_each(|mark| memory.hear_mark(&message.source, message.received, mark));
                    }
                    Entry::Unread(record) => {
                        record.repeat.iter().for_each(|mark| memory.hear_mark(&record.source, record.received, mark));
                    }
                    Entry::Device(_)
                    | Entry::Series(_)
                    | Entry::UnreadDone(_)
                    | Entry::Book(_)
                    | Entry::Hidden(_)
                    | Entry::DeviceDeleted(_)
                    | Entry::DeviceMerged(_)
                    | Entry::Expired(_) => {}
                }
            }
            // Decisions were told at their place in the order of all.
            let entries: Vec<Entry> = batch.entries.iter().filter(|entry| !is_decision(entry)).cloned().collect();
            if tell && !entries.is_empty() {
                shared.listener.tell(told(node, entries));
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

/// What another server did, to be told.
pub(crate) fn told(node: u8, entries: Vec<Entry>) -> Foreign {
    Foreign::Batch { node: Node(node), batch: Arc::new(Batch { entries }) }
}
