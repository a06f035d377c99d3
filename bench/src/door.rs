//! Many connections that each send single messages and wait for their acknowledgement: MQTT QoS 1, or one POST each.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clock::{Clock, SystemClock};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use simulator::client::{Connection, Message as Publish, PacketIds};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::sets::{Message, START_MS, STEP_MS, Set, device};

/// Where messages go in.
#[derive(Clone, Copy, Debug)]
pub enum Door {
    Mqtt(SocketAddr),
    /// JSON of one message in each request.
    Ingest(SocketAddr),
    /// Line protocol; `path` with its query.
    Lines(SocketAddr, &'static str),
}

/// How to send.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub connections: usize,
    /// Messages in flight of each connection: that many PUBLISH, or that many lines in one request.
    pub in_flight: usize,
    /// Between two messages of one connection; none is as fast as they are acknowledged.
    pub every: Option<Duration>,
    pub during: Duration,
}

/// What came of it.
pub struct Sent {
    pub acked: u64,
    pub took: Duration,
}

enum Open {
    Mqtt(Connection, PacketIds),
    Http(SendRequest<Full<Bytes>>, SocketAddr, String),
}

/// Opens all connections, calls `ready`, and sends.
pub fn send<T>(runtime: &Runtime, door: Door, pace: Pace, ready: impl FnOnce() -> Result<T>) -> Result<(T, Sent)> {
    runtime.block_on(async {
        let mut opened = Vec::with_capacity(pace.connections);
        for index in 0..pace.connections {
            opened.push(open(door, index).await.with_context(|| format!("connection {index}"))?);
        }
        let at_start = ready()?;
        let clock = SystemClock::new();
        let mut running = JoinSet::new();
        for (index, connection) in opened.into_iter().enumerate() {
            running.spawn(one(connection, index, pace));
        }
        let mut acked = 0;
        while let Some(sent) = running.join_next().await {
            acked += sent??;
        }
        Ok((at_start, Sent { acked, took: clock.monotonic() }))
    })
}

async fn open(door: Door, index: usize) -> Result<Open> {
    Ok(match door {
        Door::Mqtt(address) => {
            Open::Mqtt(Connection::open(address, &format!("bench-{index}")).await?, PacketIds::default())
        }
        Door::Ingest(address) => Open::Http(http(address).await?, address, format!("/api/v1/ingest/{}", device(index))),
        Door::Lines(address, path) => Open::Http(http(address).await?, address, path.to_owned()),
    })
}

async fn http(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with its sender; what goes wrong in between is told to the sender.
    tokio::spawn(async { connection.await.ok() });
    Ok(sender)
}

async fn one(mut open: Open, index: usize, pace: Pace) -> Result<u64> {
    let clock = SystemClock::new();
    // Paced connections do not beat in time.
    if let Some(every) = pace.every {
        tokio::time::sleep(every.mul_f64(index as f64 / pace.connections as f64)).await;
    }
    let mut tick = tokio::time::interval(pace.every.unwrap_or(Duration::from_secs(1)));
    let (mut sent, mut acked) = (0, 0);
    while clock.monotonic() < pace.during {
        if pace.every.is_some() {
            tick.tick().await;
        }
        match &mut open {
            Open::Mqtt(connection, ids) => {
                while sent - acked < pace.in_flight as u64 {
                    let json = message(index, sent).json(Set::A);
                    connection.push(Publish::qos1(ids.take(), device(index), json))?;
                    sent += 1;
                }
                connection.flush().await?;
                acked += connection.acks().await?.len() as u64;
            }
            Open::Http(sender, address, path) => {
                let mut body = String::new();
                for number in sent..sent + pace.in_flight as u64 {
                    let message = message(index, number);
                    match path.starts_with("/write") {
                        true => message.write_line(Set::A, &mut body),
                        false => body.push_str(&message.json(Set::A)),
                    }
                }
                sent += pace.in_flight as u64;
                post(sender, *address, path, body).await?;
                acked = sent;
            }
        }
    }
    Ok(acked)
}

async fn post(sender: &mut SendRequest<Full<Bytes>>, address: SocketAddr, path: &str, body: String) -> Result<()> {
    sender.ready().await?;
    let request = hyper::Request::post(path).header("host", address.to_string()).body(Full::new(Bytes::from(body)))?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let text = answer.into_body().collect().await?.to_bytes();
    ensure!(status.is_success(), "{path} was answered {status}: {}", String::from_utf8_lossy(&text));
    Ok(())
}

/// Values of 0.1 resolution that wander.
fn message(device: usize, number: u64) -> Message {
    let tenths = |base: u64, step: u64, span: u64| (base + (number * step / 40 + device as u64) % span) as f64 / 10.0;
    let time = START_MS + STEP_MS * number as i64;
    Message { device, time, values: [tenths(200, 7, 80), tenths(450, 3, 150), 0.0, 0.0, 0.0] }
}
