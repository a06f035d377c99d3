//! Windows of one series or many: what charts draw.

use std::time::Duration;

use axum::extract::State;
use model::{Resolution, TimeRange};
use serde::{Deserialize, Serialize};
use store::Order;
use utoipa::{IntoParams, ToSchema};
use windows::{Grid, WINDOWS_MAX, Window};

use crate::params::{Json, Query, Time, bounded, range};
use crate::problem::Problem;
use crate::readings::series_of;
use crate::state::ApiState;
use crate::wire::Columns;

const WIDTH_DEFAULT: u32 = 1_000;
const WIDTH_MAX: u32 = 4_000;
/// Series of one question at most.
const SERIES_MAX: usize = 200;
/// Windows of one question at most, so that an answer stays a few megabytes.
const CELLS_MAX: usize = 200_000;

/// Which windows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct WindowsQuery {
    device: String,
    metric: String,
    /// Inclusive.
    from: Time,
    /// Exclusive.
    to: Time,
    /// Pixels to fill: the finest step of the list with at most so many windows, 1 to 4000, 1000 by default.
    width: Option<u32>,
    /// A step of the list instead of a width.
    step_ms: Option<i64>,
}

/// Windows of one series as columns, `null` where a window is empty.
#[derive(Debug, Serialize, ToSchema)]
pub struct WindowColumns {
    device: String,
    metric: String,
    unit: Option<String>,
    kind: &'static str,
    /// Start of the first window, epoch ms: `floor(from / step) * step`.
    t0: i64,
    step_ms: i64,
    /// Readings that the windows count.
    readings: u64,
    min: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
    avg: Vec<Option<f64>>,
    count: Vec<u64>,
    /// Every reading of the range, where there are no more of them than pixels.
    raw: Option<Columns>,
    /// Server time spent.
    took_ms: f64,
}

/// Windows of several series, in the order asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct ManyWindows {
    items: Vec<WindowColumns>,
    took_ms: f64,
}

/// A series by name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesName {
    device: String,
    metric: String,
}

/// Windows of up to 200 series at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ManyQuery {
    series: Vec<SeriesName>,
    from: Time,
    to: Time,
    width: Option<u32>,
}

#[derive(Clone, Copy)]
enum Step {
    Width(u32),
    Exact(Resolution),
}

/// Windows with true extremes of one series.
#[utoipa::path(get, path = "/api/v1/windows", params(WindowsQuery), responses((status = 200, body = WindowColumns), (status = 400, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn one(
    State(state): State<ApiState>,
    Query(query): Query<WindowsQuery>,
) -> Result<axum::Json<WindowColumns>, Problem> {
    let step = match (query.step_ms, query.width) {
        (Some(_), Some(_)) => return Err(Problem::bad_request("query_invalid", "give width or step_ms, not both")),
        (Some(millis), None) => Step::Exact(Resolution::from_millis(millis).ok_or_else(|| {
            let steps = Resolution::STEPS_MS;
            Problem::bad_request("step_unknown", format!("step_ms must be one of {steps:?}, not {millis}"))
        })?),
        (None, width) => Step::Width(bounded("width", width, WIDTH_DEFAULT, WIDTH_MAX)?),
    };
    let range = range(Some(query.from), Some(query.to));
    Ok(axum::Json(columns(&state, query.device, query.metric, range, step).await?))
}

/// Windows of several series.
#[utoipa::path(post, path = "/api/v1/windows", request_body = ManyQuery, responses((status = 200, body = ManyWindows), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn many(
    State(state): State<ApiState>,
    Json(query): Json<ManyQuery>,
) -> Result<axum::Json<ManyWindows>, Problem> {
    if query.series.len() > SERIES_MAX {
        let detail = format!("{} series are more than {SERIES_MAX}", query.series.len());
        return Err(Problem::unprocessable("too_many_series", detail));
    }
    let width = bounded("width", query.width, WIDTH_DEFAULT, WIDTH_MAX)?;
    if query.series.len().saturating_mul(width as usize) > CELLS_MAX {
        let detail = format!("{} series of width {width} are more than {CELLS_MAX} windows", query.series.len());
        return Err(Problem::unprocessable("too_many_windows", detail));
    }
    // Closed only with the server.
    let _turn = state.queries.acquire().await.map_err(|_| Problem::closing())?;
    let started = state.clock.monotonic();
    let step = Step::Width(width);
    let range = range(Some(query.from), Some(query.to));
    let mut items = Vec::with_capacity(query.series.len());
    for name in query.series {
        items.push(columns(&state, name.device, name.metric, range, step).await?);
    }
    Ok(axum::Json(ManyWindows { items, took_ms: millis(state.clock.monotonic() - started) }))
}

fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

async fn columns(
    state: &ApiState,
    device: String,
    metric: String,
    range: TimeRange,
    step: Step,
) -> Result<WindowColumns, Problem> {
    let started = state.clock.monotonic();
    let series = series_of(state, &device, &metric)?;
    let (resolution, width) = match step {
        Step::Width(width) => (Resolution::for_width(range, width), width),
        Step::Exact(resolution) => (resolution, WIDTH_DEFAULT),
    };
    let grid = Grid::covering(range, resolution);
    if !range.is_empty() && grid.range().to < range.to {
        let detail = format!("the range has more than {WINDOWS_MAX} steps of {} ms", resolution.millis());
        return Err(Problem::unprocessable("range_too_fine", detail));
    }
    let width = width as usize;
    let first = state.store.read(series.id, range, Order::Ascending, None, width + 1).await?;
    let windows = state.store.windows(series.id, grid.clone()).await?;
    let number = |value: f64| value.is_finite().then_some(value);
    let column = |of: fn(&Window) -> f64| {
        windows.iter().map(|window| (window.count > 0).then(|| of(window)).and_then(number)).collect()
    };
    Ok(WindowColumns {
        device,
        metric,
        unit: series.unit.map(|unit| unit.as_str().to_owned()),
        kind: series.kind.as_str(),
        t0: grid.t0_ms(),
        step_ms: resolution.millis(),
        readings: windows.iter().map(|window| window.count).sum(),
        min: column(|window| window.min),
        max: column(|window| window.max),
        avg: windows.iter().map(|window| window.mean().and_then(number)).collect(),
        count: windows.iter().map(|window| window.count).collect(),
        raw: (first.len() <= width).then(|| first.iter().collect()),
        took_ms: millis(state.clock.monotonic() - started),
    })
}
