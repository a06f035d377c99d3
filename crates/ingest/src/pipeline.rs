//! The handle to ingest, and how its two tasks are started.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use clock::Clock;
use model::{Book, SourceName, Timestamp};
use source::Inlet;
use store::{
    Catalog, CatalogError, Foreign, GoneCounts, Listener, Node, Readings, Sequence, SeriesRecord, StoreError, Tidings,
    UnreadId,
};
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use crate::announcements;
use crate::answer::release;
use crate::command::{COMMANDS_MAX, Command, Retried};
use crate::documents::{read_bindings, read_documents};
use crate::elsewhere::{Ears, LEARNED_MAX};
use crate::events_kept;
use crate::follow::Follower;
use crate::heard::{Heard, HeardList};
use crate::ids::Ids;
use crate::live::LiveRing;
use crate::registry::Registry;
use crate::rules::RuleBook;
use crate::settle::settle_in_order;
use crate::shared::Shared;
use crate::sweep::beside;
use crate::take::Taker;
use crate::taken::Taken;
use crate::traces::Traces;
use crate::view::DeviceView;
use crate::{Limits, TimePolicy};

/// Everything the API and the page ask of ingest. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<dyn Readings>,
    tidings: Arc<Tidings>,
    /// Whoever makes, changes, deletes or merges devices has it, so that the catalogue and the log go together.
    pub(crate) changes: Arc<Mutex<()>>,
}

/// The two tasks; whoever starts them awaits them. `take` ends after `stop` when everything handed over is in the log's
/// queue, `settle` ends after it when everything is acknowledged.
pub struct IngestTasks {
    /// Takes messages.
    pub take: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Settles commits.
    pub settle: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// The books of all sources at one durable moment.
#[derive(Clone, Debug)]
pub struct TotalBook {
    /// By source: its book, and its messages in flight.
    pub sources: BTreeMap<SourceName, (Book, u64)>,
    /// The sum.
    pub total: Book,
    /// Messages in flight in all.
    pub in_flight: u64,
    /// Distinct readings that are there, and those that were stored and are no longer there; none where the store does not count them.
    pub held: Option<(u64, GoneCounts)>,
    /// Whether the equations hold: of messages and of readings for each source, and that all that was stored is there or
    /// gone. Readings that are not settled yet are in neither side of the last one, or in both.
    pub balanced: bool,
}

/// Does `settle` to its end, and follows other servers as long as that goes on.
async fn following(settle: impl Future<Output = ()>, follower: Follower, foreign: Option<mpsc::Receiver<Foreign>>) {
    let follow = async {
        if let Some(foreign) = foreign {
            follower.run(foreign).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = settle => {}
        () = follow => {}
    }
}

impl Ingest {
    /// Reads what the store remembers and builds both tasks.
    ///
    /// # Errors
    /// The catalogue could not be read.
    pub async fn start(
        store: Arc<dyn Readings>,
        catalog: Arc<dyn Catalog>,
        clock: Arc<dyn Clock>,
        limits: Limits,
        policy: TimePolicy,
        stop: watch::Receiver<bool>,
    ) -> Result<(Self, Inlet, IngestTasks), CatalogError> {
        // Whatever others do from here on is told, and whatever they did before is restored.
        let foreign = store.foreign();
        let restored = store.restored();
        let documents = read_documents(catalog.as_ref(), &restored, foreign.is_some()).await?;
        let bindings = read_bindings(catalog.as_ref(), &restored, &documents, foreign.is_some()).await?;
        let ids = Ids::read(Arc::clone(&catalog)).await?;
        let announced =
            Arc::new(announcements::read(catalog.as_ref(), limits, restored.node, clock.monotonic()).await?);
        let (events, event_pages) = events_kept::read(Arc::clone(&catalog), limits.events_max, restored.node).await?;
        let shared = Arc::new(Shared {
            registry: Registry::resume(&restored, documents, Arc::clone(&announced), events),
            announced: Arc::clone(&announced),
            bindings,
            rules: RuleBook::read(catalog.as_ref()).await?,
            heard: HeardList::bounded(limits.heard_max),
            traces: Traces::bounded(limits.traced_bytes_max),
            live: Arc::new(LiveRing::starting_after(restored.sequence, limits.live_bytes_max)),
            taken: Taken::resume(&store.stats()),
            identity_lost: AtomicBool::default(),
            node: foreign.is_some().then_some(restored.node),
            settled: watch::Sender::new(0),
            batches_lost: AtomicU64::default(),
            server_ms: AtomicI64::new(restored.last_received.unwrap_or(Timestamp::MIN).millis()),
        });
        let hidden = shared.registry.partly_hidden();
        shared.registry.reread(store.as_ref(), &hidden).await;
        let (inlet, inbox) = Inlet::bounded(limits.inlet_messages_max);
        let (commands, commands_in) = mpsc::channel(COMMANDS_MAX);
        let (waiting, waiting_out) = mpsc::channel(limits.commits_waiting_max);
        let (held, held_out) = mpsc::channel(limits.announced_waiting_max);
        let (learned, learned_out) = mpsc::channel(LEARNED_MAX);
        let (back, back_out) = mpsc::channel((limits.commits_waiting_max + 2) * limits.batch_messages_max);
        let ears = Ears { learned: learned_out, back: back_out };
        let settle = settle_in_order(waiting_out, held, back, Arc::clone(&store), Arc::clone(&shared));
        let release = release(held_out, Arc::clone(&announced));
        let keep = announcements::keep(announced, Arc::clone(&catalog));
        let settle = async move {
            // The last answers wait for what is kept, so the one that keeps ends with them.
            tokio::select! { _ = async { tokio::join!(settle, release) } => {} () = keep => {} }
        };
        let tidings = Arc::new(Tidings::default());
        let follower = Follower {
            store: Arc::clone(&store),
            catalog: Arc::clone(&catalog),
            shared: Arc::clone(&shared),
            learned,
            tidings: Arc::clone(&tidings),
        };
        let settle = following(settle, follower, foreign);
        let settle = beside(settle, Arc::clone(&store), Arc::clone(&clock), event_pages, Arc::clone(&shared));
        let (own_store, own_clock) = (Arc::clone(&store), Arc::clone(&clock));
        let taker = Taker::new(&restored, own_store, own_clock, Arc::clone(&shared), ids, ears, (limits, policy));
        let tasks =
            IngestTasks { take: Box::pin(taker.run(inbox, commands_in, waiting, stop)), settle: Box::pin(settle) };
        let changes = Arc::default();
        Ok((Self { shared, commands, catalog, clock, store, changes, tidings }, inlet, tasks))
    }

    /// Tells from now on when another server that shares the store wrote documents of a kind; never, where it belongs to one.
    #[must_use]
    pub fn tidings(&self, kind: &'static str) -> Listener {
        self.tidings.listen(kind)
    }

    /// Every device, in order of appearance.
    #[must_use]
    pub fn devices(&self) -> Vec<DeviceView> {
        self.shared.registry.all(self.clock.now())
    }

    /// One device by key.
    #[must_use]
    pub fn device(&self, key: &str) -> Option<DeviceView> {
        self.shared.registry.device(key, self.clock.now())
    }

    /// How many devices and series there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        self.shared.registry.counts()
    }

    /// One series by device key and metric name.
    #[must_use]
    pub fn series(&self, device: &str, metric: &str) -> Option<SeriesRecord> {
        self.shared.registry.series(device, metric)
    }

    /// As [`Ingest::series`], and by the key of a device that became a part of another one as well.
    #[must_use]
    pub fn series_followed(&self, device: &str, metric: &str) -> Option<SeriesRecord> {
        let registry = &self.shared.registry;
        registry.series(device, metric).or_else(|| {
            let bound = self.shared.bindings.current();
            registry.series(bound.merged_into(device)?.as_str(), metric)
        })
    }

    /// Grows with every change of devices, metrics, names and the inbox.
    #[must_use]
    pub fn list_version(&self) -> watch::Receiver<u64> {
        self.shared.registry.version()
    }

    /// First messages of unknown topics since start, newest first.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.shared.heard.newest()
    }

    /// The ring of newest stored readings.
    #[must_use]
    pub fn live(&self) -> &Arc<LiveRing> {
        &self.shared.live
    }

    /// Now, by the clock that stamps messages.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The books. What is settled is taken at one durable moment; what is in flight is the rest of what was taken in.
    #[must_use]
    pub fn books(&self) -> TotalBook {
        let stats = self.store.stats();
        // What one of several servers stored the others may have stored before: nobody counts it.
        let held = (!self.shared.is_shared()).then_some((stats.readings, stats.gone));
        let settled = stats.books;
        let mut sources: BTreeMap<SourceName, (Book, u64)> = BTreeMap::new();
        let mut total = Book::default();
        let mut in_flight = 0;
        let mut balanced = true;
        let taken = self.shared.taken.by_source();
        for source in taken.keys().chain(settled.keys().filter(|source| !taken.contains_key(*source))) {
            let mut book = settled.get(source).cloned().unwrap_or_default();
            balanced &= book.messages.received == book.messages.settled();
            balanced &= book.readings.decoded == book.readings.accounted();
            let received = taken.get(source).copied().unwrap_or_default().max(book.messages.received);
            let waiting = received - book.messages.received;
            book.messages.received = received;
            total.add(&book);
            in_flight += waiting;
            sources.insert(source.clone(), (book, waiting));
        }
        if let Some((kept, gone)) = held.filter(|_| total.readings.unsettled == 0) {
            balanced &= total.readings.stored == kept + gone.deleted + gone.expired + gone.absorbed + gone.lost;
        }
        TotalBook { sources, total, in_flight, held, balanced }
    }

    /// This server among those that share the store; none where it has the store for itself.
    #[must_use]
    pub fn node(&self) -> Option<Node> {
        self.shared.node
    }

    /// Ingests an unread message again, with the time and key it was given at arrival.
    ///
    /// # Errors
    /// The store failed, or ingest has stopped.
    pub async fn retry_unread(&self, id: UnreadId) -> Result<Retried, StoreError> {
        let (done, retried) = oneshot::channel();
        self.commands.send(Command::Retry { id, done }).await.map_err(|_| StoreError::Closed)?;
        retried.await.map_err(|_| StoreError::Closed)?
    }

    /// Batches since start that the store refused or lost. Their senders were not acknowledged.
    #[must_use]
    pub fn batches_lost(&self) -> u64 {
        self.shared.batches_lost.load(Ordering::Relaxed)
    }

    /// Whether the last announcements could not be kept: they hold, and are written as soon as that is possible.
    #[must_use]
    pub fn announcements_not_kept(&self) -> bool {
        self.shared.announced.not_kept()
    }

    /// Where the live ring is: everything up to it is durable and shown.
    #[must_use]
    pub fn newest_sequence(&self) -> Sequence {
        *self.shared.live.newest().borrow()
    }
}
