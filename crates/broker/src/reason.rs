//! Why a connection was refused or ended: one word for the metrics, one code for the client, one sentence for people.

use rmqtt_codec::v5::{ConnectAckReason, DisconnectReasonCode};

/// Which of the books of the broker an ending belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// As the client or the network wanted it.
    Ordinary,
    /// Before a session existed.
    Refused,
    /// The client broke the protocol.
    Protocol,
    /// We ended it.
    Ours,
}

macro_rules! reasons {
    ($($name:ident, $class:ident, $word:literal, $code:literal, $sentence:literal;)+) => {
        /// Why a connection ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason {
            $(#[doc = $sentence] $name,)+
        }

        impl Reason {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Which book it is counted in.
            #[must_use]
            pub fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)+ }
            }

            /// The word in metrics and logs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// What happened, for people.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)+ }
            }

            /// The reason code of version 5.
            #[must_use]
            pub fn code(self) -> u8 {
                match self { $(Self::$name => $code,)+ }
            }
        }
    };
}

reasons! {
    Disconnected, Ordinary, "disconnected", 0x00, "The client said goodbye.";
    DisconnectedWithWill, Ordinary, "disconnected_with_will", 0x04, "The client said goodbye and asked for its will.";
    PeerClosed, Ordinary, "peer_closed", 0x80, "The connection was closed from the other side without a goodbye.";
    Silent, Refused, "silent", 0x80, "The connection was closed before anything was sent.";
    ConnectionsMax, Refused, "connections_max", 0x97, "There are too many connections.";
    ConnectionsPerIpMax, Refused, "connections_per_ip_max", 0x97, "There are too many connections from this address.";
    WaitingMax, Refused, "waiting_max", 0x97, "Too many connections have not sent their CONNECT.";
    ConnectTimeout, Refused, "connect_timeout", 0xa0, "No whole CONNECT came in time.";
    NotMqtt, Refused, "not_mqtt", 0x82, "The first packet is not a CONNECT.";
    ConnectTooLarge, Refused, "connect_too_large", 0x95, "The CONNECT is longer than is taken.";
    ConnectMalformed, Refused, "connect_malformed", 0x81, "The CONNECT cannot be read.";
    Version, Refused, "unsupported_version", 0x84, "The protocol version is neither 3.1.1 nor 5.";
    ClientId, Refused, "client_id", 0x85, "The client identifier is empty, too long or not plain text.";
    WillInvalid, Refused, "will_invalid", 0x90, "The will has a topic that cannot be published to, or is too large.";
    WillQos2, Refused, "will_qos2_unsupported", 0x9b, "The will asks for QoS 2, which is not supported.";
    Authentication, Refused, "authentication_method", 0x8c, "The CONNECT asks for an authentication method that is not supported.";
    OwnLink, Refused, "own_link", 0x87, "A link of this server to an external broker came to this server itself.";
    Stopping, Refused, "stopping", 0x88, "The broker is stopping.";
    Malformed, Protocol, "malformed", 0x81, "A packet cannot be read.";
    PacketTooLarge, Protocol, "packet_too_large", 0x95, "A packet is longer than is taken.";
    TopicInvalid, Protocol, "topic_invalid", 0x90, "A topic is empty, too long or too deep, or has wildcards or control characters.";
    TopicAlias, Protocol, "topic_alias", 0x94, "A topic alias is out of range or was never set.";
    SecondConnect, Protocol, "second_connect", 0x82, "A second CONNECT came.";
    Unexpected, Protocol, "unexpected_packet", 0x82, "A packet came that a client may not send, or not now.";
    ProtocolError, Protocol, "protocol_error", 0x82, "A packet breaks a rule of the protocol.";
    Qos2, Protocol, "qos2_unsupported", 0x9b, "A publish came at QoS 2, which is not supported.";
    ReceiveMaximum, Protocol, "receive_maximum", 0x93, "More publishes came without waiting for their acknowledgement than Receive Maximum allows.";
    UserProperties, Protocol, "user_properties", 0x97, "A packet has too many user properties.";
    KeepAlive, Ours, "keep_alive", 0x8d, "Nothing came for one and a half times the keep-alive.";
    TakenOver, Ours, "taken_over", 0x8e, "Another connection came with the same client identifier.";
    NotStored, Ours, "not_stored", 0x83, "It is not known whether a publish was stored, so it cannot be acknowledged.";
    NotReading, Ours, "not_reading", 0x97, "The client does not read the answers to what it asks.";
    Stopped, Ours, "stopped", 0x8b, "The broker stopped.";
}

impl Reason {
    /// What a connected client of version 5 is told.
    #[must_use]
    pub fn disconnect_code(self) -> DisconnectReasonCode {
        DisconnectReasonCode::try_from(self.code()).unwrap_or(DisconnectReasonCode::UnspecifiedError)
    }

    /// What a client of version 5 is told in place of a session; none where no such code exists.
    #[must_use]
    pub fn connack_code(self) -> Option<ConnectAckReason> {
        ConnectAckReason::try_from(self.code()).ok()
    }

    /// Whether people should see it one by one: not what is as it should be, and not every look at an open port.
    #[must_use]
    pub(crate) fn is_news(self) -> bool {
        self.class() != Class::Ordinary && !matches!(self, Self::Silent | Self::Stopped | Self::Stopping)
    }

    /// Whether the will of the session is published after this ending. Our own stop is not the death of a device.
    #[must_use]
    pub fn publishes_will(self) -> bool {
        !matches!(self, Self::Disconnected | Self::Stopped)
    }
}
