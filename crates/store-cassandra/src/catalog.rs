//! The port [`Catalog`]: every write is a decision by lightweight transaction, whose outcome is known before it is told.
//!
//! A request that fails on the way may have been carried out. Then the document is read after all decisions: the mark of one of the
//! own attempts says that it was; a version that somebody else made says that it was not; what is still as before is tried again.
//! What cannot be told any more, because others wrote since, is an error that says so.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use scylla::client::session::Session;
use store::{
    Catalog, CatalogError, Claim, DOCUMENT_BYTES_MAX, Document, Expected, Node, StoreError, Version, Write,
    check_version,
};
use uuid::Uuid;

use crate::changes::Changes;
use crate::claims::Claims;
use crate::cluster::failed;
use crate::conditional::Attempts;
use crate::documents::{Change, ClaimPair, Documents, Head, to_row};
use crate::hints::Hints;

/// Bytes of all documents that are written together; more are refused. A mutation of Cassandra holds 16 MiB at its defaults.
pub const TOGETHER_BYTES_MAX: usize = 8 << 20;

/// Documents that come at a time in a list.
const LISTED: usize = 64;

/// The catalogue in a keyspace.
pub struct CassandraCatalog {
    documents: Documents,
    claims: Claims,
    hints: Arc<Hints>,
}

/// What is known of a document after the attempts so far.
enum Seen {
    /// An attempt of ours made it.
    Done,
    /// It is to be tried, from here.
    Try(Head),
}

impl CassandraCatalog {
    /// Prepares the statements. The keyspace is there with its tables; `node` is the number of this server.
    ///
    /// # Errors
    /// Cassandra does not answer.
    pub async fn open(session: &Arc<Session>, keyspace: &str, node: Node) -> Result<Self, StoreError> {
        let doing = "preparing the statements of the catalogue";
        Ok(Self {
            documents: Documents::prepare(session, keyspace).await.map_err(|error| failed(doing, error))?,
            claims: Claims::prepare(session, keyspace).await.map_err(|error| failed(doing, error))?,
            hints: Arc::new(Hints::prepare(session, keyspace, node).await.map_err(|error| failed(doing, error))?),
        })
    }

    /// What other servers change from now on.
    ///
    /// # Errors
    /// Cassandra does not answer.
    pub async fn changes(&self) -> Result<Changes, StoreError> {
        Changes::start(Arc::clone(&self.hints)).await
    }

    /// Reads the document and judges it: by the marks of the attempts so far, then by what the writer believes.
    async fn look(
        &self,
        (kind, id): (&str, &str),
        expected: Expected,
        marks: &[Uuid],
        attempts: &mut Attempts,
    ) -> Result<Seen, CatalogError> {
        let found = loop {
            match self.documents.head(kind, id).await {
                Ok(found) => break found,
                // Before anything was sent an error is an error. Afterwards it must not look like a failure.
                Err(error) if !attempts.in_doubt() => return Err(error.into()),
                Err(_) => attempts.again().await?,
            }
        };
        judge(found, expected, marks, attempts)
    }

    /// Takes the claims that the document does not hold yet, and answers those that it is to lose with the marks of their rows.
    async fn settle_claims(
        &self,
        owner: (&str, &str),
        found: &Head,
        wanted: &[ClaimPair],
        mark: Uuid,
    ) -> Result<Vec<(ClaimPair, Uuid)>, CatalogError> {
        for claim in wanted.iter().filter(|claim| !found.names(claim)) {
            self.claims.take(&self.documents, claim, owner, mark).await?;
        }
        let mut lost = Vec::new();
        for claim in found.claims.iter().filter(|claim| !wanted.contains(claim)) {
            if let Some(mark) = self.claims.mark(claim).await? {
                lost.push((claim.clone(), mark));
            }
        }
        Ok(lost)
    }

    async fn release(&self, lost: Vec<(ClaimPair, Uuid)>) {
        for (claim, mark) in lost {
            self.claims.release(&claim, mark).await;
        }
    }
}

/// See [`CassandraCatalog::look`].
fn judge(found: Head, expected: Expected, marks: &[Uuid], attempts: &Attempts) -> Result<Seen, CatalogError> {
    if found.mark.is_some_and(|mark| marks.contains(&mark)) {
        return Ok(Seen::Done);
    }
    match check_version(expected, found.version()) {
        Ok(_next) => Ok(Seen::Try(found)),
        // Somebody else made the version that ours would be: ours was not carried out. A later one, or none, may stand on ours.
        Err(conflict) if !attempts.in_doubt() || found.version() == Some(next_of(expected)) => Err(conflict),
        Err(_) => Err(attempts.not_known().into()),
    }
}

/// The version that a write of `expected` makes.
fn next_of(expected: Expected) -> Version {
    match expected {
        Expected::Absent => Version(1),
        Expected::Version(version) => Version(version.0 + 1),
    }
}

fn found_by(expected: Expected) -> Option<i64> {
    match expected {
        Expected::Absent => None,
        Expected::Version(version) => Some(to_row(version)),
    }
}

fn check_size(body: &str) -> Result<(), CatalogError> {
    if body.len() > DOCUMENT_BYTES_MAX { Err(CatalogError::TooLarge(body.len())) } else { Ok(()) }
}

#[async_trait]
impl Catalog for CassandraCatalog {
    async fn get(&self, kind: &str, id: &str) -> Result<Option<Document>, CatalogError> {
        Ok(self.documents.get(kind, id).await?)
    }

    async fn put(
        &self,
        kind: &str,
        id: &str,
        expected: Expected,
        body: &str,
        claims: &[Claim],
    ) -> Result<Version, CatalogError> {
        check_size(body)?;
        let wanted: BTreeSet<ClaimPair> = claims.iter().map(|claim| (claim.space.clone(), claim.key.clone())).collect();
        let wanted: Vec<ClaimPair> = wanted.into_iter().collect();
        let version = next_of(expected);
        let mut attempts = Attempts::new("writing a document");
        let (mut marks, mut lost) = (Vec::new(), Vec::new());
        loop {
            let Seen::Try(found) = self.look((kind, id), expected, &marks, &mut attempts).await? else { break };
            let mark = Uuid::new_v4();
            marks.push(mark);
            lost = match self.settle_claims((kind, id), &found, &wanted, mark).await {
                Err(CatalogError::Store(_)) if attempts.in_doubt() => return Err(attempts.not_known().into()),
                settled => settled?,
            };
            let written = self.documents.write((kind, id), &found, (to_row(version), body, &wanted), mark).await;
            if attempts.applied(written)? {
                break;
            }
            attempts.again().await?;
        }
        self.hints.note(kind, &[(id, Some(version))]).await;
        self.release(lost).await;
        Ok(version)
    }

    async fn put_all(&self, kind: &str, writes: Vec<Write>) -> Result<Vec<Option<Version>>, CatalogError> {
        let bodies = || writes.iter().filter_map(|write| write.body.as_deref());
        bodies().try_for_each(check_size)?;
        let (bytes, ids) = (
            bodies().map(str::len).sum::<usize>(),
            writes.iter().map(|write| write.id.as_str()).collect::<BTreeSet<_>>(),
        );
        if bytes > TOGETHER_BYTES_MAX || ids.len() < writes.len() {
            let why = format!("{bytes} bytes of {} documents, {} of them different", writes.len(), ids.len());
            return Err(failed("writing documents together", std::io::Error::other(why)).into());
        }
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let versions: Vec<Option<Version>> =
            writes.iter().map(|write| write.body.as_ref().map(|_| next_of(write.expected))).collect();
        let changes: Vec<Change<'_>> = writes
            .iter()
            .map(|write| Change {
                id: &write.id,
                found: found_by(write.expected),
                next: write.body.as_deref().map(|body| (to_row(next_of(write.expected)), body)),
            })
            .collect();
        self.change(kind, &writes, &changes).await?;
        let noted: Vec<_> = writes.iter().map(|write| write.id.as_str()).zip(versions.iter().copied()).collect();
        self.hints.note(kind, &noted).await;
        Ok(versions)
    }

    async fn remove(&self, kind: &str, id: &str, version: Version) -> Result<(), CatalogError> {
        let expected = Expected::Version(version);
        let mut attempts = Attempts::new("removing a document");
        let Seen::Try(found) = self.look((kind, id), expected, &[], &mut attempts).await? else { return Ok(()) };
        let lost = self.settle_claims((kind, id), &found, &[], Uuid::nil()).await?;
        let write = Write { id: id.to_owned(), expected, body: None };
        let change = Change { id, found: Some(to_row(version)), next: None };
        self.change(kind, &[write], &[change]).await?;
        self.hints.note(kind, &[(id, None)]).await;
        self.release(lost).await;
        Ok(())
    }

    async fn list(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>, CatalogError> {
        let (mut listed, mut after) = (Vec::new(), after.map(ToOwned::to_owned));
        while listed.len() < limit {
            let asked = LISTED.min(limit - listed.len());
            let rows = self.documents.rows(kind, after.as_deref(), i32::try_from(asked).unwrap_or(i32::MAX)).await?;
            let last = rows.len() < asked;
            for (id, document) in rows {
                listed.extend(document);
                after = Some(id);
            }
            if last {
                break;
            }
        }
        Ok(listed)
    }
}

impl CassandraCatalog {
    /// Carries all changes out or none.
    async fn change(&self, kind: &str, writes: &[Write], changes: &[Change<'_>]) -> Result<(), CatalogError> {
        let mut attempts = Attempts::new("writing documents");
        let mut marks = Vec::new();
        loop {
            let mark = Uuid::new_v4();
            marks.push(mark);
            if attempts.applied(self.documents.change(kind, changes, mark).await)? {
                return Ok(());
            }
            for write in writes {
                // One that was carried out was with all the others.
                let Seen::Try(_) = self.look((kind, &write.id), write.expected, &marks, &mut attempts).await? else {
                    return Ok(());
                };
            }
            attempts.again().await?;
        }
    }
}
