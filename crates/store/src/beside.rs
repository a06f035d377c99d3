//! Several servers over one [`MemoryStore`](crate::MemoryStore): what is each one's own, and how it hears of the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Timestamp;
use tokio::sync::mpsc;

use crate::state::State;
use crate::{Batch, Entry, Foreign, Node, NodeReport, Sequence};

/// What others did and a server has not heard yet. Full: it is told that it missed something.
const UNHEARD_MAX: usize = 1_024;

/// The servers that share a memory; none is listed while it belongs to one.
#[derive(Debug, Default)]
pub(crate) struct Sharers {
    own: BTreeMap<Node, Own>,
    shared: bool,
}

/// Of one server.
#[derive(Debug)]
pub(crate) struct Own {
    /// Of this state only the books count.
    pub(crate) books: State,
    pub(crate) sequence: Sequence,
    pub(crate) closed: bool,
    told: Option<mpsc::Sender<Foreign>>,
}

impl Default for Own {
    fn default() -> Self {
        Self { books: State::new(0), sequence: Sequence::default(), closed: false, told: None }
    }
}

impl Own {
    fn tell(&self, foreign: Foreign) {
        let Some(told) = &self.told else { return };
        // The last place is for the word that something was missed; whoever takes that reads everything anew.
        let foreign = if told.capacity() > 1 { foreign } else { Foreign::Missed };
        let _ = told.try_send(foreign);
    }
}

impl Sharers {
    pub(crate) fn add(&mut self, node: Node) {
        self.shared = true;
        self.own.entry(node).or_default();
    }

    pub(crate) fn are_several(&self) -> bool {
        self.shared
    }

    pub(crate) fn of(&mut self, node: Node) -> &mut Own {
        self.own.entry(node).or_default()
    }

    pub(crate) fn hear(&mut self, node: Node) -> Option<mpsc::Receiver<Foreign>> {
        if !self.shared {
            return None;
        }
        let (told, heard) = mpsc::channel(UNHEARD_MAX);
        self.of(node).told = Some(told);
        Some(heard)
    }

    /// A batch of `node` is stored.
    pub(crate) fn stored(&mut self, node: Node, batch: Batch) -> Sequence {
        let batch = Arc::new(batch);
        for own in self.others(node) {
            own.tell(Foreign::Batch { node, batch: Arc::clone(&batch) });
        }
        let own = self.of(node);
        own.sequence.0 += 1;
        own.sequence
    }

    /// Documents of a kind were written by `node`.
    pub(crate) fn wrote(&mut self, node: Node, kind: &str) {
        self.others(node).for_each(|own| own.tell(Foreign::Documents(kind.to_owned())));
    }

    fn others(&self, node: Node) -> impl Iterator<Item = &Own> {
        self.own.iter().filter(move |(other, _)| **other != node).map(|(_, own)| own)
    }

    pub(crate) fn reports(&self, node: Node, seen: Timestamp) -> Vec<NodeReport> {
        let report = |other: &Node| NodeReport {
            node: *other,
            own: *other == node,
            http: String::new(),
            version: String::new(),
            seen,
            silent_ms: 0,
            clock_skew_ms: 0,
            lag_ms: None,
        };
        if self.shared { self.own.keys().map(report).collect() } else { Vec::new() }
    }
}

/// Whether a batch makes a device or series that exists under another id, or by an id that is another's.
pub(crate) fn is_taken(state: &State, entries: &[Entry]) -> bool {
    entries.iter().any(|entry| match entry {
        Entry::Device(new) => state.devices().values().any(|there| (there.id == new.id) != (there.key == new.key)),
        Entry::Series(new) => {
            let same = |there: &crate::SeriesRecord| there.device == new.device && there.metric == new.metric;
            let by_id = state.series().get(&new.id).is_some_and(|there| !same(there));
            let of_device = state.series_of(new.device).into_iter().filter(|id| *id != new.id);
            by_id || of_device.filter_map(|id| state.series().get(&id)).any(same)
        }
        Entry::Message(_)
        | Entry::Unread(_)
        | Entry::UnreadDone(_)
        | Entry::Book(_)
        | Entry::Hidden(_)
        | Entry::DeviceDeleted(_)
        | Entry::DeviceMerged(_)
        | Entry::Expired(_) => false,
    })
}
