//! Rows become frames: one day of one home at a time, by whichever server comes first.
//!
//! The order of the steps is what makes it safe, see [`Step`]. The hour is taken and the touches are read before anything else, so
//! that whatever is written later shows by its touch. The mark is read before frames and rows, and set only if it is still the
//! same: two servers at once cannot both take effect, and rows are never older than the frames under them. Frames are written
//! before the mark names them and deleted after it names others. Whoever stops in between leaves bytes that nobody reads, which
//! the next compaction of the day deletes.
//!
//! No row is ever deleted: rows expire, long after a compaction has read them.

use std::sync::Arc;

use scylla::errors::ExecutionError;
use store::StoreError;
use tokio::sync::Mutex as AsyncMutex;

use crate::cluster::{Cluster, failed};
use crate::compact::{CompactError, Compacted, Gathered, Keep, Readers, Version};
use crate::conditional::Decided;
use crate::frame_tables::{self as tables, Mark};
use crate::periods::Periods;
use crate::places::DAY_MS;
use crate::touches::{HomeDay, is_dirty};

/// How often frames are read again that another server replaced meanwhile. Then the day is left for later.
const REPLACED_MAX: usize = 5;

/// What a compaction has done last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    /// It knows the hour.
    Begun,
    /// It knows the touches.
    Touches,
    /// It knows which frames hold.
    Mark,
    /// It has their readings.
    Parts,
    /// It has the rows.
    Rows,
    /// The new frames are there, and nobody reads them.
    Written,
    /// The new frames hold.
    Marked,
    /// Their hours are there.
    Hours,
    /// The old frames are gone.
    Dropped,
}

/// How a compaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// New frames hold.
    Compacted,
    /// Frames have everything already.
    Clean,
    /// Another server was first; what it did not see is still to be compacted.
    Overtaken,
}

/// A day that was not compacted. Nothing is lost by it: its rows and its frames stay as they are.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the day cannot be compacted")]
    Day(#[from] CompactError),
    /// The mark may be set, now or later.
    #[error("it is not known which frames hold")]
    Unknown(#[source] Option<Box<ExecutionError>>),
    #[error("it took longer than {} s", .0.as_secs())]
    TooLong(std::time::Duration),
    #[error("its frames were replaced again and again")]
    Replaced,
    /// A test stopped it.
    #[cfg(test)]
    #[error("stopped")]
    Stopped,
}

/// What a test does between two steps.
#[cfg(test)]
#[async_trait::async_trait]
pub(crate) trait Watcher: Send + Sync {
    /// False stops the compaction there, as a crash does.
    async fn after(&self, step: Step) -> bool;
}

/// Compacts days, one at a time.
pub(crate) struct Compactor {
    readers: Arc<dyn Readers>,
    node: u32,
    pub(crate) periods: Periods,
    one: AsyncMutex<()>,
    #[cfg(test)]
    pub(crate) watcher: Option<Arc<dyn Watcher>>,
}

impl Compactor {
    /// `node` is the number of this server, which no other one has.
    pub(crate) fn new(readers: Arc<dyn Readers>, node: u32, periods: Periods) -> Self {
        Self {
            readers,
            node,
            periods,
            one: AsyncMutex::default(),
            #[cfg(test)]
            watcher: None,
        }
    }

    /// The number of this server.
    pub(crate) fn node(&self) -> i32 {
        self.node.cast_signed()
    }

    pub(crate) fn readers(&self) -> &dyn Readers {
        &*self.readers
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_async, reason = "tests wait here")]
    async fn after(&self, _: Step) -> Result<(), Failure> {
        Ok(())
    }

    #[cfg(test)]
    async fn after(&self, step: Step) -> Result<(), Failure> {
        let Some(watcher) = &self.watcher else { return Ok(()) };
        if watcher.after(step).await { Ok(()) } else { Err(Failure::Stopped) }
    }

    /// Makes frames of a day that has rows which no frame has, whether or not it is due.
    pub(crate) async fn compact(&self, cluster: &Cluster, day: HomeDay) -> Result<Outcome, Failure> {
        let _one = self.one.lock().await;
        let (begun, hour) = (cluster.clock.monotonic(), cluster.hour());
        self.after(Step::Begun).await?;
        let touched = tables::touches(cluster, day.home, day.day, day.day).await?.get(&day.day).copied();
        self.after(Step::Touches).await?;
        let Some((mark, mut gathered)) = self.framed(cluster, day, touched).await? else { return Ok(Outcome::Clean) };
        self.after(Step::Parts).await?;
        let mut refused = None;
        tables::rows(cluster, day, |series, reading| {
            refused = refused.take().or_else(|| gathered.add_row(series, reading).err());
            Ok(())
        })
        .await?;
        if let Some(refused) = refused {
            return Err(refused.into());
        }
        self.after(Step::Rows).await?;
        let before = mark.map(|mark| mark.version);
        let now_micros = cluster.clock.now().millis().saturating_mul(1_000);
        let version = Version::next(now_micros, self.node, before);
        let old_series = gathered.series();
        let compacted = self.encoded(day, version, gathered).await?;
        tables::put_year(cluster, day).await?;
        for (part, encoded) in compacted.parts.iter().enumerate() {
            tables::put_part(cluster, day, version, part, &encoded.blob).await?;
        }
        self.after(Step::Written).await?;
        if cluster.clock.monotonic().saturating_sub(begun) > self.periods.compaction_max {
            return Err(Failure::TooLong(self.periods.compaction_max));
        }
        let parts = i32::try_from(compacted.parts.len()).unwrap_or(i32::MAX);
        let new = Mark { version, parts, compacted: hour };
        if !self.set_mark(cluster, day, before, new, compacted.readings).await? {
            return Ok(Outcome::Overtaken);
        }
        self.after(Step::Marked).await?;
        for series in old_series {
            match compacted.hours.iter().find(|(of, _)| *of == series) {
                Some((_, hours)) => tables::put_hours(cluster, day, series, version, hours).await?,
                None => tables::drop_hours(cluster, day, series, version).await?,
            }
        }
        self.after(Step::Hours).await?;
        tables::drop_before(cluster, day, version).await?;
        self.after(Step::Dropped).await?;
        let (readings, left_out) = (compacted.readings, compacted.left_out);
        tracing::debug!(home = day.home.0, day = day.day, readings, left_out, parts, "compacted a day");
        Ok(Outcome::Compacted)
    }

    /// The mark of a day and the readings of its frames; none where a mark says that frames have everything.
    async fn framed(
        &self,
        cluster: &Cluster,
        day: HomeDay,
        touched: Option<i32>,
    ) -> Result<Option<(Option<Mark>, Gathered)>, Failure> {
        for _ in 0..REPLACED_MAX {
            let mark = tables::mark(cluster, day).await?;
            self.after(Step::Mark).await?;
            if !is_dirty(touched, mark.map(|mark| mark.compacted)) {
                return Ok(None);
            }
            let mut gathered = Gathered::default();
            let Some(Mark { version, parts: wanted, .. }) = mark else { return Ok(Some((mark, gathered))) };
            let parts = tables::parts(cluster, day, version).await?;
            if i32::try_from(parts.len()) == Ok(wanted) {
                parts.iter().try_for_each(|part| gathered.add_part(part))?;
                return Ok(Some((mark, gathered)));
            }
            missing(cluster, day, version).await?;
        }
        Err(Failure::Replaced)
    }

    /// Encodes and proves, which may take seconds of one processor.
    async fn encoded(&self, day: HomeDay, version: Version, gathered: Gathered) -> Result<Compacted, Failure> {
        let readers = Arc::clone(&self.readers);
        let encoding = tokio::task::spawn_blocking(move || {
            gathered.compact(&*readers, |series| version.bond(day.home, day.day, series))
        });
        match encoding.await {
            Ok(compacted) => Ok(compacted?),
            Err(error) => Err(failed("compacting a day", error).into()),
        }
    }

    /// Sets the mark and answers whether it holds. Where it certainly never will, the parts of its version go.
    async fn set_mark(
        &self,
        cluster: &Cluster,
        day: HomeDay,
        before: Option<Version>,
        mark: Mark,
        readings: u64,
    ) -> Result<bool, Failure> {
        let ttl_s = if mark.parts == 0 { self.periods.emptied_s } else { 0 };
        let outcome = tables::set_mark(cluster, day, before, mark, (readings, ttl_s)).await;
        if matches!(outcome, Ok(Some(Decided::Applied))) {
            return Ok(true);
        }
        let holding = tables::mark_for_sure(cluster, day).await?.map(|mark| mark.version);
        let refused = matches!(outcome, Ok(Some(Decided::Not)));
        match fate(refused, holding, before, mark.version) {
            Fate::Holds => Ok(true),
            Fate::Never => {
                tables::drop_version(cluster, day, mark.version).await?;
                Ok(false)
            }
            Fate::Open => Err(Failure::Unknown(outcome.err().map(Box::new))),
        }
    }

    /// Keeps nothing of a day any more. Everything of it lies before every floor.
    pub(crate) async fn empty(&self, cluster: &Cluster, day: HomeDay) -> Result<Outcome, Failure> {
        let _one = self.one.lock().await;
        let hour = cluster.hour();
        let Some((Some(mark), gathered)) = self.framed(cluster, day, Some(i32::MAX)).await? else {
            return Ok(Outcome::Clean);
        };
        // What is known of a home is not enough: there may be a series that this server has not heard of.
        if gathered.series().into_iter().any(|series| !is_over(day.day, self.readers.keep(series))) {
            return Ok(Outcome::Clean);
        }
        let now_micros = cluster.clock.now().millis().saturating_mul(1_000);
        let version = Version::next(now_micros, self.node, Some(mark.version));
        let new = Mark { version, parts: 0, compacted: hour };
        if !self.set_mark(cluster, day, Some(mark.version), new, 0).await? {
            return Ok(Outcome::Overtaken);
        }
        for series in gathered.series() {
            tables::drop_hours(cluster, day, series, version).await?;
        }
        tables::drop_before(cluster, day, version).await?;
        Ok(Outcome::Compacted)
    }
}

/// What became of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Holds,
    /// It does not hold and never will.
    Never,
    /// It may still be carried out: as long as its condition holds, the parts that it names have to be there.
    Open,
}

/// What became of the mark `mine` that was to be set where `before` held, when `holding` is what holds behind it.
fn fate(refused: bool, holding: Option<Version>, before: Option<Version>, mine: Version) -> Fate {
    if holding == Some(mine) {
        Fate::Holds
    } else if refused || holding != before {
        Fate::Never
    } else {
        Fate::Open
    }
}

/// Whether nothing of a day is kept.
pub(crate) fn is_over(day: i32, keep: Keep) -> bool {
    match keep {
        Keep::All => false,
        Keep::From(floor) => (i64::from(day) + 1).saturating_mul(DAY_MS) <= floor.millis(),
        Keep::Nothing => true,
    }
}

/// Parts are missing: fine if another version holds by now.
///
/// # Errors
/// The same version still holds, so its parts are lost.
pub(crate) async fn missing(cluster: &Cluster, day: HomeDay, version: Version) -> Result<(), StoreError> {
    if tables::mark_for_sure(cluster, day).await?.map(|mark| mark.version) == Some(version) {
        let HomeDay { home, day } = day;
        let what = format!("frames of day {day} of home {} are missing", home.0);
        return Err(StoreError::Damaged(what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_whose_outcome_is_unknown_keeps_its_parts_until_another_one_holds() {
        let (old, mine, other) = (Some(Version(1)), Version(2), Some(Version(3)));
        for refused in [false, true] {
            assert_eq!(fate(refused, Some(mine), old, mine), Fate::Holds, "an answer that was lost, or given twice");
            assert_eq!(fate(refused, other, old, mine), Fate::Never);
            assert_eq!(fate(refused, other, None, mine), Fate::Never);
        }
        for before in [None, old] {
            assert_eq!(fate(false, before, before, mine), Fate::Open, "it may come yet");
            assert_eq!(fate(true, before, before, mine), Fate::Never);
        }
    }

    #[test]
    fn a_day_is_over_when_all_of_it_lies_before_the_floor() {
        let end = model::Timestamp::saturating(11 * DAY_MS);
        assert!(is_over(10, Keep::From(end)) && is_over(10, Keep::Nothing));
        assert!(!is_over(10, Keep::From(end.plus(-1))) && !is_over(10, Keep::All));
    }
}
