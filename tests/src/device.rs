//! A device with a connection of its own, as a person would write its firmware: publish, wait for the PUBACK, go on.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use simulator::client::{ClientError, Connection, Message, PacketIds};
use tokio::runtime::Runtime;

/// Publishes of [`Device::publish_all`] that wait for their PUBACK.
const IN_FLIGHT_MAX: usize = 100;
/// How often a device asks whether to give up.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a PUBACK may take that can come before the story fails.
const ACK_WITHIN: Duration = Duration::from_secs(90);

/// One publish at QoS 1 that is sent by hand.
#[derive(Clone, Debug)]
pub struct Publish {
    /// The packet id.
    pub id: u16,
    /// Whether it is marked as a repeat.
    pub dup: bool,
    /// Where to.
    pub topic: &'static str,
    /// What.
    pub payload: &'static str,
}

/// A connected device.
pub struct Device {
    runtime: Runtime,
    connection: Connection,
    ids: PacketIds,
}

impl Device {
    /// Connects, MQTT 3.1.1, clean session.
    pub fn connect(mqtt: SocketAddr, client_id: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let connection = runtime.block_on(Connection::open(mqtt, client_id)).expect("the server takes the device");
        Self { runtime, connection, ids: PacketIds::default() }
    }

    /// Publishes at QoS 1 and waits for the PUBACK.
    pub fn publish(&mut self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.try_publish(topic, payload).expect("the publish is acknowledged");
    }

    /// Publishes at QoS 1 and waits for the PUBACK or the end of the connection.
    ///
    /// # Errors
    /// The connection ended first.
    pub fn try_publish(&mut self, topic: &str, payload: impl Into<Vec<u8>>) -> Result<(), ClientError> {
        let message = Message::qos1(self.ids.take(), topic, payload.into());
        self.send(message)
    }

    /// Publishes at QoS 1 and waits for the PUBACK or until `give_up` says so; tells whether the PUBACK came.
    /// What was given up is still on its way: [`Device::expect_ack`] waits for it.
    pub fn publish_unless(&mut self, topic: &str, payload: &str, mut give_up: impl FnMut() -> bool) -> bool {
        let message = Message::qos1(self.ids.take(), topic, payload.to_owned());
        let connection = &mut self.connection;
        self.runtime.block_on(async {
            connection.push(message).expect("a legal publish");
            connection.flush().await.expect("the connection is open");
            loop {
                match tokio::time::timeout(LOOK_EVERY, connection.acks()).await {
                    Ok(acks) => return acks.expect("the connection is open").len() == 1,
                    Err(_) if give_up() => return false,
                    Err(_) => {}
                }
            }
        })
    }

    /// Waits for the PUBACK of a publish that was given up.
    pub fn expect_ack(&mut self) {
        let acks = self.runtime.block_on(async { tokio::time::timeout(ACK_WITHIN, self.connection.acks()).await });
        assert_eq!(acks.expect("the PUBACK comes").expect("the connection is open").len(), 1);
    }

    /// Sends exactly this and waits for its PUBACK.
    pub fn publish_exactly(&mut self, publish: &Publish) {
        let id = NonZeroU16::new(publish.id).expect("a packet id is not 0");
        let message = Message::qos1(id, publish.topic, publish.payload);
        let message = if publish.dup { message.again() } else { message };
        self.send(message).expect("the publish is acknowledged");
    }

    /// Publishes and asks the server to keep it for later subscribers.
    pub fn publish_retained(&mut self, topic: &str, payload: impl Into<Vec<u8>>) {
        let message = Message { retain: true, ..Message::qos1(self.ids.take(), topic, payload.into()) };
        self.send(message).expect("the publish is acknowledged");
    }

    /// Publishes all with many in flight and returns when all are acknowledged.
    pub fn publish_all(&mut self, messages: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let mut messages = messages.into_iter().peekable();
        let mut waiting = VecDeque::new();
        let (connection, ids) = (&mut self.connection, &mut self.ids);
        let work = async {
            while messages.peek().is_some() || !waiting.is_empty() {
                while waiting.len() < IN_FLIGHT_MAX
                    && let Some((topic, payload)) = messages.next()
                {
                    let id = ids.take();
                    waiting.push_back(id);
                    connection.push(Message::qos1(id, topic, payload))?;
                }
                connection.flush().await?;
                for id in connection.acks().await? {
                    assert_eq!(waiting.pop_front(), Some(id), "PUBACKs come in the order of the publishes");
                }
            }
            Ok::<_, ClientError>(())
        };
        self.runtime.block_on(work).expect("all publishes are acknowledged");
    }

    fn send(&mut self, message: Message) -> Result<(), ClientError> {
        let id = message.packet_id;
        let connection = &mut self.connection;
        self.runtime.block_on(async {
            connection.push(message)?;
            connection.flush().await?;
            let acks = connection.acks().await?;
            assert_eq!(acks, Vec::from_iter(id), "exactly this publish is acknowledged");
            Ok(())
        })
    }
}
