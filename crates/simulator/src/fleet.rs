//! A fleet of boards that speak as real ones do (see [`crate::profiles`]) and have their habits: sensors fail, publishes are
//! repeated with DUP, connections break with a message under way, clocks are wrong, boards restart, two of them use one client
//! id, and a board that was away sends what it missed at once and in no order. Seeded and bounded; every board knows what the
//! server must have afterwards.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use fastrand::Rng;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::client::{ClientError, Connection, Message, PacketIds};
use crate::ledger::grouped;
use crate::profiles::{Board, Moment, Profile, Said, Truth, Words};

/// Most boards of a fleet; each has a connection of its own.
pub const DEVICES_MAX: usize = 10_000;
/// Moments that a board keeps while it is away; then it comes back.
pub const MISSED_MAX: usize = 20;
/// A clock so far ahead is not believed; the board's readings have the server's time then.
const AHEAD_MS: i64 = 3 * 365 * 86_400_000;
/// How often a connection is sought again after it broke.
const RECONNECTS_MAX: u32 = 5;

/// What a fleet is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Boards, [`DEVICES_MAX`] at most.
    pub devices: usize,
    /// What they speak, in turn; at least one.
    pub profiles: Vec<&'static Profile>,
    /// Time between two moments of one board.
    pub every: Duration,
    /// Moments of each board; then it disconnects.
    pub readings: u64,
    /// What to reproduce.
    pub seed: u64,
    /// Whether boards have bad habits.
    pub habits: bool,
}

/// What a fleet did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Publishes, repeats included.
    pub published: u64,
    /// PUBACKs.
    pub acked: u64,
    /// Publishes that were sent again with DUP.
    pub repeated: u64,
    /// Moments in which the sensor failed.
    pub failed_reads: u64,
    /// Messages that were sent late and in no order.
    pub late: u64,
    /// Connections that broke with a message under way, on purpose.
    pub dropped: u64,
    /// Boards that started anew.
    pub restarts: u64,
    /// Second connections with the same client id.
    pub twins: u64,
    /// Boards whose clock is not believed.
    pub wrong_clocks: u64,
    /// Boards that gave up.
    pub broken: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.published += other.published;
        self.acked += other.acked;
        self.repeated += other.repeated;
        self.failed_reads += other.failed_reads;
        self.late += other.late;
        self.dropped += other.dropped;
        self.restarts += other.restarts;
        self.twins += other.twins;
        self.wrong_clocks += other.wrong_clocks;
        self.broken += other.broken;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} published, {} acknowledged, {} repeated with DUP, {} late and in no order, {} failed reads, {} connections \
             dropped, {} restarts, {} twins, {} wrong clocks, {} gave up",
            grouped(self.published),
            grouped(self.acked),
            grouped(self.repeated),
            grouped(self.late),
            grouped(self.failed_reads),
            grouped(self.dropped),
            grouped(self.restarts),
            grouped(self.twins),
            grouped(self.wrong_clocks),
            grouped(self.broken)
        )
    }
}

/// What a fleet did and what the server must have of it.
#[derive(Debug, Default)]
pub struct Ran {
    /// Counts.
    pub tally: Tally,
    /// Every reading of every acknowledged message, once.
    pub truths: Vec<Truth>,
}

/// Lets all boards publish until each has sent its moments or `stop` turns true.
pub async fn run(mqtt: SocketAddr, plan: &Plan, clock: Arc<dyn Clock>, stop: watch::Receiver<bool>) -> Ran {
    let began = clock.now().millis();
    let mut boards = JoinSet::new();
    for index in 0..plan.devices.min(DEVICES_MAX) {
        let Some(profile) = plan.profiles.get(index % plan.profiles.len().max(1)) else { break };
        let mut speaker = Speaker::new(index, profile, plan, began);
        let (plan, stop) = (plan.clone(), stop.clone());
        boards.spawn(async move {
            let ended = speaker.live(mqtt, &plan, stop).await;
            speaker.ran.tally.broken += u64::from(ended.is_err());
            speaker.ran
        });
    }
    let mut all = Ran::default();
    while let Some(ran) = boards.join_next().await {
        let ran = ran.unwrap_or(Ran { tally: Tally { broken: 1, ..Tally::default() }, truths: Vec::new() });
        all.tally.add(ran.tally);
        all.truths.extend(ran.truths);
    }
    all
}

struct Speaker {
    board: Board,
    profile: &'static Profile,
    rng: Rng,
    habits: bool,
    ids: PacketIds,
    /// Hundredths of a degree and tenths of a percent: what is printed is what is meant.
    temperature: i32,
    humidity: i32,
    t: i64,
    step_ms: i64,
    /// The clock is ahead by more than a server believes.
    ahead: bool,
    seq: u32,
    uptime: u32,
    missed: Vec<Words>,
    ran: Ran,
}

impl Speaker {
    fn new(index: usize, profile: &'static Profile, plan: &Plan, began: i64) -> Self {
        let mut rng = Rng::with_seed(plan.seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // Formats with whole seconds must not say two things of one second; so boards report the past, a second at a time.
        let step_ms = i64::try_from(plan.every.as_millis()).unwrap_or(i64::MAX).max(1000) / 1000 * 1000;
        let span = step_ms.saturating_mul(i64::try_from(plan.readings).unwrap_or(i64::MAX));
        let ahead = plan.habits && profile.clock && rng.u32(..20) == 0;
        let start = began.saturating_sub(span).div_euclid(1000) * 1000;
        Self {
            board: Board::new(index),
            profile,
            habits: plan.habits,
            temperature: rng.i32(1800..2600),
            humidity: rng.i32(400..600),
            t: if ahead { start + AHEAD_MS } else { start },
            rng,
            step_ms,
            ahead,
            ids: PacketIds::default(),
            seq: 0,
            uptime: 0,
            missed: Vec::new(),
            ran: Ran { tally: Tally { wrong_clocks: u64::from(ahead), ..Tally::default() }, truths: Vec::new() },
        }
    }

    async fn live(
        &mut self,
        mqtt: SocketAddr,
        plan: &Plan,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), ClientError> {
        // Boards are not switched on in the same moment.
        let offset = self.rng.f64();
        tokio::time::sleep(plan.every.mul_f64(offset)).await;
        let mut connection = Connection::open(mqtt, &self.board.name).await?;
        let mut tick = tokio::time::interval(plan.every.max(Duration::from_millis(1)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut away = 0;
        for _ in 0..plan.readings {
            tokio::select! {
                _ = tick.tick() => {}
                // Between two moments nothing is under way.
                _ = stop.wait_for(|stop| *stop) => break,
            }
            if away == 0 && self.habit(200) && self.profile.clock {
                away = self.rng.usize(2..MISSED_MAX);
            }
            let words = self.measure();
            self.missed.push(words);
            away = away.saturating_sub(1);
            if away > 0 {
                continue;
            }
            self.send_all(&mut connection, mqtt).await?;
            if self.habit(300) {
                connection.close().await?;
                self.restart();
                connection = Connection::open(mqtt, &self.board.name).await?;
            } else if self.habit(300) {
                // The first of the two is sent away by the server.
                self.ran.tally.twins += 1;
                connection = Connection::open(mqtt, &self.board.name).await?;
            }
        }
        self.send_all(&mut connection, mqtt).await?;
        connection.close().await
    }

    /// True once in so many times, for boards with habits.
    fn habit(&mut self, once_in: u32) -> bool {
        self.habits && self.rng.u32(..once_in) == 0
    }

    fn restart(&mut self) {
        self.ran.tally.restarts += 1;
        self.ids = PacketIds::default();
        (self.seq, self.uptime) = (0, 0);
    }

    fn measure(&mut self) -> Words {
        self.temperature = (self.temperature + self.rng.i32(-10..=10)).clamp(500, 4000);
        self.humidity = (self.humidity + self.rng.i32(-5..=5)).clamp(100, 950);
        self.t += self.step_ms;
        self.seq += 1;
        self.uptime = self.uptime.saturating_add(u32::try_from(self.step_ms / 1000).unwrap_or(u32::MAX));
        let failed = self.profile.failures && self.habit(100);
        self.ran.tally.failed_reads += u64::from(failed);
        let moment = Moment {
            t: self.t,
            temperature: (!failed).then(|| f64::from(self.temperature) / 100.0),
            humidity: (!failed).then(|| f64::from(self.humidity) / 10.0),
            seq: self.seq,
            uptime: self.uptime,
        };
        self.profile.words(&self.board, &moment)
    }

    /// Everything that is kept; what waited goes out in no order.
    async fn send_all(&mut self, connection: &mut Connection, mqtt: SocketAddr) -> Result<(), ClientError> {
        let mut kept = std::mem::take(&mut self.missed);
        if kept.len() > 1 {
            self.ran.tally.late += kept.len() as u64;
            self.rng.shuffle(&mut kept);
        }
        for words in kept {
            for said in words.said {
                self.deliver(connection, mqtt, said).await?;
            }
            let ahead = self.ahead;
            self.ran
                .truths
                .extend(words.truths.into_iter().map(|truth| Truth { t: truth.t.filter(|_| !ahead), ..truth }));
        }
        Ok(())
    }

    async fn deliver(&mut self, connection: &mut Connection, mqtt: SocketAddr, said: Said) -> Result<(), ClientError> {
        let id = self.ids.take();
        let message = Message::qos1(id, said.topic, said.payload);
        if self.habit(500) {
            self.ran.tally.dropped += 1;
            self.write(connection, message.clone()).await?;
            *connection = self.reconnect(mqtt).await?;
            self.ran.tally.repeated += 1;
            return self.send(connection, message.again(), id).await;
        }
        let repeat = self.habit(100).then(|| message.clone().again());
        self.send(connection, message, id).await?;
        if let Some(repeat) = repeat {
            self.ran.tally.repeated += 1;
            self.send(connection, repeat, id).await?;
        }
        Ok(())
    }

    async fn reconnect(&self, mqtt: SocketAddr) -> Result<Connection, ClientError> {
        for _ in 1..RECONNECTS_MAX {
            if let Ok(connection) = Connection::open(mqtt, &self.board.name).await {
                return Ok(connection);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Connection::open(mqtt, &self.board.name).await
    }

    async fn write(&mut self, connection: &mut Connection, message: Message) -> Result<(), ClientError> {
        connection.push(message)?;
        connection.flush().await?;
        self.ran.tally.published += 1;
        Ok(())
    }

    async fn send(&mut self, connection: &mut Connection, message: Message, id: NonZeroU16) -> Result<(), ClientError> {
        self.write(connection, message).await?;
        while !connection.acks().await?.contains(&id) {}
        self.ran.tally.acked += 1;
        Ok(())
    }
}
