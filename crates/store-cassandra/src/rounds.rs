//! When what is compacted: a round over all touches every ten minutes by the server that holds the lease, what is told when days
//! stay behind, and what is deleted because nobody keeps it.
//!
//! The lease is there so that servers do not do the same twice. Nothing depends on it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use model::DeviceId;
use parking_lot::Mutex;
use store::{Degraded, StoreError};
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::compact::Keep;
use crate::compactor::{Compactor, Failure, Outcome, is_over};
use crate::conditional::{Decided, applied};
use crate::frame_tables::{self as tables, Live, Mark, year_of};
use crate::touches::{HomeDay, SLACK_H, ends, is_dirty, is_due};

/// For so many rounds the lease holds without being taken again.
const LEASE_ROUNDS: u32 = 3;
/// Microseconds of an hour.
const HOUR_MICROS: i64 = 3_600_000_000;

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) compacted: u64,
    /// Days that could not be compacted. They are tried again in the next one.
    pub(crate) failed: u64,
    /// Days whose rows expire although no frame has them, unless that changes.
    pub(crate) behind: u64,
    /// Rows that were written once more.
    pub(crate) again: u64,
}

/// Which days a round takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those that are due.
    Due,
    /// All that are over and have rows which no frame has, however young those are.
    Over,
}

/// Goes its rounds; see the module.
pub(crate) struct Rounds {
    pub(crate) compactor: Compactor,
    owner: Uuid,
    behind: Mutex<Option<String>>,
}

impl Rounds {
    pub(crate) fn new(compactor: Compactor) -> Self {
        Self { compactor, owner: Uuid::new_v4(), behind: Mutex::new(None) }
    }

    /// Until it is aborted, which may be at any moment.
    pub(crate) async fn run(&self, cluster: &Cluster) {
        let periods = self.compactor.periods;
        let mut swept: Option<Duration> = None;
        loop {
            tokio::time::sleep(periods.pass).await;
            match self.take_lease(cluster).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    tracing::warn!(%error, "whose turn it is to compact cannot be found out");
                    continue;
                }
            }
            if let Err(error) = self.round(cluster, Which::Due).await {
                tracing::warn!(%error, "a round of compacting was not finished; the next one begins again");
            }
            let now = cluster.clock.monotonic();
            if swept.is_none_or(|swept| now.saturating_sub(swept) >= periods.retention) {
                swept = Some(now);
                if let Err(error) = self.sweep(cluster).await {
                    tracing::warn!(%error, "what is kept no longer was not all deleted");
                }
            }
        }
    }

    /// Takes the lease or holds it for longer. It is let go by itself.
    pub(crate) async fn take_lease(&self, cluster: &Cluster) -> Result<bool, StoreError> {
        let period = self.compactor.periods.pass * LEASE_ROUNDS;
        let ttl_s = i32::try_from(period.as_secs()).unwrap_or(i32::MAX);
        let until = cluster.clock.now().millis().saturating_add(i64::from(ttl_s).saturating_mul(1_000));
        for owner in [Some(self.owner), None] {
            let values = (ttl_s, self.owner, until, "compactor", owner);
            let result = cluster.ask("taking a lease", &cluster.statements.frames.lease, values).await?;
            if matches!(applied(result), Ok(Decided::Applied)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Compacts what is to be compacted. A day that fails is left for the next round and does not stop the others.
    pub(crate) async fn round(&self, cluster: &Cluster, which: Which) -> Result<Round, StoreError> {
        let (mut round, mut late) = (Round::default(), Vec::new());
        for home in tables::touched_homes(cluster).await? {
            for (day, mark) in self.wanted(cluster, home, which).await? {
                let day = HomeDay { home, day };
                match self.compactor.compact(cluster, day).await {
                    Ok(Outcome::Compacted) => round.compacted += 1,
                    Ok(Outcome::Clean | Outcome::Overtaken) => {}
                    Err(failure) => {
                        round.failed += 1;
                        late.extend(self.failed(cluster, day, mark, &failure, &mut round).await?);
                    }
                }
            }
        }
        round.behind = late.len() as u64;
        *self.behind.lock() = late
            .first()
            .map(|first| format!("{} days of devices are still in rows that expire; the first: {first}", late.len()));
        Ok(round)
    }

    async fn wanted(
        &self,
        cluster: &Cluster,
        home: DeviceId,
        which: Which,
    ) -> Result<Vec<(i32, Option<Mark>)>, StoreError> {
        let touched = tables::touches(cluster, home, i32::MIN, i32::MAX).await?;
        let mut years: HashMap<i32, _> = HashMap::new();
        for day in touched.keys() {
            if let Entry::Vacant(vacant) = years.entry(year_of(*day)) {
                vacant.insert(tables::marks(cluster, home, year_of(*day), (i32::MIN, i32::MAX)).await?);
            }
        }
        let now = cluster.hour();
        let wanted = |(day, hour): (i32, i32)| {
            let mark = years.get(&year_of(day)).and_then(|marks| marks.get(&day)).copied();
            let compacted = mark.map(|mark| mark.compacted);
            let wanted = match which {
                Which::Due => is_due(day, Some(hour), compacted, now, &self.compactor.periods),
                Which::Over => is_dirty(Some(hour), compacted) && ends(day) <= now,
            };
            wanted.then_some((day, mark))
        };
        Ok(touched.into_iter().filter_map(wanted).collect())
    }

    /// A day was not compacted. Answers a sentence if half of its rows' life is over, and writes those anew that have a quarter left.
    async fn failed(
        &self,
        cluster: &Cluster,
        day: HomeDay,
        mark: Option<Mark>,
        failure: &Failure,
        round: &mut Round,
    ) -> Result<Option<String>, StoreError> {
        let why = with_cause(failure);
        tracing::warn!(home = day.home.0, day = day.day, why, "a day was not compacted; it is tried again");
        let unseen = unseen_from(mark);
        let rows_s = self.compactor.periods.rows_s;
        let (mut least, mut dying) = (i32::MAX, Vec::new());
        tables::lives(cluster, day, |row| {
            if let Some(left_s) = row.left_s.filter(|_| row.written >= unseen) {
                least = least.min(left_s);
                dying.extend((left_s <= rows_s / 4).then_some(row));
            }
            Ok(())
        })
        .await?;
        if !dying.is_empty() {
            self.again(cluster, day, &dying).await?;
            round.again += dying.len() as u64;
            tracing::warn!(
                home = day.home.0,
                day = day.day,
                rows = dying.len(),
                "rows were written once more before they expire"
            );
        }
        let sentence = || format!("day {} of device {}: {why}", day.day, day.home.0);
        Ok((least <= rows_s / 2).then(sentence))
    }

    /// Writes rows once more, after a touch that lives as long as they do.
    async fn again(&self, cluster: &Cluster, day: HomeDay, rows: &[Live]) -> Result<(), StoreError> {
        tables::touch(cluster, day, self.compactor.node()).await?;
        for row in rows {
            tables::put_again(cluster, day, row, self.compactor.periods.rows_s).await?;
        }
        Ok(())
    }

    /// Why the store is not at its best.
    pub(crate) fn degraded(&self) -> Option<Degraded> {
        let behind = self.behind.lock().clone();
        behind.map(|detail| Degraded { code: "compaction_behind", detail })
    }

    /// Deletes the days of which nobody keeps anything. Answers how many.
    pub(crate) async fn sweep(&self, cluster: &Cluster) -> Result<u64, StoreError> {
        let (homes, mut emptied) = (self.compactor.readers().homes(), 0);
        for home in tables::framed_homes(cluster).await? {
            let keep = homes.get(&home).copied().unwrap_or(Keep::All);
            if keep == Keep::All {
                continue;
            }
            for year in tables::years(cluster, home).await? {
                let marks = tables::marks(cluster, home, year, (i32::MIN, i32::MAX)).await?;
                for (day, _) in marks.into_iter().filter(|(day, mark)| mark.parts > 0 && is_over(*day, keep)) {
                    match self.compactor.empty(cluster, HomeDay { home, day }).await {
                        Ok(Outcome::Compacted) => emptied += 1,
                        Ok(Outcome::Clean | Outcome::Overtaken) => {}
                        Err(failure) => {
                            tracing::warn!(home = home.0, day, why = with_cause(&failure), "a day was not deleted");
                        }
                    }
                }
            }
        }
        Ok(emptied)
    }
}

/// Rows written before that are in the frames of `mark`.
fn unseen_from(mark: Option<Mark>) -> i64 {
    mark.map_or(i64::MIN, |mark| i64::from(mark.compacted.saturating_sub(SLACK_H)).saturating_mul(HOUR_MICROS))
}

fn with_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", with_cause(source)))
}
