//! `sensorium publish`: one message over MQTT at QoS 1.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU16;

use anyhow::Context;
use model::Topic;
use simulator::client::{ClientError, Connection, Message};

use crate::announce;
use crate::config::Publish;

/// Returns when the broker has acknowledged, which our own does only once the message is stored.
pub async fn publish(publish: Publish) -> anyhow::Result<()> {
    let topic = Topic::parse(&publish.topic).with_context(|| format!("{:?} is no topic", publish.topic))?;
    let fallback = SocketAddr::from(([127, 0, 0, 1], 1883));
    let broker = publish.mqtt.or_else(|| announce::mqtt_of(&publish.data)).unwrap_or(fallback);
    send(broker, &topic, publish.payload.into_bytes(), publish.retain)
        .await
        .with_context(|| format!("{topic} could not be published to {broker}; is the server running?"))?;
    // Nobody who reads this may be taken for a failure.
    let _ = writeln!(std::io::stdout(), "{topic} was acknowledged by {broker}");
    Ok(())
}

async fn send(broker: SocketAddr, topic: &Topic, payload: Vec<u8>, retain: bool) -> Result<(), ClientError> {
    let client_id = format!("sensorium-publish-{}", std::process::id());
    let mut connection = Connection::open(broker, &client_id).await?;
    let message = Message { retain, ..Message::qos1(NonZeroU16::MIN, topic.as_str(), payload) };
    connection.push(message)?;
    connection.flush().await?;
    connection.acks().await?;
    connection.close().await
}
