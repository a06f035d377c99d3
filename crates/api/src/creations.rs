//! Which devices were created under which `Idempotency-Key`, so that a request sent again makes nothing again. Kept in memory:
//! after a restart a repeat is answered `device_exists`.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use axum::http::HeaderMap;
use model::Timestamp;
use tokio::sync::{Mutex, MutexGuard};

use crate::problem::Problem;

/// Creations remembered. Beyond it the oldest is forgotten.
pub const CREATIONS_MAX: usize = 1_000;
/// For so long a repeat is recognised.
const REMEMBERED_MS: i64 = 60 * 60 * 1000;
/// Longest `Idempotency-Key` in bytes.
const KEY_BYTES_MAX: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub struct Creations(Mutex<VecDeque<Creation>>);

#[derive(Debug)]
struct Creation {
    key: String,
    asked: u64,
    device: String,
    at: Timestamp,
}

/// One request that has its turn: a repeat of it waits until it has been answered.
pub struct Turn<'a> {
    creations: MutexGuard<'a, VecDeque<Creation>>,
    key: String,
    asked: u64,
}

impl Creations {
    /// The turn of a request with an `Idempotency-Key`; none for one without.
    ///
    /// # Errors
    /// The key is not one.
    pub async fn turn(&self, headers: &HeaderMap, asked: &impl Hash) -> Result<Option<Turn<'_>>, Problem> {
        let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
        let key = key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= KEY_BYTES_MAX).ok_or_else(|| {
            let detail = format!("an Idempotency-Key must be text of 1 to {KEY_BYTES_MAX} bytes");
            Problem::bad_request("idempotency_key_invalid", detail)
        })?;
        let mut hasher = DefaultHasher::new();
        asked.hash(&mut hasher);
        Ok(Some(Turn { creations: self.0.lock().await, key: key.to_owned(), asked: hasher.finish() }))
    }
}

impl Turn<'_> {
    /// The device that was made under this key before.
    ///
    /// # Errors
    /// Something else was asked for under it.
    pub fn made(&self, now: Timestamp) -> Result<Option<&str>, Problem> {
        let young = |creation: &&Creation| now.millis() - creation.at.millis() < REMEMBERED_MS;
        match self.creations.iter().filter(young).find(|creation| creation.key == self.key) {
            None => Ok(None),
            Some(creation) if creation.asked == self.asked => Ok(Some(&creation.device)),
            Some(_) => {
                let detail = "another device was created with this Idempotency-Key";
                Err(Problem::unprocessable("idempotency_key_reused", detail))
            }
        }
    }

    /// Remembers what was made.
    pub fn remember(mut self, device: &str, now: Timestamp) {
        self.creations.retain(|creation| creation.key != self.key);
        while self.creations.len() >= CREATIONS_MAX {
            self.creations.pop_front();
        }
        let Self { mut creations, key, asked } = self;
        creations.push_back(Creation { key, asked, device: device.to_owned(), at: now });
    }
}
