//! One device, one year at 10 s: how long the server takes for a chart of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clock::{Clock, SystemClock};
use serde_json::Value;
use simulator::api::Api;
use simulator::ledger::grouped;

use crate::figures::Figures;
use crate::load::{self, Load, START_MS};
use crate::{Bench, process};

const ASKED: usize = 21;
const IN_FLIGHT: usize = 100;
const STEP_MS: i64 = 10_000;
const HOUR_MS: i64 = 3_600_000;

/// Fills a server over MQTT, asks for charts of several ranges, and again after SIGKILL and a new start.
pub fn measure(bench: &Bench, readings: usize) -> Result<()> {
    println!(
        "### Chart of one device with {} readings of each of two metrics, 1,000 windows wide\n",
        grouped(readings as u64)
    );
    let runtime = load::runtime()?;
    let desk = bench.directory()?;
    let server = bench.launch(&desk).start()?;
    let load = Load { connections: 1, in_flight: IN_FLIGHT, messages: readings, every: None };
    let (before, outcome) = load::run(&runtime, server.mqtt(), load, || process::cpu_time(server.pid()))?;
    let cpu = process::cpu_time(server.pid())?.saturating_sub(before);
    println!(
        "Filled over MQTT from one connection, {IN_FLIGHT} in flight: {:.1} s, {:.0} messages/s, {:.2} µs of processor time a message.\n",
        outcome.took.as_secs_f64(),
        outcome.acked as f64 / outcome.took.as_secs_f64(),
        cpu.as_secs_f64() / outcome.acked as f64 * 1e6
    );
    println!("| range | step | windows | server time, ms | with HTTP, ms |");
    println!("|---|---|---|---|---|");
    let span = i64::try_from(readings)? * STEP_MS;
    ranges("", &Api::at(server.http()), span, readings)?;
    server.kill()?;
    let server = bench.launch(&desk).start()?;
    ranges(", after SIGKILL and a new start", &Api::at(server.http()), span, readings)?;
    println!(
        "\nReady after that start: {} ms. Resident memory: {:.1} MiB. On disk: {:.1} MB, {:.2} bytes a message.\n",
        server.ready_after().as_millis(),
        process::resident_mib(server.pid())?,
        disk_bytes(&desk)? as f64 / 1e6,
        disk_bytes(&desk)? as f64 / readings as f64
    );
    server.terminate()?;
    Ok(())
}

fn ranges(when: &str, api: &Api, span: i64, readings: usize) -> Result<()> {
    let end = START_MS + span;
    for (name, from) in [("all", START_MS), ("one day", end - 24 * HOUR_MS), ("one hour", end - HOUR_MS)] {
        let asked = ask(api, from.max(START_MS), end)?;
        if from == START_MS {
            let counted = asked.last["count"].as_array().map(|all| all.iter().filter_map(Value::as_u64).sum::<u64>());
            ensure!(counted == Some(readings as u64), "{counted:?} readings in the windows, {readings} sent");
        }
        let windows = asked.last["count"].as_array().map_or(0, Vec::len);
        println!(
            "| {name}{when} | {} s | {windows} | {} | {} |",
            asked.last["step_ms"].as_i64().unwrap_or(0) / 1000,
            Figures::of(asked.took_ms).spread(),
            Figures::of_times(&asked.wall).spread()
        );
    }
    Ok(())
}

struct Asked {
    took_ms: Vec<f64>,
    wall: Vec<Duration>,
    last: Value,
}

fn ask(api: &Api, from: i64, to: i64) -> Result<Asked> {
    let clock = SystemClock::new();
    let mut asked = Asked { took_ms: Vec::new(), wall: Vec::new(), last: Value::Null };
    let (device, from, to) = (load::device(0), from.to_string(), to.to_string());
    let query =
        [("device", device.as_str()), ("metric", "temperature"), ("from", &from), ("to", &to), ("width", "1000")];
    for _ in 0..ASKED {
        let before = clock.monotonic();
        asked.last = api.get("/windows", &query)?;
        asked.wall.push(clock.monotonic().saturating_sub(before));
        asked.took_ms.push(asked.last["took_ms"].as_f64().context("the answer has no took_ms")?);
    }
    Ok(asked)
}

fn disk_bytes(desk: &tempfile::TempDir) -> Result<u64> {
    let mut bytes = 0;
    let mut folders = vec![desk.path().join("data")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                bytes += entry.metadata()?.len();
            }
        }
    }
    Ok(bytes)
}
