//! How long readings are kept.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use upkeep::{Policy, Preview, RetentionView, Rule, Subject, UpkeepError};
use utoipa::{IntoParams, ToSchema};

use crate::devices::expected_version;
use crate::params::{Json, Query};
use crate::problem::Problem;
use crate::removal::Going;
use crate::state::ApiState;

/// For how long readings are kept. A rule for a device goes before those for its tags, of which the one that keeps longest
/// holds, and these before the default.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionPolicy {
    /// 1 to 36500; null keeps for ever.
    default_days: Option<u32>,
    #[serde(default)]
    rules: Vec<RetentionRule>,
}

/// An exception, for a device or for a tag.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionRule {
    /// Key of a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// A tag of devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    /// 1 to 36500; null keeps for ever.
    days: Option<u32>,
}

impl RetentionPolicy {
    fn parse(self) -> Result<Policy, Problem> {
        let subject = |rule: RetentionRule| match (rule.device, rule.tag) {
            (Some(device), None) => Ok(Rule { subject: Subject::Device(device), days: rule.days }),
            (None, Some(tag)) => Ok(Rule { subject: Subject::Tag(tag), days: rule.days }),
            _ => Err(Problem::unprocessable("policy_invalid", "a rule is for one device or one tag")),
        };
        let rules = self.rules.into_iter().map(subject).collect::<Result<_, _>>()?;
        Ok(Policy { default_days: self.default_days, rules })
    }
}

impl From<Policy> for RetentionPolicy {
    fn from(policy: Policy) -> Self {
        let rules = policy.rules.into_iter().map(|Rule { subject, days }| match subject {
            Subject::Device(device) => RetentionRule { device: Some(device), tag: None, days },
            Subject::Tag(tag) => RetentionRule { device: None, tag: Some(tag), days },
        });
        Self { default_days: policy.default_days, rules: rules.collect() }
    }
}

/// What holds and what will.
#[derive(Debug, Serialize, ToSchema)]
pub struct Retention {
    /// For `If-Match`.
    version: u64,
    /// In force.
    policy: RetentionPolicy,
    /// Set, and not yet in force.
    pending: Option<PendingRetention>,
    /// `trusted`, or `jumped` or `untrusted`: then nothing expires.
    clock: &'static str,
}

/// A policy that keeps less than the one in force waits for a day.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingRetention {
    policy: RetentionPolicy,
    /// Epoch ms of server time.
    takes_effect: i64,
}

impl From<RetentionView> for Retention {
    fn from(view: RetentionView) -> Self {
        Self {
            version: view.version,
            policy: view.policy.into(),
            pending: view.pending.map(|pending| PendingRetention {
                policy: pending.policy.into(),
                takes_effect: pending.takes_effect_ms,
            }),
            clock: view.clock.as_str(),
        }
    }
}

/// How long readings are kept.
#[utoipa::path(get, path = "/api/v1/retention", responses((status = 200, body = Retention)))]
pub async fn show(State(state): State<ApiState>) -> axum::Json<Retention> {
    axum::Json(state.upkeep.view().into())
}

/// When it takes effect.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct SetQuery {
    /// `true` lets a policy that keeps less take effect at once.
    now: Option<bool>,
    /// With `now`: how many readings go, as the preview says.
    confirm: Option<u64>,
}

/// Sets how long readings are kept. A policy that keeps less than the one in force is pending for 24 hours.
#[utoipa::path(put, path = "/api/v1/retention", params(SetQuery, ("If-Match" = Option<String>, Header, description = "The version seen")), request_body = RetentionPolicy, responses((status = 200, body = Retention), (status = 409, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)))]
pub async fn set(
    State(state): State<ApiState>,
    Query(query): Query<SetQuery>,
    headers: HeaderMap,
    Json(body): Json<RetentionPolicy>,
) -> Result<axum::Json<Retention>, Problem> {
    let expected = expected_version(&headers)?;
    let (upkeep, policy) = (std::sync::Arc::clone(&state.upkeep), body.parse()?);
    let now = query.now.unwrap_or(false);
    // To its end, even if whoever asked goes away: what is kept and what is done go together.
    let set = tokio::spawn(async move { upkeep.set(policy, expected, now, query.confirm).await });
    Ok(axum::Json(set.await.map_err(|_| Problem::closing())??.into()))
}

/// Takes back a policy that is not yet in force.
#[utoipa::path(delete, path = "/api/v1/retention/pending", params(("If-Match" = Option<String>, Header, description = "The version seen")), responses((status = 200, body = Retention), (status = 404, body = Problem), (status = 412, body = Problem)))]
pub async fn cancel(State(state): State<ApiState>, headers: HeaderMap) -> Result<axum::Json<Retention>, Problem> {
    Ok(axum::Json(state.upkeep.cancel(expected_version(&headers)?).await?.into()))
}

/// Says that the server's clock is right, after it moved by more than a day or the server was off for so long.
#[utoipa::path(post, path = "/api/v1/retention/clock", responses((status = 200, body = Retention), (status = 409, body = Problem)))]
pub async fn confirm_clock(State(state): State<ApiState>) -> Result<axum::Json<Retention>, Problem> {
    Ok(axum::Json(state.upkeep.confirm_clock().await?.into()))
}

/// What a policy would take away now.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetentionPreview {
    /// Devices of which something would go.
    devices: Vec<DeviceRetention>,
    /// Readings in all, without hidden ones, which go as well: what `confirm` takes.
    readings: u64,
    /// Bytes in all, estimated.
    bytes: u64,
}

/// What would go of one device.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceRetention {
    device: String,
    /// For how long its readings would be kept.
    days: u32,
    #[serde(flatten)]
    going: Going,
    /// Estimated.
    bytes: u64,
}

impl From<Preview> for RetentionPreview {
    fn from(preview: Preview) -> Self {
        let devices = preview.devices.into_iter().map(|device| DeviceRetention {
            device: device.key,
            days: device.days,
            going: Going {
                readings: device.readings,
                first: Some(device.first.millis()),
                last: Some(device.last.millis()),
            },
            bytes: device.bytes,
        });
        Self { devices: devices.collect(), readings: preview.readings, bytes: preview.bytes }
    }
}

/// Tells what a policy would take away, and takes nothing.
#[utoipa::path(post, path = "/api/v1/retention/preview", request_body = RetentionPolicy, responses((status = 200, body = RetentionPreview), (status = 422, body = Problem)))]
pub async fn preview(
    State(state): State<ApiState>,
    Json(body): Json<RetentionPolicy>,
) -> Result<axum::Json<RetentionPreview>, Problem> {
    let policy = body.parse()?;
    // Closed only with the server.
    let _turn = state.queries.acquire().await.map_err(|_| Problem::closing())?;
    Ok(axum::Json(state.upkeep.preview(&policy).await?.into()))
}

impl From<UpkeepError> for Problem {
    fn from(error: UpkeepError) -> Self {
        let detail = error.to_string();
        match error {
            UpkeepError::Policy(_) => Self::unprocessable("policy_invalid", detail),
            UpkeepError::Conflict(_) => Self::precondition(detail),
            UpkeepError::Unconfirmed(readings) => {
                Self::conflict("confirm_needed", detail).with(Going { readings, first: None, last: None })
            }
            UpkeepError::Clock => Self::conflict("clock_jumped", detail),
            UpkeepError::NothingPending => Self::not_found("nothing_pending", detail),
            UpkeepError::Failed(_) => Self::not_stored(detail),
            UpkeepError::Store(error) => error.into(),
            UpkeepError::Catalog(error) => error.into(),
        }
    }
}
