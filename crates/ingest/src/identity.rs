//! Which device and series a value belongs to, and the ids of new ones.
//!
//! This is the ingest task's own view: it is ahead of what is durable by the batches under way. What others see is the
//! registry, which follows the commits.

use std::collections::{HashMap, hash_map};

use decode::Found;
use model::{DeviceId, DeviceKey, Judgement, MetricName, RejectReason, SeriesId, Timestamp, UnitSource, Value};
use store::{DeviceRecord, Entry, MergeRecord, Restored, SeriesRecord};

use crate::Limits;
use crate::document::LastIds;

#[derive(Debug, Default)]
pub(crate) struct Identity {
    devices: HashMap<DeviceKey, DeviceId>,
    metrics: HashMap<DeviceId, HashMap<MetricName, SeriesRecord>>,
    series_count: usize,
    last_device: u32,
    last_series: u32,
}

/// A series found or made, and what the entry says of it.
pub(crate) struct Resolved {
    pub(crate) series: SeriesId,
    pub(crate) value: Value,
    pub(crate) judgement: Judgement,
}

impl Identity {
    /// Ids go on behind those of `restored` and of `last`, which knows those that are gone.
    pub(crate) fn resume(restored: &Restored, last: LastIds) -> Self {
        let mut identity = Self { last_device: last.device, last_series: last.series, ..Self::default() };
        for device in &restored.devices {
            identity.last_device = identity.last_device.max(device.id.0);
            identity.devices.insert(device.key.clone(), device.id);
        }
        for series in &restored.series {
            identity.last_series = identity.last_series.max(series.id.0);
            identity.series_count += 1;
            identity.metrics.entry(series.device).or_default().insert(series.metric.clone(), series.clone());
        }
        identity
    }

    pub(crate) fn device(&self, key: &str) -> Option<DeviceId> {
        self.devices.get(key).copied()
    }

    /// The greatest ids given so far.
    pub(crate) fn last(&self) -> LastIds {
        LastIds { device: self.last_device, series: self.last_series }
    }

    /// A device and its series are gone.
    pub(crate) fn delete(&mut self, device: DeviceId) {
        self.devices.retain(|_, id| *id != device);
        self.series_count -= self.metrics.remove(&device).map_or(0, |metrics| metrics.len());
    }

    /// A device's series become another's; of a metric that both have only the other's stays.
    pub(crate) fn merge(&mut self, merge: MergeRecord) {
        self.devices.retain(|_, id| *id != merge.from);
        let of_from = self.metrics.remove(&merge.from).unwrap_or_default();
        let of_into = self.metrics.entry(merge.into).or_default();
        for (metric, record) in of_from {
            match of_into.entry(metric) {
                hash_map::Entry::Occupied(_) => self.series_count -= 1,
                hash_map::Entry::Vacant(place) => _ = place.insert(SeriesRecord { device: merge.into, ..record }),
            }
        }
    }

    /// A device that does not exist yet; its entry goes in front of whatever mentions it.
    pub(crate) fn add_device(&mut self, key: DeviceKey, now: Timestamp, entries: &mut Vec<Entry>) -> DeviceId {
        self.last_device += 1;
        let id = DeviceId(self.last_device);
        self.devices.insert(key.clone(), id);
        entries.push(Entry::Device(DeviceRecord { id, key, created: now }));
        id
    }

    /// The series of `found` on `device`, made if it is new, better described if the message knows its unit better.
    pub(crate) fn series(
        &mut self,
        device: DeviceId,
        found: &Found,
        value: Value,
        limits: &Limits,
        entries: &mut Vec<Entry>,
    ) -> Result<Resolved, RejectReason> {
        let metrics = self.metrics.entry(device).or_default();
        if let Some(known) = metrics.get_mut(found.metric.as_str()) {
            let (value, judgement) = fit_unit(known, found, value, entries);
            return Ok(Resolved { series: known.id, value, judgement });
        }
        if metrics.len() >= limits.metrics_per_device_max || self.series_count >= limits.series_max {
            return Err(RejectReason::Cardinality);
        }
        let metric = MetricName::parse(&found.metric).map_err(|_| RejectReason::Name)?;
        self.last_series += 1;
        self.series_count += 1;
        let record = SeriesRecord {
            id: SeriesId(self.last_series),
            device,
            metric: metric.clone(),
            unit: found.unit.clone(),
            unit_source: found.unit_source,
            kind: found.kind,
        };
        entries.push(Entry::Series(record.clone()));
        metrics.insert(metric, record);
        Ok(Resolved { series: SeriesId(self.last_series), value, judgement: found.judgement })
    }
}

/// A unit that is better known than before becomes the series' own. A message that *says* another unit than the series
/// has is converted, or kept and marked suspect where no conversion is known. A guess never changes a number.
fn fit_unit(known: &mut SeriesRecord, found: &Found, value: Value, entries: &mut Vec<Entry>) -> (Value, Judgement) {
    let Some(unit) = &found.unit else { return (value, found.judgement) };
    if known.unit.as_ref() == Some(unit) {
        if found.unit_source < known.unit_source {
            known.unit_source = found.unit_source;
            entries.push(Entry::Series(known.clone()));
        }
        return (value, found.judgement);
    }
    if found.unit_source < known.unit_source && (known.unit.is_none() || known.unit_source == UnitSource::Assumed) {
        known.unit = Some(unit.clone());
        known.unit_source = found.unit_source;
        entries.push(Entry::Series(known.clone()));
        return (value, found.judgement);
    }
    if matches!(found.unit_source, UnitSource::Assumed | UnitSource::None) {
        return (value, found.judgement);
    }
    let converted = match (&value, &known.unit) {
        (Value::Number(number), Some(own)) => decode::convert(*number, unit, own),
        (Value::Number(_) | Value::Bool(_) | Value::Text(_), _) => None,
    };
    match (converted, found.judgement) {
        (Some(number), judgement) => (Value::Number(number), judgement),
        (None, Judgement::Good) => (value, Judgement::Suspect(model::Flaw::UnitChanged)),
        (None, judgement) => (value, judgement),
    }
}
