//! Taking rows of a series away, or giving them to another series. All inside the transaction of whoever calls.

use model::{SeriesId, Timestamp};
use rusqlite::{Connection, params};
use store::StoreError;

use crate::database::failed;

const REMOVING: &str = "removing readings";

/// Takes every frame row of a series away.
pub(crate) fn remove_series(connection: &Connection, series: SeriesId) -> Result<(), StoreError> {
    remove_before(connection, series, i64::MAX)
}

/// Takes the frame rows away that end before `before`.
pub(crate) fn expire(connection: &Connection, series: SeriesId, before: Timestamp) -> Result<(), StoreError> {
    remove_before(connection, series, before.millis())
}

fn remove_before(connection: &Connection, series: SeriesId, before_ms: i64) -> Result<(), StoreError> {
    (|| {
        let mut select =
            connection.prepare_cached("SELECT frame FROM frame_series WHERE series = ?1 AND last_ms < ?2")?;
        let frames = select.query_map(params![series.0, before_ms], |row| row.get(0))?;
        let frames: Vec<i64> = frames.collect::<Result<_, _>>()?;
        connection
            .prepare_cached("DELETE FROM frame_series WHERE series = ?1 AND last_ms < ?2")?
            .execute(params![series.0, before_ms])?;
        // A frame goes with the last of its series.
        let mut delete = connection.prepare_cached(
            "DELETE FROM frames WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM frame_series WHERE frame = ?1)",
        )?;
        frames.iter().try_for_each(|frame| delete.execute([frame]).map(drop))
    })()
    .map_err(failed(REMOVING))
}

/// Gives the rows of `from` to `into`, ranked below all of its own: of equal keys the one of `into` counts as the later.
pub(crate) fn absorb(connection: &Connection, from: SeriesId, into: SeriesId) -> Result<(), StoreError> {
    (|| {
        let edge = |edge: &str, series: SeriesId| {
            let sql = format!("SELECT coalesce({edge}(rank), 0) FROM frame_series WHERE series = ?1");
            connection.prepare_cached(&sql)?.query_row([series.0], |row| row.get::<_, i64>(0))
        };
        let shift = edge("max", from)? - edge("min", into)? + 1;
        connection
            .prepare_cached("UPDATE frame_series SET series = ?2, rank = rank - ?3 WHERE series = ?1")?
            .execute(params![from.0, into.0, shift])
            .map(drop)
    })()
    .map_err(failed("giving readings to another series"))
}
