//! What the handlers work with.

use std::sync::Arc;

use clock::Clock;
use ingest::Ingest;
use source::{Brokers, Inlet, Sessions};
use store::Readings;
use tokio::sync::Semaphore;
use upkeep::Upkeep;

use crate::access::AccessState;
use crate::creations::Creations;
use crate::imports::Imports;

/// Writes the metrics of parts that the API does not know, such as the broker's.
pub type MoreMetrics = Arc<dyn Fn(&mut String) + Send + Sync>;

/// Questions over many series that are answered at the same time, so that their answers do not pile up in memory.
pub const QUERIES_MAX: usize = 4;

/// Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// Devices, books, the live ring.
    pub ingest: Ingest,
    /// Readings.
    pub store: Arc<dyn Readings>,
    /// For messages over HTTP.
    pub inlet: Inlet,
    /// For how long answers took.
    pub clock: Arc<dyn Clock>,
    /// Who may reach this server.
    pub access: Arc<AccessState>,
    /// What it says about itself.
    pub about: Arc<About>,
    /// The demonstration, if it was started.
    pub demo: Option<Arc<dyn DemoControl>>,
    /// How long readings are kept.
    pub upkeep: Arc<Upkeep>,
    /// External brokers.
    pub brokers: Arc<dyn Brokers>,
    /// Connections to our own broker.
    pub sessions: Arc<dyn Sessions>,
    /// Devices created under an `Idempotency-Key`.
    pub creations: Arc<Creations>,
    /// Tables that people bring.
    pub imports: Arc<Imports>,
    /// Turns of questions over many series; more wait. See [`QUERIES_MAX`].
    pub queries: Arc<Semaphore>,
    /// Metrics of the parts that the API does not know.
    pub more_metrics: MoreMetrics,
}

/// What stays the same while the server runs.
#[derive(Clone, Debug)]
pub struct About {
    /// `http://` addresses of the page.
    pub http: Vec<String>,
    /// `mqtt://` addresses for devices.
    pub mqtt: Vec<String>,
    /// Server time at start, epoch milliseconds.
    pub started_ms: i64,
    /// Tells this run from every other: cursors of another run do not hold.
    pub boot: String,
    /// `embedded`.
    pub store_kind: &'static str,
}

/// Stops the demonstration.
pub trait DemoControl: Send + Sync {
    /// Whether it is publishing.
    fn running(&self) -> bool;
    /// Keys of its devices.
    fn devices(&self) -> Vec<String>;
    /// Publishes nothing from now on.
    fn stop(&self);
}
