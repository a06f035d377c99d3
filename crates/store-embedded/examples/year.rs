//! A year of one device at 10 s: how long windows take, how many bytes it is, how long the directory takes to open.
//!
//! `cargo run --release -p store-embedded --example year [readings of each of two series]`

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
    let dir = tempfile::tempdir()?;
    let clock = SystemClock::new();
    let store = timed_open(dir.path(), &clock, "empty directory")?;
    fill(&store, messages, &clock).await?;
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

async fn fill(store: &EmbeddedStore, messages: i64, clock: &SystemClock) -> Result<(), Box<dyn std::error::Error>> {
    store.append(identities()?).await.await;
    let source = SourceName::parse("mqtt")?;
    let started = clock.monotonic();
    let mut commits = Vec::new();
    let mut random = 88_172_645_463_325_252_u64;
    let (mut temperature, mut humidity) = (215_i64, 480_i64);
    for first in (0..messages).step_by(usize::try_from(MESSAGES_PER_BATCH)?) {
        let entries = (first..(first + MESSAGES_PER_BATCH).min(messages)).map(|at| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            temperature += i64::from(random.is_multiple_of(11)) - i64::from(random % 11 == 5);
            humidity += i64::from(random % 7 == 1) - i64::from(random % 7 == 2);
            Entry::Message(message(&source, START_MS + at * STEP_MS, temperature, humidity))
        });
        commits.push(store.append(Batch { entries: entries.collect() }).await);
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

fn message(source: &SourceName, time: i64, temperature: i64, humidity: i64) -> MessageRecord {
    let reading = |series, tenths: i64| SeriesReading {
        series: SeriesId(series),
        reading: Reading {
            key: ReadingKey { time: Timestamp::saturating(time), n: 0 },
            value: Value::Number(tenths as f64 / 10.0),
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
