//! What the server says about itself, and the way out of the demonstration.

use axum::extract::State;
use axum::http::StatusCode;
use ingest::DeviceChange;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::state::ApiState;

/// The server, for the header of the page.
#[derive(Debug, Serialize, ToSchema)]
pub struct AboutServer {
    version: &'static str,
    /// `local` or `open_lan`.
    state: &'static str,
    /// What that means.
    sentence: &'static str,
    /// Addresses of the page.
    http: Vec<String>,
    /// Addresses for devices.
    mqtt: Vec<String>,
    /// Epoch ms.
    started: i64,
    /// Epoch ms, server time.
    now: i64,
    /// Tells this run from every other.
    boot: String,
    store: StoreFacts,
    demo: Option<DemoFacts>,
}

/// The store in numbers.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoreFacts {
    kind: &'static str,
    /// That are there; none where the store does not count them.
    readings: Option<u64>,
    /// On disk; none where the disks are not this server's.
    bytes: Option<u64>,
}

/// The demonstration.
#[derive(Debug, Serialize, ToSchema)]
pub struct DemoFacts {
    running: bool,
}

/// The server about itself.
#[utoipa::path(get, path = "/api/v1/about", responses((status = 200, body = AboutServer)))]
pub async fn about(State(state): State<ApiState>) -> axum::Json<AboutServer> {
    let stats = state.store.stats();
    let counted = state.ingest.node().is_none();
    let (readings, bytes) = (counted.then_some(stats.readings), counted.then_some(stats.disk_bytes));
    axum::Json(AboutServer {
        version: env!("CARGO_PKG_VERSION"),
        state: state.access.as_str(),
        sentence: state.access.sentence(),
        http: state.about.http.clone(),
        mqtt: state.about.mqtt.clone(),
        started: state.about.started_ms,
        now: state.ingest.now().millis(),
        boot: state.about.boot.clone(),
        store: StoreFacts { kind: state.about.store_kind, readings, bytes },
        demo: state.demo.as_ref().map(|demo| DemoFacts { running: demo.running() }),
    })
}

/// Stops the demonstration and hides its devices. Their readings stay.
#[utoipa::path(delete, path = "/api/v1/demo", responses((status = 204), (status = 404, body = Problem)))]
pub async fn hide_demo(State(state): State<ApiState>) -> Result<StatusCode, Problem> {
    let demo = state.demo.as_ref().ok_or_else(|| Problem::not_found("no_demo", "no demonstration was started"))?;
    demo.stop();
    for key in demo.devices() {
        let change = DeviceChange { hidden: Some(true), ..DeviceChange::default() };
        match state.ingest.change_device(&key, None, change).await {
            Ok(_) | Err(ingest::DeviceError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(StatusCode::NO_CONTENT)
}
