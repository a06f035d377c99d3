//! Ids that are given once. A store remembers the devices and series that are there; where a deletion or merge took some away, a
//! document of the catalogue remembers how far the numbers went, so that none is given again. Servers that share a store give ids of
//! classes of their own, so that no two give the same.

use std::sync::Arc;

use store::{Catalog, CatalogError, Expected, Node, Version};

use crate::document::{IDS, LastIds};

/// See [`Node::CLASSES`].
const CLASSES: u64 = Node::CLASSES as u64;
/// So often a document is written that others write too. Then it has failed.
const TRIES: usize = 8;

/// The first id behind `last` that is the node's to give; none behind the last of all, when no more can be given. Node 0 is alone and
/// gives every number.
pub(crate) fn next_id(last: u32, node: Node) -> Option<u32> {
    u32::try_from(next_number(u64::from(last), node)).ok()
}

/// The same of numbers that do not end.
pub(crate) fn next_number(last: u64, Node(node): Node) -> u64 {
    if node == 0 {
        return last + 1;
    }
    let first = last + 1;
    first + (u64::from(node) + CLASSES - first % CLASSES) % CLASSES
}

pub(crate) struct Ids {
    catalog: Arc<dyn Catalog>,
    kept: LastIds,
    version: Option<Version>,
}

impl Ids {
    pub(crate) async fn read(catalog: Arc<dyn Catalog>) -> Result<Self, CatalogError> {
        let mut ids = Self { catalog, kept: LastIds::default(), version: None };
        ids.read_anew().await?;
        Ok(ids)
    }

    async fn read_anew(&mut self) -> Result<(), CatalogError> {
        let (kind, id) = IDS;
        let document = self.catalog.get(kind, id).await?;
        let kept: Option<LastIds> = document.as_ref().and_then(|document| serde_json::from_str(&document.body).ok());
        self.kept = self.kept.max_of(kept.unwrap_or_default());
        self.version = document.map(|document| document.version);
        Ok(())
    }

    pub(crate) fn catalog(&self) -> &dyn Catalog {
        self.catalog.as_ref()
    }

    pub(crate) fn kept(&self) -> LastIds {
        self.kept
    }

    /// Durable when it returns. Another node may have kept greater ones meanwhile, which stay.
    pub(crate) async fn keep(&mut self, last: LastIds) -> Result<(), CatalogError> {
        let mut tries = 1;
        loop {
            let next = self.kept.max_of(last);
            if next == self.kept {
                return Ok(());
            }
            let (kind, id) = IDS;
            let body = format!(r#"{{"device":{},"series":{}}}"#, next.device, next.series);
            let expected = self.version.map_or(Expected::Absent, Expected::Version);
            match self.catalog.put(kind, id, expected, &body, &[]).await {
                Ok(version) => {
                    (self.version, self.kept) = (Some(version), next);
                    return Ok(());
                }
                Err(CatalogError::Conflict { .. }) if tries < TRIES => {
                    tries += 1;
                    self.read_anew().await?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl LastIds {
    pub(crate) fn max_of(self, other: Self) -> Self {
        Self { device: self.device.max(other.device), series: self.series.max(other.series) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_node_are_of_its_class_and_grow() {
        for node in [1, 2, 255] {
            let mut last = 0;
            for _ in 0..1_000 {
                let next = next_id(last, Node(node)).unwrap();
                assert!(next > last && next - last <= 256 && next % 256 == u32::from(node));
                last = next;
            }
        }
        assert_eq!(next_id(257, Node(2)), Some(258));
        assert_eq!(next_id(258, Node(1)), Some(513));
        assert_eq!(next_id(7, Node(0)), Some(8));
    }

    #[test]
    fn behind_the_last_id_there_is_none() {
        assert_eq!(next_id(u32::MAX, Node(0)), None);
        assert_eq!(next_id(u32::MAX - 1, Node(0)), Some(u32::MAX));
        assert_eq!(next_id(u32::MAX - 1, Node(255)), Some(u32::MAX));
        assert_eq!(next_id(u32::MAX - 254, Node(1)), None);
    }

    #[tokio::test]
    async fn two_nodes_keep_the_greatest_of_both() {
        let store = store::MemoryStore::default();
        let catalog = |node| Arc::new(store.beside(Node(node))) as Arc<dyn Catalog>;
        let (mut one, mut two) = (Ids::read(catalog(1)).await.unwrap(), Ids::read(catalog(2)).await.unwrap());
        one.keep(LastIds { device: 257, series: 1 }).await.unwrap();
        two.keep(LastIds { device: 2, series: 258 }).await.unwrap();
        one.keep(LastIds { device: 257, series: 513 }).await.unwrap();
        let kept = Ids::read(catalog(3)).await.unwrap().kept();
        assert_eq!(kept, LastIds { device: 257, series: 513 });
    }
}
