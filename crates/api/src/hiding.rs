//! Ranges of readings hidden from every answer, and shown again.

use axum::extract::State;
use ingest::HiddenRange;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::params::{Json, Query, Time, range};
use crate::problem::Problem;
use crate::readings::series_of;
use crate::state::ApiState;

/// Which readings.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HideReadings {
    device: String,
    metric: String,
    /// Inclusive; from the first when absent.
    from: Option<Time>,
    /// Exclusive; to the last and beyond when absent.
    to: Option<Time>,
}

/// Hidden ranges.
#[derive(Debug, Serialize, ToSchema)]
pub struct HiddenList {
    items: Vec<Hidden>,
}

/// A range of a series that is not answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hidden {
    device: String,
    metric: String,
    /// Epoch ms, inclusive; none from the first.
    from: Option<i64>,
    /// Epoch ms, exclusive; none to the last and beyond.
    to: Option<i64>,
}

impl From<HiddenRange> for Hidden {
    fn from(hidden: HiddenRange) -> Self {
        let HiddenRange { device, metric, range } = hidden;
        let all = model::TimeRange::ALL;
        let from = (range.from > all.from).then_some(range.from.millis());
        let to = (range.to < all.to).then_some(range.to.millis());
        Self { device, metric, from, to }
    }
}

/// Hides a range of readings; they stay and can be shown again.
#[utoipa::path(post, path = "/api/v1/readings/hide", request_body = HideReadings, responses((status = 200, body = HiddenList, description = "What is hidden of the series now"), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn hide(
    State(state): State<ApiState>,
    Json(body): Json<HideReadings>,
) -> Result<axum::Json<HiddenList>, Problem> {
    change(&state, body, true).await
}

/// Shows a range of readings again.
#[utoipa::path(post, path = "/api/v1/readings/unhide", request_body = HideReadings, responses((status = 200, body = HiddenList, description = "What is hidden of the series now"), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn unhide(
    State(state): State<ApiState>,
    Json(body): Json<HideReadings>,
) -> Result<axum::Json<HiddenList>, Problem> {
    change(&state, body, false).await
}

async fn change(state: &ApiState, body: HideReadings, hidden: bool) -> Result<axum::Json<HiddenList>, Problem> {
    series_of(state, &body.device, &body.metric)?;
    let range = range(body.from, body.to);
    if range.is_empty() {
        return Err(Problem::unprocessable("range_empty", "from must be before to"));
    }
    state.ingest.hide(&body.device, &body.metric, range, hidden).await?;
    Ok(list(state, Some(&body.device), Some(&body.metric)))
}

fn list(state: &ApiState, device: Option<&str>, metric: Option<&str>) -> axum::Json<HiddenList> {
    axum::Json(HiddenList { items: state.ingest.hidden(device, metric).into_iter().map(Hidden::from).collect() })
}

/// Of which series.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct HiddenQuery {
    /// All devices when absent.
    device: Option<String>,
    /// All metrics when absent.
    metric: Option<String>,
}

/// What is hidden.
#[utoipa::path(get, path = "/api/v1/readings/hidden", params(HiddenQuery), responses((status = 200, body = HiddenList), (status = 404, body = Problem)))]
pub async fn hidden(
    State(state): State<ApiState>,
    Query(query): Query<HiddenQuery>,
) -> Result<axum::Json<HiddenList>, Problem> {
    if let Some(device) = query.device.as_deref().filter(|device| state.ingest.device(device).is_none()) {
        return Err(Problem::device_unknown(device));
    }
    Ok(list(&state, query.device.as_deref(), query.metric.as_deref()))
}
