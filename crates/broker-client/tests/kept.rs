//! What is kept of external brokers, as another version of the program may have left it.

use std::sync::Arc;

use broker_client::External;
use clock::{Clock, SystemClock};
use source::{BrokerSettings, Brokers, Inlet, LinkState, Protocol, Subscription, Tls};
use store::{Catalog, Expected, MemoryStore};

fn nowhere(name: &str) -> BrokerSettings {
    BrokerSettings {
        name: name.to_owned(),
        host: "127.0.0.1".to_owned(),
        port: 9,
        tls: Tls::default(),
        protocol: Protocol::V311,
        username: None,
        password: None,
        client_id: None,
        filters: vec![Subscription { filter: "#".to_owned(), qos: 1 }],
        shared_group: None,
        paused: true,
    }
}

#[tokio::test]
async fn a_broker_that_cannot_be_read_is_told_as_failing_and_the_others_are_there() {
    let desk = tempfile::tempdir().unwrap();
    let key = desk.path().join("secrets.key");
    let catalog: Arc<dyn Catalog> = Arc::new(MemoryStore::with_unread_max(16));
    let (inlet, _ingest) = Inlet::bounded(1);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let start = || External::start(Arc::clone(&catalog), inlet.clone(), Arc::default(), Arc::clone(&clock), &key, None);

    let external = start().await.unwrap();
    external.create(nowhere("good")).await.unwrap();
    external.stop().await;
    for (name, body) in [("newer", r#"{"settings":{"protocol":"7"}}"#), ("torn", r#"{"settin"#)] {
        catalog.put("external_broker", name, Expected::Absent, body, &[]).await.unwrap();
    }
    // A memory of its connections that cannot be read is as good as none.
    catalog.put("external_broker_link", "good", Expected::Absent, "torn", &[]).await.unwrap();

    let external = start().await.unwrap();
    let states: Vec<_> = external.list().into_iter().map(|view| (view.settings.name, view.link.state)).collect();
    let told = |name: &str, state| (name.to_owned(), state);
    let expected =
        [told("good", LinkState::Paused), told("newer", LinkState::Failing), told("torn", LinkState::Failing)];
    assert_eq!(states, expected);
    let sentence = external.list().into_iter().find_map(|view| view.link.detail).unwrap();
    assert!(sentence.contains("cannot be read"), "{sentence}");

    // It can be set right, or removed.
    let mended = external.change(nowhere("newer"), None).await.unwrap();
    assert_eq!(mended.link.state, LinkState::Paused);
    assert_eq!(external.remove("torn", None).await.unwrap(), None);
    external.stop().await;
    let external = start().await.unwrap();
    assert_eq!(external.list().iter().filter(|view| view.link.state == LinkState::Paused).count(), 2);
    external.stop().await;
}
