//! What a store needs done from time to time: readings older than people want to keep expire, and deleted devices go for good.
//!
//! It decides when and what; how it is done it asks of [`Holdings`]. It never takes anything away by a clock that cannot be
//! right: see [`ClockState`]. A policy that keeps less than the one in force waits a day, so that a mistake can be taken
//! back. No HTTP, no disk, no clock of its own.

#![warn(missing_docs)]

mod guard;
mod policy;
mod preview;
mod upkeep;

pub use guard::{ClockState, JUMP_MS};
pub use policy::{DAYS_MAX, Policy, PolicyError, RULES_MAX, Rule, Subject};
pub use preview::{DevicePreview, Preview};
pub use upkeep::{
    Failed, HeldDevice, HeldSeries, Holdings, KIND, PENDING_MS, Pending, RetentionView, Upkeep, UpkeepError,
};
