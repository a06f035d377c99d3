//! Devices made and changed by people.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{DeviceKey, Timestamp, TopicFilter, Unit};
use store::{CatalogError, Expected, Version};
use tokio::sync::oneshot;

use crate::Ingest;
use crate::bindings::Bound;
use crate::change::{check_bindings, forget_hardware, replace_hardware};
use crate::command::{Added, Command};
use crate::document::{DeviceDocument, HardwareMark, KIND};
use crate::registry::Registry;
use crate::view::DeviceView;

/// A device to create.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Unique.
    pub key: DeviceKey,
    /// What is said about it.
    pub document: DeviceDocument,
}

/// A change of some fields; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct DeviceChange {
    /// Another name; `Some(None)` goes back to the key.
    pub name: Option<Option<String>>,
    /// Other tags.
    pub tags: Option<Vec<String>>,
    /// Another place.
    pub place: Option<Option<String>>,
    /// Accepted or marked *New* again.
    pub accepted: Option<bool>,
    /// Hidden or shown.
    pub hidden: Option<bool>,
    /// Other bindings.
    pub topics: Option<Vec<TopicFilter>>,
    /// Other MQTT client ids.
    pub clients: Option<Vec<String>>,
    /// Tags to have besides; one that is there already stays as it is.
    pub add_tags: Vec<String>,
    /// Tags to have no longer.
    pub remove_tags: Vec<String>,
    /// Another group; `Some(None)` takes it out of its group.
    pub group: Option<Option<String>>,
    /// Archived, or in the lists again.
    pub archived: Option<bool>,
    /// Of metrics by name: how their values are to be shown.
    pub display: BTreeMap<String, DisplayChange>,
}

/// A change of how the values of a metric are shown; what is `None` stays, `Some(None)` goes back to what the device sends.
#[derive(Clone, Debug, Default)]
pub struct DisplayChange {
    /// Another unit of the same quantity.
    pub unit: Option<Option<Unit>>,
    /// Digits behind the decimal point, [`PRECISION_MAX`] at most.
    pub precision: Option<Option<u8>>,
}

/// A change that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// No device of that key.
    #[error("no device has the key {0:?}")]
    Unknown(String),
    /// There is one already.
    #[error("a device with the key {0} exists")]
    Exists(DeviceKey),
    /// It was deleted, and can be restored.
    #[error("the device {0:?} was deleted and can still be restored; restore it, or delete it for good first")]
    Deleted(String),
    /// It is bound to a device already.
    #[error("the client {client:?} is bound to {device}")]
    ClientBound {
        /// Which.
        client: String,
        /// Whose it is.
        device: DeviceKey,
    },
    /// The device has no such mark.
    #[error("{device} has no mark of replaced hardware at {at}")]
    UnknownHardware {
        /// The device.
        device: DeviceKey,
        /// Epoch milliseconds.
        at: i64,
    },
    /// Somebody has accepted it: it is no guess any more.
    #[error("{0} was accepted: delete it with its readings, or mark it as new again")]
    Accepted(DeviceKey),
    /// Its messages are heard.
    #[error("nobody ignores {0:?}")]
    NotIgnored(String),
    /// Nothing is restored that was not deleted.
    #[error("no deleted device has the key {0:?}")]
    NotDeleted(String),
    /// A device cannot become a part of itself.
    #[error("a device cannot be merged into itself")]
    Itself,
    /// A metric of both has different units.
    #[error("{metric} of {from} is in {from_unit}, of {into} in {into_unit}: they cannot be one series")]
    Units {
        /// Which.
        metric: String,
        /// The one that would go.
        from: DeviceKey,
        /// Its unit.
        from_unit: String,
        /// The one that would stay.
        into: DeviceKey,
        /// Its unit.
        into_unit: String,
    },
    /// A limit is reached; the stable code of it, and a sentence.
    #[error("{detail}")]
    Limit {
        /// Such as `too_many_hidden`.
        code: &'static str,
        /// For a person.
        detail: String,
    },
    /// The device has no such metric.
    #[error("device {device:?} has no metric {metric:?}")]
    UnknownMetric {
        /// The device.
        device: String,
        /// What it does not have.
        metric: String,
    },
    /// Values of the metric cannot be shown in that unit.
    #[error("{metric} is in {from}, which is not convertible to {to}")]
    NotConvertible {
        /// Which.
        metric: String,
        /// Its unit, or that it has none.
        from: String,
        /// What was asked for.
        to: String,
    },
    /// Calibrations that cannot be; the stable code, and a sentence.
    #[error("{detail}")]
    Calibration {
        /// Such as `calibration_invalid`.
        code: &'static str,
        /// For a person.
        detail: String,
    },
    /// A metric of both is calibrated differently.
    #[error("{metric} of {from} and of {into} are calibrated differently: they cannot be one series")]
    CalibrationsDiffer {
        /// Which.
        metric: String,
        /// The one that would go.
        from: DeviceKey,
        /// The one that would stay.
        into: DeviceKey,
    },
    /// It is at another version than the one the caller saw.
    #[error("the device was changed by somebody else; it is at version {found}")]
    Conflict {
        /// What is there now.
        found: u64,
    },
    /// Another server that shares the store took away or changed what it was about, at the same time.
    #[error("another server was faster: look at the device again")]
    Overtaken,
    /// Ingest has stopped, or its batch was not stored.
    #[error("the device could not be stored")]
    NotStored,
    /// The catalogue failed.
    #[error("the catalogue failed")]
    Catalog(#[source] CatalogError),
}

impl Ingest {
    /// Makes a device; it is durable when this returns. Its bindings hold from the next message on.
    ///
    /// # Errors
    /// [`DeviceError::Exists`], or the store failed.
    pub async fn create_device(&self, new: NewDevice) -> Result<DeviceView, DeviceError> {
        let this = self.clone();
        to_its_end(async move { this.create(new).await }).await
    }

    async fn create(&self, mut new: NewDevice) -> Result<DeviceView, DeviceError> {
        let _turn = self.changes.lock().await;
        let key = new.key.as_str();
        if self.shared.registry.any_device(key, self.clock.now()).is_some_and(|it| it.document.deleted_at.is_some()) {
            return Err(DeviceError::Deleted(key.to_owned()));
        }
        let ignored = self.ignored_document(key).await?;
        if let Some((document, _)) = &ignored {
            new.document.merged.clone_from(&document.merged);
            if new.document.topics.is_empty() {
                new.document.topics.clone_from(&document.topics);
            }
            if new.document.clients.is_empty() {
                new.document.clients.clone_from(&document.clients);
            }
        }
        check_bindings(&new.document.topics, &new.document.clients)?;
        check_clients(&self.shared.bindings.current(), &new.key, &new.document.clients)?;
        let (done, added) = oneshot::channel();
        let command = Command::AddDevice { key: new.key.clone(), done };
        self.commands.send(command).await.map_err(|_| DeviceError::NotStored)?;
        match added.await.unwrap_or(Added::Failed) {
            Added::New(_) => {}
            Added::Exists => return Err(DeviceError::Exists(new.key)),
            Added::Failed => return Err(DeviceError::NotStored),
        }
        let device = self.write(new.key.as_str(), None, |document| *document = new.document).await?;
        if ignored.is_some() {
            self.forget_ignored(new.key.as_str()).await?;
            self.shared.bindings.ignore(&new.key, false);
        }
        Ok(device)
    }

    /// Changes what is said about a device. With `expected` only if it is still at that version.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`], [`DeviceError::Conflict`], or the catalogue failed.
    pub async fn change_device(
        &self,
        key: &str,
        expected: Option<u64>,
        change: DeviceChange,
    ) -> Result<DeviceView, DeviceError> {
        let shared = Arc::clone(&self.shared);
        let edit = move |device: &mut DeviceView| {
            let clients = change.clients.as_deref().unwrap_or_default();
            check_clients(&shared.bindings.current(), &device.record.key, clients)?;
            change.apply(device)
        };
        self.edit(key, expected, edit, |_, _| {}).await
    }

    /// Takes the mark *New* from the devices that tables brought: whoever brought the table knows them. How many there were.
    ///
    /// # Errors
    /// The catalogue failed; those before are accepted.
    pub async fn accept_imported(&self) -> Result<usize, DeviceError> {
        let imported = self.shared.registry.imported();
        for key in &imported {
            let change = DeviceChange { accepted: Some(true), ..DeviceChange::default() };
            match self.change_device(key.as_str(), None, change).await {
                // Somebody was faster.
                Ok(_) | Err(DeviceError::Unknown(_) | DeviceError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(imported.len())
    }

    /// Marks that the hardware behind a device was replaced; its history goes on. With `expected` only if it is still at that
    /// version.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`], [`DeviceError::Conflict`], a limit, or the catalogue failed.
    pub async fn mark_hardware(
        &self,
        key: &str,
        expected: Option<u64>,
        mark: HardwareMark,
    ) -> Result<DeviceView, DeviceError> {
        let tell = |this: &Self, device: &DeviceView| {
            this.shared.registry.hardware_replaced(&device.record.key, this.clock.now());
        };
        self.edit(key, expected, |device| replace_hardware(device, mark), tell).await
    }

    /// Takes a mark of replaced hardware back. With `expected` only if the device is still at that version.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`], [`DeviceError::UnknownHardware`], [`DeviceError::Conflict`], or the catalogue failed.
    pub async fn forget_hardware(
        &self,
        key: &str,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<DeviceView, DeviceError> {
        self.edit(key, expected, move |device| forget_hardware(device, at.millis()), |_, _| {}).await
    }

    /// Changes the document of a device in use, in turn with all other changes; `then` follows once that is durable.
    async fn edit(
        &self,
        key: &str,
        expected: Option<u64>,
        edit: impl FnOnce(&mut DeviceView) -> Result<(), DeviceError> + Send + 'static,
        then: impl FnOnce(&Self, &DeviceView) + Send + 'static,
    ) -> Result<DeviceView, DeviceError> {
        let (this, key) = (self.clone(), key.to_owned());
        to_its_end(async move {
            let _turn = this.changes.lock().await;
            if this.device(&key).is_none() {
                return Err(DeviceError::Unknown(key));
            }
            let device = this.write_checked(&key, expected, edit).await?;
            then(&this, &device);
            Ok(device)
        })
        .await
    }

    /// Whoever calls it has its turn.
    pub(crate) async fn write(
        &self,
        key: &str,
        expected: Option<u64>,
        edit: impl FnOnce(&mut DeviceDocument) + Send,
    ) -> Result<DeviceView, DeviceError> {
        let edit = |device: &mut DeviceView| {
            edit(&mut device.document);
            Ok(())
        };
        self.write_checked(key, expected, edit).await
    }

    /// As [`Ingest::write`], for an edit that may refuse what it sees; only what it makes of the document is written.
    pub(crate) async fn write_checked(
        &self,
        key: &str,
        expected: Option<u64>,
        edit: impl FnOnce(&mut DeviceView) -> Result<(), DeviceError> + Send,
    ) -> Result<DeviceView, DeviceError> {
        let registry: &Registry = &self.shared.registry;
        let unknown = || DeviceError::Unknown(key.to_owned());
        self.read_document(key).await?;
        let mut device = registry.any_device(key, self.clock.now()).ok_or_else(unknown)?;
        if expected.is_some_and(|expected| expected != device.version) {
            return Err(DeviceError::Conflict { found: device.version });
        }
        edit(&mut device)?;
        let document = device.document;
        let body = serde_json::to_string(&document).map_err(|_| DeviceError::NotStored)?;
        let before = if device.version == 0 { Expected::Absent } else { Expected::Version(Version(device.version)) };
        let id = device.record.id;
        let version = match self.catalog.put(KIND, &id.0.to_string(), before, &body, &[]).await {
            Ok(version) => version,
            Err(CatalogError::Conflict { found }) => {
                return Err(DeviceError::Conflict { found: found.map_or(0, |version| version.0) });
            }
            Err(error) => return Err(DeviceError::Catalog(error)),
        };
        registry.set_document(id, document, version);
        // Another server may have written a newer one by now.
        self.shared.bindings.bind_as(&device.record.key, || registry.document(id));
        registry.any_device(key, self.clock.now()).ok_or_else(unknown)
    }

    /// Where others change devices too, a change begins with what they wrote last.
    pub(crate) async fn read_document(&self, key: &str) -> Result<(), DeviceError> {
        let device = self.shared.registry.any_device(key, self.clock.now()).filter(|_| self.shared.is_shared());
        let Some(DeviceView { record, .. }) = device else { return Ok(()) };
        let found = self.catalog.get(KIND, &record.id.0.to_string()).await.map_err(DeviceError::Catalog)?;
        let Some(found) = found else { return Ok(()) };
        let document = serde_json::from_str(&found.body).map_err(|_| DeviceError::NotStored)?;
        self.shared.registry.follow_documents(vec![(record.id, document, found.version)]);
        Ok(())
    }
}

/// A client speaks for one device.
fn check_clients(bound: &Bound, key: &DeviceKey, clients: &[String]) -> Result<(), DeviceError> {
    for client in clients {
        if let Some(device) = bound.client(client).filter(|device| *device != key) {
            return Err(DeviceError::ClientBound { client: client.clone(), device: device.clone() });
        }
    }
    Ok(())
}

/// Runs a change to its end even if whoever asked for it goes away in the middle: the catalogue and what we remember of it
/// must not drift apart.
pub(crate) async fn to_its_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, DeviceError>> + Send + 'static,
) -> Result<T, DeviceError> {
    tokio::spawn(change).await.unwrap_or(Err(DeviceError::NotStored))
}
