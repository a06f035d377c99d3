//! What happened to devices since the server started, as sentences for people: the newest few thousand, in memory only.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use model::{DeviceKey, Timestamp};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventCode {
    /// A device was heard for the first time.
    Appeared,
    /// It speaks again.
    Online,
    /// It is silent for too long.
    Stale,
    /// It said that it is going, or is gone.
    Offline,
    /// It started anew.
    Restarted,
    /// Its time is not believed any more.
    ClockBad,
    /// Its time is believed again.
    ClockGood,
    /// Two connections fight for its client id.
    ClientConflict,
    /// Its connection is lost and made again every few seconds.
    Flapping,
    /// A metric stands still.
    Frozen,
    /// Values of a metric are of another type than before.
    TypeChanged,
    /// A person put other hardware in its place.
    HardwareReplaced,
}

impl EventCode {
    /// The word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Appeared => "appeared",
            Self::Online => "online",
            Self::Stale => "stale",
            Self::Offline => "offline",
            Self::Restarted => "restarted",
            Self::ClockBad => "clock_bad",
            Self::ClockGood => "clock_good",
            Self::ClientConflict => "client_conflict",
            Self::Flapping => "flapping",
            Self::Frozen => "frozen",
            Self::TypeChanged => "type_changed",
            Self::HardwareReplaced => "hardware_replaced",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Server time.
    pub time: Timestamp,
    /// What.
    pub code: EventCode,
    /// To which device; none where no device has spoken through the client yet.
    pub device: Option<DeviceKey>,
    /// For a person.
    pub sentence: String,
}

/// The last ones. Where the list is full, the oldest goes.
#[derive(Debug)]
pub(crate) struct Events {
    list: Mutex<VecDeque<Event>>,
    events_max: usize,
}

impl Events {
    pub(crate) fn bounded(events_max: usize) -> Self {
        Self { list: Mutex::default(), events_max }
    }

    pub(crate) fn push(&self, event: Event) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.push_front(event);
        list.truncate(self.events_max);
    }

    /// Newest first.
    pub(crate) fn newest(&self, device: Option<&str>, limit: usize) -> Vec<Event> {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |event: &&Event| {
            device.is_none_or(|device| event.device.as_ref().is_some_and(|key| key.as_str() == device))
        };
        list.iter().filter(wanted).take(limit).cloned().collect()
    }
}
