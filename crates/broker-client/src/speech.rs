//! The two versions of MQTT, as far as somebody needs them who only listens: what we say, and what matters of a broker's words.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::{Bytes, BytesMut};
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::{types, v3, v5};
use source::{BrokerSettings, Protocol};
use tokio_util::codec::{Decoder, Encoder};

use crate::connection::{KEEP_ALIVE_S, PACKET_BYTES_MAX};
use crate::link::IN_FLIGHT_MAX;

/// The id of our SUBSCRIBE and UNSUBSCRIBE, of which there is one at a time.
const ID: NonZeroU16 = NonZeroU16::MIN;

/// What becomes of our session at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// It is taken up or made, and outlives the connection.
    Session,
    /// Whatever the broker holds for us is discarded.
    Nothing,
}

/// What a broker says.
pub enum Heard {
    /// It takes us.
    Accepted {
        /// It still had our session.
        present: bool,
        /// It gives us up after so many seconds of silence, whatever we said.
        keep_alive_s: Option<u16>,
    },
    Publish(Box<Publish>),
    /// A message that was longer than we take and has been skipped, with its id at QoS 1.
    TooLong(Option<NonZeroU16>),
    Subscribed,
    /// An answer that nobody waits for.
    Understood,
    /// Why it goes no further, as a sentence.
    Refused(String),
}

/// One version, with the state of its decoder.
pub enum Speech {
    V311(v3::Codec),
    V5(v5::Codec),
}

/// A packet of either version.
enum Said {
    V311(v3::Packet),
    V5(v5::Packet),
}

impl Speech {
    pub fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::V311 => Self::V311(v3::Codec::new(PACKET_BYTES_MAX)),
            Protocol::V5 => Self::V5(v5::Codec::new(PACKET_BYTES_MAX, 0)),
        }
    }

    pub fn connect(&mut self, settings: &BrokerSettings, keeping: Keeping, out: &mut BytesMut) -> Result<(), String> {
        let client_id = settings.client_id.clone().unwrap_or_default().into();
        let username = settings.username.clone().map(Into::into);
        let password = settings.password.clone().map(Bytes::from);
        let fresh = keeping == Keeping::Nothing;
        let said = match self {
            Self::V311(_) => Said::V311(v3::Packet::Connect(Box::new(v3::Connect {
                protocol: types::Protocol(4),
                clean_session: fresh,
                keep_alive: KEEP_ALIVE_S,
                client_id,
                username,
                password,
                ..v3::Connect::default()
            }))),
            // No aliases are offered, so a broker uses none.
            Self::V5(_) => Said::V5(v5::Packet::Connect(Box::new(v5::Connect {
                clean_start: fresh,
                session_expiry_interval_secs: if fresh { 0 } else { u32::MAX },
                receive_max: u16::try_from(IN_FLIGHT_MAX).ok().and_then(NonZeroU16::new),
                max_packet_size: NonZeroU32::new(PACKET_BYTES_MAX),
                keep_alive: KEEP_ALIVE_S,
                client_id,
                username,
                password,
                ..v5::Connect::default()
            }))),
        };
        self.say(said, out)
    }

    pub fn subscribe(
        &mut self,
        filters: impl Iterator<Item = String>,
        qos: QoS,
        out: &mut BytesMut,
    ) -> Result<(), String> {
        let said = match self {
            Self::V311(_) => {
                let topic_filters = filters.map(|filter| (filter.into(), qos)).collect();
                Said::V311(v3::Packet::Subscribe { packet_id: ID, topic_filters })
            }
            Self::V5(_) => {
                // Replayed once, where it is new to the broker; and marked as retained only when it is replayed.
                let options = v5::SubscriptionOptions {
                    qos,
                    no_local: false,
                    retain_as_published: false,
                    retain_handling: v5::RetainHandling::AtSubscribeNew,
                };
                let topic_filters = filters.map(|filter| (filter.into(), options)).collect();
                let user_properties = Vec::new();
                Said::V5(v5::Packet::Subscribe(v5::Subscribe {
                    packet_id: ID,
                    id: None,
                    user_properties,
                    topic_filters,
                }))
            }
        };
        self.say(said, out)
    }

    pub fn unsubscribe(&mut self, filters: impl Iterator<Item = String>, out: &mut BytesMut) -> Result<(), String> {
        let topic_filters = filters.map(Into::into).collect();
        let said = match self {
            Self::V311(_) => Said::V311(v3::Packet::Unsubscribe { packet_id: ID, topic_filters }),
            Self::V5(_) => {
                let user_properties = Vec::new();
                Said::V5(v5::Packet::Unsubscribe(v5::Unsubscribe { packet_id: ID, user_properties, topic_filters }))
            }
        };
        self.say(said, out)
    }

    pub fn acknowledge(&mut self, packet_id: NonZeroU16, out: &mut BytesMut) -> Result<(), String> {
        let said = match self {
            Self::V311(_) => Said::V311(v3::Packet::PublishAck { packet_id }),
            Self::V5(_) => Said::V5(v5::Packet::PublishAck(v5::PublishAck {
                packet_id,
                reason_code: v5::PublishAckReason::Success,
                properties: Vec::new(),
                reason_string: None,
            })),
        };
        self.say(said, out)
    }

    pub fn ping(&mut self, out: &mut BytesMut) -> Result<(), String> {
        let said = match self {
            Self::V311(_) => Said::V311(v3::Packet::PingRequest),
            Self::V5(_) => Said::V5(v5::Packet::PingRequest),
        };
        self.say(said, out)
    }

    pub fn goodbye(&mut self, out: &mut BytesMut) -> Result<(), String> {
        let said = match self {
            Self::V311(_) => Said::V311(v3::Packet::Disconnect),
            Self::V5(_) => {
                let reason = v5::DisconnectReasonCode::NormalDisconnection;
                Said::V5(v5::Packet::Disconnect(v5::Disconnect::new(reason)))
            }
        };
        self.say(said, out)
    }

    fn say(&mut self, said: Said, out: &mut BytesMut) -> Result<(), String> {
        let written = match (self, said) {
            (Self::V311(codec), Said::V311(packet)) => codec.encode(packet, out).map_err(|error| error.to_string()),
            (Self::V5(codec), Said::V5(packet)) => codec.encode(packet, out).map_err(|error| error.to_string()),
            (Self::V311(_), Said::V5(_)) | (Self::V5(_), Said::V311(_)) => Err("of another version".to_owned()),
        };
        written.map_err(|error| format!("A packet cannot be written: {error}."))
    }

    /// The next packet, if all of it is there.
    pub fn hear(&mut self, unread: &mut BytesMut) -> Result<Option<Heard>, String> {
        let decoded = match self {
            Self::V311(codec) => codec.decode(unread).map(|found| found.map(|(packet, _)| heard_311(packet))),
            Self::V5(codec) => codec.decode(unread).map(|found| found.map(|(packet, _)| heard_5(packet))),
        };
        decoded.map_err(|error| format!("The broker sent no legal MQTT: {error}."))
    }
}

fn none_of_a_broker() -> Heard {
    Heard::Refused("The broker sent a packet that is none of a broker.".to_owned())
}

fn heard_311(packet: v3::Packet) -> Heard {
    match packet {
        v3::Packet::ConnectAck(ack) => match ack.return_code {
            v3::ConnectAckReason::ConnectionAccepted => {
                Heard::Accepted { present: ack.session_present, keep_alive_s: None }
            }
            v3::ConnectAckReason::BadUserNameOrPassword => not_let_in("user name or password is wrong"),
            v3::ConnectAckReason::NotAuthorized => not_let_in("not authorised; user name or password may be wrong"),
            v3::ConnectAckReason::UnacceptableProtocolVersion
            | v3::ConnectAckReason::IdentifierRejected
            | v3::ConnectAckReason::ServiceUnavailable
            | v3::ConnectAckReason::Reserved => not_let_in(ack.return_code.reason()),
        },
        v3::Packet::Publish(publish) => Heard::Publish(publish),
        v3::Packet::SubscribeAck { status, .. } if status.contains(&v3::SubscribeReturnCode::Failure) => {
            Heard::Refused("The broker refused a filter; this user may not subscribe to it.".to_owned())
        }
        v3::Packet::SubscribeAck { .. } => Heard::Subscribed,
        v3::Packet::PingResponse | v3::Packet::UnsubscribeAck { .. } => Heard::Understood,
        v3::Packet::Connect(_)
        | v3::Packet::PublishAck { .. }
        | v3::Packet::PublishReceived { .. }
        | v3::Packet::PublishRelease { .. }
        | v3::Packet::PublishComplete { .. }
        | v3::Packet::Subscribe { .. }
        | v3::Packet::Unsubscribe { .. }
        | v3::Packet::PingRequest
        | v3::Packet::Disconnect => none_of_a_broker(),
    }
}

fn heard_5(packet: v5::Packet) -> Heard {
    match packet {
        v5::Packet::ConnectAck(ack) => accepted_5(&ack),
        v5::Packet::Publish(publish) => Heard::Publish(publish),
        v5::Packet::SubscribeAck(ack) => match ack.status.iter().find(|&&status| u8::from(status) >= 0x80) {
            Some(status) => Heard::Refused(format!("The broker refused a filter: {}.", words(&format!("{status:?}")))),
            None => Heard::Subscribed,
        },
        v5::Packet::Disconnect(gone) => {
            let why = words(&format!("{:?}", gone.reason_code));
            let hint = if gone.reason_code == v5::DisconnectReasonCode::SessionTakenOver {
                "; somebody else uses this client id"
            } else {
                ""
            };
            Heard::Refused(format!("The broker ended the connection: {why}{hint}."))
        }
        v5::Packet::PingResponse | v5::Packet::UnsubscribeAck(_) => Heard::Understood,
        v5::Packet::Auth(_) => {
            Heard::Refused("The broker asks for a way to sign in that is not spoken here.".to_owned())
        }
        v5::Packet::Connect(_)
        | v5::Packet::PublishAck(_)
        | v5::Packet::PublishReceived(_)
        | v5::Packet::PublishRelease(_)
        | v5::Packet::PublishComplete(_)
        | v5::Packet::Subscribe(_)
        | v5::Packet::Unsubscribe(_)
        | v5::Packet::PingRequest => none_of_a_broker(),
    }
}

fn accepted_5(ack: &v5::ConnectAck) -> Heard {
    let code = ack.reason_code;
    if code == v5::ConnectAckReason::Success {
        return Heard::Accepted { present: ack.session_present, keep_alive_s: ack.server_keepalive_sec };
    }
    if code == v5::ConnectAckReason::BadUserNameOrPassword {
        return not_let_in("user name or password is wrong");
    }
    if code == v5::ConnectAckReason::NotAuthorized {
        return not_let_in("not authorised; user name or password may be wrong");
    }
    not_let_in(&words(&format!("{code:?}")))
}

fn not_let_in(why: &str) -> Heard {
    Heard::Refused(format!("The broker refused the connection: {why}."))
}

/// `QuotaExceeded` as `quota exceeded`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(packet: &[u8]) -> String {
        match Speech::of(Protocol::V5).hear(&mut packet.into()).unwrap().unwrap() {
            Heard::Refused(sentence) => sentence,
            Heard::Accepted { .. } | Heard::Publish(_) | Heard::TooLong(_) | Heard::Subscribed | Heard::Understood => {
                panic!("it should have been a refusal")
            }
        }
    }

    #[test]
    fn reasons_of_mqtt_5_are_sentences() {
        let taken_over = "The broker ended the connection: session taken over; somebody else uses this client id.";
        assert_eq!(refused(b"\xe0\x02\x8e\x00"), taken_over);
        assert_eq!(refused(b"\xe0\x01\x8b"), "The broker ended the connection: server shutting down.");
        assert_eq!(refused(b"\x20\x03\x00\x97\x00"), "The broker refused the connection: quota exceeded.");
        let filter = "The broker refused a filter: shared subscription not supported.";
        assert_eq!(refused(b"\x90\x05\x00\x01\x00\x01\x9e"), filter);
        assert!(refused(b"\xf0\x02\x18\x00").contains("sign in"));
    }

    #[test]
    fn a_broker_may_want_to_hear_us_more_often() {
        let mut packet = BytesMut::from(&b"\x20\x06\x01\x00\x03\x13\x00\x0a"[..]);
        let heard = Speech::of(Protocol::V5).hear(&mut packet).unwrap();
        assert!(matches!(heard, Some(Heard::Accepted { present: true, keep_alive_s: Some(10) })));
    }
}
