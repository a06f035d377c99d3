//! Devices deleted, restored and merged by people.
//!
//! A deletion has two steps. First the device's document says so: it is out of every list, its readings are not answered and
//! its messages are ignored, and for seven days all of it can be restored. Then, or at once where that is asked for, an entry
//! of the log takes device, series and readings away for good, and a document of its own keeps its sender ignored until
//! somebody makes a device of that key. A stop at any point in between leaves the device deleted.

use model::{DeviceKey, Timestamp};
use store::{Entry, Expected, MergeRecord, Version};
use tokio::sync::oneshot;

use crate::Ingest;
use crate::calibration::check_merge;
use crate::command::{Command, Decided};
use crate::devices::{DeviceError, to_its_end};
use crate::document::{DeviceDocument, IGNORED_KIND, IgnoredDocument, KIND};
use crate::documents;
use crate::view::DeviceView;

/// For so long a deleted device can be restored: seven days.
pub const RESTORABLE_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Senders that are ignored at the same time. A further deletion is refused as `too_many_ignored`.
pub const IGNORED_MAX: usize = 10_000;

/// A sender whose messages are rejected as `ignored`.
#[derive(Clone, Debug)]
pub struct IgnoredSender {
    /// Its device's key.
    pub key: DeviceKey,
    /// When its device was deleted.
    pub since: Timestamp,
    /// Until when its device can be restored; none if it is gone for good.
    pub restorable_until: Option<Timestamp>,
    /// The device, while it can be restored.
    pub device: Option<DeviceView>,
}

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

    async fn delete(&self, key: &str, expected: Option<u64>, for_good: bool) -> Result<(), DeviceError> {
        let unknown = || DeviceError::Unknown(key.to_owned());
        let now = self.clock.now();
        let device = self.shared.registry.any_device(key, now).ok_or_else(unknown)?;
        if device.document.deleted_at.is_none() {
            if self.shared.bindings.current().ignored_count() >= IGNORED_MAX {
                let detail = format!("{IGNORED_MAX} senders are ignored already: accept or restore some of them first");
                return Err(DeviceError::Limit { code: "too_many_ignored", detail });
            }
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
        let DeviceDocument { topics, merged, deleted_at, .. } = device.document;
        let ignored = IgnoredDocument { since: deleted_at.unwrap_or_default(), topics, merged };
        let body = serde_json::to_string(&ignored).map_err(|_| DeviceError::NotStored)?;
        let before = self.ignored_document(key).await?;
        let expected = before.map_or(Expected::Absent, |(_, version)| Expected::Version(version));
        self.catalog.put(IGNORED_KIND, key, expected, &body, &[]).await.map_err(DeviceError::Catalog)?;
        self.decide(Entry::DeviceDeleted(device.record.id)).await?;
        self.drop_document(&device.record.id.0.to_string(), device.version).await;
        tracing::info!(device = ?key, "a device was deleted for good");
        Ok(())
    }

    /// The next start would remove it as well.
    async fn drop_document(&self, id: &str, version: u64) {
        if version > 0
            && let Err(error) = self.catalog.remove(KIND, id, Version(version)).await
        {
            tracing::warn!(%error, id, "the document of a device that is gone could not be removed");
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
            let found = this.shared.registry.any_device(&key, this.clock.now());
            let Some(device) = found.filter(|device| device.document.deleted_at.is_some()) else {
                return Err(DeviceError::NotDeleted(key));
            };
            let restored = this.write(&key, None, |document| document.deleted_at = None).await?;
            if let Some((_, version)) = this.ignored_document(&key).await? {
                this.catalog.remove(IGNORED_KIND, &key, version).await.map_err(DeviceError::Catalog)?;
            }
            this.shared.bindings.ignore(&device.record.key, false);
            Ok(restored)
        })
        .await
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

    /// Whether messages of this sender are ignored.
    #[must_use]
    pub fn ignores(&self, key: &str) -> bool {
        self.shared.bindings.current().ignores(key)
    }

    /// Everyone who is ignored.
    ///
    /// # Errors
    /// The catalogue failed.
    pub async fn ignored(&self) -> Result<Vec<IgnoredSender>, DeviceError> {
        let deleted = self.shared.registry.deleted(self.clock.now());
        let mut senders: Vec<IgnoredSender> = deleted
            .into_iter()
            .map(|device| {
                let since = Timestamp::saturating(device.document.deleted_at.unwrap_or_default());
                let key = device.record.key.clone();
                IgnoredSender { key, since, restorable_until: Some(since.plus(RESTORABLE_MS)), device: Some(device) }
            })
            .collect();
        let gone = documents::all::<IgnoredDocument>(self.catalog.as_ref(), IGNORED_KIND).await;
        for (id, _, document) in gone.map_err(DeviceError::Catalog)? {
            let Ok(key) = DeviceKey::parse(&id) else { continue };
            if self.ignores(&id) && senders.iter().all(|sender| sender.key != key) {
                let since = Timestamp::saturating(document.since);
                senders.push(IgnoredSender { key, since, restorable_until: None, device: None });
            }
        }
        Ok(senders)
    }

    pub(crate) async fn ignored_document(&self, key: &str) -> Result<Option<(IgnoredDocument, Version)>, DeviceError> {
        let document = self.catalog.get(IGNORED_KIND, key).await.map_err(DeviceError::Catalog)?;
        Ok(document.map(|found| (serde_json::from_str(&found.body).unwrap_or_default(), found.version)))
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
        self.write(key, None, |document| {
            let topics = own.topics.into_iter().filter(|filter| !document.topics.contains(filter)).collect::<Vec<_>>();
            document.topics.extend(topics);
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
        self.decide(Entry::DeviceMerged(merge)).await?;
        self.shared.bindings.unbind(&from.record.key);
        self.drop_document(&from.record.id.0.to_string(), from.version).await;
        let merged = self.device(key).ok_or(DeviceError::NotStored)?;
        self.shared.bindings.bind(&merged.record.key, &merged.document);
        tracing::info!(from = from.record.key.as_str(), into = key, "a device was merged into another");
        Ok(merged)
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
