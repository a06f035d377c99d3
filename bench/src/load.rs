//! Load: connections that publish readings of two values and wait for their PUBACKs.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use clock::{Clock, SystemClock};
use simulator::client::{Connection, Message, PacketIds};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// The time of the first reading of each device.
pub const START_MS: i64 = 1_700_000_000_000;

/// How to publish.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub connections: usize,
    pub in_flight: usize,
    /// Messages of each connection.
    pub messages: usize,
    /// Time between two messages of one connection; none is as fast as they are acknowledged.
    pub every: Option<Duration>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    pub acked: usize,
    pub took: Duration,
    /// From publish to PUBACK, of paced and of single messages only.
    pub waits: Vec<Duration>,
}

/// The device of one connection.
pub fn device(connection: usize) -> String {
    format!("bench/device-{connection}")
}

/// Values of 0.1 resolution that wander, as those of a DHT22 do.
pub fn payload(number: usize) -> String {
    let temperature = 200 + (number * 7 / 50) % 80;
    let humidity = 450 + (number * 3 / 40) % 150;
    let time = START_MS + i64::try_from(number).unwrap_or(0) * 10_000;
    format!(
        r#"{{"ts":{time},"temperature":{}.{},"humidity":{}.{}}}"#,
        temperature / 10,
        temperature % 10,
        humidity / 10,
        humidity % 10
    )
}

/// A runtime for the load.
pub fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Opens all connections, calls `ready`, and lets them publish.
pub fn run<T>(
    runtime: &Runtime,
    mqtt: SocketAddr,
    load: Load,
    ready: impl FnOnce() -> Result<T>,
) -> Result<(T, Outcome)> {
    runtime.block_on(async {
        let mut opened = Vec::with_capacity(load.connections);
        for index in 0..load.connections {
            let connection = Connection::open(mqtt, &format!("bench-{index}")).await;
            opened.push(connection.with_context(|| format!("connection {index}"))?);
        }
        let at_start = ready()?;
        let clock = SystemClock::new();
        let mut running = JoinSet::new();
        for (index, connection) in opened.into_iter().enumerate() {
            running.spawn(publish(connection, index, load));
        }
        let mut outcome = Outcome::default();
        while let Some(waits) = running.join_next().await {
            outcome.waits.extend(waits??);
            outcome.acked += load.messages;
        }
        outcome.took = clock.monotonic();
        Ok((at_start, outcome))
    })
}

async fn publish(mut connection: Connection, index: usize, load: Load) -> Result<Vec<Duration>> {
    let topic = device(index);
    let mut ids = PacketIds::default();
    let (mut sent, mut acked) = (0, 0);
    let clock = SystemClock::new();
    let mut waits = Vec::new();
    // Paced connections do not beat in time.
    if let Some(every) = load.every {
        tokio::time::sleep(every.mul_f64(index as f64 / load.connections as f64)).await;
    }
    let mut tick = tokio::time::interval(load.every.unwrap_or(Duration::from_secs(1)));
    while acked < load.messages {
        if load.every.is_some() {
            tick.tick().await;
        }
        let pushed = clock.monotonic();
        while sent < load.messages && sent - acked < load.in_flight {
            connection.push(Message::qos1(ids.take(), topic.as_str(), payload(sent)))?;
            sent += 1;
        }
        connection.flush().await?;
        acked += connection.acks().await?.len();
        if load.in_flight == 1 {
            waits.push(clock.monotonic().saturating_sub(pushed));
        }
    }
    Ok(waits)
}
