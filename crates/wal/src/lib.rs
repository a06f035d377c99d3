//! The write-ahead log: what was reported durable is read back after any crash, or the damage is reported.
//!
//! One group commit is one record with one checksum over store id, segment number, sequence and payload. The next record
//! is written only after the one before was synced, so a bad record with a good one behind it is damage and a bad last
//! one is a torn tail that nobody was told about. Files are reached through [`Files`] only: [`RealFiles`] is a directory,
//! [`SimFiles`] a seeded directory in memory that crashes, fails and fills up on command.
//!
//! It knows nothing of readings: payloads are bytes. It starts no thread, waits for nothing and reads no clock; its caller
//! decides when to try again. After a failed write or sync the file is never written again: the caller appends the
//! same record once more and it goes into a new segment; replay skips sequences it has already seen. A file of an earlier life
//! is never written again either, and the last record of that life is written once more before anything is built on it.

#![warn(missing_docs)]

mod files;
mod log;
mod real;
mod record;
mod recover;
mod salvage;
mod sim;

pub use files::{File, Files};
pub use log::{AppendError, Cause, Log, Options, RECORD_BYTES_MAX};
pub use real::RealFiles;
pub use record::StoreId;
pub use recover::{Record, Recovery, TornTail, WalError};
pub use salvage::{Kept, Rubbish, Salvaged, salvage};
pub use sim::SimFiles;
