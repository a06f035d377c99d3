//! What the system knows of a process and of itself: processor time and memory, from `/proc`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use clock::{Clock, SystemClock};
use nix::time::ClockId;
use nix::unistd::Pid;

/// Ticks a second in `/proc/<pid>/stat`, fixed in the interface of Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// The unit of `st_blocks`, fixed in the interface of Linux.
const BLOCK_BYTES: u64 = 512;
/// A process that takes less of one core than this, looked at so often and so many times in a row, is quiet.
const QUIET_SHARE: f64 = 0.04;
const LOOK_EVERY: Duration = Duration::from_millis(250);
const QUIET_LOOKS: u32 = 6;
/// A process that is never quiet is waited for no longer than this.
const QUIET_WITHIN: Duration = Duration::from_secs(20);

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
    Ok(number_of(&format!("/proc/{pid}/status"), "VmRSS:")? / 1024.0)
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

/// Processor time of all threads of a process since it began, those that ended included, to the nanosecond.
pub fn cpu_exact(pid: u32) -> Result<Duration> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(pid)?))?;
    Ok(clock.now()?.into())
}

/// The most resident memory that a process ever had, in MiB.
pub fn most_resident_mib(pid: u32) -> Result<f64> {
    Ok(number_of(&format!("/proc/{pid}/status"), "VmHWM:")? / 1024.0)
}

/// Bytes that a process caused to be sent to the disk since it began.
pub fn written_bytes(pid: u32) -> Result<u64> {
    Ok(number_of(&format!("/proc/{pid}/io"), "write_bytes:")? as u64)
}

/// Waits until a process does next to nothing, at most [`QUIET_WITHIN`].
pub fn settle(pid: u32) -> Result<()> {
    let clock = SystemClock::new();
    let mut quiet = 0;
    while quiet < QUIET_LOOKS && clock.monotonic() < QUIET_WITHIN {
        let (before, began) = (cpu_exact(pid)?, clock.monotonic());
        std::thread::sleep(LOOK_EVERY);
        let share = (cpu_exact(pid)? - before).as_secs_f64() / (clock.monotonic() - began).as_secs_f64();
        quiet = if share < QUIET_SHARE { quiet + 1 } else { 0 };
    }
    Ok(())
}

/// What a folder takes on the disk, in whole blocks as the file system counts them.
pub fn disk_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let about = entry.metadata()?;
            if about.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += about.blocks() * BLOCK_BYTES;
            }
        }
    }
    Ok(bytes)
}

fn number_of(path: &str, name: &str) -> Result<f64> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().next());
    Ok(word.with_context(|| format!("{path} has no {name}"))?.parse()?)
}
