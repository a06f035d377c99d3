//! The broker as a whole: its listener, who is connected, and the order in which it stops.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::BytesMut;
use clock::Clock;
use model::{SourceName, TopicFilter};
use parking_lot::Mutex;
use source::{Inbound, Inlet, Outcome, Own, Parting, RefusedView, Reply, SessionView, Sessions, Settle, Watch};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection;
use crate::counters::{Counters, Tally, count};
use crate::greeting::{self, Greeting, Rejection};
use crate::limits::Limits;
use crate::link::{Link, Origin, Shared};
use crate::message::Message;
use crate::reason::{Class, Reason};
use crate::refusals::{Refusal, Refusals};
use crate::retained::Retained;
use crate::router::Router;

/// Pause after a failed accept, mostly for want of file descriptors: others may close theirs meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One log line for so many failed accepts: at one attempt per pause, one in ten seconds.
const ACCEPT_ERRORS_PER_LINE: u64 = 100;

/// An MQTT broker that acknowledges what ingest says is durable.
pub struct Broker {
    shared: Arc<Shared>,
    inlet: Inlet,
    clock: Arc<dyn Clock>,
    source: SourceName,
    watch: Arc<dyn Watch>,
    own: Arc<Own>,
    router: Router,
    retained: Retained,
    refusals: Refusals,
    sessions: Mutex<HashMap<Arc<str>, Arc<Link>>>,
    doors: Mutex<Doors>,
    numbers: AtomicU64,
    stopping: CancellationToken,
}

/// Who has come in, whether or not a session came of it.
#[derive(Default)]
struct Doors {
    open: usize,
    waiting: usize,
    by_ip: HashMap<IpAddr, usize>,
}

/// A place among the connections, given back when dropped.
struct Place {
    broker: Arc<Broker>,
    ip: IpAddr,
}

/// A place among the connections without a CONNECT, given back when dropped.
struct Waiting(Arc<Broker>);

/// A client's place among the sessions, given back when dropped unless another connection has taken it.
pub(crate) struct Registration {
    broker: Arc<Broker>,
    link: Arc<Link>,
}

/// Wills are acknowledged to nobody.
struct Nobody;

impl Settle for Nobody {
    fn settle(&self, _token: u64, _outcome: Outcome) {}
}

impl Watch for Nobody {
    fn came(&self, _client: &Arc<str>, _number: u64, _address: IpAddr) {}
    fn went(&self, _client: &Arc<str>, _number: u64, _parting: Parting) {}
}

impl Broker {
    /// A broker that listens nowhere yet. `clock` stamps what is shown to people; everything else runs on tokio's time.
    #[must_use]
    pub fn new(limits: Limits, inlet: Inlet, clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::watched(limits, inlet, clock, Arc::new(Nobody), Arc::default())
    }

    /// As [`Broker::new`]; `watch` is told of every session, and links of our `own` to external brokers are refused.
    #[must_use]
    pub fn watched(
        limits: Limits,
        inlet: Inlet,
        clock: Arc<dyn Clock>,
        watch: Arc<dyn Watch>,
        own: Arc<Own>,
    ) -> Arc<Self> {
        Arc::new(Self {
            watch,
            own,
            router: Router::new(limits.subscriptions_total_max),
            retained: Retained::new(limits.retained_max, limits.retained_bytes_max),
            refusals: Refusals::new(limits.refusals_max, limits.log_lines_per_second),
            shared: Arc::new(Shared { limits, tally: Tally::default(), room: Notify::new() }),
            inlet,
            clock,
            source: source_name(),
            sessions: Mutex::default(),
            doors: Mutex::default(),
            numbers: AtomicU64::new(0),
            stopping: CancellationToken::new(),
        })
    }

    /// Accepts until `stop`, then stops in order: no more connections, no more reading, acknowledgements as far as
    /// outcomes come within `stop_grace`, goodbyes. Returns when the last connection of this listener is gone.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: impl Future<Output = ()> + Send) {
        let tracker = TaskTracker::new();
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.welcome(stream, peer.ip().to_canonical(), &tracker),
                    Err(error) => self.could_not_accept(&error).await,
                },
            }
        }
        drop(listener);
        self.stopping.cancel();
        self.end_sessions();
        tracker.close();
        tracker.wait().await;
    }

    fn welcome(self: &Arc<Self>, stream: TcpStream, ip: IpAddr, tracker: &TaskTracker) {
        count(&self.shared.tally.connections_total);
        // Acknowledgements are small and are wanted now. A socket that refuses this is about to fail anyway.
        let _ = stream.set_nodelay(true);
        match self.enter(ip) {
            Ok(place) => {
                let attached = Arc::clone(self);
                tracker.spawn(async move { attached.occupy(stream, place).await });
            }
            Err(reason) => self.note(reason, ip, None),
        }
    }

    async fn could_not_accept(&self, error: &io::Error) {
        let tally = &self.shared.tally;
        count(&tally.accept_errors);
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            return;
        }
        if tally.accept_errors.load(Relaxed) % ACCEPT_ERRORS_PER_LINE == 1 {
            tracing::warn!(%error, "A connection could not be accepted; waiting before the next.");
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }

    /// Runs one connection over a transport of the caller's (TLS, WebSocket, a pipe), as if it had been accepted. It
    /// ends with the others when a `serve` stops; the caller waits for it.
    pub async fn attach<T>(self: Arc<Self>, io: T, ip: IpAddr)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send,
    {
        count(&self.shared.tally.connections_total);
        match self.enter(ip) {
            Ok(place) => self.occupy(io, place).await,
            Err(reason) => self.note(reason, ip, None),
        }
    }

    async fn occupy<T>(self: Arc<Self>, io: T, place: Place)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let waiting = Waiting(Arc::clone(&self));
        connection::run(self, io, place.ip, waiting).await;
        drop(place);
    }

    fn enter(self: &Arc<Self>, ip: IpAddr) -> Result<Place, Reason> {
        let limits = &self.shared.limits;
        let mut doors = self.doors.lock();
        let from_ip = doors.by_ip.get(&ip).copied().unwrap_or(0);
        if doors.open >= limits.connections_max {
            return Err(Reason::ConnectionsMax);
        }
        if doors.waiting >= limits.waiting_max {
            return Err(Reason::WaitingMax);
        }
        if from_ip >= limits.connections_per_ip_max && !ip.is_loopback() {
            return Err(Reason::ConnectionsPerIpMax);
        }
        doors.open += 1;
        doors.waiting += 1;
        doors.by_ip.insert(ip, from_ip + 1);
        Ok(Place { broker: Arc::clone(self), ip })
    }

    /// Makes the client's session. A session with the same client identifier ends (0x8E); its will is published before
    /// the new one is answered, so that it never overtakes what the client says next.
    pub(crate) async fn register(self: &Arc<Self>, greeting: Greeting, ip: IpAddr) -> Result<Registration, Rejection> {
        if self.stopping.is_cancelled() {
            return Err(Rejection { reason: Reason::Stopping, version: Some(greeting.version) });
        }
        let number = self.numbers.fetch_add(1, Relaxed);
        let assigned = greeting.client.is_empty().then(|| format!("auto-{:x}-{number:x}", self.clock.now().millis()));
        let client = assigned.as_deref().map_or_else(|| Arc::clone(&greeting.client), Arc::from);
        let mut connack = BytesMut::new();
        greeting::accept(&greeting, assigned.as_deref(), &self.shared.limits, &mut connack);
        let from = Origin { address: ip, since: self.clock.now(), id_assigned: assigned.is_some() };
        let link = Arc::new(Link::new(Arc::clone(&self.shared), number, Arc::clone(&client), greeting, from));
        // The first packet is the CONNACK: nobody else knows the link yet. It cannot be too much for the queue.
        let _ = link.answer(|out| out.unsplit(connack));
        let before = self.sessions.lock().insert(client, Arc::clone(&link));
        self.watch.came(&link.client, number, ip);
        let registration = Registration { broker: Arc::clone(self), link: Arc::clone(&link) };
        if let Some(before) = before {
            if before.end(Reason::TakenOver) == Reason::TakenOver
                && let Some(will) = before.take_will()
            {
                self.fan_out(&will, None);
                self.deliver_will(&before.client, will).await;
            }
        } else {
            count(&self.shared.tally.connections);
        }
        if self.stopping.is_cancelled() {
            // The stop may have passed the list before this one was in it.
            link.end(Reason::Stopped);
        }
        Ok(registration)
    }

    /// A session is over.
    pub(crate) fn part(&self, link: &Link, reason: Reason) {
        let parting = if reason == Reason::Disconnected {
            Parting::Goodbye
        } else if reason == Reason::TakenOver {
            Parting::TakenOver
        } else if reason == Reason::Stopped {
            Parting::Stopped
        } else {
            Parting::Lost
        };
        self.watch.went(&link.client, link.number, parting);
    }

    fn end_sessions(&self) {
        for link in self.sessions.lock().values() {
            link.end(Reason::Stopped);
        }
    }

    /// Counts the end of a connection, and keeps and says it if something was wrong.
    pub(crate) fn note(&self, reason: Reason, ip: IpAddr, client: Option<&Arc<str>>) {
        self.shared.tally.ended(reason);
        self.refusals.add(Refusal { time: self.clock.now(), ip, client: client.cloned(), reason, count: 1 });
    }

    /// Retains the message if it asks for it and queues a copy for everyone who asked for it. Waits for nothing.
    pub(crate) fn fan_out(&self, message: &Message, from: Option<u64>) {
        if message.retain && self.retained.set(message, self.clock.monotonic()).is_err() {
            count(&self.shared.tally.retained_refused);
        }
        self.router.fan_out(message, from);
    }

    /// Queues retained messages for a subscriber from behind the topic `after`, as long as there is space; answers the
    /// topic to go on from.
    pub(crate) fn send_retained(
        &self,
        link: &Link,
        filter: &TopicFilter,
        id: Option<NonZeroU32>,
        after: Option<&Arc<str>>,
    ) -> Option<Arc<str>> {
        let ids: Vec<_> = id.into_iter().collect();
        self.retained.matching(filter, self.clock.monotonic(), after, |message| {
            if let Some(copy) = message.encode(link.version, true, &ids) {
                link.push(copy);
            }
            link.has_space()
        })
    }

    /// Hands a will to ingest, waiting while it is full.
    pub(crate) async fn deliver_will(&self, client: &Arc<str>, will: Message) {
        count(&self.shared.tally.wills);
        let inbound = Inbound {
            source: self.source.clone(),
            client: Arc::clone(client),
            topic: will.topic,
            payload: will.payload,
            read: None,
            replayed: false,
            repeat: None,
            reply: Reply::new(Arc::new(Nobody), 0),
        };
        // If ingest has stopped, nobody is left to keep it.
        let _ = self.inlet.deliver(inbound).await;
    }

    /// Everything counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let (retained, retained_bytes) = self.retained.size();
        Counters {
            subscriptions: self.router.len() as u64,
            retained: retained as u64,
            retained_bytes: retained_bytes as u64,
            ..self.shared.tally.snapshot()
        }
    }

    /// The last connections that were refused or closed because something was wrong, oldest first.
    #[must_use]
    pub fn refusals(&self) -> Vec<Refusal> {
        self.refusals.list()
    }

    /// Told when the broker stops.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    pub(crate) fn own(&self) -> &Own {
        &self.own
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.shared.tally
    }

    pub(crate) fn room(&self) -> &Notify {
        &self.shared.room
    }

    pub(crate) fn router(&self) -> &Router {
        &self.router
    }

    pub(crate) fn inlet(&self) -> &Inlet {
        &self.inlet
    }

    pub(crate) fn source(&self) -> &SourceName {
        &self.source
    }
}

impl Sessions for Broker {
    fn session(&self, client: &str) -> Option<SessionView> {
        self.sessions.lock().get(client).map(|link| link.view())
    }

    fn refused(&self) -> Vec<RefusedView> {
        let refused = self.refusals.list().into_iter().rev();
        let refused = refused.filter(|it| matches!(it.reason.class(), Class::Refused | Class::Protocol));
        let view = |refusal: Refusal| RefusedView {
            time: refusal.time,
            client: refusal.client,
            address: refusal.ip,
            reason: refusal.reason.as_str(),
            detail: refusal.reason.sentence(),
            count: refusal.count,
        };
        refused.map(view).collect()
    }
}

#[expect(clippy::expect_used, reason = "a constant that is a name")]
fn source_name() -> SourceName {
    SourceName::parse("mqtt").expect("a name")
}

impl Registration {
    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.link
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut sessions = self.broker.sessions.lock();
        if sessions.get(&self.link.client).is_some_and(|link| link.number == self.link.number) {
            sessions.remove(&self.link.client);
            self.broker.shared.tally.connections.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.doors.lock().waiting -= 1;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut doors = self.broker.doors.lock();
        doors.open -= 1;
        if let Some(from_ip) = doors.by_ip.get_mut(&self.ip) {
            *from_ip -= 1;
            if *from_ip == 0 {
                doors.by_ip.remove(&self.ip);
            }
        }
    }
}
