//! Publishes at QoS 1 with a fixed number in flight, to measure a broker from outside.
//!
//! `load ADDRESS CONNECTIONS IN_FLIGHT MESSAGES [IDLE]`: every connection publishes MESSAGES in all; IDLE connections more
//! only sit there. Prints messages per second; the broker under test says what it cost.

use std::error::Error;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

const PAYLOAD: &[u8] = br#"{"temperature":21.53,"humidity":48.2}"#;

async fn connected(address: &str, name: &str) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut connect = vec![0x10, 0, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0x0e, 0x10, 0];
    connect.push(u8::try_from(name.len()).unwrap_or(0));
    connect.extend_from_slice(name.as_bytes().get(..127).unwrap_or(name.as_bytes()));
    if let Some(length) = connect.len().checked_sub(2).and_then(|length| u8::try_from(length).ok()) {
        connect[1] = length;
    }
    stream.write_all(&connect).await?;
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).await?;
    Ok(stream)
}

async fn publish(mut stream: TcpStream, topic: String, in_flight: u16, messages: u32) -> std::io::Result<()> {
    let length = 2 + topic.len() + 2 + PAYLOAD.len();
    let mut batch = Vec::new();
    for id in 1..=in_flight {
        batch.extend_from_slice(&[0x32, u8::try_from(length).unwrap_or(0), 0, u8::try_from(topic.len()).unwrap_or(0)]);
        batch.extend_from_slice(topic.as_bytes());
        batch.extend_from_slice(&id.to_be_bytes());
        batch.extend_from_slice(PAYLOAD);
    }
    let mut acks = vec![0; 4 * usize::from(in_flight)];
    for _ in 0..messages / u32::from(in_flight) {
        stream.write_all(&batch).await?;
        stream.read_exact(&mut acks).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: u32| arguments.get(index).map_or(Ok(default), |text| text.parse());
    let address = arguments.first().map_or("127.0.0.1:1884", String::as_str).to_owned();
    let (connections, in_flight, messages) = (number(1, 50)?, number(2, 20)?, number(3, 20_000)?);
    let mut idle = Vec::new();
    for index in 0..number(4, 0)? {
        idle.push(connected(&address, &format!("idle-{index}")).await?);
    }
    let mut publishers = JoinSet::new();
    let start = Instant::now();
    for index in 0..connections {
        let stream = connected(&address, &format!("load-{index}")).await?;
        publishers.spawn(publish(stream, format!("load/{index}/climate"), u16::try_from(in_flight)?, messages));
    }
    while let Some(publisher) = publishers.join_next().await {
        publisher??;
    }
    let rate = f64::from(connections) * f64::from(messages) / start.elapsed().as_secs_f64();
    println!("{rate:.0} acknowledged/s, {connections} connections, {in_flight} in flight");
    if !idle.is_empty() {
        println!("{} idle connections, held until a line is read", idle.len());
        std::io::stdin().read_line(&mut String::new())?;
    }
    Ok(())
}
