//! The servers of one keyspace: each has a number that no other one has, and says every few seconds that it is there.
//!
//! A number belongs to an owner, an id that a server keeps in its data directory, so that it comes back to its own journal. It is
//! taken and kept by lightweight transactions. A server that could not say so for long must not write under its number until it
//! could again, since another one may have it by then.
//!
//! Each start of a server is a *boot*. Whoever comes back under an owner's id ends the boot before it, so that of two servers with copies
//! of one data directory only the later one writes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use model::Timestamp;
use parking_lot::Mutex;
use scylla::DeserializeRow;
use scylla::client::session::Session;
use scylla::errors::PrepareError;
use scylla::statement::prepared::PreparedStatement;
use store::{Degraded, Node, NodeReport, StoreError};
use tokio::sync::watch;
use uuid::Uuid;

use crate::cluster::{failed, serial};
use crate::conditional::{Decided, decided};
use crate::statements::Preparing;

/// How often a server says that it is there.
pub(crate) const BEAT_EVERY: Duration = Duration::from_secs(2);
/// For how long others leave its number to it after that.
const KEPT_MS: i64 = 60_000;
/// For how long it trusts in that itself: shorter, so that what it sent has arrived or failed before the number is free.
const TRUSTED: Duration = Duration::from_secs(10);
/// A number is given to another owner this long after it was free, and only when none was never used.
const ABANDONED_MS: i64 = 3_600_000;
/// Clocks that differ by more are told.
const SKEW_TOLD_MS: i64 = 500;
/// A server whose clock differs by more from the cluster's writes nothing: what it wrote would stand above all that comes later.
const SKEW_MAX_MS: i64 = 60_000;
/// The partition of all servers.
const PART: i32 = 0;
/// A server that was heard so recently may still run under our id; it is given [`NOTICED`] to see that it may not.
const FRESH_MS: i64 = 12_000;
/// More than [`BEAT_EVERY`] with a request.
const NOTICED: Duration = Duration::from_secs(4);
/// Attempts to get a number while others do as well.
const TAKEN_TRIES: usize = 50;

/// Whether this server may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Until this moment of the monotonic clock.
    Until(Duration),
    /// Its clock is so many milliseconds ahead of the cluster's.
    Skewed(i64),
    /// Another one has its number. Nothing may be written any more.
    Lost,
}

/// What is said of this server.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) owner: Uuid,
    pub(crate) http: String,
    pub(crate) version: String,
}

/// What is to be known of another server to follow its journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Other {
    pub(crate) node: u8,
    /// For how many milliseconds it was not heard.
    pub(crate) silent_ms: u64,
    /// Up to which sequence it says that its journal goes.
    pub(crate) durable: u64,
}

/// See the module.
pub(crate) struct Nodes {
    session: Arc<Session>,
    statements: NodeStatements,
    clock: Arc<dyn Clock>,
    own: Own,
    /// Of this start.
    boot: Uuid,
    number: u8,
    held: watch::Sender<Held>,
    heard: Mutex<BTreeMap<u8, Heard>>,
}

struct NodeStatements {
    /// part → node, owner, boot, until, http, version, seen, its write time.
    all: PreparedStatement,
    /// part, node, owner, boot, until.
    take: PreparedStatement,
    /// owner, boot, until; part, node; the owner and boot before.
    take_over: PreparedStatement,
    /// until, http, version, seen, durable; part, node; boot.
    beat: PreparedStatement,
    /// part, node; boot.
    leave: PreparedStatement,
}

#[derive(DeserializeRow)]
struct Row {
    node: i32,
    owner: Option<Uuid>,
    boot: Option<Uuid>,
    until: Option<i64>,
    http: Option<String>,
    version: Option<String>,
    seen: Option<i64>,
    durable: Option<i64>,
    written: Option<i64>,
}

impl Row {
    fn number(&self) -> Option<u8> {
        u8::try_from(self.node).ok()
    }
}

/// A server's last heartbeat.
#[derive(Clone, Debug)]
struct Heard {
    http: String,
    version: String,
    seen: Timestamp,
    /// Up to which sequence its journal goes.
    durable: u64,
    /// By how much its clock was ahead of the node's of Cassandra that took it, in milliseconds.
    ahead_ms: i64,
    /// When it was heard here, on the monotonic clock.
    at: Duration,
    /// How old it was then, by the clocks of both.
    old_ms: u64,
}

impl Heard {
    fn silent_ms(&self, now: Duration) -> u64 {
        self.old_ms + millis(now.saturating_sub(self.at))
    }
}

impl NodeStatements {
    async fn prepare(session: &Session, keyspace: &str) -> Result<Self, PrepareError> {
        let to = Preparing::of(session, keyspace);
        let all =
            to.prepare("SELECT node, owner, boot, until, http, version, seen, durable, WRITETIME(seen) AS written FROM KS.nodes WHERE part = ?")
                .await?;
        Ok(Self {
            all,
            take: to.prepare_once("INSERT INTO KS.nodes (part, node, owner, boot, until) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS").await?,
            take_over: to.prepare_once(
                "UPDATE KS.nodes SET owner = ?, boot = ?, until = ? WHERE part = ? AND node = ? IF owner = ? AND boot = ?",
            )
            .await?,
            beat: to.prepare_once(
                "UPDATE KS.nodes SET until = ?, http = ?, version = ?, seen = ?, durable = ? WHERE part = ? AND node = ? IF boot = ?",
            )
            .await?,
            leave: to.prepare_once("UPDATE KS.nodes SET boot = null WHERE part = ? AND node = ? IF boot = ?").await?,
        })
    }
}

impl Nodes {
    /// Takes a number for `own`: the one that its owner had before, else one that nobody has.
    ///
    /// # Errors
    /// Cassandra does not answer, or all numbers are in use.
    pub(crate) async fn join(
        session: Arc<Session>,
        keyspace: &str,
        own: Own,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let doing = "taking a number for this server";
        let statements = NodeStatements::prepare(&session, keyspace).await.map_err(|error| failed(doing, error))?;
        let (held, heard) = (watch::Sender::new(Held::Until(Duration::ZERO)), Mutex::default());
        let boot = Uuid::new_v4();
        let mut nodes = Self { session, statements, clock, own, boot, number: 0, held, heard };
        for _ in 0..TAKEN_TRIES {
            let rows = nodes.rows().await?;
            if let Some((number, fresh)) = nodes.take_one(&rows).await? {
                nodes.number = number;
                if fresh {
                    tokio::time::sleep(NOTICED).await;
                }
                nodes.beat(0).await?;
                nodes.look().await?;
                return Ok(nodes);
            }
        }
        Err(failed(doing, std::io::Error::other("all 255 are in use, or others take them at the same time")))
    }

    pub(crate) fn number(&self) -> Node {
        Node(self.number)
    }

    async fn rows(&self) -> Result<Vec<Row>, StoreError> {
        let doing = "reading the servers of the keyspace";
        let answer = self.session.execute_unpaged(&serial(&self.statements.all), (PART,)).await;
        let rows = answer.map_err(|error| failed(doing, error))?.into_rows_result();
        let rows = rows.map_err(|error| failed(doing, error))?;
        let rows = rows.rows::<Row>().map_err(|error| failed(doing, error))?;
        rows.map(|row| row.map_err(|error| failed(doing, error))).collect()
    }

    /// The number that is ours now, and whether somebody may still run under it; none where another server was faster.
    async fn take_one(&self, rows: &[Row]) -> Result<Option<(u8, bool)>, StoreError> {
        let doing = "taking a number for this server";
        let now = self.clock.now().millis();
        let until = now + KEPT_MS;
        let Own { owner, .. } = &self.own;
        let own = rows.iter().find(|row| row.owner == Some(*owner));
        // An attempt whose outcome was unknown.
        if let Some(number) = own.filter(|row| row.boot == Some(self.boot)).and_then(Row::number) {
            return Ok(Some((number, true)));
        }
        let free = (1..=u8::MAX).find(|free| rows.iter().all(|row| row.number() != Some(*free)));
        let abandoned = |row: &&Row| row.until.is_none_or(|until| until + ABANDONED_MS < now);
        let taken_over = match (own, free) {
            (Some(own), _) => Some(own),
            (None, Some(_)) => None,
            (None, None) => rows.iter().filter(abandoned).min_by_key(|row| row.until),
        };
        let (number, fresh, answer) = match (taken_over, free) {
            (Some(row), _) => {
                let fresh = row.boot.is_some() && row.seen.is_some_and(|seen| (now - seen).abs() < FRESH_MS);
                let values = (*owner, self.boot, until, PART, row.node, row.owner, row.boot);
                (row.number(), fresh, self.session.execute_unpaged(&self.statements.take_over, values).await)
            }
            (None, Some(free)) => {
                let values = (PART, i32::from(free), *owner, self.boot, until);
                (Some(free), false, self.session.execute_unpaged(&self.statements.take, values).await)
            }
            (None, None) => return Ok(None),
        };
        // An outcome that is unknown shows when all are read again.
        let Ok(answer) = answer else { return Ok(None) };
        let decided = decided(doing, answer)?;
        Ok(number.filter(|_| decided == Decided::Applied).map(|number| (number, fresh)))
    }

    /// Says that nobody runs under this number any more, so that the next start need not wait for that.
    pub(crate) async fn leave(&self) {
        let values = (PART, i32::from(self.number), self.boot);
        if let Err(error) = self.session.execute_unpaged(&self.statements.leave, values).await {
            tracing::debug!(%error, "the next start waits a moment for this one");
        }
    }

    /// Says that this server is there, up to `durable` of its journal.
    pub(crate) async fn beat(&self, durable: u64) -> Result<(), StoreError> {
        let doing = "saying that this server is there";
        let (now, begun) = (self.clock.now().millis(), self.clock.monotonic());
        let Own { owner: _, http, version } = &self.own;
        let number = i32::from(self.number);
        let values = (now + KEPT_MS, http, version, now, durable.cast_signed(), PART, number, self.boot);
        let answer = self.session.execute_unpaged(&self.statements.beat, values).await;
        match decided(doing, answer.map_err(|error| failed(doing, error))?)? {
            Decided::Applied => self.held.send_modify(|held| match held {
                Held::Until(_) => *held = Held::Until(begun + TRUSTED),
                Held::Skewed(_) | Held::Lost => {}
            }),
            Decided::Not => {
                tracing::error!(
                    node = self.number,
                    "another server has the number of this one; nothing is written any more"
                );
                self.held.send_replace(Held::Lost);
            }
        }
        Ok(())
    }

    /// Reads the heartbeats of all.
    pub(crate) async fn look(&self) -> Result<(), StoreError> {
        let rows = self.rows().await?;
        let (now, at) = (self.clock.now().millis(), self.clock.monotonic());
        let mut heard = self.heard.lock();
        for row in rows {
            let (Some(number), Some(seen), Some(written)) = (row.number(), row.seen, row.written) else { continue };
            let Row { http, version, durable, .. } = row;
            let durable = durable.unwrap_or(0).cast_unsigned();
            let seen = Timestamp::saturating(seen);
            let ahead_ms = seen.millis() - written.div_euclid(1_000);
            let known = heard.get(&number);
            if known.is_none_or(|known| known.seen != seen) {
                // One that is heard for the first time may be long gone.
                let old_ms = if known.is_some() { 0 } else { u64::try_from(now - seen.millis()).unwrap_or(0) };
                let (http, version) = (http.unwrap_or_default(), version.unwrap_or_default());
                heard.insert(number, Heard { http, version, seen, durable, ahead_ms, at, old_ms });
            }
        }
        let ahead_ms = heard.get(&self.number).map_or(0, |own| own.ahead_ms);
        drop(heard);
        self.held.send_if_modified(|held| match *held {
            Held::Until(_) if ahead_ms.abs() > SKEW_MAX_MS => {
                *held = Held::Skewed(ahead_ms);
                true
            }
            Held::Skewed(_) if ahead_ms.abs() <= SKEW_MAX_MS => {
                *held = Held::Until(Duration::ZERO);
                true
            }
            Held::Until(_) | Held::Skewed(_) | Held::Lost => false,
        });
        Ok(())
    }

    /// Waits until this server may write; false when it never may again.
    pub(crate) async fn may_write(&self) -> bool {
        let mut held = self.held.subscribe();
        loop {
            match *held.borrow_and_update() {
                Held::Until(until) if self.clock.monotonic() < until => return true,
                Held::Until(_) | Held::Skewed(_) => {}
                Held::Lost => return false,
            }
            // The sender is ours.
            let _ = held.changed().await;
        }
    }

    /// The other servers.
    pub(crate) fn others(&self) -> Vec<Other> {
        let now = self.clock.monotonic();
        let heard = self.heard.lock();
        let others = heard.iter().filter(|(number, _)| **number != self.number);
        let other = |(number, heard): (&u8, &Heard)| Other {
            node: *number,
            silent_ms: heard.silent_ms(now),
            durable: heard.durable,
        };
        others.map(other).collect()
    }

    /// All servers by number; `lag` says how long what another one stores takes until it is seen here.
    pub(crate) fn reports(&self, lag: impl Fn(u8) -> Option<u64>) -> Vec<NodeReport> {
        let now = self.clock.monotonic();
        let heard = self.heard.lock();
        let own_ahead = heard.get(&self.number).map_or(0, |own| own.ahead_ms);
        let report = |(number, heard): (&u8, &Heard)| NodeReport {
            node: Node(*number),
            own: *number == self.number,
            http: heard.http.clone(),
            version: heard.version.clone(),
            seen: heard.seen,
            silent_ms: heard.silent_ms(now),
            clock_skew_ms: heard.ahead_ms - own_ahead,
            lag_ms: if *number == self.number { None } else { lag(*number) },
        };
        heard.iter().map(report).collect()
    }

    /// What is wrong with this server among the others.
    pub(crate) fn degraded(&self) -> Vec<Degraded> {
        let mut found = Vec::new();
        match *self.held.borrow() {
            Held::Lost => found.push(Degraded {
                code: "number_lost",
                detail: format!(
                    "Another server has number {} now, so this one writes nothing. Start it again; if it happens again, two servers use copies of one data directory",
                    self.number
                ),
            }),
            Held::Skewed(ms) => found.push(Degraded {
                code: "clock_skew",
                detail: format!(
                    "The clock of this server differs by {ms} ms from that of the Cassandra cluster, so it writes nothing. Set it, best by NTP"
                ),
            }),
            Held::Until(until) if self.clock.monotonic() >= until => found.push(Degraded {
                code: "number_unsure",
                detail: "Cassandra does not confirm that this server is one of the keyspace, so it writes nothing until it does"
                    .to_owned(),
            }),
            Held::Until(_) => {}
        }
        let live = |report: &NodeReport| report.silent_ms < KEPT_MS.cast_unsigned();
        for report in self.reports(|_| None).into_iter().filter(live) {
            if report.clock_skew_ms.abs() > SKEW_TOLD_MS {
                found.push(Degraded {
                    code: "clock_skew",
                    detail: format!(
                        "The clock of node {} at {} is {} ms ahead of this server's. Where two servers get a value for one moment, the wrong one may stay. Use NTP on all",
                        report.node.0, report.http, report.clock_skew_ms
                    ),
                });
            }
        }
        found
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
