//! Ramp (workload W2): 1,000 connections that send single messages of two values, first at 2,000 messages/s, then as fast as they are
//! acknowledged, which is where a system falls behind; one in flight, then twenty. Processor time of the system alone.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::door::{self, Door, Pace};
use crate::figures::Figures;
use crate::influx::Influx;
use crate::mosquitto::Mosquitto;
use crate::systems::{Kind, System, program};
use crate::verdicts::Verdicts;
use crate::victoria::Victoria;
use crate::{Bench, load, process};

/// Of all connections together while they are paced.
const PACED_PER_SECOND: usize = 2_000;
const PACED_DURING: Duration = Duration::from_secs(2);
const FLOOD_DURING: Duration = Duration::from_millis(1_500);

/// One way into one system.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Sensorium,
    SensoriumHttp,
    Victoria,
    Influx,
    Mosquitto,
}

struct Turn {
    micros: f64,
    per_second: f64,
    resident: f64,
}

struct Mode {
    name: &'static str,
    in_flight: usize,
    paced: bool,
    budget: f64,
    figure: &'static str,
}

const MODES: [Mode; 3] = [
    Mode { name: "2,000/s, one in flight", in_flight: 1, paced: true, budget: 60.0, figure: "paced at 2,000/s" },
    Mode { name: "saturated, one in flight", in_flight: 1, paced: false, budget: 20.0, figure: "one in flight" },
    Mode { name: "saturated, 20 in flight", in_flight: 20, paced: false, budget: 4.0, figure: "20 in flight" },
];

/// Prints one table.
pub fn measure(bench: &Bench, turns: usize, connections: usize, verdicts: &mut Verdicts) -> Result<()> {
    println!("### Ramp: {connections} connections, single messages of two values\n");
    println!(
        "MQTT QoS 1, or one POST for each message; 20 in flight are 20 PUBLISH, or 20 lines in one POST. Mosquitto stores nothing.\n"
    );
    println!(
        "| | system | µs a message | times Sensorium's | acknowledged/s | resident MiB |\n|---|---|---|---|---|---|"
    );
    let runtime = load::runtime()?;
    let there = Kind::found(&[Kind::Sensorium, Kind::Victoria, Kind::Influx]);
    let mut ways = vec![Way::Sensorium, Way::SensoriumHttp];
    ways.extend(there.contains(&Kind::Victoria).then_some(Way::Victoria));
    ways.extend(there.contains(&Kind::Influx).then_some(Way::Influx));
    ways.extend(program("mosquitto").map(|_| Way::Mosquitto));
    for mode in &MODES {
        let ways: Vec<Way> =
            ways.iter().copied().filter(|way| mode.in_flight == 1 || *way != Way::SensoriumHttp).collect();
        let mut measured: Vec<Vec<Turn>> = ways.iter().map(|_| Vec::new()).collect();
        for _ in 0..turns {
            for (way, measured) in ways.iter().zip(&mut measured) {
                let every = mode.paced.then(|| Duration::from_secs_f64(connections as f64 / PACED_PER_SECOND as f64));
                let during = if mode.paced { PACED_DURING } else { FLOOD_DURING };
                let pace = Pace { connections, in_flight: mode.in_flight, every, during };
                measured.push(way.turn(bench, &runtime, pace).with_context(|| way.name())?);
            }
        }
        let figures = |turns: &[Turn], figure: fn(&Turn) -> f64| Figures::of(turns.iter().map(figure));
        for (way, theirs) in ways.iter().zip(&measured) {
            let ratios = theirs.iter().zip(&measured[0]).map(|(theirs, ours)| theirs.micros / ours.micros);
            println!(
                "| {} | {} | {} | {} | {:.0} | {:.1} |",
                mode.name,
                way.name(),
                figures(theirs, |turn| turn.micros).spread(),
                Figures::of(ratios).spread(),
                figures(theirs, |turn| turn.per_second).median(),
                figures(theirs, |turn| turn.resident).median(),
            );
        }
        let title = format!("durable ingest, {}, {connections} connections", mode.figure);
        verdicts.at_most(title, mode.budget, figures(&measured[0], |turn| turn.micros).median(), " µs a message");
    }
    println!();
    Ok(())
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Sensorium => "Sensorium, MQTT",
            Self::SensoriumHttp => "Sensorium, HTTP",
            Self::Victoria => "VictoriaMetrics, HTTP",
            Self::Influx => "InfluxDB, HTTP",
            Self::Mosquitto => "Mosquitto, MQTT",
        }
    }

    /// On an empty folder.
    fn turn(self, bench: &Bench, runtime: &tokio::runtime::Runtime, pace: Pace) -> Result<Turn> {
        let desk = bench.directory()?;
        let of = |pid: u32, door: Door| {
            let (before, sent) = door::send(runtime, door, pace, || process::cpu_exact(pid))?;
            let cpu = process::cpu_exact(pid)?.saturating_sub(before);
            let acked = sent.acked.max(1) as f64;
            let resident = process::resident_mib(pid)?;
            anyhow::Ok(Turn {
                micros: cpu.as_secs_f64() * 1e6 / acked,
                per_second: acked / sent.took.as_secs_f64(),
                resident,
            })
        };
        match self {
            Self::Sensorium | Self::SensoriumHttp => {
                let server = bench.launch(&desk).start()?;
                let door =
                    if self == Self::Sensorium { Door::Mqtt(server.mqtt()) } else { Door::Ingest(server.http()) };
                of(server.pid(), door)
            }
            Self::Victoria => {
                let victoria = Victoria::open(desk.path())?;
                of(victoria.pid(), Door::Lines(victoria.address(), "/write?precision=ms"))
            }
            Self::Influx => {
                let influx = Influx::open(desk.path())?;
                of(influx.pid(), Door::Lines(influx.address(), "/write?db=bench&precision=ms"))
            }
            Self::Mosquitto => {
                let mosquitto = Mosquitto::start(desk.path())?;
                of(mosquitto.pid(), Door::Mqtt(mosquitto.mqtt))
            }
        }
    }
}
