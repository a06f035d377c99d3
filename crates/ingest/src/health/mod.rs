//! What can be told about the health of a device since the server started: counted with every durable batch, a few numbers
//! for each device and series, and put into words when somebody asks.

mod drift;
mod losses;
mod view;

use std::sync::Arc;

use model::{Flaw, Judgement, Reading, Timestamp, Value};

use crate::arrival::{Arrival, Cut};
use crate::status::Status;

use drift::Drift;
pub(crate) use losses::{Counters, Losses, Place};
pub(crate) use view::span;
pub use view::{HealthView, Hint, LossView, MetricHealth};

/// Of one device.
#[derive(Debug, Default)]
pub(crate) struct DeviceHealth {
    pub(crate) messages: u64,
    /// Messages that came before: marked as repeats, with a number that came before, or with readings that are there.
    pub(crate) duplicates: u64,
    /// Readings that took the place of another value of the same time.
    pub(crate) replaced: u64,
    pub(crate) losses: Losses,
    drift: Drift,
    /// Bad and suspect readings by flaw: as many entries as there are flaws at most.
    flaws: Vec<(Judgement, u64)>,
    /// The client it spoke through last.
    pub(crate) client: Option<Arc<str>>,
    /// That is one of our own broker.
    pub(crate) of_broker: bool,
    /// Its last message had a time that was not believed.
    pub(crate) clock_is_bad: bool,
    /// Its last message that had more values than one may bring.
    cut: Option<Cut>,
    /// The status that was told as an event.
    pub(crate) told: Option<Status>,
}

/// What a message changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) restarted: bool,
    /// Its clock is believed no more, or again.
    pub(crate) clock: Option<bool>,
}

impl DeviceHealth {
    /// A message of it is stored.
    pub(crate) fn note(&mut self, arrival: &Arrival) -> Change {
        let Place { restarted, again } = self.losses.note(arrival.counters);
        self.messages += 1;
        self.duplicates += u64::from(again || arrival.same == arrival.readings);
        self.replaced += u64::from(arrival.replaced);
        self.cut = arrival.cut.or(self.cut);
        let mut clock = None;
        if let Some(offset) = arrival.offset_ms {
            self.drift.note(offset);
            clock = (self.clock_is_bad != arrival.clock_bad).then_some(!arrival.clock_bad);
            self.clock_is_bad = arrival.clock_bad;
        }
        Change { restarted, clock }
    }

    /// A reading of it is not good.
    pub(crate) fn flawed(&mut self, judgement: Judgement) {
        match self.flaws.iter_mut().find(|(known, _)| *known == judgement) {
            Some((_, count)) => *count += 1,
            None => self.flaws.push((judgement, 1)),
        }
    }

    fn flaws(&self, quality: u8) -> Vec<(Flaw, u64)> {
        let of_quality = self.flaws.iter().filter(|(judgement, _)| judgement.quality() == quality);
        let named = of_quality.filter_map(|(judgement, count)| match judgement {
            Judgement::Good => None,
            Judgement::Suspect(flaw) | Judgement::Bad(flaw) => Some((*flaw, *count)),
        });
        named.collect()
    }
}

/// Of one series.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SeriesHealth {
    pub(crate) readings: u64,
    pub(crate) bad: u64,
    pub(crate) suspect: u64,
    /// Since when its value is the same.
    pub(crate) same_since: Option<Timestamp>,
    /// The types of value that came since the start, a bit each.
    types: u8,
}

impl SeriesHealth {
    /// What a value is called that is the first of its type since the start, where values of another type came before.
    pub(crate) fn new_type(&mut self, latest: Option<&Value>, value: &Value) -> Option<&'static str> {
        let (bit, word) = type_of(value)?;
        self.types |= latest.and_then(type_of).map_or(0, |(bit, _)| bit);
        let fresh = self.types != 0 && self.types & bit == 0;
        self.types |= bit;
        fresh.then_some(word)
    }

    pub(crate) fn count(&mut self, reading: &Reading) {
        self.readings += 1;
        match reading.judgement {
            Judgement::Good => {}
            Judgement::Suspect(_) => self.suspect += 1,
            Judgement::Bad(_) => self.bad += 1,
        }
    }
}

/// A bit and a word for the type of a value. A failed read is of no type.
fn type_of(value: &Value) -> Option<(u8, &'static str)> {
    match value {
        Value::Number(number) if number.is_nan() => None,
        Value::Number(_) => Some((1, "a number")),
        Value::Bool(_) => Some((2, "on or off")),
        Value::Text(_) => Some((4, "a text")),
    }
}
