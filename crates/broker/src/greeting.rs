//! The first packet: from a CONNECT in either version to what a session needs, or to why there is none.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use model::Topic;
use rmqtt_codec::types::QoS;
use rmqtt_codec::v5::PublishProperties;
use rmqtt_codec::{v3, v5};
use source::Own;
use tokio::io::AsyncRead;
use tokio_util::codec::{Decoder, Encoder};

use crate::limits::Limits;
use crate::message::{Message, Version};
use crate::packet::{Header, Input};
use crate::reason::Reason;

const CONNECT: u8 = 0x10;

/// What a client asked for, checked.
#[derive(Debug)]
pub(crate) struct Greeting {
    pub version: Version,
    /// Empty if one is to be assigned.
    pub client: Arc<str>,
    /// Of the client, capped; none never happens, because the cap counts for everybody.
    pub keep_alive: Duration,
    /// The client asked for more than the cap, or for none.
    pub keep_alive_capped: bool,
    pub will: Option<Message>,
    /// Largest packet the client takes.
    pub packet_bytes_max: usize,
}

/// Why there is no session, and in which words to say so, if the client has any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub reason: Reason,
    pub version: Option<Version>,
}

impl From<Reason> for Rejection {
    fn from(reason: Reason) -> Self {
        Self { reason, version: None }
    }
}

/// Reads the CONNECT. The caller bounds the time.
pub(crate) async fn read<R>(
    input: &mut Input,
    reader: &mut R,
    limits: &Limits,
    own: &Own,
) -> Result<Greeting, Rejection>
where
    R: AsyncRead + Unpin,
{
    loop {
        if let Some(greeting) = parse(&mut input.bytes, limits, own)? {
            return Ok(greeting);
        }
        let empty = input.bytes.is_empty();
        match input.fill(reader, limits.connect_bytes_max).await {
            Ok(1..) => {}
            Ok(0) | Err(_) if empty => return Err(Reason::Silent.into()),
            Ok(0) | Err(_) => return Err(Reason::PeerClosed.into()),
        }
    }
}

fn parse(bytes: &mut BytesMut, limits: &Limits, own: &Own) -> Result<Option<Greeting>, Rejection> {
    if bytes.first().is_some_and(|first| *first != CONNECT) {
        return Err(Reason::NotMqtt.into());
    }
    let Some(header) = Header::read(bytes).map_err(|_| Reason::NotMqtt)? else {
        return Ok(None);
    };
    let version = announced_version(bytes.get(header.offset..).unwrap_or_default())?;
    if header.offset + header.length > limits.connect_bytes_max {
        return Err(Rejection { reason: Reason::ConnectTooLarge, version });
    }
    let Some(announced) = version else {
        return Ok(None);
    };
    let with = |reason| Rejection { reason, version: Some(announced) };
    let Some(body) = bytes.get(header.offset..header.offset + header.length) else {
        return Ok(None);
    };
    if bytes.get(..header.offset + header.length).is_some_and(|connect| own.recognises(connect)) {
        return Err(with(Reason::OwnLink));
    }
    check_flags(body).map_err(with)?;
    if announced == Version::V5 {
        // The codec asks for Clean Start with an empty client identifier; version 5 does not. Every session is a clean
        // one for now, so the flag may as well be set. Kept sessions will have to read it here first.
        let flags = header.offset + 7;
        if let Some(flags) = bytes.get_mut(flags) {
            *flags |= 2;
        }
    }
    match announced {
        Version::V3 => match v3::Codec::new(0).decode(bytes) {
            Ok(Some((v3::Packet::Connect(connect), _))) => of_v3(*connect, limits).map(Some).map_err(with),
            Err(rmqtt_codec::error::DecodeError::InvalidClientId) => Err(with(Reason::ClientId)),
            Ok(_) | Err(_) => Err(with(Reason::ConnectMalformed)),
        },
        Version::V5 => match v5::Codec::new(0, 0).decode(bytes) {
            Ok(Some((v5::Packet::Connect(connect), _))) => of_v5(*connect, limits).map(Some).map_err(with),
            Err(rmqtt_codec::error::DecodeError::InvalidClientId) => Err(with(Reason::ClientId)),
            Ok(_) | Err(_) => Err(with(Reason::ConnectMalformed)),
        },
    }
}

/// From protocol name and level; none while they have not come.
fn announced_version(body: &[u8]) -> Result<Option<Version>, Rejection> {
    let (expected, level): (&[u8], Option<&u8>) = match body {
        [_, 4, ..] => (b"\0\x04MQTT", body.get(6)),
        [_, 6, ..] => (b"\0\x06MQIsdp", body.get(8)),
        [_, _, ..] => return Err(Reason::NotMqtt.into()),
        _ => return Ok(None),
    };
    let come = body.len().min(expected.len());
    if body.get(..come) != expected.get(..come) {
        return Err(Reason::NotMqtt.into());
    }
    match (expected.len(), level) {
        (_, None) => Ok(None),
        (6, Some(4)) | (8, Some(3)) => Ok(Some(Version::V3)),
        (6, Some(5)) => Ok(Some(Version::V5)),
        // 3.1.1 asks for return code 1; a client of another version may know it as well.
        _ => Err(Rejection { reason: Reason::Version, version: Some(Version::V3) }),
    }
}

/// Connect flags that the codec does not compare with each other.
fn check_flags(body: &[u8]) -> Result<(), Reason> {
    let name = usize::from(u16::from_be_bytes([body.first().copied().unwrap_or(0), body.get(1).copied().unwrap_or(0)]));
    let flags = *body.get(name + 3).ok_or(Reason::ConnectMalformed)?;
    let version_3 = body.get(name + 2).is_some_and(|level| *level < 5);
    let (reserved, will, will_qos, will_retain) = (flags & 1, flags & 4 != 0, (flags >> 3) & 3, flags & 0x20 != 0);
    let (password, user) = (flags & 0x40 != 0, flags & 0x80 != 0);
    let bad = reserved != 0
        || will_qos == 3
        || (!will && (will_qos != 0 || will_retain))
        // 3.1.1: a password needs a user name; 5 lifted that.
        || (version_3 && password && !user);
    if bad { Err(Reason::ConnectMalformed) } else { Ok(()) }
}

fn of_v3(connect: v3::Connect, limits: &Limits) -> Result<Greeting, Reason> {
    let client = client_id(&connect.client_id, limits)?;
    let will = connect.last_will.map(|will| will_message(&will.topic, &will.message, will.retain, None, limits));
    let (keep_alive, keep_alive_capped) = cap(connect.keep_alive, limits);
    Ok(Greeting {
        version: Version::V3,
        client,
        keep_alive,
        keep_alive_capped,
        will: will.transpose()?,
        packet_bytes_max: usize::MAX,
    })
}

fn of_v5(connect: v5::Connect, limits: &Limits) -> Result<Greeting, Reason> {
    if connect.auth_method.is_some() {
        return Err(Reason::Authentication);
    }
    if connect.auth_data.is_some() {
        return Err(Reason::ProtocolError);
    }
    if connect.user_properties.len() > limits.user_properties_max {
        return Err(Reason::UserProperties);
    }
    let client = client_id(&connect.client_id, limits)?;
    let will = connect.last_will.map(|will| will_v5(will, limits)).transpose()?;
    let (keep_alive, keep_alive_capped) = cap(connect.keep_alive, limits);
    let packet_bytes_max = connect.max_packet_size.map_or(usize::MAX, |size| size.get() as usize);
    Ok(Greeting { version: Version::V5, client, keep_alive, keep_alive_capped, will, packet_bytes_max })
}

fn will_v5(will: v5::LastWill, limits: &Limits) -> Result<Message, Reason> {
    if will.qos == QoS::ExactlyOnce {
        return Err(Reason::WillQos2);
    }
    if will.user_properties.len() > limits.user_properties_max {
        return Err(Reason::UserProperties);
    }
    if will.response_topic.as_deref().is_some_and(|topic| Topic::parse(topic).is_err()) {
        return Err(Reason::WillInvalid);
    }
    let properties = PublishProperties {
        correlation_data: will.correlation_data,
        message_expiry_interval: will.message_expiry_interval,
        content_type: will.content_type,
        user_properties: will.user_properties,
        is_utf8_payload: will.is_utf8_payload.unwrap_or(false),
        response_topic: will.response_topic,
        ..PublishProperties::default()
    };
    will_message(&will.topic, &will.message, will.retain, Some(properties), limits)
}

fn will_message(
    topic: &str,
    payload: &Bytes,
    retain: bool,
    properties: Option<PublishProperties>,
    limits: &Limits,
) -> Result<Message, Reason> {
    let topic = Topic::parse(topic).map_err(|_| Reason::WillInvalid)?;
    if topic.as_str().starts_with("$SYS/") || payload.len() > limits.payload_bytes_max {
        return Err(Reason::WillInvalid);
    }
    let properties = properties.filter(|properties| *properties != PublishProperties::default()).map(Arc::new);
    // The will is kept for as long as the session, so it must not pin the CONNECT.
    Ok(Message { topic, payload: payload.clone(), retain, properties }.detached())
}

fn client_id(text: &ByteString, limits: &Limits) -> Result<Arc<str>, Reason> {
    if text.len() > limits.client_id_bytes_max || text.chars().any(char::is_control) {
        return Err(Reason::ClientId);
    }
    Ok(Arc::from(&**text))
}

fn cap(seconds: u16, limits: &Limits) -> (Duration, bool) {
    let asked = Duration::from_secs(u64::from(seconds));
    if asked.is_zero() || asked > limits.keep_alive_max { (limits.keep_alive_max, true) } else { (asked, false) }
}

/// The CONNACK of an accepted client. `assigned` is the identifier it did not bring itself.
pub(crate) fn accept(greeting: &Greeting, assigned: Option<&str>, limits: &Limits, out: &mut BytesMut) {
    // Encoding a CONNACK of our own making without a size limit cannot fail.
    let _ = match greeting.version {
        Version::V3 => {
            let ack = v3::ConnectAck { return_code: v3::ConnectAckReason::ConnectionAccepted, session_present: false };
            v3::Codec::new(0).encode(v3::Packet::ConnectAck(ack), out)
        }
        Version::V5 => {
            let seconds = u16::try_from(greeting.keep_alive.as_secs()).unwrap_or(u16::MAX);
            let ack = v5::ConnectAck {
                // Sessions end with their connection, whatever was asked for.
                session_expiry_interval_secs: Some(0),
                receive_max: NonZeroU16::new(limits.receive_maximum).unwrap_or(NonZeroU16::MIN),
                max_qos: QoS::AtLeastOnce,
                max_packet_size: Some(u32::try_from(limits.packet_bytes_max).unwrap_or(u32::MAX)),
                assigned_client_id: assigned.map(ByteString::from),
                topic_alias_max: limits.topic_aliases_max,
                shared_subscription_available: false,
                server_keepalive_sec: greeting.keep_alive_capped.then_some(seconds),
                ..v5::ConnectAck::default()
            };
            v5::Codec::new(0, 0).encode(v5::Packet::ConnectAck(Box::new(ack)), out)
        }
    };
}

/// What a client without a session is told; nothing if it speaks no MQTT or there is no code for it.
pub(crate) fn refuse(rejection: Rejection, out: &mut BytesMut) {
    let _ = match rejection.version {
        None => return,
        #[expect(clippy::wildcard_enum_match_arm, reason = "version 3.1.1 has no words for anything else")]
        Some(Version::V3) => {
            let return_code = match rejection.reason {
                Reason::Version => v3::ConnectAckReason::UnacceptableProtocolVersion,
                Reason::ClientId => v3::ConnectAckReason::IdentifierRejected,
                Reason::Stopping => v3::ConnectAckReason::ServiceUnavailable,
                _ => return,
            };
            let ack = v3::ConnectAck { return_code, session_present: false };
            v3::Codec::new(0).encode(v3::Packet::ConnectAck(ack), out)
        }
        Some(Version::V5) => {
            let Some(reason_code) = rejection.reason.connack_code() else { return };
            let reason_string = Some(ByteString::from_static(rejection.reason.sentence()));
            let ack = v5::ConnectAck { reason_code, reason_string, ..v5::ConnectAck::default() };
            v5::Codec::new(0, 0).encode(v5::Packet::ConnectAck(Box::new(ack)), out)
        }
    };
}
