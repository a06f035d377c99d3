//! Sensorium as one of the systems: messages over MQTT with QoS 1, questions over its API.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use simulator::api::Api;
use simulator::client::{Connection, Message as Publish, PacketIds};
use simulator::server::{Launch, Server};
use tokio::runtime::Runtime;

use crate::sets::{Message, Set, device};
use crate::systems::{Chart, System};
use crate::{Bench, load, process};

/// Messages in flight of the one connection that stores history. Each is acknowledged behind fdatasync.
pub const IN_FLIGHT: usize = 100;

pub struct Sensorium {
    launch: Launch,
    data: PathBuf,
    runtime: Runtime,
    server: Option<Server>,
    api: Api,
    publisher: Option<(Connection, PacketIds)>,
}

impl Sensorium {
    pub fn open(bench: &Bench, folder: &Path) -> Result<Self> {
        let data = folder.join("data");
        let launch = Launch::new(&bench.program, &data, folder);
        let server = launch.start()?;
        let api = Api::at(server.http());
        Ok(Self { launch, data, runtime: load::runtime()?, server: Some(server), api, publisher: None })
    }

    fn server(&self) -> Result<&Server> {
        self.server.as_ref().context("the server was stopped")
    }

    fn windows(&self, set: Set, index: usize, chart: Chart) -> Result<Value> {
        let [from, to, step] = [chart.from, chart.to, chart.step].map(|number| number.to_string());
        let device = device(index);
        let query = [
            ("device", device.as_str()),
            ("metric", set.metrics()[0]),
            ("from", &from),
            ("to", &to),
            ("step_ms", &step),
        ];
        Ok(self.api.get("/windows", &query)?)
    }
}

impl System for Sensorium {
    fn pid(&self) -> u32 {
        self.server.as_ref().map_or(0, Server::pid)
    }

    fn data(&self) -> &Path {
        &self.data
    }

    fn store(&mut self, set: Set, messages: &[Message]) -> Result<()> {
        let mqtt = self.server()?.mqtt();
        let publisher = &mut self.publisher;
        self.runtime.block_on(async {
            if publisher.is_none() {
                *publisher = Some((Connection::open(mqtt, "bench-history").await?, PacketIds::default()));
            }
            let (connection, ids) = publisher.as_mut().context("it was opened above")?;
            let (mut sent, mut acked) = (0, 0);
            while acked < messages.len() {
                while sent < messages.len() && sent - acked < IN_FLIGHT {
                    let message = &messages[sent];
                    connection.push(Publish::qos1(ids.take(), device(message.device), message.json(set)))?;
                    sent += 1;
                }
                connection.flush().await?;
                acked += connection.acks().await?.len();
            }
            Ok(())
        })
    }

    fn chart(&self, set: Set, chart: Chart) -> Result<()> {
        let answer = self.windows(set, 0, chart)?;
        ensure!(answer["min"].as_array().is_some_and(|all| !all.is_empty()), "no windows: {answer}");
        Ok(())
    }

    fn latest(&self, set: Set, at: i64) -> Result<()> {
        let answer: Value = self.api.get("/latest", &[("device", &device(0))])?;
        let items = answer["items"].as_array().context("no items")?;
        ensure!(items.len() == set.metrics().len() && items[0]["t"] == at, "not the newest: {answer}");
        Ok(())
    }

    fn count(&self, set: Set, device: usize, from: i64, to: i64) -> Result<u64> {
        let step = Chart::ending(to, to - from).step;
        let answer = self.windows(set, device, Chart { from, to, step })?;
        let counts = answer["count"].as_array().context("no counts")?;
        Ok(counts.iter().filter_map(Value::as_u64).sum())
    }

    fn compact(&mut self) -> Result<()> {
        process::settle(self.pid())
    }

    fn start(&mut self) -> Result<()> {
        let server = self.launch.start()?;
        self.api = Api::at(server.http());
        self.server = Some(server);
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        self.publisher = None;
        self.server.take().context("it is stopped already")?.terminate()?;
        Ok(())
    }

    fn kill(&mut self) -> Result<()> {
        self.publisher = None;
        Ok(self.server.take().context("it is stopped already")?.kill()?)
    }
}
