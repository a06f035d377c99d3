//! What can be said against values from one message alone: sentinels of well-known sensors, and ranges of quantities.
//! Values are never changed. What needs earlier messages (jumps, stuck values) is judged elsewhere.

use model::{Flaw, Judgement, UnitSource, Value};

use crate::Found;
use crate::harvest::{Note, VALUES_MAX, is_bad};
use crate::quantity::Class;
use crate::unit::Known;

/// Numbers that firmware sends for "no value" and that no sensor of these quantities can mean.
const SENTINELS: [f64; 5] = [-999.0, 65_535.0, -32_768.0, 2_147_483_647.0, -9999.0];
/// Coldest and hottest that a temperature can be, in °C. The upper end leaves room for kilns.
const TEMPERATURE_RANGE: std::ops::RangeInclusive<f64> = -273.15..=2000.0;

/// Batteries from a nearly empty cell to those of 48 V.
const MILLIVOLTS_MIN: f64 = 500.0;
const MILLIVOLTS_MAX: f64 = 60_000.0;
/// From an empty pair of alkaline cells to a full lithium one.
const CELL_VOLTS_MIN: f64 = 1.8;
const CELL_VOLTS_MAX: f64 = 4.4;

/// Judges every value that nothing was said against yet.
pub(crate) fn judge(found: &mut [Found], notes: &[Note<'_>]) {
    let mut pairs = false;
    for (found, note) in found.iter_mut().zip(notes).take(VALUES_MAX) {
        let Ok(Value::Number(number)) = &found.value else { continue };
        pairs |= *number == 0.0 || *number == 1.0;
        if found.judgement == Judgement::Good {
            found.judgement = alone(*number, note.class, note.unit);
            let component = found.metric.get(..note.prefix).unwrap_or_default();
            if found.judgement == Judgement::Good && !component.is_empty() && is_beyond(component, *number, note) {
                found.judgement = Judgement::Suspect(Flaw::OutOfRange);
            }
        }
    }
    if pairs {
        beside_siblings(found, notes);
        // Air is never without any water.
        for (found, note) in found.iter_mut().zip(notes).take(VALUES_MAX) {
            let dry = note.class == Class::Humidity && found.value == Ok(Value::Number(0.0));
            if dry && found.judgement == Judgement::Good {
                found.judgement = Judgement::Suspect(Flaw::OutOfRange);
            }
        }
    }
    just_started(found);
}

/// Whether a component that is called like a DHT says what such a sensor cannot measure: the other type may be meant.
fn is_beyond(component: &str, number: f64, note: &Note<'_>) -> bool {
    let is = |names: &[&str]| component.split(['.', '_']).any(|word| names.contains(&word));
    let (temperature, humidity) = if is(&["dht11"]) {
        (0.0..=50.0, 20.0..=90.0)
    } else if is(&["dht22", "am2301", "am2302"]) {
        (-40.0..=80.0, 0.0..=100.0)
    } else {
        return false;
    };
    match note.class {
        Class::Temperature => {
            let celsius = note.unit.and_then(|unit| unit.convert(number, Known::Celsius)).unwrap_or(number);
            !temperature.contains(&celsius)
        }
        Class::Humidity => !humidity.contains(&number),
        Class::Battery | Class::Gas | Class::Pressure | Class::Other => false,
    }
}

/// A DS18B20 shows 85 °C until it has measured, which takes a second after the start.
fn just_started(found: &mut [Found]) {
    const MEASURED_AFTER_S: f64 = 5.0;
    let power_on = Judgement::Suspect(Flaw::Ds18b20PowerOn85);
    if !found.iter().any(|found| found.judgement == power_on) {
        return;
    }
    let up = found.iter().find(|found| found.metric == "uptime").map(|found| &found.value);
    if matches!(up, Some(Ok(Value::Number(seconds))) if *seconds < MEASURED_AFTER_S) {
        for found in found.iter_mut().filter(|found| found.judgement == power_on) {
            found.judgement = Judgement::Bad(Flaw::Ds18b20PowerOn85);
        }
    }
}

/// A battery of which nobody says the unit tells its charge in percent, unless the number cannot be one: then it tells its voltage.
/// What the numbers of a name that tells a unit mean is not doubted.
pub(crate) fn battery_unit(number: f64, class: Class, source: UnitSource) -> Option<Known> {
    let unsaid = class == Class::Battery && source == UnitSource::Assumed;
    match number {
        _ if !unsaid || SENTINELS.contains(&number) => None,
        MILLIVOLTS_MIN..=MILLIVOLTS_MAX => Some(Known::Millivolt),
        // A cell, in volts: no charge of so few percent is told so finely.
        CELL_VOLTS_MIN..=CELL_VOLTS_MAX if number.fract() != 0.0 => Some(Known::Volt),
        _ => None,
    }
}

/// What a number alone says.
pub(crate) fn alone(number: f64, class: Class, unit: Option<Known>) -> Judgement {
    match class {
        Class::Temperature => temperature(number, unit),
        Class::Humidity | Class::Battery if SENTINELS.contains(&number) || !(0.0..=110.0).contains(&number) => {
            Judgement::Bad(Flaw::OutOfRange)
        }
        Class::Humidity | Class::Battery if number > 100.0 => Judgement::Suspect(Flaw::OutOfRange),
        Class::Gas | Class::Pressure if SENTINELS.contains(&number) || number < 0.0 => Judgement::Bad(Flaw::OutOfRange),
        Class::Humidity | Class::Battery | Class::Gas | Class::Pressure | Class::Other => Judgement::Good,
    }
}

fn temperature(number: f64, unit: Option<Known>) -> Judgement {
    let near = |wanted: f64| (number - wanted).abs() < 0.05;
    let (disconnected, power_on) = match unit {
        Some(Known::Fahrenheit) => (near(-196.6), near(185.0)),
        _ => (near(-127.0) || near(-196.6), near(85.0)),
    };
    let celsius = match unit {
        None | Some(Known::Celsius) => number,
        Some(unit) => unit.convert(number, Known::Celsius).unwrap_or(number),
    };
    if disconnected {
        Judgement::Bad(Flaw::Ds18b20Disconnected)
    } else if SENTINELS.contains(&number) || number == 999.0 || !TEMPERATURE_RANGE.contains(&celsius) {
        Judgement::Bad(Flaw::OutOfRange)
    } else if power_on {
        Judgement::Suspect(Flaw::Ds18b20PowerOn85)
    } else {
        Judgement::Good
    }
}

/// Temperature and humidity of one sensor that are both exactly 1 or both 0, or one of them 0 beside a bad one.
fn beside_siblings(found: &mut [Found], notes: &[Note<'_>]) {
    let climate = |note: &Note<'_>| matches!(note.class, Class::Temperature | Class::Humidity);
    let number = |found: &Found| match found.value {
        Ok(Value::Number(number)) => Some(number),
        Ok(Value::Bool(_) | Value::Text(_)) | Err(_) => None,
    };
    for index in 0..found.len().min(VALUES_MAX) {
        let (Some(one), Some(note)) = (found.get(index), notes.get(index)) else { return };
        let Some(value) = number(one).filter(|value| climate(note) && (*value == 0.0 || *value == 1.0)) else {
            continue;
        };
        if one.judgement != Judgement::Good {
            continue;
        }
        let sensor = |found: &Found, note: &Note<'_>| found.metric.get(..note.prefix).map(str::to_owned);
        let same_sensor = |other: &Found, other_note: &Note<'_>| {
            climate(other_note)
                && other_note.class != note.class
                && other.time == one.time
                && other.device == one.device
                && sensor(other, other_note) == sensor(one, note)
        };
        let flaw = found.iter().zip(notes).take(VALUES_MAX).filter(|(other, note)| same_sensor(other, note)).find_map(
            |(other, _)| match number(other) {
                Some(same) if value == 1.0 && same == 1.0 => Some(Flaw::Dht11),
                Some(same) if value == 0.0 && (is_bad(other.judgement) || same == 0.0) => {
                    Some(Flaw::ZeroWithBadSibling)
                }
                Some(_) | None => None,
            },
        );
        if let (Some(flaw), Some(found)) = (flaw, found.get_mut(index)) {
            found.judgement = Judgement::Suspect(flaw);
        }
    }
}
