//! What is this server itself, so that a link to an external broker that leads back here is known, by whatever name and way.
//!
//! A link says here what it is about to send as its CONNECT, for as long as it waits for the answer. If the same bytes come to our
//! own broker meanwhile, it is that link: client id, versions, times, user and password are all the same. A client of somebody
//! else's that says the very same at the very same moment is refused once and taken the next time.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Where this server listens for MQTT, and what its own links are saying. `default()` listens nowhere.
#[derive(Debug, Default)]
pub struct Own {
    listening: Vec<SocketAddr>,
    /// As many as there are links that wait for their CONNACK.
    said: Mutex<Vec<Arc<Said>>>,
}

#[derive(Debug)]
struct Said {
    connect: Bytes,
    came_here: AtomicBool,
}

/// A CONNECT of ours that waits for its answer; forgotten when dropped.
#[derive(Debug)]
pub struct Saying {
    own: Arc<Own>,
    said: Arc<Said>,
}

impl Own {
    /// A server that listens at these addresses, each one that a client can connect to.
    #[must_use]
    pub fn listening(listening: Vec<SocketAddr>) -> Self {
        Self { listening, said: Mutex::default() }
    }

    /// Whether we listen there. The addresses are those of the start of the server: one that came later is not known.
    #[must_use]
    pub fn is_at(&self, address: SocketAddr) -> bool {
        self.listening.contains(&SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// A link is about to send this packet.
    #[must_use]
    pub fn says(self: &Arc<Self>, connect: Bytes) -> Saying {
        let said = Arc::new(Said { connect, came_here: AtomicBool::new(false) });
        self.lock().push(Arc::clone(&said));
        Saying { own: Arc::clone(self), said }
    }

    /// Whether this packet, which came to our broker, is one of ours. Its link learns of it.
    #[must_use]
    pub fn recognises(&self, connect: &[u8]) -> bool {
        let said = self.lock();
        let ours = said.iter().filter(|said| said.connect == connect);
        ours.map(|said| said.came_here.store(true, Relaxed)).count() > 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Said>>> {
        // Nothing under the lock panics.
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Saying {
    /// Whether it came to our own broker.
    #[must_use]
    pub fn came_here(&self) -> bool {
        self.said.came_here.load(Relaxed)
    }
}

impl Drop for Saying {
    fn drop(&mut self) {
        self.own.lock().retain(|said| !Arc::ptr_eq(said, &self.said));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_of_ours_is_recognised_only_while_it_waits_for_its_answer() {
        let own = Arc::new(Own::default());
        let (one, other) = (own.says(Bytes::from_static(b"one")), own.says(Bytes::from_static(b"other")));
        assert!(!own.recognises(b"a third") && own.recognises(b"one"));
        assert!(one.came_here() && !other.came_here());
        drop(one);
        assert!(!own.recognises(b"one") && own.recognises(b"other"));
    }

    #[test]
    fn an_address_is_ours_with_its_port_however_it_is_written() {
        let own = Own::listening(vec![([127, 0, 0, 1], 1883).into()]);
        let at = |text: &str| own.is_at(text.parse().unwrap());
        assert!(at("127.0.0.1:1883") && at("[::ffff:127.0.0.1]:1883"));
        assert!(!at("127.0.0.1:1884") && !at("[::1]:1883") && !at("192.0.2.1:1883"));
    }
}
