//! The one list of what must hold before a change is merged, and the sum of it.
//!
//! Every runner is run even after another one failed, so that one run tells everything. A runner that ends badly
//! without saying how many failed counts as one failure, one without any count of its own as one check.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clock::{Clock, SystemClock};

use crate::commands;
use crate::counts::Counts;
use crate::setup;

/// How long one runner may take, from a cold start on two cores; then it is killed and counts as a failure.
const RUNNER_LIMIT: Duration = Duration::from_mins(15);

/// One program that says yes or no.
pub struct Runner {
    name: &'static str,
    folder: &'static str,
    line: &'static str,
}

const fn runner(name: &'static str, folder: &'static str, line: &'static str) -> Runner {
    Runner { name, folder, line }
}

/// What needs no running server. The page comes first, because the server embeds what it builds. Advisories are left out
/// of `cargo deny`: their database is fetched from the network at every run, and a check must give the same answer
/// tomorrow and without a network; `deny.toml` says how to ask for them by hand.
pub const CHECKS: &[Runner] = &[
    runner("format", ".", "cargo fmt --all --check"),
    runner("house rules", ".", "cargo xtask tidy"),
    runner("licences and bans", ".", ".tools/bin/cargo-deny -L error check licenses bans sources"),
    runner("page", "ui", "npm run -s check"),
    runner("lints", ".", "cargo clippy -q --workspace --all-targets -- -D warnings"),
    runner("generated files", ".", "cargo xtask gen --check"),
];

/// What runs the product. The crates' tests use one profile; the stories and the browser use the release binary, which
/// is what people run, and which is built once.
const TESTS: &[Runner] = &[
    runner("crates", ".", "cargo test -q --workspace --exclude stories --no-fail-fast"),
    runner("release build", ".", "cargo build -q --release -p server -p simulator"),
    runner("stories", ".", "cargo test -q -p stories --no-fail-fast -- --test-threads=2"),
    runner("power cuts", ".", "cargo xtask powercut 2"),
    runner("browser", ".", "cargo xtask e2e"),
];

/// Everything: set-up, checks, tests. The last line printed is `N passed, N failed`.
pub fn run_all(root: &Path) -> Result<ExitCode> {
    setup::install(root)?;
    let mut tally = Tally::new();
    tally.take(root, CHECKS)?;
    tally.take(root, TESTS)?;
    Ok(tally.conclude())
}

/// One part of the list, with the same summary.
pub fn run(root: &Path, part: &[Runner]) -> Result<ExitCode> {
    let mut tally = Tally::new();
    tally.take(root, part)?;
    Ok(tally.conclude())
}

struct Tally {
    clock: SystemClock,
    rows: Vec<(&'static str, Counts, Duration)>,
}

impl Tally {
    fn new() -> Self {
        Self { clock: SystemClock::new(), rows: Vec::new() }
    }

    fn take(&mut self, root: &Path, part: &[Runner]) -> Result<()> {
        let release = commands::target_folder(root)?.join("release");
        for runner in part {
            println!("\n── {}: {}", runner.name, runner.line);
            let started = self.clock.monotonic();
            let mut counts = Counts::default();
            let mut command = commands::command(&root.join(runner.folder), runner.line);
            // The stories drive what people run.
            command.env("SENSORIUM_BIN", release.join("sensorium"));
            command.env("SENSORIUM_SIM_BIN", release.join("sensorium-sim"));
            let succeeded = match commands::follow(command, RUNNER_LIMIT, |line| counts.read(line)) {
                Ok(succeeded) => succeeded,
                Err(error) => {
                    println!("{error:#}");
                    false
                }
            };
            settle(&mut counts, succeeded);
            self.rows.push((runner.name, counts, self.clock.monotonic().saturating_sub(started)));
        }
        Ok(())
    }

    fn conclude(self) -> ExitCode {
        let mut sum = Counts::default();
        println!();
        for (name, counts, took) in &self.rows {
            println!("{name:<22} {:>5} passed {:>4} failed {:>5} s", counts.passed, counts.failed, took.as_secs());
            sum.add(counts.passed, counts.failed);
        }
        println!("{} passed, {} failed", sum.passed, sum.failed);
        if sum.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// What a runner's end says beyond its own counts.
fn settle(counts: &mut Counts, succeeded: bool) {
    if !succeeded && counts.failed == 0 {
        counts.failed = 1;
    } else if succeeded && counts.passed == 0 {
        counts.passed = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(passed: u64, failed: u64, succeeded: bool) -> (u64, u64) {
        let mut counts = Counts { passed, failed };
        settle(&mut counts, succeeded);
        (counts.passed, counts.failed)
    }

    #[test]
    fn a_runner_without_counts_is_one_check() {
        assert_eq!(settled(0, 0, true), (1, 0));
        assert_eq!(settled(0, 0, false), (0, 1));
    }

    #[test]
    fn a_bad_end_is_never_hidden_by_good_counts() {
        assert_eq!(settled(12, 0, false), (12, 1));
        assert_eq!(settled(12, 3, false), (12, 3));
        assert_eq!(settled(12, 0, true), (12, 0));
    }
}
