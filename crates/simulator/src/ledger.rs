//! The ledger: publishes from several clients with many messages in flight, kills the server in the middle of it, starts
//! it again and reads everything back through the API.
//!
//! It holds the server to its promise: what was acknowledged is there, with its value, exactly once (I1, I3); nothing is
//! there that was not sent (I2); what was not acknowledged may be either, and stays what it is (I4); the books add up (I5).
//! Repeats of undated messages carry DUP, because without it nobody can tell them from new readings.
//! The seed fixes what is sent and after how many acknowledgements the kill comes; how the machine schedules the rest it does not.

mod audit;
mod publisher;
mod report;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clock::{Clock, SystemClock};
use fastrand::Rng;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

pub use publisher::{Content, IN_FLIGHT_MAX, Progress, Publisher, Sent};
pub use report::{Fault, Report, grouped};

use crate::api::{Api, ApiError, Book};
use crate::client::ClientError;
use crate::server::{Launch, Server, ServerError};

/// Clients that publish at the same time.
pub const PUBLISHERS: usize = 6;
/// Messages that one client sends in one round at most; then the round goes on without it.
pub const MESSAGES_PER_ROUND_MAX: usize = 2_000;
/// How long messages may be in flight after the last PUBACK before the books count as unbalanced.
pub const SETTLE_WITHIN: Duration = Duration::from_secs(60);

const LOOK_EVERY: Duration = Duration::from_millis(2);
/// A start is killed within so long, which is about as long as a start takes.
const START_MICROS_MAX: u64 = 60_000;
/// Dated readings begin this long before the run.
const EPOCH_BEFORE_MS: i64 = 20 * 86_400_000;

/// Why a run could not be finished. What a finished run found is in its [`Report`].
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The server does not run.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The API does not answer.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// What was not acknowledged could not be sent again after the restart.
    #[error("a client could not send again")]
    Resend(#[source] ClientError),
    /// The runtime did not start or a publisher panicked.
    #[error("the ledger itself broke: {0}")]
    Inside(String),
}

/// What a run is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// How to start the server, on a directory that nothing else writes to.
    pub launch: Launch,
    /// Kills.
    pub rounds: u32,
    /// What to reproduce.
    pub seed: u64,
    /// Acknowledged messages to overlook on purpose, so that the ledger can be seen to fail.
    pub forget: u32,
    /// A program that runs between each kill and the restart, such as one that cuts the power of the disk.
    pub after_kill: Option<PathBuf>,
    /// How often a server is killed while it starts, before the start that counts.
    pub kills_at_start: u32,
}

/// Kills `program` in its own temporary directory and on free ports, `rounds` times: [`run`] for somebody who only wants to know.
///
/// # Errors
/// As [`run`].
pub fn prove(program: PathBuf, rounds: u32, seed: u64, each: impl FnMut(&Report)) -> Result<Report, LedgerError> {
    let desk = tempfile::tempdir().map_err(|error| LedgerError::Inside(format!("no temporary directory: {error}")))?;
    let launch = Launch::new(program, desk.path().join("data"), desk.path());
    run(&Options { launch, rounds, seed, forget: 0, after_kill: None, kills_at_start: 0 }, each)
}

/// Publishes, kills, restarts and reads back, `rounds` times; then ends the server in order, starts it and looks once more.
/// `each` sees the report after every round. Stops early at the first round that is not clean.
///
/// # Errors
/// The server cannot be started or read. Losses are no error but in the report.
pub fn run(options: &Options, mut each: impl FnMut(&Report)) -> Result<Report, LedgerError> {
    let mut ledger = Ledger::new(options.seed, options.forget)?;
    let mut server = options.launch.start()?;
    ledger.baseline = Api::at(server.http()).books()?.total;
    for _ in 0..options.rounds {
        ledger.flood_and_kill(server)?;
        options.after_kill()?;
        ledger.kill_at_start(options)?;
        server = options.launch.start()?;
        ledger.resend(&server)?;
        ledger.look(&Api::at(server.http()), Alone::Yes)?;
        ledger.report.rounds += 1;
        each(&ledger.report);
        if !ledger.report.is_clean() {
            break;
        }
    }
    let status = server.terminate()?;
    if !status.success() {
        ledger.report.fault(Fault::Broken, || format!("ended with {status} after SIGTERM"));
    }
    let server = options.launch.start()?;
    ledger.look(&Api::at(server.http()), Alone::Yes)?;
    server.terminate()?;
    Ok(ledger.finish())
}

impl Options {
    fn after_kill(&self) -> Result<(), LedgerError> {
        let Some(program) = &self.after_kill else { return Ok(()) };
        let ended = std::process::Command::new(program).status();
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(LedgerError::Inside(format!("{} ended with {status}", program.display()))),
            Err(error) => Err(LedgerError::Inside(format!("{} does not start: {error}", program.display()))),
        }
    }
}

/// A server that runs already, and is not killed.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Such as `http://127.0.0.1:8080`.
    pub http: String,
    /// Where it takes MQTT.
    pub mqtt: std::net::SocketAddr,
    /// Floods.
    pub rounds: u32,
    /// What to reproduce.
    pub seed: u64,
    /// As in [`Options`].
    pub forget: u32,
}

/// Publishes to a running server and reads back, `rounds` times.
///
/// # Errors
/// The server cannot be reached. Losses are no error but in the report.
pub fn run_against(standing: &Standing, mut each: impl FnMut(&Report)) -> Result<Report, LedgerError> {
    let mut ledger = Ledger::new(standing.seed, standing.forget)?;
    let api = Api::new(standing.http.clone());
    api.books()?;
    for _ in 0..standing.rounds {
        ledger.flood(standing.mqtt)?;
        ledger.look(&api, Alone::No)?;
        ledger.report.rounds += 1;
        each(&ledger.report);
    }
    Ok(ledger.finish())
}

/// Whether nobody else writes to the server, so that its books can be compared with what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alone {
    Yes,
    No,
}

struct Ledger {
    runtime: Runtime,
    clock: SystemClock,
    rng: Rng,
    publishers: Vec<Publisher>,
    baseline: Book,
    forget: u32,
    report: Report,
}

impl Ledger {
    fn new(seed: u64, forget: u32) -> Result<Self, LedgerError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| LedgerError::Inside(error.to_string()))?;
        let clock = SystemClock::new();
        let now = clock.now().millis();
        // Two runs on one server must not share a device.
        let name = format!("ledger/{seed}-{now}");
        let publishers =
            (0..PUBLISHERS).map(|index| Publisher::new(&name, index, now - EPOCH_BEFORE_MS, seed)).collect();
        let report = Report::of(seed);
        Ok(Self { runtime, clock, rng: Rng::with_seed(seed), publishers, baseline: Book::default(), forget, report })
    }

    fn finish(mut self) -> Report {
        self.report.took = self.clock.monotonic();
        self.report
    }

    /// Floods until a random number of acknowledgements has come, then kills.
    fn flood_and_kill(&mut self, server: Server) -> Result<(), LedgerError> {
        let mqtt = server.mqtt();
        let killed = Arc::new(AtomicBool::new(false));
        let progress = Arc::new(Progress::default());
        let enough = self.rng.u64(..(PUBLISHERS * MESSAGES_PER_ROUND_MAX) as u64);
        let flooding = self.start_flood(mqtt, &progress, &killed);
        self.runtime.block_on(async {
            while progress.acked.load(Ordering::Relaxed) < enough && !flooding.is_finished() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        killed.store(true, Ordering::SeqCst);
        server.kill()?;
        self.report.kills += 1;
        self.end_flood(flooding, &progress)
    }

    /// Starts the server and kills it after a random part of the time that a start takes.
    fn kill_at_start(&mut self, options: &Options) -> Result<(), LedgerError> {
        for _ in 0..options.kills_at_start {
            let within = self.rng.u64(..START_MICROS_MAX);
            options.launch.start_and_kill(Duration::from_micros(within))?;
            self.report.kills += 1;
        }
        Ok(())
    }

    /// Floods until every client has sent all it may.
    fn flood(&mut self, mqtt: std::net::SocketAddr) -> Result<(), LedgerError> {
        let progress = Arc::new(Progress::default());
        let flooding = self.start_flood(mqtt, &progress, &Arc::default());
        self.end_flood(flooding, &progress)
    }

    fn start_flood(
        &mut self,
        mqtt: std::net::SocketAddr,
        progress: &Arc<Progress>,
        killed: &Arc<AtomicBool>,
    ) -> tokio::task::JoinHandle<Vec<Flooded>> {
        let mut floods = JoinSet::new();
        for mut publisher in self.publishers.drain(..) {
            let (progress, killed) = (Arc::clone(progress), Arc::clone(killed));
            let flood = async move {
                let ended = publisher.flood(mqtt, MESSAGES_PER_ROUND_MAX, &progress).await;
                let broken = ended.err().filter(|_| !killed.load(Ordering::SeqCst));
                Flooded { publisher, broken }
            };
            floods.spawn_on(flood, self.runtime.handle());
        }
        self.runtime.spawn(floods.join_all())
    }

    fn end_flood(
        &mut self,
        flooding: tokio::task::JoinHandle<Vec<Flooded>>,
        progress: &Progress,
    ) -> Result<(), LedgerError> {
        let ended = self.runtime.block_on(flooding).map_err(|error| LedgerError::Inside(error.to_string()))?;
        for Flooded { publisher, broken } in ended {
            if let Some(error) = broken {
                self.report.fault(Fault::Broken, || error.to_string());
            }
            self.publishers.push(publisher);
        }
        self.note_order(progress);
        Ok(())
    }

    fn note_order(&mut self, progress: &Progress) {
        let disordered = progress.disordered.load(Ordering::Relaxed);
        if disordered > 0 {
            self.report.faults(Fault::Disordered, disordered, || String::from("PUBACKs before their turn"));
        }
    }

    /// Half of the clients send again what was not acknowledged, the others give it up.
    fn resend(&mut self, server: &Server) -> Result<(), LedgerError> {
        let progress = Progress::default();
        for publisher in &mut self.publishers {
            if self.rng.bool() {
                self.runtime.block_on(publisher.resend(server.mqtt(), &progress)).map_err(LedgerError::Resend)?;
            } else {
                publisher.abandon();
            }
        }
        self.note_order(&progress);
        Ok(())
    }

    fn look(&mut self, api: &Api, alone: Alone) -> Result<(), LedgerError> {
        let books = self.settled_books(api)?;
        let readings = audit::audit(api, &mut self.publishers, self.forget, &mut self.report)?;
        if !books.balances() {
            self.report.fault(Fault::Unbalanced, || format!("{books:?}"));
        }
        self.report.duplicates = books.messages.duplicate.saturating_sub(self.baseline.messages.duplicate);
        if alone == Alone::Yes {
            self.compare(&books, readings);
        }
        Ok(())
    }

    /// The books, after nothing is in flight any more.
    fn settled_books(&mut self, api: &Api) -> Result<Book, LedgerError> {
        let deadline = self.clock.monotonic() + SETTLE_WITHIN;
        loop {
            let books = api.books()?;
            let balanced = books.balanced && books.sources.iter().all(|source| source.book.balances());
            if !balanced {
                self.report.fault(Fault::Unbalanced, || format!("{:?}", books.sources));
            }
            if books.total.messages.in_flight == 0 || self.clock.monotonic() > deadline {
                return Ok(books.total);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn compare(&mut self, books: &Book, readings: u64) {
        let stored = books.readings.stored.saturating_sub(self.baseline.readings.stored);
        let replaced = books.readings.replaced.saturating_sub(self.baseline.readings.replaced);
        if books.messages.in_flight > 0 {
            self.report.fault(Fault::Unbalanced, || format!("{} in flight", books.messages.in_flight));
        }
        let upserted = books.readings.upserted.saturating_sub(self.baseline.readings.upserted);
        let most = stored + books.readings.unsettled + upserted;
        if readings < stored || readings > most || replaced > 0 {
            self.report.fault(Fault::Unbalanced, || {
                format!("{readings} readings found, but the books say {:?}", books.readings)
            });
        }
    }
}

struct Flooded {
    publisher: Publisher,
    broken: Option<ClientError>,
}

/// Where a server's executable is expected beside this one.
#[must_use]
pub fn program_beside(own: &std::path::Path) -> Option<PathBuf> {
    let program = own.parent()?.join("sensorium");
    program.is_file().then_some(program)
}
