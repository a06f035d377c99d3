//! Every way in, and whether it is healthy.

use std::collections::BTreeMap;

use axum::extract::State;
use ingest::SourceFlow;
use model::SourceName;
use serde::Serialize;
use source::{BrokerView, Gap, LinkState};
use utoipa::ToSchema;

use crate::delivery::store_waits;
use crate::state::ApiState;

/// All of them: the embedded broker, external brokers by name, HTTP, import, inbox.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sources {
    items: Vec<WayIn>,
    /// Always null: there are few.
    next_cursor: Option<String>,
}

/// A way in.
#[derive(Debug, Serialize, ToSchema)]
pub struct WayIn {
    /// As in the books.
    name: String,
    kind: WayKind,
    /// Of an external broker that of its connection; else `listening`, or `failing` while nothing can be stored.
    state: WayState,
    /// A sentence about a state that is not as it should be.
    detail: Option<String>,
    /// Where senders reach it, or where we reach it.
    address: Option<String>,
    /// Since when it is in this state, epoch ms; null where nobody noted it.
    since: Option<i64>,
    /// Messages taken in, over restarts.
    received: u64,
    /// Of these, those of the last minute.
    per_minute: u64,
    /// Of these, those that are not durable yet.
    in_flight: u64,
    /// How long the oldest of these has waited.
    lag_ms: u64,
    /// Times in which an external broker may have kept nothing for us.
    gaps: Vec<Gap>,
}

/// What brings the messages.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WayKind {
    /// Our own broker.
    Embedded,
    /// A broker that we are connected to.
    External,
    /// Requests.
    Http,
    /// Tables that people bring.
    Import,
    /// Unread messages that are ingested again.
    Inbox,
}

/// How a way in is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WayState {
    /// Waits for senders.
    Listening,
    /// Subscribed.
    Connected,
    /// Being opened for the first time.
    Connecting,
    /// Stopped by a person.
    Paused,
    /// Nothing comes in this way at the moment.
    Failing,
}

impl From<LinkState> for WayState {
    fn from(state: LinkState) -> Self {
        match state {
            LinkState::Connected => Self::Connected,
            LinkState::Connecting => Self::Connecting,
            LinkState::Paused => Self::Paused,
            LinkState::Failing => Self::Failing,
        }
    }
}

impl WayIn {
    fn new(name: &str, kind: WayKind, flows: &BTreeMap<SourceName, SourceFlow>) -> Self {
        let flow = flows.get(name).copied().unwrap_or_default();
        Self {
            name: name.to_owned(),
            kind,
            state: WayState::Listening,
            detail: None,
            address: None,
            since: None,
            received: flow.received,
            per_minute: flow.per_minute,
            in_flight: flow.in_flight,
            lag_ms: flow.lag_ms,
            gaps: Vec::new(),
        }
    }

    /// While nothing can be stored, which `waits` says, nothing comes from a broker that is connected either.
    fn of_broker(view: BrokerView, flows: &BTreeMap<SourceName, SourceFlow>, waits: Option<&String>) -> Self {
        let BrokerView { settings, link, .. } = view;
        let scheme = if settings.tls.enabled { "mqtts" } else { "mqtt" };
        let host = if settings.host.contains(':') { format!("[{}]", settings.host) } else { settings.host };
        let waits = waits.filter(|_| link.state == LinkState::Connected);
        Self {
            state: if waits.is_some() { WayState::Failing } else { link.state.into() },
            since: if waits.is_some() { None } else { Some(link.since) },
            detail: waits.cloned().or(link.detail),
            address: Some(format!("{scheme}://{host}:{}", settings.port)),
            gaps: link.gaps,
            ..Self::new(&settings.name, WayKind::External, flows)
        }
    }
}

/// Every way in with its rate, how much of it is under way, and its faults.
#[utoipa::path(get, path = "/api/v1/sources", responses((status = 200, body = Sources)))]
pub async fn sources(State(state): State<ApiState>) -> axum::Json<Sources> {
    let flows = state.ingest.flows();
    let waits = store_waits(&state);
    let ours = |name, kind, address: Option<&String>| {
        let way = WayIn { address: address.cloned(), ..WayIn::new(name, kind, &flows) };
        match &waits {
            Some(sentence) => WayIn { state: WayState::Failing, detail: Some(sentence.clone()), ..way },
            None => WayIn { since: Some(state.about.started_ms), ..way },
        }
    };
    let mut items = vec![ours("mqtt", WayKind::Embedded, state.about.mqtt.first())];
    items.extend(state.brokers.list().into_iter().map(|view| WayIn::of_broker(view, &flows, waits.as_ref())));
    items.push(ours("http", WayKind::Http, state.about.http.first()));
    items.push(ours("import", WayKind::Import, None));
    items.push(ours("inbox", WayKind::Inbox, None));
    axum::Json(Sources { items, next_cursor: None })
}
