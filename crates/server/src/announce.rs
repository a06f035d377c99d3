//! Tells other programs where the server listens: a small file, written whole or not at all.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// The file in the data directory by which `sensorium publish` finds the server.
pub const RUNNING_FILE: &str = "running.json";

/// Writes `{"http","mqtt","pid"}`.
pub fn write(file: &Path, http: SocketAddr, mqtt: SocketAddr) -> io::Result<()> {
    let body = serde_json::json!({ "http": http.to_string(), "mqtt": mqtt.to_string(), "pid": std::process::id() });
    let beside = file.with_extension("tmp");
    std::fs::write(&beside, format!("{body}\n"))?;
    std::fs::rename(&beside, file)
}

/// Where the server that runs on `data` takes messages, if one says so.
pub fn mqtt_of(data: &Path) -> Option<SocketAddr> {
    let text = std::fs::read_to_string(data.join(RUNNING_FILE)).ok()?;
    let running: serde_json::Value = serde_json::from_str(&text).ok()?;
    running.get("mqtt")?.as_str()?.parse().ok()
}
