//! Time from the start of the process to its announcement on an empty directory, and memory when nothing happens.

use std::time::Duration;

use anyhow::Result;

use crate::figures::Figures;
use crate::{Bench, process};

const STARTS_PER_TURN: usize = 4;
const IDLE_AFTER: Duration = Duration::from_secs(2);

/// Prints one table.
pub fn measure(bench: &Bench, turns: usize) -> Result<()> {
    let mut ready = Vec::new();
    for _ in 0..turns * STARTS_PER_TURN {
        let desk = bench.directory()?;
        let server = bench.launch(&desk).start()?;
        ready.push(server.ready_after());
        server.terminate()?;
    }
    let desk = bench.directory()?;
    let server = bench.launch(&desk).start()?;
    std::thread::sleep(IDLE_AFTER);
    let resident = process::resident_mib(server.pid())?;
    server.terminate()?;
    println!("### Start\n");
    println!("| | median (least–most) |");
    println!("|---|---|");
    println!("| ready on an empty directory, ms, {} starts | {} |", ready.len(), Figures::of_times(&ready).spread());
    println!("| resident memory when idle, MiB | {resident:.1} |");
    println!();
    Ok(())
}
