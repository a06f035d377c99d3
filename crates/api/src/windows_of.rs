//! Windows of one series or many: what charts draw.

use std::time::Duration;

use axum::extract::State;
use model::{Kind, Reading, Resolution, TimeRange, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Order, SeriesRecord, StoreError};
use utoipa::{IntoParams, ToSchema};
use windows::{CalendarStep, Calibrations, Grid, WINDOWS_MAX, Window, Zone, calibrated_increases};

use crate::calibrated;
use crate::params::{Json, Query, Time, bounded, range};
use crate::problem::Problem;
use crate::readings::{LostRange, calibrations_of, lost, series_of};
use crate::state::ApiState;
use crate::wire::Columns;

const WIDTH_DEFAULT: u32 = 1_000;
const WIDTH_MAX: u32 = 4_000;
/// Series of one question at most.
const SERIES_MAX: usize = 200;
/// Windows of one question at most, so that an answer stays a few megabytes.
const CELLS_MAX: usize = 200_000;
/// How many readings before the first window are looked through for one that counts, so that its increase knows what was
/// before it. Where all of them are failed reads, the first window has no step into it.
const BEFORE_MAX: usize = 50_000;

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
    /// A local `day`, `week` (from Monday) or `month` instead of a width.
    step: Option<String>,
    /// Whose days, weeks and months: a name such as `Europe/Berlin`. UTC when absent.
    zone: Option<String>,
    /// `true` answers what the device sent, without calibration.
    raw: Option<bool>,
}

/// Windows of one series: of one length, or local days, weeks or months.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum WindowsAnswer {
    /// For `width` and `step_ms`.
    Even(WindowColumns),
    /// For `step`.
    Calendar(CalendarColumns),
}

/// Which windows are not whole. Windows always count all their readings, also those outside `from` and `to`.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Partial {
    /// The first window begins before `from`.
    first: bool,
    /// The last window ends behind `to`, or is not over yet.
    last: bool,
}

/// Local days, weeks or months of one series as columns, `null` where a window is empty.
#[derive(Debug, Serialize, ToSchema)]
pub struct CalendarColumns {
    device: String,
    metric: String,
    unit: Option<String>,
    kind: &'static str,
    /// `day`, `week` or `month`.
    step: &'static str,
    /// The zone by the name of the database.
    zone: String,
    /// Start of each window, epoch ms. They differ in length: a day has 23, 24 or 25 hours.
    t: Vec<i64>,
    /// End of the last window, epoch ms.
    end: i64,
    partial: Partial,
    /// Readings that the windows count.
    readings: u64,
    min: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
    /// Of angles the circular mean, `null` where they cancel out.
    avg: Vec<Option<f64>>,
    count: Vec<u64>,
    /// Of totals: by how much they rose, resets left out, from the last reading before each window to its last.
    increase: Option<Vec<Option<f64>>>,
    /// What was given up of the range because it was damaged; left out where nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lost: Vec<LostRange>,
    /// Server time spent.
    took_ms: f64,
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
    partial: Partial,
    /// Readings that the windows count.
    readings: u64,
    min: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
    /// Of angles the circular mean, `null` where they cancel out.
    avg: Vec<Option<f64>>,
    count: Vec<u64>,
    /// Of totals: by how much they rose, resets left out, from the last reading before each window to its last.
    increase: Option<Vec<Option<f64>>>,
    /// Every reading of the range, where there are no more of them than pixels.
    raw: Option<Columns>,
    /// What was given up of the range because it was damaged; left out where nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lost: Vec<LostRange>,
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
    /// `true` answers what the devices sent, without calibration.
    raw: Option<bool>,
}

/// Windows of what, and which.
struct Asked {
    device: String,
    metric: String,
    range: TimeRange,
    raw: Option<bool>,
}

#[derive(Clone, Copy)]
enum Step {
    Width(u32),
    Exact(Resolution),
}

/// What is asked for in words that a clock does not know.
fn calendar(query: &WindowsQuery) -> Result<Option<(CalendarStep, Zone)>, Problem> {
    let Some(word) = &query.step else {
        return match query.zone {
            Some(_) => Err(Problem::bad_request("query_invalid", "a zone needs step=day, week or month")),
            None => Ok(None),
        };
    };
    if query.width.is_some() || query.step_ms.is_some() {
        return Err(Problem::bad_request("query_invalid", "give one of width, step_ms and step"));
    }
    let step = CalendarStep::parse(word).ok_or_else(|| {
        let shown: String = word.chars().take(40).collect();
        Problem::bad_request("step_unknown", format!("step must be day, week or month, not {shown:?}"))
    })?;
    let zone = Zone::parse(query.zone.as_deref().unwrap_or("UTC"))
        .map_err(|unknown| Problem::bad_request("zone_unknown", unknown.to_string()))?;
    Ok(Some((step, zone)))
}

/// Windows with true extremes of one series.
#[utoipa::path(get, path = "/api/v1/windows", params(WindowsQuery), responses((status = 200, body = WindowsAnswer), (status = 400, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn one(
    State(state): State<ApiState>,
    Query(query): Query<WindowsQuery>,
) -> Result<axum::Json<WindowsAnswer>, Problem> {
    let range = range(Some(query.from), Some(query.to));
    if let Some((step, zone)) = calendar(&query)? {
        let asked = Asked { device: query.device, metric: query.metric, range, raw: query.raw };
        let answer = calendar_columns(&state, asked, step, &zone).await?;
        return Ok(axum::Json(WindowsAnswer::Calendar(answer)));
    }
    let step = match (query.step_ms, query.width) {
        (Some(_), Some(_)) => return Err(Problem::bad_request("query_invalid", "give width or step_ms, not both")),
        (Some(millis), None) => Step::Exact(Resolution::from_millis(millis).ok_or_else(|| {
            let steps = Resolution::STEPS_MS;
            Problem::bad_request("step_unknown", format!("step_ms must be one of {steps:?}, not {millis}"))
        })?),
        (None, width) => Step::Width(bounded("width", width, WIDTH_DEFAULT, WIDTH_MAX)?),
    };
    let asked = Asked { device: query.device, metric: query.metric, range, raw: query.raw };
    Ok(axum::Json(WindowsAnswer::Even(columns(&state, asked, step).await?)))
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
        let asked = Asked { device: name.device, metric: name.metric, range, raw: query.raw };
        items.push(columns(&state, asked, step).await?);
    }
    Ok(axum::Json(ManyWindows { items, took_ms: millis(state.clock.monotonic() - started) }))
}

fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

async fn columns(state: &ApiState, asked: Asked, step: Step) -> Result<WindowColumns, Problem> {
    let started = state.clock.monotonic();
    let Asked { device, metric, range, raw } = asked;
    let series = series_of(state, &device, &metric)?;
    let calibrations = calibrations_of(state, &series, raw);
    let (resolution, width) = match step {
        Step::Width(width) => (Resolution::for_width(range, width), width),
        Step::Exact(resolution) => (resolution, WIDTH_DEFAULT),
    };
    let grid = Grid::covering(range, resolution);
    let figures = Figures::of(state, &series, &calibrations, range, &grid).await?;
    let width = width as usize;
    let raw = if figures.surely_inside > width as u64 {
        None
    } else {
        let mut first = state.store.read(series.id, range, Order::Ascending, None, width + 1).await?;
        first.iter_mut().for_each(|reading| calibrations.reading(series.kind, reading));
        (first.len() <= width).then(|| first.iter().collect())
    };
    let Figures { partial, readings, min, max, avg, count, increase, .. } = figures;
    Ok(WindowColumns {
        device,
        metric,
        unit: series.unit.map(|unit| unit.as_str().to_owned()),
        kind: series.kind.as_str(),
        t0: grid.t0_ms(),
        step_ms: resolution.millis(),
        partial,
        readings,
        min,
        max,
        avg,
        count,
        increase,
        raw,
        lost: lost(state, series.id, range).await?,
        took_ms: millis(state.clock.monotonic() - started),
    })
}

async fn calendar_columns(
    state: &ApiState,
    asked: Asked,
    step: CalendarStep,
    zone: &Zone,
) -> Result<CalendarColumns, Problem> {
    let started = state.clock.monotonic();
    let Asked { device, metric, range, raw } = asked;
    let series = series_of(state, &device, &metric)?;
    let calibrations = calibrations_of(state, &series, raw);
    let grid = Grid::calendar(range, step, zone);
    let Figures { partial, readings, min, max, avg, count, increase, .. } =
        Figures::of(state, &series, &calibrations, range, &grid).await?;
    Ok(CalendarColumns {
        device,
        metric,
        unit: series.unit.map(|unit| unit.as_str().to_owned()),
        kind: series.kind.as_str(),
        step: step.as_str(),
        zone: zone.name().to_owned(),
        t: grid.starts_ms().collect(),
        end: grid.end_ms(),
        partial,
        readings,
        min,
        max,
        avg,
        count,
        increase,
        lost: lost(state, series.id, range).await?,
        took_ms: millis(state.clock.monotonic() - started),
    })
}

/// What windows of every kind answer.
struct Figures {
    partial: Partial,
    readings: u64,
    /// Readings in windows that lie wholly inside the range.
    surely_inside: u64,
    min: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
    avg: Vec<Option<f64>>,
    count: Vec<u64>,
    increase: Option<Vec<Option<f64>>>,
}

impl Figures {
    async fn of(
        state: &ApiState,
        series: &SeriesRecord,
        calibrations: &Calibrations,
        range: TimeRange,
        grid: &Grid,
    ) -> Result<Self, Problem> {
        if !range.is_empty() && grid.range().to < range.to {
            let detail = format!("the range has more than {WINDOWS_MAX} of these steps");
            return Err(Problem::unprocessable("range_too_fine", detail));
        }
        let calibrated = calibrated::windows(state, series, calibrations, grid).await?;
        let windows: Vec<&Window> = calibrated.iter().map(|of| &of.window).collect();
        let number = |value: f64| value.is_finite().then_some(value);
        let column = |of: fn(&Window) -> f64| {
            windows.iter().map(|window| (window.count > 0).then(|| of(window)).and_then(number)).collect()
        };
        let increase = match series.kind {
            Kind::Total | Kind::TotalIncreasing => {
                let before = before(state, series, grid).await?;
                let increases = calibrated_increases(series.kind, &calibrated, before);
                Some(increases.into_iter().map(|increase| increase.and_then(number)).collect())
            }
            Kind::Measurement | Kind::Angle | Kind::State | Kind::Text => None,
        };
        let inside = windows.get(1..windows.len().saturating_sub(1)).unwrap_or_default();
        let any = grid.count() > 0;
        Ok(Self {
            partial: Partial {
                first: any && grid.t0_ms() < range.from.millis(),
                last: any && grid.end_ms() > range.to.min(state.clock.now()).millis(),
            },
            readings: windows.iter().map(|window| window.count).sum(),
            surely_inside: inside.iter().map(|window| window.count).sum(),
            min: column(|window| window.min),
            max: column(|window| window.max),
            avg: windows.iter().map(|window| window.mean().and_then(number)).collect(),
            count: windows.iter().map(|window| window.count).collect(),
            increase,
        })
    }
}

/// The last number that counts, as it was sent, before the first window, looked for in pages that grow, because mostly it
/// is the first.
async fn before(state: &ApiState, series: &SeriesRecord, grid: &Grid) -> Result<Option<f64>, StoreError> {
    let range = TimeRange { from: TimeRange::ALL.from, to: Timestamp::saturating(grid.t0_ms()) };
    let (mut after, mut limit, mut seen) = (None, 1, 0);
    while seen < BEFORE_MAX {
        let page = state.store.read(series.id, range, Order::Descending, after, limit).await?;
        if let Some(number) = page.iter().find_map(Reading::charted) {
            return Ok(Some(number));
        }
        if page.len() < limit {
            return Ok(None);
        }
        after = page.last().map(|reading| reading.key);
        seen += page.len();
        limit *= 10;
    }
    Ok(None)
}
