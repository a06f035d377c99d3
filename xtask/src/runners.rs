//! The one list of what must hold before a change is merged, and the sum of it.
//!
//! Every runner is run even after another one failed, so that one run tells everything. A runner that ends badly
//! without saying how many failed counts as one failure, one without any count of its own as one check. Tests against Cassandra
//! share one node, which runs while they do and not longer.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use cassandra_node::{Node, Options, SHARED_VARIABLE};
use clock::{Clock, SystemClock};

use crate::commands;
use crate::counts::Counts;
use crate::setup;

/// How long one runner may take, from a cold start on two cores; then it is killed and counts as a failure.
const RUNNER_LIMIT: Duration = Duration::from_mins(25);

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

/// What is built before anything is tested. The crates' tests use one profile; the stories and the browser use the release
/// binary, which is what people run, and which is built once.
const BUILDS: &[Runner] = &[runner("release build", ".", "cargo build -q --release -p server -p simulator")];

/// What runs the product with a Cassandra beside it.
const TESTS_WITH_CASSANDRA: &[Runner] = &[
    runner("crates", ".", "cargo test -q --workspace --exclude stories --no-fail-fast"),
    runner("stories", ".", "cargo test -q -p stories --no-fail-fast -- --test-threads=2"),
];

/// What runs the product alone.
const TESTS: &[Runner] =
    &[runner("power cuts", ".", "cargo xtask powercut 2"), runner("browser", ".", "cargo xtask e2e")];

/// Everything: set-up, checks, tests. The last line printed is `N passed, N failed`.
pub fn run_all(root: &Path) -> Result<ExitCode> {
    setup::install(root)?;
    let mut tally = Tally::new();
    tally.take(root, CHECKS)?;
    tally.take(root, BUILDS)?;
    let cassandra = tally.start_cassandra();
    tally.take(root, TESTS_WITH_CASSANDRA)?;
    tally.end_cassandra(cassandra);
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
    /// The node that tests share, while there is one.
    cassandra: Option<SocketAddr>,
}

impl Tally {
    fn new() -> Self {
        Self { clock: SystemClock::new(), rows: Vec::new(), cassandra: None }
    }

    /// The node that the next runners share. It ends when it is dropped, and with this process however that ends. One that
    /// does not start is a failure; the tests then try on their own.
    fn start_cassandra(&mut self) -> Option<Node> {
        if let Some(named) = std::env::var_os(SHARED_VARIABLE) {
            println!("\n── the tests share the Cassandra at {}, which {SHARED_VARIABLE} names", named.display());
            return None;
        }
        println!("\n── Cassandra for the tests");
        let started = self.clock.monotonic();
        let node = Node::start(Options::default());
        let mut counts = Counts::default();
        settle(&mut counts, node.is_ok());
        match &node {
            Ok(node) => println!("it runs at {}", node.address()),
            Err(fault) => println!("{fault}"),
        }
        self.rows.push(("Cassandra starts", counts, self.clock.monotonic().saturating_sub(started)));
        self.cassandra = node.as_ref().map(Node::address).ok();
        node.ok()
    }

    /// Ends it. One that ended by itself is a failure: what the tests said about it would be hard to understand.
    fn end_cassandra(&mut self, node: Option<Node>) {
        self.cassandra = None;
        let Some(node) = node else { return };
        let mut counts = Counts::default();
        let answers = node.cql().map(drop);
        settle(&mut counts, answers.is_ok());
        if let Err(fault) = answers {
            println!("Cassandra did not run to the end: {fault}");
            node.keep_logs();
        }
        self.rows.push(("Cassandra ran", counts, Duration::ZERO));
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
            if let Some(address) = self.cassandra {
                command.env(SHARED_VARIABLE, address.to_string());
            }
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
