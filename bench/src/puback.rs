//! From publish to PUBACK, beside one bare fdatasync in the same directory in the same run.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clock::{Clock, SystemClock};

use crate::Bench;
use crate::figures::Figures;
use crate::load::{self, Load};

const BLOCK: usize = 4096;
/// Room of the file that is synced.
const ROOM: usize = 1024 * BLOCK;
/// Changes between fdatasync and publishing in one turn, so that a busy moment of the machine meets both.
const ALTERNATIONS: usize = 20;
const SYNCS: usize = 20;
const SINGLE: usize = 50;
const PACED_CONNECTIONS: usize = 50;
const PACED_FOR: Duration = Duration::from_secs(5);

/// Prints one table: quiet, and at half of the load that saturates.
pub fn measure(bench: &Bench, turns: usize) -> Result<()> {
    println!("### Publish to PUBACK, milliseconds, beside fdatasync of 4 KiB in a file laid out in advance\n");
    println!("| | p50 | p99 | fdatasync p50 | fdatasync p99 |");
    println!("|---|---|---|---|---|");
    let runtime = load::runtime()?;
    let desk = bench.directory()?;
    let server = bench.launch(&desk).start()?;
    let mut bare = Bare::in_directory(desk.path())?;
    let (mut syncs, mut quiet) = (Vec::new(), Vec::new());
    for _ in 0..turns * ALTERNATIONS {
        syncs.extend(bare.syncs(SYNCS)?);
        let load = Load { connections: 1, in_flight: 1, messages: SINGLE, every: None };
        quiet.extend(load::run(&runtime, server.mqtt(), load, || Ok(()))?.1.waits);
    }
    row("one connection, one in flight", &quiet, &syncs);

    let full = Load { connections: PACED_CONNECTIONS, in_flight: 1, messages: 400, every: None };
    let (mut syncs, mut half, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..turns {
        let saturated = load::run(&runtime, server.mqtt(), full, || Ok(()))?.1;
        let rate = saturated.acked as f64 / saturated.took.as_secs_f64() / 2.0;
        let every = Duration::from_secs_f64(PACED_CONNECTIONS as f64 / rate);
        let messages = (PACED_FOR.as_secs_f64() / every.as_secs_f64()) as usize;
        syncs.extend(bare.syncs(SYNCS * ALTERNATIONS)?);
        half.extend(
            load::run(&runtime, server.mqtt(), Load { messages, every: Some(every), ..full }, || Ok(()))?.1.waits,
        );
        rates.push(rate);
    }
    let title = format!("half load, {:.0}/s from {PACED_CONNECTIONS} connections", Figures::of(rates).median());
    row(&title, &half, &syncs);
    server.terminate()?;
    println!();
    Ok(())
}

fn row(title: &str, waits: &[Duration], syncs: &[Duration]) {
    let (waits, syncs) = (Figures::of_times(waits), Figures::of_times(syncs));
    println!("| {title} | {:.3} | {:.3} | {:.3} | {:.3} |", waits.median(), waits.at(99), syncs.median(), syncs.at(99));
}

/// A file laid out in advance, as a log is.
struct Bare {
    file: File,
    at: usize,
}

impl Bare {
    fn in_directory(directory: &Path) -> Result<Self> {
        let mut file = File::create(directory.join("bare"))?;
        file.write_all(&vec![0; ROOM])?;
        file.sync_all()?;
        Ok(Self { file, at: ROOM })
    }

    fn syncs(&mut self, count: usize) -> Result<Vec<Duration>> {
        let clock = SystemClock::new();
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            if self.at == ROOM {
                self.file.seek(SeekFrom::Start(0))?;
                self.at = 0;
            }
            let before = clock.monotonic();
            self.file.write_all(&[0x5a; BLOCK])?;
            self.file.sync_data()?;
            times.push(clock.monotonic().saturating_sub(before));
            self.at += BLOCK;
        }
        Ok(times)
    }
}
