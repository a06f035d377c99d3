//! Handing a message over to ingest and waiting for its fate: what every way in over HTTP shares.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use bytes::Bytes;
use decode::Found;
use model::{SourceName, Topic};
use source::{Account, Inbound, Outcome, Repeat, Reply, Settle};
use tokio::sync::oneshot;

use crate::problem::Problem;
use crate::publish::{Published, published};
use crate::refusals::refused_in_words;
use crate::state::ApiState;

/// Longest `Idempotency-Key` in bytes. A longer one is refused with 400.
const IDEMPOTENCY_KEY_MAX: usize = 256;

/// States of the store in which nothing can be acknowledged.
const LOG_WAITS: [&str; 4] = ["disk_full", "sync_failed", "read_only", "log_full"];

/// The fate of a message, and why.
#[derive(Debug)]
pub struct Fate {
    pub outcome: Outcome,
    pub account: Account,
}

impl From<Outcome> for Fate {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, account: Account::default() }
    }
}

/// What the one who waits is told.
pub struct Waiting(oneshot::Receiver<Fate>);

impl Waiting {
    /// If nobody is left to tell, the fate is unknown.
    pub async fn told(&mut self) -> Fate {
        (&mut self.0).await.unwrap_or_else(|_| Outcome::Unknown.into())
    }
}

/// Tells the one request that waits.
struct Waiter(Mutex<Option<oneshot::Sender<Fate>>>);

impl Settle for Waiter {
    fn settle(&self, token: u64, outcome: Outcome) {
        self.settle_because(token, outcome, Account::default());
    }

    fn settle_because(&self, _token: u64, outcome: Outcome, account: Account) {
        if let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A client that went away does not undo the message.
            let _ = sender.send(Fate { outcome, account });
        }
    }
}

/// A message that a request brings.
pub struct Parcel {
    /// `http` or `import`.
    pub source: &'static str,
    /// See [`sender`].
    pub client: Arc<str>,
    /// Where it would have been published.
    pub topic: Topic,
    /// As it came.
    pub payload: Bytes,
    /// What was read out of it already; none for what ingest is to decode.
    pub read: Option<Vec<Found>>,
    /// See [`sender`].
    pub repeat: Option<Repeat>,
}

/// Hands it over, waiting while the inlet is full. What is answered resolves when the message is durable.
///
/// # Errors
/// 503 when ingest has stopped.
pub async fn hand_over(state: &ApiState, parcel: Parcel) -> Result<Waiting, Problem> {
    let Parcel { source, client, topic, payload, read, repeat } = parcel;
    let source = SourceName::parse(source).map_err(|_| Problem::closing())?;
    let (sender, outcome) = oneshot::channel();
    let waiter: Arc<dyn Settle> = Arc::new(Waiter(Mutex::new(Some(sender))));
    let reply = Reply::new(waiter, 0);
    let inbound = Inbound { source, client, topic, payload, read, replayed: false, repeat, reply };
    state.inlet.deliver(inbound).await.map_err(|_| Problem::closing())?;
    Ok(Waiting(outcome))
}

/// The answer to a request that became several messages, when all of them are settled.
///
/// # Errors
/// The first that was not stored; where others were, it says how many readings of the request were.
pub async fn all_told(outcomes: Vec<Waiting>) -> Result<Published, Problem> {
    let (mut all, mut failed) = (Published::plain("duplicate", 0), None);
    for mut told in outcomes {
        match published(told.told().await) {
            Ok(one) => all.join(one),
            Err(problem) => failed = failed.or(Some(problem)),
        }
    }
    let readings = all.readings;
    match failed {
        None => Ok(all),
        Some(problem) if readings == 0 => Err(problem),
        Some(problem) => Err(problem.although(&format!("{readings} readings of the same request were stored"))),
    }
}

/// By why, as the books call it, and in words; nothing where none was refused.
pub fn refused(account: &Account, stored: u32) -> (BTreeMap<&'static str, u64>, Option<String>) {
    let by_reason = account.refused.iter().map(|(reason, count)| (reason.as_str(), u64::from(*count))).collect();
    (by_reason, refused_in_words(&account.refused, stored))
}

/// Why nothing can be acknowledged now, as a sentence, if so it is.
pub fn store_waits(state: &ApiState) -> Option<String> {
    state.store.stats().degraded.into_iter().find(|reason| LOG_WAITS.contains(&reason.code)).map(|reason| reason.detail)
}

/// What waits for a full disk cannot be taken back when its client gives up, so it is not taken in.
///
/// # Errors
/// 507 while nothing can be acknowledged.
pub fn can_store(state: &ApiState) -> Result<(), Problem> {
    store_waits(state).map_or(Ok(()), |sentence| Err(Problem::not_stored(sentence)))
}

/// Who sends, and what tells a repeat. With a key the key is the client, so that each has a repeat window of its own.
///
/// # Errors
/// 400 for a key that is not one.
pub fn sender(headers: &HeaderMap, peer: SocketAddr) -> Result<(Arc<str>, Option<Repeat>), Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok((peer.ip().to_string().into(), None)) };
    match key.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= IDEMPOTENCY_KEY_MAX => {
            Ok((format!("idempotency-key:{key}").into(), Some(Repeat { id: 0, marked: true, part: 0 })))
        }
        Ok(_) | Err(_) => {
            let detail = format!("an Idempotency-Key must be text of 1 to {IDEMPOTENCY_KEY_MAX} bytes");
            Err(Problem::bad_request("idempotency_key_invalid", detail))
        }
    }
}
