//! What came and could not be read, and what was heard for the first time.

use axum::extract::State;
use ingest::Retried;
use serde::{Deserialize, Serialize};
use source::Outcome;
use store::{UnreadId, UnreadRecord};
use utoipa::{IntoParams, ToSchema};

use crate::params::{Path, Query, bounded};
use crate::problem::Problem;
use crate::publish::{Published, published};
use crate::state::ApiState;
use crate::wire::{Cell, hex};

const LIMIT_MAX: u32 = 1_000;
const LIMIT_DEFAULT: u32 = 100;
/// Bytes of a message that are shown.
const SHOWN_BYTES: usize = 1024;

/// A page of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct MessagesQuery {
    cursor: Option<String>,
    /// 1 to 1000, 100 by default.
    limit: Option<u32>,
}

/// Unread messages, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnreadPage {
    items: Vec<Unread>,
    next_cursor: Option<String>,
    total: u64,
}

/// A message that was acknowledged although it could not be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct Unread {
    id: String,
    t: i64,
    source: String,
    client: String,
    topic: String,
    /// A stable code.
    reason: String,
    /// One sentence.
    detail: String,
    /// Length of the message as kept.
    bytes: usize,
    /// Its start, if it is text.
    text: Option<String>,
    /// Its start as hexadecimal digits.
    hex: String,
}

impl From<UnreadRecord> for Unread {
    fn from(record: UnreadRecord) -> Self {
        let start = record.payload.get(..SHOWN_BYTES).unwrap_or(&record.payload);
        Self {
            id: record.id.0.to_string(),
            t: record.received.millis(),
            source: record.source.as_str().to_owned(),
            client: record.client.to_string(),
            topic: record.topic.to_string(),
            reason: record.reason.to_string(),
            detail: record.detail.to_string(),
            bytes: record.payload.len(),
            text: std::str::from_utf8(start).ok().map(str::to_owned),
            hex: hex(start),
        }
    }
}

pub fn parse_id(text: &str) -> Option<UnreadId> {
    text.parse().ok().map(UnreadId)
}

/// Unread messages with their reasons.
#[utoipa::path(get, path = "/api/v1/inbox/messages", params(MessagesQuery), responses((status = 200, body = UnreadPage), (status = 400, body = Problem)))]
pub async fn messages(
    State(state): State<ApiState>,
    Query(query): Query<MessagesQuery>,
) -> Result<axum::Json<UnreadPage>, Problem> {
    let limit = bounded("limit", query.limit, LIMIT_DEFAULT, LIMIT_MAX)? as usize;
    let before = match query.cursor.as_deref() {
        None => None,
        Some(text) => {
            let unknown = || Problem::bad_request("cursor_invalid", "the cursor is not one of this list");
            Some(parse_id(text).ok_or_else(unknown)?)
        }
    };
    let records = state.store.unread(before, limit).await?;
    let next_cursor = records.last().filter(|_| records.len() == limit).map(|last| last.id.0.to_string());
    let items = records.into_iter().map(Unread::from).collect();
    Ok(axum::Json(UnreadPage { items, next_cursor, total: state.store.stats().unread }))
}

/// Ingests an unread message again, with the time it arrived at.
#[utoipa::path(post, path = "/api/v1/inbox/messages/{id}/retry", params(("id" = String, Path, description = "From the list")), responses((status = 200, body = Published), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn retry(State(state): State<ApiState>, Path(id): Path<String>) -> Result<axum::Json<Published>, Problem> {
    let unknown = || Problem::not_found("message_unknown", format!("no unread message has the id {id:?}"));
    let parsed = parse_id(&id).ok_or_else(unknown)?;
    match state.ingest.retry_unread(parsed).await? {
        Retried::Done(outcome) => published(outcome.into()).map(axum::Json),
        Retried::StillUnread => published(Outcome::Unread.into()).map(axum::Json),
        Retried::NotFound => Err(unknown()),
    }
}

/// First messages of topics not heard before, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeardList {
    items: Vec<Heard>,
}

/// Heard `topic` = `text` → device, metrics.
#[derive(Debug, Serialize, ToSchema)]
pub struct Heard {
    t: i64,
    topic: String,
    text: Option<String>,
    device: String,
    readings: Vec<HeardReading>,
}

/// One of its readings.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeardReading {
    metric: String,
    v: Cell,
    unit: Option<String>,
    unit_source: &'static str,
}

/// The first message of each device that appeared by itself since start.
#[utoipa::path(get, path = "/api/v1/inbox/heard", responses((status = 200, body = HeardList)))]
pub async fn heard(State(state): State<ApiState>) -> axum::Json<HeardList> {
    let items = state.ingest.heard().into_iter().map(|heard| Heard {
        t: heard.time.millis(),
        topic: heard.topic.as_str().to_owned(),
        text: heard.text.map(|text| text.to_string()),
        device: heard.device.as_str().to_owned(),
        readings: heard
            .readings
            .into_iter()
            .map(|reading| HeardReading {
                metric: reading.metric.as_str().to_owned(),
                v: (&reading.value).into(),
                unit: reading.unit.map(|unit| unit.as_str().to_owned()),
                unit_source: reading.unit_source.as_str(),
            })
            .collect(),
    });
    axum::Json(HeardList { items: items.collect() })
}
