//! The policy as it is kept, and what is done by it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use clock::Clock;
use model::{SeriesId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Catalog, CatalogError, EXPIRY_SERIES_MAX, Expected, Listener, Readings, StoreError, Version};
use tokio::sync::{Mutex, MutexGuard, watch};

use crate::guard::ClockState;
use crate::policy::{Policy, PolicyError};
use crate::preview::Preview;

/// A policy that keeps less takes effect a day after it was set.
pub const PENDING_MS: i64 = DAY_MS;
/// Series whose readings expire in one step. A step holds up whatever waits behind it in the log, so there are more of them
/// rather than larger ones, and messages go between.
const EXPIRED_AT_ONCE: usize = 200;
const _: () = assert!(EXPIRED_AT_ONCE <= EXPIRY_SERIES_MAX);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const HOUR_MS: i64 = 60 * 60 * 1000;
/// How often it is looked whether something is to be done. Floors are whole hours.
const LOOK_EVERY: Duration = Duration::from_secs(10 * 60);

/// The kind of the documents that are kept.
pub const KIND: &str = "retention";
/// So often a document is written that another server writes meanwhile. Then it is left for the next look.
const TURNS_MAX: usize = 5;
const POLICY: &str = "policy";
const CLOCK: &str = "clock";

/// A device with its series.
#[derive(Clone, Debug)]
pub struct HeldDevice {
    /// Its key.
    pub key: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its series.
    pub series: Vec<HeldSeries>,
}

/// A series with its floor.
#[derive(Clone, Copy, Debug)]
pub struct HeldSeries {
    /// Which.
    pub id: SeriesId,
    /// Nothing before it is there.
    pub floor: Option<Timestamp>,
}

/// It could not be done, and why; it is tried again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(pub String);

/// What there is, and how it is taken away.
#[async_trait]
pub trait Holdings: Send + Sync + 'static {
    /// Every device in use.
    fn devices(&self) -> Vec<HeldDevice>;
    /// Whether deleted devices wait for their end.
    fn deleted_wait(&self) -> bool;
    /// Takes readings before `before` away, of at most [`EXPIRY_SERIES_MAX`] series.
    async fn expire(&self, series: Vec<SeriesId>, before: Timestamp) -> Result<(), Failed>;
    /// Takes deleted devices away that can no longer be restored.
    async fn purge(&self, now: Timestamp) -> Result<(), Failed>;
}

/// A change that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// It is no policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Somebody else changed it; the version that is there.
    #[error("the retention was changed by somebody else; it is at version {0}")]
    Conflict(u64),
    /// So many readings would go, and that was not confirmed.
    #[error("{0} readings would go at once; repeat their number as ?confirm= to let them")]
    Unconfirmed(u64),
    /// Nothing is taken away by this clock.
    #[error("the clock of the server cannot be trusted, so nothing expires by it")]
    Clock,
    /// Nothing is pending.
    #[error("no change is pending")]
    NothingPending,
    /// Some of what was to go could not be taken away; it is tried again.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The catalogue failed.
    #[error("the catalogue failed")]
    Catalog(#[from] CatalogError),
}

/// A policy that takes effect later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// It.
    pub policy: Policy,
    /// When, epoch milliseconds of server time.
    pub takes_effect_ms: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Document {
    policy: Policy,
    pending: Option<Pending>,
}

#[derive(Serialize, Deserialize)]
struct KeptClock {
    server_ms: i64,
}

/// What holds and what will.
#[derive(Clone, Debug)]
pub struct RetentionView {
    /// For `If-Match`; 0 before the first change.
    pub version: u64,
    /// In force.
    pub policy: Policy,
    /// Set, and not yet in force.
    pub pending: Option<Pending>,
    /// Whether the clock may decide.
    pub clock: ClockState,
}

#[derive(Debug, Default)]
struct Kept {
    document: Document,
    version: Option<Version>,
    clock: Option<Timestamp>,
    clock_version: Option<Version>,
}

/// See the crate.
pub struct Upkeep {
    store: Arc<dyn Readings>,
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    holdings: Arc<dyn Holdings>,
    /// Whoever has it changes the policy or acts by it.
    kept: Mutex<Kept>,
    shown: SyncMutex<RetentionView>,
    /// Hears when another server that shares the store wrote a policy.
    elsewhere: Mutex<Listener>,
}

/// Readings before it are too old by a policy of `days`: a whole hour, so that it stands still between two looks.
pub(crate) fn floor_of(now: Timestamp, days: u32) -> Timestamp {
    let floor = now.millis() - i64::from(days) * DAY_MS;
    Timestamp::saturating(floor.div_euclid(HOUR_MS) * HOUR_MS)
}

impl Upkeep {
    /// Reads the policy and the server time kept last; before the first one is kept it is that of the last message.
    ///
    /// # Errors
    /// The catalogue cannot be read. A policy that cannot be read is one: nothing is guessed where readings are at stake.
    pub async fn start(
        store: Arc<dyn Readings>,
        catalog: Arc<dyn Catalog>,
        clock: Arc<dyn Clock>,
        holdings: Arc<dyn Holdings>,
    ) -> Result<Self, UpkeepError> {
        let mut kept = Kept::default();
        kept.read(catalog.as_ref()).await?;
        // A time of a clock that could not be right tells nothing.
        let heard = |time: &Timestamp| ClockState::judge(None, *time) == ClockState::Trusted;
        kept.clock = kept.clock.or_else(|| store.restored().last_received.filter(heard));
        let shown = SyncMutex::new(view(&kept, clock.now()));
        let elsewhere = Mutex::new(Listener::deaf(KIND));
        Ok(Self { store, catalog, clock, holdings, kept: Mutex::new(kept), shown, elsewhere })
    }

    /// Follows what other servers that share the store decide: `elsewhere` hears when they write documents of [`KIND`].
    #[must_use]
    pub fn following(self, elsewhere: Listener) -> Self {
        Self { elsewhere: Mutex::new(elsewhere), ..self }
    }

    /// What holds and what will, as of now.
    #[must_use]
    pub fn view(&self) -> RetentionView {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether something would be taken away that a doubtful clock keeps: worth telling people.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let view = self.view();
        let at_stake = view.policy.is_finite() || view.pending.is_some() || self.holdings.deleted_wait();
        at_stake && view.clock != ClockState::Trusted
    }

    /// What a policy would take away now.
    ///
    /// # Errors
    /// It is no policy, or the store failed.
    pub async fn preview(&self, policy: &Policy) -> Result<Preview, UpkeepError> {
        policy.check()?;
        let devices = self.holdings.devices();
        Ok(Preview::of(policy, &devices, self.store.as_ref(), self.clock.now()).await?)
    }

    /// Sets another policy. One that keeps less than the one in force is pending for a day, or takes effect `now` if
    /// `confirmed` is the number of readings that go.
    ///
    /// # Errors
    /// It is no policy, is not at `expected`, is not confirmed, or cannot be stored.
    pub async fn set(
        &self,
        policy: Policy,
        expected: Option<u64>,
        now: bool,
        confirmed: Option<u64>,
    ) -> Result<RetentionView, UpkeepError> {
        policy.check()?;
        let mut kept = self.turn().await?;
        kept.at(expected)?;
        let devices = self.holdings.devices();
        let named = devices.iter().map(|device| (device.key.as_str(), device.tags.as_slice()));
        let at_once = !policy.keeps_less_than(&kept.document.policy, named);
        if at_once {
            self.keep(&mut kept, Document { policy, pending: None }).await?;
        } else if now {
            if ClockState::judge(kept.clock, self.clock.now()) != ClockState::Trusted {
                return Err(UpkeepError::Clock);
            }
            let going = Preview::of(&policy, &devices, self.store.as_ref(), self.clock.now()).await?.readings;
            if confirmed != Some(going) {
                return Err(UpkeepError::Unconfirmed(going));
            }
            self.keep(&mut kept, Document { policy, pending: None }).await?;
            self.apply(&kept.document.policy).await?;
        } else {
            let pending = Pending { policy, takes_effect_ms: self.clock.now().plus(PENDING_MS).millis() };
            let document = Document { policy: kept.document.policy.clone(), pending: Some(pending) };
            self.keep(&mut kept, document).await?;
        }
        Ok(self.view())
    }

    /// Forgets a policy that is not yet in force.
    ///
    /// # Errors
    /// Nothing is pending, it is not at `expected`, or cannot be stored.
    pub async fn cancel(&self, expected: Option<u64>) -> Result<RetentionView, UpkeepError> {
        let mut kept = self.turn().await?;
        kept.at(expected)?;
        if kept.document.pending.is_none() {
            return Err(UpkeepError::NothingPending);
        }
        let document = Document { policy: kept.document.policy.clone(), pending: None };
        self.keep(&mut kept, document).await?;
        Ok(self.view())
    }

    /// A person says that the clock is right.
    ///
    /// # Errors
    /// It reads a time before this program was built, or it cannot be stored.
    pub async fn confirm_clock(&self) -> Result<RetentionView, UpkeepError> {
        let mut kept = self.turn().await?;
        let now = self.clock.now();
        if ClockState::judge(None, now) != ClockState::Trusted {
            return Err(UpkeepError::Clock);
        }
        self.keep_clock(&mut kept, now).await?;
        Ok(self.view())
    }

    /// Looks until `stop`.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.look().await {
                tracing::error!(%error, "upkeep failed and is tried again");
            }
            let mut elsewhere = self.elsewhere.lock().await;
            let look_again = tokio::time::sleep(LOOK_EVERY);
            tokio::pin!(look_again);
            loop {
                tokio::select! {
                    () = &mut look_again => break,
                    () = elsewhere.heard() => if let Err(error) = self.follow().await {
                        tracing::error!(%error, "the retention that another server set could not be read yet");
                    },
                    () = stopped(&mut stop) => return,
                }
            }
        }
    }

    /// Another server wrote a policy: it is in force here as well.
    async fn follow(&self) -> Result<(), UpkeepError> {
        let kept = self.turn().await?;
        self.show(&kept);
        Ok(())
    }

    /// The turn to change or do something; it begins with what another server may have written.
    async fn turn(&self) -> Result<MutexGuard<'_, Kept>, UpkeepError> {
        let mut kept = self.kept.lock().await;
        kept.read(self.catalog.as_ref()).await?;
        Ok(kept)
    }

    /// Does what is to be done now.
    ///
    /// # Errors
    /// What could not be done; it is tried again at the next look.
    pub async fn look(&self) -> Result<(), UpkeepError> {
        let mut kept = self.turn().await?;
        let now = self.clock.now();
        let judged = ClockState::judge(kept.clock, now);
        if judged != ClockState::Trusted {
            self.show(&kept);
            tracing::warn!(clock = judged.as_str(), "nothing expires by a clock that cannot be trusted");
            return Ok(());
        }
        self.keep_clock(&mut kept, now).await?;
        if let Some(pending) = kept.document.pending.clone().filter(|due| due.takes_effect_ms <= now.millis()) {
            match self.keep(&mut kept, Document { policy: pending.policy, pending: None }).await {
                // Another server did it, or somebody set another one: that one holds.
                Err(UpkeepError::Conflict(_)) => kept.read(self.catalog.as_ref()).await?,
                kept => kept?,
            }
        }
        self.apply(&kept.document.policy).await?;
        Ok(self.holdings.purge(now).await?)
    }

    async fn apply(&self, policy: &Policy) -> Result<(), Failed> {
        let now = self.clock.now();
        let mut due: BTreeMap<Timestamp, Vec<SeriesId>> = BTreeMap::new();
        for device in self.holdings.devices() {
            let Some(days) = policy.days_for(&device.key, &device.tags) else { continue };
            let floor = floor_of(now, days);
            let behind = device.series.iter().filter(|series| series.floor.is_none_or(|known| known < floor));
            due.entry(floor).or_default().extend(behind.map(|series| series.id));
        }
        for (before, series) in due {
            for some in series.chunks(EXPIRED_AT_ONCE) {
                self.holdings.expire(some.to_vec(), before).await?;
            }
        }
        Ok(())
    }

    async fn keep(&self, kept: &mut Kept, document: Document) -> Result<(), UpkeepError> {
        let body = serde_json::to_string(&document).map_err(|error| Failed(error.to_string()))?;
        let expected = kept.version.map_or(Expected::Absent, Expected::Version);
        kept.version = Some(match self.catalog.put(KIND, POLICY, expected, &body, &[]).await {
            Ok(version) => version,
            Err(CatalogError::Conflict { found }) => {
                return Err(UpkeepError::Conflict(found.map_or(0, |version| version.0)));
            }
            Err(error) => return Err(error.into()),
        });
        kept.document = document;
        self.show(kept);
        Ok(())
    }

    async fn keep_clock(&self, kept: &mut Kept, now: Timestamp) -> Result<(), UpkeepError> {
        let body = serde_json::to_string(&KeptClock { server_ms: now.millis() });
        let body = body.map_err(|error| Failed(error.to_string()))?;
        for turn in 1.. {
            let expected = kept.clock_version.map_or(Expected::Absent, Expected::Version);
            match self.catalog.put(KIND, CLOCK, expected, &body, &[]).await {
                // Another server keeps its time there as well.
                Err(CatalogError::Conflict { .. }) if turn < TURNS_MAX => kept.read(self.catalog.as_ref()).await?,
                put => {
                    kept.clock_version = Some(put?);
                    break;
                }
            }
        }
        kept.clock = Some(now);
        self.show(kept);
        Ok(())
    }

    fn show(&self, kept: &Kept) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = view(kept, self.clock.now());
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone has stopped as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn view(kept: &Kept, now: Timestamp) -> RetentionView {
    RetentionView {
        version: kept.version.map_or(0, |version| version.0),
        policy: kept.document.policy.clone(),
        pending: kept.document.pending.clone(),
        clock: ClockState::judge(kept.clock, now),
    }
}

impl Kept {
    /// What is kept now. What cannot be read is an error: nothing is guessed where readings are at stake.
    async fn read(&mut self, catalog: &dyn Catalog) -> Result<(), UpkeepError> {
        let unreadable = |error: serde_json::Error| {
            UpkeepError::Store(StoreError::Damaged(format!("the retention policy cannot be read: {error}")))
        };
        let (mut document, mut version) = (Document::default(), None);
        if let Some(found) = catalog.get(KIND, POLICY).await? {
            document = serde_json::from_str(&found.body).map_err(unreadable)?;
            version = Some(found.version);
        }
        if let Some(found) = catalog.get(KIND, CLOCK).await? {
            let kept: KeptClock = serde_json::from_str(&found.body).map_err(unreadable)?;
            self.clock = Some(Timestamp::saturating(kept.server_ms));
            self.clock_version = Some(found.version);
        }
        (self.document, self.version) = (document, version);
        Ok(())
    }

    fn at(&self, expected: Option<u64>) -> Result<(), UpkeepError> {
        let found = self.version.map_or(0, |version| version.0);
        if expected.is_none_or(|expected| expected == found) { Ok(()) } else { Err(UpkeepError::Conflict(found)) }
    }
}
