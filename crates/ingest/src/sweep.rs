//! What only time brings about: a device that was heard falls silent. A look at every device every few seconds, beside the
//! settling of commits and ended with it; and what brokers tell of sessions meanwhile.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use model::{SeriesId, TimeRange};
use source::{Parting, Watch};
use store::{Order, Readings};

use crate::Ingest;
use crate::events::Event;
use crate::events_kept::EventPages;
use crate::health::HealthView;
use crate::shared::Shared;

/// How often devices are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often events are written.
const KEEP_EVERY: Duration = Duration::from_secs(5);
/// Series whose rhythm is read from the store after a start. Those beyond learn theirs anew.
const RESUMED_MAX: usize = 20_000;
/// Readings that a rhythm is read from.
const RESUMED_READINGS: usize = 9;

/// Does `settle` to its end, and looks at the devices as long as that goes on.
pub(crate) async fn beside(
    settle: impl Future<Output = ()>,
    store: Arc<dyn Readings>,
    clock: Arc<dyn Clock>,
    mut events: EventPages,
    shared: Arc<Shared>,
) {
    let look = async {
        resume(store.as_ref(), &shared).await;
        shared.registry.sweep(clock.now(), false);
        let mut turns = tokio::time::interval(LOOK_EVERY);
        loop {
            turns.tick().await;
            shared.registry.sweep(clock.now(), true);
        }
    };
    let keep = async {
        let mut turns = tokio::time::interval(KEEP_EVERY);
        loop {
            turns.tick().await;
            events.keep(&shared).await;
        }
    };
    tokio::select! {
        () = settle => {}
        () = look => {}
        () = keep => {}
    }
    events.keep(&shared).await;
}

/// Rhythms go on from the last readings that the store has.
async fn resume(store: &dyn Readings, shared: &Shared) {
    let series: Vec<SeriesId> = shared.registry.heard_before(RESUMED_MAX);
    for id in series {
        match store.read(id, TimeRange::ALL, Order::Descending, None, RESUMED_READINGS).await {
            Ok(newest) => shared.registry.resume_rhythm(id, newest.iter().rev().map(|reading| reading.key.time)),
            Err(error) => tracing::debug!(%error, "the last readings of a series could not be read"),
        }
    }
}

impl Ingest {
    /// What happened, newest first: to one device, or to all.
    #[must_use]
    pub fn events(&self, device: Option<&str>, limit: usize) -> Vec<Event> {
        self.shared.registry.events.newest(device, limit)
    }

    /// The health of a device in use.
    #[must_use]
    pub fn health(&self, key: &str) -> Option<HealthView> {
        self.shared.registry.health(key, self.clock.now())
    }
}

impl Watch for Ingest {
    fn came(&self, client: &Arc<str>, number: u64, _address: IpAddr) {
        self.shared.registry.client_came(client, number, self.clock.now());
    }

    fn went(&self, client: &Arc<str>, number: u64, parting: Parting) {
        self.shared.registry.client_went(client, number, parting, self.clock.now());
        self.shared.announced.left(client, self.clock.monotonic());
    }
}
