//! Readings of one device as JSON, by the names of their metrics: for programs that know what they measure.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use decode::{Found, Told, ToldValue, told};
use model::{DeviceKey, MetricName, Topic};
use serde::Deserialize;
use serde_json::{Map, Value};
use source::Repeat;
use utoipa::ToSchema;

use crate::delivery::{Parcel, all_told, can_store, hand_over, sender};
use crate::params::{Path, Time};
use crate::problem::Problem;
use crate::publish::Published;
use crate::state::ApiState;

/// Most values of one request, counted over all its readings: as many messages as a repeat is remembered for. More are refused
/// with 422.
const VALUES_PER_REQUEST_MAX: usize = decode::VALUES_MAX * 64;
/// Errors that a refusal names. Of further ones only the number is told.
const ERRORS_TOLD_MAX: usize = 10;

/// Values of one moment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// When; the time of arrival if absent.
    t: Option<Time>,
    /// Numbers, booleans or null (a failed read) by the name of their metric.
    #[schema(value_type = std::collections::BTreeMap<String, serde_json::Value>)]
    values: Map<String, Value>,
}

/// Takes readings of a device: one object, or an array of them. Answers when they are durable. One that cannot be read refuses all
/// of them; where a limit refuses some, the answer says how many were stored. With an `Idempotency-Key` a repeat within the hour is
/// recognised; readings with a time are one however often they come.
#[utoipa::path(post, path = "/api/v1/devices/{key}/readings", params(("key" = String, Path, description = "Device key"), ("Idempotency-Key" = Option<String>, Header, description = "Tells a repeat")), request_body = Vec<Moment>, responses((status = 200, body = Published), (status = 400, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem), (status = 507, body = Problem)))]
pub async fn tell(
    State(state): State<ApiState>,
    Path(key): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<axum::Json<Published>, Problem> {
    let key = DeviceKey::parse(&key).map_err(|error| Problem::bad_request("key_invalid", error.to_string()))?;
    let topic = Topic::parse(key.as_str()).map_err(|error| Problem::bad_request("key_invalid", error.to_string()))?;
    let payload = body.map_err(Problem::from)?;
    let messages = read(key.as_str(), &payload)?;
    can_store(&state)?;
    let (client, repeat) = sender(&headers, peer)?;
    let mut outcomes = Vec::with_capacity(messages.len());
    for (index, found) in (0_u16..).zip(messages) {
        // Each message of the request is told from the others by its place.
        let repeat = repeat.map(|repeat| Repeat { id: index, ..repeat });
        let (client, topic, payload) = (client.clone(), topic.clone(), payload.clone());
        let parcel = Parcel { source: "http", client, topic, payload, read: Some(found), repeat };
        outcomes.push(hand_over(&state, parcel).await?);
    }
    all_told(outcomes).await.map(axum::Json)
}

/// The messages of a request, each of at most [`decode::VALUES_MAX`] values and at least one.
fn read(device: &str, payload: &[u8]) -> Result<Vec<Vec<Found>>, Problem> {
    let invalid = |error: serde_json::Error| Problem::bad_request("body_invalid", error.to_string());
    let items = match serde_json::from_slice(payload).map_err(invalid)? {
        Value::Array(items) => items,
        other @ (Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => vec![other],
    };
    let mut messages: Vec<Vec<Found>> = Vec::new();
    let (mut errors, mut failed, mut values) = (Vec::new(), 0_usize, 0_usize);
    for (index, item) in items.into_iter().enumerate() {
        match moment(device, item) {
            Ok(found) => {
                values += found.len();
                match messages.last_mut().filter(|last| last.len() + found.len() <= decode::VALUES_MAX) {
                    Some(last) => last.extend(found),
                    None => messages.push(found),
                }
            }
            Err(error) => {
                failed += 1;
                if errors.len() < ERRORS_TOLD_MAX {
                    errors.push(format!("reading {index}: {error}"));
                }
            }
        }
    }
    if failed > 0 {
        let more = failed - errors.len();
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let detail = format!("nothing was stored: {}{more}", errors.join("; "));
        return Err(Problem::unprocessable("reading_invalid", detail));
    }
    if values > VALUES_PER_REQUEST_MAX {
        let detail = format!("{values} values are more than the {VALUES_PER_REQUEST_MAX} of one request");
        return Err(Problem::unprocessable("limit", detail));
    }
    if messages.is_empty() {
        return Err(Problem::unprocessable("reading_invalid", "the request has no reading"));
    }
    Ok(messages)
}

fn moment(device: &str, item: Value) -> Result<Vec<Found>, String> {
    let moment: Moment = serde_json::from_value(item).map_err(|error| error.to_string())?;
    if moment.values.is_empty() || moment.values.len() > decode::VALUES_MAX {
        return Err(format!("{} values, not 1 to {}", moment.values.len(), decode::VALUES_MAX));
    }
    let mut numbers = Vec::with_capacity(moment.values.len());
    for (metric, value) in &moment.values {
        MetricName::parse(metric).map_err(|error| format!("{metric:?}: {error}"))?;
        numbers.push(match value {
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(_) | Value::Null => None,
            Value::String(_) | Value::Array(_) | Value::Object(_) => {
                return Err(format!("{metric:?} is neither a number nor true, false or null"));
            }
        });
    }
    let values: Vec<ToldValue<'_>> = moment
        .values
        .iter()
        .zip(&numbers)
        .map(|((metric, value), number)| {
            let told = number.as_deref().map_or(value.as_bool().map_or(Told::Null, Told::Bool), Told::Number);
            ToldValue::plain(metric, told)
        })
        .collect();
    let found = told(device, &values, moment.t.map(|time| time.0.millis()))
        .map_err(|metric| format!("{metric:?} is no number that can be kept"))?;
    match found.iter().find(|found| found.value.is_err()) {
        Some(lost) => Err(format!("{:?} has more digits than a number can keep exactly", lost.metric)),
        None => Ok(found),
    }
}
