//! Homie 4 and 5: `homie/[5/]<device>/<node>/<property>`, one text value each; levels with `$` describe.

use model::UnitSource;

use super::availability;
use crate::harvest::Harvest;
use crate::message::Message;
use crate::name::{metric_of, snake};
use crate::{Content, announced, number};

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    let (device, path) = match message.levels.as_slice() {
        ["homie", "5", device, path @ ..] | ["homie", device, path @ ..] => (*device, path),
        _ => return None,
    };
    match path {
        ["$state"] => availability::told(message).map(|told| availability::content(device, told)),
        ["$description"] => announced::read_description(message, device).map(Content::from),
        [.., "set"] => Some(Content::NoReading { kind: "event", availability: None }),
        [node, property] if !node.starts_with('$') && !property.starts_with('$') => {
            let Some((judged, unit)) = number::single(message.text?) else {
                return message.value().is_none().then_some(Content::NoReading { kind: "text", availability: None });
            };
            let mut named = metric_of(property);
            if let Some(unit) = unit {
                named = named.with_unit(unit, UnitSource::Payload);
            }
            let mut harvest = Harvest::default();
            harvest.push(&format!("{}.", path.first().map(|node| snake(node))?), property, named, judged);
            Some(harvest.finish(device))
        }
        _ if path.last().is_some_and(|leaf| matches!(*leaf, "$name" | "$unit" | "$implementation" | "version")) => {
            announced::read_text(message, device, path).map_or(Some(meta()), |told| Some(told.into()))
        }
        _ => path.iter().any(|level| level.starts_with('$')).then(meta),
    }
}

fn meta() -> Content {
    Content::NoReading { kind: "meta", availability: None }
}
