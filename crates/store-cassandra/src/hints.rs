//! Hints for the other servers: which kinds of documents changed. A hint may be lost; [`crate::Changes`] compares besides.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use scylla::client::session::Session;
use scylla::errors::PrepareError;
use scylla::statement::prepared::PreparedStatement;
use store::{Node, Version};

use crate::statements::Preparing;

/// How long writing a hint may take; it is behind the write and keeps it waiting.
const HINT_TIMEOUT: Duration = Duration::from_secs(1);

/// Versions by id of the documents of a kind.
pub(crate) type Versions = HashMap<String, Version>;

/// Writes hints, and keeps what this server knows of the documents, which tells its own writes from those of others.
pub(crate) struct Hints {
    pub(crate) session: Arc<Session>,
    /// node, kind.
    insert: PreparedStatement,
    /// Seconds since 1970 before which there is nothing of interest → at, node, kind, newest first.
    pub(crate) since: PreparedStatement,
    /// → kind.
    pub(crate) kinds: PreparedStatement,
    /// kind → id, version.
    pub(crate) versions: PreparedStatement,
    pub(crate) node: Node,
    /// By kind; only of kinds that are followed. At most as many entries as there are documents.
    pub(crate) known: Mutex<HashMap<String, Versions>>,
}

impl Hints {
    pub(crate) async fn prepare(session: &Arc<Session>, keyspace: &str, node: Node) -> Result<Self, PrepareError> {
        let to = Preparing::of(session, keyspace);
        // Two rows of one hint, from two attempts, do no harm.
        let mut insert = to.prepare("INSERT INTO KS.changes (part, at, node, kind) VALUES (0, now(), ?, ?)").await?;
        insert.set_request_timeout(Some(HINT_TIMEOUT));
        Ok(Self {
            session: Arc::clone(session),
            insert,
            since: to
                .prepare("SELECT at, node, kind FROM KS.changes WHERE part = 0 AND at > minTimeuuid(?) LIMIT ?")
                .await?,
            kinds: to.prepare("SELECT DISTINCT kind FROM KS.documents").await?,
            versions: to.prepare("SELECT id, version FROM KS.documents WHERE kind = ?").await?,
            node,
            known: Mutex::new(HashMap::new()),
        })
    }

    /// Says that documents of the kind were written, with their new versions, or removed.
    pub(crate) async fn note(&self, kind: &str, written: &[(&str, Option<Version>)]) {
        if let Some(known) = self.known.lock().get_mut(kind) {
            for (id, version) in written {
                match version {
                    Some(version) => _ = known.insert((*id).to_owned(), *version),
                    None => _ = known.remove(*id),
                }
            }
        }
        if let Err(error) = self.session.execute_unpaged(&self.insert, (i32::from(self.node.0), kind)).await {
            tracing::debug!(%error, kind, "other servers hear of a change later");
        }
    }
}
