//! What devices announced about themselves and others: kept by the topic of the announcement, found by the topic of the values.
//!
//! An announcement holds from the message behind it on, and is acknowledged once its document is durable ([`keep`]). So are the
//! messages behind it on the topics that it speaks of, so that nothing acknowledged was read with an announcement that a crash
//! could take back. Nobody else waits for it. Where the database takes nothing, it holds all the same, that is told in health,
//! and it is written as soon as there is room.
//!
//! Whose word counts, in this order: rules and bindings of people; names that readings have already; announcements, the first
//! one first. See [`names`] for what an announcement may do.

mod elsewhere;
mod index;
mod keep;
mod names;
mod page;
mod presence;
mod subject;
mod taking;
#[cfg(test)]
mod tests;
mod withdrawn;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use decode::{AnnouncedMetric, Announcement};
use model::Topic;
use store::Node;
use tokio::sync::watch;

use crate::Limits;
use crate::ids::next_number;
use index::{Index, Shown};
pub(crate) use keep::{KIND, keep, read};
use names::Existing;
use page::Pages;
pub(crate) use presence::Told;
use subject::{Judged, Subject};
use withdrawn::Withdrawn;

pub use index::{DeviceTold, MetricTold};

/// In front of a client of our own broker in the name of an owner.
const OF_BROKER: &str = "mqtt/";

/// See the module.
pub(crate) struct Announcements {
    state: RwLock<State>,
    /// Grows whenever something else holds.
    version: AtomicU64,
    /// Some topic has a change that is not kept yet; spares every message a look.
    waits: AtomicBool,
    /// The newest change that is to be kept.
    asked: watch::Sender<u64>,
    /// How far keeping came.
    tried: watch::Sender<Tried>,
}

/// The newest change that keeping was tried for, and whether everything up to it is durable.
#[derive(Clone, Copy, Debug)]
struct Tried {
    change: u64,
    durable: bool,
}

struct State {
    limits: Limits,
    subjects: HashMap<Arc<str>, Arc<Subject>>,
    /// Subjects of each sender.
    of_owner: HashMap<Arc<str>, usize>,
    /// What all subjects weigh in their documents.
    bytes: usize,
    index: Index,
    pages: Pages,
    /// Given to each change of a subject. Servers that share the store give numbers of classes of their own, each behind all that it
    /// knows.
    serial: u64,
    node: Node,
    /// When clients that announced something did so last or were seen to leave, by the monotonic clock: the other one may jump.
    /// All others may have left at the start.
    left: HashMap<Arc<str>, Duration>,
    started: Duration,
    /// Somebody was told that no more is kept.
    told_full: bool,
    /// Topics of values of which the newest change is not kept yet, with that change.
    unkept: HashMap<String, u64>,
    /// The newest change of topics that found no room there: messages of all topics wait for it.
    unkept_of_all: Option<u64>,
    /// The last word of each topic that tells whether devices are there; known since the start.
    present: HashMap<String, bool>,
    withdrawn: Withdrawn,
}

/// So long after its announcer has left, an announcement may become another client's: as long as a device may sleep.
const RELEASED_AFTER: Duration = Duration::from_secs(25 * 60 * 60);
/// Most topics that are remembered one by one while the catalogue takes nothing. More: all topics wait.
const UNKEPT_MAX: usize = 65_536;
/// Most metrics and devices of an announcement to which another client may still add. Full: the addition changes nothing.
const ADDED_TO_MAX: usize = 4_096;

impl Announcements {
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// As long as it stays the same, so does what [`Announcements::of`] answers.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What was announced of a topic.
    pub(crate) fn of(&self, topic: &Topic) -> Option<Arc<[AnnouncedMetric]>> {
        self.state().index.of_topic(topic.as_str())
    }

    /// What was announced of a device.
    pub(crate) fn of_device(&self, device: &str) -> Option<Shown> {
        self.state().index.of_device(device)
    }

    /// The one device under whose announced key come the values that would be `usual`'s.
    fn stands_for(&self, usual: &str) -> Option<String> {
        self.state().index.stands_for(usual)
    }

    fn is_subject(&self, topic: &str) -> bool {
        self.state().subjects.contains_key(topic)
    }

    /// Whether what was announced on a topic may become another client's: its own is not connected and has left long ago.
    fn is_released(&self, topic: &str, now: Duration, connected: impl Fn(&str) -> bool) -> bool {
        let Some(owner) = self.state().subjects.get(topic).map(|subject| Arc::clone(&subject.owner)) else {
            return false;
        };
        if !self.state().pages.holds(topic) {
            // The server that keeps it knows whether its client is there.
            return false;
        }
        // Only of clients of our own broker it is known whether they are there.
        let away = owner.strip_prefix(OF_BROKER).is_some_and(|client| !connected(client));
        let state = self.state();
        let since = state.left.get(&owner).copied().unwrap_or(state.started);
        away && now.saturating_sub(since) >= RELEASED_AFTER
    }

    /// A client of our own broker is gone.
    pub(crate) fn left(&self, client: &str, now: Duration) {
        let owner = format!("{OF_BROKER}{client}");
        let mut state = self.state_mut();
        if let Some((owner, _)) = state.of_owner.get_key_value(owner.as_str()) {
            let owner = Arc::clone(owner);
            state.left.insert(owner, now);
        }
    }

    /// Takes an announcement; it holds when this returns. Answers the change to [wait for](Announcements::kept) before it is
    /// acknowledged, if there is any.
    fn accept(
        &self,
        mut announcement: Announcement,
        owner: &Arc<str>,
        now: Duration,
        released: bool,
        existing: &Existing<'_>,
    ) -> Option<u64> {
        subject::tidy(&mut announcement);
        let mut state = self.state_mut();
        let mut before = state.subjects.get(announcement.subject.as_str()).map(Arc::clone);
        let owned = before.as_ref().map(|before| Arc::clone(&before.owner));
        state.was_there(owner, now);
        let same = before.as_ref().map_or(announcement.withdraws(), |before| before.says(&announcement));
        if same {
            return self.not_kept_yet();
        }
        let key = announcement.subject.clone();
        before = before.map(|before| if released { state.hand_over(before, owner) } else { before });
        if !state.replace(announcement, before.clone(), owner, existing) {
            return self.not_kept_yet();
        }
        state.was_there(owner, now);
        state.forget_gone(owned.as_ref());
        let change = *self.asked.borrow() + 1;
        let after = state.subjects.get(key.as_str()).map(Arc::clone);
        for topic in before.iter().chain(&after).flat_map(|subject| subject.by_topic.keys()) {
            state.waits_for(topic, change);
        }
        self.waits.store(true, Ordering::Release);
        drop(state);
        self.version.fetch_add(1, Ordering::AcqRel);
        self.asked.send_replace(change);
        Some(change)
    }

    /// The change to wait for where something was said before and said again. What could not be kept is tried again.
    fn not_kept_yet(&self) -> Option<u64> {
        let (asked, tried) = (*self.asked.borrow(), *self.tried.borrow());
        if tried.change < asked {
            return Some(asked);
        }
        if tried.durable {
            return None;
        }
        self.asked.send_replace(asked + 1);
        Some(asked + 1)
    }

    /// The change behind which messages of a topic are answered.
    pub(crate) fn unkept(&self, topic: &Topic) -> Option<u64> {
        if !self.waits.load(Ordering::Acquire) {
            return None;
        }
        let state = self.state();
        state.unkept.get(topic.as_str()).copied().max(state.unkept_of_all)
    }

    /// Waits until it was tried to keep that change, and tells whether it is durable.
    pub(crate) async fn kept(&self, change: u64) -> bool {
        let mut tried = self.tried.subscribe();
        tried.wait_for(|tried| tried.change >= change).await.is_ok_and(|tried| tried.durable)
    }

    /// Whether the last ones could not be kept.
    pub(crate) fn not_kept(&self) -> bool {
        !self.tried.borrow().durable
    }
}

impl State {
    fn next_serial(&mut self) {
        self.serial = next_number(self.serial, self.node);
    }

    /// A client announces. It need not be connected any more: it may have left before its message is taken.
    fn was_there(&mut self, owner: &Arc<str>, now: Duration) {
        if self.of_owner.contains_key(owner) {
            self.left.insert(Arc::clone(owner), now);
        }
    }

    /// Messages of a topic are answered behind that change.
    fn waits_for(&mut self, topic: &str, change: u64) {
        if self.unkept.len() < UNKEPT_MAX || self.unkept.contains_key(topic) {
            self.unkept.insert(topic.to_owned(), change);
        } else {
            self.unkept_of_all = Some(change);
        }
    }

    /// Of a client of which nothing is announced any more nothing is known.
    fn forget_gone(&mut self, owner: Option<&Arc<str>>) {
        if let Some(owner) = owner.filter(|owner| !self.of_owner.contains_key(*owner)) {
            self.left.remove(owner);
        }
    }

    /// Makes an announcement another client's.
    fn hand_over(&mut self, before: Arc<Subject>, owner: &Arc<str>) -> Arc<Subject> {
        if before.owner == *owner {
            return before;
        }
        tracing::info!(subject = %before.key, from = %before.owner, to = %owner, "an announcement became another client's");
        self.next_serial();
        let new = before.of(Arc::clone(owner), self.serial);
        self.take_out(&before);
        let parts = new.parts();
        let bytes = parts.iter().map(String::len).sum();
        self.pages.put(&before.key, parts);
        self.put_in(new, bytes)
    }

    /// Whether it changed anything.
    fn replace(
        &mut self,
        announcement: Announcement,
        before: Option<Arc<Subject>>,
        owner: &Arc<str>,
        existing: &Existing<'_>,
    ) -> bool {
        self.next_serial();
        let key: Arc<str> = announcement.subject.as_str().into();
        let new = match before.as_ref().filter(|before| before.owner != *owner) {
            Some(before) => self.with_added(before, announcement, owner, existing),
            None => Some(self.of_owner_itself(&key, announcement, before.as_ref(), owner, existing)),
        };
        let Some(new) = new else { return false };
        if new.says_nothing() {
            if let Some(before) = &before {
                self.take_out(before);
                let gone = before.taken_back(self.serial);
                self.remember(gone);
            }
            self.pages.remove(&key);
            return true;
        }
        let parts = new.parts();
        let bytes = parts.iter().map(String::len).sum();
        if !self.has_room(&new.owner, before.as_deref(), bytes) {
            return false;
        }
        if let Some(before) = &before {
            self.take_out(before);
        }
        self.pages.put(&key, parts);
        self.put_in(new, bytes);
        true
    }

    /// What a client says for the first time, or in the place of what it said before.
    fn of_owner_itself(
        &mut self,
        key: &Arc<str>,
        announcement: Announcement,
        before: Option<&Arc<Subject>>,
        owner: &Arc<str>,
        existing: &Existing<'_>,
    ) -> Subject {
        let since = before.map_or(self.serial, |before| before.since);
        let again = self.withdrawn.take(key, owner);
        if let Some(again) = &again {
            self.pages.remove(&again.page_key());
        }
        let again = again.filter(|_| before.is_none());
        let judge = |said: AnnouncedMetric| {
            // Who spoke of a value meanwhile came first.
            let again = again.as_ref().filter(|_| self.index.first_of(&said.topic, &said.pick).is_none());
            names::judge(said, before.map(Arc::as_ref).or(again), owner, &self.index, existing)
        };
        let judged = announcement.metrics.into_iter().map(judge).collect();
        Subject::new(Arc::clone(key), Arc::clone(owner), since, self.serial, judged, announcement.devices)
    }

    /// What another client may add to an announcement, if there is anything.
    fn with_added(
        &self,
        before: &Arc<Subject>,
        announcement: Announcement,
        other: &Arc<str>,
        existing: &Existing<'_>,
    ) -> Option<Subject> {
        if !before.contested.swap(true, Ordering::Relaxed) {
            tracing::warn!(subject = %before.key, owner = %before.owner, %other, "only its announcer can change or withdraw an announcement");
        }
        let news = |device: &str| !self.index.tells_of(device);
        let said = announcement.metrics.into_iter();
        let said = said.filter(|said| before.at_place(said).is_none() && news(&said.device));
        let judged = said.map(|said| names::judge(said, None, other, &self.index, existing));
        let mut metrics: Vec<Judged> = judged.filter(|judged| news(judged.names().0)).collect();
        let mut devices = announcement.devices;
        devices.retain(|about| news(&about.device));
        let (had, added) = (before.metrics.len() + before.devices.len(), metrics.len() + devices.len());
        if added == 0 || had + added > ADDED_TO_MAX {
            return None;
        }
        metrics.splice(0..0, before.metrics.iter().cloned());
        devices.splice(0..0, before.devices.iter().cloned());
        let (key, owner) = (Arc::clone(&before.key), Arc::clone(&before.owner));
        Some(Subject::new(key, owner, before.since, self.serial, metrics, devices))
    }

    /// Whether a subject of so many bytes may be kept in the place of `before`, which stays if not.
    fn has_room(&mut self, owner: &Arc<str>, before: Option<&Subject>, bytes: usize) -> bool {
        let own = self.of_owner.get(owner).copied().unwrap_or_default();
        let another =
            self.subjects.len() < self.limits.announced_subjects_max && own < self.limits.announced_of_client_max;
        let others = self.bytes - before.map_or(0, |before| before.bytes);
        // What gets smaller always fits.
        let fits = others + bytes <= self.limits.announced_bytes_max || before.is_some_and(|it| bytes <= it.bytes);
        let room = (before.is_some() || another) && fits;
        if !room && !self.told_full {
            self.told_full = true;
            tracing::warn!(%owner, subjects = self.subjects.len(), bytes = self.bytes, "no more announcements are kept");
        }
        room
    }

    /// Remembers what was withdrawn.
    fn remember(&mut self, mut gone: Subject) {
        let parts = gone.parts();
        gone.bytes = parts.iter().map(String::len).sum();
        self.pages.put(&gone.page_key(), parts);
        for forgotten in self.withdrawn.remember(gone) {
            self.pages.remove(&forgotten.page_key());
        }
    }

    fn put_in(&mut self, mut subject: Subject, bytes: usize) -> Arc<Subject> {
        subject.bytes = bytes;
        self.bytes += bytes;
        *self.of_owner.entry(Arc::clone(&subject.owner)).or_default() += 1;
        let subject = Arc::new(subject);
        self.index.put_in(&subject);
        self.subjects.insert(Arc::clone(&subject.key), Arc::clone(&subject));
        subject
    }

    fn take_out(&mut self, subject: &Arc<Subject>) {
        self.bytes -= subject.bytes;
        if let Some(count) = self.of_owner.get_mut(&subject.owner) {
            *count -= 1;
            if *count == 0 {
                self.of_owner.remove(&subject.owner);
            }
        }
        self.index.take_out(subject);
        self.subjects.remove(&subject.key);
    }
}
