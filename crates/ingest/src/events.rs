//! What happened to devices, as sentences for people: the newest few thousand, which [`crate::events_kept`] keeps.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{DeviceKey, Timestamp};

/// The codes and their words from one table, so that none can be written that is not read again.
macro_rules! event_codes {
    ($($(#[$meta:meta])* $code:ident = $word:literal,)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EventCode {
            $($(#[$meta])* $code,)*
        }

        impl EventCode {
            /// The code of a word.
            pub(crate) fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$code),)*
                    _ => None,
                }
            }

            /// The word in the API.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $word,)*
                }
            }
        }
    };
}

event_codes! {
    /// A device was heard for the first time.
    Appeared = "appeared",
    /// It speaks again.
    Online = "online",
    /// It is silent for too long.
    Stale = "stale",
    /// It said that it is going, or is gone.
    Offline = "offline",
    /// It started anew.
    Restarted = "restarted",
    /// Its time is not believed any more.
    ClockBad = "clock_bad",
    /// Its time is believed again.
    ClockGood = "clock_good",
    /// Two connections fight for its client id.
    ClientConflict = "client_conflict",
    /// Its connection is lost and made again every few seconds.
    Flapping = "flapping",
    /// A metric stands still.
    Frozen = "frozen",
    /// Values of a metric are of another type than before.
    TypeChanged = "type_changed",
    /// A person put other hardware in its place.
    HardwareReplaced = "hardware_replaced",
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
    list: Mutex<List>,
    events_max: usize,
}

#[derive(Debug, Default)]
struct List {
    /// The newest first, and whether it is ours to keep.
    events: VecDeque<(Event, bool)>,
    /// How many were told in all.
    told: u64,
}

impl Events {
    pub(crate) fn bounded(events_max: usize) -> Self {
        Self { list: Mutex::default(), events_max }
    }

    pub(crate) fn push(&self, event: Event) {
        self.push_as(event, true);
    }

    /// It happened to a device that another server heard last: that one keeps it.
    pub(crate) fn push_of_another(&self, event: Event) {
        self.push_as(event, false);
    }

    fn push_as(&self, event: Event, own: bool) {
        let mut list = self.list();
        list.events.push_front((event, own));
        list.events.truncate(self.events_max);
        list.told += 1;
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many were told in all.
    pub(crate) fn told(&self) -> u64 {
        self.list().told
    }

    /// How many were told in all, and those behind the first `told` that are ours to keep and still there, the oldest first.
    pub(crate) fn since(&self, told: u64) -> (u64, Vec<Event>) {
        let list = self.list();
        let new = usize::try_from(list.told - told).unwrap_or(usize::MAX);
        (
            list.told,
            list.events.iter().take(new).rev().filter(|(_, own)| *own).map(|(event, _)| event.clone()).collect(),
        )
    }

    /// Newest first.
    pub(crate) fn newest(&self, device: Option<&str>, limit: usize) -> Vec<Event> {
        let list = self.list();
        let wanted = |event: &&Event| {
            device.is_none_or(|device| event.device.as_ref().is_some_and(|key| key.as_str() == device))
        };
        list.events.iter().map(|(event, _)| event).filter(wanted).take(limit).cloned().collect()
    }
}
