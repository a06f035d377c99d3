//! What is stored: the sets of the history workload, the same numbers on every machine.
//!
//! Set A: 0.1 resolution, exact times, random walks. Set B: 0.01 with noise over a day's swing, times that jitter by ±20 ms.
//! Both are a pair of temperature and humidity every 10 s; what their generators draw is 0.520 and 1.983 bytes a message
//! by its own statistics (`frame`, example `measure`), the floor under any codec. Office room: the real readings of the
//! demonstration, five metrics a minute.

use std::fmt::Write;

use anyhow::Result;
use simulator::office_room;

/// 2024-01-01T00:00:00Z.
pub const START_MS: i64 = 1_704_067_200_000;
/// Between two messages of a device in the sets A and B.
pub const STEP_MS: i64 = 10_000;
/// Messages of one device in a year at 10 s.
pub const YEAR: usize = 3_153_600;

const METRICS: [&str; 2] = ["temperature", "humidity"];
const OFFICE_METRICS: [&str; 5] = ["temperature", "humidity", "light", "co2", "occupied"];

/// Which set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Set {
    /// 0.1 resolution, exact times.
    A,
    /// 0.01 with noise, ±20 ms jitter.
    B,
    /// Real readings of an office.
    Office,
}

/// One message of a device.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    pub device: usize,
    pub time: i64,
    /// As many as the set has metrics; the rest is 0.
    pub values: [f64; 5],
}

impl Set {
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::Office => "office room",
        }
    }

    pub fn metrics(self) -> &'static [&'static str] {
        match self {
            Self::A | Self::B => &METRICS,
            Self::Office => &OFFICE_METRICS,
        }
    }

    /// Whether a metric is a state that is sent as `true` or `false`.
    pub fn is_state(self, metric: usize) -> bool {
        self.metrics()[metric] == "occupied"
    }

    /// All messages in order of their times, `per_device` of each device where the set has no end of its own.
    pub fn messages(self, devices: usize, per_device: usize) -> Result<Box<dyn Iterator<Item = Message>>> {
        Ok(match self {
            Self::A => Box::new(interleaved((0..devices).map(WalkA::of).collect(), per_device)),
            Self::B => Box::new(interleaved((0..devices).map(NoiseB::of).collect(), per_device)),
            Self::Office => Box::new(office_room::rows(office_room::CSV)?.into_iter().map(office)),
        })
    }
}

/// The device of a message, a topic of two levels.
pub fn device(index: usize) -> String {
    format!("bench/climate-{index}")
}

impl Message {
    /// As a device sends it.
    pub fn json(&self, set: Set) -> String {
        let mut text = format!(r#"{{"ts":{}"#, self.time);
        for (metric, name) in set.metrics().iter().enumerate() {
            let _ = write!(text, r#","{name}":"#);
            self.write_value(set, metric, &mut text);
        }
        text.push('}');
        text
    }

    /// In the line protocol that the peers take, times in ms.
    pub fn write_line(&self, set: Set, text: &mut String) {
        let _ = write!(text, "climate,device=bench/climate-{} ", self.device);
        for (metric, name) in set.metrics().iter().enumerate() {
            let _ = write!(text, "{}{name}=", if metric == 0 { "" } else { "," });
            self.write_value(set, metric, text);
        }
        let _ = writeln!(text, " {}", self.time);
    }

    fn write_value(&self, set: Set, metric: usize, text: &mut String) {
        let value = self.values[metric];
        let _ = if set.is_state(metric) { write!(text, "{}", value != 0.0) } else { write!(text, "{value}") };
    }
}

fn office(row: office_room::Row) -> Message {
    let occupied = if row.occupied { 1.0 } else { 0.0 };
    Message { device: 0, time: row.time, values: [row.temperature, row.humidity, row.light, row.co2, occupied] }
}

trait Source {
    fn next(&mut self, index: usize) -> (i64, [f64; 2]);
}

fn interleaved<S: Source + 'static>(mut sources: Vec<S>, per_device: usize) -> impl Iterator<Item = Message> {
    let devices = sources.len();
    (0..per_device.saturating_mul(devices)).map(move |at| {
        let (index, device) = (at / devices, at % devices);
        let (time, [first, second]) = sources[device].next(index);
        Message { device, time, values: [first, second, 0.0, 0.0, 0.0] }
    })
}

/// Steps of ±0.1 °C in half of the messages, and normal steps of 1.5 tenths of humidity.
struct WalkA {
    random: Random,
    temperature: f64,
    humidity: f64,
}

impl WalkA {
    fn of(device: usize) -> Self {
        Self { random: Random(1 + 1000 * device as u64), temperature: 210.0, humidity: 450.0 }
    }
}

impl Source for WalkA {
    fn next(&mut self, index: usize) -> (i64, [f64; 2]) {
        let step = [-1.0, 0.0, 0.0, 1.0][(self.random.next() % 4) as usize];
        let wet = (self.random.normal() * 1.5).round();
        // Held inside a room's climate by turning the step around at the walls.
        self.temperature += if (50.0..350.0).contains(&(self.temperature + step)) { step } else { -step };
        self.humidity += if (200.0..900.0).contains(&(self.humidity + wet)) { wet } else { -wet };
        (START_MS + STEP_MS * index as i64, [self.temperature / 10.0, self.humidity / 10.0])
    }
}

/// Noise of 0.05 °C and 0.17 % over a swing of a day, and times that jitter evenly by ±20 ms.
struct NoiseB(Random);

impl NoiseB {
    fn of(device: usize) -> Self {
        Self(Random(2 + 1000 * device as u64))
    }
}

impl Source for NoiseB {
    fn next(&mut self, index: usize) -> (i64, [f64; 2]) {
        let swing = (index as f64 * 10.0 / 86_400.0 * std::f64::consts::TAU).sin();
        let noise = [self.0.normal() * 5.0, self.0.normal() * 17.0];
        let jitter = (self.0.next() % 41) as i64 - 20;
        let temperature = (2_100.0 + 300.0 * swing + noise[0]).round() / 100.0;
        let humidity = (4_500.0 - 900.0 * swing + noise[1]).round() / 100.0;
        (START_MS + STEP_MS * index as i64 + jitter, [temperature, humidity])
    }
}

/// `SplitMix64`: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Nearly normal with a deviation of 1: the sum of twelve even draws.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| ((self.next() >> 32) as f64) / f64::from(u32::MAX)).sum::<f64>() - 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_same_numbers_in_json_and_in_a_line() {
        let message = Message { device: 3, time: 5, values: [21.5, 40.0, 0.0, 0.0, 1.0] };
        assert_eq!(message.json(Set::A), r#"{"ts":5,"temperature":21.5,"humidity":40}"#);
        let mut line = String::new();
        message.write_line(Set::Office, &mut line);
        assert_eq!(line, "climate,device=bench/climate-3 temperature=21.5,humidity=40,light=0,co2=0,occupied=true 5\n");
    }

    #[test]
    fn devices_take_turns_and_differ() {
        let all: Vec<Message> = Set::A.messages(2, 100).unwrap().collect();
        assert_eq!(all.len(), 200);
        assert!(all.windows(2).all(|pair| pair[0].time <= pair[1].time && pair[0].device != pair[1].device));
        assert!((0..100).any(|index| all[2 * index].values != all[2 * index + 1].values));
    }
}
