//! Whether the server is at its best, and if not, why.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::ApiState;

/// `ready`, or `degraded` with reasons.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    status: &'static str,
    reasons: Vec<Reason>,
    version: &'static str,
}

/// Why it is not at its best.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reason {
    /// A stable code.
    code: &'static str,
    /// One sentence.
    detail: String,
}

/// 200 whenever the server answers: a degraded server still reads and administers.
#[utoipa::path(get, path = "/health", responses((status = 200, body = Health)))]
pub async fn health(State(state): State<ApiState>) -> axum::Json<Health> {
    let degraded = state.store.stats().degraded;
    let mut reasons: Vec<Reason> =
        degraded.into_iter().map(|reason| Reason { code: reason.code, detail: reason.detail }).collect();
    if !state.ingest.books().balanced {
        reasons.push(Reason { code: "books_unbalanced", detail: "the books do not balance".to_owned() });
    }
    let lost = state.ingest.batches_lost();
    if lost > 0 {
        let detail = format!("{lost} batches since start were not stored; their senders were not acknowledged");
        reasons.push(Reason { code: "batches_not_stored", detail });
    }
    if state.ingest.announcements_not_kept() {
        let detail = "the database took none of the last announcements: they hold, and are written as soon as it does, but a stop \
                      before that takes them back";
        reasons.push(Reason { code: "announcements_not_kept", detail: detail.to_owned() });
    }
    if state.upkeep.is_held() {
        let detail = "the server's clock is more than a day away from where it was last, so nothing expires and no deleted \
                      device goes for good until somebody confirms it";
        reasons.push(Reason { code: "clock_jumped", detail: detail.to_owned() });
    }
    let status = if reasons.is_empty() { "ready" } else { "degraded" };
    axum::Json(Health { status, reasons, version: env!("CARGO_PKG_VERSION") })
}
