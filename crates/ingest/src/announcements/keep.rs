//! Announcements written to the catalogue, away from the messages, and read at start.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use store::{Catalog, CatalogError, Document, Expected, Node, Version};
use tokio::sync::watch;
use tokio::time::Instant;

use super::page::{Pages, Writing};
use super::subject::{Part, Subject};
use super::{Announcements, State, Tried};
use crate::Limits;
use crate::documents::every;

/// The kind of the documents; their id is the number of the page, behind the node where several servers share the store.
pub(crate) const KIND: &str = "announced";

/// Pages that are written together. More go into the next transaction.
const TOGETHER_MAX: usize = 64;
/// So long after it failed it is tried again, though nothing is announced.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Writes every change; ends when nobody changes anything any more. What is announced while it writes is written together, the
/// newest of each subject; between two rounds it rests as long as the last one took, so that the log gets its share of the disk.
/// What fails is tried again, after a while and with the next change.
pub(crate) async fn keep(announcements: Arc<Announcements>, catalog: Arc<dyn Catalog>) {
    let mut asked = announcements.asked.subscribe();
    loop {
        let change = *asked.borrow_and_update();
        let before = *announcements.tried.borrow();
        if change > before.change || !before.durable {
            let began = Instant::now();
            let durable = write_all(&announcements, catalog.as_ref()).await;
            announcements.was_tried(Tried { change, durable });
            tokio::time::sleep(began.elapsed().min(AGAIN_AFTER)).await;
        }
        let again = announcements.not_kept();
        tokio::select! {
            changed = asked.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(AGAIN_AFTER), if again => {}
        }
    }
}

impl Announcements {
    fn was_tried(&self, tried: Tried) {
        if tried.durable {
            let mut state = self.state_mut();
            state.unkept.retain(|_, change| *change > tried.change);
            state.unkept_of_all = state.unkept_of_all.filter(|change| *change > tried.change);
            let waits = !state.unkept.is_empty() || state.unkept_of_all.is_some();
            self.waits.store(waits, Ordering::Release);
        }
        self.tried.send_replace(tried);
    }
}

/// Writes what has changed by now.
async fn write_all(announcements: &Announcements, catalog: &dyn Catalog) -> bool {
    let changed = announcements.state_mut().pages.take_changed();
    let node = announcements.state().node;
    let mut durable = true;
    for together in changed.chunks(TOGETHER_MAX) {
        let written = match durable {
            true => write(together, node, catalog).await,
            // What is in front of a page that was not written stays as well.
            false => Err(None),
        };
        if let Err(Some(error)) = &written {
            tracing::error!(%error, "announcements could not be kept");
        }
        durable &= written.is_ok();
        let mut state = announcements.state_mut();
        let versions = written.map_or_else(|_| vec![Err(()); together.len()], |it| it.into_iter().map(Ok).collect());
        for (page, version) in together.iter().zip(versions) {
            state.pages.written(page.number, version);
        }
    }
    durable
}

async fn write(
    pages: &[Writing],
    node: Node,
    catalog: &dyn Catalog,
) -> Result<Vec<Option<Version>>, Option<CatalogError>> {
    let write = |page: &Writing| store::Write {
        id: format!("{}{:08}", prefix(node), page.number),
        expected: page.version.map_or(Expected::Absent, Expected::Version),
        body: page.body.clone(),
    };
    catalog.put_all(KIND, pages.iter().map(write).collect()).await.map_err(Some)
}

/// A page as it was found: its id, version and parts.
pub(super) type Found = (String, Version, Vec<Part>);

/// Every page of all servers.
pub(super) async fn find(catalog: &dyn Catalog) -> Result<Vec<Found>, CatalogError> {
    let pages = every(catalog, KIND).await?.into_iter();
    Ok(pages.map(|page| (parts_of(&page), page)).map(|(parts, it)| (it.id, it.version, parts)).collect())
}

/// In front of the number of a page.
fn prefix(Node(node): Node) -> String {
    if node == 0 { String::new() } else { format!("{node:03}-") }
}

/// The number of a page, if it is the node's.
pub(super) fn number_of(id: &str, node: Node) -> Option<u32> {
    id.strip_prefix(&prefix(node))?.parse().ok()
}

/// Everything that was kept.
pub(crate) async fn read(
    catalog: &dyn Catalog,
    limits: Limits,
    node: Node,
    started: Duration,
) -> Result<Announcements, CatalogError> {
    let found = find(catalog).await?;
    let (there, gone) = what_holds(&found);
    let mut state = State {
        limits,
        subjects: HashMap::new(),
        of_owner: HashMap::new(),
        bytes: 0,
        index: super::Index::default(),
        pages: Pages::default(),
        serial: 0,
        node,
        left: HashMap::new(),
        started,
        told_full: false,
        unkept: HashMap::new(),
        unkept_of_all: None,
        present: HashMap::new(),
        withdrawn: super::Withdrawn::default(),
    };
    for subject in there {
        state.serial = state.serial.max(subject.serial);
        let bytes = subject.parts().iter().map(String::len).sum();
        state.put_in(subject, bytes);
    }
    for mut subject in gone {
        state.serial = state.serial.max(subject.serial);
        subject.bytes = subject.parts().iter().map(String::len).sum();
        state.withdrawn.remember(subject);
    }
    for (id, version, parts) in &found {
        let Some(number) = number_of(id, node) else { continue };
        let held: Vec<_> = parts.iter().filter(|part| state.holds(part)).collect();
        let held =
            held.into_iter().filter_map(|part| Some((part.page_key().into(), serde_json::to_string(part).ok()?)));
        let held: Vec<_> = held.collect();
        let changed = held.len() < parts.len();
        state.pages.found(number, *version, held, changed);
    }
    Ok(Announcements {
        state: RwLock::new(state),
        version: AtomicU64::new(1),
        waits: AtomicBool::new(false),
        asked: watch::Sender::new(0),
        tried: watch::Sender::new(Tried { change: 0, durable: true }),
    })
}

/// The parts of a page, one by one, so that one that cannot be read takes no others along. The page itself is known with its
/// version whatever is in it, since it is written again.
fn parts_of(page: &Document) -> Vec<Part> {
    let parts: Vec<serde_json::Value> = serde_json::from_str(&page.body).unwrap_or_else(|error| {
        tracing::error!(id = ?page.id, %error, "a page of announcements cannot be read and is left out");
        Vec::new()
    });
    let read = |part| {
        let part = serde_json::from_value(part);
        part.inspect_err(
            |error| tracing::error!(id = ?page.id, %error, "an announcement cannot be read and is left out"),
        )
        .ok()
    };
    parts.into_iter().filter_map(read).collect()
}

impl State {
    /// Whether a part that was found still counts.
    fn holds(&self, part: &Part) -> bool {
        if part.withdrawn {
            return self.withdrawn.holds(part);
        }
        self.subjects.get(part.subject.as_str()).is_some_and(|subject| subject.serial == part.serial)
    }
}

/// What is announced, the earliest first, and what was withdrawn, the oldest first. A stop in between may have left both of the
/// same: the later one counts.
pub(super) fn what_holds(found: &[Found]) -> (Vec<Subject>, Vec<Subject>) {
    let mut newest: HashMap<String, HashMap<u64, Vec<&Part>>> = HashMap::new();
    for part in found.iter().flat_map(|(_, _, parts)| parts) {
        newest.entry(part.page_key()).or_default().entry(part.serial).or_default().push(part);
    }
    let whole = newest.into_values().filter_map(newest_whole);
    let (mut gone, mut there): (Vec<Subject>, Vec<Subject>) = whole.partition(|subject| subject.withdrawn);
    let mut last: HashMap<(Arc<str>, Arc<str>), u64> = HashMap::new();
    for subject in gone.iter().chain(&there) {
        let at = last.entry((Arc::clone(&subject.key), Arc::clone(&subject.owner))).or_default();
        *at = subject.serial.max(*at);
    }
    let is_last =
        |subject: &Subject| last.get(&(Arc::clone(&subject.key), Arc::clone(&subject.owner))) == Some(&subject.serial);
    gone.retain(is_last);
    there.retain(is_last);
    there.sort_by_key(|subject| subject.since);
    gone.sort_by_key(|subject| subject.serial);
    (there, gone)
}

/// The newest change of a subject of which every part is there.
fn newest_whole(changes: HashMap<u64, Vec<&Part>>) -> Option<Subject> {
    let mut changes: Vec<_> = changes.into_values().collect();
    changes.sort_by_key(|parts| std::cmp::Reverse(parts.first().map(|part| part.serial)));
    let mut parts = changes.into_iter().find(|parts| {
        let mut numbers: Vec<u32> = parts.iter().map(|part| part.part).collect();
        numbers.sort_unstable();
        numbers.dedup();
        parts.first().is_some_and(|part| u32::try_from(numbers.len()) == Ok(part.parts))
    })?;
    parts.sort_by_key(|part| part.part);
    parts.dedup_by_key(|part| part.part);
    let first = *parts.first()?;
    let metrics = parts.iter().flat_map(|part| part.metrics.iter().cloned()).collect();
    let devices = parts.iter().flat_map(|part| part.devices.iter().cloned()).collect();
    let (key, owner) = (first.subject.as_str().into(), first.owner.as_str().into());
    let subject = Subject::new(key, owner, first.since, first.serial, metrics, devices);
    Some(Subject { withdrawn: first.withdrawn, ..subject })
}
