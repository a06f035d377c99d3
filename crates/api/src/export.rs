//! Readings of any range as a stream of lines: CSV or NDJSON. Held in memory: one page.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use model::{Reading, ReadingKey, TimeRange, Timestamp, Value};
use serde::Deserialize;
use store::{Order, SeriesRecord, StoreError};
use utoipa::ToSchema;
use windows::Calibrations;

use crate::state::ApiState;
use crate::wire::Cell;

/// Readings fetched at a time.
const PAGE: usize = 5_000;

/// The form of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `time,device,metric,value,unit,quality`, with a header line (RFC 4180).
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// The stream that an `Accept` header asks for, if it asks for one.
    #[must_use]
    pub fn accepted(accept: &str) -> Option<Self> {
        accept.split(',').map(|part| part.split(';').next().unwrap_or("").trim()).find_map(|media| match media {
            "text/csv" => Some(Self::Csv),
            "application/x-ndjson" => Some(Self::Ndjson),
            _ => None,
        })
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

struct Export {
    state: ApiState,
    device: String,
    series: SeriesRecord,
    calibrations: Calibrations,
    range: TimeRange,
    order: Order,
    format: Format,
}

enum Next {
    Head,
    After(Option<ReadingKey>),
    End,
}

/// Streams `range` of one series, calibrated as given. A read that fails half-way breaks the connection off, so that a cut
/// file is not taken for a whole one.
pub fn stream(
    state: ApiState,
    device: String,
    series: SeriesRecord,
    calibrations: Calibrations,
    range: TimeRange,
    order: Order,
    format: Format,
) -> Response {
    let name = file_name(&device, series.metric.as_str());
    let disposition = format!("attachment; filename=\"{name}.{}\"", format.extension());
    let export = Export { state, device, series, calibrations, range, order, format };
    let lines = stream::try_unfold((export, Next::Head), |(export, next)| async move {
        let after = match next {
            Next::Head => {
                let head = export.head();
                return Ok(Some((head, (export, Next::After(None)))));
            }
            Next::After(after) => after,
            Next::End => return Ok::<_, StoreError>(None),
        };
        let store = &export.state.store;
        let mut readings = store.read(export.series.id, export.range, export.order, after, PAGE).await?;
        let next = match readings.last() {
            Some(last) if readings.len() == PAGE => Next::After(Some(last.key)),
            Some(_) | None => Next::End,
        };
        let kind = export.series.kind;
        readings.iter_mut().for_each(|reading| export.calibrations.reading(kind, reading));
        Ok(Some((export.lines(&readings), (export, next))))
    });
    let headers = [(header::CONTENT_TYPE, format.media_type().to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    (headers, Body::from_stream(lines)).into_response()
}

/// A file's name that every system takes: what is not a letter, digit, `.`, `_` or `-` becomes `-`.
fn file_name(device: &str, metric: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    format!("{device}-{metric}").chars().map(plain).collect()
}

impl Export {
    fn head(&self) -> Bytes {
        match self.format {
            Format::Csv => Bytes::from_static(b"time,device,metric,value,unit,quality\r\n"),
            Format::Ndjson => Bytes::new(),
        }
    }

    fn lines(&self, readings: &[Reading]) -> Bytes {
        match self.format {
            Format::Csv => self.csv(readings),
            Format::Ndjson => self.ndjson(readings),
        }
    }

    fn csv(&self, readings: &[Reading]) -> Bytes {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let device = inert(&self.device);
        let metric = inert(self.series.metric.as_str());
        let unit = inert(self.series.unit.as_ref().map_or("", |unit| unit.as_str()));
        for reading in readings {
            let value = match &reading.value {
                Value::Number(number) if number.is_nan() => String::new(),
                Value::Number(number) => number.to_string(),
                Value::Bool(on) => on.to_string(),
                Value::Text(text) => inert(text),
            };
            let quality = quality_word(reading);
            // Writing into memory does not fail.
            let _ = writer.write_record([&time_text(reading.key.time), &device, &metric, &value, &unit, quality]);
        }
        writer.into_inner().map(Bytes::from).unwrap_or_default()
    }

    fn ndjson(&self, readings: &[Reading]) -> Bytes {
        let mut lines = Vec::with_capacity(readings.len() * 100);
        for reading in readings {
            let line = serde_json::json!({
                "time": time_text(reading.key.time),
                "device": self.device,
                "metric": self.series.metric.as_str(),
                "value": Cell::from(&reading.value),
                "unit": self.series.unit.as_ref().map(|unit| unit.as_str()),
                "quality": quality_word(reading),
            });
            lines.extend_from_slice(line.to_string().as_bytes());
            lines.push(b'\n');
        }
        lines.into()
    }
}

fn quality_word(reading: &Reading) -> &'static str {
    match reading.judgement.quality() {
        0 => "good",
        1 => "suspect",
        _ => "bad",
    }
}

/// RFC 3339 in UTC with milliseconds, as long as every other.
fn time_text(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.millis())
        .map_or_else(|_| time.millis().to_string(), |time| format!("{time:.3}"))
}

/// A text that a spreadsheet would run as a formula gets a quote in front.
fn inert(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text_and_times_keep_their_length() {
        assert_eq!(inert("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(inert("kitchen"), "kitchen");
        assert_eq!(time_text(Timestamp::saturating(1_700_000_000_000)), "2023-11-14T22:13:20.000Z");
        assert_eq!(time_text(Timestamp::saturating(1_700_000_000_120)), "2023-11-14T22:13:20.120Z");
    }

    #[test]
    fn a_file_has_a_plain_name() {
        assert_eq!(file_name("esp32/dht \"é", "temperature"), "esp32-dht----temperature");
    }

    #[test]
    fn a_browser_gets_json() {
        assert_eq!(Format::accepted("text/html,application/json;q=0.9,*/*"), None);
        assert_eq!(Format::accepted("text/csv; header=present"), Some(Format::Csv));
    }
}
