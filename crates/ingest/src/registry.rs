//! Every device and series with its newest reading, as of the last durable batch: what the API lists.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use model::{DeviceId, DeviceKey, Reading, SeriesId, Timestamp};
use store::{DeviceRecord, Restored, SeriesRecord, Version};
use tokio::sync::watch;

use crate::document::DeviceDocument;
use crate::draft::Effects;
use crate::rhythm::Rhythm;

/// A device whose rhythm is not known yet is stale after so long a silence.
const UNKNOWN_RHYTHM_MS: i64 = 5 * 60 * 1000;
/// A device is stale after this many of its own intervals.
const INTERVALS_MISSED: i64 = 3;
/// No silence shorter than this is one, so that a burst does not make a device stale a moment later.
const PATIENCE_MIN_MS: i64 = 60_000;

/// Whether a device is heard from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It said that it is going, or its will was published.
    Offline,
    /// Silent for three of its usual intervals.
    Stale,
    /// Created, and never heard from.
    NeverSeen,
    /// Speaking as it usually does.
    Online,
}

impl Status {
    /// The word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Stale => "stale",
            Self::NeverSeen => "never_seen",
            Self::Online => "online",
        }
    }
}

/// A device as the API shows it.
#[derive(Clone, Debug)]
pub struct DeviceView {
    /// Its identity.
    pub record: DeviceRecord,
    /// What people said about it.
    pub document: DeviceDocument,
    /// Which change of the document this is; 0 before the first.
    pub version: u64,
    /// Whether it is heard from.
    pub status: Status,
    /// Server time of its last stored message.
    pub last_seen: Option<Timestamp>,
    /// Messages since start whose time was not believed.
    pub clock_bad: u64,
    /// Its series, in order of appearance.
    pub metrics: Vec<MetricView>,
}

/// A series as the API shows it.
#[derive(Clone, Debug)]
pub struct MetricView {
    /// Its identity, unit and kind.
    pub record: SeriesRecord,
    /// Its newest reading.
    pub latest: Option<Reading>,
    /// Its usual spacing, once known.
    pub interval_ms: Option<u32>,
}

#[derive(Debug, Default)]
struct Devices {
    devices: Vec<Device>,
    by_id: HashMap<DeviceId, usize>,
    by_key: HashMap<DeviceKey, usize>,
    series: HashMap<SeriesId, Series>,
}

#[derive(Debug)]
struct Device {
    record: DeviceRecord,
    document: DeviceDocument,
    version: u64,
    last_seen: Option<Timestamp>,
    arrivals: Rhythm,
    gone: bool,
    clock_bad: u64,
    series: Vec<SeriesId>,
}

#[derive(Debug)]
struct Series {
    record: SeriesRecord,
    latest: Option<Reading>,
    rhythm: Rhythm,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Registry {
    devices: RwLock<Devices>,
    /// Grows with every change of the list itself: devices, metrics, names, inbox.
    version: watch::Sender<u64>,
}

impl Registry {
    pub(crate) fn resume(restored: &Restored, documents: HashMap<DeviceId, (DeviceDocument, Version)>) -> Self {
        let mut devices = Devices::default();
        devices.take_over(restored);
        for (id, (document, version)) in documents {
            devices.set_document(id, document, version.0);
        }
        Self { devices: RwLock::new(devices), version: watch::Sender::new(1) }
    }

    /// After a batch of unknown outcome: what the store remembers of it becomes visible after all.
    pub(crate) fn catch_up(&self, restored: &Restored) {
        self.devices.write().unwrap_or_else(PoisonError::into_inner).take_over(restored);
        self.changed();
    }

    /// Applies what a durable batch did.
    pub(crate) fn apply(&self, effects: &Effects) {
        let mut devices = self.devices.write().unwrap_or_else(PoisonError::into_inner);
        for record in &effects.devices {
            devices.add_device(record.clone());
        }
        for record in &effects.series {
            devices.describe(record.clone());
        }
        for entry in &effects.readings {
            devices.newest(entry.series, &entry.reading);
        }
        for arrival in &effects.arrivals {
            devices.seen(arrival.device, arrival.received);
            if let Some(device) = devices.device_mut(arrival.device) {
                device.clock_bad += u64::from(arrival.clock_bad);
            }
        }
        for (id, online) in &effects.availability {
            if let Some(device) = devices.device_mut(*id) {
                device.gone = !online;
            }
        }
        drop(devices);
        let listed = effects.devices.len() + effects.series.len() + effects.heard.len() + effects.availability.len();
        if listed > 0 || effects.inbox_changed {
            self.changed();
        }
    }

    pub(crate) fn set_document(&self, id: DeviceId, document: DeviceDocument, version: Version) {
        self.devices.write().unwrap_or_else(PoisonError::into_inner).set_document(id, document, version.0);
        self.changed();
    }

    pub(crate) fn changed(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    pub(crate) fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(crate) fn device(&self, key: &str, now: Timestamp) -> Option<DeviceView> {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        let device = devices.devices.get(*devices.by_key.get(key)?)?;
        Some(devices.view(device, now))
    }

    pub(crate) fn all(&self, now: Timestamp) -> Vec<DeviceView> {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        devices.devices.iter().map(|device| devices.view(device, now)).collect()
    }

    pub(crate) fn series(&self, device: &str, metric: &str) -> Option<SeriesRecord> {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        let device = devices.devices.get(*devices.by_key.get(device)?)?;
        let mut records = device.series.iter().filter_map(|id| devices.series.get(id)).map(|series| &series.record);
        records.find(|record| record.metric.as_str() == metric).cloned()
    }

    /// Devices nobody has accepted, for the limit on new ones.
    pub(crate) fn unaccepted(&self) -> usize {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        devices.devices.iter().filter(|device| !device.document.accepted).count()
    }

    pub(crate) fn counts(&self) -> (usize, usize) {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        (devices.devices.len(), devices.series.len())
    }
}

impl Devices {
    fn device_mut(&mut self, id: DeviceId) -> Option<&mut Device> {
        self.devices.get_mut(*self.by_id.get(&id)?)
    }

    fn take_over(&mut self, restored: &Restored) {
        for record in &restored.devices {
            if !self.by_id.contains_key(&record.id) {
                self.add_device(record.clone());
            }
        }
        for record in &restored.series {
            self.describe(record.clone());
        }
        for (id, reading, received) in &restored.latest {
            self.newest(*id, reading);
            if let Some(device) = self.series.get(id).map(|series| series.record.device) {
                self.seen(device, *received);
            }
        }
    }

    fn add_device(&mut self, record: DeviceRecord) {
        let index = self.devices.len();
        self.by_id.insert(record.id, index);
        self.by_key.insert(record.key.clone(), index);
        self.devices.push(Device {
            record,
            document: DeviceDocument::default(),
            version: 0,
            last_seen: None,
            arrivals: Rhythm::default(),
            gone: false,
            clock_bad: 0,
            series: Vec::new(),
        });
    }

    fn set_document(&mut self, id: DeviceId, document: DeviceDocument, version: u64) {
        if let Some(device) = self.device_mut(id) {
            device.document = document;
            device.version = version;
        }
    }

    fn describe(&mut self, record: SeriesRecord) {
        if let Some(known) = self.series.get_mut(&record.id) {
            known.record = record;
            return;
        }
        if let Some(device) = self.device_mut(record.device) {
            device.series.push(record.id);
        }
        self.series.insert(record.id, Series { record, latest: None, rhythm: Rhythm::default() });
    }

    /// An equal key is a correction and takes the place; an older one never does.
    fn newest(&mut self, id: SeriesId, reading: &Reading) {
        let Some(series) = self.series.get_mut(&id) else { return };
        if series.latest.as_ref().is_none_or(|latest| latest.key <= reading.key) {
            series.rhythm.beat(reading.key.time);
            series.latest = Some(reading.clone());
        }
    }

    fn seen(&mut self, id: DeviceId, received: Timestamp) {
        if let Some(device) = self.device_mut(id) {
            device.last_seen = device.last_seen.max(Some(received));
            device.arrivals.beat(received);
            device.gone = false;
        }
    }

    fn view(&self, device: &Device, now: Timestamp) -> DeviceView {
        let metrics: Vec<MetricView> = device
            .series
            .iter()
            .filter_map(|id| self.series.get(id))
            .map(|series| MetricView {
                record: series.record.clone(),
                latest: series.latest.clone(),
                interval_ms: series.rhythm.interval_ms(),
            })
            .collect();
        DeviceView {
            record: device.record.clone(),
            document: device.document.clone(),
            version: device.version,
            status: status(device, &metrics, now),
            last_seen: device.last_seen,
            clock_bad: device.clock_bad,
            metrics,
        }
    }
}

/// A device that sends batches is quiet between them, one that replays history sends it at once: the longer of the two
/// rhythms, of its readings and of its messages, is the one to wait for.
fn status(device: &Device, metrics: &[MetricView], now: Timestamp) -> Status {
    let Some(last_seen) = device.last_seen else { return Status::NeverSeen };
    if device.gone {
        return Status::Offline;
    }
    let fastest = metrics.iter().filter_map(|metric| metric.interval_ms).min();
    let slowest = fastest.max(device.arrivals.interval_ms());
    let patience =
        slowest.map_or(UNKNOWN_RHYTHM_MS, |interval| (i64::from(interval) * INTERVALS_MISSED).max(PATIENCE_MIN_MS));
    if now.millis() - last_seen.millis() > patience { Status::Stale } else { Status::Online }
}
