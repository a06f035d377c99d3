//! `InfluxDB` 1.x as its Debian package configures it, but for the places, for what it reports about itself, and for the
//! time after which it compacts: 4 hours would be longer than the run.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process;
use crate::sets::{Message, Set, device};
use crate::systems::{self, BATCH, Chart, Process, System};
use crate::web::{Web, free_address};

/// After this a shard that is not written to any more is compacted in full.
const COLD: Duration = Duration::from_secs(5);
/// Its loops look once a second.
const COMPACTION_BEGINS_WITHIN: Duration = Duration::from_secs(8);

pub struct Influx {
    folder: PathBuf,
    data: PathBuf,
    address: SocketAddr,
    web: Web,
    process: Option<Process>,
}

impl Influx {
    pub fn open(folder: &Path) -> Result<Self> {
        let address = free_address()?;
        let data = folder.join("data");
        fs::create_dir(&data)?;
        let place = |name: &str| data.join(name).display().to_string();
        let cold = COLD.as_secs();
        let lines = [
            "reporting-enabled = false".to_owned(),
            format!("bind-address = \"{}\"", free_address()?),
            format!("[meta]\ndir = \"{}\"\nlogging-enabled = false", place("meta")),
            format!("[data]\ndir = \"{}\"\nwal-dir = \"{}\"", place("data"), place("wal")),
            format!("query-log-enabled = false\ncompact-full-write-cold-duration = \"{cold}s\""),
            format!("cache-snapshot-write-cold-duration = \"{cold}s\""),
            "[monitor]\nstore-enabled = false".to_owned(),
            format!("[http]\nbind-address = \"{address}\"\nlog-enabled = false"),
            "[logging]\nlevel = \"error\"".to_owned(),
            "[ifql]\nenabled = false\n[subscriber]\nenabled = false\n".to_owned(),
        ];
        fs::write(folder.join("influxdb.conf"), lines.join("\n"))?;
        let mut made = Self { folder: folder.to_owned(), data, address, web: Web::at(address), process: None };
        made.start()?;
        made.web.post("/query", &[("q", "CREATE DATABASE bench")], &[])?;
        Ok(made)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn first_series(&self, asked: &str) -> Result<Option<Value>> {
        let mut answer = self.web.json("/query", &[("db", "bench"), ("epoch", "ms"), ("q", asked)])?;
        let result = &mut answer["results"][0];
        ensure!(result.get("error").is_none(), "{asked}: {result}");
        Ok(result.get_mut("series").map(|series| series[0].take()))
    }
}

impl System for Influx {
    fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::pid)
    }

    fn data(&self) -> &Path {
        &self.data
    }

    fn store(&mut self, set: Set, messages: &[Message]) -> Result<()> {
        let mut lines = String::new();
        for batch in messages.chunks(BATCH) {
            lines.clear();
            batch.iter().for_each(|message| message.write_line(set, &mut lines));
            self.web.post("/write", &[("db", "bench"), ("precision", "ms")], lines.as_bytes())?;
        }
        Ok(())
    }

    fn chart(&self, set: Set, chart: Chart) -> Result<()> {
        let (metric, device, Chart { from, to, step }) = (set.metrics()[0], device(0), chart);
        let asked = format!(
            "SELECT min({metric}), max({metric}), mean({metric}) FROM climate WHERE device = '{device}' AND time >= {from}ms AND time < {to}ms GROUP BY time({step}ms)"
        );
        ensure!(self.first_series(&asked)?.is_some(), "no windows");
        Ok(())
    }

    fn latest(&self, _set: Set, at: i64) -> Result<()> {
        let asked = format!("SELECT * FROM climate WHERE device = '{}' ORDER BY time DESC LIMIT 1", device(0));
        let series = self.first_series(&asked)?.context("no newest reading")?;
        ensure!(series["values"][0][0] == at, "not the newest: {series}");
        Ok(())
    }

    fn count(&self, set: Set, index: usize, from: i64, to: i64) -> Result<u64> {
        let (metric, device) = (set.metrics()[0], device(index));
        let asked = format!(
            "SELECT count({metric}) FROM climate WHERE device = '{device}' AND time >= {from}ms AND time < {to}ms"
        );
        Ok(self.first_series(&asked)?.and_then(|series| series["values"][0][1].as_u64()).unwrap_or(0))
    }

    fn compact(&mut self) -> Result<()> {
        std::thread::sleep(COMPACTION_BEGINS_WITHIN);
        process::settle(self.pid())
    }

    fn start(&mut self) -> Result<()> {
        let program = systems::program("influxd").context("influxd is not installed")?;
        let mut command = Command::new(program);
        command.arg("-config").arg(self.folder.join("influxdb.conf"));
        self.process = Some(Process::start(&mut command, || self.web.get("/ping", &[]).is_ok())?);
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        self.process.take().context("it is stopped already")?.stop()
    }

    fn kill(&mut self) -> Result<()> {
        self.process = None;
        Ok(())
    }
}
