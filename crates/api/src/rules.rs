//! Rules on the wire: what people say about the messages of some topics.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use decode::rules::RuleSpec;
use ingest::{Fate, RetriedAll, RuleChange, RuleView, Trial, Tried, TriedMessage};
use model::Topic;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::devices::expected_version;
use crate::inbox::parse_id;
use crate::params::{Json, Path};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::topics::{TraceReading, shown};

/// A rule as it is given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleBody {
    rule: RuleSpec,
    /// Whether it is asked. Left out: as before, a new one is.
    enabled: Option<bool>,
}

/// A new rule.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRuleBody {
    rule: RuleSpec,
    /// Whether it is asked. Left out: it is.
    enabled: Option<bool>,
    /// The id of the rule in front of which it stands. Left out: behind all others.
    before: Option<String>,
}

impl From<RuleBody> for RuleChange {
    fn from(body: RuleBody) -> Self {
        Self { spec: body.rule, enabled: body.enabled }
    }
}

/// A rule and what is told about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleItem {
    id: String,
    /// For `If-Match`.
    version: u64,
    enabled: bool,
    rule: RuleSpec,
    /// The rule before it that takes every topic of this one, so that this one is never asked.
    shadowed_by: Option<String>,
    /// Messages that it took since it was changed or the server started.
    matched: u64,
}

impl From<RuleView> for RuleItem {
    fn from(view: RuleView) -> Self {
        Self {
            id: view.id.to_string(),
            version: view.version,
            enabled: view.enabled,
            rule: view.spec,
            shadowed_by: view.shadowed_by.map(|id| id.to_string()),
            matched: view.matched,
        }
    }
}

/// Rules in the order in which they are asked: the first that is for a topic decides.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleList {
    items: Vec<RuleItem>,
    /// What was kept as a rule and cannot be used. It can be removed.
    broken: Vec<BrokenRule>,
    /// Always null: there are at most 500.
    next_cursor: Option<String>,
}

/// What was kept as a rule and cannot be used.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrokenRule {
    id: String,
    version: u64,
    /// What is wrong with it.
    detail: String,
}

/// Every rule, in order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderBody {
    #[schema(value_type = Vec<String>)]
    ids: Vec<Arc<str>>,
}

/// A rule to try.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestBody {
    rule: RuleSpec,
    /// The rule in whose place it is tried. Left out: behind all others.
    id: Option<String>,
    /// The rule in front of which it is tried.
    before: Option<String>,
    /// Messages of this topic come first.
    topic: Option<String>,
}

/// What a rule would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestAnswer {
    /// The topic filter of its topics.
    filter: String,
    shadowed_by: Option<String>,
    /// At most 50, those of the wanted topic and the newest first.
    messages: Vec<TestMessage>,
}

/// What a rule would make of a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestMessage {
    topic: String,
    t: i64,
    text: Option<String>,
    hex: String,
    /// `stored`, `no_reading`, `unread`, `rejected`.
    outcome: &'static str,
    /// What stands in the way.
    detail: Option<String>,
    readings: Vec<TraceReading>,
    /// What is made of it without this rule; null where only its start was kept.
    now: Option<TestFate>,
    /// Whether readings are fewer than now, lost, on arrival or another device's unasked, or it would go unread.
    worse: bool,
}

/// What is made of a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestFate {
    /// `stored`, `no_reading`, `unread`, `rejected`.
    outcome: &'static str,
    /// Why it is unread.
    detail: Option<String>,
    readings: Vec<TraceReading>,
}

impl From<Fate> for TestFate {
    fn from(fate: Fate) -> Self {
        let readings = fate.found.iter().map(TraceReading::from).collect();
        Self { outcome: fate.outcome, detail: fate.detail, readings }
    }
}

/// A message to suggest a rule for: exactly one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuggestBody {
    /// The last messages of a topic.
    topic: Option<String>,
    /// The id of an unread message.
    unread: Option<String>,
}

/// A rule to begin with.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suggestion {
    /// For the topic of the message; for all of its form where that helps another topic and makes none worse.
    rule: Option<RuleSpec>,
    /// A sentence where there is none: the message is read well, was cut off, or nothing can be found in it.
    why: Option<String>,
}

/// What became of the unread messages of a rule's topics.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetryAnswer {
    stored: u64,
    no_reading: u64,
    rejected: u64,
    /// They stay in the list.
    still_unread: u64,
    /// There are more than 1000: ask again.
    more: bool,
}

/// Bytes of a message that are shown.
const SHOWN_BYTES: usize = 1024;

impl From<TriedMessage> for TestMessage {
    fn from(tried: TriedMessage) -> Self {
        let (text, hex) = shown(&tried.payload, SHOWN_BYTES);
        let TestFate { outcome, detail, readings } = tried.then.into();
        Self {
            topic: tried.topic.as_str().to_owned(),
            t: tried.received.millis(),
            text,
            hex,
            outcome,
            detail,
            readings,
            now: tried.now.map(Into::into),
            worse: tried.worse,
        }
    }
}

fn listed(state: &ApiState, views: Vec<RuleView>) -> RuleList {
    let broken = state.ingest.broken_rules().into_iter().map(|broken| BrokenRule {
        id: broken.id.to_string(),
        version: broken.version,
        detail: broken.sentence,
    });
    RuleList { items: views.into_iter().map(Into::into).collect(), broken: broken.collect(), next_cursor: None }
}

/// Every rule in the order in which they are asked.
#[utoipa::path(get, path = "/api/v1/rules", responses((status = 200, body = RuleList)))]
pub async fn list(State(state): State<ApiState>) -> axum::Json<RuleList> {
    axum::Json(listed(&state, state.ingest.rules()))
}

/// Adds a rule behind all others, or in front of one of them. It holds from the next message on. Without a name it is called
/// like its topics.
#[utoipa::path(post, path = "/api/v1/rules", request_body = NewRuleBody, responses((status = 201, body = RuleItem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    State(state): State<ApiState>,
    Json(body): Json<NewRuleBody>,
) -> Result<(StatusCode, axum::Json<RuleItem>), Problem> {
    let change = RuleChange { spec: body.rule, enabled: body.enabled };
    let made = state.ingest.create_rule(change, body.before).await?;
    Ok((StatusCode::CREATED, axum::Json(made.into())))
}

/// One rule.
#[utoipa::path(get, path = "/api/v1/rules/{id}", responses((status = 200, body = RuleItem), (status = 404, body = Problem)))]
pub async fn show(State(state): State<ApiState>, Path(id): Path<String>) -> Result<axum::Json<RuleItem>, Problem> {
    Ok(axum::Json(state.ingest.rule(&id)?.into()))
}

/// Changes a rule at its place. It holds from the next message on.
#[utoipa::path(put, path = "/api/v1/rules/{id}", params(("If-Match" = Option<String>, Header, description = "The version seen")), request_body = RuleBody, responses((status = 200, body = RuleItem), (status = 404, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)))]
pub async fn change(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<RuleBody>,
) -> Result<axum::Json<RuleItem>, Problem> {
    let changed = state.ingest.change_rule(&id, expected_version(&headers)?, body.into()).await?;
    Ok(axum::Json(changed.into()))
}

/// Removes a rule. What it read stays.
#[utoipa::path(delete, path = "/api/v1/rules/{id}", params(("If-Match" = Option<String>, Header, description = "The version seen")), responses((status = 204), (status = 404, body = Problem), (status = 412, body = Problem)))]
pub async fn remove(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    state.ingest.remove_rule(&id, expected_version(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts the rules in another order; every one must be named once.
#[utoipa::path(post, path = "/api/v1/rules/order", request_body = OrderBody, responses((status = 200, body = RuleList), (status = 422, body = Problem)))]
pub async fn order(
    State(state): State<ApiState>,
    Json(body): Json<OrderBody>,
) -> Result<axum::Json<RuleList>, Problem> {
    let views = state.ingest.order_rules(body.ids).await?;
    Ok(axum::Json(listed(&state, views)))
}

/// What a rule would make of the unread messages and the last messages of its topics. Nothing is stored.
#[utoipa::path(post, path = "/api/v1/rules/test", request_body = TestBody, responses((status = 200, body = TestAnswer), (status = 422, body = Problem)))]
pub async fn test(
    State(state): State<ApiState>,
    Json(body): Json<TestBody>,
) -> Result<axum::Json<TestAnswer>, Problem> {
    let topic = body.topic.as_deref().and_then(|topic| Topic::parse(topic).ok());
    let trial = Trial { id: body.id.as_deref(), before: body.before.as_deref(), topic: topic.as_ref() };
    let Tried { filter, shadowed_by, messages } = state.ingest.try_rule(&body.rule, trial).await?;
    Ok(axum::Json(TestAnswer {
        filter: filter.as_str().to_owned(),
        shadowed_by: shadowed_by.map(|id| id.to_string()),
        messages: messages.into_iter().map(Into::into).collect(),
    }))
}

/// A rule to begin with, for a message that could not be read or whose values have names that mean nothing.
#[utoipa::path(post, path = "/api/v1/rules/suggest", request_body = SuggestBody, responses((status = 200, body = Suggestion), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn suggest(
    State(state): State<ApiState>,
    Json(body): Json<SuggestBody>,
) -> Result<axum::Json<Suggestion>, Problem> {
    let suggested = match (body.topic, body.unread) {
        (Some(topic), None) => {
            let unknown = || Problem::not_found("topic_unknown", format!("nothing was heard on {topic:?} since start"));
            let parsed = Topic::parse(&topic).map_err(|_| unknown())?;
            state.ingest.suggest_for_topic(&parsed).ok_or_else(unknown)?
        }
        (None, Some(id)) => {
            let unknown = || Problem::not_found("message_unknown", format!("no unread message has the id {id:?}"));
            let parsed = parse_id(&id).ok_or_else(unknown)?;
            state.ingest.suggest_for_unread(parsed).await?.ok_or_else(unknown)?
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::unprocessable("suggest_invalid", "say either a topic or an unread message"));
        }
    };
    let (rule, why) = suggested.map_or_else(|why| (None, Some(why)), |rule| (Some(rule), None));
    Ok(axum::Json(Suggestion { rule, why }))
}

/// Ingests the unread messages of the rule's topics again, at most 1000.
#[utoipa::path(post, path = "/api/v1/rules/{id}/retry", responses((status = 200, body = RetryAnswer), (status = 404, body = Problem)))]
pub async fn retry(State(state): State<ApiState>, Path(id): Path<String>) -> Result<axum::Json<RetryAnswer>, Problem> {
    let RetriedAll { stored, no_reading, rejected, still_unread, more } = state.ingest.retry_by_rule(&id).await?;
    Ok(axum::Json(RetryAnswer { stored, no_reading, rejected, still_unread, more }))
}
