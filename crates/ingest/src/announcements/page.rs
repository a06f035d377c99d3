//! Announcements in documents of the catalogue, many to a page: a burst of them costs a few writes.
//!
//! A subject only ever moves to a page behind its own, and pages are written as they are at one moment, from the last one down: a
//! stop in between leaves a subject twice, never not at all, and the newer one counts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use store::Version;

/// Bytes of a page, well below the longest document. A subject that does not fit goes to the next one.
const PAGE_BYTES: usize = 56 * 1024;

#[derive(Default)]
pub(super) struct Pages {
    pages: BTreeMap<u32, Page>,
    /// Where the parts of a subject stand.
    at: HashMap<Arc<str>, Vec<u32>>,
}

#[derive(Default)]
struct Page {
    /// Of its document; none where there is no document.
    version: Option<Version>,
    parts: Vec<(Arc<str>, String)>,
    bytes: usize,
    changed: bool,
}

/// A page to write; without parts its document goes.
pub(super) struct Writing {
    pub(super) number: u32,
    pub(super) version: Option<Version>,
    pub(super) body: Option<String>,
}

impl Pages {
    /// A page as it was found, of which `parts` hold.
    pub(super) fn found(&mut self, number: u32, version: Version, parts: Vec<(Arc<str>, String)>, changed: bool) {
        for (subject, _) in &parts {
            self.at.entry(Arc::clone(subject)).or_default().push(number);
        }
        let bytes = parts.iter().map(|(_, part)| part.len()).sum();
        self.pages.insert(number, Page { version: Some(version), parts, bytes, changed });
    }

    /// Whether a subject stands in one of these pages.
    pub(super) fn holds(&self, subject: &str) -> bool {
        self.at.contains_key(subject)
    }

    pub(super) fn put(&mut self, subject: &Arc<str>, parts: Vec<String>) {
        if let ([part], Some([number])) = (parts.as_slice(), self.at.get(subject).map(Vec::as_slice))
            && let Some(page) = self.pages.get_mut(number)
            && let Some((_, old)) = page.parts.iter_mut().find(|(other, _)| other == subject)
            && page.bytes - old.len() + part.len() <= PAGE_BYTES
        {
            page.bytes = page.bytes - old.len() + part.len();
            part.clone_into(old);
            page.changed = true;
            return;
        }
        self.remove(subject);
        for part in parts {
            let last = self.pages.last_key_value().map_or(0, |(number, _)| *number);
            let full = self.pages.get(&last).is_some_and(|page| page.bytes + part.len() > PAGE_BYTES);
            let number = if full { last + 1 } else { last };
            let page = self.pages.entry(number).or_default();
            page.bytes += part.len();
            page.parts.push((Arc::clone(subject), part));
            page.changed = true;
            self.at.entry(Arc::clone(subject)).or_default().push(number);
        }
    }

    pub(super) fn remove(&mut self, subject: &Arc<str>) {
        for number in self.at.remove(subject).unwrap_or_default() {
            if let Some(page) = self.pages.get_mut(&number) {
                page.parts.retain(|(other, _)| other != subject);
                page.bytes = page.parts.iter().map(|(_, part)| part.len()).sum();
                page.changed = true;
            }
        }
    }

    /// All changed pages, the last one first, which are then no longer changed.
    pub(super) fn take_changed(&mut self) -> Vec<Writing> {
        let changed = self.pages.iter_mut().rev().filter(|(_, page)| page.changed);
        let writing = changed.filter_map(|(number, page)| {
            page.changed = false;
            let parts: Vec<&str> = page.parts.iter().map(|(_, part)| part.as_str()).collect();
            let body = (!parts.is_empty()).then(|| format!("[{}]", parts.join(",")));
            let there = body.is_some() || page.version.is_some();
            there.then_some(Writing { number: *number, version: page.version, body })
        });
        let writing = writing.collect();
        // What came and went in between was never written.
        self.pages.retain(|_, page| page.version.is_some() || !page.parts.is_empty());
        writing
    }

    /// A page was written, or was not.
    pub(super) fn written(&mut self, number: u32, outcome: Result<Option<Version>, ()>) {
        let Some(page) = self.pages.get_mut(&number) else { return };
        match outcome {
            Ok(version) => page.version = version,
            Err(()) => page.changed = true,
        }
        if page.version.is_none() && page.parts.is_empty() && !page.changed {
            self.pages.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes everything; the pages in the order in which they were written.
    fn write(pages: &mut Pages) -> Vec<(u32, usize)> {
        let mut written = Vec::new();
        for writing in pages.take_changed() {
            let version = writing.body.as_ref().map(|_| Version(writing.version.map_or(1, |version| version.0 + 1)));
            written.push((writing.number, writing.body.map_or(0, |body| body.len())));
            pages.written(writing.number, Ok(version));
        }
        written
    }

    #[test]
    fn what_does_not_fit_moves_behind_and_pages_are_written_from_the_last_one_down() {
        let mut pages = Pages::default();
        let subject = |n: usize| -> Arc<str> { format!("s{n}").into() };
        for n in 0..3 {
            pages.put(&subject(n), vec!["x".repeat(25_000)]);
        }
        assert_eq!(write(&mut pages), [(1, 25_002), (0, 50_003)]);
        assert_eq!(write(&mut pages), []);
        // Grown within its page it stays, beyond it it moves, and the page that it leaves is written after.
        pages.put(&subject(1), vec!["x".repeat(26_000)]);
        assert_eq!(write(&mut pages), [(0, 51_003)]);
        pages.put(&subject(1), vec!["x".repeat(30_000); 2]);
        assert_eq!(write(&mut pages), [(2, 30_002), (1, 55_003), (0, 25_002)]);
        for n in 0..3 {
            pages.remove(&subject(n));
        }
        assert_eq!(write(&mut pages), [(2, 0), (1, 0), (0, 0)]);
        assert!(pages.pages.is_empty());
    }

    #[test]
    fn what_was_not_written_is_written_again() {
        let mut pages = Pages::default();
        pages.put(&"s".into(), vec!["x".into()]);
        let writing: Vec<u32> = pages.take_changed().iter().map(|writing| writing.number).collect();
        pages.written(0, Err(()));
        assert_eq!((writing, write(&mut pages)), (vec![0], vec![(0, 3)]));
    }
}
