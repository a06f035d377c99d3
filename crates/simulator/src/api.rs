//! The API as a client sees it: readings and books, over HTTP, with every number compared bit for bit.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// How long one request may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Readings asked for at once, the most that the API gives.
pub const PAGE_READINGS: usize = 10_000;
/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What stands as it is in a segment of a path (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as one segment of a path or one value of a query.
#[must_use]
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No answer at all.
    #[error("no answer to GET {path}")]
    Unreachable {
        /// What was asked.
        path: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// An answer that is no success.
    #[error("GET {path} was answered {status}: {body}")]
    Refused {
        /// What was asked.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The problem, as text.
        body: String,
    },
    /// An answer of another shape.
    #[error("the answer to GET {path} is not what the API promises: {detail}")]
    Shape {
        /// What was asked.
        path: String,
        /// What does not fit.
        detail: String,
    },
}

/// One page of readings.
#[derive(Clone, Debug, Deserialize)]
pub struct Page {
    /// Times in UTC milliseconds, ascending.
    pub t: Vec<i64>,
    /// Values: numbers, booleans, texts, or null for a failed read.
    pub v: Vec<serde_json::Value>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

/// Both sides of the books of one source, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Book {
    /// Messages.
    pub messages: Messages,
    /// Readings.
    pub readings: Readings,
}

/// Counts of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Messages {
    /// Taken in.
    pub received: u64,
    /// With at least one reading accepted.
    pub stored: u64,
    /// Without a reading, by kind.
    pub no_reading: BTreeMap<String, u64>,
    /// Repeats.
    pub duplicate: u64,
    /// Refused, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Not settled yet.
    pub in_flight: u64,
}

/// Counts of readings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Readings {
    /// Found in messages.
    pub decoded: u64,
    /// New ones.
    pub stored: u64,
    /// Equal to one that was there.
    pub duplicate: u64,
    /// A later value for a key that was there.
    pub replaced: u64,
    /// Stored or duplicate, not known yet which.
    pub unsettled: u64,
    /// Stored, duplicate or replaced: the store does not look which.
    #[serde(default)]
    pub upserted: u64,
    /// Refused, by reason.
    pub rejected: BTreeMap<String, u64>,
}

/// The answer of `/books`.
#[derive(Clone, Debug, Deserialize)]
pub struct Books {
    /// Every source.
    pub sources: Vec<SourceBook>,
    /// Their sum.
    pub total: Book,
    /// What the server thinks of it.
    pub balanced: bool,
}

/// One source with its book.
#[derive(Clone, Debug, Deserialize)]
pub struct SourceBook {
    /// `mqtt`, `http`, `inbox` …
    pub source: String,
    /// Its book.
    #[serde(flatten)]
    pub book: Book,
}

impl Book {
    /// Whether both equations hold exactly.
    #[must_use]
    pub fn balances(&self) -> bool {
        let messages = &self.messages;
        let reasons = |by: &BTreeMap<String, u64>| by.values().sum::<u64>();
        let settled =
            messages.stored + reasons(&messages.no_reading) + messages.duplicate + reasons(&messages.rejected);
        let readings = &self.readings;
        let accounted = readings.stored
            + readings.duplicate
            + readings.replaced
            + readings.unsettled
            + readings.upserted
            + reasons(&readings.rejected);
        messages.received == settled + messages.in_flight && readings.decoded == accounted
    }
}

/// The API of one server.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    agent: ureq::Agent,
}

impl Api {
    /// Speaks to `http` under its own address as host.
    #[must_use]
    pub fn at(http: SocketAddr) -> Self {
        Self::new(format!("http://{http}"))
    }

    /// Speaks to `base`, such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(base: String) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(REQUEST_TIMEOUT))
            .http_status_as_error(false)
            .build()
            .into();
        Self { base: base.trim_end_matches('/').to_owned(), agent: config }
    }

    /// Asks for `path` below `/api/v1` and takes the answer for a `T`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, ApiError> {
        let asked = || if query.is_empty() { path.to_owned() } else { format!("{path} {query:?}") };
        let unreachable = |source| ApiError::Unreachable { path: asked(), source: Box::new(source) };
        let request = self.agent.get(format!("{}/api/v1{path}", self.base)).query_pairs(query.iter().copied());
        let mut answer = request.call().map_err(unreachable)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().map_err(unreachable)?;
        if status != 200 {
            return Err(ApiError::Refused { path: asked(), status, body: String::from_utf8_lossy(&body).into_owned() });
        }
        serde_json::from_slice(&body).map_err(|error| ApiError::Shape { path: asked(), detail: error.to_string() })
    }

    /// The books.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub fn books(&self) -> Result<Books, ApiError> {
        self.get("/books", &[])
    }

    /// Every reading of a series in the order of time, page by page. A device or metric that the server does not know has none.
    ///
    /// # Errors
    /// Any [`ApiError`] but that one, and columns of different length.
    pub fn readings(&self, device: &str, metric: &str) -> Result<Vec<(i64, serde_json::Value)>, ApiError> {
        let limit = PAGE_READINGS.to_string();
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = vec![("device", device), ("metric", metric), ("limit", limit.as_str())];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page: Page = match self.get("/readings", &query) {
                Err(ApiError::Refused { status: 404, .. }) if all.is_empty() => return Ok(all),
                answer => answer?,
            };
            if page.t.len() != page.v.len() {
                let detail = format!("{} times and {} values", page.t.len(), page.v.len());
                return Err(ApiError::Shape { path: format!("/readings {query:?}"), detail });
            }
            all.extend(page.t.into_iter().zip(page.v));
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(all),
            }
        }
    }
}
