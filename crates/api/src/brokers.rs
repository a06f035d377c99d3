//! External brokers on the wire.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use ingest::{TopicView, TracedMessage};
use serde::{Deserialize, Serialize};
use source::{BrokerSettings, BrokerView, BrokersError, Gap, Protocol, Subscription, Tls};
use utoipa::ToSchema;

use crate::devices::expected_version;
use crate::params::{Json, Path};
use crate::problem::Problem;
use crate::state::ApiState;

/// Topics told of one broker. The ones unheard for longest are left out.
const SEEN_MAX: usize = 200;
/// Characters of a message that are told.
const SEEN_TEXT_MAX: usize = 200;

/// A known service, of which only host, user and password are asked for.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// HiveMQ Cloud. Paste the host of the cluster as its console shows it, without scheme and port, and a user and password
    /// made there for it; port 8883 and TLS with public authorities are set, and everything is subscribed unless `filters` are
    /// given. Tried against a Mosquitto with the same settings, not against the service.
    HivemqCloud,
}

/// An external broker as it is given: to create one, `name`, `host` and `filters` are needed; in a change, what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BrokerBody {
    /// Lower snake. Cannot be changed.
    name: Option<String>,
    preset: Option<Preset>,
    host: Option<String>,
    /// Without it 1883, and 8883 with TLS.
    port: Option<u16>,
    tls: Option<Tls>,
    protocol: Option<Protocol>,
    /// Empty: none.
    username: Option<String>,
    /// Empty: none. Never answered.
    password: Option<String>,
    client_id: Option<String>,
    filters: Option<Vec<Subscription>>,
    /// Empty: none.
    shared_group: Option<String>,
    paused: Option<bool>,
}

/// An external broker without its secrets.
#[derive(Serialize, ToSchema)]
pub struct ExternalBroker {
    #[serde(flatten)]
    settings: BrokerSettings,
    has_password: bool,
    /// For `If-Match`.
    version: u64,
    /// `connected`, `connecting`, `paused` or `failing`.
    state: source::LinkState,
    /// The last error, as a sentence.
    detail: Option<String>,
    /// Since when it is in this state, epoch ms.
    since: i64,
    /// Messages since the server started, or since the last change.
    received: u64,
    /// Of these, how many could not be handed on.
    refused: u64,
    /// Messages not yet acknowledged.
    in_flight: u64,
    /// Times in which the broker may have kept nothing for us.
    gaps: Vec<Gap>,
}

impl From<BrokerView> for ExternalBroker {
    fn from(view: BrokerView) -> Self {
        let BrokerView { settings, has_password, version, link } = view;
        Self {
            settings,
            has_password,
            version,
            state: link.state,
            detail: link.detail,
            since: link.since,
            received: link.received,
            refused: link.refused,
            in_flight: link.in_flight,
            gaps: link.gaps,
        }
    }
}

/// All of them.
#[derive(Serialize, ToSchema)]
pub struct ExternalBrokers {
    items: Vec<ExternalBroker>,
    /// Always null: there are few.
    next_cursor: Option<String>,
}

/// The last topics of a broker.
#[derive(Serialize, ToSchema)]
pub struct SeenTopics {
    /// At most 200, the newest first.
    items: Vec<Seen>,
}

/// The last message of a topic.
#[derive(Serialize, ToSchema)]
pub struct Seen {
    topic: String,
    /// Its first 200 characters.
    text: String,
    /// When, epoch ms of server time.
    t: i64,
}

/// A broker that was removed, with something left to say.
#[derive(Serialize, ToSchema)]
pub struct BrokerRemoved {
    /// What may be left at the broker, as a sentence.
    detail: String,
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

impl BrokerBody {
    fn fresh(mut self) -> Result<BrokerSettings, Problem> {
        let invalid = |detail: String| Problem::unprocessable("broker_invalid", detail);
        let missing = |member: &str| invalid(format!("{member} is needed"));
        let mut tls = self.tls.take().unwrap_or_default();
        match self.preset {
            Some(Preset::HivemqCloud) => {
                if self.username.is_none() || self.password.is_none() {
                    let detail = "HiveMQ Cloud takes nobody without username and password: make them for the cluster in its console";
                    return Err(invalid(detail.to_owned()));
                }
                tls.enabled = true;
                self.filters.get_or_insert_with(|| vec![Subscription { filter: "#".to_owned(), qos: 1 }]);
            }
            None => {}
        }
        let blank = BrokerSettings {
            name: self.name.take().ok_or_else(|| missing("name"))?,
            host: self.host.take().ok_or_else(|| missing("host"))?,
            port: if tls.enabled { 8883 } else { 1883 },
            tls,
            protocol: Protocol::default(),
            username: None,
            password: None,
            client_id: None,
            filters: self.filters.take().ok_or_else(|| missing("filters"))?,
            shared_group: None,
            paused: false,
        };
        Ok(self.over(blank))
    }

    /// What is given over what is there.
    fn over(self, there: BrokerSettings) -> BrokerSettings {
        BrokerSettings {
            name: there.name,
            host: self.host.unwrap_or(there.host),
            port: self.port.unwrap_or(there.port),
            tls: self.tls.unwrap_or(there.tls),
            protocol: self.protocol.unwrap_or(there.protocol),
            username: self.username.map_or(there.username, filled),
            password: self.password,
            client_id: self.client_id.map_or(there.client_id, filled),
            filters: self.filters.unwrap_or(there.filters),
            shared_group: self.shared_group.map_or(there.shared_group, filled),
            paused: self.paused.unwrap_or(there.paused),
        }
    }
}

fn find(state: &ApiState, name: &str) -> Result<BrokerView, Problem> {
    let found = state.brokers.list().into_iter().find(|view| view.settings.name == name);
    found.ok_or_else(|| BrokersError::Unknown(name.to_owned()).into())
}

/// Every external broker.
#[utoipa::path(get, path = "/api/v1/brokers", responses((status = 200, body = ExternalBrokers)))]
pub async fn list(State(state): State<ApiState>) -> axum::Json<ExternalBrokers> {
    axum::Json(ExternalBrokers { items: state.brokers.list().into_iter().map(Into::into).collect(), next_cursor: None })
}

/// Adds an external broker and connects to it.
#[utoipa::path(post, path = "/api/v1/brokers", request_body = BrokerBody, responses((status = 201, body = ExternalBroker), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    State(state): State<ApiState>,
    Json(body): Json<BrokerBody>,
) -> Result<(StatusCode, axum::Json<ExternalBroker>), Problem> {
    let (brokers, settings) = (std::sync::Arc::clone(&state.brokers), body.fresh()?);
    // To its end, even if whoever asked goes away: what is kept and what runs go together.
    let made = tokio::spawn(async move { brokers.create(settings).await });
    let made = made.await.map_err(|_| Problem::closing())??;
    Ok((StatusCode::CREATED, axum::Json(made.into())))
}

/// One external broker.
#[utoipa::path(get, path = "/api/v1/brokers/{name}", responses((status = 200, body = ExternalBroker), (status = 404, body = Problem)))]
pub async fn show(
    State(state): State<ApiState>,
    Path(name): Path<String>,
) -> Result<axum::Json<ExternalBroker>, Problem> {
    Ok(axum::Json(find(&state, &name)?.into()))
}

/// Changes an external broker, for the next connection, which is made at once.
#[utoipa::path(patch, path = "/api/v1/brokers/{name}", params(("If-Match" = Option<String>, Header, description = "The version seen")), request_body = BrokerBody, responses((status = 200, body = ExternalBroker), (status = 404, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)))]
pub async fn change(
    State(state): State<ApiState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Json(body): Json<BrokerBody>,
) -> Result<axum::Json<ExternalBroker>, Problem> {
    let version = expected_version(&headers)?;
    let there = find(&state, &name)?;
    if body.name.as_ref().is_some_and(|given| *given != name) || body.preset.is_some() {
        return Err(Problem::unprocessable("broker_invalid", "name and preset are for creating a broker only"));
    }
    let version = version.or(Some(there.version));
    let settings = body.over(there.settings);
    let brokers = std::sync::Arc::clone(&state.brokers);
    let changed = tokio::spawn(async move { brokers.change(settings, version).await });
    Ok(axum::Json(changed.await.map_err(|_| Problem::closing())??.into()))
}

/// Unsubscribes, has the broker discard our session, and forgets it. Its readings stay. Where the broker cannot be reached within
/// 5 s, the answer says what may be left there.
#[utoipa::path(delete, path = "/api/v1/brokers/{name}", params(("If-Match" = Option<String>, Header, description = "The version seen")), responses((status = 200, body = BrokerRemoved), (status = 204), (status = 404, body = Problem), (status = 412, body = Problem)))]
pub async fn remove(
    State(state): State<ApiState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<axum::response::Response, Problem> {
    let (version, brokers) = (expected_version(&headers)?, std::sync::Arc::clone(&state.brokers));
    let removed = tokio::spawn(async move { brokers.remove(&name, version).await });
    let left = removed.await.map_err(|_| Problem::closing())??;
    Ok(match left {
        Some(detail) => axum::Json(BrokerRemoved { detail }).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// The topics that came from an external broker since the server started, with the start of their last message from there.
#[utoipa::path(get, path = "/api/v1/brokers/{name}/seen", responses((status = 200, body = SeenTopics), (status = 404, body = Problem)))]
pub async fn seen(State(state): State<ApiState>, Path(name): Path<String>) -> Result<axum::Json<SeenTopics>, Problem> {
    find(&state, &name)?;
    let from_there = |message: &&TracedMessage| message.source.as_str() == name;
    let views = state.ingest.topics(None, usize::MAX, |view| view.last.iter().any(|message| from_there(&message)));
    let last = |view: &TopicView| {
        let message = view.last.iter().find(from_there)?;
        let text = String::from_utf8_lossy(&message.payload).chars().take(SEEN_TEXT_MAX).collect();
        Some(Seen { topic: view.topic.as_str().to_owned(), text, t: message.received.millis() })
    };
    let mut items: Vec<Seen> = views.iter().filter_map(last).collect();
    items.sort_by(|one, other| other.t.cmp(&one.t).then_with(|| one.topic.cmp(&other.topic)));
    items.truncate(SEEN_MAX);
    Ok(axum::Json(SeenTopics { items }))
}

impl From<BrokersError> for Problem {
    fn from(error: BrokersError) -> Self {
        let detail = error.to_string();
        match error {
            BrokersError::Unknown(_) => Self::not_found("broker_unknown", detail),
            BrokersError::Exists(_) => Self::conflict("broker_exists", detail),
            BrokersError::Conflict => Self::precondition(detail),
            BrokersError::Invalid(_) => Self::unprocessable("broker_invalid", detail),
            BrokersError::NotKept(_) => Self::not_stored(detail),
        }
    }
}
