//! The life with one broker: connect, subscribe, hand over, acknowledge in order, and begin again after a pause.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use model::{SourceName, Topic, TopicFilter};
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v3::{Packet, SubscribeReturnCode};
use source::{BrokerSettings, Inbound, Inlet, LinkState, Outcome, Repeat, Reply, Settle};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::connection::{Connection, KEEP_ALIVE_S, step};
use crate::keeping::spelled;
use crate::status::Status;

/// Messages handed over and not yet acknowledged. Beyond it the broker is not read. Below the 128 that ingest remembers of one
/// client, so that all of them are recognised when they come again.
const IN_FLIGHT_MAX: usize = 99;
const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
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
    pub client_id: String,
    /// Filters of before, which the broker may still hold for us.
    pub lapsed: Vec<String>,
    pub source: SourceName,
    pub wanted: Vec<TopicFilter>,
    pub status: Arc<Status>,
    pub inlet: Inlet,
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
        let mut subscribed = false;
        while *self.stop.borrow() == Stop::Run {
            let began = self.clock.monotonic();
            match self.session(&mut subscribed).await {
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

    async fn session(&mut self, subscribed: &mut bool) -> Ended {
        let mut stop = self.stop.clone();
        let opened = tokio::select! {
            opened = Connection::open(&self.settings, &self.client_id) => opened,
            () = told_to_stop(&mut stop) => return Ended::Stopped,
        };
        let (connection, present) = match opened {
            Ok(opened) => opened,
            Err(sentence) => return Ended::Failed(sentence),
        };
        let (outcomes, settled) = mpsc::channel(IN_FLIGHT_MAX + 1);
        let session = Session {
            link: self,
            connection,
            outcomes: Arc::new(Settled(outcomes)),
            waiting: VecDeque::new(),
            next_token: 0,
            pings: 0,
            stop,
        };
        let again = !(present && *subscribed);
        let ended = session.live(settled, again, present, subscribed).await;
        if *subscribed {
            self.status.lost(self.now());
        }
        match ended {
            Ok(()) => Ended::Stopped,
            Err(ended) => ended,
        }
    }

    fn qos(&self) -> QoS {
        let all_0 = self.settings.filters.iter().all(|filter| filter.qos == 0);
        if all_0 { QoS::AtMostOnce } else { QoS::AtLeastOnce }
    }
}

async fn told_to_stop(stop: &mut watch::Receiver<Stop>) {
    // A sender that is gone has stopped as well.
    let _ = stop.wait_for(|stop| *stop != Stop::Run).await;
}

struct Session<'a> {
    link: &'a Link,
    connection: Connection,
    outcomes: Arc<Settled>,
    waiting: VecDeque<Waiting>,
    next_token: u64,
    /// Sent and not answered.
    pings: u8,
    stop: watch::Receiver<Stop>,
}

impl Session<'_> {
    async fn live(
        mut self,
        mut settled: mpsc::Receiver<(u64, Outcome)>,
        again: bool,
        present: bool,
        subscribed: &mut bool,
    ) -> Result<(), Ended> {
        if again {
            self.subscribe()?;
            step("its acknowledgements", async { self.connection.flush().await }).await?;
        } else {
            self.link.status.connected(present, self.link.now());
        }
        let mut stop = self.stop.clone();
        let mut ping = interval(Duration::from_secs(u64::from(KEEP_ALIVE_S) / 2));
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        loop {
            let room = self.waiting.len() < IN_FLIGHT_MAX;
            tokio::select! {
                () = told_to_stop(&mut stop) => return self.leave().await,
                Some((token, outcome)) = settled.recv() => {
                    self.settle(token, outcome)?;
                    while let Ok((token, outcome)) = settled.try_recv() {
                        self.settle(token, outcome)?;
                    }
                    self.acknowledge().await?;
                }
                _ = ping.tick() => {
                    if self.pings > 0 && room {
                        return Err(Ended::Failed("The broker does not answer any more.".to_owned()));
                    }
                    self.pings = 1;
                    self.connection.push(Packet::PingRequest)?;
                    self.connection.flush().await?;
                }
                packet = self.connection.next(), if room => match packet? {
                    Packet::Publish(publish) => self.publish(*publish).await?,
                    Packet::PingResponse => self.pings = 0,
                    Packet::SubscribeAck { status, .. } => {
                        if status.contains(&SubscribeReturnCode::Failure) {
                            let sentence = "The broker refused a filter; this user may not subscribe to it.";
                            return Err(Ended::Failed(sentence.to_owned()));
                        }
                        self.link.status.connected(present, self.link.now());
                        *subscribed = true;
                    }
                    Packet::UnsubscribeAck { .. } => {}
                    Packet::Connect(_) | Packet::ConnectAck(_) | Packet::PublishAck { .. }
                    | Packet::PublishReceived { .. } | Packet::PublishRelease { .. } | Packet::PublishComplete { .. }
                    | Packet::Subscribe { .. } | Packet::Unsubscribe { .. } | Packet::PingRequest | Packet::Disconnect => {
                        return Err(Ended::Failed("The broker sent a packet that is none of a broker.".to_owned()));
                    }
                },
            }
        }
    }

    fn subscribe(&mut self) -> Result<(), String> {
        let lapsed = self.link.lapsed.iter().map(|filter| filter.clone().into()).collect::<Vec<_>>();
        if !lapsed.is_empty() {
            self.connection.push(Packet::Unsubscribe { packet_id: NonZeroU16::MIN, topic_filters: lapsed })?;
        }
        let qos = self.link.qos();
        let filters = spelled(&self.link.settings);
        let topic_filters = filters.into_iter().map(|filter| (filter.into(), qos)).collect();
        self.connection.push(Packet::Subscribe { packet_id: NonZeroU16::MIN, topic_filters })
    }

    async fn publish(&mut self, publish: Publish) -> Result<(), Ended> {
        let link = self.link;
        link.status.received(&publish.topic, &publish.payload, link.now());
        let token = self.next_token;
        self.next_token += 1;
        let topic = Topic::parse(&publish.topic).ok().filter(|topic| link.wanted.iter().any(|f| f.matches(topic)));
        self.waiting.push_back(Waiting { token, id: publish.packet_id, settled: topic.is_none() });
        link.status.in_flight(self.waiting.len());
        let Some(topic) = topic else {
            link.status.refused();
            return self.acknowledge().await;
        };
        let inbound = Inbound {
            source: link.source.clone(),
            client: format!("broker:{}", link.source.as_str()).into(),
            topic,
            payload: publish.payload,
            read: None,
            replayed: publish.retain,
            repeat: publish.packet_id.map(|id| Repeat { id: id.get(), marked: publish.dup }),
            reply: Reply::new(Arc::clone(&self.outcomes) as _, token),
        };
        tokio::select! {
            delivered = link.inlet.deliver(inbound) => delivered.map_err(|_| Ended::Stopped),
            () = told_to_stop(&mut self.stop) => Err(Ended::Stopped),
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
                self.connection.push(Packet::PublishAck { packet_id })?;
            }
        }
        self.link.status.in_flight(self.waiting.len());
        Ok(self.connection.flush().await?)
    }

    async fn leave(&mut self) -> Result<(), Ended> {
        if *self.stop.borrow() == Stop::Remove {
            let topic_filters = spelled(&self.link.settings).into_iter().map(Into::into).collect();
            self.connection.push(Packet::Unsubscribe { packet_id: NonZeroU16::MIN, topic_filters })?;
        }
        self.connection.push(Packet::Disconnect)?;
        Ok(self.connection.flush().await?)
    }
}
