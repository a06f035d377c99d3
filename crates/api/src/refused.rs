//! Connections that our broker did not take, or threw out for what they sent.

use axum::extract::State;
use serde::Serialize;
use source::RefusedView;
use utoipa::ToSchema;

use crate::state::ApiState;

/// Refused connections, the last one first; the last 200 of their kinds are remembered, in memory only.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedPage {
    items: Vec<RefusedItem>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// Connections of one address, client and reason.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedItem {
    /// Epoch ms of the last one.
    t: i64,
    /// The client id, where it came so far.
    client: Option<String>,
    address: String,
    /// A stable word.
    reason: &'static str,
    /// A sentence.
    detail: &'static str,
    /// How often.
    count: u64,
}

impl From<RefusedView> for RefusedItem {
    fn from(view: RefusedView) -> Self {
        Self {
            t: view.time.millis(),
            client: view.client.map(|client| client.to_string()),
            address: view.address.to_string(),
            reason: view.reason,
            detail: view.detail,
            count: view.count,
        }
    }
}

/// Who could not come in, and why.
#[utoipa::path(get, path = "/api/v1/inbox/refused", responses((status = 200, body = RefusedPage)))]
pub async fn refused(State(state): State<ApiState>) -> axum::Json<RefusedPage> {
    let items = state.sessions.refused().into_iter().map(RefusedItem::from).collect();
    axum::Json(RefusedPage { items, next_cursor: None })
}
