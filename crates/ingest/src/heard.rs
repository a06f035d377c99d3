//! The first message of a topic that brought something new, told as a sentence on the page.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use model::{DeviceKey, MetricName, Timestamp, Topic, Unit, UnitSource, Value};

/// Heard `topic` = `text` → device, metrics.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Server time of arrival.
    pub time: Timestamp,
    /// Where it was published.
    pub topic: Topic,
    /// The start of the payload, if it is text.
    pub text: Option<Arc<str>>,
    /// The device it was taken for.
    pub device: DeviceKey,
    /// What was read.
    pub readings: Vec<HeardReading>,
}

/// One reading of such a message.
#[derive(Clone, Debug)]
pub struct HeardReading {
    /// Its metric.
    pub metric: MetricName,
    /// Its value.
    pub value: Value,
    /// Its unit.
    pub unit: Option<Unit>,
    /// How that is known.
    pub unit_source: UnitSource,
}

/// The last few, newest first.
#[derive(Debug)]
pub(crate) struct HeardList {
    list: Mutex<VecDeque<Heard>>,
    heard_max: usize,
}

impl HeardList {
    pub(crate) fn bounded(heard_max: usize) -> Self {
        Self { list: Mutex::default(), heard_max }
    }

    pub(crate) fn push(&self, heard: Heard) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.push_front(heard);
        list.truncate(self.heard_max);
    }

    pub(crate) fn newest(&self) -> Vec<Heard> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
