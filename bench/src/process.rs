//! What the system knows of a process and of itself: processor time and memory, from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Ticks a second in `/proc/<pid>/stat`, fixed in the interface of Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time of all threads of a process since it began, user and system, to 10 ms.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // The name in the second field may hold blanks; fields are counted behind its bracket, where the third one begins.
    let fields: Vec<&str> = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).with_context(|| format!("{path} has no times"))?;
    Ok(Duration::from_secs_f64((user + system) / TICKS_PER_SECOND))
}

/// Resident memory in MiB.
pub fn resident_mib(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line =
        text.lines().find_map(|line| line.strip_prefix("VmRSS:")).with_context(|| format!("{path} has no VmRSS"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

/// One line about this machine.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cores} cores{}, Linux {}",
        model.trim().trim_start_matches([':', '\t']).replacen(' ', " of ", 1),
        kernel.trim()
    )
}
