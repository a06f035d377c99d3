//! Announcements written to the catalogue, away from the messages, and read at start.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};

use store::{Catalog, CatalogError, Expected};
use tokio::sync::watch;

use super::page::{Pages, Writing};
use super::subject::{Part, Subject};
use super::{Announcements, State, Tried};
use crate::Limits;
use crate::documents::all;

/// The kind of the documents; their id is the number of the page.
const KIND: &str = "announced";

/// Writes every change; ends when nobody changes anything any more. What fails is tried again with the next change or when
/// the same is announced again.
pub(crate) async fn keep(announcements: Arc<Announcements>, catalog: Arc<dyn Catalog>) {
    let mut asked = announcements.asked.subscribe();
    loop {
        let change = *asked.borrow_and_update();
        if change > announcements.tried.borrow().change {
            let durable = write_all(&announcements, catalog.as_ref()).await;
            announcements.tried.send_replace(Tried { change, durable });
        }
        if asked.changed().await.is_err() {
            return;
        }
    }
}

async fn write_all(announcements: &Announcements, catalog: &dyn Catalog) -> bool {
    loop {
        let Some(writing) = announcements.state_mut().pages.take_changed() else { return true };
        let number = writing.number;
        let written = write(writing, catalog).await;
        if let Err(error) = &written {
            tracing::error!(%error, "announcements could not be kept");
        }
        let failed = written.is_err();
        announcements.state_mut().pages.written(number, written.map_err(drop));
        if failed {
            return false;
        }
    }
}

async fn write(writing: Writing, catalog: &dyn Catalog) -> Result<Option<store::Version>, CatalogError> {
    let id = format!("{:08}", writing.number);
    match (writing.body, writing.version) {
        (Some(body), version) => {
            let expected = version.map_or(Expected::Absent, Expected::Version);
            catalog.put(KIND, &id, expected, &body, &[]).await.map(Some)
        }
        (None, Some(version)) => catalog.remove(KIND, &id, version).await.map(|()| None),
        (None, None) => Ok(None),
    }
}

/// Everything that was kept.
pub(crate) async fn read(catalog: &dyn Catalog, limits: Limits) -> Result<Announcements, CatalogError> {
    let found = all::<Vec<Part>>(catalog, KIND).await?;
    let mut newest: HashMap<String, HashMap<u64, Vec<&Part>>> = HashMap::new();
    for part in found.iter().flat_map(|(_, _, parts)| parts) {
        newest.entry(part.subject.clone()).or_default().entry(part.serial).or_default().push(part);
    }
    let mut state = State {
        limits,
        subjects: HashMap::new(),
        of_owner: HashMap::new(),
        bytes: 0,
        index: super::Index::default(),
        pages: Pages::default(),
        serial: 0,
        told_full: false,
        withdrawn: super::Withdrawn::default(),
    };
    let mut whole: Vec<Subject> = newest.into_values().filter_map(newest_whole).collect();
    whole.sort_by_key(|subject| subject.since);
    for subject in whole {
        state.serial = state.serial.max(subject.serial);
        let bytes = subject.parts().iter().map(String::len).sum();
        state.put_in(subject, bytes);
    }
    for (id, version, parts) in &found {
        let Ok(number) = id.parse() else { continue };
        let holds = |part: &&Part| state.subjects.get(part.subject.as_str()).is_some_and(|it| it.serial == part.serial);
        let held = parts.iter().filter(holds).filter_map(|part| {
            Some((Arc::clone(&state.subjects.get(part.subject.as_str())?.key), serde_json::to_string(part).ok()?))
        });
        let held: Vec<_> = held.collect();
        let changed = held.len() < parts.len();
        state.pages.found(number, *version, held, changed);
    }
    Ok(Announcements {
        state: RwLock::new(state),
        version: AtomicU64::new(1),
        asked: watch::Sender::new(0),
        tried: watch::Sender::new(Tried { change: 0, durable: true }),
    })
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
    Some(Subject::new(key, owner, first.since, first.serial, metrics, devices))
}
