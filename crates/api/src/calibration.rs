//! The calibrations of a metric: a dated list, put as a whole, taken back by putting another.

use axum::extract::State;
use axum::http::HeaderMap;
use ingest::DeviceView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windows::Line;

use crate::changes::{NOTE_CHARS_MAX, text_or_none};
use crate::devices::expected_version;
use crate::params::{Json, Path, Time};
use crate::problem::Problem;
use crate::readings::series_of;
use crate::state::ApiState;

/// The calibrations of a metric, oldest first. Before the first one values are as the device sends them.
#[derive(Debug, Serialize, ToSchema)]
pub struct CalibrationList {
    items: Vec<Calibration>,
    /// Of the device, for `If-Match`.
    version: u64,
}

/// `raw · scale + offset`, from a time on until the next one. Of angles it comes round at 360.
#[derive(Debug, Serialize, ToSchema)]
pub struct Calibration {
    /// Epoch ms; none from the first reading on.
    from: Option<i64>,
    scale: f64,
    /// In the unit of the metric.
    offset: f64,
    note: Option<String>,
    /// Two pairs of raw and true values, where it was made of them.
    #[schema(value_type = Option<Vec<Vec<f64>>>)]
    points: Option<[[f64; 2]; 2]>,
}

/// Calibrations to put in the place of those that are there; an empty list takes them back. At most 64.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutCalibrations {
    items: Vec<PutCalibration>,
}

/// A scale (1 when absent) and an offset (0 when absent), or two points. A total has a scale above 0 only.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutCalibration {
    /// From the first reading on when absent.
    from: Option<Time>,
    /// 1e-9 to 1e9, with either sign.
    scale: Option<f64>,
    /// -1e12 to 1e12.
    offset: Option<f64>,
    /// At most 500 letters.
    note: Option<String>,
    /// Two pairs of raw and true values, instead of scale and offset.
    #[schema(value_type = Option<Vec<Vec<f64>>>)]
    points: Option<[[f64; 2]; 2]>,
}

impl TryFrom<PutCalibration> for ingest::Calibration {
    type Error = Problem;

    fn try_from(put: PutCalibration) -> Result<Self, Problem> {
        let invalid = |detail: String| Problem::unprocessable("calibration_invalid", detail);
        let line = match put.points {
            Some(_) if put.scale.is_some() || put.offset.is_some() => {
                return Err(invalid(String::from("give two points, or scale and offset, not both")));
            }
            Some([one, other]) => Line::through(one, other).ok_or_else(|| {
                invalid(format!("there is no line through {one:?} and {other:?}: both values have to differ"))
            })?,
            None => Line { scale: put.scale.unwrap_or(1.0), offset: put.offset.unwrap_or(0.0) },
        };
        Ok(Self {
            from: put.from.map(|from| from.0.millis()),
            scale: line.scale,
            offset: line.offset,
            note: text_or_none("note", put.note.as_deref().unwrap_or(""), NOTE_CHARS_MAX)?,
            points: put.points,
        })
    }
}

fn list(device: &DeviceView, metric: &str) -> axum::Json<CalibrationList> {
    let known = device.document.calibrations.get(metric).cloned().unwrap_or_default();
    let told = |it: ingest::Calibration| {
        let ingest::Calibration { from, scale, offset, note, points } = it;
        Calibration { from, scale, offset, note, points }
    };
    axum::Json(CalibrationList { items: known.into_iter().map(told).collect(), version: device.version })
}

/// How a metric is calibrated.
#[utoipa::path(get, path = "/api/v1/devices/{key}/calibrations/{metric}", params(("key" = String, Path, description = "Device key, percent-encoded as one segment"), ("metric" = String, Path, description = "Metric, percent-encoded as one segment")), responses((status = 200, body = CalibrationList), (status = 404, body = Problem)))]
pub async fn show(
    State(state): State<ApiState>,
    Path((key, metric)): Path<(String, String)>,
) -> Result<axum::Json<CalibrationList>, Problem> {
    series_of(&state, &key, &metric)?;
    let device = state.ingest.device(&key).ok_or_else(|| Problem::device_unknown(&key))?;
    Ok(list(&device, &metric))
}

/// Puts other calibrations in the place of a metric's own. What devices sent stays stored; every answer is calibrated from now
/// on, also of older readings. With `If-Match` only if the device is still at that version.
#[utoipa::path(put, path = "/api/v1/devices/{key}/calibrations/{metric}", params(("key" = String, Path, description = "Device key, percent-encoded as one segment"), ("metric" = String, Path, description = "Metric, percent-encoded as one segment"), ("If-Match" = Option<String>, Header, description = "The version seen")), request_body = PutCalibrations, responses((status = 200, body = CalibrationList), (status = 404, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)))]
pub async fn put(
    State(state): State<ApiState>,
    Path((key, metric)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<PutCalibrations>,
) -> Result<axum::Json<CalibrationList>, Problem> {
    let items = body.items.into_iter().map(ingest::Calibration::try_from).collect::<Result<_, _>>()?;
    let device = state.ingest.set_calibrations(&key, &metric, expected_version(&headers)?, items).await?;
    Ok(list(&device, &metric))
}
