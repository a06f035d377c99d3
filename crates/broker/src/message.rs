//! A message on its way to subscribers: encoded once for each form they may want it in, then shared.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use model::Topic;
use rmqtt_codec::types::Publish;
use rmqtt_codec::v3;
use rmqtt_codec::v5::{self, PublishProperties, QoS};
use tokio_util::codec::Encoder;

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// 3.1 and 3.1.1.
    V3,
    /// 5.
    V5,
}

/// What is fanned out and retained.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub topic: Topic,
    pub payload: Bytes,
    pub retain: bool,
    /// What version 5 forwards unchanged. None if there is nothing to forward, so that retaining it costs nothing.
    pub properties: Option<Arc<PublishProperties>>,
}

impl Message {
    /// Bytes it is counted with.
    pub(crate) fn weight(&self) -> usize {
        let properties = self.properties.as_ref().map_or(0, |properties| {
            let user = properties.user_properties.iter().map(|(key, value)| key.len() + value.len() + 64);
            let texts = [&properties.content_type, &properties.response_topic];
            let texts = texts.into_iter().flatten().map(|text| text.len());
            user.sum::<usize>()
                + texts.sum::<usize>()
                + properties.correlation_data.as_ref().map_or(0, Bytes::len)
                + size_of::<PublishProperties>()
        });
        self.topic.as_str().len() + self.payload.len() + properties + 128
    }

    /// A copy that pins nothing but its own bytes, for keeping: a payload is otherwise a slice of what was read.
    pub(crate) fn detached(&self) -> Self {
        let properties = self.properties.as_ref().map(|properties| {
            let own = |text: &ByteString| ByteString::from(text.to_string());
            Arc::new(PublishProperties {
                topic_alias: None,
                correlation_data: properties.correlation_data.as_ref().map(|data| Bytes::copy_from_slice(data)),
                message_expiry_interval: properties.message_expiry_interval,
                content_type: properties.content_type.as_ref().map(own),
                user_properties: properties.user_properties.iter().map(|(key, value)| (own(key), own(value))).collect(),
                is_utf8_payload: properties.is_utf8_payload,
                response_topic: properties.response_topic.as_ref().map(own),
                subscription_ids: Vec::new(),
            })
        });
        Self {
            topic: self.topic.clone(),
            payload: Bytes::copy_from_slice(&self.payload),
            retain: self.retain,
            properties,
        }
    }

    /// The packet at QoS 0. None only if the protocol has no form for it, which a parsed topic rules out.
    pub(crate) fn encode(&self, version: Version, retain: bool, ids: &[NonZeroU32]) -> Option<Bytes> {
        let properties = match version {
            Version::V3 => None,
            Version::V5 => Some(PublishProperties {
                subscription_ids: ids.to_vec(),
                ..self.properties.as_deref().cloned().unwrap_or_default()
            }),
        };
        let publish = Box::new(Publish {
            dup: false,
            retain,
            qos: QoS::AtMostOnce,
            topic: ByteString::from(self.topic.as_str()),
            packet_id: None,
            payload: self.payload.clone(),
            properties,
        });
        let mut packet = BytesMut::new();
        let encoded = match version {
            Version::V3 => v3::Codec::new(0).encode(v3::Packet::Publish(publish), &mut packet),
            Version::V5 => v5::Codec::new(0, 0).encode(v5::Packet::Publish(publish), &mut packet),
        };
        encoded.ok().map(|()| packet.freeze())
    }
}

/// The forms of one message made so far, so that a thousand subscribers share one.
pub(crate) struct Forms<'a> {
    message: &'a Message,
    made: Vec<(Version, bool, Bytes)>,
}

impl<'a> Forms<'a> {
    pub(crate) fn of(message: &'a Message) -> Self {
        Self { message, made: Vec::new() }
    }

    /// The packet for one subscriber; only subscription identifiers make it one of its own.
    pub(crate) fn form(&mut self, version: Version, retain: bool, ids: &[NonZeroU32]) -> Option<Bytes> {
        if !ids.is_empty() {
            return self.message.encode(version, retain, ids);
        }
        let known = self.made.iter().find(|(made, flag, _)| (*made, *flag) == (version, retain));
        if let Some((_, _, packet)) = known {
            return Some(packet.clone());
        }
        let packet = self.message.encode(version, retain, &[])?;
        self.made.push((version, retain, packet.clone()));
        Some(packet)
    }
}
