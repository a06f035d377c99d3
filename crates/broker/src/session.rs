//! What a connected client says: publishes go to subscribers and to ingest, subscriptions to the router.
//!
//! It ends with a reason and writes nothing itself; answers go through the link.

use std::collections::HashSet;
use std::num::{NonZeroU16, NonZeroU32};
use std::pin::pin;
use std::sync::Arc;

use bytes::BytesMut;
use bytestring::ByteString;
use model::{Topic, TopicFilter};
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v5::{
    PublishProperties, RetainHandling, SubscribeAck, SubscribeAckReason, SubscriptionOptions, UnsubscribeAck,
    UnsubscribeAckReason,
};
use rmqtt_codec::{v3, v5};
use source::{Inbound, Repeat, Reply};
use tokio::io::AsyncRead;
use tokio_util::codec::Encoder;

use crate::broker::Broker;
use crate::counters::{count, count_many};
use crate::link::{Admission, Link};
use crate::message::{Message, Version};
use crate::packet::{self, Input, Packet, Subscribe, Unsubscribe};
use crate::reason::Reason;
use crate::router::{Asked, NoRoom};

/// What a publish in flight costs beside topic and payload.
const ENTRY_BYTES: usize = 64;

/// The reading side of one connection.
pub(crate) struct Session {
    broker: Arc<Broker>,
    link: Arc<Link>,
    filters: HashSet<TopicFilter>,
    /// Topics by alias, from 1; empty until the first alias.
    aliases: Vec<Option<Topic>>,
    /// The last topic published to: devices repeat themselves.
    last_topic: Option<Topic>,
}

/// Gives the place in the window back if the hand-over does not happen.
struct Handover<'a> {
    link: &'a Link,
    token: u64,
    done: bool,
}

impl Drop for Handover<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.link.withdraw(self.token);
        }
    }
}

impl Session {
    pub(crate) fn new(broker: Arc<Broker>, link: Arc<Link>) -> Self {
        Self { broker, link, filters: HashSet::new(), aliases: Vec::new(), last_topic: None }
    }

    /// Reads and obeys until the connection is over.
    pub(crate) async fn run<R: AsyncRead + Unpin>(&mut self, input: &mut Input, reader: &mut R) -> Reason {
        let packet_bytes_max = self.broker.limits().packet_bytes_max;
        loop {
            loop {
                match packet::next(&mut input.bytes, self.link.version, packet_bytes_max) {
                    Ok(None) => break,
                    Err(reason) => return reason,
                    Ok(Some(Packet::Publish(publish))) => {
                        if let Err(reason) = self.publish(publish).await {
                            return reason;
                        }
                    }
                    Ok(Some(packet)) => {
                        // Boxed, as everything that is rare: an idle connection carries the room for what it may await.
                        if let Err(reason) = Box::pin(self.obey(packet)).await {
                            return reason;
                        }
                    }
                }
            }
            match input.fill(reader, usize::MAX).await {
                Ok(0) | Err(_) => return Reason::PeerClosed,
                Ok(read) => count_many(&self.broker.tally().bytes_in, read),
            }
            self.link.heard();
        }
    }

    async fn obey(&mut self, packet: Packet) -> Result<(), Reason> {
        match packet {
            Packet::Publish(_) => Ok(()),
            Packet::Subscribe(subscribe) => self.subscribe(subscribe).await,
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(&unsubscribe),
            Packet::Ping => self.link.answer(|out| out.extend_from_slice(&[0xd0, 0])),
            Packet::Disconnect { with_will: false } => Err(Reason::Disconnected),
            Packet::Disconnect { with_will: true } => Err(Reason::DisconnectedWithWill),
        }
    }

    async fn publish(&mut self, mut publish: Box<Publish>) -> Result<(), Reason> {
        let topic = self.vet(&mut publish)?;
        let bytes = topic.as_str().len() + publish.payload.len() + ENTRY_BYTES;
        let id = publish.packet_id;
        let first_try = self.link.admit(id, bytes);
        if first_try == Admission::Beyond {
            return Err(Reason::ReceiveMaximum);
        }
        let tally = self.broker.tally();
        count(if id.is_some() { &tally.publishes_qos1 } else { &tally.publishes_qos0 });
        self.link.used(id.is_some(), publish.retain, bytes - ENTRY_BYTES);
        let (payload, dup) = (publish.payload.clone(), publish.dup);
        let properties = publish.properties.filter(|properties| *properties != PublishProperties::default());
        let retain = publish.retain;
        let message = Message { topic, payload, retain, properties: properties.map(Arc::new) };
        self.broker.fan_out(&message, Some(self.link.number));
        let token = match first_try {
            Admission::Token(token) => token,
            Admission::Full | Admission::Crowded | Admission::Beyond => Box::pin(self.wait_for_room(id, bytes)).await?,
        };
        let mut handover = Handover { link: &self.link, token, done: false };
        let inbound = Inbound {
            source: self.broker.source().clone(),
            client: Arc::clone(&self.link.client),
            topic: message.topic,
            payload: message.payload,
            read: None,
            replayed: false,
            repeat: id.map(|id| Repeat { id: id.get(), marked: dup, part: 0 }),
            reply: Reply::new(Arc::clone(&self.link) as Arc<dyn source::Settle>, token),
        };
        self.link.pause(true);
        let delivered = self.broker.inlet().deliver(inbound).await;
        self.link.pause(false);
        delivered.map_err(|_| Reason::Stopped)?;
        handover.done = true;
        Ok(())
    }

    /// Waits for a place in the window. The client is not read meanwhile, so its silence means nothing.
    async fn wait_for_room(&self, id: Option<NonZeroU16>, bytes: usize) -> Result<u64, Reason> {
        self.link.pause(true);
        let token = loop {
            let mut room = pin!(self.broker.room().notified());
            // Before asking, so that no release in between is missed.
            room.as_mut().enable();
            match self.link.admit(id, bytes) {
                Admission::Token(token) => break token,
                Admission::Full => self.link.room().await,
                Admission::Crowded => room.await,
                Admission::Beyond => return Err(Reason::ReceiveMaximum),
            }
        };
        self.link.pause(false);
        Ok(token)
    }

    /// Everything a publish must be that the codec does not look at.
    fn vet(&mut self, publish: &mut Publish) -> Result<Topic, Reason> {
        let limits = self.broker.limits();
        if publish.payload.len() > limits.payload_bytes_max {
            return Err(Reason::PacketTooLarge);
        }
        let mut alias = None;
        if let Some(properties) = &mut publish.properties {
            if properties.user_properties.len() > limits.user_properties_max {
                return Err(Reason::UserProperties);
            }
            let response_bad = |topic: &ByteString| Topic::parse(topic).is_err();
            // A subscription identifier is the server's to send (3.3.4-6).
            if !properties.subscription_ids.is_empty() || properties.response_topic.as_ref().is_some_and(response_bad) {
                return Err(Reason::ProtocolError);
            }
            alias = properties.topic_alias.take();
        }
        match alias {
            None => self.topic(&publish.topic),
            Some(alias) => self.aliased(&publish.topic, alias),
        }
    }

    fn topic(&mut self, text: &ByteString) -> Result<Topic, Reason> {
        if let Some(last) = self.last_topic.as_ref().filter(|last| last.as_str() == &**text) {
            return Ok(last.clone());
        }
        // Topics of the broker itself are nobody else's to publish to.
        let topic = Topic::parse(text).map_err(|_| Reason::TopicInvalid)?;
        if topic.as_str().starts_with("$SYS/") {
            return Err(Reason::TopicInvalid);
        }
        self.last_topic = Some(topic.clone());
        Ok(topic)
    }

    fn aliased(&mut self, text: &ByteString, alias: NonZeroU16) -> Result<Topic, Reason> {
        if alias.get() > self.broker.limits().topic_aliases_max {
            return Err(Reason::TopicAlias);
        }
        let index = usize::from(alias.get()) - 1;
        if text.is_empty() {
            return self.aliases.get(index).cloned().flatten().ok_or(Reason::TopicAlias);
        }
        let topic = self.topic(text)?;
        if self.aliases.len() <= index {
            self.aliases.resize(index + 1, None);
        }
        if let Some(place) = self.aliases.get_mut(index) {
            *place = Some(topic.clone());
        }
        Ok(topic)
    }

    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), Reason> {
        if subscribe.user_properties > self.broker.limits().user_properties_max {
            return Err(Reason::UserProperties);
        }
        let mut codes = Vec::with_capacity(subscribe.filters.len());
        let mut wanted = Vec::new();
        for (text, options) in subscribe.filters {
            let code = match self.add(&text, options, subscribe.id) {
                Ok(retained) => {
                    wanted.extend(retained);
                    SubscribeAckReason::GrantedQos0
                }
                Err(code) => code,
            };
            codes.push(code);
        }
        let version = self.link.version;
        self.link.answer(|out| write_suback(version, subscribe.packet_id, codes, out))?;
        for filter in wanted {
            // Each may look through everything retained: others have their turn in between.
            tokio::task::yield_now().await;
            self.send_retained(&filter, subscribe.id).await;
        }
        Ok(())
    }

    /// Queues the retained messages a new subscription asks for, as fast as the client reads them. Its other packets
    /// wait meanwhile, its keep-alive does not.
    async fn send_retained(&self, filter: &TopicFilter, id: Option<NonZeroU32>) {
        let mut after = None;
        loop {
            after = self.broker.send_retained(&self.link, filter, id, after.as_ref());
            if after.is_none() {
                return;
            }
            while !self.link.has_space() {
                self.link.room().await;
            }
        }
    }

    /// Adds one filter; answers it again if retained messages are to be sent for it.
    fn add(
        &mut self,
        text: &str,
        options: SubscriptionOptions,
        id: Option<NonZeroU32>,
    ) -> Result<Option<TopicFilter>, SubscribeAckReason> {
        if text.starts_with("$share/") {
            return Err(SubscribeAckReason::SharedSubscriptionNotSupported);
        }
        let filter = TopicFilter::parse(text).map_err(|_| SubscribeAckReason::TopicFilterInvalid)?;
        let known = self.filters.contains(&filter);
        if !known && self.filters.len() >= self.broker.limits().subscriptions_max {
            return Err(SubscribeAckReason::QuotaExceeded);
        }
        let asked = Asked {
            link: Arc::clone(&self.link),
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            id,
        };
        self.broker.router().subscribe(&filter, asked).map_err(|NoRoom| SubscribeAckReason::QuotaExceeded)?;
        self.filters.insert(filter.clone());
        let retained = match options.retain_handling {
            RetainHandling::AtSubscribe => true,
            RetainHandling::AtSubscribeNew => !known,
            RetainHandling::NoAtSubscribe => false,
        };
        Ok(retained.then_some(filter))
    }

    fn unsubscribe(&mut self, unsubscribe: &Unsubscribe) -> Result<(), Reason> {
        if unsubscribe.user_properties > self.broker.limits().user_properties_max {
            return Err(Reason::UserProperties);
        }
        let mut codes = Vec::with_capacity(unsubscribe.filters.len());
        for text in &unsubscribe.filters {
            codes.push(match TopicFilter::parse(text) {
                Err(_) => UnsubscribeAckReason::TopicFilterInvalid,
                Ok(filter) if self.filters.remove(&filter) => {
                    self.broker.router().unsubscribe(&filter, self.link.number);
                    UnsubscribeAckReason::Success
                }
                Ok(_) => UnsubscribeAckReason::NoSubscriptionExisted,
            });
        }
        let (version, packet_id) = (self.link.version, unsubscribe.packet_id);
        self.link.answer(|out| {
            // Encoding without a size limit cannot fail.
            let _ = match version {
                Version::V3 => v3::Codec::new(0).encode(v3::Packet::UnsubscribeAck { packet_id }, out),
                Version::V5 => {
                    let ack = UnsubscribeAck { packet_id, properties: Vec::new(), reason_string: None, status: codes };
                    v5::Codec::new(0, 0).encode(v5::Packet::UnsubscribeAck(ack), out)
                }
            };
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for filter in &self.filters {
            self.broker.router().unsubscribe(filter, self.link.number);
        }
    }
}

fn write_suback(version: Version, packet_id: NonZeroU16, codes: Vec<SubscribeAckReason>, out: &mut BytesMut) {
    let _ = match version {
        Version::V3 => {
            let status = codes.into_iter().map(|code| match u8::from(code) {
                0 => v3::SubscribeReturnCode::Success(QoS::AtMostOnce),
                _ => v3::SubscribeReturnCode::Failure,
            });
            v3::Codec::new(0).encode(v3::Packet::SubscribeAck { packet_id, status: status.collect() }, out)
        }
        Version::V5 => {
            let ack = SubscribeAck { packet_id, properties: Vec::new(), reason_string: None, status: codes };
            v5::Codec::new(0, 0).encode(v5::Packet::SubscribeAck(ack), out)
        }
    };
}
