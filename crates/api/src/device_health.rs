//! The health of one device, and what happened to devices.

use std::collections::BTreeMap;

use axum::extract::State;
use ingest::{Event, HealthView, Hint, MetricHealth};
use model::{Flaw, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::params::{Path, Query, bounded};
use crate::problem::Problem;
use crate::state::ApiState;

/// Events of one answer at most.
const EVENTS_MAX: u32 = 1_000;
const EVENTS_DEFAULT: u32 = 100;

/// How a device is, counted since the server started.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceHealth {
    /// `online`, `sleeping`, `stale`, `offline` or `never_seen`.
    status: &'static str,
    /// The same for a person.
    sentence: String,
    /// The usual time between two messages; null until it is known.
    interval_ms: Option<u32>,
    /// How far it usually is from that: the median of the distances.
    jitter_ms: Option<u32>,
    /// Messages that were stored.
    messages: u64,
    /// Messages that came before: marked as repeats, with a number that came before, or of which every reading is the newest of its
    /// metric already.
    duplicates: u64,
    /// Readings that took the place of the newest one with another value of the same time.
    replaced: u64,
    /// Null where it sends neither a sequence number nor a count of its starts nor the time it is up.
    loss: Option<Loss>,
    clock: ClockHealth,
    failures: Failures,
    /// Newest signal strength in dBm.
    rssi: Option<f64>,
    /// Newest state of charge in percent.
    battery: Option<f64>,
    /// Null before its first message since the server started.
    connection: Option<Connection>,
    /// What to look at.
    hints: Vec<HealthHint>,
    metrics: Vec<MetricHealthItem>,
}

/// Messages by their sequence numbers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Loss {
    /// That should have come; 0 where messages are not numbered.
    expected: u64,
    /// That did not.
    missing: u64,
    percent: f64,
    /// How often it started anew: by its count of starts, the time it is up, or a number that begins again.
    restarts: u64,
}

/// Its clock against ours.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClockHealth {
    /// Positive is ahead; null where it sends no time of its own, or only readings of long ago.
    drift_ms: Option<i64>,
    /// Messages whose time was not believed.
    bad: u64,
}

/// Readings that are not good, by flaw.
#[derive(Debug, Serialize, ToSchema)]
pub struct Failures {
    /// Failed ones: kept, and in no chart.
    bad: u64,
    /// All readings.
    total: u64,
    /// Of these, how many failed.
    percent: f64,
    by_flaw: BTreeMap<&'static str, u64>,
    /// Doubtful ones: kept, and drawn hollow.
    suspect: u64,
    suspect_by_flaw: BTreeMap<&'static str, u64>,
}

/// Who speaks for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Connection {
    /// MQTT client id, or the address of an HTTP client.
    client: String,
    /// From where; null where it is not connected to our broker.
    address: Option<String>,
    /// Since when it is connected, epoch ms.
    since: Option<i64>,
    /// What its firmware could do better.
    lint: Vec<String>,
}

/// Something to look at.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthHint {
    /// A stable word.
    code: &'static str,
    sentence: String,
}

/// One of its metrics.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricHealthItem {
    name: String,
    /// The usual time between two readings.
    interval_ms: Option<u32>,
    jitter_ms: Option<u32>,
    /// Epoch ms since when it stands still while others of its sensor move.
    frozen_since: Option<i64>,
    bad: u64,
    suspect: u64,
}

fn counts(flaws: &[(Flaw, u64)]) -> (u64, BTreeMap<&'static str, u64>) {
    let by_flaw: BTreeMap<&'static str, u64> = flaws.iter().map(|(flaw, count)| (flaw.as_str(), *count)).collect();
    (by_flaw.values().sum(), by_flaw)
}

impl DeviceHealth {
    fn of(view: HealthView, connection: Option<Connection>) -> Self {
        let (bad, by_flaw) = counts(&view.bad);
        let (suspect, suspect_by_flaw) = counts(&view.suspect);
        let total = view.readings;
        let percent = if total == 0 { 0.0 } else { bad as f64 * 100.0 / total as f64 };
        Self {
            status: view.status.as_str(),
            sentence: view.sentence,
            interval_ms: view.interval_ms,
            jitter_ms: view.jitter_ms,
            messages: view.messages,
            duplicates: view.duplicates,
            replaced: view.replaced,
            loss: view.loss.map(|loss| Loss {
                expected: loss.expected,
                missing: loss.missing,
                percent: loss.percent(),
                restarts: loss.restarts,
            }),
            clock: ClockHealth { drift_ms: view.drift_ms, bad: view.clock_bad },
            failures: Failures { bad, total, percent, by_flaw, suspect, suspect_by_flaw },
            rssi: view.rssi,
            battery: view.battery,
            connection,
            hints: view.hints.into_iter().map(HealthHint::from).collect(),
            metrics: view.metrics.into_iter().map(MetricHealthItem::from).collect(),
        }
    }
}

impl From<Hint> for HealthHint {
    fn from(hint: Hint) -> Self {
        Self { code: hint.code, sentence: hint.sentence }
    }
}

impl From<MetricHealth> for MetricHealthItem {
    fn from(view: MetricHealth) -> Self {
        Self {
            name: view.name,
            interval_ms: view.interval_ms,
            jitter_ms: view.jitter_ms,
            frozen_since: view.frozen_since.map(Timestamp::millis),
            bad: view.bad,
            suspect: view.suspect,
        }
    }
}

/// How one device is: rhythm, loss, clock, failures, connection. Counted since the server started, with every stored message.
#[utoipa::path(get, path = "/api/v1/devices/{key}/health", params(("key" = String, Path, description = "Device key, percent-encoded as one segment")), responses((status = 200, body = DeviceHealth), (status = 404, body = Problem)))]
pub async fn health(
    State(state): State<ApiState>,
    Path(key): Path<String>,
) -> Result<axum::Json<DeviceHealth>, Problem> {
    let view = state.ingest.health(&key).ok_or_else(|| Problem::device_unknown(&key))?;
    let connection = view.client.as_ref().map(|client| {
        let session = state.sessions.session(client).filter(|_| view.of_broker);
        Connection {
            client: client.to_string(),
            address: session.as_ref().map(|session| session.address.to_string()),
            since: session.as_ref().map(|session| session.since.millis()),
            lint: session.map(|session| session.lint()).unwrap_or_default(),
        }
    });
    Ok(axum::Json(DeviceHealth::of(view, connection)))
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// Of one device, by its key.
    device: Option<String>,
    /// 1 to 1000, 100 by default.
    limit: Option<u32>,
}

/// Events, newest first. The last 4,096 are remembered, in memory only: a restart of the server begins a new list.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventPage {
    items: Vec<EventItem>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventItem {
    /// Epoch ms, server time.
    t: i64,
    /// `appeared`, `online`, `stale`, `offline`, `restarted`, `clock_bad`, `clock_good`, `client_conflict`,
    /// `flapping`, `frozen`, `type_changed` or `hardware_replaced`.
    code: &'static str,
    /// The key of the device, if it is known.
    device: Option<String>,
    sentence: String,
}

impl From<Event> for EventItem {
    fn from(event: Event) -> Self {
        Self {
            t: event.time.millis(),
            code: event.code.as_str(),
            device: event.device.map(|key| key.as_str().to_owned()),
            sentence: event.sentence,
        }
    }
}

/// What happened to devices since the server started.
#[utoipa::path(get, path = "/api/v1/events", params(EventsQuery), responses((status = 200, body = EventPage), (status = 400, body = Problem)))]
pub async fn events(
    State(state): State<ApiState>,
    Query(query): Query<EventsQuery>,
) -> Result<axum::Json<EventPage>, Problem> {
    let limit = bounded("limit", query.limit, EVENTS_DEFAULT, EVENTS_MAX)? as usize;
    let events = state.ingest.events(query.device.as_deref(), limit);
    Ok(axum::Json(EventPage { items: events.into_iter().map(EventItem::from).collect(), next_cursor: None }))
}
