//! Tables that people bring: looked at before, brought in as a stream, watched meanwhile.

mod failed;
mod jobs;
mod load;
mod preview;

use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use table::Mapping;
use utoipa::{IntoParams, ToSchema};

pub use jobs::{Import, Imports};
pub(crate) use preview::{__path_preview, preview};

use crate::packed::Packed;
use crate::params::{Path, Query};
use crate::problem::Problem;
use crate::state::ApiState;
use load::Load;

/// Longest name of a file in bytes; the rest is left out.
const NAME_BYTES_MAX: usize = 256;

/// How the body is to be read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ImportQuery {
    /// A mapping as JSON, such as the preview proposes.
    mapping: String,
    /// The name of the file, for people.
    name: Option<String>,
}

/// Imports since start, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportList {
    /// At most 20.
    items: Vec<Import>,
    /// Always null: there are few.
    next_cursor: Option<String>,
    /// When the server started, epoch ms: imports before that are not remembered, only what they stored.
    since: i64,
}

/// A mapping out of a query.
fn mapping_of(text: &str) -> Result<Mapping, Problem> {
    serde_json::from_str(text).map_err(|error| Problem::unprocessable("mapping_invalid", format!("mapping: {error}")))
}

/// Brings a table in, of any length, and answers when all of it is durable. One import at a time. Meanwhile `GET` shows how far it is
/// and `DELETE` stops it; what was stored by then stays. Each reading keeps the time of its row, so a table brought twice doubles
/// nothing: equal values are counted as `duplicate`, others as `replaced`; a failed read (`nan`) never takes the place of a value. It may come packed with gzip. A sender that is silent for a
/// minute, or slower than 1 KiB a minute, has failed. Devices that the table brought are accepted at its end.
#[utoipa::path(post, path = "/api/v1/imports", params(ImportQuery), request_body(content = String, content_type = "text/csv"), responses((status = 201, body = Import), (status = 409, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem), (status = 507, body = Problem)))]
pub async fn begin(
    State(state): State<ApiState>,
    Query(query): Query<ImportQuery>,
    ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>,
    packed: Option<Extension<Packed>>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, axum::Json<Import>), Problem> {
    let mapping = mapping_of(&query.mapping)?;
    let packed = packed.is_some();
    let length = || headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    // Of a packed table nobody knows how long it is.
    let bytes_total = if packed { None } else { length() };
    let mut name = query.name;
    if let Some(name) = &mut name {
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
    }
    let load = Load::begin(&state, &mapping, name, bytes_total, peer).await?;
    Ok((StatusCode::CREATED, axum::Json(load.run(body, packed).await?)))
}

/// Imports since start.
#[utoipa::path(get, path = "/api/v1/imports", responses((status = 200, body = ImportList)))]
pub async fn list(State(state): State<ApiState>) -> axum::Json<ImportList> {
    axum::Json(ImportList { items: state.imports.list(&state), next_cursor: None, since: state.about.started_ms })
}

/// One import.
#[utoipa::path(get, path = "/api/v1/imports/{id}", responses((status = 200, body = Import), (status = 404, body = Problem)))]
pub async fn show(State(state): State<ApiState>, Path(id): Path<u64>) -> Result<axum::Json<Import>, Problem> {
    state.imports.show(&state, id).map(axum::Json).ok_or_else(|| unknown(id))
}

/// Stops an import that runs, and forgets one that has ended. What was stored stays.
#[utoipa::path(delete, path = "/api/v1/imports/{id}", responses((status = 204), (status = 404, body = Problem)))]
pub async fn cancel(State(state): State<ApiState>, Path(id): Path<u64>) -> Result<StatusCode, Problem> {
    if state.imports.cancel(id) { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(id)) }
}

fn unknown(id: u64) -> Problem {
    Problem::not_found("import_unknown", format!("there is no import {id} since the server started"))
}
