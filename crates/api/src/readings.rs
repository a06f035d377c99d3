//! Readings of one series, and the newest of all of a device.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use model::{ReadingKey, SeriesId, TimeRange, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Lost, Order, SeriesRecord};
use utoipa::{IntoParams, ToSchema};
use windows::Calibrations;

use crate::export::{self, Format};
use crate::params::{Query, Time, bounded, range};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::{Cell, Columns};

/// Readings of one page at most.
const LIMIT_MAX: u32 = 10_000;
const LIMIT_DEFAULT: u32 = 1_000;

/// Which readings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ReadingsQuery {
    device: String,
    metric: String,
    /// Inclusive; everything when absent.
    from: Option<Time>,
    /// Exclusive; everything when absent.
    to: Option<Time>,
    /// `asc` (default) or `desc`.
    order: Option<Direction>,
    /// 1 to 10000, 1000 by default; not for streams.
    limit: Option<u32>,
    /// From the answer before.
    cursor: Option<String>,
    /// `csv` or `ndjson` streams the whole range as a file, like the `Accept` header.
    format: Option<Format>,
    /// `true` answers what the device sent, without calibration.
    raw: Option<bool>,
}

/// Oldest or newest first.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Oldest first.
    Asc,
    /// Newest first.
    Desc,
}

/// A page of readings.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadingsPage {
    device: String,
    metric: String,
    unit: Option<String>,
    #[serde(flatten)]
    columns: Columns,
    next_cursor: Option<String>,
    /// What was given up of the whole range because it was damaged; left out where nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lost: Vec<LostRange>,
}

/// Readings that were stored and given up by `sensorium repair`.
#[derive(Debug, Serialize, ToSchema)]
pub struct LostRange {
    /// The first of them, epoch ms.
    from: i64,
    /// Behind the last of them, epoch ms; others in between may still be there.
    to: i64,
    /// How many.
    readings: u64,
    /// Why, as a sentence.
    why: String,
}

/// What was lost of a series inside `range`.
pub async fn lost(state: &ApiState, series: SeriesId, range: TimeRange) -> Result<Vec<LostRange>, Problem> {
    let lost = state.store.lost(series, range).await?;
    let told =
        |Lost { range, readings, why }| LostRange { from: range.from.millis(), to: range.to.millis(), readings, why };
    Ok(lost.into_iter().map(told).collect())
}

/// The series, or a 404 that says which half is unknown.
///
/// # Errors
/// `device_unknown` or `metric_unknown`.
pub fn series_of(state: &ApiState, device: &str, metric: &str) -> Result<SeriesRecord, Problem> {
    state.ingest.series(device, metric).ok_or_else(|| match state.ingest.device(device) {
        Some(_) => Problem::metric_unknown(device, metric),
        None => Problem::device_unknown(device),
    })
}

/// What makes values of what was sent; nothing where somebody asks for what was sent.
#[must_use]
pub fn calibrations_of(state: &ApiState, series: &SeriesRecord, raw: Option<bool>) -> Calibrations {
    if raw == Some(true) { Calibrations::default() } else { state.ingest.calibrations(series) }
}

fn cursor_text(key: ReadingKey) -> String {
    format!("{}.{}", key.time.millis(), key.n)
}

fn parse_cursor(text: &str) -> Result<ReadingKey, Problem> {
    let parse = || {
        let (time, n) = text.split_once('.')?;
        let time = Timestamp::from_millis(time.parse().ok()?).ok()?;
        Some(ReadingKey { time, n: n.parse().ok()? })
    };
    parse().ok_or_else(|| Problem::bad_request("cursor_invalid", "the cursor is not one of this list"))
}

/// Readings of one series. `Accept: text/csv` or `application/x-ndjson` streams the whole range.
#[utoipa::path(get, path = "/api/v1/readings", params(ReadingsQuery), responses((status = 200, body = ReadingsPage), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub async fn readings(
    State(state): State<ApiState>,
    headers: HeaderMap,
    Query(query): Query<ReadingsQuery>,
) -> Result<Response, Problem> {
    let series = series_of(&state, &query.device, &query.metric)?;
    let calibrations = calibrations_of(&state, &series, query.raw);
    let range = range(query.from, query.to);
    let order = match query.order {
        Some(Direction::Desc) => Order::Descending,
        Some(Direction::Asc) | None => Order::Ascending,
    };
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    if let Some(format) = query.format.or_else(|| Format::accepted(accept)) {
        return Ok(export::stream(state, query.device, series, calibrations, range, order, format));
    }
    let limit = bounded("limit", query.limit, LIMIT_DEFAULT, LIMIT_MAX)? as usize;
    let after = query.cursor.as_deref().map(parse_cursor).transpose()?;
    let mut readings = state.store.read(series.id, range, order, after, limit).await?;
    readings.iter_mut().for_each(|reading| calibrations.reading(series.kind, reading));
    let full = readings.len() == limit;
    Ok(axum::Json(ReadingsPage {
        device: query.device,
        metric: query.metric,
        unit: series.unit.map(|unit| unit.as_str().to_owned()),
        next_cursor: readings.last().filter(|_| full).map(|last| cursor_text(last.key)),
        columns: readings.iter().collect(),
        lost: lost(&state, series.id, range).await?,
    })
    .into_response())
}

/// Which device.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct LatestQuery {
    /// All devices that are not archived when absent.
    device: Option<String>,
    /// `true` answers what the devices sent, without calibration.
    raw: Option<bool>,
}

/// Newest readings.
#[derive(Debug, Serialize, ToSchema)]
pub struct LatestList {
    items: Vec<LatestItem>,
}

/// The newest reading of one series.
#[derive(Debug, Serialize, ToSchema)]
pub struct LatestItem {
    device: String,
    metric: String,
    t: i64,
    v: Cell,
    unit: Option<String>,
    q: u8,
}

/// The newest reading of each metric, of one device or of all that are not archived.
#[utoipa::path(get, path = "/api/v1/latest", params(LatestQuery), responses((status = 200, body = LatestList), (status = 404, body = Problem)))]
pub async fn latest(
    State(state): State<ApiState>,
    Query(query): Query<LatestQuery>,
) -> Result<axum::Json<LatestList>, Problem> {
    let devices = match &query.device {
        Some(key) => vec![state.ingest.device(key).ok_or_else(|| Problem::device_unknown(key))?],
        None => state.ingest.devices().into_iter().filter(|device| !device.document.archived).collect(),
    };
    let raw = query.raw.unwrap_or(false);
    let mut items = Vec::new();
    for device in devices {
        for metric in device.metrics {
            let latest = if raw { metric.latest.clone() } else { metric.calibrated_latest() };
            let Some(reading) = latest else { continue };
            items.push(LatestItem {
                device: device.record.key.as_str().to_owned(),
                metric: metric.record.metric.as_str().to_owned(),
                t: reading.key.time.millis(),
                v: (&reading.value).into(),
                unit: metric.record.unit.map(|unit| unit.as_str().to_owned()),
                q: reading.judgement.quality(),
            });
        }
    }
    Ok(axum::Json(LatestList { items }))
}
