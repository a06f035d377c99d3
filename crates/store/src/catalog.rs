//! The port for small records that people edit: device names, tags, places.

use async_trait::async_trait;

use crate::StoreError;

/// Longest body of a document in bytes. A longer one is refused.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// Counts the changes of one document, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// A small record: a JSON text under a kind and an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Unique within its kind.
    pub id: String,
    /// Which change this is.
    pub version: Version,
    /// JSON, at most 64 KiB.
    pub body: String,
}

/// What a writer believes is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// No document.
    Absent,
    /// Exactly this version.
    Version(Version),
}

/// A key that only one document may hold, such as (`device_key`, `esp32/dht`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// The space of keys.
    pub space: String,
    /// The key.
    pub key: String,
}

/// One of several documents that are written together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Unique within its kind.
    pub id: String,
    /// What the writer believes is there.
    pub expected: Expected,
    /// JSON, at most 64 KiB; none where the document goes.
    pub body: Option<String>,
}

/// A write that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Somebody else changed it; what is there now.
    #[error("the document is at version {found:?}, not the one expected")]
    Conflict {
        /// None when it does not exist.
        found: Option<Version>,
    },
    /// Another document holds the key.
    #[error("{} {:?} is taken by {owner}", claim.space, claim.key)]
    Claimed {
        /// The key.
        claim: Claim,
        /// The id of the document that holds it.
        owner: String,
    },
    /// More than 64 KiB.
    #[error("a document of {0} bytes is larger than 65536")]
    TooLarge(usize),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The version that a write makes of `found`, if what the writer believes is true. Every adapter decides by this.
///
/// # Errors
/// Somebody else changed it.
pub fn check_version(expected: Expected, found: Option<Version>) -> Result<Version, CatalogError> {
    match (expected, found) {
        (Expected::Absent, None) => Ok(Version(1)),
        (Expected::Version(version), Some(found)) if version == found => Ok(Version(found.0 + 1)),
        (Expected::Absent | Expected::Version(_), found) => Err(CatalogError::Conflict { found }),
    }
}

/// Keeps documents. The contract: a write is durable when it returns; of two writers that expect the same version
/// exactly one succeeds; a claim has one owner and ends with its document or when a later put does not name it.
#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    /// The document, if there is one.
    async fn get(&self, kind: &str, id: &str) -> Result<Option<Document>, CatalogError>;

    /// Writes `body` if `expected` holds, with all of `claims` and no others, and answers the new version.
    async fn put(
        &self,
        kind: &str,
        id: &str,
        expected: Expected,
        body: &str,
        claims: &[Claim],
    ) -> Result<Version, CatalogError>;

    /// Writes and removes documents of a kind that have no claims, all of them or none, and answers the new versions in the
    /// same order; none for what was removed.
    async fn put_all(&self, kind: &str, writes: Vec<Write>) -> Result<Vec<Option<Version>>, CatalogError>;

    /// Removes the document and its claims if it is at `version`.
    async fn remove(&self, kind: &str, id: &str, version: Version) -> Result<(), CatalogError>;

    /// Documents of a kind with an id behind `after`, in order of id, at most `limit`.
    async fn list(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>, CatalogError>;
}
