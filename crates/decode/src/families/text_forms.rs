//! Values in text that is no JSON: web forms, labels with values, and numbers in columns.

use std::borrow::Cow;

use model::UnitSource;

use crate::harvest::Harvest;
use crate::json::{Json, Object};
use crate::labelled::{self, Clarity};
use crate::message::Message;
use crate::name::metric_of;
use crate::number;
use crate::quantity::{Role, role_of};
use crate::walk::Walk;
use crate::{Content, form, place};

/// Longest line in bytes that is tried as columns. A longer one is text.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// `a=1&b=2` with one number at least.
pub(crate) fn read_form(message: &Message<'_>) -> Option<Content> {
    let pairs = form::pairs(message.text?)?;
    let mut harvest = Harvest::default();
    for (key, value) in &pairs {
        if matches!(role_of(key), Some(Role::Time | Role::Meta | Role::Device | Role::DeviceName)) {
            continue;
        }
        if let Some((judged, unit)) = number::single(value) {
            let named = metric_of(key);
            let named = match unit {
                Some(unit) => named.with_unit(unit, UnitSource::Payload),
                None => named,
            };
            harvest.push("", key, named, judged);
        }
    }
    (!harvest.is_empty()).then(|| harvest.finish(&place::device_of(&message.levels)))
}

/// `T=23.4;H=55.5`, `Temperature: 23.1 °C, Humidity: 40 %`: read as the flat object that it means, where it is clear that
/// these are values.
pub(crate) fn read_pairs(message: &Message<'_>) -> Option<Content> {
    if labelled::is_talk(&message.levels) {
        return None;
    }
    let pairs = labelled::pairs(message.text?).filter(|pairs| labelled::clarity(pairs) == Clarity::Clear)?;
    let text = |text| Json::Text(Cow::Borrowed(text));
    let members: Object<'_> = pairs.into_iter().map(|(label, value)| (Cow::Borrowed(label), text(value))).collect();
    let mut walk = Walk::default();
    walk.object(&members);
    (!walk.harvest.is_empty()).then(|| super::json::finish(walk, message))
}

/// `23.4, 55.5`: at least two columns, all of them numbers or failed reads. Their names come from the words of the
/// topic's last level if there are as many, else they are `value_0`, `value_1` …
pub(crate) fn read_columns(message: &Message<'_>) -> Option<Content> {
    let text = message.text.filter(|text| text.len() <= LINE_BYTES_MAX && !text.contains('\n'))?;
    let separator = [';', '\t', '|', ','].into_iter().find(|separator| text.contains(*separator))?;
    let columns: Vec<_> = text.split(separator).map(number::single).collect::<Option<_>>()?;
    if columns.len() < 2 || !columns.iter().any(|(judged, _)| judged.finite().is_some()) {
        return None;
    }
    let leaf = message.leaf();
    let words: Vec<_> = leaf.split(['_', '-', ',', ' ']).collect();
    let named = words.len() == columns.len();
    let mut harvest = Harvest::default();
    for (index, (judged, unit)) in columns.into_iter().enumerate() {
        let fallback = format!("value_{index}");
        let word = words.get(index).copied().filter(|_| named).unwrap_or(&fallback);
        let metric = metric_of(word);
        let metric = match unit {
            Some(unit) => metric.with_unit(unit, UnitSource::Payload),
            None => metric,
        };
        harvest.push("", leaf, metric, judged);
    }
    Some(harvest.finish(&place::device_of(&message.levels)))
}
