//! A message over HTTP: the same way in as one over MQTT.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use model::{SourceName, Topic};
use serde::Serialize;
use source::{Inbound, Outcome, Repeat, Reply, Settle};
use tokio::sync::oneshot;
use utoipa::ToSchema;

use crate::params::Path;
use crate::problem::Problem;
use crate::state::ApiState;

/// Longest `Idempotency-Key` in bytes.
const IDEMPOTENCY_KEY_MAX: usize = 256;
/// Longest payload in bytes; the same as over MQTT.
const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// States of the store in which nothing can be acknowledged.
const LOG_WAITS: [&str; 4] = ["disk_full", "sync_failed", "read_only", "log_full"];

/// What became of a message; it is durable.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Published {
    /// `stored`, `duplicate`, `unread` or `no_reading`.
    outcome: &'static str,
    /// Readings accepted.
    readings: u32,
}

/// Tells the one request that waits.
struct Waiter(Mutex<Option<oneshot::Sender<Outcome>>>);

impl Settle for Waiter {
    fn settle(&self, _token: u64, outcome: Outcome) {
        if let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A client that went away does not undo the message.
            let _ = sender.send(outcome);
        }
    }
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
    // What waits for a full disk cannot be taken back when its client gives up, so it is not taken in.
    if let Some(reason) = state.store.stats().degraded.into_iter().find(|reason| LOG_WAITS.contains(&reason.code)) {
        return Err(Problem::not_stored(reason.detail));
    }
    let (client, repeat) = sender(&headers, peer)?;
    let source = SourceName::parse("http").map_err(|_| Problem::closing())?;
    let (sender, outcome) = oneshot::channel();
    let waiter: Arc<dyn Settle> = Arc::new(Waiter(Mutex::new(Some(sender))));
    let inbound =
        Inbound { source, client, topic, payload, read: None, replayed: false, repeat, reply: Reply::new(waiter, 0) };
    state.inlet.deliver(inbound).await.map_err(|_| Problem::closing())?;
    published(outcome.await.unwrap_or(Outcome::Unknown)).map(axum::Json)
}

/// With a key the key is the client, so that each has a repeat window of its own.
fn sender(headers: &HeaderMap, peer: SocketAddr) -> Result<(Arc<str>, Option<Repeat>), Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok((peer.ip().to_string().into(), None)) };
    match key.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= IDEMPOTENCY_KEY_MAX => {
            Ok((format!("idempotency-key:{key}").into(), Some(Repeat { id: 0, marked: true })))
        }
        Ok(_) | Err(_) => {
            let detail = format!("an Idempotency-Key must be text of 1 to {IDEMPOTENCY_KEY_MAX} bytes");
            Err(Problem::bad_request("idempotency_key_invalid", detail))
        }
    }
}
