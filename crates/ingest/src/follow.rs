//! Follows what other servers do that share the store: what they made durable is shown here as what came in here is, and what people
//! wrote there is in force here with the next message.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use store::{Batch, Catalog, CatalogError, Entry, Foreign, MessageRecord, Readings, Tidings};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::announcements;
use crate::arrival::Arrival;
use crate::document::{IGNORED_KIND, KIND};
use crate::documents::follow_documents;
use crate::draft::Effects;
use crate::inventory::Inventory;
use crate::registry::Registry;
use crate::rules;
use crate::shared::Shared;
use crate::time_policy::IMPORT;

/// Events that are taken at once, so that documents that change often are read less often.
const TOGETHER_MAX: usize = 256;
/// So long after a device came from elsewhere its document is looked for: the word of that may have come before it did. And so long
/// after a catalogue failed it is asked again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Follower {
    pub(crate) store: Arc<dyn Readings>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) shared: Arc<Shared>,
    /// To the taking task.
    pub(crate) learned: mpsc::Sender<Arc<Batch>>,
    /// Which kinds of documents others wrote, for whoever else keeps some.
    pub(crate) tidings: Arc<Tidings>,
}

/// What is to be read anew, and when.
#[derive(Default)]
struct Due {
    kinds: BTreeSet<String>,
    at: Option<Instant>,
}

impl Due {
    fn soon(&mut self, kind: &str) {
        self.kinds.insert(kind.to_owned());
        self.at.get_or_insert_with(|| Instant::now() + AGAIN_AFTER);
    }

    fn now(&mut self, kind: &str) {
        self.kinds.insert(kind.to_owned());
        self.at = Some(Instant::now());
    }
}

impl Follower {
    /// Until the store is closed.
    pub(crate) async fn run(self, mut foreign: mpsc::Receiver<Foreign>) {
        let (mut heard, mut due) = (Vec::new(), Due::default());
        loop {
            let next = foreign.recv_many(&mut heard, TOGETHER_MAX);
            let count = match due.at {
                Some(at) => timeout_at(at, next).await,
                None => Ok(next.await),
            };
            if count == Ok(0) {
                return;
            }
            for event in heard.drain(..) {
                match event {
                    Foreign::Batch { batch, .. } => self.batch(batch, &mut due).await,
                    Foreign::Documents(kind) => {
                        self.tidings.of(&kind);
                        due.now(&kind);
                    }
                    Foreign::Missed => self.missed(&mut due).await,
                }
            }
            if due.at.is_some_and(|at| at <= Instant::now()) {
                self.read_anew(&mut due).await;
            }
        }
    }

    async fn batch(&self, batch: Arc<Batch>, due: &mut Due) {
        // A store may tell several batches as one: a decision has its place between what is in front of it and behind.
        for entries in batch.entries.chunk_by(|one, next| !one.is_alone() && !next.is_alone()) {
            match entries {
                [entry] if entry.is_alone() => self.decision(entry, due).await,
                entries => self.stored(entries, due).await,
            }
        }
        // Once nothing is taken any more nobody has to know.
        let _ = self.learned.send(batch).await;
    }

    async fn stored(&self, entries: &[Entry], due: &mut Due) {
        if entries.iter().any(|entry| matches!(entry, Entry::Device(_))) {
            due.soon(KIND);
        }
        let contested = self.shared.registry.contested(entries);
        let mut readings = self.shared.registry.follow(entries).readings;
        // Who wrote last is not who is heard last.
        self.shared.registry.reread(self.store.as_ref(), &contested).await;
        self.shared.registry.keep_shown(&mut readings);
        if !readings.is_empty() {
            self.shared.live.push(readings);
        }
    }

    async fn decision(&self, entry: &Entry, due: &mut Due) {
        let changes_hands = matches!(entry, Entry::DeviceDeleted(_) | Entry::DeviceMerged(_));
        if changes_hands {
            // What says whose messages are whose from now on was written before.
            self.documents(due).await;
        }
        crate::settle::follow(&self.shared, self.store.as_ref(), entry).await;
        self.shared.registry.changed();
        if changes_hands {
            self.documents(due).await;
        }
    }

    async fn documents(&self, due: &mut Due) {
        if let Err(error) = follow_documents(self.catalog.as_ref(), &self.shared).await {
            tracing::warn!(%error, "what another server wrote of devices could not be read yet");
            due.soon(KIND);
        }
    }

    /// More happened than was told.
    async fn missed(&self, due: &mut Due) {
        tracing::info!("not everything that other servers did was heard: all of it is read anew");
        self.shared.registry.catch_up(&self.store.restored());
        let hidden = self.shared.registry.partly_hidden();
        self.shared.registry.reread(self.store.as_ref(), &hidden).await;
        self.shared.live.missed();
        self.shared.identity_lost();
        [KIND, rules::KIND, announcements::KIND].into_iter().for_each(|kind| due.now(kind));
        self.tidings.of_all();
    }

    /// What could not be read stays due.
    async fn read_anew(&self, due: &mut Due) {
        due.at = None;
        for kind in std::mem::take(&mut due.kinds) {
            if let Err(error) = self.read_kind(&kind).await {
                tracing::warn!(kind, %error, "what another server wrote could not be read yet");
                due.soon(&kind);
            }
        }
    }

    async fn read_kind(&self, kind: &str) -> Result<(), CatalogError> {
        let (catalog, shared) = (self.catalog.as_ref(), self.shared.as_ref());
        match kind {
            KIND | IGNORED_KIND => follow_documents(catalog, shared).await?,
            rules::KIND | rules::ORDER_KIND => {
                let _turn = shared.rules.turn.lock().await;
                shared.rules.follow(catalog).await?;
            }
            announcements::KIND => shared.announced.follow(catalog).await?,
            // Others keep those, or nobody does while the server runs.
            _ => return Ok(()),
        }
        shared.registry.changed();
        Ok(())
    }
}

impl Registry {
    /// Applies what a durable batch of another server did, which is no decision; answers its readings.
    fn follow(&self, entries: &[Entry]) -> Effects {
        let mut effects = Effects::default();
        effects.note(entries);
        let mut inventory = self.write();
        // Those it makes have to be there before it is told who spoke.
        effects.devices.iter().for_each(|record| self.add_device(&mut inventory, record, true));
        effects.series.iter().for_each(|record| inventory.describe(record.clone()));
        for entry in entries {
            if let Entry::Message(message) = entry
                && message.source.as_str() != IMPORT
            {
                effects.arrivals.extend(arrivals(&inventory, message));
            }
        }
        drop(inventory);
        self.apply(&effects);
        effects
    }
}

/// The devices that spoke in a message that another server heard.
fn arrivals(inventory: &Inventory, message: &MessageRecord) -> Vec<Arrival> {
    let mut arrivals: Vec<Arrival> = Vec::new();
    for item in &message.readings {
        let Some(series) = inventory.series(item.series).map(|series| &series.record) else { continue };
        let known = arrivals.iter().position(|arrival| arrival.device == series.device);
        let place = known.unwrap_or_else(|| {
            arrivals.push(Arrival::elsewhere(series.device, message.received));
            arrivals.len() - 1
        });
        arrivals[place].note_stored(series.metric.as_str(), &item.reading);
    }
    arrivals
}
