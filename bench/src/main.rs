//! Measurements on this machine, over loopback, of the program that people run. Each prints a Markdown table.
//!
//! Machines are noisy: what is compared runs in turns (A B A B), and what is told is the median with the least and the
//! most. Nothing here is a test; no number here makes anything fail.

mod door;
mod figures;
mod history;
mod influx;
mod ingest;
mod instructions;
mod kill;
mod known;
mod load;
mod mosquitto;
mod process;
mod puback;
mod ramp;
mod rows;
mod sensorium;
mod sets;
mod start;
mod store;
mod systems;
mod verdicts;
mod victoria;
mod web;
mod year;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};

use crate::verdicts::Verdicts;

/// Measures Sensorium on this machine and prints Markdown tables.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    /// What to measure. Default: start, puback, ingest and year, one after the other.
    what: Vec<What>,
    /// How often each comparison is repeated.
    #[arg(long, default_value_t = 5)]
    turns: usize,
    /// Connections that publish at the same time.
    #[arg(long, default_value_t = 100)]
    connections: usize,
    /// Messages of one turn with one in flight; with twenty it is four times as many.
    #[arg(long, default_value_t = 60_000)]
    messages: usize,
    /// Readings of the year chart.
    #[arg(long, default_value_t = 3_153_600)]
    readings: usize,
    /// Devices of the history, a year at 10 s each. Four are 25 million values in every system.
    #[arg(long, default_value_t = 1)]
    devices: usize,
    /// Devices of the store alone, where four are 25 million values.
    #[arg(long, default_value_t = 4)]
    store_devices: usize,
    /// Messages of each device of the history and of the store alone.
    #[arg(long, default_value_t = sets::YEAR)]
    history: usize,
    /// Sets of the history.
    #[arg(long, value_delimiter = ',', default_values = ["a", "b", "office"])]
    sets: Vec<sets::Set>,
    /// Connections of the ramp.
    #[arg(long, default_value_t = 1_000)]
    ramp_connections: usize,
    /// How often the comparisons of `peers` are repeated.
    #[arg(long, default_value_t = 3)]
    peer_turns: usize,
    /// Where data directories are made: the disk that is measured. Default: the directory for temporary files.
    #[arg(long)]
    disk: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Processor time per acknowledged message beside Mosquitto, and messages lost.
    Ingest,
    /// Time from publish to PUBACK beside one bare fdatasync.
    Puback,
    /// The chart of one year of one device.
    Year,
    /// Time to be ready on an empty directory, and memory when idle.
    Start,
    /// The long form: everything below, side by side with `VictoriaMetrics`, `InfluxDB` and rows in `SQLite`, beside the budgets.
    Peers,
    /// A year of 10-second readings, and the office room: bytes, processor time, memory, charts.
    History,
    /// 1,000 connections of single messages.
    Ramp,
    /// SIGKILL in a flood.
    Kill,
    /// The store alone with 25 million values, and a start on it.
    Store,
    /// Instruction counts by callgrind.
    Instructions,
}

fn main() -> Result<()> {
    // Some figures need a process of their own, which is this program again.
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(rows::WORKER) => return rows::worker(words.get(1).context("no folder")?.as_ref()),
        Some(instructions::WORKER) => return instructions::worker(&words[1..]),
        _ => {}
    }
    let cli = Cli::parse();
    let bench = Bench { program: program()?, disk: cli.disk.clone().unwrap_or_else(std::env::temp_dir) };
    println!("{}\n", process::machine());
    let short = [What::Start, What::Puback, What::Ingest, What::Year];
    let long = [What::Instructions, What::Store, What::Ramp, What::Kill, What::History];
    let mut verdicts = Verdicts::default();
    for what in if cli.what.is_empty() { &short[..] } else { &cli.what[..] } {
        for what in if *what == What::Peers { &long[..] } else { std::slice::from_ref(what) } {
            measure(&bench, &cli, *what, &mut verdicts)?;
        }
    }
    verdicts.print();
    Ok(())
}

fn measure(bench: &Bench, cli: &Cli, what: What, verdicts: &mut Verdicts) -> Result<()> {
    let extent = |devices| history::Extent { devices, messages: cli.history, turns: cli.peer_turns };
    match what {
        What::Ingest => ingest::measure(bench, cli.turns, cli.connections, cli.messages),
        What::Puback => puback::measure(bench, cli.turns),
        What::Year => year::measure(bench, cli.readings),
        What::Start => start::measure(bench, cli.turns),
        // It is taken apart before.
        What::Peers => Ok(()),
        What::History => {
            cli.sets.iter().try_for_each(|set| history::measure(bench, *set, extent(cli.devices), verdicts))
        }
        What::Ramp => ramp::measure(bench, cli.peer_turns, cli.ramp_connections, verdicts),
        What::Kill => kill::measure(bench, verdicts),
        What::Store => store::measure(bench, extent(cli.store_devices), verdicts),
        What::Instructions => instructions::measure(bench, verdicts),
    }
}

/// What is measured, and where.
struct Bench {
    program: PathBuf,
    disk: PathBuf,
}

impl Bench {
    fn directory(&self) -> Result<tempfile::TempDir> {
        tempfile::tempdir_in(&self.disk).with_context(|| format!("no directory in {}", self.disk.display()))
    }

    fn launch(&self, desk: &tempfile::TempDir) -> simulator::server::Launch {
        simulator::server::Launch::new(&self.program, desk.path().join("data"), desk.path())
    }
}

/// `SENSORIUM_BIN`, else `sensorium` beside this program.
fn program() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("SENSORIUM_BIN") {
        return Ok(named.into());
    }
    let own = std::env::current_exe()?;
    match simulator::ledger::program_beside(&own) {
        Some(program) => Ok(program),
        None => {
            bail!("there is no server to measure: run `cargo build --release -p server`, or name it in SENSORIUM_BIN")
        }
    }
}
