//! Handing a message over to ingest and waiting for its fate: what every way in over HTTP shares.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use bytes::Bytes;
use decode::Found;
use model::{SourceName, Topic};
use source::{Inbound, Outcome, Repeat, Reply, Settle};
use tokio::sync::oneshot;

use crate::problem::Problem;
use crate::publish::{Published, published};
use crate::state::ApiState;

/// Longest `Idempotency-Key` in bytes. A longer one is refused with 400.
const IDEMPOTENCY_KEY_MAX: usize = 256;

/// States of the store in which nothing can be acknowledged.
const LOG_WAITS: [&str; 4] = ["disk_full", "sync_failed", "read_only", "log_full"];

/// Tells the one request that waits.
struct Waiter(Mutex<Option<oneshot::Sender<Outcome>>>);

impl Settle for Waiter {
    fn settle(&self, _token: u64, outcome: Outcome) {
        if let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A client that went away does not undo the message.
            let _ = sender.send(outcome);
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

/// Hands it over, waiting while the inlet is full. What is answered resolves when the message is durable; if nobody is left
/// to tell, its fate is unknown.
///
/// # Errors
/// 503 when ingest has stopped.
pub async fn hand_over(state: &ApiState, parcel: Parcel) -> Result<oneshot::Receiver<Outcome>, Problem> {
    let Parcel { source, client, topic, payload, read, repeat } = parcel;
    let source = SourceName::parse(source).map_err(|_| Problem::closing())?;
    let (sender, outcome) = oneshot::channel();
    let waiter: Arc<dyn Settle> = Arc::new(Waiter(Mutex::new(Some(sender))));
    let reply = Reply::new(waiter, 0);
    let inbound = Inbound { source, client, topic, payload, read, replayed: false, repeat, reply };
    state.inlet.deliver(inbound).await.map_err(|_| Problem::closing())?;
    Ok(outcome)
}

/// The answer to a request that became several messages, when all of them are settled.
///
/// # Errors
/// The first that was not stored; where others were, it says how many readings of the request were.
pub async fn all_told(outcomes: Vec<oneshot::Receiver<Outcome>>) -> Result<Published, Problem> {
    let (mut readings, mut outcome, mut failed) = (0, "duplicate", None);
    for told in outcomes {
        match published(told.await.unwrap_or(Outcome::Unknown)) {
            Ok(one) => {
                readings += one.readings;
                if one.outcome != "duplicate" {
                    outcome = one.outcome;
                }
            }
            Err(problem) => failed = failed.or(Some(problem)),
        }
    }
    match failed {
        None => Ok(Published { outcome, readings }),
        Some(problem) if readings == 0 => Err(problem),
        Some(problem) => Err(problem.although(&format!("{readings} readings of the same request were stored"))),
    }
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
