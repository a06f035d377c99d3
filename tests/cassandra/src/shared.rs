//! One node for a whole run of tests, and keyspaces on it that nobody else uses.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use clock::{Clock, SystemClock};

use crate::cql::Cql;
use crate::fault::Fault;
use crate::node::Node;
use crate::options::Options;

/// The environment variable that names a running Cassandra for tests, such as `127.0.0.1:9042`: `cargo xtask test` starts one and
/// sets it. Tests make keyspaces there and drop them; what else is in it they leave alone.
pub const SHARED_VARIABLE: &str = "SENSORIUM_TEST_CASSANDRA";

/// A node that all tests of a process use, and of a whole run where [`SHARED_VARIABLE`] is set.
#[derive(Debug)]
pub struct Shared {
    address: SocketAddr,
    /// It ends with the process, which drops nothing at its end.
    _own: Option<Node>,
}

impl Shared {
    /// The node, started at the first call if nobody named one.
    ///
    /// # Panics
    /// Java or the jars are missing, the node does not start, or the one that was named does not answer.
    #[must_use]
    #[expect(clippy::panic, reason = "a test without its node fails, with the line that brings it")]
    pub fn node() -> &'static Self {
        static NODE: OnceLock<Result<Shared, Fault>> = OnceLock::new();
        match NODE.get_or_init(Self::find) {
            Ok(shared) => shared,
            Err(fault) => panic!("{fault}"),
        }
    }

    fn find() -> Result<Self, Fault> {
        let Some(named) = std::env::var_os(SHARED_VARIABLE) else {
            let node = Node::start(Options::default())?;
            eprintln!("Cassandra for these tests is at {}, its logs are in {}", node.address(), node.logs().display());
            return Ok(Self { address: node.address(), _own: Some(node) });
        };
        let named = named.to_string_lossy();
        let address = named
            .parse()
            .map_err(|_| Fault::new(format!("{SHARED_VARIABLE} is `{named}`, not an address with a port")))?;
        Cql::connect(address).map_err(|fault| Fault::new(format!("{SHARED_VARIABLE} names no node: {fault}")))?;
        Ok(Self { address, _own: None })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A name for a keyspace on it that no other test has, in this run or another.
    #[must_use]
    pub fn keyspace(&self, what: &str) -> Keyspace {
        Keyspace::at(self.address, what)
    }
}

/// The name of a keyspace that nobody else has. It is not made here; dropping this drops it, if it was made and if the node still
/// answers.
#[derive(Debug)]
pub struct Keyspace {
    address: SocketAddr,
    name: String,
}

impl Keyspace {
    /// On the node at `address`, which wants no login. `what` stands in the name for people: its letters and digits, cut short.
    #[must_use]
    pub fn at(address: SocketAddr, what: &str) -> Self {
        Self { address, name: unique(what) }
    }

    /// At most 48 characters, which is what Cassandra takes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `sensorium serve --store` takes for it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("cassandra://{}/{}", self.address, self.name)
    }
}

impl Drop for Keyspace {
    fn drop(&mut self) {
        // A node that was killed takes its keyspaces along.
        let _ =
            Cql::connect(self.address).and_then(|mut cql| cql.run(&format!("DROP KEYSPACE IF EXISTS {}", self.name)));
    }
}

/// Time and process tell runs apart, the number tests of one run.
fn unique(what: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    const SHOWN_MAX: usize = 14;
    let shown = what.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
    let shown: String = shown.take(SHOWN_MAX).collect();
    let (now, number) = (SystemClock::new().now().millis(), MADE.fetch_add(1, Relaxed));
    format!("t_{shown}_{now:x}_{:x}_{number:x}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keyspaces_are_unique_and_legal() {
        let names = ["", "a test", "Ünicode-and_very_long_words_indeed"].map(unique);
        for name in &names {
            assert!(name.len() <= 48 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
        }
        assert_ne!(unique("same"), unique("same"));
    }
}
