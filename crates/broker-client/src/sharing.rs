//! Several servers that share a store know the same external brokers, and every message of one must come in once.
//!
//! A broker with a shared group is read by all servers: each connects with a client id of its own, and the broker gives every message
//! to one of them. Any other broker is read by one server, whose number stands in its document: the first one that writes it there.
//! When that server is not heard for [`SILENT_MS`], the lowest-numbered one that is writes its own number in the place of it. It
//! connects with the same client id, so the session at the broker goes on with what came meanwhile, and a server that was only cut
//! off from the store is disconnected by the broker; it could not acknowledge anything anyhow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use source::LinkState;
use store::{CatalogError, Expected, Listener, Node, NodeReport, Readings, Version};

use crate::external::External;
use crate::keeping::{KIND, Kept};
use crate::link::Stop;

/// A server that is not heard for so long is gone.
const SILENT_MS: u64 = 30_000;
/// How often it is looked whether one is gone.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// This server among those that share a store.
pub struct Sharing {
    /// Its number.
    pub node: Node,
    /// Knows the others.
    pub store: Arc<dyn Readings>,
    /// Hears when they write documents of [`crate::KIND`].
    pub elsewhere: Listener,
}

/// Who reads a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// This server; `under` its own client id where all do.
    Us {
        /// What stands behind the client id.
        under: Option<Node>,
    },
    /// Another one.
    Other(Node),
    /// Nobody yet.
    Nobody,
}

/// Who reads a broker, as `own` sees it; none has the store for itself.
pub fn reader(kept: &Kept, own: Option<Node>) -> Reader {
    match (own, kept.node.map(Node)) {
        (None, _) => Reader::Us { under: None },
        (Some(own), _) if kept.settings.shared_group.is_some() => Reader::Us { under: Some(own) },
        (Some(own), Some(node)) if node == own => Reader::Us { under: None },
        (Some(_), Some(node)) => Reader::Other(node),
        (Some(_), None) => Reader::Nobody,
    }
}

/// Whether `own` is to read in the place of `reader`: that one is gone, and nobody that is there comes first.
pub fn takes_over(reader: Reader, own: Node, nodes: &[NodeReport]) -> bool {
    let is_there = |node: Node| nodes.iter().any(|it| it.node == node && (it.own || it.silent_ms < SILENT_MS));
    match reader {
        Reader::Us { .. } => false,
        Reader::Nobody => true,
        Reader::Other(node) => {
            let first = nodes.iter().map(|it| it.node).filter(|it| is_there(*it)).min();
            !is_there(node) && first.is_none_or(|first| first >= own)
        }
    }
}

impl External {
    /// Follows what other servers write of brokers, and reads those that nobody reads any more; until it is stopped.
    pub(crate) async fn follow(self: Arc<Self>, mut sharing: Sharing) {
        loop {
            if let Err(error) = self.read_anew().await {
                tracing::warn!(%error, "the external brokers could not be read anew; it is tried again");
            }
            self.take_over(&sharing).await;
            tokio::select! {
                () = sharing.elsewhere.heard() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// What is kept is what runs.
    async fn read_anew(&self) -> Result<(), CatalogError> {
        let Ok(_turn) = self.turn().await else { return Ok(()) };
        let kept = self.every().await?;
        let names: BTreeSet<&String> = kept.iter().map(|document| &document.id).collect();
        let versions: BTreeMap<String, Version> = self.versions();
        for gone in versions.keys().filter(|name| !names.contains(name)) {
            if let Some(ended) = self.end(gone, Stop::Remove).await
                && ended.is_ours()
            {
                // Whoever read it last leaves no session behind.
                self.forget(&ended).await;
                self.discard(&ended).await;
            }
        }
        for document in &kept {
            if versions.get(&document.id) != Some(&document.version) {
                self.end(&document.id, Stop::Leave).await;
                let running = self.begin_document(document).await;
                self.put(document.id.clone(), running);
            }
        }
        Ok(())
    }

    async fn take_over(&self, sharing: &Sharing) {
        let Ok(_turn) = self.turn().await else { return };
        let nodes = sharing.store.nodes();
        for (name, mut kept, version) in self.kept() {
            let reader = reader(&kept, Some(sharing.node));
            if kept.settings.paused || !takes_over(reader, sharing.node, &nodes) {
                continue;
            }
            kept.node = Some(sharing.node.0);
            let Ok(body) = serde_json::to_string(&kept) else { continue };
            match self.catalog().put(KIND, &name, Expected::Version(version), &body, &[]).await {
                Ok(version) => {
                    tracing::info!(broker = name, from = ?reader, "this server reads an external broker from now on");
                    self.end(&name, Stop::Leave).await;
                    let running = self.begin(kept, version).await;
                    self.put(name, running);
                }
                // Another one was faster, which is heard in a moment.
                Err(CatalogError::Conflict { .. }) => {}
                Err(error) => tracing::warn!(broker = name, %error, "an external broker could not be taken over yet"),
            }
        }
    }
}

/// What is told of a broker that this server does not read.
pub fn told_of(reader: Reader) -> Option<(LinkState, Option<String>)> {
    match reader {
        Reader::Us { .. } => None,
        Reader::Other(node) => Some((LinkState::Paused, Some(format!("Server {} reads it.", node.0)))),
        Reader::Nobody => Some((LinkState::Connecting, None)),
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;
    use crate::keeping::unreadable;

    fn node(number: u8, own: bool, silent_ms: u64) -> NodeReport {
        NodeReport {
            node: Node(number),
            own,
            http: String::new(),
            version: String::new(),
            seen: Timestamp::EPOCH,
            silent_ms,
            clock_skew_ms: 0,
            lag_ms: None,
        }
    }

    #[test]
    fn one_server_reads_a_broker_unless_the_broker_shares_out() {
        let mut kept = unreadable("plant");
        assert_eq!(reader(&kept, None), Reader::Us { under: None });
        assert_eq!(reader(&kept, Some(Node(2))), Reader::Nobody);
        kept.node = Some(1);
        assert_eq!(reader(&kept, Some(Node(2))), Reader::Other(Node(1)));
        assert_eq!(reader(&kept, Some(Node(1))), Reader::Us { under: None });
        kept.settings.shared_group = Some("us".to_owned());
        assert_eq!(reader(&kept, Some(Node(2))), Reader::Us { under: Some(Node(2)) });
    }

    #[test]
    fn the_first_that_is_there_reads_for_one_that_is_gone() {
        let other = Reader::Other(Node(1));
        let there = [node(1, false, 900), node(2, true, 0), node(3, false, 900)];
        assert!(!takes_over(other, Node(2), &there));
        let gone = [node(1, false, SILENT_MS), node(2, true, 0), node(3, false, 900)];
        assert!(takes_over(other, Node(2), &gone));
        let third = [node(1, false, SILENT_MS), node(2, false, 900), node(3, true, 0)];
        assert!(!takes_over(other, Node(3), &third));
        let alone = [node(2, false, SILENT_MS), node(3, true, 0)];
        assert!(takes_over(other, Node(3), &alone), "one that is not known any more is gone as well");
        assert!(takes_over(Reader::Nobody, Node(3), &there));
        assert!(!takes_over(Reader::Us { under: None }, Node(2), &gone));
    }
}
