//! Devices deleted, restored, merged, and the senders that are ignored since.

use axum::extract::State;
use axum::http::StatusCode;
use ingest::{DeviceView, IgnoredSender};
use model::{ReadingKey, TimeRange};
use serde::{Deserialize, Serialize};
use store::Order;
use utoipa::{IntoParams, ToSchema};

use crate::devices::{Device, device_key, expected_version};
use crate::params::{Json, Path, Query};
use crate::problem::Problem;
use crate::state::ApiState;

/// What is asked beside the key.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DeleteQuery {
    /// The device's key once more. Without it nothing is deleted and the answer tells what would go.
    confirm: Option<String>,
    /// `true` deletes it for good at once, instead of after seven days in which it can be restored.
    now: Option<bool>,
}

/// Readings that would go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Going {
    /// How many, without hidden ones, which go as well.
    pub readings: u64,
    /// Epoch ms of the first of them.
    pub first: Option<i64>,
    /// Epoch ms of the last of them.
    pub last: Option<i64>,
}

impl Going {
    /// What `range` of all series of a device holds.
    ///
    /// # Errors
    /// The store failed.
    pub async fn of(state: &ApiState, device: &DeviceView, range: TimeRange) -> Result<Self, Problem> {
        let mut going = Self::default();
        for series in device.metrics.iter().map(|metric| metric.record.id) {
            let edge = |order| state.store.read(series, range, order, None, 1);
            let (first, last) = (edge(Order::Ascending).await?, edge(Order::Descending).await?);
            let millis = |key: ReadingKey| key.time.millis();
            let (Some(first), Some(last)) = (first.first(), last.first()) else { continue };
            going.readings += state.store.count(series, range).await?;
            going.first = Some(going.first.map_or(millis(first.key), |known| known.min(millis(first.key))));
            going.last = going.last.max(Some(millis(last.key)));
        }
        Ok(going)
    }
}

/// Deletes a device with all its readings. Its messages are ignored from then on.
#[utoipa::path(delete, path = "/api/v1/devices/{key}", params(("key" = String, Path, description = "Device key, percent-encoded as one segment"), ("If-Match" = Option<String>, Header, description = "The version seen"), DeleteQuery), responses((status = 204, description = "It is gone, and stays so after any crash"), (status = 404, body = Problem), (status = 409, body = Problem), (status = 412, body = Problem)))]
pub async fn delete(
    State(state): State<ApiState>,
    Path(key): Path<String>,
    headers: axum::http::HeaderMap,
    Query(query): Query<DeleteQuery>,
) -> Result<StatusCode, Problem> {
    let for_good = query.now.unwrap_or(false);
    let found = state.ingest.device(&key).or_else(|| state.ingest.deleted_device(&key).filter(|_| for_good));
    let device = found.ok_or_else(|| Problem::device_unknown(&key))?;
    if query.confirm.as_deref() != Some(key.as_str()) {
        let going = Going::of(&state, &device, TimeRange::ALL).await?;
        let detail = format!("{} readings would go; repeat the key as ?confirm= to delete them", going.readings);
        return Err(Problem::conflict("confirm_needed", detail).with(going));
    }
    state.ingest.delete_device(&key, expected_version(&headers)?, for_good).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the deletion of a device back, with all its readings. Its messages are heard again.
#[utoipa::path(post, path = "/api/v1/devices/{key}/restore", params(("key" = String, Path, description = "Device key, percent-encoded as one segment")), responses((status = 200, body = Device), (status = 404, body = Problem)))]
pub async fn restore(State(state): State<ApiState>, Path(key): Path<String>) -> Result<axum::Json<Device>, Problem> {
    Ok(axum::Json(state.ingest.restore_device(&key).await?.into()))
}

/// The device that stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeDevice {
    into: String,
}

/// Makes this device a part of another one: its readings and its later messages are the other's.
#[utoipa::path(post, path = "/api/v1/devices/{key}/merge", params(("key" = String, Path, description = "Device key, percent-encoded as one segment")), request_body = MergeDevice, responses((status = 200, body = Device), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn merge(
    State(state): State<ApiState>,
    Path(key): Path<String>,
    Json(body): Json<MergeDevice>,
) -> Result<axum::Json<Device>, Problem> {
    Ok(axum::Json(state.ingest.merge_devices(&key, &body.into).await?.into()))
}

/// Senders whose messages are rejected as `ignored`.
#[derive(Debug, Serialize, ToSchema)]
pub struct IgnoredList {
    items: Vec<Ignored>,
}

/// A sender whose device was deleted, or that never had one. Creating a device of that key accepts it again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ignored {
    key: String,
    /// What its device was called, while it can be restored.
    name: Option<String>,
    /// Epoch ms of the deletion, or since when it is ignored.
    since: i64,
    /// Epoch ms until which the device can be restored; none if it is gone for good.
    restorable_until: Option<i64>,
}

impl From<IgnoredSender> for Ignored {
    fn from(sender: IgnoredSender) -> Self {
        Self {
            key: sender.key.as_str().to_owned(),
            name: sender.device.as_ref().map(|device| device.shown_name().to_owned()),
            since: sender.since.millis(),
            restorable_until: sender.restorable_until.map(model::Timestamp::millis),
        }
    }
}

/// Whom to ignore.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ignore {
    /// The key that its device has, or would get.
    key: String,
}

/// Ignores a sender from its next message on. A device that appeared by itself and was not accepted goes with it and can be
/// restored for seven days; one that was accepted is refused, it has to be deleted.
#[utoipa::path(post, path = "/api/v1/inbox/ignored", request_body = Ignore, responses((status = 200, body = Ignored), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn ignore(State(state): State<ApiState>, Json(body): Json<Ignore>) -> Result<axum::Json<Ignored>, Problem> {
    Ok(axum::Json(state.ingest.ignore_sender(device_key(&body.key)?).await?.into()))
}

/// Hears a sender again from its next message on. Its device is restored with its readings while that is possible.
#[utoipa::path(delete, path = "/api/v1/inbox/ignored/{key}", params(("key" = String, Path, description = "Device key, percent-encoded as one segment")), responses((status = 204, description = "It is heard again"), (status = 404, body = Problem)))]
pub async fn hear_again(State(state): State<ApiState>, Path(key): Path<String>) -> Result<StatusCode, Problem> {
    state.ingest.hear_again(&key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose messages are ignored, and which devices can be restored.
#[utoipa::path(get, path = "/api/v1/inbox/ignored", responses((status = 200, body = IgnoredList)))]
pub async fn ignored(State(state): State<ApiState>) -> Result<axum::Json<IgnoredList>, Problem> {
    let items = state.ingest.ignored().await?.into_iter().map(Ignored::from).collect();
    Ok(axum::Json(IgnoredList { items }))
}
