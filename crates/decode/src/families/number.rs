//! The whole payload is one value; what it is and whose stands in the topic.

use model::UnitSource;

use crate::Content;
use crate::harvest::Harvest;
use crate::message::Message;
use crate::{number, place};

/// Longest text that is tried as one value. Longer ones with more than a number's digits are text.
const VALUE_BYTES_MAX: usize = 1024;

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    let text = message.text.filter(|text| text.len() <= VALUE_BYTES_MAX)?;
    let (judged, unit) = number::single(text)?;
    let (device, mut named) = place::device_and_metric(&message.levels);
    if let Some(unit) = unit {
        named = named.with_unit(unit, UnitSource::Payload);
    }
    let mut harvest = Harvest::default();
    harvest.push("", message.leaf(), named, judged);
    Some(harvest.finish(&device))
}
