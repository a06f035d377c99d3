//! What every store is held against: the conformance suite (a test for each sentence of the contract) and the oracle
//! (random operations compared with [`crate::MemoryStore`]). Only built with the feature `testing`.
//!
//! An adapter under test opens its stores with [`UNREAD_MAX`] as the length of the unread list.

#![expect(clippy::unwrap_used, reason = "this is test code; a panic is how a test fails")]

pub mod conformance;
pub mod conformance_catalog;
mod conformance_removal;
mod conformance_restart;
mod conformance_windows;
pub mod every_call;
pub mod oracle;
mod oracle_check;
mod scene;

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Catalog, MemoryStore, Readings};

/// Length of the unread list of a store under test.
pub const UNREAD_MAX: usize = 20;

/// Both ports of one open store.
#[derive(Clone)]
pub struct Opened {
    /// One port.
    pub readings: Arc<dyn Readings>,
    /// The other.
    pub catalog: Arc<dyn Catalog>,
}

/// Makes stores for the suite.
#[async_trait]
pub trait Adapter: Send {
    /// Throws away what there was and opens an empty store.
    async fn fresh(&mut self) -> Opened;

    /// The store after a crash: `opened` was the last handle and nobody closed it.
    async fn crashed(&mut self, opened: Opened) -> Opened;

    /// The store opened again after it was closed properly.
    async fn reopened(&mut self, closed: Opened) -> Opened;

    /// Whether the store counts readings as upserted, since it does not look before it writes.
    fn upserts(&self) -> bool {
        false
    }
}

/// The oracle itself as an adapter. It keeps nothing across a process, so a crash leaves it as it is.
#[derive(Debug, Default)]
pub struct MemoryAdapter {
    current: Option<Arc<MemoryStore>>,
}

impl MemoryAdapter {
    fn both(store: &Arc<MemoryStore>) -> Opened {
        Opened { readings: Arc::<MemoryStore>::clone(store), catalog: Arc::<MemoryStore>::clone(store) }
    }
}

#[async_trait]
impl Adapter for MemoryAdapter {
    async fn fresh(&mut self) -> Opened {
        let store = Arc::new(MemoryStore::with_unread_max(UNREAD_MAX));
        self.current = Some(Arc::clone(&store));
        Self::both(&store)
    }

    async fn crashed(&mut self, opened: Opened) -> Opened {
        opened
    }

    async fn reopened(&mut self, _closed: Opened) -> Opened {
        let store = self.current.clone().unwrap();
        store.open_again();
        Self::both(&store)
    }
}
