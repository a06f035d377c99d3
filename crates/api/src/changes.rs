//! Changes of one device: its fields, how its values are shown, and that its hardware was replaced.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use ingest::{DeviceChange, DisplayChange, HardwareMark};
use model::Unit;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::devices::{Device, client_ids, expected_version, filters};
use crate::params::{Json, Path, Time};
use crate::problem::Problem;
use crate::state::ApiState;

/// Letters of a group's name, or of a tag added to many, at most; longer ones are refused as `text_too_long`.
pub const WORD_CHARS_MAX: usize = 100;
/// Letters of a note at most; a longer one is refused as `text_too_long`.
pub const NOTE_CHARS_MAX: usize = 500;

/// Fields to change; what is left out stays. An empty name, place or group takes it away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeDevice {
    name: Option<String>,
    tags: Option<Vec<String>>,
    place: Option<String>,
    /// At most 100 letters.
    group: Option<String>,
    /// `false` accepts the device.
    new: Option<bool>,
    hidden: Option<bool>,
    /// `true` takes it out of the lists, `false` back into them.
    archived: Option<bool>,
    /// At most 100 topic filters; messages on them are this device's from the next one on.
    topics: Option<Vec<String>>,
    /// At most 100 MQTT client ids; their messages on topics that are bound to none are this device's from the next one on.
    clients: Option<Vec<String>>,
    /// By metric: how its values are to be shown.
    #[serde(default)]
    metrics: BTreeMap<String, ChangeDisplay>,
}

/// How values are to be shown; what is left out stays, `null` goes back to what the device sends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeDisplay {
    /// A unit that the metric's own is convertible to.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    unit: Option<Option<String>>,
    /// Digits behind the decimal point, 0 to 10.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u8>)]
    precision: Option<Option<u8>>,
}

/// Tells `null` from what is left out.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A text without blanks around it; none where nothing is left.
///
/// # Errors
/// 422 `text_too_long` beyond `chars_max` letters.
pub fn text_or_none(what: &str, text: &str, chars_max: usize) -> Result<Option<String>, Problem> {
    let text = text.trim();
    let length = text.chars().count();
    if length > chars_max {
        let detail = format!("a {what} has {chars_max} letters at most, not {length}");
        return Err(Problem::unprocessable("text_too_long", detail));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

impl TryFrom<ChangeDisplay> for DisplayChange {
    type Error = Problem;

    fn try_from(change: ChangeDisplay) -> Result<Self, Problem> {
        let parse = |text: String| {
            let unit = decode::normalise(&text);
            unit.ok_or_else(|| Problem::unprocessable("unit_invalid", format!("{text:?} cannot be a unit")))
        };
        let unit: Option<Option<Unit>> = change.unit.map(|unit| unit.map(parse).transpose()).transpose()?;
        Ok(Self { unit, precision: change.precision })
    }
}

impl TryFrom<ChangeDevice> for DeviceChange {
    type Error = Problem;

    fn try_from(body: ChangeDevice) -> Result<Self, Problem> {
        let unbounded = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let display = body.metrics.into_iter().map(|(metric, change)| Ok((metric, change.try_into()?)));
        Ok(Self {
            name: body.name.map(unbounded),
            tags: body.tags,
            place: body.place.map(unbounded),
            group: body.group.map(|text| text_or_none("group", &text, WORD_CHARS_MAX)).transpose()?,
            accepted: body.new.map(|new| !new),
            hidden: body.hidden,
            archived: body.archived,
            topics: body.topics.as_deref().map(filters).transpose()?,
            clients: body.clients.map(client_ids).transpose()?,
            display: display.collect::<Result<_, Problem>>()?,
            ..Self::default()
        })
    }
}

/// Changes a device; with `If-Match` only if it is still at that version.
#[utoipa::path(patch, path = "/api/v1/devices/{key}", params(("key" = String, Path, description = "Device key, percent-encoded as one segment"), ("If-Match" = Option<String>, Header, description = "The version seen")), request_body = ChangeDevice, responses((status = 200, body = Device), (status = 404, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)))]
pub async fn change(
    State(state): State<ApiState>,
    Path(key): Path<String>,
    headers: HeaderMap,
    Json(body): Json<ChangeDevice>,
) -> Result<axum::Json<Device>, Problem> {
    let device = state.ingest.change_device(&key, expected_version(&headers)?, body.try_into()?).await?;
    Ok(axum::Json(device.into()))
}

/// When the hardware was replaced, and what was done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaceHardware {
    /// Now when absent.
    at: Option<Time>,
    /// At most 500 letters.
    note: Option<String>,
}

/// Marks that the hardware behind a device was replaced; its history goes on. At most 100 marks of a device.
#[utoipa::path(post, path = "/api/v1/devices/{key}/hardware", params(("key" = String, Path, description = "Device key, percent-encoded as one segment"), ("If-Match" = Option<String>, Header, description = "The version seen")), request_body = ReplaceHardware, responses((status = 201, body = Device), (status = 404, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)))]
pub async fn hardware(
    State(state): State<ApiState>,
    Path(key): Path<String>,
    headers: HeaderMap,
    Json(body): Json<ReplaceHardware>,
) -> Result<(StatusCode, axum::Json<Device>), Problem> {
    let at = body.at.map_or_else(|| state.clock.now(), |time| time.0).millis();
    let note = text_or_none("note", body.note.as_deref().unwrap_or(""), NOTE_CHARS_MAX)?;
    let device = state.ingest.mark_hardware(&key, expected_version(&headers)?, HardwareMark { at, note }).await?;
    Ok((StatusCode::CREATED, axum::Json(device.into())))
}

/// Takes a mark of replaced hardware back; of several at one time the one that was made last.
#[utoipa::path(delete, path = "/api/v1/devices/{key}/hardware/{at}", params(("key" = String, Path, description = "Device key, percent-encoded as one segment"), ("at" = Time, Path, description = "Time of the mark"), ("If-Match" = Option<String>, Header, description = "The version seen")), responses((status = 200, body = Device), (status = 404, body = Problem), (status = 412, body = Problem)))]
pub async fn forget_hardware(
    State(state): State<ApiState>,
    Path((key, at)): Path<(String, Time)>,
    headers: HeaderMap,
) -> Result<axum::Json<Device>, Problem> {
    let device = state.ingest.forget_hardware(&key, expected_version(&headers)?, at.0).await?;
    Ok(axum::Json(device.into()))
}
