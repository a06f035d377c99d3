//! MQTT clients of our own broker: which device speaks through which, and how its session is. Those are remembered
//! that are connected, that spoke last for a device, or that left just now.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::{DeviceId, Timestamp};
use source::Parting;

use crate::status::Session;

/// Take-overs within [`WITHIN_MS`] that make a conflict: a single one is a device that came back before it was missed.
const CONFLICT_TAKEOVERS: u32 = 3;
/// Connections within [`WITHIN_MS`], each after one that was lost, that make a flapping client: a board that starts anew every
/// few seconds, or the edge of a network. It is told and not held up, because a connection costs little.
const FLAPPING_RETURNS: u32 = 6;
const WITHIN_MS: i64 = 60_000;
/// So long a trouble counts as the same one after it was last seen.
const LASTS_MS: i64 = 10 * 60_000;
/// Clients remembered that are gone and for which no device has spoken: its message may still be on its way to the disk.
/// More: the oldest is forgotten.
const PARTED_MAX: usize = 1_024;

#[derive(Debug, Default)]
pub(crate) struct Clients {
    by_id: HashMap<Arc<str>, Client>,
    parted: VecDeque<Arc<str>>,
}

#[derive(Debug, Default)]
struct Client {
    /// Devices that spoke last through it.
    devices: u32,
    /// The last of them.
    device: Option<DeviceId>,
    session: Option<Held>,
    conflict: Spell,
    flapping: Spell,
}

/// What is no trouble once and is one if it happens often.
#[derive(Debug, Default)]
struct Spell {
    count: u32,
    since: Option<Timestamp>,
    seen: Option<Timestamp>,
}

/// What is wrong with the connections of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Two take its sessions from each other.
    Conflict,
    /// It is lost and comes back again and again.
    Flapping,
}

impl Spell {
    /// It happened once more. True where that makes a trouble that was not there before.
    fn happened(&mut self, enough: u32, now: Timestamp) -> bool {
        if self.since.is_none_or(|since| now.millis() - since.millis() > WITHIN_MS) {
            (self.count, self.since) = (0, Some(now));
        }
        self.count += 1;
        if self.count < enough {
            return false;
        }
        let fresh = !self.lasts(now);
        self.seen = Some(now);
        fresh
    }

    fn lasts(&self, now: Timestamp) -> bool {
        self.seen.is_some_and(|seen| now.millis() - seen.millis() <= LASTS_MS)
    }
}

#[derive(Clone, Copy, Debug)]
struct Held {
    number: u64,
    ended: Option<(Parting, Timestamp)>,
}

impl Clients {
    /// A device speaks through `client` from now on, and not through `before` any more.
    pub(crate) fn speaks(&mut self, device: DeviceId, client: &Arc<str>, before: Option<&Arc<str>>) {
        let entry = self.by_id.entry(Arc::clone(client)).or_default();
        entry.devices += 1;
        entry.device = Some(device);
        if let Some(before) = before {
            self.leaves(before);
        }
    }

    /// A device does not speak through it any more.
    pub(crate) fn leaves(&mut self, client: &Arc<str>) {
        if let Some(entry) = self.by_id.get_mut(client) {
            entry.devices = entry.devices.saturating_sub(1);
            self.forget_if_gone(client);
        }
    }

    fn forget_if_gone(&mut self, client: &Arc<str>) {
        let open = |held: &Held| held.ended.is_none();
        if self.by_id.get(client).is_some_and(|it| it.devices == 0 && !it.session.as_ref().is_some_and(open)) {
            self.by_id.remove(client);
        }
    }

    /// A session began. Tells a trouble when it begins, with the device that the client speaks for.
    pub(crate) fn came(
        &mut self,
        client: &Arc<str>,
        number: u64,
        now: Timestamp,
    ) -> Option<(Trouble, Option<DeviceId>)> {
        let entry = self.by_id.entry(Arc::clone(client)).or_default();
        let before = entry.session.map(|held| held.ended.map(|(parting, _)| parting));
        if entry.session.is_none_or(|held| held.number < number) {
            entry.session = Some(Held { number, ended: None });
        }
        let (trouble, fresh) = match before {
            Some(None) => (Trouble::Conflict, entry.conflict.happened(CONFLICT_TAKEOVERS, now)),
            Some(Some(Parting::Lost)) => (Trouble::Flapping, entry.flapping.happened(FLAPPING_RETURNS, now)),
            Some(Some(Parting::Goodbye | Parting::TakenOver | Parting::Stopped)) | None => return None,
        };
        fresh.then_some((trouble, entry.device))
    }

    /// A session ended.
    pub(crate) fn went(&mut self, client: &Arc<str>, number: u64, parting: Parting, now: Timestamp) {
        if let Some(held) = self.by_id.get_mut(client).and_then(|entry| entry.session.as_mut())
            && held.number == number
        {
            held.ended = Some((parting, now));
            self.parted.push_back(Arc::clone(client));
            if self.parted.len() > PARTED_MAX
                && let Some(oldest) = self.parted.pop_front()
            {
                self.forget_if_gone(&oldest);
            }
        }
    }

    /// Whether a client has a session that is open.
    pub(crate) fn is_connected(&self, client: &str) -> bool {
        self.by_id.get(client).and_then(|entry| entry.session).is_some_and(|held| held.ended.is_none())
    }

    /// The session of a device that speaks through that client, if it is the only one.
    pub(crate) fn session(&self, client: Option<&Arc<str>>) -> Session {
        let Some(entry) = client.and_then(|client| self.by_id.get(client)).filter(|entry| entry.devices == 1) else {
            return Session::Unknown;
        };
        match entry.session.map(|held| held.ended) {
            Some(None) => Session::Open,
            Some(Some((Parting::Goodbye, at))) => Session::Parted(at),
            Some(Some((Parting::Lost, at))) => Session::Lost(at),
            Some(Some((Parting::TakenOver | Parting::Stopped, _))) | None => Session::Unknown,
        }
    }

    /// What was wrong with its connections in the last minutes.
    pub(crate) fn troubles(&self, client: Option<&Arc<str>>, now: Timestamp) -> Vec<Trouble> {
        let Some(entry) = client.and_then(|client| self.by_id.get(client)) else { return Vec::new() };
        let both = [(Trouble::Conflict, &entry.conflict), (Trouble::Flapping, &entry.flapping)];
        both.into_iter().filter(|(_, spell)| spell.lasts(now)).map(|(trouble, _)| trouble).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::saturating(ms)
    }

    #[test]
    fn only_a_client_of_one_device_tells_how_the_device_is() {
        let mut clients = Clients::default();
        let board: Arc<str> = "board".into();
        clients.came(&board, 1, at(0));
        clients.speaks(DeviceId(1), &board, None);
        assert_eq!(clients.session(Some(&board)), Session::Open);
        clients.went(&board, 1, Parting::Goodbye, at(5));
        assert_eq!(clients.session(Some(&board)), Session::Parted(at(5)));
        clients.speaks(DeviceId(2), &board, None);
        assert_eq!(clients.session(Some(&board)), Session::Unknown);
    }

    #[test]
    fn the_end_of_an_earlier_session_says_nothing_about_the_later_one() {
        let mut clients = Clients::default();
        let board: Arc<str> = "board".into();
        clients.speaks(DeviceId(1), &board, None);
        clients.came(&board, 1, at(0));
        clients.came(&board, 2, at(1));
        clients.went(&board, 1, Parting::TakenOver, at(2));
        assert_eq!(clients.session(Some(&board)), Session::Open);
    }

    #[test]
    fn a_client_without_a_session_and_without_a_device_is_forgotten() {
        let mut clients = Clients::default();
        for number in 0..3 * PARTED_MAX as u64 {
            let client: Arc<str> = format!("auto-{number}").into();
            clients.came(&client, number, at(0));
            clients.went(&client, number, Parting::Lost, at(1));
        }
        assert!(clients.by_id.len() <= PARTED_MAX);
    }

    #[test]
    fn two_that_take_turns_are_a_conflict_told_once_and_one_that_comes_back_is_none() {
        let mut clients = Clients::default();
        let board: Arc<str> = "board".into();
        clients.speaks(DeviceId(1), &board, None);
        let told: Vec<_> = (0..8).map(|turn| clients.came(&board, turn, at(1_000 * turn as i64)).is_some()).collect();
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
        assert_eq!(clients.troubles(Some(&board), at(10_000)), [Trouble::Conflict]);
        assert!(clients.troubles(Some(&board), at(10_000_000)).is_empty());
        let mut clients = Clients::default();
        for turn in 0..8 {
            assert_eq!(clients.came(&board, turn, at(100_000 * turn as i64)), None);
        }
    }

    #[test]
    fn one_that_is_lost_every_few_seconds_flaps_and_one_that_sleeps_in_between_does_not() {
        let lives = |every: i64, parting| {
            let mut clients = Clients::default();
            let board: Arc<str> = "board".into();
            clients.speaks(DeviceId(1), &board, None);
            let told: Vec<_> = (0..400)
                .filter_map(|turn: u64| {
                    let now = every * turn as i64;
                    let told = clients.came(&board, turn, at(now));
                    clients.went(&board, turn, parting, at(now + 1_000));
                    told
                })
                .collect();
            (told, clients.troubles(Some(&board), at(every * 400)))
        };
        let once = vec![(Trouble::Flapping, Some(DeviceId(1)))];
        assert_eq!(lives(3_000, Parting::Lost), (once, vec![Trouble::Flapping]));
        assert_eq!(lives(3_000, Parting::Goodbye), (vec![], vec![]));
        assert_eq!(lives(30_000, Parting::Lost), (vec![], vec![]));
    }
}
