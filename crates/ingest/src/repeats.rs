//! The repeat window: which accepted publishes a client may be sending again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::Timestamp;
use source::{Inbound, Repeat};
use store::RepeatMark;
use twox_hash::XxHash3_64;

/// Accepted publishes remembered of each client.
const PER_CLIENT_MAX: usize = 128;
/// How long they are remembered.
const WINDOW_MS: i64 = 3_600_000;
/// Clients remembered. When there are more, those silent for an hour are forgotten, then all of them grow no further.
const CLIENTS_MAX: usize = 100_000;

/// Accepted publishes by client. A repeat is recognised by packet id and hash, and only when it is marked as one: the id
/// alone, or DUP alone, suppresses nothing (MQTT 4.3.2-5).
#[derive(Debug, Default)]
pub(crate) struct RepeatWindow {
    clients: HashMap<Arc<str>, VecDeque<Seen>>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    packet_id: u16,
    hash: u64,
    accepted: Timestamp,
}

/// The hash of a message's topic and payload; stable across versions, since it is kept in the log.
pub(crate) fn message_hash(inbound: &Inbound) -> u64 {
    let topic = XxHash3_64::oneshot(inbound.topic.as_str().as_bytes());
    XxHash3_64::oneshot_with_seed(topic, &inbound.payload)
}

impl RepeatWindow {
    /// The window as the log remembers it, oldest first.
    pub(crate) fn resume(marks: Vec<RepeatMark>) -> Self {
        let mut window = Self::default();
        for mark in &marks {
            window.accept(mark);
        }
        window
    }

    /// Whether a message marked as a repeat was accepted before.
    pub(crate) fn holds(&self, client: &str, repeat: Repeat, hash: u64, now: Timestamp) -> bool {
        repeat.marked
            && self.clients.get(client).is_some_and(|seen| {
                seen.iter().any(|seen| {
                    seen.packet_id == repeat.id
                        && seen.hash == hash
                        && now.millis() - seen.accepted.millis() < WINDOW_MS
                })
            })
    }

    /// Remembers an accepted publish.
    pub(crate) fn accept(&mut self, mark: &RepeatMark) {
        if self.clients.len() >= CLIENTS_MAX && !self.clients.contains_key(&mark.client) {
            let oldest = mark.accepted.plus(-WINDOW_MS);
            self.clients.retain(|_, seen| seen.back().is_some_and(|last| last.accepted > oldest));
            if self.clients.len() >= CLIENTS_MAX {
                return;
            }
        }
        let seen = self.clients.entry(Arc::clone(&mark.client)).or_default();
        if seen.len() == PER_CLIENT_MAX {
            seen.pop_front();
        }
        seen.push_back(Seen { packet_id: mark.packet_id, hash: mark.hash, accepted: mark.accepted });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(packet_id: u16, hash: u64, accepted_ms: i64) -> RepeatMark {
        RepeatMark { client: "c".into(), packet_id, hash, accepted: Timestamp::saturating(accepted_ms) }
    }

    fn holds(window: &RepeatWindow, id: u16, hash: u64, marked: bool, now: i64) -> bool {
        window.holds("c", Repeat { id, marked }, hash, Timestamp::saturating(now))
    }

    #[test]
    fn only_a_marked_message_with_equal_id_and_content_is_a_repeat() {
        let window = RepeatWindow::resume(vec![mark(7, 99, 0)]);
        assert!(holds(&window, 7, 99, true, 1));
        assert!(!holds(&window, 7, 99, false, 1), "not marked");
        assert!(!holds(&window, 7, 98, true, 1), "other content");
        assert!(!holds(&window, 8, 99, true, 1), "other id");
        assert!(!holds(&window, 7, 99, true, WINDOW_MS), "an hour later");
    }

    #[test]
    fn the_window_is_the_last_128() {
        let mut window = RepeatWindow::default();
        for id in 0..=128 {
            window.accept(&mark(id, 1, 0));
        }
        assert!(!holds(&window, 0, 1, true, 1));
        assert!(holds(&window, 1, 1, true, 1));
    }
}
