//! What is remembered of a series to judge its next reading by: whether it came before, jumps, or stands still. Pure. A reading
//! that is older than the newest one is not judged by it.

use model::{Flaw, Judgement, ReadingKey, Timestamp, Value};
use store::SeriesRecord;

/// Sensors of one device whose movement is remembered. Further ones are never said to stand still.
const SENSORS_MAX: usize = 16;
/// A DS18B20 that shows 85 °C and is further from the reading before, in K, has not measured.
const POWER_ON_K: f64 = 20.0;
const MINUTE_MS: f64 = 60_000.0;
/// How long a value must stand still, in readings and in milliseconds, by the decimals that its sensor gives: coarse steps stand
/// still by themselves.
const STILL: [(u32, i64); 3] = [(600, 24 * HOUR_MS), (240, 6 * HOUR_MS), (60, HOUR_MS)];
const HOUR_MS: i64 = 3_600_000;
/// Wet air of 100 % stands still and is not broken.
const SATURATED: f64 = 99.5;

/// What a reading is to the newest of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Another one.
    New,
    /// The same once more.
    Same,
    /// Another value in its place.
    Replaced,
}

/// How far a quantity can move.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pace {
    /// In a minute, in the unit of the series.
    per_minute: f64,
    /// What 20 K are in that unit; none for other quantities.
    power_on: Option<f64>,
    humidity: bool,
}

impl Pace {
    fn of(record: &SeriesRecord) -> Option<Self> {
        let (unit, name) = (record.unit.as_ref()?.as_str(), record.metric.as_str());
        let quantity = name.rsplit_once('.').map_or(name, |(_, last)| last);
        let pace = |per_minute| Self { per_minute, power_on: None, humidity: false };
        let temperature = |per_kelvin: f64| Self { power_on: Some(POWER_ON_K * per_kelvin), ..pace(10.0 * per_kelvin) };
        match (quantity, unit) {
            ("temperature", "°C" | "K") => Some(temperature(1.0)),
            ("temperature", "°F") => Some(temperature(1.8)),
            ("humidity", "%") => Some(Self { humidity: true, ..pace(50.0) }),
            ("pressure", "hPa" | "mbar") => Some(pace(10.0)),
            ("pressure", "Pa") => Some(pace(1_000.0)),
            _ => None,
        }
    }
}

/// How often values of each sensor of a device changed. The metrics of one sensor share what stands in front of their last dot.
#[derive(Debug, Default)]
pub(crate) struct Sensors(Vec<(Box<str>, u32)>);

impl Sensors {
    fn of(&mut self, metric: &str) -> Option<usize> {
        let sensor = metric.rsplit_once('.').map_or("", |(sensor, _)| sensor);
        if let Some(known) = self.0.iter().position(|(known, _)| **known == *sensor) {
            return Some(known);
        }
        (self.0.len() < SENSORS_MAX).then(|| {
            self.0.push((sensor.into(), 0));
            self.0.len() - 1
        })
    }
}

/// Of one series.
#[derive(Debug, Default)]
pub(crate) struct Past {
    newest: Option<(ReadingKey, u64)>,
    /// Only of quantities whose movement is known: most series have none, and there may be a hundred thousand.
    movement: Option<Box<Movement>>,
}

/// How a quantity moved.
#[derive(Debug)]
struct Movement {
    pace: Pace,
    sensor: Option<usize>,
    /// The last value that nothing was said against, and when.
    base: Option<(f64, Timestamp)>,
    /// A value that jumped away from it: the next one decides which of both was right.
    doubted: Option<f64>,
    /// So often it was the same, since when, and how often its sensor had moved by then.
    still: u32,
    still_since: Option<Timestamp>,
    moved_by_then: u32,
    decimals: usize,
}

impl Past {
    /// Of a series that is new or is described anew.
    pub(crate) fn describe(&mut self, record: &SeriesRecord, sensors: &mut Sensors) {
        self.movement = Pace::of(record).map(|pace| {
            Box::new(Movement {
                pace,
                sensor: sensors.of(record.metric.as_str()),
                base: None,
                doubted: None,
                still: 0,
                still_since: None,
                moved_by_then: 0,
                decimals: 0,
            })
        });
    }

    /// Goes on from the newest reading that the store has.
    pub(crate) fn resume(&mut self, key: ReadingKey, value: &Value, judgement: Judgement) {
        self.newest = Some((key, fingerprint(value)));
        if let (Value::Number(number), Judgement::Good, Some(movement)) = (value, judgement, &mut self.movement) {
            movement.base = Some((*number, key.time));
            (movement.still, movement.still_since) = (1, Some(key.time));
            movement.decimals = decimals(*number);
        }
    }

    /// A reading comes: what is to be thought of it, and what it is to the newest one.
    pub(crate) fn judge(
        &mut self,
        key: ReadingKey,
        value: &Value,
        judgement: Judgement,
        sensors: &mut Sensors,
    ) -> (Judgement, Seen) {
        let bits = fingerprint(value);
        if let Some((newest, before)) = self.newest {
            if key < newest {
                return (judgement, Seen::New);
            }
            if key == newest {
                self.newest = Some((key, bits));
                return (judgement, if bits == before { Seen::Same } else { Seen::Replaced });
            }
        }
        self.newest = Some((key, bits));
        let judged = match (&mut self.movement, value) {
            (Some(movement), Value::Number(number)) => movement.judge(*number, key.time, judgement, sensors),
            (None, _) | (_, Value::Bool(_) | Value::Text(_)) => judgement,
        };
        (judged, Seen::New)
    }
}

impl Movement {
    fn judge(&mut self, number: f64, time: Timestamp, judgement: Judgement, sensors: &mut Sensors) -> Judgement {
        let pace = self.pace;
        match judgement {
            Judgement::Good => {}
            Judgement::Suspect(Flaw::Ds18b20PowerOn85) => {
                let far = |by: f64| self.base.is_some_and(|(base, _)| (number - base).abs() > by);
                return if pace.power_on.is_some_and(far) { Judgement::Bad(Flaw::Ds18b20PowerOn85) } else { judgement };
            }
            Judgement::Suspect(_) | Judgement::Bad(_) => return judgement,
        }
        let still = self.stands_still(pace, number, time, sensors);
        if self.jumps(pace, number, time) {
            self.doubted = Some(number);
            return Judgement::Suspect(Flaw::Jump);
        }
        self.doubted = None;
        self.base = Some((number, time));
        if still { Judgement::Suspect(Flaw::Frozen) } else { Judgement::Good }
    }

    fn jumps(&self, pace: Pace, number: f64, time: Timestamp) -> bool {
        let Some((base, at)) = self.base else { return false };
        let minutes = (time.millis() - at.millis()) as f64 / MINUTE_MS;
        let far = (number - base).abs() > pace.per_minute * minutes.max(1.0);
        far && self.doubted.is_none_or(|doubted| (number - doubted).abs() > pace.per_minute)
    }

    fn stands_still(&mut self, pace: Pace, number: f64, time: Timestamp, sensors: &mut Sensors) -> bool {
        let Some((_, moves)) = self.sensor.and_then(|at| sensors.0.get_mut(at)) else { return false };
        let same = self.base.is_some_and(|(base, _)| (number * 100.0).round() == (base * 100.0).round());
        if !same {
            *moves = moves.wrapping_add(1);
            (self.still, self.still_since, self.moved_by_then) = (1, Some(time), *moves);
            self.decimals = self.decimals.max(decimals(number));
            return false;
        }
        self.still = self.still.saturating_add(1);
        let Some((readings, ms)) = STILL.get(self.decimals) else { return false };
        self.still >= *readings
            && self.still_since.is_some_and(|since| time.millis() - since.millis() >= *ms)
            && moves.wrapping_sub(self.moved_by_then) >= readings / 2
            && !(pace.humidity && number >= SATURATED)
    }
}

/// 0, 1, or 2 for more.
fn decimals(number: f64) -> usize {
    if number.fract() == 0.0 {
        0
    } else if ((number * 10.0) - (number * 10.0).round()).abs() < 1e-6 {
        1
    } else {
        2
    }
}

/// Equal for equal values, and hardly ever for others.
fn fingerprint(value: &Value) -> u64 {
    match value {
        Value::Number(number) if number.is_nan() => f64::NAN.to_bits(),
        Value::Number(number) => number.to_bits(),
        Value::Bool(on) => u64::from(*on),
        Value::Text(text) => twox_hash::XxHash3_64::oneshot(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use model::{DeviceId, Kind, MetricName, SeriesId, Unit, UnitSource};

    use super::*;

    fn record(metric: &str, unit: &str) -> SeriesRecord {
        SeriesRecord {
            id: SeriesId(1),
            device: DeviceId(1),
            metric: MetricName::parse(metric).unwrap(),
            unit: Some(Unit::parse(unit).unwrap()),
            unit_source: UnitSource::Name,
            kind: Kind::Measurement,
        }
    }

    fn of(metric: &str, unit: &str, sensors: &mut Sensors) -> Past {
        let mut past = Past::default();
        past.describe(&record(metric, unit), sensors);
        past
    }

    fn judge(past: &mut Past, sensors: &mut Sensors, second: i64, number: f64, judgement: Judgement) -> Judgement {
        let key = ReadingKey { time: Timestamp::saturating(second * 1000), n: 0 };
        past.judge(key, &Value::Number(number), judgement, sensors).0
    }

    fn flaws(metric: &str, unit: &str, readings: &[(i64, f64)]) -> Vec<Judgement> {
        let mut sensors = Sensors::default();
        let mut past = of(metric, unit, &mut sensors);
        let mut judge =
            |(second, number): &(i64, f64)| judge(&mut past, &mut sensors, *second, *number, Judgement::Good);
        readings.iter().map(&mut judge).collect()
    }

    const JUMP: Judgement = Judgement::Suspect(Flaw::Jump);
    const GOOD: Judgement = Judgement::Good;

    #[test]
    fn a_spike_is_doubted_and_a_step_only_until_it_is_confirmed() {
        assert_eq!(flaws("temperature", "°C", &[(0, 20.0), (10, 80.0), (20, 20.5)]), [GOOD, JUMP, GOOD]);
        assert_eq!(flaws("temperature", "°C", &[(0, 20.0), (10, 60.0), (20, 61.0)]), [GOOD, JUMP, GOOD]);
        assert_eq!(flaws("temperature", "°C", &[(0, 20.0), (600, 80.0)]), [GOOD, GOOD], "10 K a minute");
        assert_eq!(flaws("temperature", "°F", &[(0, 70.0), (10, 87.0)]), [GOOD, GOOD]);
        assert_eq!(flaws("dht.humidity", "%", &[(0, 40.0), (10, 95.0)]), [GOOD, JUMP]);
        assert_eq!(flaws("power", "W", &[(0, 1.0), (1, 2000.0)]), [GOOD, GOOD]);
    }

    #[test]
    fn an_older_reading_is_not_judged_and_the_same_one_is_told() {
        let mut sensors = Sensors::default();
        let mut past = of("temperature", "°C", &mut sensors);
        let mut seen = |second: i64, number: f64| {
            let key = ReadingKey { time: Timestamp::saturating(second * 1000), n: 0 };
            past.judge(key, &Value::Number(number), GOOD, &mut sensors)
        };
        assert_eq!(seen(10, 20.0), (GOOD, Seen::New));
        assert_eq!(seen(9, 90.0), (GOOD, Seen::New));
        assert_eq!(seen(10, 20.0), (GOOD, Seen::Same));
        assert_eq!(seen(10, 21.0), (GOOD, Seen::Replaced));
    }

    #[test]
    fn power_on_is_bad_where_the_reading_before_was_far_away() {
        let suspect = Judgement::Suspect(Flaw::Ds18b20PowerOn85);
        let mut sensors = Sensors::default();
        let mut past = of("temperature", "°C", &mut sensors);
        assert_eq!(judge(&mut past, &mut sensors, 0, 85.0, suspect), suspect, "nothing to compare with");
        judge(&mut past, &mut sensors, 10, 78.0, GOOD);
        assert_eq!(judge(&mut past, &mut sensors, 20, 85.0, suspect), suspect, "a boiler");
        let mut past = of("temperature", "°C", &mut sensors);
        judge(&mut past, &mut sensors, 0, 21.0, GOOD);
        assert_eq!(judge(&mut past, &mut sensors, 10, 85.0, suspect), Judgement::Bad(Flaw::Ds18b20PowerOn85));
        assert_eq!(judge(&mut past, &mut sensors, 20, 21.1, GOOD), GOOD, "what is bad is no base");
    }

    /// How many of a thousand readings, one a minute, are said to stand still.
    fn frozen(still: f64, humidity: impl Fn(i64) -> f64) -> usize {
        let mut sensors = Sensors::default();
        let (mut one, mut other) = (of("temperature", "°C", &mut sensors), of("humidity", "%", &mut sensors));
        let mut count = 0;
        for minute in 0..1000 {
            let judged = judge(&mut one, &mut sensors, minute * 60, still, GOOD);
            count += usize::from(judged == Judgement::Suspect(Flaw::Frozen));
            judge(&mut other, &mut sensors, minute * 60, humidity(minute), GOOD);
        }
        count
    }

    #[test]
    fn a_value_that_stands_still_while_its_sensor_moves_is_doubted() {
        let moves = |minute: i64| 40.0 + (minute % 7) as f64;
        assert!(frozen(21.37, moves) > 900);
        assert!((1..700).contains(&frozen(21.3, moves)));
        assert_eq!(frozen(21.0, moves), 0, "a coarse sensor stands still for a day");
        assert_eq!(frozen(21.37, |_| 40.0), 0, "nothing moves: a quiet room");
    }
}
