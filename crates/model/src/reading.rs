//! One value of one metric of one device at one time, and what we think of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A number, a boolean or a text. One series may hold several types side by side; nothing is ever cast.
///
/// Equality is by type and bits, all NaN being one class: −0.0 and 0.0 differ, NaN equals NaN. A failed read is
/// `Number(NaN)` judged [`Judgement::Bad`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Value {
    /// An IEEE 754 double.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// Words.
    Text(Arc<str>),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Number(_) | Self::Bool(_) | Self::Text(_), _) => false,
        }
    }
}

impl Eq for Value {}

impl Value {
    /// What a chart and an aggregate take: the number, or 1 and 0 for true and false; nothing for text and NaN.
    #[must_use]
    pub fn charted(&self) -> Option<f64> {
        match self {
            Self::Number(number) => (!number.is_nan()).then_some(*number),
            Self::Bool(on) => Some(f64::from(u8::from(*on))),
            Self::Text(_) => None,
        }
    }
}

/// Why a reading is suspect or bad. The code is what frames and the log carry; it never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Flaw {
    /// `nan`: the sensor could not be read.
    Nan,
    /// `null`, `None`, `unavailable`.
    Null,
    /// `inf`, or a number too large for a double.
    Infinite,
    /// Outside what the quantity can be.
    OutOfRange,
    /// −127 °C or −196.6 °F: DS18B20 not connected.
    Ds18b20Disconnected,
    /// 85.0 °C: DS18B20 before its first conversion, or really 85 °C.
    Ds18b20PowerOn85,
    /// 1 °C and 1 % together: DHT22 failing.
    Dht11,
    /// A zero beside a bad reading of the same sensor.
    ZeroWithBadSibling,
    /// The unit changed and cannot be converted.
    UnitChanged,
    /// The value stands still for long, while others of the same sensor move.
    Frozen,
    /// Further from the value before than the quantity can move in that time.
    Jump,
    /// Another number was announced to be made of it, by a template that is not calculated: it is what the device sent.
    NotCalculated,
    /// A flaw named by something newer than this list.
    Other,
}

impl Flaw {
    const ALL: [(Self, u8, &'static str); 13] = [
        (Self::Nan, 1, "nan"),
        (Self::Null, 2, "null"),
        (Self::Infinite, 3, "infinite"),
        (Self::OutOfRange, 4, "out_of_range"),
        (Self::Ds18b20Disconnected, 5, "ds18b20_disconnected"),
        (Self::Ds18b20PowerOn85, 6, "ds18b20_power_on_85"),
        (Self::Dht11, 7, "dht_1_1"),
        (Self::ZeroWithBadSibling, 8, "zero_with_bad_sibling"),
        (Self::UnitChanged, 9, "unit_changed"),
        (Self::Frozen, 10, "frozen"),
        (Self::Jump, 11, "jump"),
        (Self::NotCalculated, 12, "not_calculated"),
        (Self::Other, 255, "other"),
    ];

    /// The number on disk, 1..=255.
    #[must_use]
    pub fn code(self) -> u8 {
        Self::ALL.iter().find(|(flaw, ..)| *flaw == self).map_or(255, |(_, code, _)| *code)
    }

    /// The flaw of a number on disk; [`Flaw::Other`] for one that this version does not know.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        Self::ALL.iter().find(|(_, known, _)| *known == code).map_or(Self::Other, |(flaw, ..)| *flaw)
    }

    /// The word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(flaw, ..)| *flaw == self).map_or("other", |(.., word)| word)
    }
}

/// What we think of a reading. Raw values are kept whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Judgement {
    /// Nothing against it.
    #[default]
    Good,
    /// Charted, drawn hollow.
    Suspect(Flaw),
    /// Kept and counted, never charted as a number, never in an aggregate.
    Bad(Flaw),
}

impl Judgement {
    /// 0 good, 1 suspect, 2 bad: the column `q` of the API.
    #[must_use]
    pub fn quality(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Suspect(_) => 1,
            Self::Bad(_) => 2,
        }
    }
}

/// Whose clock a reading's time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TimeSource {
    /// The device's own.
    Device,
    /// A gateway's that heard the device.
    Gateway,
    /// Ours, at arrival.
    Server,
}

/// What orders readings inside a series and makes one of two equal ones.
///
/// `n` is 0 for a device time; for a server stamp it is ≥ 1 and makes (time, n) unique without reading anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReadingKey {
    /// UTC milliseconds.
    pub time: Timestamp,
    /// 0, or what tells two server stamps of one millisecond apart.
    pub n: u32,
}

/// A reading of some series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Time and n.
    pub key: ReadingKey,
    /// What was measured.
    pub value: Value,
    /// What we think of it.
    pub judgement: Judgement,
    /// Whose clock `key.time` is.
    pub time_source: TimeSource,
    /// What the device claimed, in its milliseconds, where it was not believed. Any number, hence no `Timestamp`.
    pub claimed_ms: Option<i64>,
}

impl Reading {
    /// The number that charts and aggregates take: none for text, NaN and bad readings.
    #[must_use]
    pub fn charted(&self) -> Option<f64> {
        match self.judgement {
            Judgement::Good | Judgement::Suspect(_) => self.value.charted(),
            Judgement::Bad(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_equal_by_type_and_bits_and_nan_is_one_class() {
        assert_eq!(Value::Number(f64::NAN), Value::Number(-f64::NAN));
        assert_ne!(Value::Number(0.0), Value::Number(-0.0));
        assert_ne!(Value::Number(1.0), Value::Bool(true));
    }

    #[test]
    fn every_flaw_survives_the_disk() {
        for (flaw, code, _) in Flaw::ALL {
            assert_eq!(Flaw::from_code(flaw.code()), flaw);
            assert_eq!(flaw.code(), code);
        }
        assert_eq!(Flaw::from_code(200), Flaw::Other);
    }
}
