//! The oracle and the fault-injecting wrapper keep the contract. The oracle is checked by the cases of the suite, which
//! are written by hand; comparing it with itself would prove nothing.

use std::sync::Arc;

use async_trait::async_trait;
use model::{DeviceId, DeviceKey, Timestamp};
use store::testing::{Adapter, MemoryAdapter, Opened, conformance, every_call};
use store::{
    Batch, Catalog, CommitOutcome, DeviceRecord, Entry, Expected, Fault, FlakyStore, Foreign, MemoryStore, Node,
    Readings, Sequence,
};

#[tokio::test]
async fn the_memory_store_keeps_the_contract() {
    conformance::run_all(&mut MemoryAdapter::default()).await;
}

#[tokio::test]
async fn whichever_call_fails_nothing_is_lost() {
    every_call::run_all(&mut MemoryAdapter::default()).await;
}

/// The wrapper around a memory store, without faults.
#[derive(Default)]
struct Wrapped(MemoryAdapter);

fn wrap(opened: Opened) -> Opened {
    Opened { readings: Arc::new(FlakyStore::around(opened.readings)), catalog: opened.catalog }
}

#[async_trait]
impl Adapter for Wrapped {
    async fn fresh(&mut self) -> Opened {
        wrap(self.0.fresh().await)
    }

    async fn crashed(&mut self, opened: Opened) -> Opened {
        opened
    }

    async fn reopened(&mut self, closed: Opened) -> Opened {
        wrap(self.0.reopened(closed).await)
    }
}

#[tokio::test]
async fn the_wrapper_without_faults_keeps_the_contract() {
    conformance::run_all(&mut Wrapped::default()).await;
}

#[tokio::test]
async fn the_wrapper_fails_when_told() {
    let store = FlakyStore::around(Arc::new(MemoryStore::default()));
    let device = |id| {
        let key = DeviceKey::parse(&format!("d{id}")).unwrap();
        Batch { entries: vec![Entry::Device(DeviceRecord { id: DeviceId(id), key, created: Timestamp::EPOCH })] }
    };
    store.fail_append(1, Fault::NotStored("closed"));
    store.fail_append(2, Fault::UnknownAndLost);
    store.fail_append(3, Fault::UnknownButStored);
    let mut outcomes = Vec::new();
    for id in 1..=4 {
        outcomes.push(store.append(device(id)).await.await);
    }
    let expected = [
        CommitOutcome::NotStored("closed"),
        CommitOutcome::Unknown,
        CommitOutcome::Unknown,
        CommitOutcome::Durable(Sequence(2)),
    ];
    assert_eq!(outcomes, expected);
    let there: Vec<u32> = store.restored().devices.iter().map(|device| device.id.0).collect();
    assert_eq!(there, [3, 4]);
}

#[tokio::test]
async fn several_over_one_memory_hear_of_each_other_and_take_nothing_twice() {
    let device = |id: u32, key: &str| {
        let key = DeviceKey::parse(key).unwrap();
        Batch { entries: vec![Entry::Device(DeviceRecord { id: DeviceId(id), key, created: Timestamp::EPOCH })] }
    };
    let one = MemoryStore::default();
    assert!(one.foreign().is_none() && one.nodes().is_empty());
    let two = one.beside(Node(2));
    let mut heard = two.foreign().unwrap();
    assert_eq!(one.append(device(1, "a")).await.await, CommitOutcome::Durable(Sequence(1)));
    let batch = Arc::new(device(1, "a"));
    assert_eq!(heard.recv().await, Some(Foreign::Batch { node: Node(0), batch }));
    assert_eq!(two.append(device(2, "a")).await.await, CommitOutcome::NotStored("taken"));
    assert_eq!(two.append(device(1, "b")).await.await, CommitOutcome::NotStored("taken"));
    assert_eq!(two.append(device(2, "b")).await.await, CommitOutcome::Durable(Sequence(1)));
    assert_eq!((one.restored().node, two.restored().node, two.restored().devices.len()), (Node(0), Node(2), 2));
    one.put("kind", "id", Expected::Absent, "{}", &[]).await.unwrap();
    assert_eq!(heard.recv().await, Some(Foreign::Documents("kind".to_owned())));
    for id in 3..2_000 {
        one.append(device(id, &format!("d{id}"))).await.await;
    }
    let mut last = None;
    while let Ok(event) = heard.try_recv() {
        last = Some(event);
    }
    assert_eq!(last, Some(Foreign::Missed), "who could not hear everything is told");
}
