//! The documents of devices and of ignored senders as they are read at start, and what a stop in the middle of a deletion or
//! merge left behind.

use std::collections::{HashMap, HashSet};

use model::{DeviceId, DeviceKey};
use serde::de::DeserializeOwned;
use store::{Catalog, CatalogError, Document, Restored, Version};

use crate::bindings::Bindings;
use crate::document::{DeviceDocument, IGNORED_KIND, IgnoredDocument, KIND};

type Documents = HashMap<DeviceId, (DeviceDocument, Version)>;

/// The documents of devices that there are; those of devices that were deleted or merged are removed.
pub(crate) async fn read_documents(catalog: &dyn Catalog, restored: &Restored) -> Result<Documents, CatalogError> {
    let known: HashSet<DeviceId> = restored.devices.iter().map(|device| device.id).collect();
    let mut documents = HashMap::new();
    for (id, version, document) in all::<DeviceDocument>(catalog, KIND).await? {
        match id.parse().map(DeviceId) {
            Ok(device) if known.contains(&device) => _ = documents.insert(device, (document, version)),
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
) -> Result<Bindings, CatalogError> {
    let bindings = Bindings::default();
    let mut in_use = HashSet::new();
    for device in &restored.devices {
        let document = documents.get(&device.id).map(|(document, _)| document);
        if let Some(document) = document {
            bindings.bind(&device.key, document);
        }
        if document.is_some_and(|document| document.deleted_at.is_some()) {
            bindings.ignore(&device.key, true);
        } else {
            in_use.insert(&device.key);
        }
    }
    for (id, version, document) in all::<IgnoredDocument>(catalog, IGNORED_KIND).await? {
        let Ok(key) = DeviceKey::parse(&id) else { continue };
        if in_use.contains(&key) {
            catalog.remove(IGNORED_KIND, &id, version).await?;
            continue;
        }
        if !bindings.current().ignores(key.as_str()) {
            bindings.bind(&key, &document.bindings());
            bindings.ignore(&key, true);
        }
    }
    Ok(bindings)
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
