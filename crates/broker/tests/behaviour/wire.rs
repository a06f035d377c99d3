//! Packets as bytes, written by hand so that the codec under test is not its own judge.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// When a test that waits for something gives up.
pub const GIVE_UP: Duration = Duration::from_secs(90);

pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length % 128).unwrap();
        length /= 128;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

pub fn text(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(text);
    bytes
}

/// A CONNECT: level 3, 4 or 5, flags, keep-alive, properties (5) and what follows the client identifier.
pub fn connect(level: u8, flags: u8, keep_alive: u16, properties: &[u8], id: &str, rest: &[u8]) -> Vec<u8> {
    let mut body = text(if level == 3 { "MQIsdp" } else { "MQTT" });
    body.extend_from_slice(&[level, flags]);
    body.extend_from_slice(&keep_alive.to_be_bytes());
    if level == 5 {
        body.push(u8::try_from(properties.len()).unwrap());
        body.extend_from_slice(properties);
    }
    body.extend_from_slice(&text(id));
    body.extend_from_slice(rest);
    packet(0x10, &body)
}

/// A publish; `id` 0 is QoS 0. `properties` only for version 5.
pub fn publish(topic: &str, id: u16, properties: Option<&[u8]>, payload: &[u8]) -> Vec<u8> {
    publish_as(if id == 0 { 0x30 } else { 0x32 }, topic, id, properties, payload)
}

pub fn publish_as(first: u8, topic: impl AsRef<[u8]>, id: u16, properties: Option<&[u8]>, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    if first & 6 != 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    if let Some(properties) = properties {
        body.push(u8::try_from(properties.len()).unwrap());
        body.extend_from_slice(properties);
    }
    body.extend_from_slice(payload);
    packet(first, &body)
}

pub fn subscribe3(id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    for filter in filters {
        body.extend_from_slice(&text(filter));
        body.push(1);
    }
    packet(0x82, &body)
}

pub fn subscribe5(id: u16, properties: &[u8], filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.push(u8::try_from(properties.len()).unwrap());
    body.extend_from_slice(properties);
    for (filter, options) in filters {
        body.extend_from_slice(&text(filter));
        body.push(*options);
    }
    packet(0x82, &body)
}

/// The other end of a connection.
pub struct Client<T = TcpStream> {
    pub stream: T,
}

impl Client {
    pub async fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self { stream }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub async fn greet3(&mut self, id: &str) {
        self.send(&connect(4, 2, 60, &[], id, &[])).await;
        self.expect(&[0x20, 2, 0, 0]).await;
    }

    pub async fn greet5(&mut self, id: &str) {
        self.send(&connect(5, 2, 60, &[], id, &[])).await;
        let (first, body) = self.packet().await.expect("a CONNACK");
        assert_eq!((first, body[0], body[1]), (0x20, 0, 0));
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("a write");
    }

    /// Sends what may not be taken any more.
    pub async fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next packet, or none at the end.
    pub async fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        tokio::time::timeout(GIVE_UP, self.read_packet()).await.expect("a packet or the end in time")
    }

    async fn read_packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.stream.read_u8().await.ok()?;
        let (mut length, mut shift) = (0usize, 0);
        loop {
            let byte = self.stream.read_u8().await.ok()?;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.ok()?;
        Some((first, body))
    }

    /// Waits without giving up, for tests whose time is paused. False at the end.
    pub async fn read_raw(&mut self) -> bool {
        self.stream.read_u8().await.is_ok()
    }

    pub async fn expect(&mut self, bytes: &[u8]) {
        let (first, body) = self.packet().await.expect("a packet");
        assert_eq!(packet(first, &body), bytes);
    }

    /// Nothing more comes: the connection is closed.
    pub async fn expect_end(&mut self) {
        assert_eq!(self.packet().await, None);
    }

    /// The reason code of a DISCONNECT, and the end after it.
    pub async fn expect_disconnect(&mut self, code: u8) {
        let (first, body) = self.packet().await.expect("a DISCONNECT");
        assert_eq!((first, body[0]), (0xe0, code), "{}", String::from_utf8_lossy(&body));
        self.expect_end().await;
    }

    /// The broker has dealt with everything sent so far.
    pub async fn ping(&mut self) {
        self.send(&[0xc0, 0]).await;
        self.expect(&[0xd0, 0]).await;
    }

    /// The packet identifiers and reason codes of the next PUBACKs.
    pub async fn acks(&mut self, count: usize) -> Vec<(u16, u8)> {
        let mut acks = Vec::new();
        while acks.len() < count {
            let (first, body) = self.packet().await.expect("a PUBACK");
            assert_eq!(first, 0x40);
            acks.push((u16::from_be_bytes([body[0], body[1]]), body.get(2).copied().unwrap_or(0)));
        }
        acks
    }

    pub async fn subscribe(&mut self, filters: &[&str]) {
        self.send(&subscribe3(9, filters)).await;
        let (first, body) = self.packet().await.expect("a SUBACK");
        assert_eq!((first, &body[2..]), (0x90, &vec![0; filters.len()][..]));
    }
}
