//! What other servers did to the catalogue: their hints, twice a second, and a comparison of all documents' versions, one kind at
//! a time, for hints that were lost.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use scylla::response::query_result::QueryRowsResult;
use scylla::value::{CqlTimestamp, CqlTimeuuid};
use store::{StoreError, Version};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::cluster::failed;
use crate::documents::from_row;
use crate::hints::{Hints, Versions};

/// How often hints are asked for.
const POLL_EVERY: Duration = Duration::from_millis(500);

/// How far back each time: a hint may come late, and the nodes of the cluster, which date them, have clocks of their own.
const OVERLAP_MS: i64 = 10_000;

/// Hints that are taken at a time, the newest. What is beyond them is found by comparing.
const HINTS_MAX: i32 = 10_000;

/// How often a kind is compared.
const COMPARE_EVERY: Duration = Duration::from_secs(1);

/// Comparing takes at most one part in so many of the time.
const COMPARE_SHARE: u32 = 20;

/// Follows the changes of others. See [`Changes::next`].
pub struct Changes {
    hints: Arc<Hints>,
    /// The date of the newest hint that was seen, in milliseconds by the clocks of the cluster.
    newest: i64,
    /// The hints that were seen, as far back as they are read again.
    seen: HashSet<Uuid>,
    /// Kinds that are still to be compared in this round.
    round: VecDeque<String>,
    compare_at: Instant,
    /// Kinds that are to be told.
    told: BTreeSet<String>,
}

impl Changes {
    /// Learns what is there. What others change from now on is told; so is, once more, what they changed shortly before.
    pub(crate) async fn start(hints: Arc<Hints>) -> Result<Self, StoreError> {
        let doing = "following the catalogue";
        let now = hints
            .session
            .query_unpaged("SELECT now() FROM system.local", &[])
            .await
            .map_err(|error| failed(doing, error))?
            .into_rows_result()
            .map_err(|error| failed(doing, error))?
            .first_row::<(CqlTimeuuid,)>()
            .map_err(|error| failed(doing, error))?;
        let changes = Self {
            newest: millis(Uuid::from_bytes(*now.0.as_bytes())),
            hints,
            seen: HashSet::new(),
            round: VecDeque::new(),
            compare_at: Instant::now() + COMPARE_EVERY,
            told: BTreeSet::new(),
        };
        for kind in changes.kinds().await? {
            changes.learn(&kind).await?;
        }
        Ok(changes)
    }

    /// Waits until others changed documents, and answers their kinds, each once. Whoever reads those kinds afterwards has the changes.
    /// While Cassandra is away it waits; afterwards it tells what was missed. Dropping the future loses nothing but a wait.
    pub async fn next(&mut self) -> Vec<String> {
        loop {
            sleep(POLL_EVERY).await;
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "changes of the catalogue are asked for again");
            }
            if !self.told.is_empty() {
                return std::mem::take(&mut self.told).into_iter().collect();
            }
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let mut learned = HashSet::new();
        for (at, kind) in self.hinted().await? {
            // What is known is read before it is told: a change behind this is found by comparing.
            if !learned.contains(&kind) {
                self.learn(&kind).await?;
                learned.insert(kind.clone());
            }
            self.told.insert(kind);
            self.newest = self.newest.max(millis(at));
            self.seen.insert(at);
        }
        let oldest = self.newest - OVERLAP_MS;
        self.seen.retain(|at| millis(*at) >= oldest);
        if Instant::now() >= self.compare_at {
            self.compare().await?;
        }
        Ok(())
    }

    /// Hints of others that were not seen, oldest first.
    async fn hinted(&self) -> Result<Vec<(Uuid, String)>, StoreError> {
        let doing = "reading hints";
        let since = CqlTimestamp(self.newest - OVERLAP_MS);
        let rows: QueryRowsResult = self
            .hints
            .session
            .execute_unpaged(&self.hints.since, (since, HINTS_MAX))
            .await
            .map_err(|error| failed(doing, error))?
            .into_rows_result()
            .map_err(|error| failed(doing, error))?;
        let mut found = Vec::new();
        for row in rows.rows::<(CqlTimeuuid, Option<i32>, Option<String>)>().map_err(|error| failed(doing, error))? {
            let (at, node, kind) = row.map_err(|error| failed(doing, error))?;
            let (at, Some(kind)) = (Uuid::from_bytes(*at.as_bytes()), kind) else { continue };
            if node != Some(i32::from(self.hints.node.0)) && !self.seen.contains(&at) {
                found.push((at, kind));
            }
        }
        found.reverse();
        Ok(found)
    }

    /// Compares the next kind, which is told if somebody else changed it.
    async fn compare(&mut self) -> Result<(), StoreError> {
        let started = Instant::now();
        if self.round.is_empty() {
            self.round = self.kinds().await?.into();
            // A kind whose last document is gone stands no longer among them.
            let known: Vec<String> = self.hints.known.lock().keys().cloned().collect();
            for kind in known {
                if !self.round.contains(&kind) {
                    self.round.push_back(kind);
                }
            }
        }
        let Some(kind) = self.round.pop_front() else { return Ok(()) };
        let before = self.hints.known.lock().get(&kind).cloned().unwrap_or_default();
        if self.learn(&kind).await? != before {
            self.told.insert(kind);
        }
        self.compare_at = Instant::now() + COMPARE_EVERY.max(started.elapsed() * COMPARE_SHARE);
        Ok(())
    }

    /// Reads the versions of a kind and keeps them as known.
    async fn learn(&self, kind: &str) -> Result<Versions, StoreError> {
        let doing = "comparing documents";
        let rows = self
            .hints
            .session
            .execute_iter(self.hints.versions.clone(), (kind,))
            .await
            .map_err(|error| failed(doing, error))?;
        let mut rows = rows.rows_stream::<(String, Option<i64>)>().map_err(|error| failed(doing, error))?;
        let mut versions: HashMap<String, Version> = HashMap::new();
        while let Some((id, version)) = rows.try_next().await.map_err(|error| failed(doing, error))? {
            if let Some(version) = version {
                versions.insert(id, from_row(version));
            }
        }
        self.hints.known.lock().insert(kind.to_owned(), versions.clone());
        Ok(versions)
    }

    async fn kinds(&self) -> Result<Vec<String>, StoreError> {
        let doing = "listing the kinds of documents";
        let rows = self
            .hints
            .session
            .execute_iter(self.hints.kinds.clone(), ())
            .await
            .map_err(|error| failed(doing, error))?;
        let rows = rows.rows_stream::<(String,)>().map_err(|error| failed(doing, error))?;
        let kinds: Vec<(String,)> = rows.try_collect().await.map_err(|error| failed(doing, error))?;
        Ok(kinds.into_iter().map(|(kind,)| kind).collect())
    }
}

/// The date in a time UUID.
fn millis(at: Uuid) -> i64 {
    at.get_timestamp().map_or(0, |at| {
        let (seconds, nanos) = at.to_unix();
        i64::try_from(seconds.saturating_mul(1_000) + u64::from(nanos / 1_000_000)).unwrap_or(i64::MAX)
    })
}
