//! The words of the glossary as types.
//!
//! A value of one of these types is proof that its text or number was checked once, at the door: fields are private and
//! the one fallible constructor is what configuration, JSON, MQTT and the database all pass through. This crate does no
//! I/O, knows no engine, and reads no clock.

#![warn(missing_docs)]

mod books;
mod by_id;
mod device;
mod reading;
mod time;
mod topic;
mod unit;

pub use books::{Book, Count, MessageCounts, ReadingCounts, RejectReason};
pub use by_id::{ById, IdHasher};
pub use device::{DeviceId, DeviceKey, InvalidName, Kind, MetricName, SeriesId, SourceName};
pub use reading::{Flaw, Judgement, Reading, ReadingKey, TimeSource, Value};
pub use time::{InvalidTime, Resolution, TimeRange, Timestamp};
pub use topic::{InvalidTopic, TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX, Topic, TopicFilter};
pub use unit::{Unit, UnitSource};
