//! The executable `sensorium`: reads its arguments, builds the application, runs it.

mod access;
mod announce;
mod app;
mod care;
mod config;
mod demo;
mod greeting;
mod medium;
mod metrics;
mod opened;
mod pages;
mod prove;
mod publish;
mod retention;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::config::{Command, Config, Sensorium};

fn main() -> ExitCode {
    let arguments = Sensorium::parse();
    let done = match arguments.command {
        Command::Serve(serve) => serve_until_stopped(&serve),
        Command::Publish(publish) => run(publish::publish(publish)),
        Command::Openapi => print_openapi(),
        Command::Prove(prove) => prove::prove(&prove),
        Command::Check(check) => care::check(&check),
        Command::Repair(repair) => care::repair(&repair),
        Command::Backup(backup) => care::backup(&backup),
        Command::Restore(restore) => care::restore(&restore),
        Command::Export(export) => run(care::export(export)),
        Command::Import(import) => run(care::import(import)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sensorium: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve_until_stopped(serve: &config::Serve) -> anyhow::Result<()> {
    log_to_stderr(serve.log_json);
    let config = Config::from_arguments(serve)?;
    // Each connection is a descriptor; the soft limit of most systems is 1,024.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    run(async {
        let app = app::App::build(config).await?;
        app.run(app::stop_signal()).await?;
        let _ = writeln!(std::io::stdout(), "Stopped; everything acknowledged is stored.");
        Ok(())
    })
}

fn run(future: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

fn print_openapi() -> anyhow::Result<()> {
    let document = serde_json::to_string_pretty(&api::openapi())?;
    match writeln!(std::io::stdout(), "{document}") {
        // Whoever reads it has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// One line an event; `SENSORIUM_LOG` chooses what is logged.
fn log_to_stderr(json: bool) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::builder()
        .with_env_var("SENSORIUM_LOG")
        .try_from_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,scylla=off"));
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr);
    if json { lines.json().init() } else { lines.init() }
}
