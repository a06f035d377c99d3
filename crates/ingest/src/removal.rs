//! Devices deleted, restored and merged by people.
//!
//! A deletion has two steps. First the device's document says so: it is out of every list, its readings are not answered and
//! its messages are ignored, and for seven days all of it can be restored. Then, or at once where that is asked for, an entry
//! of the log takes device, series and readings away for good, and a document of its own keeps its sender ignored until
//! somebody makes a device of that key. A stop at any point in between leaves the device deleted.

use store::{CatalogError, Entry, MergeRecord, Version};
use tokio::sync::oneshot;

use crate::Ingest;
use crate::again::was_behind;
use crate::calibration::check_merge;
use crate::command::{Command, Decided};
use crate::devices::{DeviceError, to_its_end};
use crate::document::{DeviceDocument, IgnoredDocument, KIND};
use crate::view::DeviceView;

/// For so long a deleted device can be restored: seven days.
pub const RESTORABLE_MS: i64 = 7 * 24 * 60 * 60 * 1000;
impl Ingest {
    /// Deletes a device; durable when this returns. It can be restored for seven days unless it is to be gone `for_good`.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`], [`DeviceError::Conflict`] where it is not at `expected`, or nothing can be stored.
    pub async fn delete_device(&self, key: &str, expected: Option<u64>, for_good: bool) -> Result<(), DeviceError> {
        let (this, key) = (self.clone(), key.to_owned());
        to_its_end(async move {
            let _turn = this.changes.lock().await;
            this.delete(&key, expected, for_good).await
        })
        .await
    }

    pub(crate) async fn delete(&self, key: &str, expected: Option<u64>, for_good: bool) -> Result<(), DeviceError> {
        let unknown = || DeviceError::Unknown(key.to_owned());
        let now = self.clock.now();
        let device = self.shared.registry.any_device(key, now).ok_or_else(unknown)?;
        if device.document.deleted_at.is_none() {
            self.check_ignored()?;
            // By a clock that starts in 1970 the seven days would be over as soon as it is right.
            let deleted_at = self.shared.not_before_messages(now).millis();
            self.write(key, expected, |document| document.deleted_at = Some(deleted_at)).await?;
            self.shared.bindings.ignore(&device.record.key, true);
        } else if !for_good {
            return Err(unknown());
        }
        if for_good { self.purge(key).await } else { Ok(()) }
    }

    /// Takes away for good what was deleted before.
    async fn purge(&self, key: &str) -> Result<(), DeviceError> {
        let unknown = || DeviceError::Unknown(key.to_owned());
        let device = self.shared.registry.any_device(key, self.clock.now()).ok_or_else(unknown)?;
        let DeviceDocument { topics, clients, merged, deleted_at, .. } = device.document;
        let ignored = IgnoredDocument { since: deleted_at.unwrap_or_default(), topics, clients, merged };
        self.keep_ignored(key, &ignored).await?;
        match self.decide(Entry::DeviceDeleted(device.record.id)).await {
            // Another server took it away first.
            Ok(()) | Err(DeviceError::Overtaken) => {}
            Err(error) => return Err(error),
        }
        self.drop_document(&device.record.id.0.to_string(), device.version).await;
        tracing::info!(device = ?key, "a device was deleted for good");
        Ok(())
    }

    /// The next start would remove it as well.
    async fn drop_document(&self, id: &str, version: u64) {
        if version == 0 {
            return;
        }
        let removed = match self.catalog.remove(KIND, id, Version(version)).await {
            // Another server changed it last.
            Err(CatalogError::Conflict { found: Some(found) }) => self.catalog.remove(KIND, id, found).await,
            removed => removed,
        };
        match removed {
            Ok(()) | Err(CatalogError::Conflict { found: None }) => {}
            Err(error) => tracing::warn!(%error, id, "the document of a device that is gone could not be removed"),
        }
    }

    /// Takes a deletion back.
    ///
    /// # Errors
    /// [`DeviceError::NotDeleted`], or nothing can be stored.
    pub async fn restore_device(&self, key: &str) -> Result<DeviceView, DeviceError> {
        let (this, key) = (self.clone(), key.to_owned());
        to_its_end(async move {
            let _turn = this.changes.lock().await;
            this.restore(&key).await
        })
        .await
    }

    pub(crate) async fn restore(&self, key: &str) -> Result<DeviceView, DeviceError> {
        let device = self.deleted_device(key).ok_or_else(|| DeviceError::NotDeleted(key.to_owned()))?;
        let restored = self.write(key, None, |document| document.deleted_at = None).await?;
        self.forget_ignored(key).await?;
        self.shared.bindings.ignore(&device.record.key, false);
        Ok(restored)
    }

    /// A device that is deleted and can be restored.
    #[must_use]
    pub fn deleted_device(&self, key: &str) -> Option<DeviceView> {
        let device = self.shared.registry.any_device(key, self.clock.now())?;
        device.document.deleted_at.is_some().then_some(device)
    }

    /// Devices that are deleted and can be restored.
    #[must_use]
    pub fn deleted_devices(&self) -> Vec<DeviceView> {
        self.shared.registry.deleted(self.clock.now())
    }

    /// Takes a device away for good that was deleted and not restored meanwhile.
    ///
    /// # Errors
    /// Nothing can be stored.
    pub async fn purge_deleted(&self, key: &str) -> Result<(), DeviceError> {
        let (this, key) = (self.clone(), key.to_owned());
        to_its_end(async move {
            let _turn = this.changes.lock().await;
            if this.deleted_device(&key).is_some() { this.purge(&key).await } else { Ok(()) }
        })
        .await
    }

    /// Makes `from` a part of `into`; durable when this returns. Messages of `from` are `into`'s from then on.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`], [`DeviceError::Itself`], [`DeviceError::Units`], or nothing can be stored.
    pub async fn merge_devices(&self, from: &str, into: &str) -> Result<DeviceView, DeviceError> {
        let (this, from, into) = (self.clone(), from.to_owned(), into.to_owned());
        to_its_end(async move {
            let _turn = this.changes.lock().await;
            this.merge(&from, &into).await
        })
        .await
    }

    async fn merge(&self, from: &str, into: &str) -> Result<DeviceView, DeviceError> {
        self.read_document(from).await?;
        self.read_document(into).await?;
        let known = |key: &str| self.device(key).ok_or_else(|| DeviceError::Unknown(key.to_owned()));
        let (from, into) = (known(from)?, known(into)?);
        if from.record.id == into.record.id {
            return Err(DeviceError::Itself);
        }
        check_units(&from, &into)?;
        check_merge(&from, &into)?;
        let own = from.document.clone();
        let key = into.record.key.as_str();
        // A device of the key `from` still goes first: until the merge is durable nothing changes hands.
        let mut before = DeviceDocument::default();
        let written = self
            .write(key, None, |document| {
                before.clone_from(document);
                let topics =
                    own.topics.into_iter().filter(|filter| !document.topics.contains(filter)).collect::<Vec<_>>();
                document.topics.extend(topics);
                document.clients.extend(own.clients);
                let keys = own.merged.into_iter().chain([from.record.key.clone()]);
                let keys = keys.filter(|key| !document.merged.contains(key)).collect::<Vec<_>>();
                document.merged.extend(keys);
                document.hardware.extend(own.hardware);
                document.hardware.sort_by_key(|mark| mark.at);
                for (metric, display) in own.display {
                    document.display.entry(metric).or_insert(display);
                }
                for (metric, calibrations) in own.calibrations {
                    document.calibrations.entry(metric).or_insert(calibrations);
                }
            })
            .await?;
        let merge = MergeRecord { from: from.record.id, into: into.record.id };
        if let Err(error) = self.decide(Entry::DeviceMerged(merge)).await {
            if matches!(error, DeviceError::Overtaken) {
                self.take_back(key, written.version, before).await;
            }
            return Err(error);
        }
        self.shared.bindings.unbind(&from.record.key);
        self.drop_document(&from.record.id.0.to_string(), from.version).await;
        let merged = self.device(key).ok_or(DeviceError::NotStored)?;
        self.shared.bindings.bind(&merged.record.key, &merged.document);
        tracing::info!(from = from.record.key.as_str(), into = key, "a device was merged into another");
        Ok(merged)
    }

    /// Another server was faster with one of both: what was said of the other as if they were one is not true.
    async fn take_back(&self, key: &str, version: u64, before: DeviceDocument) {
        if let Err(error) = self.write(key, Some(version), |document| *document = before).await {
            tracing::warn!(%error, device = key, "what a merge that did not happen says of a device could not be taken back");
        }
    }

    /// Puts a decision about stored readings into the log and waits until it is durable and followed.
    pub(crate) async fn decide(&self, entry: Entry) -> Result<(), DeviceError> {
        let (done, decided) = oneshot::channel();
        let command = Command::Decide { entry, done };
        self.commands.send(command).await.map_err(|_| DeviceError::NotStored)?;
        match decided.await.unwrap_or(Decided::Unknown) {
            Decided::Done => Ok(()),
            Decided::Refused(reason @ ("too_many_hidden" | "too_many_series")) => {
                Err(DeviceError::Limit { code: reason, detail: format!("the store refused it: {reason}") })
            }
            Decided::Refused(reason) if was_behind(reason) => Err(DeviceError::Overtaken),
            Decided::Refused(reason) => {
                tracing::warn!(reason, "the store refused a decision");
                Err(DeviceError::NotStored)
            }
            Decided::Unknown => Err(DeviceError::NotStored),
        }
    }
}

/// Series that become one must measure in one unit; where a unit is not known the other's holds.
fn check_units(from: &DeviceView, into: &DeviceView) -> Result<(), DeviceError> {
    for metric in &from.metrics {
        let same = |other: &&crate::MetricView| other.record.metric == metric.record.metric;
        let Some(other) = into.metrics.iter().find(same) else { continue };
        if let (Some(from_unit), Some(into_unit)) = (&metric.record.unit, &other.record.unit)
            && from_unit != into_unit
        {
            return Err(DeviceError::Units {
                metric: metric.record.metric.as_str().to_owned(),
                from: from.record.key.clone(),
                from_unit: from_unit.as_str().to_owned(),
                into: into.record.key.clone(),
                into_unit: into_unit.as_str().to_owned(),
            });
        }
    }
    Ok(())
}
