//! A TCP connection without manners: bytes as they are, for clients that do not keep to the protocol.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long the other side may take to answer or to close before the story fails.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// An open connection.
pub struct Socket(TcpStream);

impl Socket {
    /// Connects and says nothing.
    pub fn open(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).expect("the server listens");
        stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("a socket takes a timeout");
        Self(stream)
    }

    /// Connects as an MQTT 3.1.1 client and waits for the CONNACK.
    pub fn mqtt(server: SocketAddr, client_id: &str) -> Self {
        let mut socket = Self::open(server);
        socket.send(&connect_packet(client_id));
        let mut answer = [0; 4];
        socket.0.read_exact(&mut answer).expect("CONNECT is answered");
        assert_eq!(answer, [0x20, 2, 0, 0], "CONNECT is accepted");
        socket
    }

    /// Sends bytes. The other side may have closed already, which the next look shows.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) {
        let _ = self.0.shutdown(Shutdown::Write);
    }

    /// Reads exactly so many bytes.
    pub fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("the server answers");
        bytes
    }

    /// Waits until the other side closes, and returns what it said before.
    pub fn expect_closed(mut self, why: &str) -> Vec<u8> {
        let mut said = Vec::new();
        match self.0.read_to_end(&mut said) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the server should close a connection after {why}; it said {said:02x?}")
            }
            Ok(_) | Err(_) => said,
        }
    }
}

/// CONNECT of MQTT 3.1.1, clean session, no keep-alive.
#[must_use]
pub fn connect_packet(client_id: &str) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04\x02\x00\x00".to_vec();
    body.extend(text(client_id.as_bytes()));
    packet(0x10, &body)
}

/// PUBLISH with any first byte, topic bytes and packet id, whether they are legal or not.
#[must_use]
pub fn publish_packet(first: u8, topic: &[u8], packet_id: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    body.extend(packet_id.into_iter().flat_map(u16::to_be_bytes));
    body.extend_from_slice(payload);
    packet(first, &body)
}

fn text(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a text of the protocol is short");
    [&length.to_be_bytes()[..], bytes].concat()
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut left = body.len();
    loop {
        let digit = u8::try_from(left % 128).expect("less than 128");
        left /= 128;
        bytes.push(if left > 0 { digit | 0x80 } else { digit });
        if left == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}
