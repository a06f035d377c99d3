//! The life with one broker: connect, subscribe, hand over, acknowledge in order, and begin again after a pause.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use model::{SourceName, Topic, TopicFilter};
use rmqtt_codec::types::{Publish, QoS};
use source::{BrokerSettings, Inbound, Inlet, LinkState, Outcome, Own, Repeat, Reply, Settle};
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use crate::connection::{Connection, Opened};
use crate::keeping::spelled;
use crate::memory::Memory;
use crate::speech::{Heard, Keeping};
use crate::status::Status;

/// Messages handed over and not yet acknowledged. Beyond it the broker is not read.
pub const IN_FLIGHT_MAX: usize = 99;
/// Memories of 128 messages each, taken in turn, in which ingest recognises what comes again. A broker sends again whatever it sent
/// and has seen no acknowledgement of, and Mosquitto 2.0 sends far more than it is told to. What lies behind 8,192 later ones
/// cannot be told from a new message.
const PARTS: u32 = 64;
const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
/// After so many pings it is kept that the broker is heard: a gap after a crash of ours begins at most so much too early.
const PINGS_PER_NOTE: u32 = 4;
/// A connection that lived longer was a good one: the next pause is the shortest again.
const GOOD_AFTER: Duration = Duration::from_secs(30);

/// Why a link has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Run,
    /// Disconnect; the broker keeps the session.
    Leave,
    /// Unsubscribe as well.
    Remove,
}

pub struct Link {
    pub settings: BrokerSettings,
    /// Filters of before, which the broker may still hold for us.
    pub lapsed: Vec<String>,
    pub source: SourceName,
    pub wanted: Vec<TopicFilter>,
    pub status: Arc<Status>,
    pub memory: Memory,
    pub inlet: Inlet,
    pub own: Arc<Own>,
    pub clock: Arc<dyn Clock>,
    pub stop: watch::Receiver<Stop>,
}

/// Outcomes of one connection. After its end nobody listens.
struct Settled(mpsc::Sender<(u64, Outcome)>);

impl Settle for Settled {
    fn settle(&self, token: u64, outcome: Outcome) {
        // There is room for every message in flight; without a listener the connection is gone and the broker asks again.
        let _ = self.0.try_send((token, outcome));
    }
}

/// What waits for its acknowledgement, in the order of its coming.
struct Waiting {
    token: u64,
    id: Option<NonZeroU16>,
    settled: bool,
}

/// What is known of the broker's session of ours, over all connections of this link.
#[derive(Default)]
struct Known {
    /// The broker confirmed these filters.
    subscribed: bool,
    /// It said since then that it has no session.
    forgotten: bool,
}

/// What a packet changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Subscribed,
    Otherwise,
}

enum Ended {
    Stopped,
    Failed(String),
}

impl From<String> for Ended {
    fn from(sentence: String) -> Self {
        Self::Failed(sentence)
    }
}

impl Link {
    fn now(&self) -> i64 {
        self.clock.now().millis()
    }

    pub async fn run(mut self) {
        let mut pause = BACK_OFF_MIN;
        let mut known = Known::default();
        while *self.stop.borrow() == Stop::Run {
            let began = self.clock.monotonic();
            match self.session(&mut known).await {
                Ended::Stopped => break,
                Ended::Failed(sentence) => {
                    tracing::warn!(broker = %self.source, %sentence, "an external broker cannot be heard");
                    self.status.set(LinkState::Failing, Some(sentence), self.now());
                }
            }
            if self.clock.monotonic().saturating_sub(began) > GOOD_AFTER {
                pause = BACK_OFF_MIN;
            }
            let jittered = pause.mul_f64(0.75 + fastrand::f64() * 0.5).max(BACK_OFF_MIN);
            tokio::select! {
                () = sleep(jittered) => {}
                _ = self.stop.changed() => {}
            }
            pause = (pause * 2).min(BACK_OFF_MAX);
        }
    }

    async fn session(&mut self, known: &mut Known) -> Ended {
        let mut stop = self.stop.clone();
        let opened = tokio::select! {
            opened = Connection::open(&self.settings, Keeping::Session, &self.own) => opened,
            () = told_to_stop(&mut stop) => return Ended::Stopped,
        };
        let Opened { connection, present, keep_alive_s } = match opened {
            Ok(opened) => opened,
            Err(sentence) => return Ended::Failed(sentence),
        };
        if !present {
            known.forgotten = true;
            self.status.begun();
            self.remember().await;
        }
        let (outcomes, settled) = mpsc::channel(IN_FLIGHT_MAX + 1);
        let session = Session {
            link: self,
            connection,
            outcomes: Arc::new(Settled(outcomes)),
            session: self.status.remembered().session,
            waiting: VecDeque::new(),
            next_token: 0,
            ping: pings(keep_alive_s),
            pings: 0,
            unanswered: false,
            stop,
        };
        let ended = session.live(settled, known).await;
        if known.subscribed {
            self.status.lost(self.now());
            self.remember().await;
        }
        match ended {
            Ok(()) => Ended::Stopped,
            Err(ended) => ended,
        }
    }

    async fn subscribed(&self, known: &mut Known) {
        self.status.connected(!known.forgotten, self.now());
        *known = Known { subscribed: true, forgotten: false };
        self.remember().await;
    }

    async fn remember(&self) {
        self.memory.keep(&self.status.remembered()).await;
    }

    fn qos(&self) -> QoS {
        let all_0 = self.settings.filters.iter().all(|filter| filter.qos == 0);
        if all_0 { QoS::AtMostOnce } else { QoS::AtLeastOnce }
    }
}

/// Two in the time in which the broker gives us up.
fn pings(keep_alive_s: u16) -> Interval {
    let mut ping = interval(Duration::from_millis(u64::from(keep_alive_s) * 500));
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset();
    ping
}

async fn told_to_stop(stop: &mut watch::Receiver<Stop>) {
    // A sender that is gone has stopped as well.
    let _ = stop.wait_for(|stop| *stop != Stop::Run).await;
}

struct Session<'a> {
    link: &'a Link,
    connection: Connection,
    outcomes: Arc<Settled>,
    /// Which session at the broker.
    session: u32,
    waiting: VecDeque<Waiting>,
    next_token: u64,
    ping: Interval,
    /// Sent so far.
    pings: u32,
    /// Sent while the broker was being read, and nothing came of it since.
    unanswered: bool,
    stop: watch::Receiver<Stop>,
}

impl Session<'_> {
    async fn live(mut self, mut settled: mpsc::Receiver<(u64, Outcome)>, known: &mut Known) -> Result<(), Ended> {
        if known.subscribed && !known.forgotten {
            self.link.subscribed(known).await;
        } else {
            let filters = spelled(&self.link.settings).into_iter();
            self.connection.subscribe(filters, self.link.qos(), &self.link.lapsed).await?;
        }
        let mut stop = self.stop.clone();
        loop {
            let room = self.waiting.len() < IN_FLIGHT_MAX;
            self.unanswered &= room;
            tokio::select! {
                () = told_to_stop(&mut stop) => return self.leave().await,
                Some((token, outcome)) = settled.recv() => {
                    self.settle(token, outcome)?;
                    while let Ok((token, outcome)) = settled.try_recv() {
                        self.settle(token, outcome)?;
                    }
                    self.acknowledge().await?;
                }
                _ = self.ping.tick() => {
                    if self.unanswered {
                        return Err(Ended::Failed("The broker does not answer any more.".to_owned()));
                    }
                    self.unanswered = room;
                    self.keep_alive().await?;
                }
                packet = self.connection.next(), if room => {
                    self.unanswered = false;
                    if self.take(packet?).await? == Taken::Subscribed {
                        self.link.subscribed(known).await;
                    }
                }
            }
        }
    }

    async fn take(&mut self, heard: Heard) -> Result<Taken, Ended> {
        match heard {
            Heard::Publish(publish) => self.publish(*publish).await?,
            Heard::TooLong(id) => {
                tracing::warn!(broker = %self.link.source, "a message longer than 1 MiB was skipped");
                self.link.status.received();
                self.wait_for(id, true);
                self.pass_over().await?;
            }
            Heard::Subscribed => return Ok(Taken::Subscribed),
            Heard::Understood => {}
            Heard::Refused(sentence) => return Err(Ended::Failed(sentence)),
            Heard::Accepted { .. } => {
                return Err(Ended::Failed("The broker accepted the connection twice.".to_owned()));
            }
        }
        Ok(Taken::Otherwise)
    }

    /// Tells the broker that we are there, whatever else waits, so that a store that is away does not cost the connection.
    async fn keep_alive(&mut self) -> Result<(), Ended> {
        self.pings += 1;
        self.connection.ping().await?;
        self.link.status.heard(self.link.now());
        if self.pings.is_multiple_of(PINGS_PER_NOTE) {
            self.link.remember().await;
        }
        Ok(())
    }

    /// Puts a message into the order of acknowledgements and gives it its token.
    fn wait_for(&mut self, id: Option<NonZeroU16>, settled: bool) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        self.waiting.push_back(Waiting { token, id, settled });
        self.link.status.in_flight(self.waiting.len());
        token
    }

    /// A packet id of another session is another message's.
    fn repeat(&self, id: u16, marked: bool) -> Repeat {
        let first = self.session.wrapping_add(1).wrapping_mul(PARTS);
        Repeat { id, marked, part: first.wrapping_add(u32::from(id) % PARTS) }
    }

    /// A message goes no further: it is counted, and acknowledged in its turn.
    async fn pass_over(&mut self) -> Result<(), Ended> {
        self.link.status.refused();
        self.acknowledge().await
    }

    async fn publish(&mut self, publish: Publish) -> Result<(), Ended> {
        let link = self.link;
        link.status.received();
        let topic = Topic::parse(&publish.topic).ok().filter(|topic| link.wanted.iter().any(|f| f.matches(topic)));
        let token = self.wait_for(publish.packet_id, topic.is_none());
        let Some(topic) = topic else { return self.pass_over().await };
        let inbound = Inbound {
            source: link.source.clone(),
            client: format!("broker:{}", link.source.as_str()).into(),
            topic,
            payload: publish.payload,
            read: None,
            replayed: publish.retain,
            repeat: publish.packet_id.map(|id| self.repeat(id.get(), publish.dup)),
            reply: Reply::new(Arc::clone(&self.outcomes) as _, token),
        };
        let delivered = link.inlet.deliver(inbound);
        tokio::pin!(delivered);
        loop {
            tokio::select! {
                delivered = &mut delivered => return delivered.map_err(|_| Ended::Stopped),
                () = told_to_stop(&mut self.stop) => return Err(Ended::Stopped),
                _ = self.ping.tick() => self.keep_alive().await?,
            }
        }
    }

    fn settle(&mut self, token: u64, outcome: Outcome) -> Result<(), Ended> {
        if outcome == Outcome::Unknown {
            return Err(Ended::Failed("A message could not be stored; the broker is asked for it again.".to_owned()));
        }
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.token == token) {
            waiting.settled = true;
        }
        Ok(())
    }

    /// Acknowledges from the front as far as everything is settled.
    async fn acknowledge(&mut self) -> Result<(), Ended> {
        while self.waiting.front().is_some_and(|waiting| waiting.settled) {
            if let Some(packet_id) = self.waiting.pop_front().and_then(|waiting| waiting.id) {
                self.connection.acknowledge(packet_id)?;
            }
        }
        self.connection.flush().await?;
        // Only now: whoever sees nothing in flight may rely on the broker having it all.
        self.link.status.in_flight(self.waiting.len());
        Ok(())
    }

    async fn leave(&mut self) -> Result<(), Ended> {
        if *self.stop.borrow() == Stop::Remove {
            self.connection.unsubscribe(spelled(&self.link.settings).into_iter())?;
        }
        Ok(self.connection.leave().await?)
    }
}
