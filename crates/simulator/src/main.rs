//! `sensorium-sim`: simulated devices from the command line.
//!
//! Exit codes: 0 all is well, 1 the ledger or the check of a fleet found a fault, 2 it could not be run.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clock::{Clock, SystemClock};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::Timestamp;
use simulator::api::Api;
use simulator::ledger::{self, LedgerError, Report, grouped};
use simulator::profiles::{self, PROFILES};
use simulator::server::Launch;
use simulator::{audit, computer, fleet, office_room};
use tokio::sync::watch;

/// Simulated devices for Sensorium: a fleet, a replay of real readings, and the ledger that kills the server and counts.
#[derive(Debug, Parser)]
#[command(name = "sensorium-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish, kill the server with SIGKILL, restart it, read everything back and check it.
    Ledger(LedgerArgs),
    /// Let a fleet publish in every way that the server knows, and check what it has afterwards.
    Fleet(FleetArgs),
    /// Replay the readings of an office as today's.
    OfficeRoom {
        /// Where the server takes MQTT.
        #[arg(long, default_value = "127.0.0.1:1883")]
        mqtt: SocketAddr,
        /// Only what is later, in UTC milliseconds.
        #[arg(long)]
        since: Option<i64>,
    },
    /// Publish load, memory and temperature of this computer every second.
    ThisComputer {
        /// Where the server takes MQTT.
        #[arg(long, default_value = "127.0.0.1:1883")]
        mqtt: SocketAddr,
    },
}

#[derive(Debug, Args)]
struct LedgerArgs {
    /// The server's executable. Default: `sensorium` beside this program.
    #[arg(long)]
    sensorium: Option<PathBuf>,
    /// Its data directory, which is kept. Default: a new one, which is removed afterwards.
    #[arg(long)]
    data: Option<PathBuf>,
    /// How often the server is killed.
    #[arg(long, visible_alias = "kills", default_value_t = 20)]
    rounds: u32,
    /// Reproduces a run. Default: a new one, which is printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Do not start or kill anything: publish to this running server, such as http://127.0.0.1:8080.
    #[arg(long, requires = "mqtt", conflicts_with_all = ["sensorium", "data"])]
    against: Option<String>,
    /// Where that server takes MQTT.
    #[arg(long, requires = "against")]
    mqtt: Option<SocketAddr>,
    /// A program that runs between each kill and the restart, such as one that cuts the power of the disk.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "against")]
    after_kill: Option<PathBuf>,
    /// Kill the server so many times while it starts, before the start that counts.
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "against")]
    kills_at_start: u32,
    /// Overlook so many acknowledged messages, to see that the ledger can fail.
    #[arg(long, hide = true, default_value_t = 0)]
    forget: u32,
}

#[derive(Debug, Args)]
struct FleetArgs {
    /// Where the server takes MQTT.
    #[arg(long, default_value = "127.0.0.1:1883")]
    mqtt: SocketAddr,
    /// How many devices.
    #[arg(long, default_value_t = 12)]
    devices: usize,
    /// What they speak, in turn, such as tasmota,z2m. Default: every profile.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    profiles: Vec<String>,
    /// Milliseconds between two moments of one device.
    #[arg(long, default_value_t = 2_000)]
    every_ms: u64,
    /// Moments of each device; then it is done.
    #[arg(long, default_value_t = 1_000)]
    readings: u64,
    /// Reproduces a run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Devices without faults: nothing fails, breaks, repeats or comes late.
    #[arg(long)]
    well_behaved: bool,
    /// Afterwards compare with this server, such as http://127.0.0.1:8080, which must have had none of the devices before.
    #[arg(long, value_name = "URL")]
    check: Option<String>,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Ledger(args) => return run_ledger(&args),
        Command::Fleet(args) => return run_fleet(&args),
        Command::OfficeRoom { mqtt, since } => with_runtime(async move {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
            office_room::office_room(mqtt, clock, since.map(Timestamp::saturating), until_interrupted()).await
        })
        .and_then(|played| played.map_err(|error| error.to_string())),
        Command::ThisComputer { mqtt } => {
            with_runtime(async move { computer::this_computer(mqtt, until_interrupted()).await })
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => fail(&sentence),
    }
}

fn fail(sentence: &str) -> ExitCode {
    eprintln!("sensorium-sim: {sentence}");
    ExitCode::from(2)
}

fn with_runtime<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    Ok(runtime.map_err(|error| format!("no runtime: {error}"))?.block_on(work))
}

/// Turns true at Ctrl+C. The task ends with the runtime.
fn until_interrupted() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        // Without a handler the signal itself ends the program, which is as good.
        if tokio::signal::ctrl_c().await.is_ok() {
            let _ = stop.send(true);
        }
    });
    stopped
}

fn run_fleet(args: &FleetArgs) -> ExitCode {
    let profiles = match profiles::named(&args.profiles) {
        Ok(profiles) => profiles,
        Err(name) => {
            let all: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
            return fail(&format!("there is no profile {name}; there are {}", all.join(", ")));
        }
    };
    let plan = fleet::Plan {
        devices: args.devices,
        profiles,
        every: Duration::from_millis(args.every_ms),
        readings: args.readings,
        seed: args.seed,
        habits: !args.well_behaved,
    };
    let mqtt = args.mqtt;
    let ran =
        with_runtime(async move { fleet::run(mqtt, &plan, Arc::new(SystemClock::new()), until_interrupted()).await });
    let ran = match ran {
        Ok(ran) => ran,
        Err(sentence) => return fail(&sentence),
    };
    println!("{}", ran.tally);
    let Some(http) = &args.check else { return ExitCode::SUCCESS };
    match audit::audit(&Api::new(http.clone()), &ran) {
        Ok(audit) => {
            println!("{audit}");
            if audit.is_clean() && ran.tally.broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => fail(&error.to_string()),
    }
}

fn run_ledger(args: &LedgerArgs) -> ExitCode {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let bar = progress(u64::from(args.rounds));
    let each = |report: &Report| {
        bar.set_position(u64::from(report.rounds));
        bar.set_message(format!("{} acknowledged, {} found", grouped(report.acknowledged), grouped(report.found)));
    };
    let report = match (&args.against, args.mqtt) {
        (Some(http), Some(mqtt)) => {
            let (http, rounds, forget) = (http.clone(), args.rounds, args.forget);
            ledger::run_against(&ledger::Standing { http, mqtt, rounds, seed, forget }, each)
                .map_err(|error| sentence(&error))
        }
        _ => kill_and_count(args, seed, each),
    };
    bar.finish_and_clear();
    match report {
        Ok(report) => {
            println!("{report}");
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(sentence) => fail(&format!("{sentence} (seed {seed})")),
    }
}

fn kill_and_count(args: &LedgerArgs, seed: u64, each: impl FnMut(&Report)) -> Result<Report, String> {
    let own = std::env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let program = args.sensorium.clone().or_else(|| ledger::program_beside(&own));
    let program = program.ok_or("there is no `sensorium` beside this program; name it with --sensorium")?;
    let desk = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
    let data = args.data.clone().unwrap_or_else(|| desk.path().join("data"));
    let launch = Launch::new(program, data, desk.path());
    let options = ledger::Options {
        launch,
        rounds: args.rounds,
        seed,
        forget: args.forget,
        after_kill: args.after_kill.clone(),
        kills_at_start: args.kills_at_start,
    };
    ledger::run(&options, each).map_err(|error| sentence(&error))
}

/// An error with its causes in one line.
fn sentence(error: &LedgerError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

fn progress(rounds: u64) -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(rounds), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} rounds, {elapsed}  {msg}") {
        bar.set_style(style);
    }
    bar
}
