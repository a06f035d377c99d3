//! What outlives a run of the server of a broker's connections: until when it was heard, and the gaps. A document of its own,
//! because it changes by itself and must not be in the way of a person who changes the broker.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use source::Gap;
use store::{Catalog, CatalogError, Expected, Version};
use tokio::time::timeout;

/// The kind of the documents.
const KIND: &str = "external_broker_link";
/// How long a store may take to write it. Then it is left for the next time: messages are more urgent.
const KEEP_WITHIN: Duration = Duration::from_secs(1);

/// A document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The last ones, oldest first.
    pub gaps: Vec<Gap>,
    /// When a connection was last known to be subscribed, epoch ms of server time; none if none ever was.
    pub heard: Option<i64>,
    /// Which session at the broker, counted from its first one: packet ids mean something within one only.
    #[serde(default)]
    pub session: u32,
}

/// Where it is kept. One task writes at a time.
pub struct Memory {
    catalog: Arc<dyn Catalog>,
    name: String,
    version: Mutex<Option<Version>>,
}

impl Memory {
    /// What is known of a broker. What cannot be read is as good as nothing, and is said in the log.
    pub async fn of(catalog: Arc<dyn Catalog>, name: &str) -> (Self, Remembered) {
        let memory = Self { catalog, name: name.to_owned(), version: Mutex::new(None) };
        let found = memory.catalog.get(KIND, name).await.map_err(|error| error.to_string());
        let read = found.and_then(|document| {
            let Some(document) = document else { return Ok(Remembered::default()) };
            *memory.version.lock() = Some(document.version);
            serde_json::from_str(&document.body).map_err(|error| error.to_string())
        });
        let remembered = read.unwrap_or_else(|error| {
            tracing::warn!(broker = name, %error, "what was known of its connections cannot be read");
            Remembered::default()
        });
        (memory, remembered)
    }

    /// Keeps it. If that fails or takes long, it is said in the log.
    pub async fn keep(&self, remembered: &Remembered) {
        let Ok(body) = serde_json::to_string(remembered) else { return };
        match timeout(KEEP_WITHIN, self.put(&body)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(broker = self.name, %error, "the state of its connection is not kept"),
            Err(_) => {
                tracing::warn!(broker = self.name, "the store is slow: the state of its connection is not kept yet")
            }
        }
    }

    async fn put(&self, body: &str) -> Result<(), CatalogError> {
        let expected = self.version.lock().map_or(Expected::Absent, Expected::Version);
        let put = match self.catalog.put(KIND, &self.name, expected, body, &[]).await {
            // One that was given up had been written after all.
            Err(CatalogError::Conflict { .. }) => {
                let found = self.catalog.get(KIND, &self.name).await?.map(|document| document.version);
                let expected = found.map_or(Expected::Absent, Expected::Version);
                self.catalog.put(KIND, &self.name, expected, body, &[]).await
            }
            put => put,
        };
        *self.version.lock() = Some(put?);
        Ok(())
    }

    /// Forgets everything.
    pub async fn forget(&self) {
        let removed = async {
            match self.catalog.get(KIND, &self.name).await? {
                Some(document) => self.catalog.remove(KIND, &self.name, document.version).await,
                None => Ok(()),
            }
        };
        if let Err(error) = removed.await {
            tracing::warn!(broker = self.name, %error, "the state of its connection is not forgotten");
        }
    }
}
