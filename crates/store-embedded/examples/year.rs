//! A year of one device at 10 s: how long windows take, how many bytes it is, how long the directory takes to open.
//!
//! `cargo run --release -p store-embedded --example year [messages of two readings] [a or b] [messages of one flush]`
//!
//! Set a has a resolution of 0.1, exact times and random walks; set b 0.01 with noise over a day's swing, and times that
//! jitter by ±20 ms. They are those of the example `measure` of `frame`.

use std::path::Path;

use clock::{Clock, SystemClock};
use model::{
    DeviceId, DeviceKey, Judgement, Kind, MetricName, Reading, ReadingKey, Resolution, SeriesId, SourceName, TimeRange,
    TimeSource, Timestamp, UnitSource, Value,
};
use store::{Batch, DeviceRecord, Entry, MessageRecord, Order, Readings, SeriesReading, SeriesRecord};
use store_embedded::{EmbeddedStore, Options, open};
use windows::Grid;

/// 2025-01-01T00:00:00Z.
const START_MS: i64 = 1_735_689_600_000;
const STEP_MS: i64 = 10_000;
const DAY_MS: i64 = 86_400_000;
const MESSAGES_PER_BATCH: i64 = 1_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let messages: i64 = std::env::args().nth(1).map_or(Ok(3_153_600), |count| count.parse())?;
    let source = if std::env::args().nth(2).is_some_and(|set| set == "b") { Source::b() } else { Source::a() };
    let flushed: Option<i64> = std::env::args().nth(3).map(|count| count.parse()).transpose()?;
    let dir = tempfile::tempdir()?;
    let clock = SystemClock::new();
    let store = timed_open(dir.path(), &clock, "empty directory")?;
    fill(&store, messages, source, flushed, &clock).await?;
    let started = clock.monotonic();
    store.flush().await?;
    println!("{} frames before the last are merged", store.stats().frames);
    store.merge_frames().await?;
    println!("merged in {:.0} ms, {} kB in use", ms(&clock, started), resident_kb());
    let started = clock.monotonic();
    store.close().await?;
    println!("closed in {:.1} ms", ms(&clock, started));
    drop(store);

    let store = timed_open(dir.path(), &clock, "after a close")?;
    let stats = store.stats();
    println!(
        "{} readings in {} frames: {} bytes, {:.3} a message of two readings (the log's {} are not counted)",
        stats.readings,
        stats.frames,
        database_bytes(dir.path())?,
        database_bytes(dir.path())? as f64 / messages as f64,
        stats.disk_bytes - database_bytes(dir.path())?,
    );
    let end = START_MS + messages * STEP_MS;
    for (name, from, width) in [
        ("year", START_MS, 1_000),
        ("year, decoding all", START_MS, 40_000),
        ("month", end - 30 * DAY_MS, 1_000),
        ("day", end - DAY_MS, 1_000),
        ("hour", end - 3_600_000, 1_000),
    ] {
        windows_of(&store, &clock, name, from, end, width).await?;
    }
    let range = TimeRange { from: Timestamp::saturating(START_MS), to: Timestamp::saturating(end) };
    let started = clock.monotonic();
    let page = store.read(SeriesId(1), range, Order::Descending, None, 1_000).await?;
    println!("newest {} readings: {:.2} ms", page.len(), ms(&clock, started));
    let started = clock.monotonic();
    store.latest(&[SeriesId(1), SeriesId(2)]).await?;
    println!("latest: {:.3} ms", ms(&clock, started));
    println!("memory in use: {} kB", resident_kb());
    Ok(())
}

fn timed_open(dir: &Path, clock: &SystemClock, what: &str) -> Result<EmbeddedStore, Box<dyn std::error::Error>> {
    let started = clock.monotonic();
    let store = open(dir, Options::default())?;
    println!("open, {what}: {:.1} ms, {} kB in use", ms(clock, started), resident_kb());
    Ok(store)
}

async fn windows_of(
    store: &EmbeddedStore,
    clock: &SystemClock,
    name: &str,
    from: i64,
    to: i64,
    width: u32,
) -> Result<(), Box<dyn std::error::Error>> {
    let range = TimeRange { from: Timestamp::saturating(from), to: Timestamp::saturating(to) };
    let grid = Grid::covering(range, Resolution::for_width(range, width));
    let mut times = Vec::new();
    let mut readings = 0;
    let cpu_before = cpu_ms();
    for _ in 0..9 {
        let started = clock.monotonic();
        let windows = store.windows(SeriesId(1), grid.clone()).await?;
        times.push(ms(clock, started));
        readings = windows.iter().map(|window| window.count).sum();
    }
    times.sort_by(f64::total_cmp);
    let cpu = (cpu_ms() - cpu_before) / 9.0;
    println!(
        "{name}: {readings} readings into {} windows, {:.2} ms (median of 9; {:.2} ms at best; {cpu:.2} ms of CPU)",
        grid.count(),
        times[4],
        times[0]
    );
    Ok(())
}

async fn fill(
    store: &EmbeddedStore,
    messages: i64,
    mut drawn: Source,
    flushed: Option<i64>,
    clock: &SystemClock,
) -> Result<(), Box<dyn std::error::Error>> {
    store.append(identities()?).await.await;
    let source = SourceName::parse("mqtt")?;
    let started = clock.monotonic();
    let mut commits = Vec::new();
    let step = flushed.unwrap_or(MESSAGES_PER_BATCH).min(MESSAGES_PER_BATCH);
    for first in (0..messages).step_by(usize::try_from(step)?) {
        let entries = (first..(first + step).min(messages)).map(|at| {
            let (time, temperature, humidity) = drawn.next(at);
            Entry::Message(message(&source, time, temperature, humidity))
        });
        commits.push(store.append(Batch { entries: entries.collect() }).await);
        if flushed.is_some_and(|flushed| (first + step) % flushed == 0) {
            store.flush().await?;
        }
    }
    for commit in commits {
        commit.await;
    }
    let took = ms(clock, started);
    println!(
        "{messages} messages stored in {took:.0} ms ({:.2} µs each), {} kB in use",
        1_000.0 * took / messages as f64,
        resident_kb()
    );
    Ok(())
}

/// Draws one message after the other.
struct Source {
    random: u64,
    walk: Option<(f64, f64)>,
}

impl Source {
    fn a() -> Self {
        Self { random: 1, walk: Some((210.0, 450.0)) }
    }

    fn b() -> Self {
        Self { random: 2, walk: None }
    }

    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Near enough to a normal deviate: the sum of twelve even ones.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| (self.draw() >> 11) as f64 / (1_u64 << 53) as f64).sum::<f64>() - 6.0
    }

    /// Time, temperature and humidity of message `at`.
    fn next(&mut self, at: i64) -> (i64, f64, f64) {
        let time = START_MS + at * STEP_MS;
        let Some((mut temperature, mut humidity)) = self.walk else {
            let swing = (at as f64 * 10.0 / 86_400.0 * std::f64::consts::TAU).sin();
            let jitter = (self.draw() % 41).cast_signed() - 20;
            let temperature = (2_100.0 + 300.0 * swing + self.normal() * 5.0).round() / 100.0;
            return (time + jitter, temperature, (4_500.0 - 900.0 * swing + self.normal() * 17.0).round() / 100.0);
        };
        let step = [-1.0, 0.0, 0.0, 1.0][usize::try_from(self.draw() % 4).unwrap_or(0)];
        let wet = (self.normal() * 1.5).round();
        // Held inside a room's climate by turning the step around at the walls.
        temperature += if (50.0..350.0).contains(&(temperature + step)) { step } else { -step };
        humidity += if (200.0..900.0).contains(&(humidity + wet)) { wet } else { -wet };
        self.walk = Some((temperature, humidity));
        (time, temperature / 10.0, humidity / 10.0)
    }
}

fn message(source: &SourceName, time: i64, temperature: f64, humidity: f64) -> MessageRecord {
    let reading = |series, number: f64| SeriesReading {
        series: SeriesId(series),
        reading: Reading {
            key: ReadingKey { time: Timestamp::saturating(time), n: 0 },
            value: Value::Number(number),
            judgement: Judgement::Good,
            time_source: TimeSource::Device,
            claimed_ms: None,
        },
    };
    let readings = vec![reading(1, temperature), reading(2, humidity)];
    MessageRecord { source: source.clone(), received: Timestamp::saturating(time), readings, repeat: None }
}

fn identities() -> Result<Batch, Box<dyn std::error::Error>> {
    let created = Timestamp::saturating(START_MS);
    let device = DeviceRecord { id: DeviceId(1), key: DeviceKey::parse("home/kitchen/climate")?, created };
    let mut entries = vec![Entry::Device(device)];
    for (id, metric) in [(1, "temperature"), (2, "humidity")] {
        entries.push(Entry::Series(SeriesRecord {
            id: SeriesId(id),
            device: DeviceId(1),
            metric: MetricName::parse(metric)?,
            unit: None,
            unit_source: UnitSource::None,
            kind: Kind::Measurement,
        }));
    }
    Ok(Batch { entries })
}

fn database_bytes(dir: &Path) -> std::io::Result<u64> {
    Ok(std::fs::metadata(dir.join("sensorium.db"))?.len())
}

fn ms(clock: &SystemClock, started: std::time::Duration) -> f64 {
    (clock.monotonic() - started).as_secs_f64() * 1_000.0
}

/// CPU time of all threads by the kernel's account; 0 where there is none.
fn cpu_ms() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = tasks.filter_map(|task| {
        let schedule = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        schedule.split(' ').next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1_000_000.0
}

/// Resident memory by the kernel's account; 0 where there is none.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
