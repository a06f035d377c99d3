//! Frames, their marks, their hours and touches as rows of Cassandra: what is asked and written, and in which words.
//!
//! A *mark* (`frame_days`) says which version of a day's frames holds. It alone is changed by lightweight transactions; everything
//! else is written under its version and means nothing before the mark says so.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use model::{DeviceId, Reading, SeriesId};
use scylla::deserialize::row::DeserializeRow;
use scylla::errors::ExecutionError;
use scylla::serialize::row::SerializeRow;
use scylla::statement::prepared::PreparedStatement;
use store::StoreError;

use crate::cluster::{Cluster, serial};
use crate::compact::Version;
use crate::conditional::{Decided, applied};
use crate::row;
use crate::statements::Preparing;
use crate::touches::HomeDay;

/// Parts of frames that come at a time: each may be four megabytes, most are some kilobytes.
const PARTS_PAGE: i32 = 8;
/// Days whose frames are one partition: not a calendar year.
const YEAR_DAYS: i32 = 366;

/// The year of a day, as a partition of frames counts them.
pub(crate) fn year_of(day: i32) -> i32 {
    day.div_euclid(YEAR_DAYS)
}

/// The statements about frames.
pub(crate) struct FrameStatements {
    /// Of the compactor: seconds, owner, until, name, owner so far.
    pub(crate) lease: PreparedStatement,
    touches: PreparedStatement,
    touched_homes: PreparedStatement,
    mark: PreparedStatement,
    marks: PreparedStatement,
    set_mark: PreparedStatement,
    put_year: PreparedStatement,
    years: PreparedStatement,
    framed_homes: PreparedStatement,
    put_part: PreparedStatement,
    parts: PreparedStatement,
    drop_before: PreparedStatement,
    drop_version: PreparedStatement,
    rows: PreparedStatement,
    lives: PreparedStatement,
    put_again: PreparedStatement,
    put_hours: PreparedStatement,
    drop_hours: PreparedStatement,
    hours: PreparedStatement,
}

impl FrameStatements {
    pub(crate) async fn prepare(to: &Preparing<'_>) -> Result<Self, scylla::errors::PrepareError> {
        let day = "WHERE home = ? AND year = ? AND day = ?";
        let days = "AND day >= ? AND day <= ?";
        let rows = async |text: &str| to.prepare(text).await;
        Ok(Self {
            lease: to
                .prepare_once("UPDATE KS.leases USING TTL ? SET owner = ?, until = ? WHERE name = ? IF owner = ?")
                .await?,
            touches: rows(&format!("SELECT day, hour FROM KS.touches WHERE home = ? {days}")).await?,
            touched_homes: rows("SELECT DISTINCT home FROM KS.touches").await?,
            mark: rows(&format!("SELECT version, parts, compacted FROM KS.frame_days {day}")).await?,
            marks: rows(&format!("SELECT day, version, parts, compacted FROM KS.frame_days {OF_YEAR} {days}")).await?,
            set_mark: to.prepare_once(SET_MARK).await?,
            put_year: rows("INSERT INTO KS.frame_years (home, year) VALUES (?, ?)").await?,
            years: rows("SELECT year FROM KS.frame_years WHERE home = ?").await?,
            framed_homes: rows("SELECT DISTINCT home FROM KS.frame_years").await?,
            put_part: rows(PUT_PART).await?,
            parts: to.prepare_paged(&format!("SELECT blob FROM KS.frames {day} AND version = ?"), PARTS_PAGE).await?,
            drop_before: rows(&format!("DELETE FROM KS.frames USING TIMESTAMP ? {day} AND version < ?")).await?,
            drop_version: rows(&format!("DELETE FROM KS.frames USING TIMESTAMP ? {day} AND version = ?")).await?,
            rows: rows("SELECT series, time, n, reading FROM KS.readings WHERE home = ? AND day = ?").await?,
            lives: rows(LIVES).await?,
            put_again: rows(PUT_AGAIN).await?,
            put_hours: rows(PUT_HOURS).await?,
            drop_hours: rows(&format!("DELETE FROM KS.hours USING TIMESTAMP ? {OF_YEAR} AND series = ? AND day = ?"))
                .await?,
            hours: rows(&format!("SELECT day, version, blob FROM KS.hours {OF_YEAR} AND series = ? {days}")).await?,
        })
    }
}

const OF_YEAR: &str = "WHERE home = ? AND year = ?";
const SET_MARK: &str = "UPDATE KS.frame_days USING TTL ? SET version = ?, parts = ?, compacted = ?, rows = ? \
     WHERE home = ? AND year = ? AND day = ? IF version = ?";
const PUT_PART: &str =
    "INSERT INTO KS.frames (home, year, day, version, part, blob) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
const LIVES: &str = "SELECT series, time, n, reading, writetime(reading), ttl(reading) FROM KS.readings \
     WHERE home = ? AND day = ?";
const PUT_AGAIN: &str = "INSERT INTO KS.readings (home, day, series, time, n, reading) VALUES (?, ?, ?, ?, ?, ?) \
     USING TIMESTAMP ? AND TTL ?";
const PUT_HOURS: &str =
    "INSERT INTO KS.hours (home, year, series, day, version, blob) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";

/// Which frames of a day hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) version: Version,
    /// How many parts they have; none where nothing is kept of the day.
    pub(crate) parts: i32,
    /// The UTC hour in which their compaction began to look.
    pub(crate) compacted: i32,
}

/// A row as it lies there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Live {
    pub(crate) series: i32,
    pub(crate) time: i64,
    pub(crate) n: i64,
    pub(crate) cell: Vec<u8>,
    /// Microseconds.
    pub(crate) written: i64,
    /// Seconds that it has left; none where it does not expire.
    pub(crate) left_s: Option<i32>,
}

type Answer<T> = Result<T, StoreError>;

/// Home, year and day, as every table of frames begins.
fn named(day: HomeDay) -> (i32, i32, i32) {
    (day.home.0.cast_signed(), year_of(day.day), day.day)
}

async fn each<R>(
    cluster: &Cluster,
    doing: &str,
    statement: &PreparedStatement,
    values: impl SerializeRow,
    mut keep: impl FnMut(R) -> Answer<()>,
) -> Answer<()>
where
    R: for<'f, 'm> DeserializeRow<'f, 'm> + 'static,
{
    let mut rows = cluster.rows::<R>(doing, statement, values).await?;
    while let Some(row) = rows.try_next().await? {
        keep(row)?;
    }
    Ok(())
}

/// The youngest touch of each day from `first` to `last`, both included.
pub(crate) async fn touches(cluster: &Cluster, home: DeviceId, first: i32, last: i32) -> Answer<BTreeMap<i32, i32>> {
    let mut youngest = BTreeMap::new();
    let statement = &cluster.statements.frames.touches;
    each(cluster, "reading touches", statement, (home.0.cast_signed(), first, last), |(day, hour): (i32, i32)| {
        let known = youngest.entry(day).or_insert(hour);
        *known = hour.max(*known);
        Ok(())
    })
    .await?;
    Ok(youngest)
}

/// Touches a day in this hour.
pub(crate) async fn touch(cluster: &Cluster, day: HomeDay, node: i32) -> Answer<()> {
    let values = (day.home.0.cast_signed(), day.day, node, cluster.hour(), cluster.write_time());
    cluster.ask("touching a day", &cluster.statements.put_touch, values).await.map(drop)
}

/// The homes that have touches.
pub(crate) async fn touched_homes(cluster: &Cluster) -> Answer<Vec<DeviceId>> {
    homes(cluster, &cluster.statements.frames.touched_homes).await
}

/// The homes that have frames, or had some.
pub(crate) async fn framed_homes(cluster: &Cluster) -> Answer<Vec<DeviceId>> {
    homes(cluster, &cluster.statements.frames.framed_homes).await
}

async fn homes(cluster: &Cluster, statement: &PreparedStatement) -> Answer<Vec<DeviceId>> {
    let mut homes = Vec::new();
    each(cluster, "listing homes", statement, (), |(home,): (i32,)| {
        homes.push(DeviceId(home.cast_unsigned()));
        Ok(())
    })
    .await?;
    Ok(homes)
}

/// The years of which a home has frames, or had some, in order.
pub(crate) async fn years(cluster: &Cluster, home: DeviceId) -> Answer<Vec<i32>> {
    let mut years = Vec::new();
    let statement = &cluster.statements.frames.years;
    each(cluster, "listing years", statement, (home.0.cast_signed(),), |(year,): (i32,)| {
        years.push(year);
        Ok(())
    })
    .await?;
    years.sort_unstable();
    Ok(years)
}

fn mark_of((version, parts, compacted): (Option<i64>, Option<i32>, Option<i32>)) -> Option<Mark> {
    Some(Mark { version: Version(version?), parts: parts.unwrap_or(0), compacted: compacted? })
}

/// The mark of a day.
pub(crate) async fn mark(cluster: &Cluster, day: HomeDay) -> Answer<Option<Mark>> {
    mark_by(cluster, &cluster.statements.frames.mark, day).await
}

/// The mark of a day, behind every transaction that may have been carried out.
pub(crate) async fn mark_for_sure(cluster: &Cluster, day: HomeDay) -> Answer<Option<Mark>> {
    mark_by(cluster, &serial(&cluster.statements.frames.mark), day).await
}

async fn mark_by(cluster: &Cluster, statement: &PreparedStatement, day: HomeDay) -> Answer<Option<Mark>> {
    let mut found = None;
    each(cluster, "reading the mark of a day", statement, named(day), |row| {
        found = mark_of(row);
        Ok(())
    })
    .await?;
    Ok(found)
}

/// The marks of the days of one year from `first` to `last`, both included.
pub(crate) async fn marks(
    cluster: &Cluster,
    home: DeviceId,
    year: i32,
    (first, last): (i32, i32),
) -> Answer<BTreeMap<i32, Mark>> {
    let mut marks = BTreeMap::new();
    let values = (home.0.cast_signed(), year, first, last);
    let statement = &cluster.statements.frames.marks;
    each(cluster, "reading marks", statement, values, |(day, version, parts, compacted): (i32, _, _, _)| {
        marks.extend(mark_of((version, parts, compacted)).map(|mark| (day, mark)));
        Ok(())
    })
    .await?;
    Ok(marks)
}

/// Sets the mark of a day if it still has the version `before`, and answers whether it had, if that is understood. `ttl_s` 0 is for
/// good.
///
/// # Errors
/// The outcome is not known: it may be carried out, now or later.
pub(crate) async fn set_mark(
    cluster: &Cluster,
    day: HomeDay,
    before: Option<Version>,
    mark: Mark,
    (readings, ttl_s): (u64, i32),
) -> Result<Option<Decided>, ExecutionError> {
    let ((home, year, day), rows) = (named(day), readings.cast_signed());
    let values =
        (ttl_s, mark.version.0, mark.parts, mark.compacted, rows, home, year, day, before.map(|version| version.0));
    let result = cluster.session.execute_unpaged(&cluster.statements.frames.set_mark, values).await?;
    Ok(applied(result).ok())
}

/// Notes that a home has frames of the year of a day.
pub(crate) async fn put_year(cluster: &Cluster, day: HomeDay) -> Answer<()> {
    let (home, year, _) = named(day);
    cluster.ask("noting a year", &cluster.statements.frames.put_year, (home, year)).await.map(drop)
}

/// Writes one part of a version.
pub(crate) async fn put_part(
    cluster: &Cluster,
    day: HomeDay,
    version: Version,
    part: usize,
    blob: &[u8],
) -> Answer<()> {
    let ((home, year, day), part) = (named(day), i32::try_from(part).unwrap_or(i32::MAX));
    let values = (home, year, day, version.0, part, blob, version.0);
    cluster.ask("writing a frame", &cluster.statements.frames.put_part, values).await.map(drop)
}

/// The parts of a version, in order: fewer than its mark says where a later one took its place meanwhile.
pub(crate) async fn parts(cluster: &Cluster, day: HomeDay, version: Version) -> Answer<Vec<Vec<u8>>> {
    let mut parts = Vec::new();
    let (home, year, day) = named(day);
    let statement = &cluster.statements.frames.parts;
    each(cluster, "reading frames", statement, (home, year, day, version.0), |(blob,): (Vec<u8>,)| {
        parts.push(blob);
        Ok(())
    })
    .await?;
    Ok(parts)
}

/// Deletes the parts of all versions before one that holds.
pub(crate) async fn drop_before(cluster: &Cluster, day: HomeDay, version: Version) -> Answer<()> {
    let (home, year, day) = named(day);
    let values = (version.0, home, year, day, version.0);
    cluster.ask("deleting old frames", &cluster.statements.frames.drop_before, values).await.map(drop)
}

/// Deletes the parts of a version that will never hold.
pub(crate) async fn drop_version(cluster: &Cluster, day: HomeDay, version: Version) -> Answer<()> {
    let (home, year, day) = named(day);
    let values = (version.0, home, year, day, version.0);
    cluster.ask("deleting frames that are not used", &cluster.statements.frames.drop_version, values).await.map(drop)
}

/// Every row of a day, by series and key.
pub(crate) async fn rows(
    cluster: &Cluster,
    day: HomeDay,
    mut keep: impl FnMut(SeriesId, Reading) -> Answer<()>,
) -> Answer<()> {
    let values = (day.home.0.cast_signed(), day.day);
    let statement = &cluster.statements.frames.rows;
    each(cluster, "reading rows", statement, values, |(series, time, n, cell): (i32, i64, _, Vec<u8>)| {
        let series = SeriesId(series.cast_unsigned());
        keep(series, row::decode(series, time, n, &cell)?)
    })
    .await
}

/// Every row of a day with how long it has left.
pub(crate) async fn lives(cluster: &Cluster, day: HomeDay, mut keep: impl FnMut(Live) -> Answer<()>) -> Answer<()> {
    let values = (day.home.0.cast_signed(), day.day);
    let statement = &cluster.statements.frames.lives;
    each(cluster, "reading the age of rows", statement, values, |(series, time, n, cell, written, left_s)| {
        keep(Live { series, time, n, cell, written, left_s })
    })
    .await
}

/// Writes a row once more, a microsecond later than it was written, so that it lives for `ttl_s` from now. A write that came in
/// meanwhile is later still.
pub(crate) async fn put_again(cluster: &Cluster, day: HomeDay, row: &Live, ttl_s: i32) -> Answer<()> {
    let home = day.home.0.cast_signed();
    let values = (home, day.day, row.series, row.time, row.n, &row.cell, row.written + 1, ttl_s);
    cluster.ask("writing a row once more", &cluster.statements.frames.put_again, values).await.map(drop)
}

/// Writes the hours of a series that belong to a version which holds.
pub(crate) async fn put_hours(
    cluster: &Cluster,
    day: HomeDay,
    series: SeriesId,
    version: Version,
    blob: &[u8],
) -> Answer<()> {
    let (home, year, day) = named(day);
    let values = (home, year, series.0.cast_signed(), day, version.0, blob, version.0);
    cluster.ask("writing hours", &cluster.statements.frames.put_hours, values).await.map(drop)
}

/// Deletes the hours of a series that belong to an earlier version than one that holds.
pub(crate) async fn drop_hours(cluster: &Cluster, day: HomeDay, series: SeriesId, version: Version) -> Answer<()> {
    let (home, year, day) = named(day);
    let values = (version.0, home, year, series.0.cast_signed(), day);
    cluster.ask("deleting old hours", &cluster.statements.frames.drop_hours, values).await.map(drop)
}

/// The hours of a series of the days of one year from `first` to `last`, both included: version and bytes.
pub(crate) async fn hours(
    cluster: &Cluster,
    (home, series): (DeviceId, SeriesId),
    year: i32,
    (first, last): (i32, i32),
) -> Answer<BTreeMap<i32, (Version, Vec<u8>)>> {
    let mut hours = BTreeMap::new();
    let values = (home.0.cast_signed(), year, series.0.cast_signed(), first, last);
    let statement = &cluster.statements.frames.hours;
    each(cluster, "reading hours", statement, values, |(day, version, blob): (i32, i64, Vec<u8>)| {
        hours.insert(day, (Version(version), blob));
        Ok(())
    })
    .await?;
    Ok(hours)
}
