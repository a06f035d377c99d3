//! The word that other servers wrote documents of a kind, for whoever keeps such documents in mind.

use std::collections::BTreeMap;

use tokio::sync::watch;

/// How often documents of each kind were written elsewhere, as far as was heard. One server's; cheap to ask.
#[derive(Debug, Default)]
pub struct Tidings(watch::Sender<Heard>);

#[derive(Clone, Debug, Default)]
struct Heard {
    kinds: BTreeMap<String, u64>,
    all: u64,
}

impl Heard {
    fn of(&self, kind: &str) -> u64 {
        self.all + self.kinds.get(kind).copied().unwrap_or_default()
    }
}

impl Tidings {
    /// Documents of this kind were written.
    pub fn of(&self, kind: &str) {
        self.0.send_modify(|heard| *heard.kinds.entry(kind.to_owned()).or_default() += 1);
    }

    /// Documents of any kind may have been written.
    pub fn of_all(&self) {
        self.0.send_modify(|heard| heard.all += 1);
    }

    /// Listens for a kind from now on.
    #[must_use]
    pub fn listen(&self, kind: &'static str) -> Listener {
        let heard = self.0.subscribe();
        let seen = heard.borrow().of(kind);
        Listener { heard, kind, seen }
    }
}

/// Waits for documents of one kind.
#[derive(Debug)]
pub struct Listener {
    heard: watch::Receiver<Heard>,
    kind: &'static str,
    seen: u64,
}

impl Listener {
    /// One that never hears anything: of a store that belongs to one server.
    #[must_use]
    pub fn deaf(kind: &'static str) -> Self {
        Tidings::default().listen(kind)
    }

    /// Returns when documents of the kind were written since the call before, or since it listens. Never, once nobody tells any more.
    /// Cancel-safe.
    pub async fn heard(&mut self) {
        let (kind, seen) = (self.kind, self.seen);
        let news = self.heard.wait_for(|heard| heard.of(kind) != seen).await.map(|heard| heard.of(kind));
        match news {
            Ok(count) => self.seen = count,
            Err(_) => std::future::pending().await,
        }
    }
}
