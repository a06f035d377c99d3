//! The two ports of a store, their contract in prose, and what every store is held against.
//!
//! [`Readings`] keeps what devices measured, [`Catalog`] keeps small records that people edit. [`MemoryStore`] is the
//! oracle: simple enough to be believed. The conformance suite has a test for each sentence of the contract and is run
//! by every adapter.

#![warn(missing_docs)]

mod batch;
mod beside;
mod catalog;
mod flaky;
mod foreign;
pub mod found;
mod gate;
mod gone;
pub mod hours;
mod memory;
mod readings;
mod repeats;
mod state;
pub mod strands;
#[cfg(feature = "testing")]
pub mod testing;
mod tidings;

pub use batch::{
    Batch, BookDelta, DeviceRecord, EXPIRY_SERIES_MAX, Entry, ExpiryRecord, HiddenRecord, MergeRecord, MessageRecord,
    RepeatMark, SeriesReading, SeriesRecord, UnreadId, UnreadRecord,
};
pub use catalog::{
    Catalog, CatalogError, Claim, DOCUMENT_BYTES_MAX, Document, Expected, Version, Write, check_version,
};
pub use flaky::{Fault, FlakyStore};
pub use foreign::{Foreign, Node, NodeReport};
pub use gate::{Gate, Refusal};
pub use gone::{Gone, HIDDEN_RANGES_MAX};
pub use memory::MemoryStore;
pub use readings::{
    Commit, CommitOutcome, Degraded, Lost, Novelty, Order, Readings, Restored, Sequence, StoreError, StoreStats,
};
pub use repeats::{REPEATS_MAX, REPEATS_PER_CLIENT_MAX, REPEATS_WINDOW_MS, RepeatWindow};
pub use state::{GoneCounts, MergePlan, Remembered, State, UNREAD_BYTES_MAX, UNREAD_MAX};
pub use tidings::{Listener, Tidings};
