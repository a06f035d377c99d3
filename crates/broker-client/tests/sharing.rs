//! Two servers over one catalogue: one of them reads a broker, both know it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use broker_client::{External, KIND, Sharing};
use clock::{Clock, SystemClock};
use source::{BrokerSettings, BrokerView, Brokers, Inlet, LinkState, Protocol, Subscription, Tls};
use store::{Foreign, MemoryStore, Node, Readings, Tidings};

struct Server {
    external: Arc<External>,
    tells: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn on(memory: &MemoryStore, node: u8, desk: &Path) -> Self {
        let store = Arc::new(memory.beside(Node(node)));
        let (inlet, mut foreign) = (Inlet::bounded(1).0, store.foreign().unwrap());
        let (clock, tidings): (Arc<dyn Clock>, _) = (Arc::new(SystemClock::new()), Arc::new(Tidings::default()));
        let elsewhere = tidings.listen(KIND);
        let sharing = Sharing { node: Node(node), store: Arc::clone(&store) as _, elsewhere };
        let key = desk.join("secrets.key");
        let external = External::start(store, inlet, Arc::default(), clock, &key, Some(sharing)).await.unwrap();
        let tells = tokio::spawn(async move {
            while let Some(event) = foreign.recv().await {
                if let Foreign::Documents(kind) = event {
                    tidings.of(&kind);
                }
            }
        });
        Self { external, tells }
    }

    fn broker(&self) -> Option<BrokerView> {
        self.external.list().into_iter().next()
    }

    async fn stop(self) {
        self.external.stop().await;
        self.tells.abort();
    }
}

/// Nobody listens there.
fn nowhere(shared_group: Option<&str>) -> BrokerSettings {
    BrokerSettings {
        name: "plant".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: 9,
        tls: Tls::default(),
        protocol: Protocol::default(),
        username: None,
        password: None,
        client_id: Some("us".to_owned()),
        filters: vec![Subscription { filter: "#".to_owned(), qos: 1 }],
        shared_group: shared_group.map(str::to_owned),
        paused: false,
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

#[tokio::test]
async fn one_reads_a_broker_and_whoever_changes_it_changes_it_for_both() {
    let (memory, desk) = (MemoryStore::default(), tempfile::tempdir().unwrap());
    let (one, two) = (Server::on(&memory, 1, desk.path()).await, Server::on(&memory, 2, desk.path()).await);
    one.external.create(nowhere(None)).await.unwrap();
    let detail = |server: &Server| server.broker().and_then(|broker| broker.link.detail);
    until("the other knows it and who reads it", || detail(&two).as_deref() == Some("Server 1 reads it.")).await;
    until("it is tried by the first", || one.broker().is_some_and(|it| it.link.state == LinkState::Failing)).await;
    two.external.change(BrokerSettings { port: 10, ..nowhere(None) }, None).await.unwrap();
    until("the change", || one.broker().is_some_and(|it| it.settings.port == 10)).await;
    assert_eq!(detail(&two).as_deref(), Some("Server 1 reads it."), "whoever changes it does not take it away");
    two.external.change(nowhere(Some("servers")), None).await.unwrap();
    let tried = |server: &Server| server.broker().is_some_and(|it| it.link.state == LinkState::Failing);
    until("both read one that shares out", || tried(&one) && tried(&two)).await;
    two.external.remove("plant", None).await.unwrap();
    until("it is gone", || one.broker().is_none()).await;
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn a_broker_that_nobody_reads_is_read_by_one() {
    let (memory, desk) = (MemoryStore::default(), tempfile::tempdir().unwrap());
    let key = desk.path().join("secrets.key");
    let (catalog, clock) = (Arc::new(memory.beside(Node(0))), Arc::new(SystemClock::new()));
    // As it is kept by a server that had the catalogue for itself.
    let alone = External::start(catalog, Inlet::bounded(1).0, Arc::default(), clock, &key, None).await.unwrap();
    alone.create(nowhere(None)).await.unwrap();
    alone.stop().await;
    let (one, two) = (Server::on(&memory, 1, desk.path()).await, Server::on(&memory, 2, desk.path()).await);
    let states = || [&one, &two].map(|server| server.broker().map(|it| it.link.state));
    let read_by_one = || {
        let mut states = states();
        states.sort_by_key(|state| *state == Some(LinkState::Paused));
        states == [Some(LinkState::Failing), Some(LinkState::Paused)]
    };
    until("one reads, the other knows", read_by_one).await;
    one.stop().await;
    two.stop().await;
}
