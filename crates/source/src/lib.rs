//! The port for everything that brings messages in: the embedded broker, HTTP, external brokers, the inbox.
//!
//! A source hands over an [`Inbound`] and gets exactly one [`Outcome`] back through its [`Settle`], only after the
//! message's fate is durable. It acknowledges to its sender only then, and never on [`Outcome::Unknown`].
//! Outcomes of the messages of one source arrive in the order of hand-over, but for those that wait for an announcement: whoever
//! acknowledges in order keeps that order itself.

#![warn(missing_docs)]

mod external;
mod own;
mod sessions;

use std::sync::Arc;

use bytes::Bytes;
use decode::Found;
use model::{RejectReason, SourceName, Topic};
use tokio::sync::mpsc;

pub use external::{
    BrokerSettings, BrokerView, Brokers, BrokersError, Gap, LinkState, LinkView, Protocol, Subscription, Tls,
};
pub use own::{Own, Saying};
pub use sessions::{Parting, RefusedView, SessionView, Sessions, Watch};

/// Bytes on a topic, with whom to tell about their fate.
pub struct Inbound {
    /// The way it came in; the books are kept by it.
    pub source: SourceName,
    /// Who sent it: MQTT client id, or the address of an HTTP client. Free text of the network, never trusted.
    pub client: Arc<str>,
    /// Where it was published.
    pub topic: Topic,
    /// What was published, of any content.
    pub payload: Bytes,
    /// Values that the source has read out of it already, such as the rows of a table: then nothing is decoded.
    pub read: Option<Vec<Found>>,
    /// A broker had kept it and sent it again because somebody subscribed: old news unless it has a time of its own.
    pub replayed: bool,
    /// What tells a repeat from a new message; none for QoS 0 and for HTTP without `Idempotency-Key`.
    pub repeat: Option<Repeat>,
    /// Told exactly once.
    pub reply: Reply,
}

/// What the sender said about sending this before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The packet identifier; 0 for HTTP, where the client text holds the key.
    pub id: u16,
    /// DUP = 1, or an `Idempotency-Key`. Without it nothing is ever taken for a repeat.
    pub marked: bool,
    /// In which of the sender's memories of its last messages it is looked for. 0 for all but an external broker, which may
    /// send more at once than one of them holds.
    pub part: u32,
}

/// The fate of one message, told after it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// That many readings were accepted.
    Stored {
        /// At least 1.
        readings: u32,
    },
    /// Understood, nothing to store: `text`, `availability`, `discovery`, `meta`, `event`, `clear`. See also
    /// [`Outcome::NOT_KEPT`].
    NoReading {
        /// The word in the books.
        kind: &'static str,
    },
    /// Could not be read; kept in the unread list with its reason.
    Unread,
    /// A marked repeat of a message accepted before.
    Duplicate,
    /// Refused as a whole, counted under this reason.
    Rejected(RejectReason),
    /// Nobody knows whether it was stored, or it was not: never acknowledge it.
    Unknown,
}

impl Outcome {
    /// An announcement that holds, but is lost if the server stops before the database takes it. It holds no reading, so nobody
    /// is cut off for it: acknowledge it, with a word of that where the protocol has one.
    pub const NOT_KEPT: Self = Self::NoReading { kind: "discovery_not_kept" };
}

/// Why a message is not stored, or not all of it: what an [`Outcome`] has no room for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// A stable code and a sentence, where it could not be read.
    pub unread: Option<(&'static str, Arc<str>)>,
    /// Values that were found in it and refused, by why; each reason once.
    pub refused: Vec<(RejectReason, u32)>,
}

impl Account {
    /// One more value was refused.
    pub fn refuse(&mut self, reason: RejectReason) {
        match self.refused.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.refused.push((reason, 1)),
        }
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unread.is_none() && self.refused.is_empty()
    }
}

/// Where outcomes go. Called from the ingest task: must return at once and must not block.
pub trait Settle: Send + Sync {
    /// `token` is what the source put into the [`Reply`].
    fn settle(&self, token: u64, outcome: Outcome);

    /// The same with why. A source whose protocol has no words for it leaves it out.
    fn settle_because(&self, token: u64, outcome: Outcome, account: Account) {
        drop(account);
        self.settle(token, outcome);
    }
}

/// A source's own number for a message, and where to send its outcome.
#[derive(Clone)]
pub struct Reply {
    sink: Arc<dyn Settle>,
    token: u64,
    account: Option<Box<Account>>,
}

impl Reply {
    /// `token` comes back with the outcome.
    #[must_use]
    pub fn new(sink: Arc<dyn Settle>, token: u64) -> Self {
        Self { sink, token, account: None }
    }

    /// What is to be told with the outcome.
    pub fn because(&mut self, account: Account) {
        self.account = Some(Box::new(account));
    }

    /// With nothing to be told beside the outcome.
    #[must_use]
    pub fn without_account(self) -> Self {
        Self { account: None, ..self }
    }

    /// Tells the source. Consumes the reply, so that it is told once.
    pub fn settle(self, outcome: Outcome) {
        match self.account {
            Some(account) => self.sink.settle_because(self.token, outcome, *account),
            None => self.sink.settle(self.token, outcome),
        }
    }
}

/// The bounded way in to ingest, cloned to every source. When it is full, sources wait: that is the back-pressure.
#[derive(Clone)]
pub struct Inlet {
    sender: mpsc::Sender<Inbound>,
}

/// Ingest has stopped; nothing more is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ingest has stopped")]
pub struct Closed;

impl Inlet {
    /// An inlet that holds at most `messages_max` messages, and ingest's end of it.
    #[must_use]
    pub fn bounded(messages_max: usize) -> (Self, mpsc::Receiver<Inbound>) {
        let (sender, receiver) = mpsc::channel(messages_max);
        (Self { sender }, receiver)
    }

    /// Hands over one message, waiting while the inlet is full. Cancel-safe: either handed over or not at all.
    ///
    /// # Errors
    /// [`Closed`] when ingest has stopped; the message is dropped unacknowledged.
    pub async fn deliver(&self, inbound: Inbound) -> Result<(), Closed> {
        self.sender.send(inbound).await.map_err(|_| Closed)
    }
}
