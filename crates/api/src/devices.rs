//! Devices: listed, shown, created, changed.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use ingest::{DeviceDocument, DeviceView, MetricTold, MetricView, NewDevice, Status};
use model::{DeviceKey, TopicFilter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::changes::{WORD_CHARS_MAX, text_or_none};
use crate::params::{Json, Path, Query, bounded};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::Cell;

/// Devices of one page at most.
const LIMIT_MAX: u32 = 10_000;
const LIMIT_DEFAULT: u32 = 1_000;
/// Bytes of a client id that can be bound, as many as the broker takes.
const CLIENT_BYTES_MAX: usize = 256;

/// A device with its metrics and their newest readings.
#[derive(Debug, Serialize, ToSchema)]
pub struct Device {
    key: String,
    /// What people call it, else what it announced, else the key.
    name: String,
    /// `online`, `sleeping`, `stale`, `offline` or `never_seen`.
    status: &'static str,
    /// It appeared by itself and nobody has accepted it yet.
    new: bool,
    hidden: bool,
    /// It is out of the lists unless they are asked for it; its data stay and its messages are stored.
    archived: bool,
    group: Option<String>,
    tags: Vec<String>,
    place: Option<String>,
    /// When its hardware was replaced, oldest first; the history goes on across every mark.
    hardware: Vec<HardwareMark>,
    /// Epoch ms of the last stored message, server time.
    last_seen: Option<i64>,
    /// Epoch ms.
    created: i64,
    /// For `If-Match`.
    version: u64,
    demo: Option<DemoBadge>,
    /// What it is, as announced.
    model: Option<String>,
    /// What runs on it, as announced.
    firmware: Option<String>,
    /// Filters bound to it.
    topics: Vec<String>,
    /// MQTT client ids bound to it; a filter that matches the topic goes first.
    clients: Vec<String>,
    /// Keys of devices that were merged into it.
    merged: Vec<String>,
    /// Messages since start whose device time was not believed.
    clock_bad: u64,
    metrics: Vec<Metric>,
}

/// Where demonstration data come from.
#[derive(Debug, Serialize, ToSchema)]
pub struct DemoBadge {
    badge: String,
    source: String,
    licence: String,
}

/// A series of the device.
#[derive(Debug, Serialize, ToSchema)]
pub struct Metric {
    name: String,
    /// What was announced for people to read instead of the name.
    label: Option<String>,
    /// Announced as being about the device itself rather than what it measures.
    diagnostic: bool,
    unit: Option<String>,
    /// How the unit is known: `payload`, `discovery`, `name`, `profile`, `assumed` or `none`.
    unit_source: &'static str,
    /// `measurement`, `angle`, `total`, `total_increasing`, `state` or `text`.
    kind: &'static str,
    latest: Option<Latest>,
    /// The newest reading is older than it was announced to hold.
    stale: bool,
    /// Learned usual spacing in ms.
    interval_ms: Option<u32>,
    /// How people want its values to be shown; `unit` is the device's own, and `v` is in it.
    display: Display,
    /// What makes values in the unit of `display` of `v`; none where that is the device's own.
    conversion: Option<CalibrationLine>,
    /// What made `latest` of what the device sent; none where nothing did.
    calibration: Option<CalibrationLine>,
}

/// A value times `scale`, plus `offset`.
#[derive(Debug, Serialize, ToSchema)]
pub struct CalibrationLine {
    scale: f64,
    offset: f64,
}

/// How values are to be shown.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Display {
    /// Another unit of the same quantity; none for the metric's own.
    unit: Option<String>,
    /// Digits behind the decimal point, 0 to 10.
    precision: Option<u8>,
}

/// The hardware behind the device was replaced.
#[derive(Debug, Serialize, ToSchema)]
pub struct HardwareMark {
    /// Epoch ms.
    at: i64,
    note: Option<String>,
}

/// The newest reading.
#[derive(Debug, Serialize, ToSchema)]
pub struct Latest {
    t: i64,
    v: Cell,
    q: u8,
}

impl From<DeviceView> for Device {
    fn from(view: DeviceView) -> Self {
        let name = view.shown_name().to_owned();
        let told = view.told.unwrap_or_default();
        let DeviceDocument { tags, place, group, topics, clients, accepted, hidden, archived, .. } = view.document;
        let DeviceDocument { demo, merged, hardware, mut display, .. } = view.document;
        let metric = |metric: MetricView| {
            let display = display.remove(metric.record.metric.as_str()).unwrap_or_default();
            let told = told.metrics.get(metric.record.metric.as_str()).cloned().unwrap_or_default();
            Metric::of(metric, display, told)
        };
        Self {
            name,
            model: told.model.clone(),
            firmware: told.firmware.clone(),
            key: view.record.key.as_str().to_owned(),
            status: view.status.as_str(),
            new: !accepted,
            hidden,
            archived,
            group,
            tags,
            place,
            hardware: hardware.into_iter().map(|mark| HardwareMark { at: mark.at, note: mark.note }).collect(),
            last_seen: view.last_seen.map(model::Timestamp::millis),
            created: view.record.created.millis(),
            version: view.version,
            demo: demo.map(|demo| DemoBadge { badge: demo.badge, source: demo.source, licence: demo.licence }),
            topics: topics.iter().map(|filter| filter.as_str().to_owned()).collect(),
            clients,
            merged: merged.iter().map(|key| key.as_str().to_owned()).collect(),
            clock_bad: view.clock_bad,
            metrics: view.metrics.into_iter().map(metric).collect(),
        }
    }
}

impl Metric {
    fn of(view: MetricView, display: ingest::Display, told: MetricTold) -> Self {
        // A unit that became known later may not be convertible any more.
        let unit = display.unit.filter(|unit| view.shows_in(unit));
        let conversion = unit.as_ref().and_then(|unit| view.conversion(unit));
        let unit = unit.map(|unit| unit.as_str().to_owned());
        let latest = view.calibrated_latest();
        let line = latest.as_ref().map(|reading| view.calibrations.at(reading.key.time));
        let calibration =
            line.filter(|line| !line.is_none()).map(|line| CalibrationLine { scale: line.scale, offset: line.offset });
        Self {
            calibration,
            conversion: conversion.map(|(scale, offset)| CalibrationLine { scale, offset }),
            display: Display { unit, precision: display.precision.or(told.precision) },
            name: view.record.metric.as_str().to_owned(),
            label: told.name,
            diagnostic: told.diagnostic,
            unit: view.record.unit.map(|unit| unit.as_str().to_owned()),
            unit_source: view.record.unit_source.as_str(),
            kind: view.record.kind.as_str(),
            latest: latest.map(|reading| Latest {
                t: reading.key.time.millis(),
                v: (&reading.value).into(),
                q: reading.judgement.quality(),
            }),
            stale: view.stale,
            interval_ms: view.interval_ms,
        }
    }
}

/// A page of devices.
#[derive(Debug, Serialize, ToSchema)]
pub struct DevicePage {
    #[schema(value_type = Vec<Device>)]
    items: Vec<Listed>,
    next_cursor: Option<String>,
}

/// A device, or the members of it that were asked for.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Listed {
    Whole(Box<Device>),
    Part(serde_json::Map<String, serde_json::Value>),
}

impl Listed {
    /// 400 `query_invalid` for a field that no device has.
    fn of(device: Device, fields: Option<&[&str]>) -> Result<Self, Problem> {
        let Some(fields) = fields else { return Ok(Self::Whole(Box::new(device))) };
        let Ok(serde_json::Value::Object(mut all)) = serde_json::to_value(device) else {
            return Err(Problem::bad_request("query_invalid", "fields cannot be taken from this device"));
        };
        let mut part = serde_json::Map::new();
        for field in fields.iter().copied().chain(["key"]) {
            match all.remove(field) {
                Some(value) => _ = part.insert(field.to_owned(), value),
                None if part.contains_key(field) => {}
                None => return Err(Problem::bad_request("query_invalid", format!("a device has no field {field:?}"))),
            }
        }
        Ok(Self::Part(part))
    }
}

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Part of the key or name, any case.
    q: Option<String>,
    /// One status.
    status: Option<StatusWord>,
    /// One tag.
    tag: Option<String>,
    /// One place.
    place: Option<String>,
    /// One group.
    group: Option<String>,
    /// `true` lists archived devices as well, `only` lists nothing else.
    archived: Option<Archived>,
    /// `created` (default), `name`, `last_seen` or `status` (worst first).
    sort: Option<Sort>,
    /// Members of each device to answer, with commas between them; `key` is always there. All when absent.
    fields: Option<String>,
    cursor: Option<String>,
    /// 1 to 10000, 1000 by default.
    limit: Option<u32>,
}

/// Whether archived devices are listed.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Archived {
    /// They are left out.
    #[default]
    False,
    /// They are listed with the others.
    True,
    /// They alone are listed.
    Only,
}

impl Archived {
    fn lists(self, archived: bool) -> bool {
        match self {
            Self::False => !archived,
            Self::True => true,
            Self::Only => archived,
        }
    }
}

/// Whether a device is heard from.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusWord {
    /// It said that it is going.
    Offline,
    /// Silent for three of its usual intervals.
    Stale,
    /// Created, and never heard from.
    NeverSeen,
    /// Silent as it usually is between its messages.
    Sleeping,
    /// Speaking as it usually does.
    Online,
}

impl StatusWord {
    fn is(self, status: Status) -> bool {
        let wanted = match self {
            Self::Offline => Status::Offline,
            Self::Stale => Status::Stale,
            Self::NeverSeen => Status::NeverSeen,
            Self::Sleeping => Status::Sleeping,
            Self::Online => Status::Online,
        };
        wanted == status
    }
}

/// An order of devices.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Order of appearance.
    #[default]
    Created,
    /// By name.
    Name,
    /// Heard last first.
    LastSeen,
    /// Worst first.
    Status,
}

/// Devices with their newest readings.
#[utoipa::path(get, path = "/api/v1/devices", params(ListQuery), responses((status = 200, body = DevicePage), (status = 400, body = Problem)))]
pub async fn list(
    State(state): State<ApiState>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<DevicePage>, Problem> {
    let limit = bounded("limit", query.limit, LIMIT_DEFAULT, LIMIT_MAX)? as usize;
    let start = match query.cursor.as_deref().map(str::parse::<usize>) {
        None => 0,
        Some(Ok(start)) => start,
        Some(Err(_)) => return Err(Problem::bad_request("cursor_invalid", "the cursor is not one of this list")),
    };
    let mut devices: Vec<DeviceView> =
        state.ingest.devices().into_iter().filter(|device| wanted(device, &query)).collect();
    match query.sort.unwrap_or_default() {
        Sort::Created => {}
        Sort::Name => devices.sort_by_cached_key(|device| device.shown_name().to_lowercase()),
        Sort::LastSeen => devices.sort_by_key(|device| std::cmp::Reverse(device.last_seen)),
        Sort::Status => devices.sort_by_key(|device| device.status),
    }
    let more = devices.len() > start.saturating_add(limit);
    let fields: Option<Vec<&str>> = query.fields.as_deref().map(|fields| fields.split(',').map(str::trim).collect());
    let page = devices.into_iter().skip(start).take(limit);
    let items = page.map(|device| Listed::of(Device::from(device), fields.as_deref())).collect::<Result<_, _>>()?;
    Ok(axum::Json(DevicePage { items, next_cursor: more.then(|| (start + limit).to_string()) }))
}

fn wanted(device: &DeviceView, query: &ListQuery) -> bool {
    let text = query.q.as_ref().is_none_or(|q| {
        let q = q.to_lowercase();
        device.shown_name().to_lowercase().contains(&q) || device.record.key.as_str().to_lowercase().contains(&q)
    });
    text && query.status.is_none_or(|word| word.is(device.status))
        && query.tag.as_ref().is_none_or(|tag| device.document.tags.contains(tag))
        && query.place.as_ref().is_none_or(|place| device.document.place.as_ref() == Some(place))
        && query.group.as_ref().is_none_or(|group| device.document.group.as_ref() == Some(group))
        && query.archived.unwrap_or_default().lists(device.document.archived)
}

/// One device.
#[utoipa::path(get, path = "/api/v1/devices/{key}", params(("key" = String, Path, description = "Device key, percent-encoded as one segment")), responses((status = 200, body = Device), (status = 404, body = Problem)))]
pub async fn show(State(state): State<ApiState>, Path(key): Path<String>) -> Result<axum::Json<Device>, Problem> {
    let device = state.ingest.device(&key).ok_or_else(|| Problem::device_unknown(&key))?;
    Ok(axum::Json(device.into()))
}

/// A device to create: a key, or a name that a key is made of.
#[derive(Debug, Hash, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDevice {
    key: Option<String>,
    name: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    place: Option<String>,
    /// At most 100 letters.
    group: Option<String>,
    /// Topic filters, at most 100; messages on them are this device's from the next one on.
    #[serde(default)]
    topics: Vec<String>,
    /// MQTT client ids, at most 100; their messages on topics that are bound to none are this device's from the next one on.
    #[serde(default)]
    clients: Vec<String>,
}

/// Creates a device. With an `Idempotency-Key` a request sent again within the hour makes nothing again.
#[utoipa::path(post, path = "/api/v1/devices", params(("Idempotency-Key" = Option<String>, Header, description = "Tells a repeat")), request_body = CreateDevice, responses((status = 201, body = Device), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    State(state): State<ApiState>,
    headers: HeaderMap,
    Json(body): Json<CreateDevice>,
) -> Result<impl IntoResponse, Problem> {
    let turn = state.creations.turn(&headers, &body).await?;
    let now = state.clock.now();
    let made = turn.as_ref().map(|turn| turn.made(now)).transpose()?.flatten();
    let device = match made.and_then(|key| state.ingest.device(key)) {
        Some(device) => Device::from(device),
        None => {
            let device = Device::from(state.ingest.create_device(new_device(body)?).await?);
            if let Some(turn) = turn {
                turn.remember(&device.key, now);
            }
            device
        }
    };
    let location = format!("/api/v1/devices/{}", percent_encoded(&device.key));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(device)))
}

fn new_device(body: CreateDevice) -> Result<NewDevice, Problem> {
    let Some(text) = body.key.as_deref().or(body.name.as_deref()) else {
        return Err(Problem::unprocessable("device_invalid", "a device needs a key or a name"));
    };
    let key = device_key(text)?;
    let topics = filters(&body.topics)?;
    let clients = client_ids(body.clients)?;
    let group = text_or_none("group", body.group.as_deref().unwrap_or(""), WORD_CHARS_MAX)?;
    let document = DeviceDocument {
        name: body.name,
        tags: body.tags,
        place: body.place,
        group,
        topics,
        clients,
        accepted: true,
        ..DeviceDocument::default()
    };
    Ok(NewDevice { key, document })
}

/// A text as a key.
///
/// # Errors
/// 422 `device_invalid`.
pub fn device_key(text: &str) -> Result<DeviceKey, Problem> {
    DeviceKey::parse(text).map_err(|error| Problem::unprocessable("device_invalid", error.to_string()))
}

/// Texts that a client can have as its id.
///
/// # Errors
/// 422 `client_invalid`.
pub fn client_ids(texts: Vec<String>) -> Result<Vec<String>, Problem> {
    let wrong = |text: &&String| text.is_empty() || text.len() > CLIENT_BYTES_MAX || text.chars().any(char::is_control);
    match texts.iter().find(wrong) {
        Some(text) => {
            let detail = format!("{text:?} is no client id: it has 1 to {CLIENT_BYTES_MAX} bytes of plain text");
            Err(Problem::unprocessable("client_invalid", detail))
        }
        None => Ok(texts),
    }
}

pub(crate) fn filters(texts: &[String]) -> Result<Vec<TopicFilter>, Problem> {
    let parse = |text: &String| {
        TopicFilter::parse(text).map_err(|error| Problem::unprocessable("topic_invalid", format!("{text:?}: {error}")))
    };
    texts.iter().map(parse).collect()
}

/// What stands as it is in a segment of a path (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn percent_encoded(key: &str) -> String {
    utf8_percent_encode(key, UNRESERVED).to_string()
}

/// The version that `If-Match` names.
///
/// # Errors
/// It names none.
pub fn expected_version(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(given) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let version = given.to_str().ok().and_then(|text| text.trim().trim_matches('"').parse().ok());
    version.map(Some).ok_or_else(|| Problem::bad_request("version_invalid", "If-Match must be a version number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_segment_of_a_path() {
        assert_eq!(percent_encoded("esp32/dht é"), "esp32%2Fdht%20%C3%A9");
    }
}
