//! From an inbound message to a durable reading, and back to whoever waits for the acknowledgement.
//!
//! One task takes everything that waits, decodes it, settles identity, time and key, and hands one batch to the store;
//! a second task waits for the commits in order and only then tells the senders, the live ring and the registry. So
//! nothing that is not durable is ever acknowledged or shown. The crate knows ports only: no broker, no HTTP, no disk.

#![warn(missing_docs)]

mod bindings;
mod command;
mod devices;
mod document;
mod draft;
mod heard;
mod identity;
mod limits;
mod live;
mod pipeline;
mod registry;
mod repeats;
mod rhythm;
mod settle;
mod shared;
mod stamp;
mod take;
mod taken;
mod time_policy;

pub use command::Retried;
pub use devices::{DeviceChange, DeviceError, NewDevice};
pub use document::{Demo, DeviceDocument};
pub use heard::{Heard, HeardReading};
pub use limits::Limits;
pub use live::{LiveBatch, LiveRing, Since};
pub use pipeline::{Ingest, IngestTasks, TotalBook};
pub use registry::{DeviceView, MetricView, Status};
pub use time_policy::TimePolicy;
