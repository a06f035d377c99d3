//! The one place where errors become HTTP: status, stable code, and a sentence (RFC 9457).

use std::collections::BTreeMap;
use std::io::ErrorKind;

use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ingest::{DeviceError, RuleFault};
use serde::Serialize;
use store::{CatalogError, StoreError};
use utoipa::ToSchema;

use crate::BODY_BYTES_MAX;
use crate::removal::Going;

/// Problem details. `code` never changes its meaning; `detail` is one sentence for a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A relative reference made of the code.
    #[schema(value_type = String)]
    r#type: Box<str>,
    title: &'static str,
    status: u16,
    code: &'static str,
    #[schema(value_type = String)]
    detail: Box<str>,
    /// What would go, where a deletion has to be confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    going: Option<Box<Going>>,
    /// Readings refused by reason, where the message or request was.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Option<BTreeMap<String, u64>>)]
    rejected: BTreeMap<&'static str, u64>,
    /// Which member of what was sent is wrong, such as `fields[0].path`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    member: Option<Box<str>>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self {
            r#type: format!("/problems/{code}").into(),
            title,
            status: status.as_u16(),
            code,
            detail: Into::<String>::into(detail).into_boxed_str(),
            going: None,
            rejected: BTreeMap::new(),
            member: None,
        }
    }

    /// 404.
    pub fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// 405.
    pub fn method(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// 400: the query or path cannot be understood.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 403.
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 409.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 412.
    pub fn precondition(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "version_conflict", detail)
    }

    /// Its code and its sentence, for one outcome among many.
    #[must_use]
    pub fn told(self) -> (&'static str, String) {
        (self.code, self.detail.into())
    }

    /// Tells what would go.
    #[must_use]
    pub fn with(self, going: Going) -> Self {
        Self { going: Some(Box::new(going)), ..self }
    }

    /// Tells how many readings were refused, by why.
    #[must_use]
    pub fn counting(self, rejected: BTreeMap<&'static str, u64>) -> Self {
        Self { rejected, ..self }
    }

    /// Tells which member is wrong.
    #[must_use]
    pub fn at(self, member: String) -> Self {
        Self { member: Some(member.into()), ..self }
    }

    /// Says beside what is wrong what is true all the same.
    #[must_use]
    pub fn although(mut self, sentence: &str) -> Self {
        self.detail = format!("{}; {sentence}", self.detail).into();
        self
    }

    /// 413.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }

    /// 415: packed in a way that is not unpacked here.
    pub fn packed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoding_unknown", detail)
    }

    /// 422: understood, and not acceptable.
    pub fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 507: nothing can be stored now.
    pub fn not_stored(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "not_stored", detail)
    }

    /// 503: it is being shut down.
    pub fn closing() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "closing", "the server is shutting down")
    }

    /// 404 for a device key.
    pub fn device_unknown(key: &str) -> Self {
        Self::not_found("device_unknown", format!("no device has the key {key:?}"))
    }

    /// 404 for a metric of a device that exists.
    pub fn metric_unknown(device: &str, metric: &str) -> Self {
        Self::not_found("metric_unknown", format!("device {device:?} has no metric {metric:?}"))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Closed => Self::closing(),
            StoreError::UnknownSeries(_) => Self::not_found("series_unknown", error.to_string()),
            StoreError::Damaged(what) => {
                tracing::error!(?what, "a read met damaged readings");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "damaged", error.to_string())
            }
            StoreError::Io { source, .. } => {
                tracing::error!(%error, cause = %source, "a read failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store_failed", error.to_string())
            }
        }
    }
}

impl From<DeviceError> for Problem {
    fn from(error: DeviceError) -> Self {
        let detail = error.to_string();
        match error {
            DeviceError::Unknown(_) => Self::not_found("device_unknown", detail),
            DeviceError::Exists(_) => Self::new(StatusCode::CONFLICT, "device_exists", detail),
            DeviceError::Conflict { .. } => Self::precondition(detail),
            DeviceError::Deleted(_) => Self::conflict("device_deleted", detail),
            DeviceError::NotDeleted(_) => Self::not_found("device_not_deleted", detail),
            DeviceError::Itself => Self::conflict("merge_itself", detail),
            DeviceError::Units { .. } => Self::conflict("units_differ", detail),
            DeviceError::Limit { code, .. } => Self::unprocessable(code, detail),
            DeviceError::UnknownMetric { .. } => Self::not_found("metric_unknown", detail),
            DeviceError::ClientBound { .. } => Self::conflict("client_bound", detail),
            DeviceError::UnknownHardware { .. } => Self::not_found("hardware_unknown", detail),
            DeviceError::Accepted(_) => Self::conflict("device_accepted", detail),
            DeviceError::NotIgnored(_) => Self::not_found("sender_not_ignored", detail),
            DeviceError::Calibration { code, .. } => Self::unprocessable(code, detail),
            DeviceError::CalibrationsDiffer { .. } => Self::conflict("calibrations_differ", detail),
            DeviceError::NotConvertible { .. } => Self::unprocessable("unit_not_convertible", detail),
            DeviceError::Overtaken => Self::conflict("device_overtaken", detail),
            DeviceError::NotStored => Self::not_stored(detail),
            DeviceError::Catalog(error) => error.into(),
        }
    }
}

impl From<RuleFault> for Problem {
    fn from(error: RuleFault) -> Self {
        let detail = error.to_string();
        match error {
            RuleFault::Unknown(_) => Self::not_found("rule_unknown", detail),
            RuleFault::Wrong(wrong) => Self::unprocessable("rule_invalid", wrong.sentence).at(wrong.member),
            RuleFault::TooMany => Self::unprocessable("too_many_rules", detail),
            RuleFault::Conflict { .. } => Self::precondition(detail),
            RuleFault::Order(_) => Self::unprocessable("rule_order_invalid", detail).at("ids".to_owned()),
            RuleFault::NotStored => Self::not_stored(detail),
            RuleFault::Store(error) => error.into(),
            RuleFault::Catalog(error) => error.into(),
        }
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Store(StoreError::Io { source, .. }) if source.kind() == ErrorKind::StorageFull => {
                Self::not_stored("the disk is full")
            }
            CatalogError::TooLarge(_) => Self::unprocessable("too_large", error.to_string()),
            CatalogError::Store(_) | CatalogError::Conflict { .. } | CatalogError::Claimed { .. } => {
                tracing::error!(%error, "the catalogue failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "catalogue_failed", "the catalogue failed")
            }
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request("query_invalid", rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request("path_invalid", rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "body_invalid", rejection.body_text())
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::too_large(format!(
                "a body may have {BODY_BYTES_MAX} bytes (BODY_BYTES_MAX), counted unpacked"
            ));
        }
        Self::new(rejection.status(), "body_invalid", rejection.body_text())
    }
}
