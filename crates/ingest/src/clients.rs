//! MQTT clients of our own broker: which device speaks through which, and how its session is. Those are remembered
//! that are connected, that spoke last for a device, or that left just now.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::{DeviceId, Timestamp};
use source::Parting;

use crate::status::Session;

/// Take-overs within [`CONFLICT_MS`] that make a conflict: a single one is a device that came back before it was missed.
const CONFLICT_TAKEOVERS: u32 = 3;
const CONFLICT_MS: i64 = 60_000;
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
    takeovers: u32,
    takeovers_since: Option<Timestamp>,
    conflict_at: Option<Timestamp>,
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

    /// A session began. Tells a conflict, with the device that the client speaks for: another one that will not give way.
    pub(crate) fn came(&mut self, client: &Arc<str>, number: u64, now: Timestamp) -> Option<Option<DeviceId>> {
        let entry = self.by_id.entry(Arc::clone(client)).or_default();
        let taken_over = entry.session.is_some_and(|held| held.ended.is_none());
        if entry.session.is_none_or(|held| held.number < number) {
            entry.session = Some(Held { number, ended: None });
        }
        if !taken_over {
            return None;
        }
        if entry.takeovers_since.is_none_or(|since| now.millis() - since.millis() > CONFLICT_MS) {
            (entry.takeovers, entry.takeovers_since) = (0, Some(now));
        }
        entry.takeovers += 1;
        let fresh = entry.takeovers == CONFLICT_TAKEOVERS;
        if entry.takeovers >= CONFLICT_TAKEOVERS {
            entry.conflict_at = Some(now);
        }
        fresh.then_some(entry.device)
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

    /// Whether two connections fought for the client id in the last minutes.
    pub(crate) fn in_conflict(&self, client: Option<&Arc<str>>, now: Timestamp) -> bool {
        let entry = client.and_then(|client| self.by_id.get(client));
        let at = entry.and_then(|entry| entry.conflict_at);
        at.is_some_and(|at| now.millis() - at.millis() <= 10 * CONFLICT_MS)
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
        assert!(clients.in_conflict(Some(&board), at(10_000)));
        let mut clients = Clients::default();
        for turn in 0..8 {
            assert_eq!(clients.came(&board, turn, at(100_000 * turn as i64)), None);
        }
    }
}
