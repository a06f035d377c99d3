//! Processor time of the server per acknowledged message, beside Mosquitto in the same run, and what the store lost.

use anyhow::Result;
use simulator::api::Api;
use simulator::ledger::grouped;
use tokio::runtime::Runtime;

use crate::figures::Figures;
use crate::load::{self, Load, Outcome};
use crate::mosquitto::Mosquitto;
use crate::{Bench, process};

/// One turn of one server.
struct Turn {
    micros_per_message: f64,
    per_second: f64,
}

impl Turn {
    fn of(cpu_seconds: f64, outcome: &Outcome) -> Self {
        let acked = outcome.acked.max(1) as f64;
        Self { micros_per_message: cpu_seconds / acked * 1e6, per_second: acked / outcome.took.as_secs_f64() }
    }
}

/// Prints one table with a row for each number in flight.
pub fn measure(bench: &Bench, turns: usize, connections: usize, messages: usize) -> Result<()> {
    println!("### Ingest: {connections} connections, QoS 1, two values a message\n");
    println!(
        "Processor time is that of the server process alone, user and system, while it is loaded. Mosquitto stores nothing.\n"
    );
    println!(
        "| in flight | Sensorium, µs a message | Mosquitto, µs a message | ratio, median (least–most) | Sensorium, acked/s | Mosquitto, acked/s | acknowledged | lost |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let runtime = load::runtime()?;
    for (in_flight, messages) in [(1, messages), (20, messages * 4)] {
        let load = Load { connections, in_flight, messages: messages / connections, every: None };
        let (mut ours, mut theirs, mut acked, mut lost) = (Vec::new(), Vec::new(), 0_u64, 0_u64);
        for _ in 0..turns {
            let (turn, of_which_lost) = sensorium(bench, &runtime, load)?;
            ours.push(turn);
            acked += (load.messages * connections) as u64;
            lost += of_which_lost;
            theirs.push(mosquitto(bench, &runtime, load)?);
        }
        let ratio = ours.iter().zip(&theirs).map(|(ours, theirs)| ours.micros_per_message / theirs.micros_per_message);
        println!(
            "| {in_flight} | {} | {} | {} | {:.0} | {:.0} | {} | {} |",
            Figures::of(ours.iter().map(|turn| turn.micros_per_message)).spread(),
            Figures::of(theirs.iter().map(|turn| turn.micros_per_message)).spread(),
            Figures::of(ratio).spread(),
            Figures::of(ours.iter().map(|turn| turn.per_second)).median(),
            Figures::of(theirs.iter().map(|turn| turn.per_second)).median(),
            grouped(acked),
            grouped(lost),
        );
    }
    println!();
    Ok(())
}

/// Counts what is lost from the store, never from PUBACKs: after SIGKILL and a new start.
fn sensorium(bench: &Bench, runtime: &Runtime, load: Load) -> Result<(Turn, u64)> {
    let desk = bench.directory()?;
    let server = bench.launch(&desk).start()?;
    let pid = server.pid();
    let (before, outcome) = load::run(runtime, server.mqtt(), load, || process::cpu_time(pid))?;
    let cpu = process::cpu_time(pid)?.saturating_sub(before);
    server.kill()?;
    let server = bench.launch(&desk).start()?;
    let api = Api::at(server.http());
    let mut lost = 0;
    for connection in 0..load.connections {
        let there = api.readings(&load::device(connection), "temperature")?.len();
        lost += load.messages.saturating_sub(there) as u64;
    }
    server.terminate()?;
    Ok((Turn::of(cpu.as_secs_f64(), &outcome), lost))
}

fn mosquitto(bench: &Bench, runtime: &Runtime, load: Load) -> Result<Turn> {
    let desk = bench.directory()?;
    let peer = Mosquitto::start(desk.path())?;
    let (before, outcome) = load::run(runtime, peer.mqtt, load, || process::cpu_time(peer.pid()))?;
    let cpu = process::cpu_time(peer.pid())?.saturating_sub(before);
    Ok(Turn::of(cpu.as_secs_f64(), &outcome))
}
