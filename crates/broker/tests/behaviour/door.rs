//! A broker on a port of its own, and ingest's end of it in the hands of the test.

use std::net::SocketAddr;
use std::sync::Arc;

use broker::{Broker, Limits};
use clock::SystemClock;
use source::{Inbound, Inlet, Outcome};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::wire::{Client, GIVE_UP};

/// Settled well.
pub const STORED: Outcome = Outcome::Stored { readings: 1 };

/// A running broker. Dropping it lets it run on until the runtime ends.
pub struct Door {
    pub broker: Arc<Broker>,
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// Ingest as a test plays it.
pub struct Ingest(pub mpsc::Receiver<Inbound>);

impl Ingest {
    /// The next message handed over.
    pub async fn next(&mut self) -> Inbound {
        tokio::time::timeout(GIVE_UP, self.0.recv()).await.expect("a message in time").expect("a broker")
    }

    pub async fn take(&mut self, count: usize) -> Vec<Inbound> {
        let mut messages = Vec::new();
        while messages.len() < count {
            messages.push(self.next().await);
        }
        messages
    }

    /// Settles everything from now on as stored, and counts nothing.
    pub fn run(mut self) {
        tokio::spawn(async move {
            while let Some(message) = self.0.recv().await {
                message.reply.settle(STORED);
            }
        });
    }
}

impl Door {
    /// A broker whose ingest waits for the test.
    pub async fn held(limits: Limits) -> (Self, Ingest) {
        let (inlet, receiver) = Inlet::bounded(4096);
        let broker = Broker::new(limits, inlet, Arc::new(SystemClock::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(Arc::clone(&broker).serve(listener, async { drop(stopped.await) }));
        (Self { broker, address, stop, serving }, Ingest(receiver))
    }

    /// A broker whose ingest stores everything at once.
    pub async fn open(limits: Limits) -> Self {
        let (door, ingest) = Self::held(limits).await;
        ingest.run();
        door
    }

    /// A bare socket.
    pub async fn socket(&self) -> Client {
        Client::to(self.address).await
    }

    /// A connected client of version 3.1.1.
    pub async fn client3(&self, id: &str) -> Client {
        let mut client = self.socket().await;
        client.greet3(id).await;
        client
    }

    /// A connected client of version 5.
    pub async fn client5(&self, id: &str) -> Client {
        let mut client = self.socket().await;
        client.greet5(id).await;
        client
    }

    /// Stops it and waits for its end.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        tokio::time::timeout(GIVE_UP, self.serving).await.expect("an end in time").expect("no panic");
    }

    /// How many connections ended for `reason`.
    pub fn ended(&self, reason: &str) -> u64 {
        let counters = self.broker.counters();
        let all = [counters.ended, counters.refused, counters.protocol_errors, counters.closed];
        all.iter().flatten().filter(|(word, _)| *word == reason).map(|(_, count)| count).sum()
    }

    /// Waits until a connection has ended for `reason`.
    pub async fn wait_ended(&self, reason: &str) {
        let wait = async {
            while self.ended(reason) == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(GIVE_UP, wait).await.unwrap_or_else(|_| panic!("nothing ended as {reason}"));
    }
}
