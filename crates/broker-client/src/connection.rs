//! One connection to a broker: bytes to packets and back. It decides nothing, and is never opened again.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use rmqtt_codec::types::Protocol;
use rmqtt_codec::v3::{Codec, Connect, ConnectAckReason, Packet};
use source::BrokerSettings;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::codec::{Decoder, Encoder};

use crate::tls;

/// Longest packet that is accepted. A longer one ends the connection with a sentence.
pub const PACKET_BYTES_MAX: u32 = 1024 * 1024;
/// Time for the name, the socket, TLS and CONNACK each. Then the try has failed.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds of silence after which the broker gives us up.
pub const KEEP_ALIVE_S: u16 = 30;

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

pub struct Connection {
    wire: Box<dyn Wire>,
    codec: Codec,
    unsent: BytesMut,
    unread: BytesMut,
}

/// Waits no longer than a step may take.
pub async fn step<T>(what: &str, waited: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(STEP_TIMEOUT, waited).await.map_err(|_| format!("The broker did not answer in time: {what}."))?
}

impl Connection {
    /// Connects with a persistent session, and says whether the broker still had it. Errors are sentences.
    pub async fn open(settings: &BrokerSettings, client_id: &str) -> Result<(Self, bool), String> {
        let (host, port) = (settings.host.as_str(), settings.port);
        let socket = step("no connection", async {
            let connected = TcpStream::connect((host, port)).await;
            connected.map_err(|error| format!("{host}:{port} cannot be reached: {error}."))
        })
        .await?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        let wire: Box<dyn Wire> = if settings.tls.enabled {
            let (config, name) = tls::config(&settings.tls, host)?;
            let secured = step("TLS was not agreed", async {
                let agreed = TlsConnector::from(config).connect(name, socket).await;
                agreed.map_err(|error| format!("TLS with {host}:{port} failed: {error}."))
            });
            Box::new(secured.await?)
        } else {
            Box::new(socket)
        };
        let codec = Codec::new(PACKET_BYTES_MAX);
        let mut connection = Self { wire, codec, unsent: BytesMut::new(), unread: BytesMut::with_capacity(4096) };
        connection.push(Packet::Connect(Box::new(Connect {
            protocol: Protocol(4),
            clean_session: false,
            keep_alive: KEEP_ALIVE_S,
            client_id: client_id.to_owned().into(),
            username: settings.username.clone().map(Into::into),
            password: settings.password.clone().map(Into::into),
            ..Connect::default()
        })))?;
        connection.flush().await?;
        let Packet::ConnectAck(ack) = step("no CONNACK", connection.next()).await? else {
            return Err("The broker answered CONNECT with something else.".to_owned());
        };
        match ack.return_code {
            ConnectAckReason::ConnectionAccepted => Ok((connection, ack.session_present)),
            ConnectAckReason::BadUserNameOrPassword => {
                Err("The broker refused the connection: user name or password is wrong.".to_owned())
            }
            ConnectAckReason::NotAuthorized => {
                Err("The broker refused the connection: not authorised; user name or password may be wrong.".to_owned())
            }
            ConnectAckReason::UnacceptableProtocolVersion
            | ConnectAckReason::IdentifierRejected
            | ConnectAckReason::ServiceUnavailable
            | ConnectAckReason::Reserved => {
                Err(format!("The broker refused the connection: {}.", ack.return_code.reason()))
            }
        }
    }

    pub fn push(&mut self, packet: Packet) -> Result<(), String> {
        self.codec.encode(packet, &mut self.unsent).map_err(|error| format!("A packet cannot be written: {error}."))
    }

    pub async fn flush(&mut self) -> Result<(), String> {
        let written = async {
            self.wire.write_all_buf(&mut self.unsent).await?;
            self.wire.flush().await
        };
        step("it takes nothing", async { written.await.map_err(|error| broke(&error)) }).await
    }

    /// The next packet. Cancel-safe: what was read stays.
    pub async fn next(&mut self) -> Result<Packet, String> {
        loop {
            let decoded = self.codec.decode(&mut self.unread);
            if let Some((packet, _)) = decoded.map_err(|error| format!("The broker sent no legal MQTT: {error}."))? {
                return Ok(packet);
            }
            match self.wire.read_buf(&mut self.unread).await {
                Ok(0) => return Err("The broker closed the connection.".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(broke(&error)),
            }
        }
    }
}

fn broke(error: &io::Error) -> String {
    format!("The connection broke: {error}.")
}
