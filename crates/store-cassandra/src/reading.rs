//! Readings of a series, day by day, from everywhere they lie.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::TryStreamExt;
use model::{DeviceId, Reading, ReadingKey, TimeRange, Timestamp};
use store::{Gone, Order, StoreError};

use crate::cluster::Cluster;
use crate::compact::over;
use crate::days::{HomeDays, Source};
use crate::places::{DAY_MS, Place, day_of};
use crate::row;

/// Rows that are asked for at a time.
const PAGE: usize = 5_000;

/// What is asked of a series.
pub(crate) struct Asked {
    /// In order of precedence.
    pub(crate) places: Vec<Place>,
    /// What is not answered.
    pub(crate) gone: Gone,
    pub(crate) range: TimeRange,
    pub(crate) order: Order,
    /// Answers begin behind it.
    pub(crate) after: Option<ReadingKey>,
    pub(crate) limit: usize,
}

/// Keys from the first, inside, to the second, outside; n is wider than its type so that there is one behind the last.
type Span = ((i64, i64), (i64, i64));

impl Asked {
    /// The keys that may be answered.
    fn span(&self) -> Span {
        let (mut from, mut to) = ((self.range.from.millis(), 0), (self.range.to.millis(), 0));
        if let Some(after) = self.after {
            let key = (after.time.millis(), i64::from(after.n));
            match self.order {
                Order::Ascending => from = from.max((key.0, key.1 + 1)),
                Order::Descending => to = to.min(key),
            }
        }
        (from, to)
    }
}

/// Answers what is asked.
///
/// # Errors
/// Cassandra does not answer, or something stored cannot be read.
pub(crate) async fn read(cluster: &Cluster, asked: &Asked) -> Result<Vec<Reading>, StoreError> {
    let (from, to) = asked.span();
    if from >= to || asked.limit == 0 {
        return Ok(Vec::new());
    }
    let homes = homes(cluster, &asked.places, day_of(from.0), day_of(to.0)).await?;
    let days: BTreeSet<i32> = homes.values().flat_map(HomeDays::days).collect();
    of_days(cluster, asked, &homes, &days).await
}

/// What is known of the days from `first` to `last`, both included, of every home that has a place.
pub(crate) async fn homes(
    cluster: &Cluster,
    places: &[Place],
    first: i32,
    last: i32,
) -> Result<HashMap<DeviceId, HomeDays>, StoreError> {
    let mut homes = HashMap::new();
    for place in places {
        if let Entry::Vacant(vacant) = homes.entry(place.home) {
            vacant.insert(HomeDays::read(cluster, place.home, first, last).await?);
        }
    }
    Ok(homes)
}

/// Whether nothing of a day is answered.
pub(crate) fn is_gone(gone: &Gone, day: i32) -> bool {
    let (start, end) = (i64::from(day) * DAY_MS, (i64::from(day) + 1) * DAY_MS);
    gone.ranges().iter().any(|range| range.from.millis() <= start && end <= range.to.millis())
}

/// Answers what is asked of some days.
pub(crate) async fn of_days(
    cluster: &Cluster,
    asked: &Asked,
    homes: &HashMap<DeviceId, HomeDays>,
    days: &BTreeSet<i32>,
) -> Result<Vec<Reading>, StoreError> {
    let (mut from, mut to) = asked.span();
    let mut found = Vec::new();
    let in_order: Box<dyn Iterator<Item = &i32> + Send> = match asked.order {
        Order::Ascending => Box::new(days.iter()),
        Order::Descending => Box::new(days.iter().rev()),
    };
    for day in in_order.filter(|day| !is_gone(&asked.gone, **day)) {
        let sources: Vec<(Place, Source)> = asked
            .places
            .iter()
            .map(|place| (*place, homes.get(&place.home).map_or(Source::Nothing, |days| days.source(*day))))
            .collect();
        let framed = sources.iter().any(|(_, source)| matches!(source, Source::Frames(_) | Source::Both(_)));
        loop {
            // What is hidden is asked for and left out, so a page may bring less than is wanted. Frames are taken whole.
            let wanted = if framed { usize::MAX } else { (asked.limit - found.len()).min(PAGE) };
            let day = Day { cluster, homes, day: *day, order: asked.order };
            let page = day.merged(&sources, (from, to), wanted).await?;
            let (whole, last) = (page.len() == wanted, page.last().map(|reading| reading.key));
            let room = asked.limit - found.len();
            found.extend(page.into_iter().filter(|reading| !asked.gone.contains(reading.key.time)).take(room));
            if found.len() >= asked.limit {
                return Ok(found);
            }
            let Some(last) = last.filter(|_| whole) else { break };
            let key = (last.time.millis(), i64::from(last.n));
            match asked.order {
                Order::Ascending => from = (key.0, key.1 + 1),
                Order::Descending => to = key,
            }
        }
    }
    Ok(found)
}

struct Day<'a> {
    cluster: &'a Cluster,
    homes: &'a HashMap<DeviceId, HomeDays>,
    day: i32,
    order: Order,
}

impl Day<'_> {
    /// The first `limit` readings of a span, in the order asked: of equal keys that of the earlier place.
    async fn merged(&self, sources: &[(Place, Source)], span: Span, limit: usize) -> Result<Vec<Reading>, StoreError> {
        let mut merged: BTreeMap<ReadingKey, Reading> = BTreeMap::new();
        for (place, source) in sources {
            for reading in self.of_place(*place, *source, span, limit).await? {
                merged.entry(reading.key).or_insert(reading);
            }
        }
        let all = merged.into_values();
        Ok(match self.order {
            Order::Ascending => all.take(limit).collect(),
            Order::Descending => all.rev().take(limit).collect(),
        })
    }

    /// The first `limit` readings of a place, or more.
    async fn of_place(
        &self,
        place: Place,
        source: Source,
        span: Span,
        limit: usize,
    ) -> Result<Vec<Reading>, StoreError> {
        let rows = async |limit: usize| rows(self.cluster, place, self.day, span, self.order, limit).await;
        match (source, self.homes.get(&place.home)) {
            (Source::Nothing, _) => Ok(Vec::new()),
            (Source::Frames(_) | Source::Both(_), Some(days)) => {
                let framed = days.framed(self.cluster, self.day).await?;
                // Rows after frames: they are never older.
                let over_it = if framed.rows_too { rows(usize::MAX).await? } else { Vec::new() };
                let ((from, from_n), (to, to_n)) = span;
                let range =
                    TimeRange { from: Timestamp::saturating(from), to: Timestamp::saturating(to.saturating_add(1)) };
                let mut readings = framed.readings(place.series, range)?;
                readings.retain(|reading| {
                    let key = (reading.key.time.millis(), i64::from(reading.key.n));
                    (from, from_n) <= key && key < (to, to_n)
                });
                Ok(over(readings, over_it))
            }
            (Source::Rows | Source::Frames(_) | Source::Both(_), _) => rows(limit).await,
        }
    }
}

/// The first `limit` rows of a place in a day and span.
async fn rows(
    cluster: &Cluster,
    place: Place,
    day: i32,
    ((from_ms, from_n), (to_ms, to_n)): Span,
    order: Order,
    limit: usize,
) -> Result<Vec<Reading>, StoreError> {
    let doing = "reading a day";
    let Place { home, series } = place;
    let statement = match order {
        Order::Ascending => &cluster.statements.readings_up,
        Order::Descending => &cluster.statements.readings_down,
    };
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    let values = (home.0.cast_signed(), day, series.0.cast_signed(), from_ms, from_n, to_ms, to_n, limit);
    let mut rows = cluster.rows::<(i64, i64, Vec<u8>)>(doing, statement, values).await?;
    let mut readings = Vec::new();
    while let Some((time, n, cell)) = rows.try_next().await? {
        readings.push(row::decode(series, time, n, &cell)?);
    }
    Ok(readings)
}
