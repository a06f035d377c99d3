//! The two ports of a store, their contract in prose, and what every store is held against.
//!
//! [`Readings`] keeps what devices measured, [`Catalog`] keeps small records that people edit. [`MemoryStore`] is the
//! oracle: simple enough to be believed. The conformance suite has a test for each sentence of the contract and is run
//! by every adapter.

#![warn(missing_docs)]

mod batch;
mod catalog;
mod readings;

pub use batch::{
    Batch, BookDelta, DeviceRecord, Entry, MessageRecord, RepeatMark, SeriesReading, SeriesRecord, UnreadId,
    UnreadRecord,
};
pub use catalog::{Catalog, CatalogError, Claim, Document, Expected, Version};
pub use readings::{
    Commit, CommitOutcome, Degraded, Novelty, Order, Readings, Restored, Sequence, StoreError, StoreStats,
};
