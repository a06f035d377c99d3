//! The beginning of a file, and how it would be read.

use axum::extract::State;
use bytes::Bytes;
use decode::{ClaimedTime, Found};
use ingest::TimePolicy;
use serde::{Deserialize, Serialize};
use table::{Guess, Guessed, Mapping, Reader, Rows, guess};
use utoipa::{IntoParams, ToSchema};

use super::mapping_of;
use crate::params::Query;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::Cell;

/// Rows that are shown as they stand in the file, without the header.
const ROWS_SHOWN_MAX: usize = 20;
/// Rows that are read by the mapping.
const ROWS_READ_MAX: u64 = 100;
/// Readings that are shown.
const READINGS_SHOWN_MAX: usize = 100;

/// What is known already.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PreviewQuery {
    /// The key of the device, for a table without a column of devices.
    device: Option<String>,
    /// What parts the cells, where the guess is wrong.
    delimiter: Option<char>,
    /// A mapping as JSON: what it makes of the rows is answered instead of what a guess makes of them.
    mapping: Option<String>,
}

/// The beginning of a file and what it seems to be.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// What parts the cells.
    #[schema(value_type = String)]
    delimiter: char,
    /// Whether the first row names the columns.
    header: bool,
    /// Whether numbers have a comma.
    decimal_comma: bool,
    columns: Vec<Guessed>,
    /// The first 20, without the header.
    rows: Vec<Vec<String>>,
    /// What a person has to look at, in sentences.
    problems: Vec<String>,
    /// For `POST /imports`: the one that was given, else what the guess makes; null where nothing says when a row was.
    mapping: Option<Mapping>,
    /// What the first rows would become, at most 100.
    readings: Vec<PreviewReading>,
    /// What of the first 100 rows would not be stored.
    errors: Vec<PreviewError>,
}

/// A reading that would be stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewReading {
    /// The line of the file at which its row begins.
    row: u64,
    /// Epoch ms.
    t: Option<i64>,
    device: String,
    metric: String,
    v: Cell,
    unit: Option<String>,
}

/// Something that would not be stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewError {
    row: u64,
    detail: String,
}

/// Looks at the beginning of a file, of at most 1 MiB, and stores nothing.
#[utoipa::path(post, path = "/api/v1/imports/preview", params(PreviewQuery), request_body(content = String, content_type = "text/csv"), responses((status = 200, body = Preview), (status = 413, body = Problem), (status = 422, body = Problem)))]
pub async fn preview(
    State(state): State<ApiState>,
    Query(query): Query<PreviewQuery>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<axum::Json<Preview>, Problem> {
    let body = body.map_err(Problem::from)?;
    let given = query.mapping.as_deref().map(mapping_of).transpose()?;
    let delimiter = given.as_ref().map(|mapping| mapping.delimiter).or(query.delimiter);
    if delimiter.is_some_and(|delimiter| !delimiter.is_ascii()) {
        return Err(Problem::unprocessable(
            "mapping_invalid",
            "delimiter: it must be a comma, a semicolon, a | or a tab",
        ));
    }
    let start = whole_rows(&body);
    let Guess { columns, mut rows, mapping, mut problems, delimiter, header, decimal_comma } =
        guess(start, query.device.as_deref(), delimiter);
    rows.truncate(ROWS_SHOWN_MAX);
    let asked = given.is_some();
    let mapping = given.or(mapping);
    let (mut readings, mut errors) = (Vec::new(), Vec::new());
    // A guess that leaves something open reads nothing: its problems say what is missing.
    if let Some(mapping) = mapping.as_ref().filter(|_| asked || problems.is_empty()) {
        let latest = state.ingest.now().millis().saturating_add(TimePolicy::default().time_skew_max_ms);
        let reader = Reader::new(mapping, latest)
            .map_err(|error| Problem::unprocessable("mapping_invalid", error.to_string()))?;
        (readings, errors) = read(start, mapping, reader);
    }
    if !errors.is_empty() {
        problems.push(format!("{} of the first rows or cells cannot be stored.", errors.len()));
    }
    Ok(axum::Json(Preview { delimiter, header, decimal_comma, columns, rows, problems, mapping, readings, errors }))
}

/// The last row may be cut, where it is not the only one.
fn whole_rows(body: &[u8]) -> &[u8] {
    match body.iter().rposition(|byte| *byte == b'\n') {
        Some(last) => body.get(..=last).unwrap_or(body),
        None => body,
    }
}

fn read(start: &[u8], mapping: &Mapping, mut reader: Reader) -> (Vec<PreviewReading>, Vec<PreviewError>) {
    let (mut readings, mut errors) = (Vec::new(), Vec::new());
    let (mut header, mut count) = (mapping.header, 0);
    let mut each = |row: table::Row<'_>| {
        if std::mem::take(&mut header) {
            if let Err(detail) = reader.begin(&row) {
                errors.push(PreviewError { row: row.number, detail });
                count = ROWS_READ_MAX;
            }
            return;
        }
        count += 1;
        if count > ROWS_READ_MAX {
            return;
        }
        let read = reader.read(&row);
        let shown = READINGS_SHOWN_MAX.saturating_sub(readings.len());
        readings.extend(read.found.iter().take(shown).map(|found| reading(row.number, found)));
        errors.extend(read.refused.into_iter().map(|refused| PreviewError { row: row.number, detail: refused.detail }));
    };
    let mut rows = Rows::parted_by(u8::try_from(mapping.delimiter).unwrap_or(b','));
    // What cannot be read of the file is told by the guess.
    let _ = rows.push(start, &mut each).and_then(|()| rows.finish(&mut each));
    (readings, errors)
}

fn reading(row: u64, found: &Found) -> PreviewReading {
    let t = match found.time {
        Some(ClaimedTime::At { ms, .. }) => Some(ms),
        Some(ClaimedTime::Ago { .. }) | None => None,
    };
    let v = found.value.as_ref().map_or(Cell::Null(()), Cell::from);
    let unit = found.unit.as_ref().map(|unit| unit.as_str().to_owned());
    PreviewReading { row, t, device: found.device.clone(), metric: found.metric.clone(), v, unit }
}
