//! The table of documents: what a decision on one of them looks at, and the decision.
//!
//! Beside version, body and claims a row has two more values. `mark` says by which attempt it was written, which settles an attempt
//! whose outcome was unknown. `fence` changes when somebody takes a claim away from the document, so that whoever wrote it at that
//! moment, believing to hold the claim, does not succeed. A removed document leaves both for an hour: a row without a version is
//! no document.

use std::sync::Arc;

use scylla::client::session::Session;
use scylla::errors::PrepareError;
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::Consistency;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use store::{Document, StoreError, Version};
use uuid::Uuid;

use crate::cluster::failed;
use crate::conditional::{Outcome, outcome};
use crate::statements::Preparing;

/// How long the marks of a document outlive it, in seconds. No attempt to write takes as long.
const MARKS_S: i32 = 3_600;

/// Space and key of a claim, as they lie in a row.
pub(crate) type ClaimPair = (String, String);

/// What a decision on a document looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// None where there is no document.
    pub(crate) version: Option<i64>,
    pub(crate) claims: Vec<ClaimPair>,
    pub(crate) mark: Option<Uuid>,
    pub(crate) fence: Option<Uuid>,
}

impl Head {
    pub(crate) fn version(&self) -> Option<Version> {
        self.version.map(from_row)
    }

    /// Whether there is a document that names the claim.
    pub(crate) fn names(&self, claim: &ClaimPair) -> bool {
        self.version.is_some() && self.claims.contains(claim)
    }
}

/// One document of several that are decided together.
pub(crate) struct Change<'a> {
    pub(crate) id: &'a str,
    pub(crate) found: Option<i64>,
    /// Version and body; none where it goes.
    pub(crate) next: Option<(i64, &'a str)>,
}

pub(crate) fn from_row(version: i64) -> Version {
    Version(version.cast_unsigned())
}

pub(crate) fn to_row(version: Version) -> i64 {
    version.0.cast_signed()
}

/// See the module.
pub(crate) struct Documents {
    session: Arc<Session>,
    /// kind, id → version, body.
    get: PreparedStatement,
    /// kind, id, limit → id, version, body.
    list: PreparedStatement,
    /// The same with ids from the id on, itself included.
    list_from: PreparedStatement,
    /// kind, id → version, claims, mark, fence, after all decisions.
    head: PreparedStatement,
    /// version, body, claims, mark; kind, id; version, fence.
    write: PreparedStatement,
    /// seconds, version, body, mark; kind, id; version.
    change: PreparedStatement,
    /// fence; kind, id; version, fence.
    fence: PreparedStatement,
}

impl Documents {
    pub(crate) async fn prepare(session: &Arc<Session>, keyspace: &str) -> Result<Self, PrepareError> {
        let to = Preparing::of(session, keyspace);
        // One attempt and no other behind our back: what it answers is about itself.
        let once = async |text: &str| {
            let mut statement = to.prepare_once(text).await?;
            statement.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
            Ok::<_, PrepareError>(statement)
        };
        let mut head =
            to.prepare("SELECT version, claims, mark, fence FROM KS.documents WHERE kind = ? AND id = ?").await?;
        head.set_consistency(Consistency::LocalSerial);
        Ok(Self {
            session: Arc::clone(session),
            get: to.prepare("SELECT version, body FROM KS.documents WHERE kind = ? AND id = ?").await?,
            list: to.prepare("SELECT id, version, body FROM KS.documents WHERE kind = ? AND id > ? LIMIT ?").await?,
            list_from: to.prepare("SELECT id, version, body FROM KS.documents WHERE kind = ? AND id >= ? LIMIT ?").await?,
            head,
            write: once(
                "UPDATE KS.documents SET version = ?, body = ?, claims = ?, mark = ? WHERE kind = ? AND id = ? \
                 IF version = ? AND fence = ?",
            )
            .await?,
            change: once(
                "UPDATE KS.documents USING TTL ? SET version = ?, body = ?, claims = null, mark = ? WHERE kind = ? AND id = ? \
                 IF version = ?",
            )
            .await?,
            fence: to.prepare(&format!(
                "UPDATE KS.documents USING TTL {MARKS_S} SET fence = ? WHERE kind = ? AND id = ? IF version = ? AND fence = ?"
            ))
            .await?,
        })
    }

    pub(crate) async fn get(&self, kind: &str, id: &str) -> Result<Option<Document>, StoreError> {
        let doing = "reading a document";
        let rows = self.session.execute_unpaged(&self.get, (kind, id)).await.map_err(|error| failed(doing, error))?;
        let rows = rows.into_rows_result().map_err(|error| failed(doing, error))?;
        let row = rows.maybe_first_row::<(Option<i64>, Option<String>)>().map_err(|error| failed(doing, error))?;
        let (Some(version), body) = row.unwrap_or_default() else { return Ok(None) };
        Ok(Some(Document { id: id.to_owned(), version: from_row(version), body: body.unwrap_or_default() }))
    }

    /// Rows behind `after` in order of id, at most `limit`; none for a row that is no document, with its id.
    pub(crate) async fn rows(
        &self,
        kind: &str,
        after: Option<&str>,
        limit: i32,
    ) -> Result<Vec<(String, Option<Document>)>, StoreError> {
        let doing = "listing documents";
        let (statement, from) = after.map_or((&self.list_from, ""), |after| (&self.list, after));
        let rows =
            self.session.execute_unpaged(statement, (kind, from, limit)).await.map_err(|error| failed(doing, error))?;
        let rows = rows.into_rows_result().map_err(|error| failed(doing, error))?;
        let mut found = Vec::new();
        for row in rows.rows::<(String, Option<i64>, Option<String>)>().map_err(|error| failed(doing, error))? {
            let (id, version, body) = row.map_err(|error| failed(doing, error))?;
            let document = version.map(|version| Document {
                id: id.clone(),
                version: from_row(version),
                body: body.unwrap_or_default(),
            });
            found.push((id, document));
        }
        Ok(found)
    }

    /// After all decisions so far; one that was under way is settled by this.
    pub(crate) async fn head(&self, kind: &str, id: &str) -> Result<Head, StoreError> {
        type Row = (Option<i64>, Option<Vec<ClaimPair>>, Option<Uuid>, Option<Uuid>);
        let doing = "reading a document";
        let rows = self.session.execute_unpaged(&self.head, (kind, id)).await.map_err(|error| failed(doing, error))?;
        let rows = rows.into_rows_result().map_err(|error| failed(doing, error))?;
        let row = rows.maybe_first_row::<Row>().map_err(|error| failed(doing, error))?;
        let (version, claims, mark, fence) = row.unwrap_or_default();
        Ok(Head { version, claims: claims.unwrap_or_default(), mark, fence })
    }

    /// Writes the document if it is as it was `found`.
    pub(crate) async fn write(
        &self,
        (kind, id): (&str, &str),
        found: &Head,
        (version, body, claims): (i64, &str, &[ClaimPair]),
        mark: Uuid,
    ) -> Result<Outcome, StoreError> {
        let claims = (!claims.is_empty()).then_some(claims);
        let values = (version, body, claims, mark, kind, id, found.version, found.fence);
        outcome("writing a document", self.session.execute_unpaged(&self.write, values).await)
    }

    /// Writes and removes documents if all are at the versions that were found.
    pub(crate) async fn change(&self, kind: &str, changes: &[Change<'_>], mark: Uuid) -> Result<Outcome, StoreError> {
        // One partition and conditions: it is one decision, whatever the type of the batch is called.
        let mut batch = Batch::new(BatchType::Logged);
        batch.set_is_idempotent(false);
        batch.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
        let mut values = Vec::with_capacity(changes.len());
        for change in changes {
            batch.append_statement(self.change.clone());
            let seconds = if change.next.is_some() { 0 } else { MARKS_S };
            let (version, body) = change.next.unzip();
            values.push((seconds, version, body, mark, kind, change.id, change.found));
        }
        outcome("writing documents", self.session.batch(&batch, values).await)
    }

    /// Makes everybody fail who is about to write the document as it was `found`.
    pub(crate) async fn fence(&self, (kind, id): (&str, &str), found: &Head) -> Result<Outcome, StoreError> {
        let values = (Uuid::new_v4(), kind, id, found.version, found.fence);
        outcome("taking a void claim over", self.session.execute_unpaged(&self.fence, values).await)
    }
}
