//! What cannot be seen from outside soon enough: limits that are far away.

use decode::{AnnouncedDevice, Announcement};
use store::MemoryStore;
use tokio::time::Instant;

use super::*;
use crate::bindings::Bound;
use crate::identity::Identity;

async fn nothing_yet(limits: Limits) -> Announcements {
    read(&MemoryStore::default(), limits, Node(0), Duration::ZERO).await.unwrap()
}

fn says(announcements: &Announcements, client: &str, subject: &str, device: &str, name: &str) -> Option<u64> {
    says_at(announcements, Duration::ZERO, client, subject, (device, name))
}

fn says_at(
    announcements: &Announcements,
    now: Duration,
    client: &str,
    subject: &str,
    (device, name): (&str, &str),
) -> Option<u64> {
    let about = AnnouncedDevice { device: device.into(), name: Some(name.into()), ..AnnouncedDevice::default() };
    let announcement = Announcement { devices: vec![about], ..Announcement::withdrawing(subject) };
    let existing = Existing { identity: &Identity::default(), bound: &Bound::default(), of_client: None };
    announcements.accept(announcement, &client.into(), now, false, &existing)
}

fn name(announcements: &Announcements, device: &str) -> Option<String> {
    announcements.of_device(device)?.name.clone()
}

#[tokio::test]
async fn what_does_not_fit_any_more_stays_as_it_was() {
    let announcements = nothing_yet(Limits { announced_bytes_max: 500, ..Limits::default() }).await;
    assert!(says(&announcements, "board", "a", "one", "short").is_some());
    says(&announcements, "board", "a", "one", &"long ".repeat(100));
    assert_eq!(name(&announcements, "one").as_deref(), Some("short"));
    says(&announcements, "board", "a", "one", "other");
    assert_eq!(name(&announcements, "one").as_deref(), Some("other"));

    // With no room for another one, the one that is there may still change.
    let announcements = nothing_yet(Limits { announced_of_client_max: 1, ..Limits::default() }).await;
    says(&announcements, "board", "a", "one", "short");
    says(&announcements, "board", "b", "two", "short");
    says(&announcements, "board", "a", "one", "other");
    assert_eq!((name(&announcements, "one").as_deref(), name(&announcements, "two")), (Some("other"), None));
}

#[tokio::test]
async fn thousands_of_announcements_of_one_device_take_no_time() {
    let announcements = nothing_yet(Limits::default()).await;
    let began = Instant::now();
    for n in 0..8_000 {
        says(&announcements, "board", &format!("a/{n}"), "one", &format!("name {n}"));
    }
    assert_eq!(name(&announcements, "one").as_deref(), Some("name 7999"));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn another_client_only_adds_what_nobody_tells() {
    let announcements = nothing_yet(Limits::default()).await;
    says(&announcements, "board", "a", "one", "first");
    says(&announcements, "board", "b", "two", "second");
    let before = announcements.version();
    says(&announcements, "rogue", "a", "one", "mine");
    says(&announcements, "rogue", "a", "two", "mine");
    assert_eq!(announcements.version(), before);
    assert!(says(&announcements, "gateway", "a", "three", "third").is_some());
    let names = || ["one", "two", "three"].map(|device| name(&announcements, device));
    assert_eq!(names(), ["first", "second", "third"].map(|name| Some(name.to_owned())));
    // It is the first one's still, who takes back all of it.
    says(&announcements, "board", "a", "one", "again");
    assert_eq!(names(), [Some("again".to_owned()), Some("second".to_owned()), None]);
}

#[tokio::test]
async fn an_announcement_is_free_long_after_its_client_was_last_there_and_not_before() {
    let announcements = nothing_yet(Limits::default()).await;
    let board = format!("{OF_BROKER}board");
    let released = |now| announcements.is_released("a", now, |_| false);
    // The server runs for days. The message is taken after its client has left, which nobody has noted therefore.
    let said = 3 * RELEASED_AFTER;
    says_at(&announcements, said, &board, "a", ("one", "first"));
    assert!(!released(said + Duration::from_secs(1)));
    // What another client adds makes it no freer.
    assert!(says_at(&announcements, said, "mqtt/gateway", "a", ("two", "second")).is_some());
    assert!(!released(said + Duration::from_secs(1)));
    announcements.left("board", said + Duration::from_secs(60));
    assert!(!released(said + RELEASED_AFTER));
    assert!(released(said + Duration::from_secs(60) + RELEASED_AFTER));
    assert!(!announcements.is_released("a", said + 2 * RELEASED_AFTER, |client| client == "board"), "it is there");
}

#[tokio::test]
async fn where_too_many_topics_wait_all_do() {
    let announcements = nothing_yet(Limits::default()).await;
    let topic = |text: &str| Topic::parse(text).unwrap();
    let mut state = announcements.state_mut();
    (0..=UNKEPT_MAX).for_each(|n| state.waits_for(&format!("t/{n}"), 1 + n as u64));
    assert_eq!(state.unkept.len(), UNKEPT_MAX);
    drop(state);
    announcements.waits.store(true, Ordering::Release);
    assert_eq!(announcements.unkept(&topic("elsewhere")), Some(1 + UNKEPT_MAX as u64));
}
