//! Which device and series a value belongs to, and the ids of new ones.
//!
//! This is the ingest task's own view: it is ahead of what is durable by the batches under way. What others see is the
//! registry, which follows the commits.

use std::collections::HashMap;

use decode::Found;
use model::{
    ById, DeviceId, DeviceKey, Judgement, MetricName, ReadingKey, RejectReason, SeriesId, Timestamp, UnitSource, Value,
};
use store::{DeviceRecord, Entry, MergeRecord, Node, Restored, SeriesRecord};

use crate::Limits;
use crate::document::LastIds;
use crate::ids::next_id;
use crate::past::{Past, Seen, Sensors};

#[derive(Debug, Default)]
pub(crate) struct Identity {
    node: Node,
    devices: HashMap<DeviceKey, DeviceId>,
    metrics: ById<DeviceId, Metrics>,
    series_count: usize,
    last_device: u32,
    last_series: u32,
}

/// The metrics of one device.
#[derive(Debug, Default)]
struct Metrics {
    by_name: HashMap<MetricName, Known>,
    sensors: Sensors,
}

#[derive(Debug)]
struct Known {
    record: SeriesRecord,
    past: Past,
}

/// A series found or made, and what the entry says of it.
pub(crate) struct Resolved {
    pub(crate) series: SeriesId,
    pub(crate) value: Value,
    pub(crate) judgement: Judgement,
    pub(crate) seen: Seen,
}

impl Identity {
    /// Ids go on behind those of `restored` and of `last`, which knows those that are gone.
    pub(crate) fn resume(restored: &Restored, last: LastIds) -> Self {
        let (node, last_device, last_series) = (restored.node, last.device, last.series);
        let mut identity = Self { node, last_device, last_series, ..Self::default() };
        for device in &restored.devices {
            identity.last_device = identity.last_device.max(device.id.0);
            identity.devices.insert(device.key.clone(), device.id);
        }
        for series in &restored.series {
            identity.last_series = identity.last_series.max(series.id.0);
            identity.series_count += 1;
            identity.metrics.entry(series.device).or_default().add(series.clone());
        }
        let owner: ById<SeriesId, &SeriesRecord> = restored.series.iter().map(|record| (record.id, record)).collect();
        for (id, newest, _) in &restored.latest {
            let known = owner
                .get(id)
                .and_then(|record| identity.metrics.get_mut(&record.device)?.by_name.get_mut(record.metric.as_str()));
            if let Some(known) = known {
                known.past.resume(newest.key, &newest.value, newest.judgement);
            }
        }
        identity
    }

    /// Whose ids are given out.
    pub(crate) fn node(&self) -> Node {
        self.node
    }

    pub(crate) fn device(&self, key: &str) -> Option<DeviceId> {
        self.devices.get(key).copied()
    }

    /// A series of a device.
    pub(crate) fn record(&self, device: DeviceId, metric: &str) -> Option<&SeriesRecord> {
        Some(&self.metrics.get(&device)?.by_name.get(metric)?.record)
    }

    /// The greatest ids given so far.
    pub(crate) fn last(&self) -> LastIds {
        LastIds { device: self.last_device, series: self.last_series }
    }

    /// A device and its series are gone.
    pub(crate) fn delete(&mut self, device: DeviceId) {
        self.devices.retain(|_, id| *id != device);
        self.series_count -= self.metrics.remove(&device).map_or(0, |metrics| metrics.by_name.len());
    }

    /// A device's series become another's; of a metric that both have only the other's stays.
    pub(crate) fn merge(&mut self, merge: MergeRecord) {
        self.devices.retain(|_, id| *id != merge.from);
        let of_from = self.metrics.remove(&merge.from).unwrap_or_default();
        let of_into = self.metrics.entry(merge.into).or_default();
        for (metric, known) in of_from.by_name {
            if of_into.by_name.contains_key(&metric) {
                self.series_count -= 1;
            } else {
                of_into.add(SeriesRecord { device: merge.into, ..known.record });
            }
        }
    }

    /// Another server made a device.
    pub(crate) fn learn_device(&mut self, record: &DeviceRecord) {
        self.last_device = self.last_device.max(record.id.0);
        self.devices.insert(record.key.clone(), record.id);
    }

    /// Another server made a series, or knows it better.
    pub(crate) fn learn_series(&mut self, record: &SeriesRecord) {
        self.last_series = self.last_series.max(record.id.0);
        let metrics = self.metrics.entry(record.device).or_default();
        match metrics.by_name.get_mut(record.metric.as_str()) {
            Some(known) if known.record == *record => {}
            Some(known) => {
                known.record = record.clone();
                known.past.describe(record, &mut metrics.sensors);
            }
            None => {
                metrics.add(record.clone());
                self.series_count += 1;
            }
        }
    }

    /// A device that does not exist yet; its entry goes in front of whatever mentions it. None when no more can be numbered.
    pub(crate) fn add_device(&mut self, key: DeviceKey, now: Timestamp, entries: &mut Vec<Entry>) -> Option<DeviceId> {
        let id = DeviceId(next_id(self.last_device, self.node)?);
        self.last_device = id.0;
        self.devices.insert(key.clone(), id);
        entries.push(Entry::Device(DeviceRecord { id, key, created: now }));
        Some(id)
    }

    /// Whether `found` may be the first reading of a device that does not exist yet.
    pub(crate) fn admits_new(&self, found: &Found, limits: &Limits) -> Result<(), RejectReason> {
        MetricName::parse(&found.metric).map_err(|_| RejectReason::Name)?;
        let full = limits.metrics_per_device_max == 0 || self.series_count >= limits.series_max;
        if full { Err(RejectReason::Cardinality) } else { Ok(()) }
    }

    /// The series of `found` on `device`, made if it is new, better described if the message knows its unit better; and its
    /// value, judged by those before it.
    pub(crate) fn series(
        &mut self,
        device: DeviceId,
        found: &Found,
        value: Value,
        key: ReadingKey,
        limits: &Limits,
        entries: &mut Vec<Entry>,
    ) -> Result<Resolved, RejectReason> {
        let metrics = self.metrics.entry(device).or_default();
        let sensors = &mut metrics.sensors;
        if let Some(Known { record, past }) = metrics.by_name.get_mut(found.metric.as_str()) {
            let before = entries.len();
            let (value, judgement) = fit_unit(record, found, value, entries);
            if entries.len() > before {
                past.describe(record, sensors);
            }
            let (judgement, seen) = past.judge(key, &value, judgement, sensors);
            return Ok(Resolved { series: record.id, value, judgement, seen });
        }
        let metric = MetricName::parse(&found.metric).map_err(|_| RejectReason::Name)?;
        if metrics.by_name.contains_key(metric.as_str()) {
            // It came with blanks around it, and is known without them.
            let plain = Found { metric: metric.as_str().to_owned(), ..found.clone() };
            return self.series(device, &plain, value, key, limits, entries);
        }
        if metrics.by_name.len() >= limits.metrics_per_device_max || self.series_count >= limits.series_max {
            return Err(RejectReason::Cardinality);
        }
        let id = next_id(self.last_series, self.node).ok_or(RejectReason::Cardinality)?;
        self.last_series = id;
        self.series_count += 1;
        let record = SeriesRecord {
            id: SeriesId(id),
            device,
            metric,
            unit: found.unit.clone(),
            unit_source: found.unit_source,
            kind: found.kind,
        };
        entries.push(Entry::Series(record.clone()));
        let known = metrics.add(record);
        known.past.resume(key, &value, found.judgement);
        Ok(Resolved { series: SeriesId(id), value, judgement: found.judgement, seen: Seen::New })
    }
}

impl Metrics {
    fn add(&mut self, record: SeriesRecord) -> &mut Known {
        let mut past = Past::default();
        past.describe(&record, &mut self.sensors);
        self.by_name.entry(record.metric.clone()).insert_entry(Known { record, past }).into_mut()
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
