//! A small MQTT 3.1.1 client that leaves every decision to its caller: packet ids, DUP, and how many publishes wait for
//! their acknowledgement. It never retries, reconnects or acknowledges by itself, because the ledger must know exactly
//! what was sent and what came back.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rmqtt_codec::types::{Protocol, Publish, QoS};
use rmqtt_codec::v3::{Codec, Connect, ConnectAckReason, Packet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::codec::{Decoder, Encoder};

/// Longest packet that is accepted from a server. A longer one ends the connection.
pub const PACKET_BYTES_MAX: u32 = 1024 * 1024;
/// How long a server may take to answer CONNECT before [`ClientError::Silent`].
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes that may wait in the outgoing buffer before [`Connection::push`] asks for a flush by returning true.
pub const UNSENT_BYTES_MAX: usize = 64 * 1024;

/// Why a connection is of no use any more. After any of them the connection must be dropped.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket.
    #[error("the connection to {server} broke")]
    Socket {
        /// Whom we talked to.
        server: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server closed it.
    #[error("{0} closed the connection")]
    Closed(SocketAddr),
    /// CONNECT was answered with a refusal.
    #[error("{server} refused the connection: {reason}")]
    Refused {
        /// Whom we asked.
        server: SocketAddr,
        /// The words of the return code.
        reason: &'static str,
    },
    /// CONNECT was not answered within [`CONNECT_TIMEOUT`].
    #[error("{0} did not answer CONNECT in time")]
    Silent(SocketAddr),
    /// Bytes that are no MQTT, or a packet that a client never gets.
    #[error("{server} sent something that is no MQTT: {detail}")]
    Protocol {
        /// Who sent it.
        server: SocketAddr,
        /// What was wrong.
        detail: String,
    },
}

/// One publish as it goes on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where to.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// None is QoS 0.
    pub packet_id: Option<NonZeroU16>,
    /// Marks a repeat. Means nothing at QoS 0.
    pub dup: bool,
    /// Asks the server to keep it for later subscribers.
    pub retain: bool,
}

impl Message {
    /// At most once: never acknowledged.
    pub fn qos0(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self { topic: topic.into(), payload: payload.into(), packet_id: None, dup: false, retain: false }
    }

    /// At least once, with the packet id by which its PUBACK will be known.
    pub fn qos1(packet_id: NonZeroU16, topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self { packet_id: Some(packet_id), ..Self::qos0(topic, payload) }
    }

    /// The same publish, marked as sent before.
    #[must_use]
    pub fn again(self) -> Self {
        Self { dup: true, ..self }
    }
}

/// Packet ids 1..=65535 in a circle. The caller keeps fewer in flight than there are.
#[derive(Clone, Debug)]
pub struct PacketIds(NonZeroU16);

impl Default for PacketIds {
    fn default() -> Self {
        Self(NonZeroU16::MIN)
    }
}

impl PacketIds {
    /// The next one.
    pub fn take(&mut self) -> NonZeroU16 {
        let id = self.0;
        self.0 = id.checked_add(1).unwrap_or(NonZeroU16::MIN);
        id
    }
}

/// An open connection whose CONNECT was accepted.
#[derive(Debug)]
pub struct Connection {
    server: SocketAddr,
    socket: TcpStream,
    codec: Codec,
    unsent: BytesMut,
    unread: BytesMut,
}

impl Connection {
    /// Connects with a clean session and without keep-alive, and waits for the CONNACK.
    ///
    /// # Errors
    /// No socket, a refusal, or no answer within [`CONNECT_TIMEOUT`].
    pub async fn open(server: SocketAddr, client_id: &str) -> Result<Self, ClientError> {
        let socket = |source| ClientError::Socket { server, source };
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(server))
            .await
            .map_err(|_| ClientError::Silent(server))?
            .map_err(socket)?;
        stream.set_nodelay(true).map_err(socket)?;
        let mut connection = Self {
            server,
            socket: stream,
            codec: Codec::new(PACKET_BYTES_MAX),
            unsent: BytesMut::new(),
            unread: BytesMut::with_capacity(4096),
        };
        let connect = Connect { protocol: Protocol(4), clean_session: true, ..Connect::default() }
            .client_id(client_id.to_owned());
        connection.encode(Packet::Connect(Box::new(connect)))?;
        connection.flush().await?;
        let answer = tokio::time::timeout(CONNECT_TIMEOUT, connection.next()).await;
        let answer = answer.map_err(|_| ClientError::Silent(server))??;
        let Packet::ConnectAck(ack) = answer else { return Err(connection.unexpected(&answer)) };
        if ack.return_code != ConnectAckReason::ConnectionAccepted {
            return Err(ClientError::Refused { server, reason: ack.return_code.reason() });
        }
        Ok(connection)
    }

    /// Puts a publish into the outgoing buffer; true when the buffer is full and wants [`Connection::flush`].
    ///
    /// # Errors
    /// A topic or payload longer than the protocol allows.
    pub fn push(&mut self, message: Message) -> Result<bool, ClientError> {
        let publish = Publish {
            dup: message.dup && message.packet_id.is_some(),
            retain: message.retain,
            qos: if message.packet_id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce },
            topic: message.topic.into(),
            packet_id: message.packet_id,
            payload: message.payload,
            properties: None,
        };
        self.encode(Packet::Publish(Box::new(publish)))?;
        Ok(self.unsent.len() >= UNSENT_BYTES_MAX)
    }

    /// Writes out what was pushed.
    ///
    /// # Errors
    /// The socket.
    pub async fn flush(&mut self) -> Result<(), ClientError> {
        let written = self.socket.write_all_buf(&mut self.unsent).await;
        written.map_err(|source| ClientError::Socket { server: self.server, source })
    }

    /// Waits for acknowledgements and returns every one that has arrived, in their order, at least one.
    ///
    /// # Errors
    /// The socket, or a packet that answers no publish.
    pub async fn acks(&mut self) -> Result<Vec<NonZeroU16>, ClientError> {
        let mut acked = Vec::new();
        loop {
            // What was read before a fault is told first: an acknowledgement that arrived is never forgotten.
            let packet = match self.buffered() {
                Ok(Some(packet)) => packet,
                Ok(None) | Err(_) if !acked.is_empty() => return Ok(acked),
                Ok(None) => self.next().await?,
                Err(error) => return Err(error),
            };
            let Packet::PublishAck { packet_id } = packet else { return Err(self.unexpected(&packet)) };
            acked.push(packet_id);
        }
    }

    /// Says goodbye, so that no will is published.
    ///
    /// # Errors
    /// The socket.
    pub async fn close(mut self) -> Result<(), ClientError> {
        self.encode(Packet::Disconnect)?;
        self.flush().await
    }

    async fn next(&mut self) -> Result<Packet, ClientError> {
        loop {
            if let Some(packet) = self.buffered()? {
                return Ok(packet);
            }
            let read = self.socket.read_buf(&mut self.unread).await;
            match read {
                Ok(0) => return Err(ClientError::Closed(self.server)),
                Ok(_) => {}
                Err(source) => return Err(ClientError::Socket { server: self.server, source }),
            }
        }
    }

    fn buffered(&mut self) -> Result<Option<Packet>, ClientError> {
        let decoded = self.codec.decode(&mut self.unread);
        let decoded =
            decoded.map_err(|error| ClientError::Protocol { server: self.server, detail: error.to_string() })?;
        Ok(decoded.map(|(packet, _)| packet))
    }

    fn encode(&mut self, packet: Packet) -> Result<(), ClientError> {
        let encoded = self.codec.encode(packet, &mut self.unsent);
        encoded.map_err(|error| ClientError::Protocol { server: self.server, detail: error.to_string() })
    }

    fn unexpected(&self, packet: &Packet) -> ClientError {
        ClientError::Protocol { server: self.server, detail: format!("packet type {:#04x}", packet.packet_type()) }
    }
}
