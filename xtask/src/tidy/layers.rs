//! The direction of the crates: each may use only lower layers, and adapters only their own port.
//!
//! The table below is the rule; `ARCHITECTURE.md` explains it. A new crate needs a place here before it builds green.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Finding;

/// A crate, its layer, the layers below which it may use, and single crates beyond them.
struct Place {
    name: &'static str,
    layer: u8,
    /// It may use every layer below this one.
    below: u8,
    also: &'static [&'static str],
}

const fn place(name: &'static str, layer: u8, below: u8, also: &'static [&'static str]) -> Place {
    Place { name, layer, below, also }
}

const PLACES: &[Place] = &[
    // 0: the vocabulary.
    place("model", 0, 0, &[]),
    // 1: pure engines and the clock, which do not know each other.
    place("clock", 1, 1, &[]),
    place("windows", 1, 1, &[]),
    place("frame", 1, 1, &[]),
    place("decode", 1, 1, &[]),
    place("wal", 1, 1, &[]),
    // 2: ports, and what reads the tables that people bring.
    place("store", 2, 2, &[]),
    place("source", 2, 2, &[]),
    place("table", 2, 2, &[]),
    // 3: what the product does, knowing ports only.
    place("ingest", 3, 3, &[]),
    place("alerts", 3, 3, &[]),
    place("accounts", 3, 3, &[]),
    place("upkeep", 3, 3, &[]),
    // 4: adapters, each knowing its port and nothing beside.
    place("store-embedded", 4, 2, &["store"]),
    place("store-cassandra", 4, 2, &["store", "cassandra-node"]),
    place("broker", 4, 2, &["source"]),
    place("broker-client", 4, 2, &["source", "store"]),
    place("notifiers", 4, 2, &["alerts"]),
    place("api", 4, 4, &[]),
    place("ui-assets", 4, 2, &[]),
    // 5: the programs; `serve --demo` replays with the simulator's code.
    place("simulator", 5, 5, &[]),
    place("server", 5, 5, &["simulator"]),
    // 6: beside the product, used by nothing of it; tests start their Cassandra with `cassandra-node`.
    place("cassandra-node", 6, 2, &[]),
    place("stories", 6, 6, &["cassandra-node"]),
    place("bench", 6, 6, &[]),
    place("xtask", 6, 6, &["cassandra-node"]),
];

/// Layers 0 and 1 start no task and open no connection, so that they can be tested without a runtime. Other heavy packages are held by `deny.toml`,
/// which names the one adapter that may use each.
const RUNTIME_FROM: u8 = 2;
const RUNTIMES: &[&str] = &["tokio", "futures", "futures-util", "async-trait", "async-std", "smol", "mio"];

/// Every manifest under `crates`, and those beside it.
pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut folders = ["tests", "tests/cassandra", "bench", "xtask"].map(|folder| root.join(folder)).to_vec();
    if let Ok(entries) = fs::read_dir(root.join("crates")) {
        for entry in entries {
            folders.push(entry?.path());
        }
    }
    for folder in folders {
        let path = folder.join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let shown = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
        findings.extend(manifest(&shown, &text)?);
    }
    Ok(findings)
}

fn manifest(path: &str, text: &str) -> Result<Vec<Finding>> {
    let table: toml::Table = text.parse().with_context(|| format!("{path} is not TOML"))?;
    let name = table.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    let name = name.with_context(|| format!("{path} names no package"))?;
    if let Some(folder) = path.strip_prefix("crates/").and_then(|rest| rest.strip_suffix("/Cargo.toml"))
        && folder != name
    {
        return Ok(vec![Finding(format!(
            "{path}: the package is called {name} and its folder {folder}; both have one name."
        ))]);
    }
    let Some(place) = find(name) else {
        return Ok(vec![Finding(format!(
            "{path}: {name} has no place in the table of layers; give it one in xtask/src/tidy/layers.rs."
        ))]);
    };
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let used = |key: &&str| table.get(*key).and_then(toml::Value::as_table).map(toml::Table::keys);
    let ours = tables.iter().filter_map(used).flatten().filter_map(|name| find(name));
    let refused = ours.filter(|used| !place.may_use(used) && used.name != place.name);
    let mut findings: Vec<Finding> = refused.map(|used| Finding(place.refusal(path, used))).collect();
    if place.layer < RUNTIME_FROM {
        let theirs = used(&"dependencies").into_iter().flatten().filter(|name| RUNTIMES.contains(&name.as_str()));
        findings.extend(theirs.map(|theirs| {
            Finding(format!(
                "{path}: {name} (layer {}) starts no task and opens no connection; it may not use {theirs}.",
                place.layer
            ))
        }));
    }
    Ok(findings)
}

fn find(name: &str) -> Option<&'static Place> {
    PLACES.iter().find(|place| place.name == name)
}

impl Place {
    fn may_use(&self, other: &Place) -> bool {
        other.layer < self.below || self.also.contains(&other.name)
    }

    fn refusal(&self, path: &str, other: &Place) -> String {
        let layers = match self.below {
            0 => String::new(),
            1 => String::from("layer 0"),
            below => format!("layers 0 to {}", below - 1),
        };
        let allowed: Vec<&str> =
            std::iter::once(layers.as_str()).filter(|text| !text.is_empty()).chain(self.also.iter().copied()).collect();
        let allowed = if allowed.is_empty() { String::from("no crate of ours") } else { allowed.join(" and ") };
        let (name, layer) = (self.name, self.layer);
        format!(
            "{path}: {name} (layer {layer}) may not use {} (layer {}); it may use {allowed}.",
            other.name, other.layer
        )
    }
}
