//! The tasks around the product that Make calls and no ready tool does: checks of the house rules, generated files, and
//! the one run of all tests.
//!
//! It is not part of the product: nothing here is linked into `sensorium`, and it may use any crate of the workspace.

mod cassandra;
mod commands;
mod counts;
mod demo;
mod generate;
mod powercut;
mod runners;
mod setup;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};
use cassandra_node::Version;

const USAGE: &str = "usage: cargo xtask tidy | gen [--check] | setup | check | test | e2e | powercut [ROUNDS [SEED]] | \
    cassandra | cassandra41";
/// What is tried against the older Cassandra: the store alone, by its conformance suite and its own tests.
const CASSANDRA_41: &str = "cargo test -q -p store-cassandra --no-fail-fast";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match perform(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(words: &[&str]) -> Result<ExitCode> {
    let root = commands::root()?;
    match words {
        ["tidy"] => tidy::check(&root)?,
        ["gen"] => generate::write(&root)?,
        ["gen", "--check"] => generate::compare(&root)?,
        ["setup"] => setup::install(&root)?,
        ["check"] => return runners::run(&root, runners::CHECKS),
        ["test"] => return runners::run_all(&root),
        ["powercut"] => powercut::cut(&root, 2, 1)?,
        ["powercut", rounds] => powercut::cut(&root, rounds.parse()?, 1)?,
        ["powercut", rounds, seed] => powercut::cut(&root, rounds.parse()?, seed.parse()?)?,
        ["cassandra"] => cassandra::serve()?,
        ["cassandra41"] => cassandra::run_beside(&root, Version::V4_1, CASSANDRA_41)?,
        ["e2e"] => demo::browse(&root)?,
        _ => bail!("{USAGE}"),
    }
    Ok(ExitCode::SUCCESS)
}
