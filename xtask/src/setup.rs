//! What the tests need beside Cargo and Node: a foreign broker and its clients, a browser, a Python client, `cargo deny`, a
//! Cassandra with its Java, and what provokes faults of a disk.
//!
//! Debian packages are installed only as root and only where missing; otherwise the command is named and the run ends.
//! A service that an installed package starts is stopped again. Everything else goes into `.tools` of this repository.

use std::path::Path;

use anyhow::{Context, Result, bail};
use cassandra_node::Version;

use crate::cassandra;
use crate::commands::{self, run, succeeds};

/// A program and the Debian package that brings it.
const PROGRAMS: &[(&str, &str)] = &[
    ("mosquitto", "mosquitto"),
    ("mosquitto_pub", "mosquitto-clients"),
    ("chromium", "chromium"),
    ("strace", "strace"),
];

/// What cuts the power of a disk (`powercut`). The kernel in user space is there for this kind of processor only.
const POWERCUT: &[(&str, &str)] = if cfg!(target_arch = "x86_64") {
    &[
        ("linux.uml", "user-mode-linux"),
        ("busybox", "busybox-static"),
        ("dmsetup", "dmsetup"),
        ("mkfs.ext4", "e2fsprogs"),
        ("eatmydata", "eatmydata"),
    ]
} else {
    &[]
};

const PAHO: &str = "paho-mqtt==2.1.0";
const CARGO_DENY: &str = "0.20.2";

/// Installs what is missing; with everything in place it changes nothing and needs no network.
pub fn install(root: &Path) -> Result<()> {
    debian_packages(root)?;
    python_client(root)?;
    cargo_deny(root)?;
    cassandra::jars(root, Version::V5_0)
}

fn debian_packages(root: &Path) -> Result<()> {
    let mut missing: Vec<&str> =
        PROGRAMS.iter().chain(POWERCUT).filter(|(program, _)| !on_path(program)).map(|(_, package)| *package).collect();
    if !succeeds(root, "python3 -m ensurepip --version") {
        missing.push("python3-venv");
    }
    missing.extend(cassandra::packages_missing(Version::V5_0));
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!("apt-get install -y --no-install-recommends {}", missing.join(" "));
    let is_root = commands::output(root, "id -u").is_ok_and(|id| id.trim() == "0");
    if !is_root || !on_path("apt-get") {
        bail!("the tests need {}; as root: {install}", missing.join(", "));
    }
    run(root, "apt-get update -q")?;
    let mut command = commands::command(root, &install);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    if !command.status().with_context(|| format!("`{install}` does not start"))?.success() {
        bail!("`{install}` failed");
    }
    if missing.contains(&"mosquitto") && !succeeds(root, "service mosquitto stop") {
        // Nothing was started: there is no init system, or it does not start what is installed.
        println!("setup: the service mosquitto was not running");
    }
    Ok(())
}

/// A client that shares no line with ours, for the tests that need a foreign one.
fn python_client(root: &Path) -> Result<()> {
    let python = ".tools/venv/bin/python";
    if succeeds(root, &format!("{python} -m pip show -q paho-mqtt")) {
        return Ok(());
    }
    run(root, "python3 -m venv .tools/venv")?;
    run(root, &format!("{python} -m pip install -q --disable-pip-version-check {PAHO}"))
}

/// Built without optimisation and without its optional parts: it runs for a second, and building it well takes minutes.
fn cargo_deny(root: &Path) -> Result<()> {
    let present = commands::output(root, ".tools/bin/cargo-deny --version");
    if present.is_ok_and(|version| version.contains(CARGO_DENY)) {
        return Ok(());
    }
    let line = format!("cargo install cargo-deny --version {CARGO_DENY} --locked --no-default-features --root .tools");
    let mut command = commands::command(root, &line);
    command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0").env("CARGO_PROFILE_RELEASE_LTO", "off");
    if !command.status().with_context(|| format!("`{line}` does not start"))?.success() {
        bail!("`{line}` failed");
    }
    Ok(())
}

/// Whether a folder of `PATH` holds the program; `/usr/sbin`, where brokers live, is not on everybody's path.
pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_path_buf()])
        .any(|folder| folder.join(program).is_file())
}
