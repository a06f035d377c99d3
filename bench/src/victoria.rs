//! `VictoriaMetrics` as its Debian package brings it, with all time kept and nothing reported.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process;
use crate::sets::{Message, Set, device};
use crate::systems::{self, BATCH, Chart, Process, System};
use crate::web::{Web, free_address};

pub struct Victoria {
    data: PathBuf,
    address: SocketAddr,
    web: Web,
    process: Option<Process>,
}

impl Victoria {
    pub fn open(folder: &Path) -> Result<Self> {
        let address = free_address()?;
        let mut made = Self { data: folder.join("data"), address, web: Web::at(address), process: None };
        made.start()?;
        Ok(made)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn result(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<Value>> {
        let mut answer = self.web.json(path, query)?;
        if let Value::Array(series) = answer["data"]["result"].take() {
            return Ok(series);
        }
        bail!("not an answer: {answer}")
    }
}

fn selector(set: Set, metric: usize, index: usize) -> String {
    format!(r#"climate_{}{{device="{}"}}"#, set.metrics()[metric], device(index))
}

/// Times are seconds on its wire.
fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

impl System for Victoria {
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
            self.web.post("/write", &[("precision", "ms")], lines.as_bytes())?;
        }
        Ok(())
    }

    /// Its window at `t` is what lies behind `t` by one step at most. The cache of answers is passed by, as it would
    /// answer from memory what was asked before.
    fn chart(&self, set: Set, chart: Chart) -> Result<()> {
        let step = format!("{}ms", chart.step);
        // Their function for all three at once; its name is no word of ours.
        let asked = format!("roll\u{75}p({}[{step}])", selector(set, 0, 0));
        let (start, end) = (seconds(chart.from + chart.step), seconds(chart.to));
        let query = [("query", asked.as_str()), ("start", &start), ("end", &end), ("step", &step), ("nocache", "1")];
        let series = self.result("/api/v1/query_range", &query)?;
        ensure!(series.len() == 3, "least, greatest and mean are {} series", series.len());
        Ok(())
    }

    fn latest(&self, set: Set, at: i64) -> Result<()> {
        let asked = format!(r#"{{device="{}"}}"#, device(0));
        let query = [("query", asked.as_str()), ("time", &seconds(at)), ("nocache", "1")];
        let series = self.result("/api/v1/query", &query)?;
        ensure!(series.len() == set.metrics().len(), "{} metrics have a newest reading", series.len());
        Ok(())
    }

    fn count(&self, set: Set, index: usize, from: i64, to: i64) -> Result<u64> {
        self.web.get("/internal/force_flush", &[])?;
        let asked = format!("count_over_time({}[{}ms])", selector(set, 0, index), to - from);
        // Its range holds its end and not its start.
        let query = [("query", asked.as_str()), ("time", &seconds(to - 1)), ("nocache", "1")];
        let series = self.result("/api/v1/query", &query)?;
        let Some(counted) = series.first() else { return Ok(0) };
        Ok(counted["value"][1].as_str().context("no count")?.parse::<f64>()? as u64)
    }

    fn compact(&mut self) -> Result<()> {
        self.web.get("/internal/force_flush", &[])?;
        self.web.get("/internal/force_merge", &[])?;
        process::settle(self.pid())
    }

    fn start(&mut self) -> Result<()> {
        let program = systems::program("victoria-metrics").context("victoria-metrics is not installed")?;
        let mut command = Command::new(program);
        command.arg(format!("-storageDataPath={}", self.data.display()));
        command.arg(format!("-httpListenAddr={}", self.address)).args(["-retentionPeriod=100y", "-loggerLevel=ERROR"]);
        self.process = Some(Process::start(&mut command, || self.web.get("/health", &[]).is_ok())?);
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
