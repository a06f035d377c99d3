//! The systems that are measured side by side, each a process of its own with its data in a temporary folder, on loopback.
//! A peer that is not installed is named in one line and left out.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clock::{Clock, SystemClock};
use model::{Resolution, TimeRange, Timestamp};

use crate::Bench;
use crate::influx::Influx;
use crate::rows::Rows;
use crate::sensorium::Sensorium;
use crate::sets::{Message, Set};
use crate::victoria::Victoria;

/// Messages of one request or transaction of the peers, a size that suits all of them.
pub const BATCH: usize = 5_000;
/// Windows of a chart at most.
const CHART_WIDTH: u32 = 1_000;
/// How long a system may take until it answers or ends.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Which system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sensorium,
    Victoria,
    Influx,
    Rows,
}

/// A question for the first metric of the first device: least, greatest and mean value of each step.
#[derive(Clone, Copy, Debug)]
pub struct Chart {
    pub from: i64,
    pub to: i64,
    pub step: i64,
}

/// What every system can be asked for.
pub trait System {
    fn pid(&self) -> u32;
    fn data(&self) -> &Path;
    /// Returns when all are acknowledged.
    fn store(&mut self, set: Set, messages: &[Message]) -> Result<()>;
    fn chart(&self, set: Set, chart: Chart) -> Result<()>;
    /// The newest reading of every metric of the first device, whose time is `at`.
    fn latest(&self, set: Set, at: i64) -> Result<()>;
    /// Readings of the first metric of a device.
    fn count(&self, set: Set, device: usize, from: i64, to: i64) -> Result<u64>;
    /// Brings everything into its long-term form and returns when there is nothing left to do.
    fn compact(&mut self) -> Result<()>;
    /// Starts it again after [`Self::stop`] or [`Self::kill`]; returns when it takes questions.
    fn start(&mut self) -> Result<()>;
    /// Ends it as its package would.
    fn stop(&mut self) -> Result<()>;
    /// SIGKILL.
    fn kill(&mut self) -> Result<()>;
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Sensorium, Self::Victoria, Self::Influx, Self::Rows];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sensorium => "Sensorium",
            Self::Victoria => "VictoriaMetrics",
            Self::Influx => "InfluxDB",
            Self::Rows => "rows in SQLite",
        }
    }

    /// What its acknowledgement is worth.
    pub fn durability(self) -> &'static str {
        match self {
            Self::Sensorium => "fdatasync before PUBACK",
            Self::Victoria => "none: memory is written out every few seconds",
            Self::Influx => "fsync of its log before 204",
            Self::Rows => "fsync of its log at COMMIT (WAL, synchronous=FULL)",
        }
    }

    /// In a folder that is empty.
    pub fn open(self, bench: &Bench, folder: &Path) -> Result<Box<dyn System>> {
        Ok(match self {
            Self::Sensorium => Box::new(Sensorium::open(bench, folder)?),
            Self::Victoria => Box::new(Victoria::open(folder)?),
            Self::Influx => Box::new(Influx::open(folder)?),
            Self::Rows => Box::new(Rows::open(folder)?),
        })
    }

    /// Those that are there, Sensorium first; names in one line those that are not.
    pub fn found(kinds: &[Self]) -> Vec<Self> {
        let (there, missing): (Vec<_>, Vec<_>) = kinds.iter().partition(|kind| match kind {
            Self::Sensorium | Self::Rows => true,
            Self::Victoria => program("victoria-metrics").is_some(),
            Self::Influx => program("influxd").is_some(),
        });
        if !missing.is_empty() {
            let names: Vec<&str> = missing.iter().map(|kind: &Self| kind.name()).collect();
            println!(
                "Left out, because they are not installed: {} (on Debian as root: apt-get install -y victoria-metrics influxdb).\n",
                names.join(", ")
            );
        }
        there
    }
}

impl Chart {
    /// The last `span` before `end`, in the steps that a page of [`CHART_WIDTH`] pixels asks for.
    pub fn ending(end: i64, span: i64) -> Self {
        let range = |from, to| TimeRange { from: Timestamp::saturating(from), to: Timestamp::saturating(to) };
        let step = Resolution::for_width(range(end - span, end), CHART_WIDTH).millis();
        Self { from: (end - span).div_euclid(step) * step, to: end, step }
    }

    pub fn windows(&self) -> i64 {
        (self.to - self.from + self.step - 1) / self.step
    }
}

/// Where an executable is, in the path or where Debian puts servers.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain(["/usr/sbin".into()]).map(|folder| folder.join(name));
    places.find(|place| place.is_file())
}

/// A process of a peer. Dropping it kills it.
pub struct Process(Child);

impl Process {
    /// Starts it and asks until it answers.
    pub fn start(command: &mut Command, answers: impl Fn() -> bool) -> Result<Self> {
        let name = command.get_program().to_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut started = Self(child.with_context(|| format!("cannot start {}", name.display()))?);
        let clock = SystemClock::new();
        while !answers() {
            if let Some(status) = started.0.try_wait()? {
                bail!("{} ended with {status} before it was ready", name.display());
            }
            if clock.monotonic() > PATIENCE {
                bail!("{} is not ready within {PATIENCE:?}", name.display());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(started)
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// SIGTERM; SIGKILL if it takes no notice.
    pub fn stop(mut self) -> Result<()> {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id())?);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
        let clock = SystemClock::new();
        while self.0.try_wait()?.is_none() && clock.monotonic() < PATIENCE {
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, and nobody is left to tell if it cannot be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
