//! What a change makes of a device's document, and what it refuses. Pure.

use std::collections::BTreeMap;

use model::TopicFilter;

use crate::devices::{DeviceChange, DeviceError, DisplayChange};
use crate::document::{Display, HardwareMark};
use crate::view::DeviceView;

/// Tags of one device that a change may lead to; a change that adds more is refused as `too_many_tags`.
pub const TAGS_MAX: usize = 100;
/// Topic filters of one device that a change may lead to; more are refused as `too_many_topics`. Merging may lead to more.
pub const FILTERS_MAX: usize = 100;
/// Client ids of one device that a change may lead to; more are refused as `too_many_clients`. Merging may lead to more.
pub const CLIENTS_MAX: usize = 100;
/// Marks of replaced hardware of one device; a further one is refused as `too_many_hardware`. Merging may lead to more.
pub const HARDWARE_MAX: usize = 100;
/// Digits behind the decimal point that can be asked for; more are refused as `precision_invalid`.
pub const PRECISION_MAX: u8 = 10;

impl DeviceChange {
    /// Nothing is changed where it refuses.
    pub(crate) fn apply(self, device: &mut DeviceView) -> Result<(), DeviceError> {
        fn set<T>(field: &mut T, change: Option<T>) {
            if let Some(value) = change {
                *field = value;
            }
        }
        let display = displays(device, self.display)?;
        check_bindings(self.topics.as_deref().unwrap_or_default(), self.clients.as_deref().unwrap_or_default())?;
        let mut tags = self.tags.unwrap_or_else(|| device.document.tags.clone());
        tags.retain(|tag| !self.remove_tags.contains(tag));
        for tag in self.add_tags {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        if tags.len() > TAGS_MAX.max(device.document.tags.len()) {
            let detail = format!("a device can have {TAGS_MAX} tags, not {}", tags.len());
            return Err(DeviceError::Limit { code: "too_many_tags", detail });
        }
        let document = &mut device.document;
        document.tags = tags;
        document.display = display;
        set(&mut document.name, self.name);
        set(&mut document.place, self.place);
        set(&mut document.accepted, self.accepted);
        set(&mut document.hidden, self.hidden);
        set(&mut document.topics, self.topics);
        set(&mut document.clients, self.clients);
        set(&mut document.group, self.group);
        set(&mut document.archived, self.archived);
        Ok(())
    }
}

/// What a person binds to one device.
pub(crate) fn check_bindings(topics: &[TopicFilter], clients: &[String]) -> Result<(), DeviceError> {
    let refuse = |code, what, max, found| {
        let detail = format!("a device can have {max} {what}, not {found}");
        Err(DeviceError::Limit { code, detail })
    };
    if topics.len() > FILTERS_MAX {
        return refuse("too_many_topics", "topic filters", FILTERS_MAX, topics.len());
    }
    if clients.len() > CLIENTS_MAX {
        return refuse("too_many_clients", "client ids", CLIENTS_MAX, clients.len());
    }
    Ok(())
}

/// What is shown how after the changes.
fn displays(
    device: &DeviceView,
    changes: BTreeMap<String, DisplayChange>,
) -> Result<BTreeMap<String, Display>, DeviceError> {
    let mut displays = device.document.display.clone();
    for (metric, change) in changes {
        let Some(known) = device.metrics.iter().find(|known| known.record.metric.as_str() == metric) else {
            return Err(DeviceError::UnknownMetric { device: device.record.key.as_str().to_owned(), metric });
        };
        let mut display = displays.remove(&metric).unwrap_or_default();
        if let Some(Some(to)) = change.unit.as_ref().filter(|to| !to.as_ref().is_none_or(|to| known.shows_in(to))) {
            let from = known.record.unit.as_ref().map_or("no unit", |unit| unit.as_str()).to_owned();
            return Err(DeviceError::NotConvertible { metric, from, to: to.as_str().to_owned() });
        }
        if let Some(unit) = change.unit {
            display.unit = unit;
        }
        if let Some(precision) = change.precision {
            display.precision = precision;
        }
        if let Some(precision) = display.precision.filter(|precision| *precision > PRECISION_MAX) {
            let detail = format!("{metric}: a precision is 0 to {PRECISION_MAX} digits, not {precision}");
            return Err(DeviceError::Limit { code: "precision_invalid", detail });
        }
        if display != Display::default() {
            displays.insert(metric, display);
        }
    }
    Ok(displays)
}

/// Takes away the mark of a time; of several the one that was added last.
pub(crate) fn forget_hardware(device: &mut DeviceView, at: i64) -> Result<(), DeviceError> {
    let marks = &mut device.document.hardware;
    let Some(place) = marks.iter().rposition(|known| known.at == at) else {
        return Err(DeviceError::UnknownHardware { device: device.record.key.clone(), at });
    };
    marks.remove(place);
    Ok(())
}

/// Adds a mark in the order of time, behind those of the same time.
pub(crate) fn replace_hardware(device: &mut DeviceView, mark: HardwareMark) -> Result<(), DeviceError> {
    let marks = &mut device.document.hardware;
    if marks.len() >= HARDWARE_MAX {
        let detail = format!("a device can have {HARDWARE_MAX} marks of replaced hardware");
        return Err(DeviceError::Limit { code: "too_many_hardware", detail });
    }
    let place = marks.partition_point(|known| known.at <= mark.at);
    marks.insert(place, mark);
    Ok(())
}
