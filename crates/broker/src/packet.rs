//! From bytes to packets: `rmqtt-codec` reads them, this checks what it does not.
//!
//! The codec reserves the announced length at once and ignores some reserved bits, so the fixed header is checked
//! here first and the codec only ever sees a whole packet. Nothing is reserved on the word of a client.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::num::{NonZeroU16, NonZeroU32};
use std::pin::Pin;
use std::task::ready;

use bytes::BytesMut;
use bytestring::ByteString;
use rmqtt_codec::error::DecodeError;
use rmqtt_codec::types::Publish;
use rmqtt_codec::v5::{DisconnectReasonCode, SubscriptionOptions};
use rmqtt_codec::{v3, v5};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::codec::Decoder;

use crate::message::Version;
use crate::reason::Reason;

/// Most bytes one read takes from a connection before others have their turn.
const READ_BYTES_MAX: usize = 64 * 1024;
/// Room the codec wants behind a packet; without it, it would move the rest of the buffer after each one.
const SPARE_BYTES: usize = 16;

thread_local! {
    /// Where reads land, one per thread: a connection that is silent holds no buffer at all.
    static LANDING: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES_MAX]);
}

/// What a client may send once it is connected.
#[derive(Debug)]
pub(crate) enum Packet {
    Publish(Box<Publish>),
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    Ping,
    Disconnect { with_will: bool },
}

#[derive(Debug)]
pub(crate) struct Subscribe {
    pub packet_id: NonZeroU16,
    pub id: Option<NonZeroU32>,
    pub filters: Vec<(ByteString, SubscriptionOptions)>,
    pub user_properties: usize,
}

#[derive(Debug)]
pub(crate) struct Unsubscribe {
    pub packet_id: NonZeroU16,
    pub filters: Vec<ByteString>,
    pub user_properties: usize,
}

/// Bytes read and not yet taken apart.
#[derive(Default)]
pub(crate) struct Input {
    pub bytes: BytesMut,
}

impl Input {
    /// Reads once, at most until `bytes_max` bytes wait. 0 is the end of the stream.
    pub(crate) async fn fill<R: AsyncRead + Unpin>(&mut self, reader: &mut R, bytes_max: usize) -> io::Result<usize> {
        if self.bytes.is_empty() {
            // A fresh buffer: the old one belongs to the payloads cut from it.
            self.bytes = BytesMut::new();
        }
        let room = bytes_max.saturating_sub(self.bytes.len()).clamp(1, READ_BYTES_MAX);
        poll_fn(|context| {
            LANDING.with_borrow_mut(|landing| {
                let mut landed = ReadBuf::new(landing.get_mut(..room).unwrap_or_default());
                ready!(Pin::new(&mut *reader).poll_read(context, &mut landed))?;
                let filled = landed.filled();
                self.bytes.reserve(filled.len() + SPARE_BYTES);
                self.bytes.extend_from_slice(filled);
                Ok(filled.len()).into()
            })
        })
        .await
    }
}

/// The first byte of a packet and where its body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub first: u8,
    /// Bytes before the body.
    pub offset: usize,
    /// Bytes of the body.
    pub length: usize,
}

impl Header {
    /// None while it is not whole.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, Reason> {
        let Some((first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let mut length = 0usize;
        for (index, byte) in rest.iter().take(4).enumerate() {
            length |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                // 1.5.5-1: the shortest form is the only one.
                let shortest = index == 0 || *byte != 0;
                return if shortest {
                    Ok(Some(Self { first: *first, offset: index + 2, length }))
                } else {
                    Err(Reason::Malformed)
                };
            }
        }
        if rest.len() < 4 { Ok(None) } else { Err(Reason::Malformed) }
    }

    /// What can be known from the first byte alone, before the body has come.
    fn check(self) -> Result<(), Reason> {
        match (self.first >> 4, self.first & 0x0f) {
            (1, 0) => Err(Reason::SecondConnect),
            (3, flags) => match (flags >> 1) & 3 {
                0 if flags & 8 != 0 => Err(Reason::Malformed),
                0 | 1 => Ok(()),
                2 => Err(Reason::Qos2),
                _ => Err(Reason::Malformed),
            },
            (8 | 10, 2) | (14, 0) => Ok(()),
            (12, 0) if self.length == 0 => Ok(()),
            // Acknowledgements of what we never send, and what only a server sends.
            (2 | 4 | 5 | 7 | 9 | 11 | 13 | 15, 0) | (6, 2) => Err(Reason::Unexpected),
            _ => Err(Reason::Malformed),
        }
    }
}

/// The next whole packet of a connected client, if there is one. `bytes_max` bounds the whole packet.
pub(crate) fn next(bytes: &mut BytesMut, version: Version, bytes_max: usize) -> Result<Option<Packet>, Reason> {
    let Some(header) = Header::read(bytes)? else {
        return Ok(None);
    };
    header.check()?;
    if header.offset + header.length > bytes_max {
        return Err(Reason::PacketTooLarge);
    }
    let Some(body) = bytes.get(header.offset..header.offset + header.length) else {
        return Ok(None);
    };
    match version {
        Version::V3 => {
            check_v3(header, body)?;
            let decoded = v3::Codec::new(0).decode(bytes).map_err(|error| broken(&error))?;
            decoded.map(|(packet, _)| from_v3(packet)).transpose()
        }
        Version::V5 => {
            let decoded = v5::Codec::new(0, 0).decode(bytes).map_err(|error| broken(&error))?;
            decoded.map(|(packet, _)| from_v5(packet)).transpose()
        }
    }
}

/// Reserved bits that the codec masks away.
fn check_v3(header: Header, body: &[u8]) -> Result<(), Reason> {
    match header.first >> 4 {
        14 if header.length != 0 => Err(Reason::Malformed),
        8 => {
            let mut rest = body.get(2..).unwrap_or_default();
            while let [high, low, tail @ ..] = rest {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                let options = tail.get(length).ok_or(Reason::Malformed)?;
                if options & 0xfc != 0 {
                    return Err(Reason::Malformed);
                }
                rest = tail.get(length + 1..).unwrap_or_default();
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What a decoding error means.
pub(crate) fn broken(error: &DecodeError) -> Reason {
    if matches!(error, DecodeError::InvalidTopicName | DecodeError::InvalidTopicFilter) {
        Reason::TopicInvalid
    } else {
        Reason::Malformed
    }
}

fn from_v3(packet: v3::Packet) -> Result<Packet, Reason> {
    match packet {
        v3::Packet::Publish(publish) => Ok(Packet::Publish(publish)),
        v3::Packet::Subscribe { packet_id, topic_filters } => {
            let options = |qos| SubscriptionOptions { qos, ..SubscriptionOptions::default() };
            let filters = topic_filters.into_iter().map(|(filter, qos)| (filter, options(qos))).collect();
            Ok(Packet::Subscribe(Subscribe { packet_id, id: None, filters, user_properties: 0 }))
        }
        v3::Packet::Unsubscribe { packet_id, topic_filters } => {
            Ok(Packet::Unsubscribe(Unsubscribe { packet_id, filters: topic_filters, user_properties: 0 }))
        }
        v3::Packet::PingRequest => Ok(Packet::Ping),
        v3::Packet::Disconnect => Ok(Packet::Disconnect { with_will: false }),
        v3::Packet::Connect(_) => Err(Reason::SecondConnect),
        v3::Packet::ConnectAck(_)
        | v3::Packet::PublishAck { .. }
        | v3::Packet::PublishReceived { .. }
        | v3::Packet::PublishRelease { .. }
        | v3::Packet::PublishComplete { .. }
        | v3::Packet::SubscribeAck { .. }
        | v3::Packet::UnsubscribeAck { .. }
        | v3::Packet::PingResponse => Err(Reason::Unexpected),
    }
}

fn from_v5(packet: v5::Packet) -> Result<Packet, Reason> {
    match packet {
        v5::Packet::Publish(publish) => Ok(Packet::Publish(publish)),
        v5::Packet::Subscribe(subscribe) => Ok(Packet::Subscribe(Subscribe {
            packet_id: subscribe.packet_id,
            id: subscribe.id,
            filters: subscribe.topic_filters,
            user_properties: subscribe.user_properties.len(),
        })),
        v5::Packet::Unsubscribe(unsubscribe) => Ok(Packet::Unsubscribe(Unsubscribe {
            packet_id: unsubscribe.packet_id,
            filters: unsubscribe.topic_filters,
            user_properties: unsubscribe.user_properties.len(),
        })),
        v5::Packet::PingRequest => Ok(Packet::Ping),
        v5::Packet::Disconnect(disconnect) => Ok(Packet::Disconnect {
            // Anything but a normal goodbye keeps the will (3.14.4-3).
            with_will: disconnect.reason_code != DisconnectReasonCode::NormalDisconnection,
        }),
        v5::Packet::Connect(_) => Err(Reason::SecondConnect),
        v5::Packet::ConnectAck(_)
        | v5::Packet::PublishAck(_)
        | v5::Packet::PublishReceived(_)
        | v5::Packet::PublishRelease(_)
        | v5::Packet::PublishComplete(_)
        | v5::Packet::SubscribeAck(_)
        | v5::Packet::UnsubscribeAck(_)
        | v5::Packet::PingResponse
        | v5::Packet::Auth(_) => Err(Reason::Unexpected),
    }
}
