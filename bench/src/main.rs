//! Measurements on this machine, over loopback, of the program that people run. Each prints a Markdown table.
//!
//! Machines are noisy: what is compared runs in turns (A B A B), and what is told is the median with the least and the
//! most. Nothing here is a test; no number here makes anything fail.

mod figures;
mod ingest;
mod load;
mod mosquitto;
mod process;
mod puback;
mod start;
mod year;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};

/// Measures Sensorium on this machine and prints Markdown tables.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    /// What to measure. Default: all, one after the other.
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
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let bench = Bench { program: program()?, disk: cli.disk.clone().unwrap_or_else(std::env::temp_dir) };
    println!("{}\n", process::machine());
    let all = [What::Start, What::Puback, What::Ingest, What::Year];
    for what in if cli.what.is_empty() { &all[..] } else { &cli.what[..] } {
        match what {
            What::Ingest => ingest::measure(&bench, cli.turns, cli.connections, cli.messages)?,
            What::Puback => puback::measure(&bench, cli.turns)?,
            What::Year => year::measure(&bench, cli.readings)?,
            What::Start => start::measure(&bench, cli.turns)?,
        }
    }
    Ok(())
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
