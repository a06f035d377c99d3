//! Readings of a series, day by day, from everywhere they lie.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;
use model::{Reading, ReadingKey, TimeRange};
use store::{Gone, Order, StoreError};

use crate::cluster::{Cluster, failed};
use crate::places::{Place, day_of};
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
/// Cassandra does not answer, or a row cannot be read.
pub(crate) async fn read(cluster: &Cluster, asked: &Asked) -> Result<Vec<Reading>, StoreError> {
    let (mut from, mut to) = asked.span();
    let mut found = Vec::new();
    if from >= to || asked.limit == 0 {
        return Ok(found);
    }
    let days = days(cluster, &asked.places, (from, to)).await?;
    let in_order: Box<dyn Iterator<Item = &i32> + Send> = match asked.order {
        Order::Ascending => Box::new(days.iter()),
        Order::Descending => Box::new(days.iter().rev()),
    };
    for day in in_order {
        loop {
            // What is hidden is asked for and left out, so a page may bring less than is wanted.
            let wanted = (asked.limit - found.len()).min(PAGE);
            let page = of_day(cluster, asked, *day, (from, to), wanted).await?;
            let (whole, last) = (page.len() == wanted, page.last().map(|reading| reading.key));
            found.extend(page.into_iter().filter(|reading| !asked.gone.contains(reading.key.time)));
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

/// The days inside a span on which a place may have rows.
async fn days(cluster: &Cluster, places: &[Place], (from, to): Span) -> Result<BTreeSet<i32>, StoreError> {
    let doing = "looking for days with readings";
    let homes: BTreeSet<_> = places.iter().map(|place| place.home).collect();
    let mut days = BTreeSet::new();
    for home in homes {
        let values = (home.0.cast_signed(), day_of(from.0), day_of(to.0));
        let pager = cluster.session.execute_iter(cluster.statements.touched_days.clone(), values).await;
        let pager = pager.map_err(|error| failed(doing, error))?;
        let mut rows = pager.rows_stream::<(i32,)>().map_err(|error| failed(doing, error))?;
        while let Some((day,)) = rows.try_next().await.map_err(|error| failed(doing, error))? {
            days.insert(day);
        }
    }
    Ok(days)
}

/// The first `limit` readings of a day and span, in the order asked: of equal keys that of the earlier place.
async fn of_day(
    cluster: &Cluster,
    asked: &Asked,
    day: i32,
    span: Span,
    limit: usize,
) -> Result<Vec<Reading>, StoreError> {
    let mut merged: BTreeMap<ReadingKey, Reading> = BTreeMap::new();
    for place in &asked.places {
        for reading in rows(cluster, *place, day, span, asked.order, limit).await? {
            merged.entry(reading.key).or_insert(reading);
        }
    }
    let all = merged.into_values();
    Ok(match asked.order {
        Order::Ascending => all.take(limit).collect(),
        Order::Descending => all.rev().take(limit).collect(),
    })
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
    let pager = cluster.session.execute_iter(statement.clone(), values).await.map_err(|error| failed(doing, error))?;
    let mut rows = pager.rows_stream::<(i64, i64, Vec<u8>)>().map_err(|error| failed(doing, error))?;
    let mut readings = Vec::new();
    while let Some((time, n, cell)) = rows.try_next().await.map_err(|error| failed(doing, error))? {
        readings.push(row::decode(series, time, n, &cell)?);
    }
    Ok(readings)
}
