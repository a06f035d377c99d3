//! What a message tells about the health of its device, beside its readings.

use std::sync::Arc;

use decode::{ClaimedTime, Content, Found, VALUES_MAX};
use model::{DeviceId, Reading, RejectReason, TimeSource, Timestamp, Value};
use source::{Account, Inbound};

use crate::draft::Effects;
use crate::health::Counters;
use crate::past::Seen;
use crate::take::{Arriving, Taker, name_device};

/// The source whose clients have sessions of their own.
const OF_BROKER: &str = "mqtt";

/// A device spoke.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) device: DeviceId,
    pub(crate) received: Timestamp,
    /// Another server heard it: through whom is not known here.
    pub(crate) elsewhere: bool,
    /// Through whom.
    pub(crate) client: Arc<str>,
    /// That is a client of our own broker.
    pub(crate) of_broker: bool,
    /// It claimed a time that was not believed.
    pub(crate) clock_bad: bool,
    /// So far ahead of its arrival is the newest time that it claims by its own clock.
    pub(crate) offset_ms: Option<i64>,
    pub(crate) counters: Counters,
    pub(crate) readings: u32,
    /// Of these, how many are the newest of their series once more.
    pub(crate) same: u32,
    /// And how many take its place with another value.
    pub(crate) replaced: u32,
    /// The message had more values than one may bring.
    pub(crate) cut: Option<Cut>,
}

/// A message of which only a part was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Values that were found in it.
    pub(crate) values: usize,
    /// Of these, how many were refused.
    pub(crate) refused: u32,
}

impl Arrival {
    /// Of a device that another server heard; what its readings say is [noted](Arrival::note_stored) one by one.
    pub(crate) fn elsewhere(device: DeviceId, received: Timestamp) -> Self {
        Self {
            device,
            received,
            elsewhere: true,
            client: "".into(),
            of_broker: false,
            clock_bad: false,
            offset_ms: None,
            counters: Counters::default(),
            readings: 0,
            same: 0,
            replaced: 0,
            cut: None,
        }
    }

    /// A reading of it was stored by another server.
    pub(crate) fn note_stored(&mut self, metric: &str, reading: &Reading) {
        self.readings += 1;
        self.clock_bad |= reading.claimed_ms.is_some();
        if let Value::Number(number) = reading.value {
            self.counters.note(metric, number);
        }
        let own_time =
            (reading.time_source == TimeSource::Device && reading.key.n == 0).then_some(reading.key.time.millis());
        if let Some(ms) = reading.claimed_ms.or(own_time) {
            self.offset_ms = self.offset_ms.max(Some(ms.saturating_sub(self.received.millis())));
        }
    }

    /// The arrival of a device among those of one message.
    pub(crate) fn among<'a>(all: &'a mut Vec<Self>, device: DeviceId, arriving: &Arriving<'_>) -> &'a mut Self {
        let known = all.iter().position(|arrival| arrival.device == device);
        let at = known.unwrap_or_else(|| {
            all.push(Self {
                device,
                received: arriving.stamp.time,
                elsewhere: false,
                client: Arc::clone(arriving.client),
                of_broker: arriving.source.as_str() == OF_BROKER,
                clock_bad: false,
                offset_ms: None,
                counters: Counters::default(),
                readings: 0,
                same: 0,
                replaced: 0,
                cut: None,
            });
            all.len() - 1
        });
        &mut all[at]
    }

    /// Of so many values of its message the account says how many were refused.
    pub(crate) fn cut_of(&mut self, values: usize, account: &Account) {
        if values > VALUES_MAX {
            let refused = account.refused.iter().find(|(reason, _)| *reason == RejectReason::Limit);
            self.cut = refused.map(|(_, refused)| Cut { values, refused: *refused });
        }
    }

    /// A reading of it was accepted.
    pub(crate) fn note(&mut self, found: &Found, reading: &Reading, seen: Seen) {
        self.readings += 1;
        match seen {
            Seen::New => {}
            Seen::Same => self.same += 1,
            Seen::Replaced => self.replaced += 1,
        }
        self.clock_bad |= reading.claimed_ms.is_some();
        if let Value::Number(number) = reading.value {
            self.counters.note(&found.metric, number);
        }
        if let Some(ClaimedTime::At { ms, source: TimeSource::Device }) = found.time {
            let offset = ms.saturating_sub(self.received.millis());
            self.offset_ms = self.offset_ms.max(Some(offset));
        }
    }
}

impl Taker {
    /// A marked repeat is read only to know whose it is.
    pub(crate) fn repeated(&mut self, inbound: &Inbound, effects: &mut Effects) {
        let (bound, rules) = (self.shared.bindings.current(), self.shared.rules.current());
        let read = self.reader.read(&inbound.topic, &inbound.payload, &bound, &rules, &self.shared);
        let Content::Readings(mut found) = read.content else { return };
        let mut before = None;
        for value in &mut found {
            name_device(value, read.device.as_ref(), &inbound.client);
            let device = self.identity.device(&value.device);
            if device != before {
                effects.repeated.extend(device);
                before = device;
            }
        }
    }
}
