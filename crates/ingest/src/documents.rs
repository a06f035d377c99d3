//! The documents of devices and of ignored senders as they are read at start and when another server has written some, and what a
//! stop in the middle of a deletion or merge left behind.

use std::collections::{HashMap, HashSet};

use model::{DeviceId, DeviceKey};
use serde::de::DeserializeOwned;
use store::{Catalog, CatalogError, Document, Restored, Version};

use crate::bindings::{Bindings, Bound};
use crate::document::{DeviceDocument, IGNORED_KIND, IgnoredDocument, KIND};
use crate::shared::Shared;

type Documents = HashMap<DeviceId, (DeviceDocument, Version)>;

/// The documents of devices that there are; those of devices that were deleted or merged are removed. Where the store is `shared`
/// nothing is removed: what looks left behind may be what another server is about to do.
pub(crate) async fn read_documents(
    catalog: &dyn Catalog,
    restored: &Restored,
    shared: bool,
) -> Result<Documents, CatalogError> {
    let known: HashSet<DeviceId> = restored.devices.iter().map(|device| device.id).collect();
    let mut documents = HashMap::new();
    for (id, version, document) in all::<DeviceDocument>(catalog, KIND).await? {
        match id.parse().map(DeviceId) {
            Ok(device) if known.contains(&device) => _ = documents.insert(device, (document, version)),
            Ok(_) if shared => {}
            Ok(_) => catalog.remove(KIND, &id, version).await?,
            Err(_) => tracing::error!(?id, "a device document has no device's number and is left out"),
        }
    }
    Ok(documents)
}

/// What is bound to whom, and who is ignored: senders whose device is deleted. A device in use is never ignored, whatever an
/// ignored document says: it was made after that.
pub(crate) async fn read_bindings(
    catalog: &dyn Catalog,
    restored: &Restored,
    documents: &Documents,
    shared: bool,
) -> Result<Bindings, CatalogError> {
    let ignored = all::<IgnoredDocument>(catalog, IGNORED_KIND).await?;
    let document = |id| documents.get(id).map(|(document, _)| document);
    let devices = restored.devices.iter().map(|device| (&device.key, document(&device.id)));
    let (bound, left_behind) = bound(devices, ignored);
    for (id, version) in left_behind.into_iter().filter(|_| !shared) {
        catalog.remove(IGNORED_KIND, &id, version).await?;
    }
    Ok(Bindings::starting_with(bound))
}

/// What devices and ignored senders say together, and documents of senders that are not ignored any more.
fn bound<'d>(
    devices: impl Iterator<Item = (&'d DeviceKey, Option<&'d DeviceDocument>)>,
    ignored: Vec<(String, Version, IgnoredDocument)>,
) -> (Bound, Vec<(String, Version)>) {
    let (mut bound, mut in_use, mut left_behind) = (Bound::default(), HashSet::new(), Vec::new());
    for (key, document) in devices {
        if let Some(document) = document {
            bound.bind(key, document);
        }
        if document.is_some_and(|document| document.deleted_at.is_some()) {
            bound.ignore(key);
        } else {
            in_use.insert(key);
        }
    }
    for (id, version, document) in ignored {
        let Ok(key) = DeviceKey::parse(&id) else { continue };
        if in_use.contains(&key) {
            left_behind.push((id, version));
        } else if !bound.ignores(key.as_str()) {
            bound.bind(&key, &document.bindings());
            bound.ignore(&key);
        }
    }
    (bound, left_behind)
}

/// Takes over what another server wrote of devices, as far as it is newer than what is known, and who is ignored.
pub(crate) async fn follow_documents(catalog: &dyn Catalog, shared: &Shared) -> Result<(), CatalogError> {
    let mut newer = Vec::new();
    for (id, version, document) in all::<DeviceDocument>(catalog, KIND).await? {
        if let Ok(device) = id.parse().map(DeviceId) {
            newer.push((device, document, version));
        }
    }
    shared.registry.follow_documents(newer);
    loop {
        // A change of our own meanwhile may be newer than what is read here.
        let before = shared.bindings.current().version;
        let ignored = all::<IgnoredDocument>(catalog, IGNORED_KIND).await?;
        let inventory = shared.registry.read();
        let devices = inventory.devices().map(|device| (&device.record.key, Some(&device.document)));
        let (bound, _) = bound(devices, ignored);
        drop(inventory);
        if shared.bindings.replace(before, bound) {
            return Ok(());
        }
    }
}

/// Every document of a kind that can be read.
pub(crate) async fn all<T: DeserializeOwned>(
    catalog: &dyn Catalog,
    kind: &str,
) -> Result<Vec<(String, Version, T)>, CatalogError> {
    let mut all = Vec::new();
    for document in every(catalog, kind).await? {
        match serde_json::from_str(&document.body) {
            Ok(body) => all.push((document.id, document.version, body)),
            Err(error) => {
                tracing::error!(kind, id = ?document.id, %error, "a document cannot be read and is left out");
            }
        }
    }
    Ok(all)
}

/// Every document of a kind, in order of id.
pub(crate) async fn every(catalog: &dyn Catalog, kind: &str) -> Result<Vec<Document>, CatalogError> {
    const PAGE: usize = 1_000;
    let mut every = Vec::new();
    loop {
        let after = every.last().map(|document: &Document| document.id.clone());
        let page = catalog.list(kind, after.as_deref(), PAGE).await?;
        let full = page.len() == PAGE;
        every.extend(page);
        if !full {
            return Ok(every);
        }
    }
}
