//! Bytes and nanoseconds of frames, printed and not asserted: `cargo run --release -p frame --example measure`.
//!
//! A year of set A (0.1 resolution, exact times, random walk), a year of set B (0.01 with noise over a day's swing, ±20 ms
//! jitter), both a DHT22-like pair of temperature and humidity every 10 s; and the office room of the demonstration. The
//! entropy of what the generator draws is printed beside, as the floor under any codec.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock of the machine")]

use std::error::Error;
use std::time::{Duration, Instant};

use frame::{Cell, Charted, Column, Frame, encode, open};
use model::{Judgement, ReadingKey, SeriesId, TimeSource, Timestamp, Value};

/// Messages of a year at 10 s.
const YEAR: usize = 3_153_600;
const STEP_MS: i64 = 10_000;
const START_MS: i64 = 1_704_067_200_000;

struct Data {
    name: &'static str,
    times: Vec<i64>,
    series: Vec<Vec<f64>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let office = concat!(env!("CARGO_MANIFEST_DIR"), "/../simulator/data/office-room.csv");
    println!("set     rows per frame   B/frame  B/message  B/value   ns/value: encode  chart  readings");
    for data in [set_a(), set_b(), office_room(&std::fs::read_to_string(office)?)?] {
        for rows in [65_536, 16_384, 2_048, 256, 32] {
            measure(&data, rows)?;
        }
    }
    Ok(())
}

/// Cuts `data` into frames of `rows`, and prints what they take.
fn measure(data: &Data, rows: usize) -> Result<(), Box<dyn Error>> {
    let (mut bytes, mut encoding, mut charting, mut reading) = (0, Duration::ZERO, Duration::MAX, Duration::ZERO);
    let mut blobs = Vec::new();
    for start in (0..data.times.len()).step_by(rows) {
        let frame = cut(data, start, rows);
        let began = Instant::now();
        let encoded = encode(&frame)?;
        encoding += began.elapsed();
        bytes += encoded.blob.len();
        blobs.push(encoded.blob);
    }
    let mut charted = Charted::default();
    let mut total = 0.0;
    for _ in 0..5 {
        let began = Instant::now();
        for blob in &blobs {
            let opened = open(blob)?;
            for series in opened.series() {
                opened.charted_into(series, &mut charted)?;
                total += charted.numbers.first().copied().unwrap_or(0.0);
            }
        }
        charting = charting.min(began.elapsed());
    }
    let began = Instant::now();
    let mut count = 0;
    for blob in &blobs {
        let opened = open(blob)?;
        for series in opened.series() {
            count += opened.readings(series)?.len();
        }
    }
    reading += began.elapsed();
    assert!(total.is_finite() && count == data.times.len() * data.series.len());
    let [messages, values, frames, bytes] = [data.times.len(), count, blobs.len(), bytes].map(float);
    let per_value = |time: Duration| time.as_secs_f64() * 1e9 / values;
    println!(
        "{:<14} {rows:>8} {:>9.0} {:>9.3} {:>9.3} {:>17.1} {:>7.2} {:>7.1}",
        data.name,
        bytes / frames,
        bytes / messages,
        bytes / values,
        per_value(encoding),
        per_value(charting),
        per_value(reading),
    );
    Ok(())
}

fn cut(data: &Data, start: usize, rows: usize) -> Frame {
    let end = (start + rows).min(data.times.len());
    let key = |ms: &i64| ReadingKey { time: Timestamp::saturating(*ms), n: 0 };
    let cell = |number: &f64| Cell {
        value: Value::Number(*number),
        judgement: Judgement::Good,
        time_source: TimeSource::Device,
        claimed_ms: None,
    };
    let column = |(id, numbers): (u32, &Vec<f64>)| Column {
        series: SeriesId(id),
        cells: numbers[start..end].iter().map(|number| Some(cell(number))).collect(),
    };
    Frame {
        keys: data.times[start..end].iter().map(key).collect(),
        columns: (1..).zip(&data.series).map(column).collect(),
    }
}

/// Steps of ±0.1 °C in half of the messages, and normal steps of 1.5 tenths of humidity.
fn set_a() -> Data {
    let mut random = Random(1);
    let (mut temperature, mut humidity) = (210.0, 450.0);
    let (mut times, mut series, mut drawn) = (Vec::new(), vec![Vec::new(), Vec::new()], vec![Vec::new(), Vec::new()]);
    for index in 0..YEAR {
        let step = [-1.0, 0.0, 0.0, 1.0][usize::try_from(random.next() % 4).unwrap_or(0)];
        let wet = (random.normal() * 1.5).round();
        // Held inside a room's climate by turning the step around at the walls.
        temperature += if (50.0..350.0).contains(&(temperature + step)) { step } else { -step };
        humidity += if (200.0..900.0).contains(&(humidity + wet)) { wet } else { -wet };
        times.push(START_MS + STEP_MS * i64::try_from(index).unwrap_or(0));
        series[0].push(temperature / 10.0);
        series[1].push(humidity / 10.0);
        drawn[0].push(step);
        drawn[1].push(wet);
    }
    println!("set A draws {:.3} B per message", drawn.iter().map(|steps| entropy(steps)).sum::<f64>());
    Data { name: "A", times, series }
}

/// Noise of 0.05 °C and 0.17 % over a swing of a day, and times that jitter evenly by ±20 ms.
fn set_b() -> Data {
    let mut random = Random(2);
    let (mut times, mut series, mut drawn) = (Vec::new(), vec![Vec::new(), Vec::new()], vec![Vec::new(); 3]);
    for index in 0..YEAR {
        let swing = (float(index) * 10.0 / 86_400.0 * std::f64::consts::TAU).sin();
        let noise = [random.normal() * 5.0, random.normal() * 17.0];
        let jitter = i64::try_from(random.next() % 41).unwrap_or(0) - 20;
        times.push(START_MS + STEP_MS * i64::try_from(index).unwrap_or(0) + jitter);
        series[0].push((2_100.0 + 300.0 * swing + noise[0]).round() / 100.0);
        series[1].push((4_500.0 - 900.0 * swing + noise[1]).round() / 100.0);
        drawn[0].push(noise[0].round());
        drawn[1].push(noise[1].round());
        drawn[2].push(float(usize::try_from(jitter + 20).unwrap_or(0)));
    }
    println!("set B draws {:.3} B per message", drawn.iter().map(|steps| entropy(steps)).sum::<f64>());
    Data { name: "B", times, series }
}

/// The file as it is: five metrics a minute.
fn office_room(text: &str) -> Result<Data, Box<dyn Error>> {
    let (mut times, mut series) = (Vec::new(), vec![Vec::new(); 5]);
    for line in text.lines().skip(1) {
        let (time, numbers) = line.split_once(',').ok_or("a row without a comma")?;
        times.push(millis(time).ok_or("a row without a time")?);
        for (column, number) in series.iter_mut().zip(numbers.split(',')) {
            column.push(number.trim().parse()?);
        }
    }
    Ok(Data { name: "office room", times, series })
}

/// `2015-02-02 14:19:00` in UTC, by counting the days of whole years from March (Hinnant, `days_from_civil`).
fn millis(text: &str) -> Option<i64> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((((days * 24 + part(11, 13)?) * 60 + part(14, 16)?) * 60 + part(17, 19)?) * 1000)
}

/// Bytes a symbol, if each is drawn by its frequency and independently of the others.
fn entropy(drawn: &[f64]) -> f64 {
    // Adding 0.0 makes one symbol of −0.0 and 0.0.
    let mut sorted: Vec<f64> = drawn.iter().map(|step| step + 0.0).collect();
    sorted.sort_by(f64::total_cmp);
    let share = |run: &[f64]| float(run.len()) / float(drawn.len());
    sorted.chunk_by(|a, b| a.to_bits() == b.to_bits()).map(|run| -share(run) * share(run).log2()).sum::<f64>() / 8.0
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn float(count: usize) -> f64 {
    count as f64
}

/// SplitMix64: the same numbers on every machine.
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
        (0..12).map(|_| f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / f64::from(u32::MAX)).sum::<f64>()
            - 6.0
    }
}
