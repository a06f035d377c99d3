//! The oracle: both ports with nothing but ordered maps. Simple enough to be believed; it keeps nothing across a process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use model::{Kind, Reading, ReadingKey, SeriesId, TimeRange, Timestamp};
use tokio::sync::mpsc;
use windows::{Grid, Window};

use crate::beside::{Sharers, is_taken};
use crate::catalog::{DOCUMENT_BYTES_MAX, check_version};
use crate::gate::Gate;
use crate::state::{GoneCounts, State, UNREAD_MAX};
use crate::{
    Batch, Catalog, CatalogError, Claim, Commit, CommitOutcome, Document, Entry, Expected, Foreign, MessageRecord,
    Node, NodeReport, Novelty, Order, Readings, Restored, StoreError, StoreStats, UnreadId, UnreadRecord, Version,
    Write,
};

/// Both ports in memory, for one server or for [several](MemoryStore::beside).
#[derive(Debug)]
pub struct MemoryStore {
    memory: Arc<Mutex<Memory>>,
    node: Node,
}

#[derive(Debug)]
struct Memory {
    state: State,
    gate: Gate,
    sharers: Sharers,
    readings: BTreeMap<SeriesId, BTreeMap<ReadingKey, Reading>>,
    /// Server time of the message that brought each series' newest reading.
    newest_received: BTreeMap<SeriesId, (ReadingKey, Timestamp)>,
    documents: BTreeMap<(String, String), (Version, String)>,
    claims: BTreeMap<Claim, (String, String)>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_unread_max(UNREAD_MAX)
    }
}

impl MemoryStore {
    /// Empty; the unread list takes `unread_max` messages.
    #[must_use]
    pub fn with_unread_max(unread_max: usize) -> Self {
        let memory = Memory {
            state: State::new(unread_max),
            gate: Gate::default(),
            sharers: Sharers::default(),
            readings: BTreeMap::new(),
            newest_received: BTreeMap::new(),
            documents: BTreeMap::new(),
            claims: BTreeMap::new(),
        };
        Self { memory: Arc::new(Mutex::new(memory)), node: Node::default() }
    }

    /// The same memory for another server: what one stores the others read, and hear of as [`Foreign`]. Books and sequences are
    /// each server's own, and readings count as upserted. To be called before anything is stored.
    #[must_use]
    pub fn beside(&self, node: Node) -> Self {
        let mut memory = self.lock();
        memory.sharers.add(self.node);
        memory.sharers.add(node);
        Self { memory: Arc::clone(&self.memory), node }
    }

    /// Takes appends again after a close: what was stored is still here.
    pub fn open_again(&self) {
        self.lock().sharers.of(self.node).closed = false;
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<MutexGuard<'_, Memory>, StoreError> {
        let mut memory = self.lock();
        if memory.sharers.of(self.node).closed { Err(StoreError::Closed) } else { Ok(memory) }
    }
}

impl Memory {
    fn append(&mut self, node: Node, batch: Batch) -> CommitOutcome {
        if self.sharers.of(node).closed {
            return CommitOutcome::NotStored("closed");
        }
        if self.sharers.are_several() && is_taken(&self.state, &batch.entries) {
            return CommitOutcome::NotStored("taken");
        }
        if let Err(refusal) = self.gate.admit(&batch.entries) {
            return CommitOutcome::NotStored(refusal.as_str());
        }
        for entry in &batch.entries {
            self.make_room(entry);
            if matches!(entry, Entry::Book(_)) {
                self.sharers.of(node).books.apply(entry);
            } else {
                self.state.apply(entry);
            }
            if let Entry::Message(message) = entry {
                let mut novelty = self.keep(message);
                if self.sharers.are_several() {
                    // What one of several stored, another may have stored before: no book of theirs could tell.
                    novelty = Novelty { upserted: message.readings.len() as u64, ..Novelty::default() };
                }
                self.sharers.of(node).books.count(&message.source, novelty);
            }
        }
        CommitOutcome::Durable(self.sharers.stored(node, batch))
    }

    /// What an entry does to readings that are there, before it is applied.
    fn make_room(&mut self, entry: &Entry) {
        let mut gone = GoneCounts::default();
        match entry {
            Entry::DeviceDeleted(device) => {
                for series in self.state.series_of(*device) {
                    gone.deleted += self.readings.remove(&series).unwrap_or_default().len() as u64;
                    self.newest_received.remove(&series);
                }
            }
            Entry::Expired(record) => {
                gone.expired = record.series.iter().map(|series| self.expire(*series, record.before)).sum();
            }
            Entry::DeviceMerged(merge) => {
                for (from, into) in self.state.merge_plan(*merge).absorbed {
                    if let Some(floor) = self.state.merged_floor(from, into) {
                        gone.expired += self.expire(from, floor) + self.expire(into, floor);
                    }
                    gone.absorbed += self.absorb(from, into);
                }
            }
            Entry::Device(_)
            | Entry::Series(_)
            | Entry::Message(_)
            | Entry::Unread(_)
            | Entry::UnreadDone(_)
            | Entry::Book(_)
            | Entry::Hidden(_) => {}
        }
        self.state.count_gone(gone);
    }

    fn expire(&mut self, series: SeriesId, before: Timestamp) -> u64 {
        let Some(readings) = self.readings.get_mut(&series) else { return 0 };
        let kept = readings.split_off(&ReadingKey { time: before, n: 0 });
        let expired = std::mem::replace(readings, kept).len() as u64;
        if readings.is_empty() {
            self.newest_received.remove(&series);
        }
        expired
    }

    /// Answers how many keys were in both.
    fn absorb(&mut self, from: SeriesId, into: SeriesId) -> u64 {
        let (mut both, of_from) = (0, self.readings.remove(&from).unwrap_or_default());
        let readings = self.readings.entry(into).or_default();
        for (key, reading) in of_from {
            let there = readings.get(&key);
            both += u64::from(there.is_some());
            // The one of `into` counts as the later, and of equal values the earlier reading stays.
            if there.is_none_or(|there| there.value == reading.value) {
                readings.insert(key, reading);
            }
        }
        let newest = [self.newest_received.remove(&from), self.newest_received.remove(&into)];
        // Of equal keys the mark of `into` stays.
        if let Some(newest) = newest.into_iter().flatten().max_by_key(|(key, _)| *key) {
            self.newest_received.insert(into, newest);
        }
        both
    }

    fn keep(&mut self, message: &MessageRecord) -> Novelty {
        let mut novelty = Novelty::default();
        for item in &message.readings {
            if self.state.floor(item.series).is_some_and(|floor| item.reading.key.time < floor) {
                novelty.stored += 1;
                self.state.count_gone(GoneCounts { expired: 1, ..GoneCounts::default() });
                continue;
            }
            let readings = self.readings.entry(item.series).or_default();
            match readings.get(&item.reading.key) {
                Some(earlier) if earlier.value == item.reading.value => {
                    novelty.duplicate += 1;
                    continue;
                }
                Some(_) => novelty.replaced += 1,
                None => novelty.stored += 1,
            }
            readings.insert(item.reading.key, item.reading.clone());
            let newest = self.newest_received.entry(item.series).or_insert((item.reading.key, message.received));
            if item.reading.key >= newest.0 {
                *newest = (item.reading.key, message.received);
            }
        }
        novelty
    }

    /// What is answered of a series.
    fn of(&self, series: SeriesId) -> Result<impl DoubleEndedIterator<Item = &Reading>, StoreError> {
        if !self.state.knows(series) {
            return Err(StoreError::UnknownSeries(series));
        }
        let gone = self.state.gone(series);
        let all = self.readings.get(&series).into_iter().flat_map(BTreeMap::values);
        Ok(all.filter(move |reading| !gone.contains(reading.key.time)))
    }
}

#[async_trait]
impl Readings for MemoryStore {
    async fn append(&self, batch: Batch) -> Commit {
        let (sender, commit) = Commit::pending();
        // The receiver is in our hands, so it is there.
        let _ = sender.send(self.lock().append(self.node, batch));
        commit
    }

    async fn read(
        &self,
        series: SeriesId,
        range: TimeRange,
        order: Order,
        after: Option<ReadingKey>,
        limit: usize,
    ) -> Result<Vec<Reading>, StoreError> {
        let memory = self.open()?;
        let inside = memory.of(series)?.filter(|reading| range.contains(reading.key.time));
        Ok(match order {
            Order::Ascending => {
                inside.filter(|reading| after.is_none_or(|after| reading.key > after)).take(limit).cloned().collect()
            }
            Order::Descending => inside
                .rev()
                .filter(|reading| after.is_none_or(|after| reading.key < after))
                .take(limit)
                .cloned()
                .collect(),
        })
    }

    async fn windows(&self, series: SeriesId, grid: Grid) -> Result<Vec<Window>, StoreError> {
        let memory = self.open()?;
        // The kind of now, whatever it was when the readings came.
        let kind = memory.state.series().get(&series).map_or(Kind::Measurement, |record| record.kind);
        let mut windows = vec![Window::default(); grid.count()];
        for reading in memory.of(series)? {
            let index = grid.index_of(reading.key.time.millis());
            if let Some(window) = index.and_then(|index| windows.get_mut(index)) {
                window.push_reading(kind, reading);
            }
        }
        Ok(windows)
    }

    async fn latest(&self, series: &[SeriesId]) -> Result<Vec<Option<Reading>>, StoreError> {
        let memory = self.open()?;
        series.iter().map(|series| Ok(memory.of(*series)?.next_back().cloned())).collect()
    }

    async fn unread(&self, before: Option<UnreadId>, limit: usize) -> Result<Vec<UnreadRecord>, StoreError> {
        Ok(self.open()?.state.unread_before(before, limit))
    }

    async fn unread_one(&self, id: UnreadId) -> Result<Option<UnreadRecord>, StoreError> {
        Ok(self.open()?.state.unread().get(&id).cloned())
    }

    fn stats(&self) -> StoreStats {
        let mut memory = self.lock();
        let own = memory.sharers.of(self.node);
        let (books, commits) = (own.books.books().clone(), own.sequence.0);
        let counted = !memory.sharers.are_several();
        let readings = memory.readings.values().map(|readings| readings.len() as u64).sum();
        StoreStats {
            books,
            readings: if counted { readings } else { 0 },
            gone: if counted { memory.state.gone_counts() } else { GoneCounts::default() },
            unread: memory.state.unread().len() as u64,
            unread_dropped: memory.state.unread_dropped(),
            commits,
            ..StoreStats::default()
        }
    }

    fn restored(&self) -> Restored {
        let mut memory = self.lock();
        let sequence = memory.sharers.of(self.node).sequence;
        let newest = |(series, readings): (&SeriesId, &BTreeMap<ReadingKey, Reading>)| {
            let (_, reading) = readings.last_key_value()?;
            let (_, received) = memory.newest_received.get(series)?;
            Some((*series, reading.clone(), *received))
        };
        Restored {
            node: self.node,
            last_series: None,
            sequence,
            devices: memory.state.devices().values().cloned().collect(),
            series: memory.state.series().values().cloned().collect(),
            latest: memory.readings.iter().filter_map(newest).collect(),
            repeats: memory.state.repeats(),
            last_received: memory.state.last_received(),
            last_unread: memory.state.last_unread(),
            hidden: memory.state.restored_hidden(),
            floors: memory.state.floors().iter().map(|(series, floor)| (*series, *floor)).collect(),
        }
    }

    fn foreign(&self) -> Option<mpsc::Receiver<Foreign>> {
        self.lock().sharers.hear(self.node)
    }

    fn nodes(&self) -> Vec<NodeReport> {
        let memory = self.lock();
        let seen = memory.state.last_received().unwrap_or(Timestamp::EPOCH);
        memory.sharers.reports(self.node, seen)
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.open().map(drop)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.lock().sharers.of(self.node).closed = true;
        Ok(())
    }
}

#[async_trait]
impl Catalog for MemoryStore {
    async fn get(&self, kind: &str, id: &str) -> Result<Option<Document>, CatalogError> {
        let memory = self.open()?;
        let found = memory.documents.get(&(kind.to_owned(), id.to_owned()));
        Ok(found.map(|(version, body)| Document { id: id.to_owned(), version: *version, body: body.clone() }))
    }

    async fn put(
        &self,
        kind: &str,
        id: &str,
        expected: Expected,
        body: &str,
        claims: &[Claim],
    ) -> Result<Version, CatalogError> {
        if body.len() > DOCUMENT_BYTES_MAX {
            return Err(CatalogError::TooLarge(body.len()));
        }
        let mut memory = self.open()?;
        let name = (kind.to_owned(), id.to_owned());
        let version = check_version(expected, memory.documents.get(&name).map(|(version, _)| *version))?;
        for claim in claims {
            if let Some(owner) = memory.claims.get(claim).filter(|owner| **owner != name) {
                return Err(CatalogError::Claimed { claim: claim.clone(), owner: owner.1.clone() });
            }
        }
        memory.claims.retain(|_, owner| *owner != name);
        memory.claims.extend(claims.iter().map(|claim| (claim.clone(), name.clone())));
        memory.documents.insert(name, (version, body.to_owned()));
        memory.sharers.wrote(self.node, kind);
        Ok(version)
    }

    async fn put_all(&self, kind: &str, writes: Vec<Write>) -> Result<Vec<Option<Version>>, CatalogError> {
        let mut memory = self.open()?;
        let mut documents = memory.documents.clone();
        let mut versions = Vec::with_capacity(writes.len());
        for Write { id, expected, body } in writes {
            let name = (kind.to_owned(), id);
            let version = check_version(expected, documents.get(&name).map(|(version, _)| *version))?;
            versions.push(body.as_ref().map(|_| version));
            match body {
                Some(body) if body.len() > DOCUMENT_BYTES_MAX => return Err(CatalogError::TooLarge(body.len())),
                Some(body) => _ = documents.insert(name, (version, body)),
                None => _ = documents.remove(&name),
            }
        }
        memory.documents = documents;
        memory.sharers.wrote(self.node, kind);
        Ok(versions)
    }

    async fn remove(&self, kind: &str, id: &str, version: Version) -> Result<(), CatalogError> {
        let mut memory = self.open()?;
        let name = (kind.to_owned(), id.to_owned());
        check_version(Expected::Version(version), memory.documents.get(&name).map(|(version, _)| *version))?;
        memory.documents.remove(&name);
        memory.claims.retain(|_, owner| *owner != name);
        memory.sharers.wrote(self.node, kind);
        Ok(())
    }

    async fn list(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>, CatalogError> {
        let memory = self.open()?;
        let of_kind =
            memory.documents.iter().filter(|((of, id), _)| of == kind && after.is_none_or(|after| id.as_str() > after));
        Ok(of_kind
            .take(limit)
            .map(|((_, id), (version, body))| Document { id: id.clone(), version: *version, body: body.clone() })
            .collect())
    }
}
