//! What cannot be seen from outside soon enough: limits that are far away.

use decode::{AnnouncedDevice, Announcement};
use store::MemoryStore;
use tokio::time::Instant;

use super::*;
use crate::bindings::Bound;
use crate::identity::Identity;

async fn nothing_yet(limits: Limits) -> Announcements {
    read(&MemoryStore::default(), limits, Duration::ZERO).await.unwrap()
}

fn says(announcements: &Announcements, client: &str, subject: &str, device: &str, name: &str) -> Option<u64> {
    let about = AnnouncedDevice { device: device.into(), name: Some(name.into()), ..AnnouncedDevice::default() };
    let announcement = Announcement { devices: vec![about], ..Announcement::withdrawing(subject) };
    let existing = Existing { identity: &Identity::default(), bound: &Bound::default(), of_client: None };
    announcements.accept(announcement, &client.into(), Duration::ZERO, false, &existing)
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
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
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
