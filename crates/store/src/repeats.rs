//! The repeat window: which accepted publishes a client may be sending again. Ingest asks it; a store keeps it over restarts.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::Timestamp;

use crate::RepeatMark;

/// Accepted publishes remembered of each client. Beyond it the client's oldest is forgotten.
pub const REPEATS_PER_CLIENT_MAX: usize = 128;
/// How long they are remembered, counted back from the newest of all.
pub const REPEATS_WINDOW_MS: i64 = 3_600_000;
/// Accepted publishes remembered in all. Beyond it the oldest tenth is forgotten: a client that sends again so late is
/// counted as new.
pub const REPEATS_MAX: usize = 200_000;

#[derive(Clone, Copy, Debug)]
struct Mark {
    ordinal: u64,
    hash: u64,
    accepted: Timestamp,
    packet_id: u16,
}

/// Accepted publishes by client. A repeat is recognised by packet id and hash; whether it is marked as one is the caller's
/// to check, since the id alone suppresses nothing (MQTT 4.3.2-5).
#[derive(Clone, Debug, Default)]
pub struct RepeatWindow {
    clients: HashMap<Arc<str>, VecDeque<Mark>>,
    total: usize,
    next_ordinal: u64,
    newest: Option<Timestamp>,
}

impl RepeatWindow {
    /// The window of these marks, oldest first.
    #[must_use]
    pub fn resume(marks: &[RepeatMark]) -> Self {
        let mut window = Self::default();
        for mark in marks {
            window.accept(mark);
        }
        window
    }

    /// Whether this client's publish was accepted within the hour before `now`.
    #[must_use]
    pub fn holds(&self, client: &str, packet_id: u16, hash: u64, now: Timestamp) -> bool {
        let same = |mark: &Mark| {
            let age = now.millis() - mark.accepted.millis();
            mark.packet_id == packet_id && mark.hash == hash && age < REPEATS_WINDOW_MS
        };
        self.clients.get(client).is_some_and(|marks| marks.iter().any(same))
    }

    /// Remembers an accepted publish.
    pub fn accept(&mut self, mark: &RepeatMark) {
        self.newest = self.newest.max(Some(mark.accepted));
        let marks = self.clients.entry(Arc::clone(&mark.client)).or_default();
        if marks.len() == REPEATS_PER_CLIENT_MAX {
            marks.pop_front();
            self.total -= 1;
        }
        marks.push_back(Mark {
            ordinal: self.next_ordinal,
            hash: mark.hash,
            accepted: mark.accepted,
            packet_id: mark.packet_id,
        });
        self.next_ordinal += 1;
        self.total += 1;
        if self.total > REPEATS_MAX {
            self.prune();
        }
    }

    /// Oldest first.
    pub(crate) fn marks(&self) -> Vec<RepeatMark> {
        let mut marks: Vec<(u64, RepeatMark)> = self
            .clients
            .iter()
            .flat_map(|(client, marks)| marks.iter().map(move |mark| (client, mark)))
            .filter(|(_, mark)| self.is_recent(mark))
            .map(|(client, mark)| {
                let &Mark { ordinal, hash, accepted, packet_id } = mark;
                (ordinal, RepeatMark { client: Arc::clone(client), packet_id, hash, accepted })
            })
            .collect();
        marks.sort_unstable_by_key(|(ordinal, _)| *ordinal);
        marks.into_iter().map(|(_, mark)| mark).collect()
    }

    fn is_recent(&self, mark: &Mark) -> bool {
        self.newest.is_some_and(|newest| newest.millis() - mark.accepted.millis() < REPEATS_WINDOW_MS)
    }

    fn prune(&mut self) {
        let mut ordinals: Vec<u64> =
            self.clients.values().flatten().filter(|mark| self.is_recent(mark)).map(|mark| mark.ordinal).collect();
        ordinals.sort_unstable();
        let spare = ordinals.len().saturating_sub(REPEATS_MAX - REPEATS_MAX / 10);
        let oldest = ordinals.get(spare).copied().unwrap_or(u64::MAX);
        let newest = self.newest;
        self.clients.retain(|_, marks| {
            marks.retain(|mark| {
                let age = newest.map_or(0, |newest| newest.millis() - mark.accepted.millis());
                mark.ordinal >= oldest && age < REPEATS_WINDOW_MS
            });
            !marks.is_empty()
        });
        self.total = self.clients.values().map(VecDeque::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(client: &str, packet_id: u16, accepted: i64) -> RepeatMark {
        RepeatMark { client: client.into(), packet_id, hash: 1, accepted: Timestamp::saturating(accepted) }
    }

    #[test]
    fn only_equal_id_and_content_of_the_same_client_within_the_hour_is_a_repeat() {
        let window = RepeatWindow::resume(&[mark("c", 7, 0)]);
        let holds = |client, id, hash, now| window.holds(client, id, hash, Timestamp::saturating(now));
        assert!(holds("c", 7, 1, 1));
        assert!(!holds("c", 7, 2, 1), "other content");
        assert!(!holds("c", 8, 1, 1), "other id");
        assert!(!holds("d", 7, 1, 1), "other client");
        assert!(!holds("c", 7, 1, REPEATS_WINDOW_MS), "an hour later");
    }

    #[test]
    fn the_window_is_the_last_128_of_each_client_and_one_hour() {
        let mut window = RepeatWindow::default();
        window.accept(&mark("old", 9, 0));
        for id in 0..130 {
            window.accept(&mark("a", id, REPEATS_WINDOW_MS));
        }
        let marks = window.marks();
        assert_eq!(marks.len(), 128);
        assert_eq!(marks[0], mark("a", 2, REPEATS_WINDOW_MS));
        assert_eq!(marks[127], mark("a", 129, REPEATS_WINDOW_MS));
    }

    #[test]
    fn beyond_the_limit_the_oldest_of_all_are_forgotten() {
        let mut window = RepeatWindow::default();
        let clients = u16::try_from(REPEATS_MAX / 100).unwrap() + 1;
        for client in 0..clients {
            for id in 0..100 {
                window.accept(&mark(&client.to_string(), id, 0));
            }
        }
        assert!(window.total <= REPEATS_MAX);
        let marks = window.marks();
        assert_eq!(marks.last(), Some(&mark(&(clients - 1).to_string(), 99, 0)));
        assert_ne!(marks.first(), Some(&mark("0", 0, 0)));
    }
}
