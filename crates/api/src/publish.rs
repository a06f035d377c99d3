//! A message over HTTP: the same way in as one over MQTT.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use model::Topic;
use serde::Serialize;
use source::Outcome;
use utoipa::ToSchema;

use crate::delivery::{Fate, Parcel, can_store, hand_over, refused, sender};
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
    /// Readings refused, by the reason under which the books count them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Option<BTreeMap<String, u64>>)]
    pub(crate) rejected: BTreeMap<&'static str, u64>,
    /// Why there is nothing stored: of an unread message the code with which it is listed, else what it is (`text`, `discovery` …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    /// The same, or why readings were refused, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

impl Published {
    /// With nothing to explain.
    pub fn plain(outcome: &'static str, readings: u32) -> Self {
        Self { outcome, readings, rejected: BTreeMap::new(), reason: None, detail: None }
    }

    /// Another message of the same request. Only what is told first is told in words.
    pub fn join(&mut self, other: Self) {
        self.readings += other.readings;
        if other.outcome != "duplicate" {
            self.outcome = other.outcome;
        }
        for (reason, count) in other.rejected {
            *self.rejected.entry(reason).or_default() += count;
        }
        self.reason = self.reason.or(other.reason);
        self.detail = self.detail.take().or(other.detail);
    }
}

/// The answer to a settled message.
///
/// # Errors
/// 422 when it was rejected, 507 when it was not stored.
pub fn published(Fate { outcome, account }: Fate) -> Result<Published, Problem> {
    match outcome {
        Outcome::Stored { readings } => {
            let (rejected, detail) = refused(&account, readings);
            Ok(Published { rejected, detail, ..Published::plain("stored", readings) })
        }
        Outcome::Duplicate => Ok(Published::plain("duplicate", 0)),
        Outcome::Unread => {
            let (reason, detail) = account.unread.unzip();
            let detail = detail.map(|detail| format!("{detail}; it is kept in the list of unread messages"));
            Ok(Published { reason, detail, ..Published::plain("unread", 0) })
        }
        Outcome::NOT_KEPT => {
            Err(Problem::not_stored("the announcement holds, but is not kept yet: send it again to be sure of it"))
        }
        Outcome::NoReading { kind } => {
            let detail = Some(format!("there was nothing to store in it ({kind})"));
            Ok(Published { reason: Some(kind), detail, ..Published::plain("no_reading", 0) })
        }
        Outcome::Rejected(reason) => {
            let (rejected, detail) = refused(&account, 0);
            let detail = detail.unwrap_or_else(|| reason.as_str().to_owned());
            Err(Problem::unprocessable(reason.as_str(), format!("the message was rejected: {detail}"))
                .counting(rejected))
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
    let mut fate = hand_over(&state, Parcel { source: "http", client, topic, payload, read: None, repeat }).await?;
    published(fate.told().await).map(axum::Json)
}
