//! The store alone, in this process: what a value costs from `append` to its frame, and what a start and a chart cost with 25
//! million values there. Messages are made before the clock runs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clock::{Clock, SystemClock};
use model::{
    DeviceId, DeviceKey, Judgement, Kind, MetricName, Reading, ReadingKey, SeriesId, SourceName, TimeSource, Timestamp,
    UnitSource, Value,
};
use simulator::ledger::grouped;
use store::{Batch, DeviceRecord, Entry, MessageRecord, Readings, SeriesReading, SeriesRecord};
use store_embedded::{EmbeddedStore, Options, open};

use crate::figures::Figures;
use crate::history::Extent;
use crate::sensorium::Sensorium;
use crate::sets::{Message, Set, device};
use crate::systems::{Chart, System};
use crate::verdicts::{Verdicts, short};
use crate::{Bench, process};

/// Messages of one batch, about what ingest puts together from a hundred connections.
const PER_BATCH: usize = 100;
/// Parts in which it is stored; the first is 1×, all together are 10×.
const PARTS: usize = 10;
const STARTS: usize = 5;
const ASKED: u32 = 20;
const DAY_MS: i64 = 86_400_000;

/// Stores set A, then starts the server on it. Prints one table.
pub fn measure(bench: &Bench, extent: Extent, verdicts: &mut Verdicts) -> Result<()> {
    let desk = bench.directory()?;
    let data = desk.path().join("data");
    std::fs::create_dir(&data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let values = (extent.devices * extent.messages * 2) as f64;
    println!("### The store alone: {} values of set A of {} devices\n", grouped(values as u64), extent.devices);
    println!("| | median (least–most) |\n|---|---|");
    let parts = runtime.block_on(fill(&data, extent))?;
    let micros = Figures::of(parts.iter().map(|part| part.micros_per_value));
    println!("| processor µs a value from append to frame, flush included | {} |", micros.spread());
    println!("| values/s | {} |", Figures::of(parts.iter().map(|part| part.per_second)).spread());
    verdicts.at_most("the store's part, append to frame", 1.0, micros.median(), " µs a value");
    let last = Set::A.messages(extent.devices, extent.messages)?.last().context("nothing was stored")?.time;
    // A store that was just closed may have something left to put together, and the page's first start is not the 25 million's.
    let mut system = Sensorium::open(bench, desk.path())?;
    process::settle(system.pid())?;
    let first_day = ask(&system, Chart::ending(crate::sets::START_MS + DAY_MS, DAY_MS))?;
    let day = ask(&system, Chart::ending(last + 1, DAY_MS))?;
    let year = ask(&system, Chart::ending(last + 1, 365 * DAY_MS))?;
    system.stop()?;
    let bytes = process::disk_bytes(&data)? as f64;
    let database = std::fs::metadata(data.join("sensorium.db"))?.len() as f64;
    println!("| bytes a message in the database | {} |", short(database / (values / 2.0)));
    println!("| log and reserve beside it, MB | {} |", short((bytes - database) / 1e6));
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let clock = SystemClock::new();
        system.start()?;
        system.latest(Set::A, last)?;
        starts.push(clock.monotonic().as_secs_f64() * 1e3);
        system.stop()?;
    }
    let starts = Figures::of(starts);
    println!("| start to first answer, ms, {STARTS} starts | {} |", starts.spread());
    verdicts.at_most(
        format!("start to first answer, {} values", grouped(values as u64)),
        300.0,
        starts.median(),
        " ms",
    );
    println!("| year chart, processor ms | {} |", short(year));
    println!("| chart of the last day, processor ms | {} |", short(day));
    println!("| chart of the first day, processor ms | {} |", short(first_day));
    let growth = parts[PARTS - 1].micros_per_value / parts[0].micros_per_value;
    println!("| processor time a value at 10×, times 1× | {} |\n", short(growth));
    let count = system_count(&mut system, last)?;
    ensure!(count == extent.messages as u64, "{count} readings of {}", extent.messages);
    Ok(())
}

struct Part {
    micros_per_value: f64,
    per_second: f64,
}

fn system_count(system: &mut Sensorium, last: i64) -> Result<u64> {
    system.start()?;
    let count = system.count(Set::A, 0, crate::sets::START_MS, last + 1)?;
    system.stop()?;
    Ok(count)
}

/// Milliseconds of processor time.
fn ask(system: &Sensorium, chart: Chart) -> Result<f64> {
    system.chart(Set::A, chart)?;
    let before = process::cpu_exact(system.pid())?;
    for _ in 0..ASKED {
        system.chart(Set::A, chart)?;
    }
    Ok(process::cpu_exact(system.pid())?.saturating_sub(before).as_secs_f64() * 1e3 / f64::from(ASKED))
}

async fn fill(data: &Path, extent: Extent) -> Result<Vec<Part>> {
    let store = open(data, Options::default())?;
    store.append(identities(extent.devices)?).await.await;
    let mut messages = Set::A.messages(extent.devices, extent.messages)?;
    let mut parts = Vec::new();
    let whole = extent.devices * extent.messages;
    for _ in 0..PARTS {
        let (mut cpu, mut wall, mut values) = (Duration::ZERO, Duration::ZERO, 0);
        // In pieces, so that what was made and not yet appended takes little memory.
        for _ in 0..10 {
            let piece: Vec<Message> = messages.by_ref().take(whole.div_ceil(PARTS * 10)).collect();
            values += piece.len() * 2;
            let batches = batches(&piece, PER_BATCH)?;
            let (clock, before) = (SystemClock::new(), process::cpu_exact(std::process::id())?);
            append(&store, batches).await;
            cpu += process::cpu_exact(std::process::id())?.saturating_sub(before);
            wall += clock.monotonic();
        }
        let (clock, before) = (SystemClock::new(), process::cpu_exact(std::process::id())?);
        store.flush().await?;
        cpu += process::cpu_exact(std::process::id())?.saturating_sub(before);
        wall += clock.monotonic();
        let values = values.max(1) as f64;
        parts
            .push(Part { micros_per_value: cpu.as_secs_f64() * 1e6 / values, per_second: values / wall.as_secs_f64() });
    }
    store.close().await?;
    Ok(parts)
}

/// Appends and waits until all is durable.
pub async fn append(store: &EmbeddedStore, batches: Vec<Batch>) {
    let mut commits = Vec::with_capacity(batches.len());
    for batch in batches {
        commits.push(store.append(batch).await);
    }
    for commit in commits {
        commit.await;
    }
}

/// Messages of set A as ingest hands them over.
pub fn batches(messages: &[Message], per_batch: usize) -> Result<Vec<Batch>> {
    let source = SourceName::parse("mqtt")?;
    let batch = |messages: &[Message]| Batch {
        entries: messages.iter().map(|message| Entry::Message(record(&source, message))).collect(),
    };
    Ok(messages.chunks(per_batch).map(batch).collect())
}

fn record(source: &SourceName, message: &Message) -> MessageRecord {
    let time = Timestamp::saturating(message.time);
    let readings = (0..2).map(|metric: usize| SeriesReading {
        series: series(message.device, metric),
        reading: Reading {
            key: ReadingKey { time, n: 0 },
            value: Value::Number(message.values[metric]),
            judgement: Judgement::Good,
            time_source: TimeSource::Device,
            claimed_ms: None,
        },
    });
    MessageRecord { source: source.clone(), received: time, readings: readings.collect(), repeat: None }
}

/// Ids are given in order from 1.
pub fn series(device: usize, metric: usize) -> SeriesId {
    SeriesId(u32::try_from(device * 2 + metric + 1).unwrap_or(u32::MAX))
}

/// Devices with two series each.
pub fn identities(devices: usize) -> Result<Batch> {
    let created = Timestamp::saturating(crate::sets::START_MS);
    let mut entries = Vec::new();
    for index in 0..devices {
        let id = DeviceId(u32::try_from(index + 1)?);
        entries.push(Entry::Device(DeviceRecord { id, key: DeviceKey::parse(&device(index))?, created }));
        for (metric, name) in Set::A.metrics().iter().enumerate() {
            entries.push(Entry::Series(SeriesRecord {
                id: series(index, metric),
                device: id,
                metric: MetricName::parse(name)?,
                unit: None,
                unit_source: UnitSource::None,
                kind: Kind::Measurement,
            }));
        }
    }
    Ok(Batch { entries })
}
