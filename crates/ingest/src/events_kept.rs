//! Events kept over a restart, as pages of the catalogue: written every few seconds beside everything else, so that no message
//! waits for them. A kill loses the events of the last seconds.

use std::collections::VecDeque;
use std::sync::Arc;

use model::{DeviceKey, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Catalog, CatalogError, Expected, Node, Version, Write};

use crate::documents::all;
use crate::events::{Event, EventCode, Events};
use crate::shared::Shared;

/// The kind of the documents; their id is the number of the page, the oldest first, behind the node where several share the store.
const KIND: &str = "events";
/// Bytes of a page behind which the next one begins, well below the longest document.
const PAGE_BYTES: usize = 48 * 1024;
/// Pages that are kept. More: the oldest goes.
const PAGES_MAX: usize = 16;

/// An event as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    t: i64,
    code: String,
    device: Option<String>,
    sentence: String,
}

impl Kept {
    fn of(event: &Event) -> Self {
        let device = event.device.as_ref().map(|key| key.as_str().to_owned());
        Self { t: event.time.millis(), code: event.code.as_str().to_owned(), device, sentence: event.sentence.clone() }
    }

    /// Nothing for one that another version has written.
    fn event(self) -> Option<Event> {
        let device = self.device.map(|key| DeviceKey::parse(&key)).transpose().ok()?;
        let (time, code) = (Timestamp::saturating(self.t), EventCode::parse(&self.code)?);
        Some(Event { time, code, device, sentence: self.sentence })
    }
}

/// The pages, and how many events are in them.
pub(crate) struct EventPages {
    node: Node,
    catalog: Arc<dyn Catalog>,
    pages: VecDeque<Page>,
    /// Events since the start that are kept.
    kept: u64,
}

#[derive(Clone)]
struct Page {
    number: u64,
    /// None before it is written.
    version: Option<Version>,
    /// As JSON; only of the last page, the others do not change any more.
    events: Vec<String>,
    bytes: usize,
}

/// What was kept by all servers, and where to keep what comes: each has pages of its own.
pub(crate) async fn read(
    catalog: Arc<dyn Catalog>,
    events_max: usize,
    node: Node,
) -> Result<(Events, EventPages), CatalogError> {
    let events = Events::bounded(events_max);
    let (mut pages, mut found) = (VecDeque::new(), Vec::new());
    for (id, version, kept) in all::<Vec<Kept>>(catalog.as_ref(), KIND).await? {
        if let Some(number) = number_of(&id, node) {
            let texts: Vec<String> = kept.iter().filter_map(|kept| serde_json::to_string(kept).ok()).collect();
            let bytes = texts.iter().map(|text| text.len() + 1).sum();
            pages.push_back(Page { number, version: Some(version), events: texts, bytes });
        }
        found.extend(kept.into_iter().filter_map(Kept::event));
    }
    if node != Node::default() {
        found.sort_by_key(|event| event.time);
    }
    found.into_iter().for_each(|event| events.push(event));
    pages.iter_mut().rev().skip(1).for_each(|page: &mut Page| page.events = Vec::new());
    let kept = events.told();
    Ok((events, EventPages { node, catalog, pages, kept }))
}

/// In front of the number of a page.
fn prefix(Node(node): Node) -> String {
    if node == 0 { String::new() } else { format!("{node:03}-") }
}

/// The number of a page, if it is the node's.
fn number_of(id: &str, node: Node) -> Option<u64> {
    id.strip_prefix(&prefix(node))?.parse().ok()
}

impl EventPages {
    /// Writes what happened since the last time, in one transaction. What fails is tried again the next time.
    pub(crate) async fn keep(&mut self, shared: &Shared) {
        let events = &shared.registry.events;
        let (told, new) = events.since(self.kept);
        if new.is_empty() {
            return;
        }
        let mut pages = self.pages.clone();
        let first = pages.len().saturating_sub(1);
        // The last one there is written again, with what comes to it.
        for text in new.iter().filter_map(|event| serde_json::to_string(&Kept::of(event)).ok()) {
            let full = pages.back().is_none_or(|page| page.bytes + text.len() > PAGE_BYTES);
            if full {
                let number = pages.back().map_or(0, |page| page.number + 1);
                pages.push_back(Page { number, version: None, events: Vec::new(), bytes: 0 });
            }
            if let Some(page) = pages.back_mut() {
                page.bytes += text.len() + 1;
                page.events.push(text);
            }
        }
        let body = |page: &Page| Some(format!("[{}]", page.events.join(",")));
        let changed = pages.iter().skip(first).map(|page| self.written(page, body(page)));
        let mut writes: Vec<Write> = changed.collect();
        let gone = pages.len().saturating_sub(PAGES_MAX);
        // A page that came and went at once was never there.
        writes.retain(|write| pages.iter().take(gone).all(|page| self.id(page) != write.id));
        let changed = writes.len();
        writes
            .extend(pages.iter().take(gone).filter(|page| page.version.is_some()).map(|page| self.written(page, None)));
        match self.catalog.put_all(KIND, writes).await {
            Ok(versions) => {
                pages.drain(..gone);
                let behind = pages.len() - changed;
                for (page, version) in pages.iter_mut().skip(behind).zip(versions) {
                    page.version = version;
                }
                pages.iter_mut().rev().skip(1).for_each(|page| page.events = Vec::new());
                (self.pages, self.kept) = (pages, told);
            }
            Err(error) => tracing::warn!(%error, "events could not be kept"),
        }
    }
}

impl EventPages {
    fn id(&self, page: &Page) -> String {
        format!("{}{:012}", prefix(self.node), page.number)
    }

    fn written(&self, page: &Page, body: Option<String>) -> Write {
        Write { id: self.id(page), expected: page.version.map_or(Expected::Absent, Expected::Version), body }
    }
}
