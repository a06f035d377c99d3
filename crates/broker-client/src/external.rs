//! All external brokers: kept, started, changed and stopped one at a time, without a restart.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::Clock;
use model::{SourceName, TopicFilter};
use parking_lot::Mutex;
use source::{BrokerSettings, BrokerView, Brokers, BrokersError, Inlet, LinkState, Own};
use store::{Catalog, CatalogError, Document, Expected, Node, Version};
use tokio::net::lookup_host;
use tokio::sync::{MutexGuard, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::keeping::{self, KIND, Kept};
use crate::link::{Link, Stop};
use crate::memory::Memory;
use crate::sealing::Seal;
use crate::sharing::{self, Reader, Sharing};
use crate::speech::Keeping;
use crate::status::Status;

/// External brokers of one server. More are refused.
const BROKERS_MAX: usize = 64;

/// How long a broker may take to discard our session when it is removed. Then that is said in the answer.
const DISCARD_WITHIN: Duration = Duration::from_secs(5);
/// How long a name may take to be looked up when a broker is added or changed. Then it is found out by its link.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(2);

/// The adapter. Its tasks end with [`External::stop`].
pub struct External {
    catalog: Arc<dyn Catalog>,
    inlet: Inlet,
    own: Arc<Own>,
    clock: Arc<dyn Clock>,
    seal: Seal,
    running: Mutex<BTreeMap<String, Running>>,
    /// This server among those that share the catalogue; none where it has it for itself.
    node: Option<Node>,
    /// Follows the others.
    follower: Mutex<Option<JoinHandle<()>>>,
    /// One change at a time; true once everything is to end.
    changing: tokio::sync::Mutex<bool>,
}

pub struct Running {
    kept: Kept,
    version: Version,
    status: Arc<Status>,
    stop: watch::Sender<Stop>,
    /// No other server reads it.
    is_ours: bool,
    task: Option<JoinHandle<()>>,
}

impl External {
    /// Opens the file `key`, or makes it, and starts every broker that is kept in the catalogue.
    ///
    /// # Errors
    /// The key cannot be read or made, or the catalogue cannot be read. A broker that cannot be read is left out and told as
    /// failing.
    pub async fn start(
        catalog: Arc<dyn Catalog>,
        inlet: Inlet,
        own: Arc<Own>,
        clock: Arc<dyn Clock>,
        key: &Path,
        sharing: Option<Sharing>,
    ) -> io::Result<Arc<Self>> {
        let seal = Seal::of(key)?;
        let node = sharing.as_ref().map(|sharing| sharing.node);
        let (running, follower, changing) = (Mutex::default(), Mutex::default(), tokio::sync::Mutex::new(false));
        let external = Arc::new(Self { catalog, inlet, own, clock, seal, running, node, follower, changing });
        for document in external.every().await.map_err(io::Error::other)? {
            let running = external.begin_document(&document).await;
            external.put(document.id, running);
        }
        if let Some(sharing) = sharing {
            *external.follower.lock() = Some(tokio::spawn(Arc::clone(&external).follow(sharing)));
        }
        Ok(external)
    }

    /// Disconnects from all and waits for it. What is unacknowledged comes again at the next start.
    pub async fn stop(&self) {
        *self.changing.lock().await = true;
        let follower = self.follower.lock().take();
        if let Some(follower) = follower {
            follower.abort();
        }
        let tasks: Vec<_> = self
            .running
            .lock()
            .values_mut()
            .filter_map(|running| {
                running.stop.send_replace(Stop::Leave);
                running.task.take()
            })
            .collect();
        for task in tasks {
            // One that panicked has ended as well.
            let _ = task.await;
        }
    }

    pub(crate) fn catalog(&self) -> &dyn Catalog {
        self.catalog.as_ref()
    }

    pub(crate) async fn every(&self) -> Result<Vec<Document>, CatalogError> {
        self.catalog.list(KIND, None, BROKERS_MAX).await
    }

    pub(crate) fn versions(&self) -> BTreeMap<String, Version> {
        self.running.lock().iter().map(|(name, running)| (name.clone(), running.version)).collect()
    }

    pub(crate) fn kept(&self) -> Vec<(String, Kept, Version)> {
        let running = self.running.lock();
        running.iter().map(|(name, running)| (name.clone(), running.kept.clone(), running.version)).collect()
    }

    pub(crate) fn put(&self, name: String, running: Running) {
        self.running.lock().insert(name, running);
    }

    /// Begins a broker as it is kept.
    pub(crate) async fn begin_document(&self, document: &Document) -> Running {
        match serde_json::from_str::<Kept>(&document.body) {
            Ok(kept) => self.begin(kept, document.version).await,
            Err(error) => {
                tracing::error!(broker = document.id, %error, "an external broker is left out: it cannot be read");
                self.left_out(&document.id, document.version, &error).await
            }
        }
    }

    pub(crate) async fn forget(&self, ended: &Running) {
        Memory::of(Arc::clone(&self.catalog), &self.remembered_as(&ended.kept)).await.0.forget().await;
    }

    /// What is remembered of a broker's connections: by each server where each has its own.
    fn remembered_as(&self, kept: &Kept) -> String {
        match sharing::reader(kept, self.node) {
            Reader::Us { under: Some(node) } => format!("{}/{}", kept.settings.name, node.0),
            Reader::Us { under: None } | Reader::Other(_) | Reader::Nobody => kept.settings.name.clone(),
        }
    }

    /// The turn to change something, which ends when it is dropped.
    pub(crate) async fn turn(&self) -> Result<MutexGuard<'_, bool>, BrokersError> {
        let stopped = self.changing.lock().await;
        if *stopped {
            return Err(BrokersError::NotKept("the server is shutting down".to_owned()));
        }
        Ok(stopped)
    }

    async fn left_out(&self, name: &str, version: Version, error: &serde_json::Error) -> Running {
        let (_, before) = Memory::of(Arc::clone(&self.catalog), name).await;
        let now = self.clock.now().millis();
        let status = Arc::new(Status::new(LinkState::Failing, now, before));
        let remedy = "set its host and filters again, or remove it";
        status.set(LinkState::Failing, Some(format!("What is kept of it cannot be read ({error}); {remedy}.")), now);
        let (stop, _) = watch::channel(Stop::Run);
        Running { kept: keeping::unreadable(name), version, status, stop, is_ours: true, task: None }
    }

    pub(crate) async fn begin(&self, kept: Kept, version: Version) -> Running {
        let (memory, before) = Memory::of(Arc::clone(&self.catalog), &self.remembered_as(&kept)).await;
        let now = self.clock.now().millis();
        let state = if kept.settings.paused { LinkState::Paused } else { LinkState::Connecting };
        let status = Arc::new(Status::new(state, now, before));
        let (stop, stopping) = watch::channel(Stop::Run);
        let elsewhere = sharing::told_of(sharing::reader(&kept, self.node)).filter(|_| !kept.settings.paused);
        let is_elsewhere = elsewhere.is_some();
        if let Some((state, sentence)) = elsewhere {
            status.set(state, sentence, now);
        }
        let task = match self.opened(&kept) {
            _ if kept.settings.paused || is_elsewhere => None,
            Ok((settings, source, wanted)) => {
                let link = Link {
                    settings,
                    lapsed: kept.lapsed.clone(),
                    source,
                    wanted,
                    status: Arc::clone(&status),
                    memory,
                    inlet: self.inlet.clone(),
                    own: Arc::clone(&self.own),
                    clock: Arc::clone(&self.clock),
                    stop: stopping,
                };
                Some(tokio::spawn(link.run()))
            }
            Err(sentence) => {
                status.set(LinkState::Failing, Some(sentence), now);
                None
            }
        };
        Running { kept, version, status, stop, is_ours: !is_elsewhere, task }
    }

    fn opened(&self, kept: &Kept) -> Result<(BrokerSettings, SourceName, Vec<TopicFilter>), String> {
        let sealed = || String::from("Its password was sealed with another key; set it again.");
        let mut settings = kept.open(&self.seal).ok_or_else(sealed)?;
        if let Reader::Us { under: Some(Node(node)) } = sharing::reader(kept, self.node) {
            settings.client_id = settings.client_id.map(|id| format!("{id}-{node}"));
        }
        let (source, wanted) = keeping::check(&settings)?;
        Ok((settings, source, wanted))
    }

    pub(crate) async fn end(&self, name: &str, how: Stop) -> Option<Running> {
        let mut running = self.running.lock().remove(name)?;
        running.stop.send_replace(how);
        if let Some(task) = running.task.take() {
            let _ = task.await;
        }
        Some(running)
    }

    /// Lets the broker forget us: a connection that wants no session ends the one that is there. A sentence if it may be there
    /// still.
    pub(crate) async fn discard(&self, ended: &Running) -> Option<String> {
        let (kept, heard) = (&ended.kept, ended.status.remembered().heard.is_some());
        let discarded = async {
            let (settings, ..) = self.opened(kept)?;
            let mut opened = Connection::open(&settings, Keeping::Nothing, &self.own).await?;
            opened.connection.leave().await
        };
        let discarded = timeout(DISCARD_WITHIN, discarded).await;
        let why = match discarded.unwrap_or_else(|_| Err("The broker did not answer in time.".to_owned())) {
            Ok(()) => return None,
            // Where we never were, nothing is kept for us.
            Err(_) if !heard => return None,
            Err(why) => why,
        };
        let client = kept.settings.client_id.as_deref().unwrap_or_default();
        Some(format!(
            "It may keep our session under the client id {client:?}, with messages for us, until it forgets it. {why}"
        ))
    }

    /// Whether a host is known to be this server at once. Where a name or a port that is led on hides it, the link finds out.
    async fn is_ourselves(&self, settings: &BrokerSettings) -> bool {
        let found = timeout(LOOK_UP_WITHIN, lookup_host((settings.host.as_str(), settings.port))).await;
        found.is_ok_and(|found| found.is_ok_and(|mut addresses| addresses.any(|address| self.own.is_at(address))))
    }

    async fn keep(
        &self,
        settings: &BrokerSettings,
        (lapsed, node): (Vec<String>, Option<u8>),
        expected: Expected,
    ) -> Result<BrokerView, BrokersError> {
        keeping::check(settings).map_err(BrokersError::Invalid)?;
        if !settings.paused && self.is_ourselves(settings).await {
            let at = format!("{}:{} is where this server itself listens", settings.host, settings.port);
            let why = "what is published here is stored already; give the address of another broker";
            return Err(BrokersError::Invalid(format!("host: {at}, and {why}")));
        }
        let not_kept = |error: &dyn std::fmt::Display| BrokersError::NotKept(error.to_string());
        let kept = Kept::of(settings, lapsed, &self.seal).ok_or_else(|| not_kept(&"the secrets cannot be sealed"))?;
        let kept = Kept { node: node.or(self.node.map(|node| node.0)), ..kept };
        let body = serde_json::to_string(&kept).map_err(|error| not_kept(&error))?;
        let put = self.catalog.put(KIND, &settings.name, expected, &body, &[]).await;
        let version = put.map_err(|error| refused(&error))?;
        self.end(&settings.name, Stop::Leave).await;
        let running = self.begin(kept, version).await;
        let view = running.view();
        self.running.lock().insert(settings.name.clone(), running);
        Ok(view)
    }
}

impl Running {
    pub(crate) fn is_ours(&self) -> bool {
        self.is_ours
    }

    fn view(&self) -> BrokerView {
        BrokerView {
            settings: self.kept.settings.clone(),
            has_password: self.kept.password.is_some(),
            version: self.version.0,
            link: self.status.view(),
        }
    }
}

fn refused(error: &CatalogError) -> BrokersError {
    match error {
        CatalogError::Conflict { .. } => BrokersError::Conflict,
        CatalogError::Claimed { .. } | CatalogError::TooLarge(_) | CatalogError::Store(_) => {
            BrokersError::NotKept(error.to_string())
        }
    }
}

fn random_id() -> String {
    format!("sensorium-{:016x}", fastrand::u64(..))
}

/// A secret that is left out stays, an empty one goes.
fn carried(given: Option<String>, before: Option<String>) -> Option<String> {
    given.or(before).filter(|text| !text.is_empty())
}

#[async_trait]
impl Brokers for External {
    fn list(&self) -> Vec<BrokerView> {
        self.running.lock().values().map(Running::view).collect()
    }

    async fn create(&self, mut settings: BrokerSettings) -> Result<BrokerView, BrokersError> {
        let _turn = self.turn().await?;
        if self.running.lock().len() >= BROKERS_MAX {
            return Err(BrokersError::Invalid(format!("there are {BROKERS_MAX} external brokers already")));
        }
        settings.password = carried(settings.password, None);
        settings.tls.client_key_pem = carried(settings.tls.client_key_pem, None);
        settings.client_id = Some(settings.client_id.filter(|id| !id.is_empty()).unwrap_or_else(random_id));
        if !self.running.lock().contains_key(&settings.name) {
            // Left behind by one of this name whose removal was cut short.
            Memory::of(Arc::clone(&self.catalog), &settings.name).await.0.forget().await;
        }
        match self.keep(&settings, (Vec::new(), None), Expected::Absent).await {
            Err(BrokersError::Conflict) => Err(BrokersError::Exists(settings.name)),
            kept => kept,
        }
    }

    async fn change(&self, mut settings: BrokerSettings, version: Option<u64>) -> Result<BrokerView, BrokersError> {
        let _turn = self.turn().await?;
        let before = self.running.lock().get(&settings.name).map(|running| (running.kept.clone(), running.version));
        let (before, found) = before.ok_or_else(|| BrokersError::Unknown(settings.name.clone()))?;
        let secrets = before.open(&self.seal);
        let (password, key) = secrets.map_or((None, None), |open| (open.password, open.tls.client_key_pem));
        settings.password = carried(settings.password, password);
        let certificate_stays = settings.tls.client_cert_pem == before.settings.tls.client_cert_pem;
        settings.tls.client_key_pem = carried(settings.tls.client_key_pem, key.filter(|_| certificate_stays));
        let id = settings.client_id.take().or_else(|| before.settings.client_id.clone());
        settings.client_id = Some(id.unwrap_or_else(random_id));
        let lapsed = keeping::lapsed(&before, &settings);
        self.keep(&settings, (lapsed, before.node), Expected::Version(version.map_or(found, Version))).await
    }

    async fn remove(&self, name: &str, version: Option<u64>) -> Result<Option<String>, BrokersError> {
        let _turn = self.turn().await?;
        let found = self.running.lock().get(name).map(|running| running.version);
        let found = found.ok_or_else(|| BrokersError::Unknown(name.to_owned()))?;
        let removed = self.catalog.remove(KIND, name, version.map_or(found, Version)).await;
        removed.map_err(|error| refused(&error))?;
        let Some(ended) = self.end(name, Stop::Remove).await else { return Ok(None) };
        self.forget(&ended).await;
        // Another server that reads it leaves it by itself.
        Ok(if ended.is_ours { self.discard(&ended).await } else { None })
    }
}
