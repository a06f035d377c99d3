//! The embedded store: a write-ahead log for the promise, a head in memory for what is new, compressed frames as rows of
//! one SQLite database for everything else. `FORMAT.md` beside this crate describes every file.
//!
//! The life of a batch: `append` encodes it and puts it into a bounded queue; one thread takes everything that waits,
//! writes it as one record of the log and syncs; then it is applied to memory, then its commit resolves. Another thread
//! moves the head into the database, all of it up to one cut in one transaction, while messages keep coming in.
//!
//! It is not a cache, not a network client, and it decides nothing about devices or messages.
//!
//! Invariants:
//! * Nothing can be read before it is on stable storage; nothing that was reported durable is missing after any crash.
//! * A reader takes memory first and the database second, so that what moves between them is found twice and answered
//!   once, never not at all.
//! * Of one key the later value is answered; in frames the rank of the frame says which is later.
//! * What follows from the log is never written to the database without the cut that covers it.
//!
//! * Damage of one series is named, and holds up no other: no flush, no barrier, no start.

#![warn(missing_docs)]

mod backup;
mod barrier;
mod care;
mod catalog;
mod check;
mod checkpoint;
mod database;
mod embedded;
mod flush;
mod guard;
mod head;
mod health;
mod hours;
mod lost;
mod memory;
mod mended_log;
mod mending;
mod merge_plan;
mod merging;
mod open;
mod options;
mod pace;
mod queue;
mod reading;
mod record;
mod removal;
mod repair;
mod restore;
mod rows;
mod salvage;
mod spans;
mod tally;
mod transfer;
mod upgrade;
mod viewing;
mod windowing;
mod writer;

pub use backup::{MANIFEST, Manifest, backup};
pub use care::{CareError, FileSum, Progress};
pub use check::{Checked, Finding, check};
pub use database::FORMAT;
pub use embedded::EmbeddedStore;
pub use guard::{Space, Volume, VolumeOf};
pub use lost::LOST_MAX;
pub use open::open;
pub use options::{BATCH_BYTES_MAX, GROUP_BATCHES_MAX, GROUP_BYTES_MAX, Limits, OpenError, Options};
pub use repair::{Report, repair};
pub use restore::{Census, Trial, census, manifest, restore, trial};
pub use transfer::{Transferred, export, import};
pub use viewing::SECRETS;
