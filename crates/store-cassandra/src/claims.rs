//! The table of claims: keys that only one document may hold.
//!
//! A row says to whom a key belongs, and counts only while that document exists and names the key: a crash between the row and the
//! document leaves a row that is void. The row is taken first, the document written second. Whoever takes a void row over first puts
//! a fence before the document that the row names, so that a writer who is only slow does not come through with a key that is no
//! longer his, and takes the row on the `mark` that he saw before: a row that was asserted anew in between stays where it is.

use std::sync::Arc;
use std::time::Duration;

use scylla::client::session::Session;
use scylla::errors::PrepareError;
use scylla::statement::Consistency;
use scylla::statement::prepared::PreparedStatement;
use store::{CatalogError, Claim, StoreError};
use tokio::time::sleep;
use uuid::Uuid;

use crate::cluster::failed;
use crate::conditional::{Attempts, Outcome, outcome};
use crate::documents::{ClaimPair, Documents};
use crate::statements::Preparing;

/// How long a void row is left alone: its writer is most likely about to write the document.
const LEFT_ALONE: Duration = Duration::from_millis(200);

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    kind: String,
    id: String,
    mark: Option<Uuid>,
}

/// See the module.
pub(crate) struct Claims {
    session: Arc<Session>,
    /// space, key → kind, id, mark, after all decisions.
    read: PreparedStatement,
    /// space, key, kind, id, mark.
    insert: PreparedStatement,
    /// kind, id, mark; space, key; mark.
    take: PreparedStatement,
    /// space, key; mark.
    delete: PreparedStatement,
}

impl Claims {
    pub(crate) async fn prepare(session: &Arc<Session>, keyspace: &str) -> Result<Self, PrepareError> {
        let to = Preparing::of(session, keyspace);
        let mut read = to.prepare("SELECT kind, id, mark FROM KS.claims WHERE space = ? AND key = ?").await?;
        read.set_consistency(Consistency::LocalSerial);
        Ok(Self {
            session: Arc::clone(session),
            read,
            insert: to
                .prepare("INSERT INTO KS.claims (space, key, kind, id, mark) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS")
                .await?,
            take: to
                .prepare("UPDATE KS.claims SET kind = ?, id = ?, mark = ? WHERE space = ? AND key = ? IF mark = ?")
                .await?,
            delete: to.prepare("DELETE FROM KS.claims WHERE space = ? AND key = ? IF mark = ?").await?,
        })
    }

    /// The mark of a claim's row, for [`Claims::release`].
    pub(crate) async fn mark(&self, claim: &ClaimPair) -> Result<Option<Uuid>, StoreError> {
        Ok(self.row(claim).await?.and_then(|row| row.mark))
    }

    /// Takes the claim for a document that does not name it yet, with a `mark` never used before.
    pub(crate) async fn take(
        &self,
        documents: &Documents,
        claim: &ClaimPair,
        owner: (&str, &str),
        mark: Uuid,
    ) -> Result<(), CatalogError> {
        let (space, key) = claim;
        let mut attempts = Attempts::new("taking a claim");
        let values = (space, key, owner.0, owner.1, mark);
        let inserted = outcome("taking a claim", self.session.execute_unpaged(&self.insert, values).await);
        if attempts.applied(inserted)? {
            return Ok(());
        }
        let mut void = None;
        loop {
            let outcome = match self.row(claim).await? {
                None => outcome("taking a claim", self.session.execute_unpaged(&self.insert, values).await)?,
                Some(row) if row.mark == Some(mark) => return Ok(()),
                Some(row) if (row.kind.as_str(), row.id.as_str()) == owner => {
                    self.assert(claim, owner, row.mark, mark).await?
                }
                Some(row) => {
                    let found = documents.head(&row.kind, &row.id).await?;
                    if found.names(claim) {
                        let claim = Claim { space: space.clone(), key: key.clone() };
                        return Err(CatalogError::Claimed { claim, owner: row.id });
                    }
                    if void.as_ref() != Some(&row) {
                        void = Some(row);
                        sleep(LEFT_ALONE).await;
                        continue;
                    }
                    match documents.fence((&row.kind, &row.id), &found).await? {
                        Outcome::Applied => self.assert(claim, owner, row.mark, mark).await?,
                        other @ (Outcome::Not | Outcome::Unknown(_)) => other,
                    }
                }
            };
            if attempts.applied(Ok(outcome))? {
                return Ok(());
            }
            attempts.again().await?;
        }
    }

    /// Gives the claim up if its row has still the mark that it had while the document named it. Where this fails the row is void.
    pub(crate) async fn release(&self, claim: &ClaimPair, mark: Uuid) {
        let (space, key) = claim;
        if let Err(error) = self.session.execute_unpaged(&self.delete, (space, key, mark)).await {
            tracing::debug!(%error, space, key, "a claim without its document stays, void");
        }
    }

    async fn assert(
        &self,
        claim: &ClaimPair,
        (kind, id): (&str, &str),
        seen: Option<Uuid>,
        mark: Uuid,
    ) -> Result<Outcome, StoreError> {
        let values = (kind, id, mark, &claim.0, &claim.1, seen);
        outcome("taking a claim", self.session.execute_unpaged(&self.take, values).await)
    }

    async fn row(&self, (space, key): &ClaimPair) -> Result<Option<Row>, StoreError> {
        type Columns = (Option<String>, Option<String>, Option<Uuid>);
        let doing = "reading a claim";
        let rows =
            self.session.execute_unpaged(&self.read, (space, key)).await.map_err(|error| failed(doing, error))?;
        let rows = rows.into_rows_result().map_err(|error| failed(doing, error))?;
        let row = rows.maybe_first_row::<Columns>().map_err(|error| failed(doing, error))?;
        Ok(row.map(|(kind, id, mark)| Row { kind: kind.unwrap_or_default(), id: id.unwrap_or_default(), mark }))
    }
}
