//! Every device and series with its newest reading, as of the last durable batch: what the API lists.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use decode::Presence;
use model::{DeviceId, DeviceKey, SeriesId, Timestamp};
use store::{DeviceRecord, Entry, Gone, Readings, Restored, SeriesReading, SeriesRecord, Version};
use tokio::sync::watch;
use windows::Calibrations;

use crate::announcements::Announcements;
use crate::document::DeviceDocument;
use crate::draft::Effects;
use crate::events::{EventCode, Events};
use crate::inventory::{Device, Followed, Inventory};
use crate::newcomers::Unaccepted;
use crate::view::DeviceView;

/// See the module.
pub(crate) struct Registry {
    inventory: RwLock<Inventory>,
    pub(crate) events: Events,
    announced: Arc<Announcements>,
    /// Grows with every change of the list itself: devices, metrics, names, inbox.
    version: watch::Sender<u64>,
}

impl Registry {
    pub(crate) fn resume(
        restored: &Restored,
        documents: HashMap<DeviceId, (DeviceDocument, Version)>,
        announced: Arc<Announcements>,
        events: Events,
    ) -> Self {
        let mut inventory = Inventory::default();
        inventory.take_over(restored);
        for (id, (document, version)) in documents {
            inventory.set_document(id, document, version.0);
        }
        Self { inventory: RwLock::new(inventory), events, announced, version: watch::Sender::new(1) }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Inventory> {
        self.inventory.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Inventory> {
        self.inventory.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// After a batch of unknown outcome: what the store remembers of it becomes visible after all.
    pub(crate) fn catch_up(&self, restored: &Restored) {
        self.write().take_over(restored);
        self.changed();
    }

    /// Applies what a durable batch did.
    pub(crate) fn apply(&self, effects: &Effects) {
        let mut inventory = self.write();
        effects.devices.iter().for_each(|record| self.add_device(&mut inventory, record, false));
        for id in &effects.imported {
            if let Some(device) = inventory.device_mut(*id) {
                device.imported = true;
            }
        }
        for record in &effects.series {
            inventory.describe(record.clone());
        }
        self.count(&mut inventory, effects);
        for (id, presence) in &effects.availability {
            if let Some(device) = inventory.device_mut(*id) {
                (device.away, device.asleep) = (*presence == Presence::Gone, *presence == Presence::Asleep);
            }
        }
        drop(inventory);
        let listed = effects.devices.len() + effects.series.len() + effects.heard.len() + effects.availability.len();
        if listed > 0 || effects.inbox_changed || effects.announced || effects.decision.is_some() {
            self.changed();
        }
    }

    /// A device is made, by another server if it says so. Nothing changes for one that is known.
    pub(crate) fn add_device(&self, inventory: &mut Inventory, record: &DeviceRecord, elsewhere: bool) {
        if inventory.device(record.id).is_some() {
            return;
        }
        inventory.add_device(record.clone());
        if let Some(device) = inventory.device_mut(record.id) {
            device.elsewhere = elsewhere;
        }
        let sentence = "It is in the list for the first time.".to_owned();
        self.tell(inventory, record.id, record.created, EventCode::Appeared, sentence);
    }

    /// Follows a decision about readings that are there.
    pub(crate) fn decide(&self, entry: &Entry) -> Followed {
        self.write().decide(entry)
    }

    /// Asks the store for the newest reading of series of which hiding or merging has changed it.
    pub(crate) async fn reread(&self, store: &dyn Readings, series: &[SeriesId]) {
        for id in series {
            // One at a time: a series that is gone by now is an error of its own.
            match store.latest(&[*id]).await {
                Ok(latest) => self.write().set_latest(*id, latest.into_iter().flatten().next()),
                Err(error) => tracing::warn!(%error, "the newest reading could not be read again"),
            }
        }
    }

    /// Series of which `entries` have a reading of the newest key and another value.
    pub(crate) fn contested(&self, entries: &[Entry]) -> Vec<SeriesId> {
        let inventory = self.read();
        let other = |item: &&SeriesReading| {
            let latest = inventory.series(item.series).and_then(|series| series.latest.as_ref());
            latest.is_some_and(|latest| latest.key == item.reading.key && latest.value != item.reading.value)
        };
        let messages =
            entries.iter().filter_map(|entry| if let Entry::Message(message) = entry { Some(message) } else { None });
        messages.flat_map(|message| &message.readings).filter(other).map(|item| item.series).collect()
    }

    /// Series of which something is hidden: of these the store's newest reading may be one that must not be shown.
    pub(crate) fn partly_hidden(&self) -> Vec<SeriesId> {
        let inventory = self.read();
        let hidden = inventory.all_series().filter(|series| !series.hidden.is_empty());
        hidden.map(|series| series.record.id).collect()
    }

    /// Leaves out readings that are hidden or have expired on their way.
    pub(crate) fn keep_shown(&self, readings: &mut Vec<SeriesReading>) {
        let inventory = self.read();
        readings.retain(|item| inventory.shows(item.series, item.reading.key.time));
    }

    pub(crate) fn hidden(&self, series: SeriesId) -> Gone {
        self.read().series(series).map(|series| series.hidden.clone()).unwrap_or_default()
    }

    pub(crate) fn exists(&self, series: SeriesId) -> bool {
        self.read().series(series).is_some()
    }

    pub(crate) fn floor(&self, series: SeriesId) -> Option<Timestamp> {
        self.read().series(series)?.floor
    }

    pub(crate) fn set_document(&self, id: DeviceId, document: DeviceDocument, version: Version) {
        self.write().set_document(id, document, version.0);
        self.changed();
    }

    /// What is known to be said of a device.
    pub(crate) fn document(&self, id: DeviceId) -> DeviceDocument {
        self.read().device(id).map(|device| device.document.clone()).unwrap_or_default()
    }

    /// Documents as another server may have written them; those that are not newer than what is known change nothing.
    pub(crate) fn follow_documents(&self, documents: Vec<(DeviceId, DeviceDocument, Version)>) {
        let mut changed = false;
        let mut inventory = self.write();
        for (id, document, version) in documents {
            changed |= inventory.set_document(id, document, version.0);
        }
        drop(inventory);
        if changed {
            self.changed();
        }
    }

    pub(crate) fn changed(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    pub(crate) fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn view(&self, inventory: &Inventory, device: &Device, now: Timestamp) -> DeviceView {
        let mut view = inventory.view(device, now);
        view.told = self.announced.of_device(device.record.key.as_str());
        for metric in &mut view.metrics {
            let told = view.told.as_ref().and_then(|told| told.metrics.get(metric.record.metric.as_str()));
            let (latest, holds_s) = (metric.latest.as_ref(), told.and_then(|told| told.expire_after_s));
            let age_ms = latest.map(|latest| now.millis().saturating_sub(latest.key.time.millis()));
            metric.stale = age_ms.zip(holds_s).is_some_and(|(age_ms, holds_s)| age_ms > i64::from(holds_s) * 1_000);
        }
        view
    }

    /// A device in use.
    pub(crate) fn device(&self, key: &str, now: Timestamp) -> Option<DeviceView> {
        self.any_device(key, now).filter(|device| device.document.deleted_at.is_none())
    }

    /// A device, whether in use or deleted and to be restored.
    pub(crate) fn any_device(&self, key: &str, now: Timestamp) -> Option<DeviceView> {
        let inventory = self.read();
        Some(self.view(&inventory, inventory.by_key(key)?, now))
    }

    pub(crate) fn all(&self, now: Timestamp) -> Vec<DeviceView> {
        let inventory = self.read();
        inventory.devices().filter(|device| in_use(device)).map(|device| self.view(&inventory, device, now)).collect()
    }

    /// Devices that were deleted and can be restored.
    pub(crate) fn deleted(&self, now: Timestamp) -> Vec<DeviceView> {
        let inventory = self.read();
        inventory.devices().filter(|device| !in_use(device)).map(|device| self.view(&inventory, device, now)).collect()
    }

    pub(crate) fn series(&self, device: &str, metric: &str) -> Option<SeriesRecord> {
        let inventory = self.read();
        let device = inventory.by_key(device).filter(|device| in_use(device))?;
        let mut records = device.series.iter().filter_map(|id| inventory.series(*id)).map(|series| &series.record);
        records.find(|record| record.metric.as_str() == metric).cloned()
    }

    /// How values of a series are calibrated.
    pub(crate) fn calibrations(&self, series: &SeriesRecord) -> Calibrations {
        let inventory = self.read();
        // A series may have changed hands since it was looked up.
        let device = inventory.series(series.id).map_or(series.device, |known| known.record.device);
        let document = inventory.device(device).map(|device| &device.document);
        document.map(|document| document.calibrated(series.metric.as_str())).unwrap_or_default()
    }

    /// The time of the newest reading of a series.
    pub(crate) fn newest_time(&self, device: &str, metric: &str) -> Option<Timestamp> {
        let inventory = self.read();
        let mut series = inventory.by_key(device)?.series.iter().filter_map(|id| inventory.series(*id));
        let series = series.find(|series| series.record.metric.as_str() == metric)?;
        series.latest.as_ref().map(|latest| latest.key.time)
    }

    /// Devices nobody has accepted, for the limit on new ones.
    pub(crate) fn unaccepted(&self) -> Unaccepted {
        let mut counts = Unaccepted::default();
        for device in self.read().devices().filter(|device| !device.document.accepted) {
            *(if device.imported { &mut counts.imported } else { &mut counts.heard }) += 1;
        }
        counts
    }

    /// Devices that tables brought and nobody has accepted.
    pub(crate) fn imported(&self) -> Vec<DeviceKey> {
        let inventory = self.read();
        let imported = inventory.devices().filter(|device| device.imported && !device.document.accepted);
        imported.map(|device| device.record.key.clone()).collect()
    }

    pub(crate) fn counts(&self) -> (usize, usize) {
        let inventory = self.read();
        (inventory.devices().filter(|device| in_use(device)).count(), inventory.series_len())
    }
}

fn in_use(device: &Device) -> bool {
    device.document.deleted_at.is_none()
}
