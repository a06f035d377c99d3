//! What stands in the database beside frames and documents, with the cut: identities, newest readings, books, the repeat
//! window, the unread list.

use std::collections::{BTreeMap, HashSet};

use model::{Book, ById, Reading, ReadingKey, SeriesId, SourceName, TimeRange, Timestamp};
use rusqlite::types::ToSql;
use rusqlite::{Connection, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::{Gone, GoneCounts, Remembered, RepeatMark, Sequence, SeriesRecord, State, StoreError, UnreadId};

use crate::database::{failed, meta, set_meta};
use crate::memory::{Checkpoint, Extent, Memory, Settled, Track};

/// The small facts of a cut, one row of `meta`. New fields go to the end, behind a new format version.
#[derive(Serialize, Deserialize, Default)]
struct Facts {
    cut: u64,
    distinct: u64,
    unread_dropped: u64,
    last_received: Option<Timestamp>,
    last_unread: Option<UnreadId>,
}

/// Writes a checkpoint inside the transaction of its flush.
pub(crate) fn write(connection: &Connection, checkpoint: &Checkpoint, settled: &Settled) -> Result<(), StoreError> {
    let mut books = checkpoint.books.clone();
    let mut distinct = checkpoint.distinct;
    for (source, novelty) in &settled.by_source {
        distinct += novelty.stored;
        let readings = &mut books.entry(source.clone()).or_default().readings;
        readings.stored += novelty.stored;
        readings.duplicate += novelty.duplicate;
        readings.replaced += novelty.replaced;
        readings.unsettled -= readings.unsettled.min(novelty.stored + novelty.duplicate + novelty.replaced);
    }
    let facts = Facts {
        cut: checkpoint.cut.0,
        distinct,
        unread_dropped: checkpoint.unread_dropped,
        last_received: checkpoint.last_received,
        last_unread: checkpoint.last_unread,
    };
    (|| {
        set_meta(connection, "facts", packed(&facts)?)?;
        set_meta(connection, "books", packed(&books)?)?;
        set_meta(connection, "gone", packed(&checkpoint.gone)?)?;
        if let Some(hidden) = &checkpoint.hidden {
            write_hidden(connection, hidden)?;
        }
        if let Some(repeats) = &checkpoint.repeats {
            set_meta(connection, "repeats", packed(repeats)?)?;
        }
        write_identities(connection, checkpoint)?;
        write_tracks(connection, checkpoint, settled)?;
        write_unread(connection, checkpoint)
    })()
    .map_err(failed("writing a checkpoint"))
}

fn write_identities(connection: &Connection, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let mut device = connection.prepare_cached("INSERT OR REPLACE INTO devices (id, record) VALUES (?1, ?2)")?;
    for record in &checkpoint.devices {
        device.execute(params![record.id.0, packed(record)?])?;
    }
    let mut series = connection.prepare_cached(
        "INSERT INTO series (id, record) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
    )?;
    for record in &checkpoint.series {
        series.execute(params![record.id.0, packed(record)?])?;
    }
    Ok(())
}

fn write_tracks(connection: &Connection, checkpoint: &Checkpoint, settled: &Settled) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE series SET latest = ?2, first_ms = ?3, last_ms = ?4, last_n = ?5, span_ms = ?6 WHERE id = ?1",
    )?;
    for (series, latest) in &checkpoint.latest {
        let extent = settled.extents.get(series);
        statement.execute(params![
            series.0,
            packed(latest)?,
            extent.map(|extent| extent.first_ms),
            extent.map(|extent| extent.last.time.millis()),
            extent.map(|extent| extent.last.n),
            extent.map(|extent| extent.span_ms),
        ])?;
    }
    Ok(())
}

fn write_unread(connection: &Connection, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let Some(list) = &checkpoint.unread else { return Ok(()) };
    let wanted: HashSet<i64> = list.iter().map(|record| record.id.0.cast_signed()).collect();
    let there: HashSet<i64> =
        connection.prepare("SELECT id FROM unread")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut remove = connection.prepare_cached("DELETE FROM unread WHERE id = ?1")?;
    for id in there.difference(&wanted) {
        remove.execute([id])?;
    }
    let mut add = connection.prepare_cached("INSERT INTO unread (id, record) VALUES (?1, ?2)")?;
    for record in list.iter().filter(|record| !there.contains(&record.id.0.cast_signed())) {
        add.execute(params![record.id.0.cast_signed(), packed(record)?])?;
    }
    Ok(())
}

/// Everything as of the cut.
pub(crate) fn read(connection: &Connection, unread_max: usize) -> Result<Memory, StoreError> {
    let facts: Facts = meta_packed(connection, "facts")?.unwrap_or_default();
    let books: BTreeMap<SourceName, Book> = meta_packed(connection, "books")?.unwrap_or_default();
    // What it costs to go on without them is that a message repeated within the hour is stored twice; to refuse would cost all.
    let repeats: Vec<RepeatMark> = meta_packed(connection, "repeats").unwrap_or_else(|error: StoreError| {
        tracing::error!(%error, "the marks of repeated messages are damaged: repeats of the last hour are not recognised");
        None
    }).unwrap_or_default();
    let gone: GoneCounts = meta_packed(connection, "gone")?.unwrap_or_default();
    let kept = Remembered {
        devices: records(connection, "SELECT record FROM devices")?,
        series: records(connection, "SELECT record FROM series")?,
        books,
        repeats,
        unread: records(connection, "SELECT record FROM unread")?,
        unread_dropped: facts.unread_dropped,
        last_received: facts.last_received,
        last_unread: facts.last_unread,
        hidden: read_hidden(connection)?,
        floors: meta_packed(connection, "floors")?.unwrap_or_default(),
        gone: GoneCounts { lost: meta_packed(connection, "lost")?.unwrap_or(0), ..gone },
    };
    let tracks = read_tracks(connection)?;
    Ok(Memory::resume(State::resume(unread_max, kept), tracks, Sequence(facts.cut), facts.distinct))
}

fn write_hidden(connection: &Connection, hidden: &BTreeMap<SeriesId, Gone>) -> rusqlite::Result<()> {
    let ranges: BTreeMap<SeriesId, &[TimeRange]> =
        hidden.iter().map(|(series, gone)| (*series, gone.ranges())).filter(|(_, ranges)| !ranges.is_empty()).collect();
    set_meta(connection, "hidden", packed(&ranges)?)
}

fn read_hidden(connection: &Connection) -> Result<BTreeMap<SeriesId, Gone>, StoreError> {
    let ranges: BTreeMap<SeriesId, Vec<TimeRange>> = meta_packed(connection, "hidden")?.unwrap_or_default();
    Ok(ranges.into_iter().map(|(series, ranges)| (series, Gone::from(ranges))).collect())
}

/// The part of the database that a barrier changes beside rows of frames: everything about identity, and the cut.
pub(crate) fn write_barrier(
    connection: &Connection,
    state: &State,
    cut: Sequence,
    distinct: u64,
) -> Result<(), StoreError> {
    let facts = Facts {
        cut: cut.0,
        distinct,
        unread_dropped: state.unread_dropped(),
        last_received: state.last_received(),
        last_unread: state.last_unread(),
    };
    (|| {
        set_meta(connection, "facts", packed(&facts)?)?;
        set_meta(connection, "gone", packed(&state.gone_counts())?)?;
        set_meta(connection, "floors", packed(state.floors())?)?;
        write_hidden(connection, state.hidden())
    })()
    .map_err(failed("writing a barrier"))
}

/// What is known of one series.
pub(crate) fn write_series(connection: &Connection, record: &SeriesRecord, track: &Track) -> Result<(), StoreError> {
    (|| {
        let latest = track.latest.as_ref().map(packed).transpose()?;
        let stored = track.stored;
        connection
            .prepare_cached(
                "UPDATE series SET record = ?2, latest = ?3, first_ms = ?4, last_ms = ?5, last_n = ?6, span_ms = ?7 \
                 WHERE id = ?1",
            )?
            .execute(params![
                record.id.0,
                packed(record)?,
                latest,
                stored.map(|extent| extent.first_ms),
                stored.map(|extent| extent.last.time.millis()),
                stored.map(|extent| extent.last.n),
                stored.map(|extent| extent.span_ms),
            ])
            .map(drop)
    })()
    .map_err(failed("writing a series"))
}

fn read_tracks(connection: &Connection) -> Result<ById<SeriesId, Track>, StoreError> {
    let reading = "reading what is known of the series";
    let mut statement = connection
        .prepare("SELECT id, latest, first_ms, last_ms, last_n, span_ms FROM series WHERE latest IS NOT NULL")
        .map_err(failed(reading))?;
    let mut rows = statement.query([]).map_err(failed(reading))?;
    let mut tracks = ById::default();
    while let Some(row) = rows.next().map_err(failed(reading))? {
        let (id, latest): (u32, Vec<u8>) = (row.get(0).map_err(failed(reading))?, row.get(1).map_err(failed(reading))?);
        let latest: (Reading, Timestamp) = unpacked(&latest, reading)?;
        let extent = || {
            let (first_ms, last_ms): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
            let (last_n, span_ms): (Option<u32>, Option<i64>) = (row.get(4)?, row.get(5)?);
            let (Some(first_ms), Some(last_ms), Some(n), Some(span_ms)) = (first_ms, last_ms, last_n, span_ms) else {
                return Ok(None);
            };
            let last = ReadingKey { time: Timestamp::saturating(last_ms), n };
            Ok(Some(Extent { first_ms, last, span_ms }))
        };
        tracks.insert(SeriesId(id), Track { latest: Some(latest), stored: extent().map_err(failed(reading))? });
    }
    drop(rows);
    widen(connection, &mut tracks).map_err(failed(reading))?;
    Ok(tracks)
}

/// Rows that are compared with what stands beside the series when a directory is opened; with more, that would take long.
const COMPARED_ROWS_MAX: i64 = 100_000;

/// No checksum covers the reach that stands beside a series, so it is taken from the rows where they reach farther: else
/// readings would be passed over.
fn widen(connection: &Connection, tracks: &mut ById<SeriesId, Track>) -> rusqlite::Result<()> {
    let frames: i64 = connection.query_row("SELECT count(*) FROM frames", [], |row| row.get(0))?;
    if frames > COMPARED_ROWS_MAX {
        return Ok(());
    }
    let mut statement = connection.prepare(
        "SELECT series, min(first_ms), max(last_ms), max(last_ms - first_ms) FROM frame_series GROUP BY series",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some(track) = tracks.get_mut(&SeriesId(row.get(0)?)) else { continue };
        let (first_ms, last_ms, span_ms): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
        // The largest n is never wrong: it only makes the store look where it need not.
        let last = ReadingKey { time: Timestamp::saturating(last_ms), n: u32::MAX };
        let stored = track.stored.get_or_insert(Extent { first_ms, last, span_ms });
        if first_ms < stored.first_ms || last.time > stored.last.time || span_ms > stored.span_ms {
            tracing::error!(
                series = row.get::<_, u32>(0)?,
                "the frames of a series reach farther than is known of them"
            );
            stored.last = if last.time > stored.last.time { last } else { stored.last };
            stored.first_ms = stored.first_ms.min(first_ms);
            stored.span_ms = stored.span_ms.max(span_ms);
        }
    }
    Ok(())
}

fn records<T: DeserializeOwned>(connection: &Connection, sql: &str) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare(sql).map_err(failed("reading records"))?;
    let mut rows = statement.query([]).map_err(failed("reading records"))?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(failed("reading records"))? {
        let bytes = row.get_ref(0).and_then(|value| Ok(value.as_blob()?)).map_err(failed("reading records"))?;
        records.push(unpacked(bytes, sql)?);
    }
    Ok(records)
}

fn meta_packed<T: DeserializeOwned>(connection: &Connection, key: &str) -> Result<Option<T>, StoreError> {
    let bytes: Option<Vec<u8>> = meta(connection, key).map_err(failed("reading the table meta"))?;
    bytes.map(|bytes| unpacked(&bytes, key)).transpose()
}

fn packed<T: Serialize>(value: &T) -> rusqlite::Result<impl ToSql + use<T>> {
    postcard::to_stdvec(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn unpacked<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, StoreError> {
    postcard::from_bytes(bytes).map_err(|error| StoreError::Damaged(format!("{what}: {error}")))
}

/// Takes readings off the count that stands in the database, after some were lost, and counts them as such.
pub(crate) fn count_less(connection: &Connection, readings: u64) -> Result<(), StoreError> {
    let facts: Facts = meta_packed(connection, "facts")?.unwrap_or_default();
    let facts = Facts { distinct: facts.distinct.saturating_sub(readings), ..facts };
    let lost = meta_packed::<u64>(connection, "lost")?.unwrap_or(0) + readings;
    (|| {
        set_meta(connection, "facts", packed(&facts)?)?;
        set_meta(connection, "lost", packed(&lost)?)
    })()
    .map_err(failed("counting readings"))
}

/// Gives a series the newest reading that it has in frames, because what stood there cannot be read.
pub(crate) fn write_latest(
    connection: &Connection,
    series: SeriesId,
    latest: Option<&(Reading, Timestamp)>,
) -> Result<(), StoreError> {
    (|| {
        let latest = latest.map(packed).transpose()?;
        connection.execute("UPDATE series SET latest = ?2 WHERE id = ?1", params![series.0, latest]).map(drop)
    })()
    .map_err(failed("writing a newest reading"))
}

/// Whether the bytes of `latest` are a newest reading.
pub(crate) fn is_latest(bytes: &[u8]) -> bool {
    postcard::from_bytes::<(Reading, Timestamp)>(bytes).is_ok()
}

/// Whether the bytes of a row of this table are a record.
pub(crate) fn is_record(table: &str, bytes: &[u8]) -> bool {
    match table {
        "devices" => postcard::from_bytes::<store::DeviceRecord>(bytes).is_ok(),
        "series" => postcard::from_bytes::<SeriesRecord>(bytes).is_ok(),
        _ => postcard::from_bytes::<store::UnreadRecord>(bytes).is_ok(),
    }
}
