//! The greatest ids ever given. A store remembers the devices and series that are there; where a deletion or merge took some
//! away, a document of the catalogue remembers how far the numbers went, so that none is given again.

use std::sync::Arc;

use store::{Catalog, CatalogError, Expected, Version};

use crate::document::{IDS, LastIds};

pub(crate) struct Ids {
    catalog: Arc<dyn Catalog>,
    kept: LastIds,
    version: Option<Version>,
}

impl Ids {
    pub(crate) async fn read(catalog: Arc<dyn Catalog>) -> Result<Self, CatalogError> {
        let (kind, id) = IDS;
        let document = catalog.get(kind, id).await?;
        let kept = document.as_ref().and_then(|document| serde_json::from_str(&document.body).ok());
        Ok(Self { catalog, kept: kept.unwrap_or_default(), version: document.map(|document| document.version) })
    }

    pub(crate) fn kept(&self) -> LastIds {
        self.kept
    }

    /// Durable when it returns.
    pub(crate) async fn keep(&mut self, last: LastIds) -> Result<(), CatalogError> {
        if last == self.kept {
            return Ok(());
        }
        let (kind, id) = IDS;
        let body = format!(r#"{{"device":{},"series":{}}}"#, last.device, last.series);
        let expected = self.version.map_or(Expected::Absent, Expected::Version);
        self.version = Some(self.catalog.put(kind, id, expected, &body, &[]).await?);
        self.kept = last;
        Ok(())
    }
}
