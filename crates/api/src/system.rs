//! The servers that share the store, as this one sees them.

use axum::extract::State;
use serde::Serialize;
use store::NodeReport;
use utoipa::ToSchema;

use crate::state::ApiState;

/// What is said where several servers share a store.
const OF_ONE_NODE: &str = "MQTT sessions, retained messages and what clients publish to each other belong to the server that a client is \
                           connected to. Across servers they are promised only through an external broker.";

/// The store, and who shares it.
#[derive(Debug, Serialize, ToSchema)]
pub struct System {
    /// `embedded` or `cassandra`.
    store: &'static str,
    /// By number; empty where the store belongs to this server alone.
    nodes: Vec<Node>,
    /// What holds for one server only; none where there is only one.
    sentence: Option<&'static str>,
}

/// A server that shares the store.
#[derive(Debug, Serialize, ToSchema)]
pub struct Node {
    number: u8,
    /// Whether it is the one that answers.
    own: bool,
    /// Where its page is.
    http: String,
    version: String,
    /// Its last heartbeat by its own clock, epoch ms.
    seen: i64,
    /// Milliseconds since that was heard here.
    silent_ms: u64,
    /// How far its clock is ahead of this server's, in milliseconds; negative when behind.
    clock_skew_ms: i64,
    /// How long what it stores takes until it is shown here, in milliseconds; none while nothing comes.
    lag_ms: Option<u64>,
}

impl Node {
    fn of(report: NodeReport) -> Self {
        Self {
            number: report.node.0,
            own: report.own,
            http: report.http,
            version: report.version,
            seen: report.seen.millis(),
            silent_ms: report.silent_ms,
            clock_skew_ms: report.clock_skew_ms,
            lag_ms: report.lag_ms,
        }
    }
}

/// The store and the servers that share it.
#[utoipa::path(get, path = "/api/v1/system", responses((status = 200, body = System)))]
pub async fn system(State(state): State<ApiState>) -> axum::Json<System> {
    let nodes: Vec<Node> = state.store.nodes().into_iter().map(Node::of).collect();
    let sentence = (nodes.len() > 1).then_some(OF_ONE_NODE);
    axum::Json(System { store: state.about.store_kind, nodes, sentence })
}
