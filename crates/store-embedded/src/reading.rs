//! Reading a series: frames, the frozen generation and the head as one list in which each key stands once.

use model::{Reading, ReadingKey, SeriesId, TimeRange};
use rusqlite::Connection;
use store::found::{Found, fold, sort};
use store::{Gone, Order, StoreError};

use crate::memory::Memory;
use crate::rows::{known, readings_within, visit};

/// Ranks behind every frame's.
const FROZEN: i64 = i64::MAX - 1;
const HEAD: i64 = i64::MAX;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) series: SeriesId,
    pub(crate) range: TimeRange,
    pub(crate) order: Order,
    pub(crate) after: Option<ReadingKey>,
    pub(crate) limit: usize,
    /// What is left out.
    pub(crate) gone: Gone,
}

impl Request {
    /// The part of the range that lies behind `after`.
    pub(crate) fn rest(&self) -> TimeRange {
        let TimeRange { from, to } = self.range;
        match (self.after, self.order) {
            (None, _) => self.range,
            (Some(after), Order::Ascending) => TimeRange { from: from.max(after.time), to },
            (Some(after), Order::Descending) => TimeRange { from, to: to.min(after.time.plus(1)) },
        }
    }

    fn wants(&self, key: ReadingKey) -> bool {
        let behind = self.after.is_none_or(|after| match self.order {
            Order::Ascending => key > after,
            Order::Descending => key < after,
        });
        behind && self.range.contains(key.time) && !self.gone.contains(key.time)
    }

    /// What is in memory, at most `limit` of each generation: more cannot be among the first `limit` of all.
    pub(crate) fn fresh(&self, memory: &Memory) -> Vec<Found> {
        let frozen = memory.frozen.as_ref().map(|frozen| (&frozen.head, FROZEN));
        let generations = [Some((&memory.head, HEAD)), frozen];
        let mut fresh = Vec::new();
        for (head, rank) in generations.into_iter().flatten() {
            let Some(series) = head.of(self.series) else { continue };
            let inside = series.range(self.rest()).filter(|reading| self.wants(reading.key));
            let inside = inside.map(|reading| Found { rank, reading });
            match self.order {
                Order::Ascending => fresh.extend(inside.take(self.limit)),
                Order::Descending => fresh.extend(inside.rev().take(self.limit)),
            }
        }
        fresh
    }
}

/// The answer to `request`, given what was fresh before the database's moment was taken. What was moved into the database
/// in between is found twice and answered once.
pub(crate) fn merged(
    connection: &Connection,
    request: &Request,
    fresh: Vec<Found>,
) -> Result<Vec<Reading>, StoreError> {
    let Some(known) = known(connection, request.series)? else { return Ok(of_memory(fresh, request)) };
    let mut pending = fresh;
    let mut answer = Vec::new();
    visit(connection, request.series, known, request.rest(), request.order, &mut |row| {
        // Frames that are still to come hold nothing on this side of the edge.
        let edge = match request.order {
            Order::Ascending => row.first_ms,
            Order::Descending => row.last_ms,
        };
        settle(&mut pending, &mut answer, request.order, Some(edge));
        if answer.len() >= request.limit {
            return Ok(false);
        }
        let inside = readings_within(connection, &row, request.rest())?;
        let wanted = inside.into_iter().filter(|reading| request.wants(reading.key));
        pending.extend(wanted.map(|reading| Found { rank: row.rank, reading }));
        Ok(true)
    })?;
    if answer.len() < request.limit {
        settle(&mut pending, &mut answer, request.order, None);
    }
    answer.truncate(request.limit);
    Ok(answer)
}

/// The answer when everything is in memory.
pub(crate) fn of_memory(mut fresh: Vec<Found>, request: &Request) -> Vec<Reading> {
    let mut answer = Vec::new();
    settle(&mut fresh, &mut answer, request.order, None);
    answer.truncate(request.limit);
    answer
}

/// Moves what lies on the near side of `edge` from `pending` to `answer`.
fn settle(pending: &mut Vec<Found>, answer: &mut Vec<Reading>, order: Order, edge: Option<i64>) {
    sort(pending);
    match order {
        Order::Ascending => {
            let ready = edge.map_or(pending.len(), |edge| pending.partition_point(|found| millis(found) < edge));
            fold(pending.drain(..ready), |reading| answer.push(reading));
        }
        Order::Descending => {
            let kept = edge.map_or(0, |edge| pending.partition_point(|found| millis(found) <= edge));
            let before = answer.len();
            fold(pending.drain(kept..), |reading| answer.push(reading));
            if let Some(added) = answer.get_mut(before..) {
                added.reverse();
            }
        }
    }
}

fn millis(found: &Found) -> i64 {
    found.reading.key.time.millis()
}
