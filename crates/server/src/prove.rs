//! `sensorium prove`: the promise, checked on this machine by whoever wants to see it.
//!
//! It starts this very program a second time, in a temporary directory and on free ports of loopback, so that nothing
//! that runs or is stored here is touched. It is a kill of the process, not a power cut: what a disk does that loses what
//! it said was written, it cannot show.

use std::io::{IsTerminal, Write};

use anyhow::{Context, bail};
use clock::{Clock, SystemClock};
use simulator::ledger::{self, Report, grouped};

use crate::config::Prove;

/// Prints the ledger.
///
/// # Errors
/// Something acknowledged was lost, doubled or altered, something was invented, or the second instance does not run.
pub fn prove(arguments: &Prove) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("this program has no path")?;
    let seed = arguments.seed.unwrap_or_else(|| seed_of(&SystemClock::new()));
    let report = ledger::prove(program, arguments.rounds, seed, |report| show(report, arguments.rounds))
        .with_context(|| format!("the proof could not be finished (seed {seed})"))?;
    writeln!(std::io::stdout(), "{report}")?;
    if !report.is_clean() {
        bail!("the ledger does not add up");
    }
    Ok(())
}

/// Another one each time, short enough to be typed.
fn seed_of(clock: &SystemClock) -> u64 {
    clock.now().millis().unsigned_abs() % 1_000_000
}

/// A line that is overwritten, for somebody who looks on.
fn show(report: &Report, rounds: u32) {
    let mut errors = std::io::stderr();
    if errors.is_terminal() {
        let end = if report.rounds == rounds { "\n" } else { "" };
        let found = grouped(report.found);
        // Nobody is told when nobody can be.
        let _ = write!(errors, "\rkilled {} of {rounds} times, {found} found{end}", report.kills);
    }
}
