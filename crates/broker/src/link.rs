//! What others may touch of a connection: outcomes come in from ingest, copies from publishers, an end from a
//! take-over or from the broker's stop. The connection's own task reads and writes.
//!
//! Invariants: every call returns at once; PUBACKs leave in the order of the publishes; a publish is in the window from
//! `admit` until its PUBACK is handed to the writer (QoS 0: until its outcome), and its bytes until its outcome.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use model::{RejectReason, Timestamp};
use parking_lot::Mutex;
use rmqtt_codec::v5::{PublishAck, PublishAckReason};
use rmqtt_codec::{v3, v5};
use source::{Outcome, SessionView, Settle};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::codec::Encoder;

use crate::counters::{Tally, count, count_many};
use crate::greeting::Greeting;
use crate::limits::Limits;
use crate::message::{Message, Version};
use crate::reason::Reason;

/// What a queued copy costs beside its bytes.
const COPY_BYTES: usize = 64;
/// Most bytes gathered for one write.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// What all connections share.
pub(crate) struct Shared {
    pub limits: Limits,
    pub tally: Tally,
    /// Told when bytes of `inflight_total_bytes_max` came free.
    pub room: Notify,
}

impl Shared {
    /// Counts bytes into the window of all connections, if there is room. A message alone always has room.
    fn hold(&self, bytes: usize) -> bool {
        let (bytes, bytes_max) = (bytes as u64, self.limits.inflight_total_bytes_max as u64);
        let more = |held: u64| (held == 0 || held + bytes <= bytes_max).then_some(held + bytes);
        self.tally.in_flight_bytes.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    /// What one connection may have queued while all together have too much.
    fn copies_share(&self) -> usize {
        let connections = usize::try_from(self.tally.connections.load(Relaxed)).unwrap_or(usize::MAX).max(1);
        self.limits.outbound_bytes_max.min(self.limits.outbound_total_bytes_max / connections)
    }

    fn release(&self, bytes: usize) {
        self.tally.in_flight.fetch_sub(1, Relaxed);
        let before = self.tally.in_flight_bytes.fetch_sub(bytes as u64, Relaxed);
        // Nobody waits while a packet of any size still finds room.
        if before + self.limits.packet_bytes_max as u64 + 1024 >= self.limits.inflight_total_bytes_max as u64 {
            self.room.notify_waiters();
        }
    }
}

/// One connection, as the others see it.
pub(crate) struct Link {
    pub number: u64,
    pub client: Arc<str>,
    pub version: Version,
    /// Largest packet the client takes.
    pub packet_bytes_max: usize,
    from: Origin,
    has_will: bool,
    keep_alive_capped: bool,
    usage: Usage,
    shared: Arc<Shared>,
    state: Mutex<State>,
    /// Published by whoever takes it first: the connection at its end, or the one that takes it over.
    will: Mutex<Option<Box<Message>>>,
    /// Wakes the writer: there is something to write.
    writer: Notify,
    /// Wakes the reader: there is room in the window.
    reader: Notify,
    /// Wakes whoever waits for the end.
    closer: Notify,
    born: Instant,
    heard_ms: AtomicU64,
    paused: AtomicBool,
}

/// Where a connection is from, and since when it is there.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub address: IpAddr,
    pub since: Timestamp,
    /// The client brought no identifier.
    pub id_assigned: bool,
}

/// What came over a connection.
#[derive(Default)]
struct Usage {
    qos0: AtomicU64,
    qos1: AtomicU64,
    retained: AtomicU64,
    largest_bytes: AtomicU64,
}

#[derive(Default)]
struct State {
    window: VecDeque<Pending>,
    /// Token of the first in the window.
    first: u64,
    /// Publishes at QoS 1 in the window.
    qos1: usize,
    /// Bytes in the window without an outcome.
    bytes: usize,
    /// Answers to what the client asked, before everything else.
    answers: BytesMut,
    /// Copies of messages for the client, with their bytes.
    copies: VecDeque<Bytes>,
    copies_bytes: usize,
    ending: Option<Reason>,
    reader_waits: bool,
}

struct Pending {
    /// None at QoS 0.
    id: Option<NonZeroU16>,
    bytes: usize,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Waiting,
    Acknowledge(PublishAckReason),
    Unknown,
}

/// Whether a publish may be taken in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Yes, under this token.
    Token(u64),
    /// Not before there is room in its own window: wait with `Link::room`.
    Full,
    /// Not before all connections together hold less: wait with `Shared::room`.
    Crowded,
    /// No: the client was told not to send it.
    Beyond,
}

impl Link {
    pub(crate) fn new(shared: Arc<Shared>, number: u64, client: Arc<str>, greeting: Greeting, from: Origin) -> Self {
        Self {
            from,
            has_will: greeting.will.is_some(),
            keep_alive_capped: greeting.keep_alive_capped,
            usage: Usage::default(),
            number,
            client,
            version: greeting.version,
            packet_bytes_max: greeting.packet_bytes_max,
            shared,
            state: Mutex::default(),
            will: Mutex::new(greeting.will.map(Box::new)),
            writer: Notify::new(),
            reader: Notify::new(),
            closer: Notify::new(),
            born: Instant::now(),
            heard_ms: AtomicU64::new(0),
            paused: AtomicBool::new(false),
        }
    }

    /// A publish of so many bytes came.
    pub(crate) fn used(&self, qos1: bool, retain: bool, bytes: usize) {
        count(if qos1 { &self.usage.qos1 } else { &self.usage.qos0 });
        if retain {
            count(&self.usage.retained);
        }
        let bytes = bytes as u64;
        // Only the connection's own reader comes here, so nothing can be lost between the two.
        if bytes > self.usage.largest_bytes.load(Relaxed) {
            self.usage.largest_bytes.store(bytes, Relaxed);
        }
    }

    /// What can be said about how the client uses MQTT.
    pub(crate) fn view(&self) -> SessionView {
        SessionView {
            address: self.from.address,
            since: self.from.since,
            has_will: self.has_will,
            keep_alive_capped: self.keep_alive_capped,
            id_assigned: self.from.id_assigned,
            qos0: self.usage.qos0.load(Relaxed),
            qos1: self.usage.qos1.load(Relaxed),
            retained: self.usage.retained.load(Relaxed),
            largest_bytes: self.usage.largest_bytes.load(Relaxed),
        }
    }

    /// Asks for a place in the window.
    pub(crate) fn admit(&self, id: Option<NonZeroU16>, bytes: usize) -> Admission {
        let limits = &self.shared.limits;
        let receive_maximum = usize::from(limits.receive_maximum);
        let mut state = self.state.lock();
        let places = match self.version {
            Version::V3 => receive_maximum,
            // Publishes at QoS 0 do not count against Receive Maximum, but they are bounded as well.
            Version::V5 => 2 * receive_maximum,
        };
        if self.version == Version::V5 && id.is_some() && state.qos1 >= receive_maximum {
            return Admission::Beyond;
        }
        let heavy = state.bytes > 0 && state.bytes + bytes > limits.inflight_bytes_max;
        if state.window.len() >= places || heavy {
            state.reader_waits = true;
            return Admission::Full;
        }
        if !self.shared.hold(bytes) {
            return Admission::Crowded;
        }
        state.bytes += bytes;
        state.qos1 += usize::from(id.is_some());
        state.window.push_back(Pending { id, bytes, fate: Fate::Waiting });
        count(&self.shared.tally.in_flight);
        Admission::Token(state.first + state.window.len() as u64 - 1)
    }

    /// Waits until `admit` may answer differently.
    pub(crate) async fn room(&self) {
        self.reader.notified().await;
    }

    /// Takes back what was admitted last and was not handed over.
    pub(crate) fn withdraw(&self, token: u64) {
        self.decide(token, Fate::Unknown);
    }

    fn decide(&self, token: u64, fate: Fate) {
        let mut state = self.state.lock();
        let Some(index) = token.checked_sub(state.first).and_then(|index| usize::try_from(index).ok()) else {
            return;
        };
        let Some(pending) = state.window.get_mut(index).filter(|pending| pending.fate == Fate::Waiting) else {
            return;
        };
        pending.fate = fate;
        let bytes = pending.bytes;
        state.bytes -= bytes;
        while state.window.front().is_some_and(|front| front.id.is_none() && front.fate != Fate::Waiting) {
            state.window.pop_front();
            state.first += 1;
        }
        let to_write = match state.window.front() {
            Some(front) => front.fate != Fate::Waiting,
            // Only who says goodbye waits for this.
            None => state.ending.is_some(),
        };
        let to_read = std::mem::take(&mut state.reader_waits);
        drop(state);
        self.shared.release(bytes);
        if to_write {
            self.writer.notify_one();
        }
        if to_read {
            self.reader.notify_one();
        }
    }

    /// Queues an answer to the client. An error if it does not read its answers.
    pub(crate) fn answer(&self, write: impl FnOnce(&mut BytesMut)) -> Result<(), Reason> {
        let mut state = self.state.lock();
        write(&mut state.answers);
        let queued = state.answers.len();
        drop(state);
        self.writer.notify_one();
        if queued > self.shared.limits.answers_bytes_max { Err(Reason::NotReading) } else { Ok(()) }
    }

    /// Queues a copy of a message. If the client does not read, the oldest copies are dropped.
    pub(crate) fn push(&self, copy: Bytes) {
        let Shared { limits, tally, .. } = &*self.shared;
        if copy.len() > self.packet_bytes_max || copy.len() + COPY_BYTES > limits.outbound_bytes_max {
            count(&tally.dropped);
            return;
        }
        let mut state = self.state.lock();
        if state.ending.is_some() {
            return;
        }
        let weight = copy.len() + COPY_BYTES;
        let queued = tally.queued_bytes.fetch_add(weight as u64, Relaxed) + weight as u64;
        state.copies_bytes += weight;
        state.copies.push_back(copy);
        let crowded = queued > limits.outbound_total_bytes_max as u64;
        let bytes_max = if crowded { self.shared.copies_share() } else { limits.outbound_bytes_max };
        while state.copies_bytes > bytes_max && self.pop_copy(&mut state).is_some() {
            count(&tally.dropped);
        }
        drop(state);
        count(&tally.fanned_out);
        self.writer.notify_one();
    }

    fn pop_copy(&self, state: &mut State) -> Option<Bytes> {
        let copy = state.copies.pop_front()?;
        let weight = copy.len() + COPY_BYTES;
        state.copies_bytes -= weight;
        self.shared.tally.queued_bytes.fetch_sub(weight as u64, Relaxed);
        Some(copy)
    }

    /// Whether copies can be queued without dropping older ones. If not, wait with `room` and ask again.
    pub(crate) fn has_space(&self) -> bool {
        let mut state = self.state.lock();
        let space = state.copies_bytes <= self.shared.limits.outbound_bytes_max / 2;
        state.reader_waits |= !space;
        space
    }

    /// Moves what is to be written into `out`: answers, acknowledgements in order, copies. An error is the end of the
    /// connection: the next publish in order can never be acknowledged.
    pub(crate) fn gather(&self, out: &mut BytesMut) -> Result<(), Reason> {
        let mut state = self.state.lock();
        // Takes the allocation over where it can; a quiet connection keeps none.
        out.unsplit(std::mem::take(&mut state.answers));
        out.reserve(64);
        let unknown = self.gather_acks(&mut state, out);
        while out.len() < WRITE_BYTES_MAX {
            let Some(copy) = self.pop_copy(&mut state) else { break };
            out.extend_from_slice(&copy);
        }
        if state.copies.is_empty() && state.copies.capacity() > 0 {
            state.copies = VecDeque::new();
        }
        let to_read = std::mem::take(&mut state.reader_waits);
        drop(state);
        if to_read {
            self.reader.notify_one();
        }
        if unknown { Err(Reason::NotStored) } else { Ok(()) }
    }

    /// Whether an unknown outcome is next.
    fn gather_acks(&self, state: &mut State, out: &mut BytesMut) -> bool {
        let mut acks = 0;
        let mut unknown = false;
        while let Some(front) = state.window.front() {
            match (front.fate, front.id) {
                (Fate::Waiting, _) => break,
                (Fate::Unknown, Some(_)) => {
                    unknown = true;
                    break;
                }
                (Fate::Acknowledge(reason), Some(id)) => {
                    self.write_ack(id, reason, out);
                    state.qos1 -= 1;
                    acks += 1;
                }
                (Fate::Acknowledge(_) | Fate::Unknown, None) => {}
            }
            state.window.pop_front();
            state.first += 1;
        }
        if state.window.is_empty() && state.window.capacity() > 64 {
            state.window = VecDeque::new();
        }
        count_many(&self.shared.tally.acks, acks);
        unknown
    }

    fn write_ack(&self, packet_id: NonZeroU16, reason_code: PublishAckReason, out: &mut BytesMut) {
        // Encoding four or six bytes without a size limit cannot fail.
        let _ = match self.version {
            Version::V3 => v3::Codec::new(0).encode(v3::Packet::PublishAck { packet_id }, out),
            Version::V5 => {
                let ack = PublishAck { packet_id, reason_code, properties: Vec::new(), reason_string: None };
                v5::Codec::new(0, 0).encode(v5::Packet::PublishAck(ack), out)
            }
        };
    }

    /// Waits for something to gather.
    pub(crate) async fn to_write(&self) {
        self.writer.notified().await;
    }

    /// Whether no publish waits for its outcome or acknowledgement.
    pub(crate) fn is_settled(&self) -> bool {
        self.state.lock().window.is_empty()
    }

    /// Ends the connection from outside. The first reason stays; answers it.
    pub(crate) fn end(&self, reason: Reason) -> Reason {
        let reason = *self.state.lock().ending.get_or_insert(reason);
        self.closer.notify_one();
        reason
    }

    /// The will, once.
    pub(crate) fn take_will(&self) -> Option<Message> {
        self.will.lock().take().map(|will| *will)
    }

    /// Waits for `end`.
    pub(crate) async fn ended(&self) -> Reason {
        loop {
            if let Some(reason) = self.state.lock().ending {
                return reason;
            }
            self.closer.notified().await;
        }
    }

    /// No more copies are queued from here on.
    pub(crate) fn close(&self, reason: Reason) {
        let mut state = self.state.lock();
        state.ending.get_or_insert(reason);
        while self.pop_copy(&mut state).is_some() {}
        state.copies = VecDeque::new();
    }

    /// Something came from the client.
    pub(crate) fn heard(&self) {
        let age = self.born.elapsed().as_millis();
        self.heard_ms.store(u64::try_from(age).unwrap_or(u64::MAX), Relaxed);
    }

    /// Says that the client is not read for now, so that its silence means nothing.
    pub(crate) fn pause(&self, paused: bool) {
        self.paused.store(paused, Relaxed);
    }

    /// Waits until nothing came for `limit`, not counting times when nobody read.
    pub(crate) async fn silent_for(&self, limit: Duration) {
        loop {
            let heard = Duration::from_millis(self.heard_ms.load(Relaxed));
            tokio::time::sleep_until(self.born + heard + limit).await;
            if self.paused.load(Relaxed) {
                self.heard();
            } else if Duration::from_millis(self.heard_ms.load(Relaxed)) == heard {
                return;
            }
        }
    }
}

impl Settle for Link {
    fn settle(&self, token: u64, outcome: Outcome) {
        let fate = match outcome {
            Outcome::NOT_KEPT => Fate::Acknowledge(PublishAckReason::QuotaExceeded),
            Outcome::Stored { .. } | Outcome::NoReading { .. } | Outcome::Unread | Outcome::Duplicate => {
                Fate::Acknowledge(PublishAckReason::Success)
            }
            Outcome::Rejected(RejectReason::Cardinality | RejectReason::Limit) => {
                Fate::Acknowledge(PublishAckReason::QuotaExceeded)
            }
            Outcome::Rejected(RejectReason::Precision | RejectReason::Time) => {
                Fate::Acknowledge(PublishAckReason::PayloadFormatInvalid)
            }
            Outcome::Rejected(RejectReason::Name | RejectReason::Ignored | RejectReason::RetainedStale) => {
                Fate::Acknowledge(PublishAckReason::ImplementationSpecificError)
            }
            Outcome::Unknown => {
                count(&self.shared.tally.unknown);
                Fate::Unknown
            }
        };
        self.decide(token, fate);
    }
}
