//! The embedded store is held against the contract and, side by side, against the oracle: on a real directory, and with
//! its log in a simulated one that loses what was not synced.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use async_trait::async_trait;
use store::testing::{Adapter, Opened, UNREAD_MAX, conformance, every_call, oracle};
use store_embedded::{EmbeddedStore, Limits, Options, open};
use wal::SimFiles;

/// A store in a directory of its own.
struct Embedded {
    dir: tempfile::TempDir,
    limits: Limits,
    /// The log's files; none for real ones.
    simulated: Option<SimFiles>,
    seed: u64,
}

impl Embedded {
    fn with(limits: Limits) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), limits, simulated: None, seed: 0 }
    }

    fn open(&self) -> Opened {
        let log_files = self.simulated.as_ref().map(|files| Arc::new(files.of_this_life()) as Arc<dyn wal::Files>);
        let options = Options { limits: self.limits, log_files, ..Options::default() };
        let store: Arc<EmbeddedStore> = Arc::new(open(self.dir.path(), options).unwrap());
        Opened { readings: Arc::<EmbeddedStore>::clone(&store), catalog: store }
    }
}

fn limits() -> Limits {
    Limits { unread_max: UNREAD_MAX, ..Limits::default() }
}

/// So small that the store flushes by itself, fills segments, splits frames and waits for room.
fn tiny() -> Limits {
    Limits {
        queue_bytes_max: 16 * 1024,
        head_bytes_max: 6_000,
        log_flush_bytes: 3_000,
        log_bytes_max: 60_000,
        segment_bytes: 4_096,
        frame_rows_max: 40,
        merge_fan_in: 2,
        merge_rows_max: 100,
        merge_bytes_aim: 500,
        merge_cells_max: 300,
        ..limits()
    }
}

#[async_trait]
impl Adapter for Embedded {
    async fn fresh(&mut self) -> Opened {
        self.dir = tempfile::tempdir().unwrap();
        if self.simulated.is_some() {
            self.seed += 1;
            self.simulated = Some(SimFiles::seeded(self.seed));
        }
        self.open()
    }

    async fn crashed(&mut self, opened: Opened) -> Opened {
        if let Some(files) = &self.simulated {
            // The power goes while the store is still running: what is under way at this moment fails.
            files.crash();
        }
        drop(opened);
        self.open()
    }

    async fn reopened(&mut self, closed: Opened) -> Opened {
        drop(closed);
        let opened = self.open();
        let stats = opened.readings.stats();
        if stats.log_bytes == 0 {
            let database = rusqlite::Connection::open(self.dir.path().join("sensorium.db")).unwrap();
            let sql = "SELECT coalesce(sum(readings), 0) FROM series";
            let counted: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
            assert_eq!(counted.cast_unsigned(), stats.readings, "counted series by series, and together");
        }
        opened
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds() {
    conformance::run_all(&mut Embedded::with(limits())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_with_tiny_limits() {
    conformance::run_all(&mut Embedded::with(tiny())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_simulated_files() {
    let mut adapter = Embedded { simulated: Some(SimFiles::seeded(0)), ..Embedded::with(limits()) };
    conformance::run_all(&mut adapter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_call_fails_nothing_is_lost() {
    every_call::run_all(&mut Embedded::with(tiny())).await;
}

/// `ORACLE_SEEDS=from..to` runs others than the few of every day.
fn seeds() -> std::ops::Range<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test is told by its environment what to run")]
    let wanted = std::env::var("ORACLE_SEEDS").ok();
    let parsed = wanted.as_deref().and_then(|text| {
        let (from, to) = text.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    parsed.unwrap_or(1..6)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oracle_agrees() {
    for seed in seeds() {
        oracle::run(&mut Embedded::with(limits()), seed, 300).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oracle_agrees_with_tiny_limits() {
    for seed in seeds() {
        oracle::run(&mut Embedded::with(tiny()), seed, 300).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oracle_agrees_on_simulated_files() {
    for seed in seeds() {
        let simulated = Some(SimFiles::seeded(seed));
        let mut adapter = Embedded { simulated, seed, ..Embedded::with(tiny()) };
        oracle::run(&mut adapter, seed, 300).await;
    }
}
