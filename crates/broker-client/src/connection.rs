//! One connection to a broker: bytes to packets and back. It decides nothing, and is never opened again.

use std::io;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rmqtt_codec::types::QoS;
use source::{BrokerSettings, Own};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::framing::{Next, next};
use crate::sentences::Expected;
use crate::speech::{Heard, Keeping, Speech};
use crate::tls;

/// Longest packet that is taken. A longer message is skipped, acknowledged and counted as refused, because the broker would send
/// it again for ever; anything else that long ends the connection with a sentence.
pub const PACKET_BYTES_MAX: u32 = 1024 * 1024;
/// Time for the name, the socket, TLS and CONNACK each. Then the try has failed.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds of silence after which the broker gives us up.
pub const KEEP_ALIVE_S: u16 = 30;

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

pub struct Connection {
    wire: Box<dyn Wire>,
    speech: Speech,
    unsent: BytesMut,
    unread: BytesMut,
    /// The decoder has taken no part of the next packet.
    at_start: bool,
    skipping: Option<Skipping>,
    expected: Expected,
    answered: bool,
}

struct Skipping {
    id: Option<NonZeroU16>,
    left: usize,
}

/// A connection that the broker accepted.
pub struct Opened {
    pub connection: Connection,
    /// The broker still had our session.
    pub present: bool,
    /// It gives us up after so many seconds of silence.
    pub keep_alive_s: u16,
}

/// Waits no longer than a step may take.
async fn step<T>(what: &str, waited: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(STEP_TIMEOUT, waited).await.map_err(|_| format!("The broker did not answer in time: {what}."))?
}

fn ourselves(settings: &BrokerSettings) -> String {
    format!(
        "This is Sensorium itself: {}:{} leads to the broker of this server, and what is published there is stored already. \
         Name another broker, or remove this entry.",
        settings.host, settings.port
    )
}

impl Connection {
    /// Connects. Errors are sentences, also that the way leads to our `own` broker.
    pub async fn open(settings: &BrokerSettings, keeping: Keeping, own: &Arc<Own>) -> Result<Opened, String> {
        let mut connection = Self::over(settings).await?;
        connection.speech.connect(settings, keeping, &mut connection.unsent)?;
        let saying = own.says(Bytes::copy_from_slice(&connection.unsent));
        // Whoever refuses may have closed already: what it said before is read all the same, and is worth more.
        let _ = connection.flush().await;
        let answered = step("no CONNACK", connection.next()).await;
        match answered.map_err(|sentence| if saying.came_here() { ourselves(settings) } else { sentence })? {
            Heard::Accepted { present, keep_alive_s } => {
                connection.answered = true;
                let keep_alive_s = keep_alive_s.filter(|&s| s > 0).unwrap_or(KEEP_ALIVE_S).min(KEEP_ALIVE_S);
                Ok(Opened { connection, present, keep_alive_s })
            }
            Heard::Refused(_) if saying.came_here() => Err(ourselves(settings)),
            Heard::Refused(sentence) => Err(sentence),
            Heard::Publish(_) | Heard::TooLong(_) | Heard::Subscribed | Heard::Understood => {
                Err("The broker answered CONNECT with something else.".to_owned())
            }
        }
    }

    async fn over(settings: &BrokerSettings) -> Result<Self, String> {
        let (host, port) = (settings.host.as_str(), settings.port);
        let expected = Expected::of(settings);
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
                agreed.map_err(|error| expected.not_agreed(&format!("{host}:{port}"), &error))
            });
            Box::new(secured.await?)
        } else {
            Box::new(socket)
        };
        Ok(Self {
            wire,
            speech: Speech::of(settings.protocol),
            unsent: BytesMut::new(),
            unread: BytesMut::with_capacity(4096),
            at_start: true,
            skipping: None,
            expected,
            answered: false,
        })
    }

    /// Says which filters are wanted, and which are not any more.
    pub async fn subscribe(
        &mut self,
        wanted: impl Iterator<Item = String>,
        qos: QoS,
        lapsed: &[String],
    ) -> Result<(), String> {
        if !lapsed.is_empty() {
            self.speech.unsubscribe(lapsed.iter().cloned(), &mut self.unsent)?;
        }
        self.speech.subscribe(wanted, qos, &mut self.unsent)?;
        self.flush().await
    }

    pub fn unsubscribe(&mut self, filters: impl Iterator<Item = String>) -> Result<(), String> {
        self.speech.unsubscribe(filters, &mut self.unsent)
    }

    /// Written with the next flush.
    pub fn acknowledge(&mut self, id: NonZeroU16) -> Result<(), String> {
        self.speech.acknowledge(id, &mut self.unsent)
    }

    pub async fn ping(&mut self) -> Result<(), String> {
        self.speech.ping(&mut self.unsent)?;
        self.flush().await
    }

    /// Sends what waits, and goodbye.
    pub async fn leave(&mut self) -> Result<(), String> {
        self.speech.goodbye(&mut self.unsent)?;
        self.flush().await
    }

    pub async fn flush(&mut self) -> Result<(), String> {
        let expected = self.expected;
        let written = async {
            self.wire.write_all_buf(&mut self.unsent).await?;
            self.wire.flush().await
        };
        step("it takes nothing", async { written.await.map_err(|error| expected.broke(&error)) }).await
    }

    /// The next packet. Cancel-safe: what was read stays.
    pub async fn next(&mut self) -> Result<Heard, String> {
        loop {
            if let Some(heard) = self.there()? {
                return Ok(heard);
            }
            match self.wire.read_buf(&mut self.unread).await {
                Ok(0) => return Err(self.expected.closed(self.answered)),
                Ok(_) => {}
                Err(error) if self.is_end(error.kind()) => return Err(self.expected.closed(self.answered)),
                Err(error) => return Err(self.expected.broke(&error)),
            }
        }
    }

    /// Whether an error is no more than an end: of TLS without a word, or of one who did not want to read what we sent.
    fn is_end(&self, kind: io::ErrorKind) -> bool {
        kind == io::ErrorKind::UnexpectedEof || (kind == io::ErrorKind::ConnectionReset && !self.answered)
    }

    /// What has been read of the next packet, if that is all of it.
    fn there(&mut self) -> Result<Option<Heard>, String> {
        if self.at_start && self.skipping.is_none() {
            match next(&self.unread) {
                Next::Incomplete => return Ok(None),
                Next::Ordinary => {}
                Next::TooLong { id, bytes } => self.skipping = Some(Skipping { id, left: bytes }),
            }
        }
        if let Some(skipping) = &mut self.skipping {
            let there = skipping.left.min(self.unread.len());
            self.unread.advance(there);
            skipping.left -= there;
            let whole = self.skipping.take_if(|skipping| skipping.left == 0);
            return Ok(whole.map(|skipped| Heard::TooLong(skipped.id)));
        }
        let heard = self.speech.hear(&mut self.unread);
        let heard = heard.map_err(|sentence| self.expected.illegal(self.answered, sentence))?;
        self.at_start = heard.is_some();
        Ok(heard)
    }
}
