//! Kill (workload W6): SIGKILL in the middle of a flood. What was acknowledged and is not there after a new start is lost; it
//! is counted from the store, never from acknowledgements.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use simulator::ledger::grouped;

use crate::Bench;
use crate::sets::{Message, Set};
use crate::systems::Kind;
use crate::verdicts::Verdicts;

/// Messages that are counted as acknowledged together: all or none.
const STEP: usize = 500;
/// Longer than any of them keeps what it acknowledged in memory only.
const FIRST_KILL_AFTER: Duration = Duration::from_secs(6);
/// Rounds of each system.
const ROUNDS: u32 = 2;
/// Each round is killed a little later than the one before.
const LATER: Duration = Duration::from_millis(370);

/// Prints one table.
pub fn measure(bench: &Bench, verdicts: &mut Verdicts) -> Result<()> {
    println!("### Kill: SIGKILL in the middle of a flood, {ROUNDS} rounds\n");
    println!(
        "| | an acknowledgement is worth | acknowledged | found | lost | most lost in one round |\n|---|---|---|---|---|---|"
    );
    for kind in Kind::found(&[Kind::Sensorium, Kind::Victoria, Kind::Influx]) {
        let (mut acked, mut found, mut lost, mut most) = (0, 0, 0, 0);
        for round in 0..ROUNDS {
            let (of_it, there) = one(bench, kind, FIRST_KILL_AFTER + LATER * round).with_context(|| kind.name())?;
            let missing = of_it.saturating_sub(there);
            acked += of_it;
            found += there;
            lost += missing;
            most = most.max(missing);
        }
        let counts = [acked, found, lost, most].map(grouped).join(" | ");
        println!("| {} | {} | {counts} |", kind.name(), kind.durability());
        if kind == Kind::Sensorium {
            verdicts.at_most(format!("lost after SIGKILL, of {} acknowledged", grouped(acked)), 0.0, lost as f64, "");
        }
    }
    println!();
    Ok(())
}

/// Acknowledged, and found again.
fn one(bench: &Bench, kind: Kind, after: Duration) -> Result<(u64, u64)> {
    let desk = bench.directory()?;
    let mut system = kind.open(bench, desk.path())?;
    let mut messages = Set::A.messages(1, usize::MAX)?;
    let first = crate::sets::START_MS;
    let pid = Pid::from_raw(i32::try_from(system.pid())?);
    let killer = std::thread::spawn(move || {
        std::thread::sleep(after);
        kill(pid, Signal::SIGKILL)
    });
    let (mut acked, mut last) = (0, first);
    loop {
        let step: Vec<Message> = messages.by_ref().take(STEP).collect();
        if system.store(Set::A, &step).is_err() {
            break;
        }
        acked += step.len() as u64;
        last = step[step.len() - 1].time;
    }
    killer.join().map_err(|_| anyhow::anyhow!("the killer panicked"))??;
    system.kill()?;
    system.start()?;
    // Of the step that was cut off nothing counts, whether it is there or not.
    Ok((acked, system.count(Set::A, 0, first, last + 1)?))
}
