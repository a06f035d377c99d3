//! What the broker counts. Plain atomics: nobody waits for a counter.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::reason::{Class, Reason};

/// A snapshot of everything counted since the broker was made, for `/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sessions at this moment.
    pub connections: u64,
    /// Connections accepted so far, sessions or not.
    pub connections_total: u64,
    /// Accepting failed, mostly for want of file descriptors.
    pub accept_errors: u64,
    /// Ended as the client or the network wanted it, by reason.
    pub ended: Vec<(&'static str, u64)>,
    /// Refused before a session existed, by reason.
    pub refused: Vec<(&'static str, u64)>,
    /// Closed because the client broke the protocol, by reason.
    pub protocol_errors: Vec<(&'static str, u64)>,
    /// Closed by us, by reason.
    pub closed: Vec<(&'static str, u64)>,
    /// Publishes taken in at QoS 0.
    pub publishes_qos0: u64,
    /// Publishes taken in at QoS 1.
    pub publishes_qos1: u64,
    /// Publishes without an outcome yet.
    pub in_flight: u64,
    /// Bytes of those.
    pub in_flight_bytes: u64,
    /// PUBACKs handed to connections.
    pub acks: u64,
    /// Outcomes that were unknown and therefore not acknowledged.
    pub unknown: u64,
    /// Copies queued for subscribers.
    pub fanned_out: u64,
    /// Bytes of copies that wait for their subscribers.
    pub queued_bytes: u64,
    /// Copies dropped because a subscriber does not read, or takes no packets of that size.
    pub dropped: u64,
    /// Subscriptions at this moment.
    pub subscriptions: u64,
    /// Retained messages at this moment.
    pub retained: u64,
    /// Bytes of those.
    pub retained_bytes: u64,
    /// Messages that were to be retained and did not fit.
    pub retained_refused: u64,
    /// Wills published.
    pub wills: u64,
    /// Bytes read from all connections.
    pub bytes_in: u64,
    /// Bytes written to all connections.
    pub bytes_out: u64,
}

/// The running numbers behind [`Counters`].
#[derive(Default)]
pub(crate) struct Tally {
    pub connections: AtomicU64,
    pub connections_total: AtomicU64,
    pub accept_errors: AtomicU64,
    pub publishes_qos0: AtomicU64,
    pub publishes_qos1: AtomicU64,
    pub in_flight: AtomicU64,
    pub in_flight_bytes: AtomicU64,
    pub acks: AtomicU64,
    pub unknown: AtomicU64,
    pub fanned_out: AtomicU64,
    pub queued_bytes: AtomicU64,
    pub dropped: AtomicU64,
    pub retained_refused: AtomicU64,
    pub wills: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    endings: Endings,
}

/// One number for each reason.
struct Endings([AtomicU64; Reason::ALL.len()]);

impl Default for Endings {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; Reason::ALL.len()])
    }
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Adds any number of things.
pub(crate) fn count_many(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Relaxed);
}

impl Tally {
    /// Counts one connection under the reason it ended for.
    pub(crate) fn ended(&self, reason: Reason) {
        if let Some(counter) = self.endings.0.get(reason as usize) {
            count(counter);
        }
    }

    fn endings(&self, class: Class) -> Vec<(&'static str, u64)> {
        let of_class = Reason::ALL.iter().zip(&self.endings.0).filter(|(reason, _)| reason.class() == class);
        of_class.map(|(reason, counter)| (reason.as_str(), counter.load(Relaxed))).collect()
    }

    /// Everything but what other parts keep themselves (subscriptions, retained).
    pub(crate) fn snapshot(&self) -> Counters {
        Counters {
            connections: self.connections.load(Relaxed),
            connections_total: self.connections_total.load(Relaxed),
            accept_errors: self.accept_errors.load(Relaxed),
            ended: self.endings(Class::Ordinary),
            refused: self.endings(Class::Refused),
            protocol_errors: self.endings(Class::Protocol),
            closed: self.endings(Class::Ours),
            publishes_qos0: self.publishes_qos0.load(Relaxed),
            publishes_qos1: self.publishes_qos1.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            in_flight_bytes: self.in_flight_bytes.load(Relaxed),
            acks: self.acks.load(Relaxed),
            unknown: self.unknown.load(Relaxed),
            fanned_out: self.fanned_out.load(Relaxed),
            queued_bytes: self.queued_bytes.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            subscriptions: 0,
            retained: 0,
            retained_bytes: 0,
            retained_refused: self.retained_refused.load(Relaxed),
            wills: self.wills.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
        }
    }
}
