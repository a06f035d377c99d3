//! Line protocol over HTTP, at the paths at which its clients expect it, so that what writes to such a server can write here.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use bytes::Bytes;
use decode::{Found, Precision, VALUES_MAX, read_line};
use model::Topic;
use serde::Deserialize;

use crate::delivery::{Parcel, all_told, can_store, hand_over};
use crate::params::Query;
use crate::problem::Problem;
use crate::state::ApiState;

/// What the clients say beside the lines; organisation, database and the like mean nothing here.
#[derive(Debug, Deserialize)]
pub struct Asked {
    /// `ns`, `us`, `ms` or `s`; without it the unit of each time is told by its magnitude.
    precision: Option<String>,
}

/// Lines that become one message.
#[derive(Default)]
struct Part {
    payload: Vec<u8>,
    found: Vec<Found>,
}

/// Takes lines; 204 when all of them are durable. A line that cannot be read is a 400 that names it, and then none is stored.
/// Where a limit refuses some, the answer says how many readings were stored. Lines of texts only are counted as messages without
/// a reading.
#[utoipa::path(post, path = "/api/v2/write", params(("precision" = Option<String>, Query, description = "ns, us, ms or s; by magnitude if absent")), request_body(content = String, content_type = "text/plain"), responses((status = 204), (status = 400, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem), (status = 507, body = Problem)))]
pub async fn write(
    State(state): State<ApiState>,
    Query(asked): Query<Asked>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<StatusCode, Problem> {
    let precision = asked.precision.as_deref().map(precision).transpose()?;
    let body = body.map_err(Problem::from)?;
    let text = std::str::from_utf8(&body)
        .map_err(|error| Problem::bad_request("line_invalid", format!("the lines are no UTF-8: {error}")))?;
    let parts = parts(text, precision)
        .map_err(|error| Problem::bad_request("line_invalid", format!("{error}; nothing was stored")))?;
    can_store(&state)?;
    let topic = Topic::parse("write").map_err(|error| Problem::bad_request("topic_invalid", error.to_string()))?;
    let client: Arc<str> = peer.ip().to_string().into();
    let mut outcomes = Vec::with_capacity(parts.len());
    for Part { payload, found } in parts {
        let read = Some(found).filter(|found| !found.is_empty());
        let (client, topic, payload) = (client.clone(), topic.clone(), Bytes::from(payload));
        outcomes.push(hand_over(&state, Parcel { source: "http", client, topic, payload, read, repeat: None }).await?);
    }
    all_told(outcomes).await.map(|_| StatusCode::NO_CONTENT)
}

fn precision(word: &str) -> Result<Precision, Problem> {
    match word {
        "ns" | "n" => Ok(Precision::Nanoseconds),
        "us" | "u" | "µ" => Ok(Precision::Microseconds),
        "ms" => Ok(Precision::Milliseconds),
        "s" => Ok(Precision::Seconds),
        other => {
            Err(Problem::bad_request("query_invalid", format!("precision must be ns, us, ms or s, not {other:?}")))
        }
    }
}

/// Whole lines, put together up to [`VALUES_MAX`] values.
fn parts(text: &str, precision: Option<Precision>) -> Result<Vec<Part>, String> {
    let mut parts: Vec<Part> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some(found) = read_line(number, line, precision)? else { continue };
        // Texts alone are a message of their own: what it says is told by the usual decoder.
        let joins = |last: &&mut Part| {
            last.found.len() + found.len() <= VALUES_MAX && last.found.is_empty() == found.is_empty()
        };
        if parts.last_mut().as_ref().is_none_or(|last| !joins(last)) {
            parts.push(Part::default());
        }
        if let Some(part) = parts.last_mut() {
            part.payload.extend_from_slice(line.as_bytes());
            part.payload.push(b'\n');
            part.found.extend(found);
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_up_to_the_limit_of_a_message_and_none_is_lost() {
        let text: String = (0..300).map(|n| format!("m,device=d{n} a={n},b={n} {n}\n")).collect();
        let parts = parts(&text, Some(Precision::Seconds)).unwrap();
        assert_eq!(parts.iter().map(|part| part.found.len()).collect::<Vec<_>>(), [256, 256, 88]);
        let payloads: Vec<u8> = parts.into_iter().flat_map(|part| part.payload).collect();
        assert_eq!(payloads, text.as_bytes());
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = |text| parts(text, None).err().unwrap();
        assert!(error("a b=1\n# note\n\nnonsense").starts_with("line 4 "), "{}", error("a b=1\n\n\nnonsense"));
    }
}
