//! A message over HTTP: the same way in as one over MQTT.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use model::Topic;
use serde::Serialize;
use source::Outcome;
use utoipa::ToSchema;

use crate::delivery::{Parcel, can_store, hand_over, sender};
use crate::params::Path;
use crate::problem::Problem;
use crate::state::ApiState;

/// Longest payload in bytes; the same as over MQTT.
const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// What became of a message; it is durable.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Published {
    /// `stored`, `duplicate`, `unread` or `no_reading`.
    pub(crate) outcome: &'static str,
    /// Readings accepted.
    pub(crate) readings: u32,
}

/// The answer to a settled message.
///
/// # Errors
/// 422 when it was rejected, 507 when it was not stored.
pub fn published(outcome: Outcome) -> Result<Published, Problem> {
    match outcome {
        Outcome::Stored { readings } => Ok(Published { outcome: "stored", readings }),
        Outcome::Duplicate => Ok(Published { outcome: "duplicate", readings: 0 }),
        Outcome::Unread => Ok(Published { outcome: "unread", readings: 0 }),
        Outcome::NoReading { .. } => Ok(Published { outcome: "no_reading", readings: 0 }),
        Outcome::Rejected(reason) => {
            Err(Problem::unprocessable(reason.as_str(), format!("the message was rejected: {}", reason.as_str())))
        }
        Outcome::Unknown => Err(Problem::not_stored("the message was not stored; send it again")),
    }
}

/// Publishes the body on a topic. Answers when the message is durable. With an `Idempotency-Key` a repeat within the hour
/// is recognised.
#[utoipa::path(post, path = "/api/v1/ingest/{topic}", params(("topic" = String, Path, description = "Topic, all the rest of the path"), ("Idempotency-Key" = Option<String>, Header, description = "Tells a repeat")), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = Published), (status = 400, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem), (status = 507, body = Problem)))]
pub async fn publish(
    State(state): State<ApiState>,
    Path(topic): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<axum::Json<Published>, Problem> {
    let topic = Topic::parse(&topic).map_err(|error| Problem::bad_request("topic_invalid", error.to_string()))?;
    let payload = body.map_err(Problem::from)?;
    if payload.len() > PAYLOAD_BYTES_MAX {
        let detail = format!("a message of {} bytes is larger than {PAYLOAD_BYTES_MAX}", payload.len());
        return Err(Problem::too_large(detail));
    }
    can_store(&state)?;
    let (client, repeat) = sender(&headers, peer)?;
    let outcome = hand_over(&state, Parcel { source: "http", client, topic, payload, read: None, repeat }).await?;
    published(outcome.await.unwrap_or(Outcome::Unknown)).map(axum::Json)
}
