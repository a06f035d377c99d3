//! Documents and claims as rows. A write is one transaction of its own, durable when it returns.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use store::{
    Catalog, CatalogError, Claim, DOCUMENT_BYTES_MAX, Document, Expected, StoreError, Version, Write, check_version,
};

use crate::EmbeddedStore;
use crate::database::failed;

const READING: &str = "reading a document";
const WRITING: &str = "writing a document";

fn version_of(connection: &Connection, kind: &str, id: &str) -> rusqlite::Result<Option<Version>> {
    let mut statement = connection.prepare_cached("SELECT version FROM documents WHERE kind = ?1 AND id = ?2")?;
    let version: Option<i64> = statement.query_row([kind, id], |row| row.get(0)).optional()?;
    Ok(version.map(|version| Version(version.cast_unsigned())))
}

fn write(
    connection: &mut Connection,
    (kind, id): (&str, &str),
    expected: Expected,
    body: &str,
    claims: &[Claim],
) -> Result<Version, CatalogError> {
    let writing = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(WRITING))?;
    let found = version_of(&writing, kind, id).map_err(failed(READING))?;
    let version = check_version(expected, found)?;
    for claim in claims {
        let mut statement = writing
            .prepare_cached("SELECT owner FROM claims WHERE space = ?1 AND key = ?2 AND NOT (kind = ?3 AND owner = ?4)")
            .map_err(failed(READING))?;
        let owner = statement.query_row([&claim.space, &claim.key, kind, id], |row| row.get(0)).optional();
        if let Some(owner) = owner.map_err(failed(READING))? {
            return Err(CatalogError::Claimed { claim: claim.clone(), owner });
        }
    }
    (|| {
        writing.execute("DELETE FROM claims WHERE kind = ?1 AND owner = ?2", [kind, id])?;
        for claim in claims {
            writing.execute(
                "INSERT OR IGNORE INTO claims (space, key, kind, owner) VALUES (?1, ?2, ?3, ?4)",
                [&claim.space, &claim.key, kind, id],
            )?;
        }
        writing.execute(
            "INSERT OR REPLACE INTO documents (kind, id, version, body) VALUES (?1, ?2, ?3, ?4)",
            params![kind, id, version.0.cast_signed(), body],
        )?;
        writing.commit()
    })()
    .map_err(failed(WRITING))?;
    Ok(version)
}

/// All of `writes` or none of them.
fn write_all(connection: &mut Connection, kind: &str, writes: &[Write]) -> Result<Vec<Option<Version>>, CatalogError> {
    let writing = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(WRITING))?;
    let mut versions = Vec::with_capacity(writes.len());
    for Write { id, expected, body } in writes {
        let found = version_of(&writing, kind, id).map_err(failed(READING))?;
        let version = check_version(*expected, found)?;
        let written = match body {
            Some(body) => writing.execute(
                "INSERT OR REPLACE INTO documents (kind, id, version, body) VALUES (?1, ?2, ?3, ?4)",
                params![kind, id, version.0.cast_signed(), body],
            ),
            None => writing.execute("DELETE FROM documents WHERE kind = ?1 AND id = ?2", [kind, id]),
        };
        written.map_err(failed(WRITING))?;
        versions.push(body.as_ref().map(|_| version));
    }
    writing.commit().map_err(failed(WRITING))?;
    Ok(versions)
}

fn remove(connection: &mut Connection, kind: &str, id: &str, version: Version) -> Result<(), CatalogError> {
    let writing = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(WRITING))?;
    let found = version_of(&writing, kind, id).map_err(failed(READING))?;
    check_version(Expected::Version(version), found)?;
    (|| {
        writing.execute("DELETE FROM claims WHERE kind = ?1 AND owner = ?2", [kind, id])?;
        writing.execute("DELETE FROM documents WHERE kind = ?1 AND id = ?2", [kind, id])?;
        writing.commit()
    })()
    .map_err(failed("removing a document"))?;
    Ok(())
}

fn list(connection: &Connection, kind: &str, after: Option<&str>, limit: usize) -> rusqlite::Result<Vec<Document>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, version, body FROM documents WHERE kind = ?1 AND (?2 IS NULL OR id > ?2) ORDER BY id LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![kind, after, limit], |row| {
        let version: i64 = row.get(1)?;
        Ok(Document { id: row.get(0)?, version: Version(version.cast_unsigned()), body: row.get(2)? })
    })?;
    rows.collect()
}

#[async_trait]
impl Catalog for EmbeddedStore {
    async fn get(&self, kind: &str, id: &str) -> Result<Option<Document>, CatalogError> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        let found = self.read_database(move |snapshot| {
            let mut statement = snapshot
                .prepare_cached("SELECT version, body FROM documents WHERE kind = ?1 AND id = ?2")
                .map_err(failed(READING))?;
            let row = statement.query_row([&kind, &id], |row| {
                let version: i64 = row.get(0)?;
                Ok(Document { id: id.clone(), version: Version(version.cast_unsigned()), body: row.get(1)? })
            });
            row.optional().map_err(failed(READING))
        });
        Ok(found.await?)
    }

    async fn put(
        &self,
        kind: &str,
        id: &str,
        expected: Expected,
        body: &str,
        claims: &[Claim],
    ) -> Result<Version, CatalogError> {
        if body.len() > DOCUMENT_BYTES_MAX {
            return Err(CatalogError::TooLarge(body.len()));
        }
        let (kind, id, body, claims) = (kind.to_owned(), id.to_owned(), body.to_owned(), claims.to_vec());
        self.write_database(move |connection| write(connection, (&kind, &id), expected, &body, &claims)).await
    }

    async fn put_all(&self, kind: &str, writes: Vec<Write>) -> Result<Vec<Option<Version>>, CatalogError> {
        if let Some(body) =
            writes.iter().filter_map(|write| write.body.as_ref()).find(|it| it.len() > DOCUMENT_BYTES_MAX)
        {
            return Err(CatalogError::TooLarge(body.len()));
        }
        let kind = kind.to_owned();
        self.write_database(move |connection| write_all(connection, &kind, &writes)).await
    }

    async fn remove(&self, kind: &str, id: &str, version: Version) -> Result<(), CatalogError> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        self.write_database(move |connection| remove(connection, &kind, &id, version)).await
    }

    async fn list(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>, CatalogError> {
        let (kind, after) = (kind.to_owned(), after.map(ToOwned::to_owned));
        let found = self.read_database(move |snapshot| {
            list(snapshot, &kind, after.as_deref(), limit).map_err(failed("listing documents"))
        });
        Ok(found.await?)
    }
}

impl EmbeddedStore {
    /// Runs `work` on the writing connection, away from the async threads.
    async fn write_database<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        self.check_open()?;
        let database = self.database();
        let written = tokio::task::spawn_blocking(move || work(&mut database.writer())).await;
        written.unwrap_or(Err(CatalogError::Store(StoreError::Closed)))
    }
}
