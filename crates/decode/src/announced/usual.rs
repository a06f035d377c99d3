//! What values are called where nothing was announced.

use std::borrow::Cow;

use model::Topic;

use super::{AnnouncedMetric, Pick, steps};
use crate::{Content, DecoderId, decode};

/// Decoders that go by the message alone. Every other one knows a firmware, and its names stay.
const GENERAL: &[&str] = &["number", "json", "esphome", "form", "columns", "text", "clear"];
/// Greatest place in a list that is looked at. What is further behind has no usual name.
const PLACES_MAX: usize = 32;
/// A value that is plausible everywhere.
const VALUE: &str = "21.5";

/// The usual device and metric of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usual {
    /// Device key.
    pub device: String,
    /// Metric name.
    pub metric: String,
    /// Whether a family of ours says so, whose names stay whatever is announced.
    pub family: bool,
}

/// How the values of `metric` are named as long as nobody announces it; nothing where they are not read at all.
#[must_use]
pub fn usual(metric: &AnnouncedMetric) -> Option<Usual> {
    usual_at(&metric.topic, &metric.pick)
}

/// Reads a message that holds that one value.
pub(crate) fn usual_at(topic: &str, pick: &Pick) -> Option<Usual> {
    let payload = match pick {
        Pick::Whole => VALUE.to_owned(),
        Pick::Path(path) => around(&steps(path).collect::<Vec<_>>())?,
        Pick::Unread(paths) => match paths.first() {
            Some(path) => around(&steps(path).collect::<Vec<_>>())?,
            None => VALUE.to_owned(),
        },
    };
    let decoded = decode(&Topic::parse(topic).ok()?, payload.as_bytes(), None);
    let Content::Readings(found) = decoded.content else { return None };
    let first = found.into_iter().next()?;
    Some(Usual { device: first.device, metric: first.metric, family: knows_better(decoded.decoder) })
}

/// Whether it is the decoder of a firmware.
pub(crate) fn knows_better(decoder: DecoderId) -> bool {
    !GENERAL.contains(&decoder.0)
}

/// A JSON text in which the value is found by these steps.
fn around(steps: &[Cow<'_, str>]) -> Option<String> {
    steps.iter().rev().try_fold(VALUE.to_owned(), |inside, step| match step.parse::<usize>() {
        Ok(place) if place <= PLACES_MAX => Some(format!("[{}{inside}]", "null,".repeat(place))),
        Ok(_) => None,
        Err(_) if step.contains(|c: char| c.is_control()) => None,
        Err(_) => Some(format!(r#"{{"{}":{inside}}}"#, step.replace('\\', r"\\").replace('"', r#"\""#))),
    })
}
