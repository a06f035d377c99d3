//! From an inbound message to a durable reading, and back to whoever waits for the acknowledgement.
//!
//! One task takes everything that waits, decodes it, settles identity, time and key, and hands one batch to the store;
//! a second task waits for the commits in order and only then tells the senders, the live ring and the registry. So
//! nothing that is not durable is ever acknowledged or shown. The crate knows ports only: no broker, no HTTP, no disk.

#![warn(missing_docs)]

mod again;
mod announcements;
mod answer;
mod arrival;
mod bindings;
mod calibration;
mod change;
mod clients;
mod command;
mod devices;
mod document;
mod documents;
mod draft;
mod elsewhere;
mod events;
mod events_kept;
mod follow;
mod health;
mod heard;
mod hiding;
mod identity;
mod ids;
mod ignoring;
mod inventory;
mod limits;
mod live;
mod newcomers;
mod orders;
mod past;
mod pipeline;
mod rate;
mod reader;
mod registry;
mod removal;
mod repeats;
mod retained;
mod rhythm;
mod rule_changes;
mod rule_retry;
mod rule_suggestion;
mod rule_trial;
mod rules;
mod settle;
mod shared;
mod stamp;
mod status;
mod sweep;
mod take;
mod taken;
mod time_policy;
mod traces;
mod view;
mod watch;

pub use announcements::{DeviceTold, MetricTold};
pub use calibration::{CALIBRATIONS_MAX, OFFSET_MAX, SCALE_MAX};
pub use change::{CLIENTS_MAX, FILTERS_MAX, HARDWARE_MAX, PRECISION_MAX, TAGS_MAX};
pub use command::Retried;
pub use devices::{DeviceChange, DeviceError, DisplayChange, NewDevice};
pub use document::{Calibration, Demo, DeviceDocument, Display, HardwareMark};
pub use events::{Event, EventCode};
pub use health::{HealthView, Hint, LossView, MetricHealth};
pub use heard::{Heard, HeardReading};
pub use hiding::HiddenRange;
pub use ignoring::{IGNORED_MAX, IgnoredSender};
pub use limits::Limits;
pub use live::{LiveBatch, LiveRing, Since};
pub use pipeline::{Ingest, IngestTasks, TotalBook};
pub use removal::RESTORABLE_MS;
pub use rule_changes::{RuleChange, RuleFault};
pub use rule_retry::{RETRIED_MAX, RetriedAll};
pub use rule_trial::{Fate, TRIED_MAX, Trial, Tried, TriedMessage};
pub use rules::{BrokenRule, RULES_MAX, RuleView};
pub use status::Status;
pub use taken::SourceFlow;
pub use time_policy::{IMPORT, TimePolicy};
pub use traces::{Announces, TRACED_MESSAGE_BYTES_MAX, TRACED_MESSAGES_MAX, TopicView, TracedMessage, TracedRule};
pub use view::{DeviceView, MetricView};
