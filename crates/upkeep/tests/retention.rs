//! Retention on the store that is the oracle, with a clock that goes where it is told.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use clock::{Clock, ManualClock};
use model::{
    DeviceId, DeviceKey, Judgement, Kind, MetricName, Reading, ReadingKey, SeriesId, SourceName, TimeRange, TimeSource,
    Timestamp, UnitSource, Value,
};
use store::{
    Batch, CommitOutcome, DeviceRecord, Entry, ExpiryRecord, MemoryStore, MessageRecord, Readings, SeriesReading,
    SeriesRecord, Tidings,
};
use tokio::sync::watch;
use upkeep::{
    ClockState, Failed, HeldDevice, HeldSeries, Holdings, JUMP_MS, KIND, PENDING_MS, Policy, Rule, Subject, Upkeep,
    UpkeepError,
};

const NOW: i64 = 1_800_000_000_000;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Two devices of one series each, kept by a store in memory.
struct Kept(Arc<MemoryStore>);

async fn durable(store: &MemoryStore, entry: Entry) -> Result<(), Failed> {
    let outcome = store.append(Batch { entries: vec![entry] }).await.await;
    if matches!(outcome, CommitOutcome::Durable(_)) { Ok(()) } else { Err(Failed(format!("{outcome:?}"))) }
}

#[async_trait]
impl Holdings for Kept {
    fn devices(&self) -> Vec<HeldDevice> {
        let floors = self.0.restored().floors;
        let device = |key: &str, tag: &str, id: u32| HeldDevice {
            key: key.into(),
            tags: vec![tag.into()],
            series: vec![HeldSeries {
                id: SeriesId(id),
                floor: floors.iter().find(|(series, _)| series.0 == id).map(|(_, floor)| *floor),
            }],
        };
        vec![device("attic", "lab", 1), device("cellar", "house", 2)]
    }

    fn deleted_wait(&self) -> bool {
        false
    }

    async fn expire(&self, series: Vec<SeriesId>, before: Timestamp) -> Result<(), Failed> {
        durable(&self.0, Entry::Expired(ExpiryRecord { series, before })).await
    }

    async fn purge(&self, _now: Timestamp) -> Result<(), Failed> {
        Ok(())
    }
}

struct Scene {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    upkeep: Upkeep,
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms).unwrap()
}

impl Scene {
    /// A reading a day for a hundred days up to now, of either device.
    async fn begin() -> Self {
        let store = Arc::new(MemoryStore::default());
        for (id, key) in [(1, "attic"), (2, "cellar")] {
            let (device, key) = (DeviceId(id), DeviceKey::parse(key).unwrap());
            durable(&store, Entry::Device(DeviceRecord { id: device, key, created: at(NOW) })).await.unwrap();
            let metric = MetricName::parse("temperature").unwrap();
            let (unit, unit_source, kind) = (None, UnitSource::None, Kind::Measurement);
            let series = SeriesRecord { id: SeriesId(id), device, metric, unit, unit_source, kind };
            durable(&store, Entry::Series(series)).await.unwrap();
            let reading = |day: i64| SeriesReading {
                series: SeriesId(id),
                reading: Reading {
                    key: ReadingKey { time: at(NOW - day * DAY), n: 0 },
                    value: Value::Number(1.0),
                    judgement: Judgement::Good,
                    time_source: TimeSource::Device,
                    claimed_ms: None,
                },
            };
            let source = SourceName::parse("mqtt").unwrap();
            let readings = (0..100).map(reading).collect();
            let message = MessageRecord { source, received: at(NOW), readings, repeat: None };
            durable(&store, Entry::Message(message)).await.unwrap();
        }
        let clock = Arc::new(ManualClock::at(at(NOW)));
        let upkeep = start(&store, &clock).await;
        Self { store, clock, upkeep }
    }

    async fn count(&self) -> [u64; 2] {
        let count = async |id| self.store.count(SeriesId(id), TimeRange::ALL).await.unwrap();
        [count(1).await, count(2).await]
    }

    fn pass(&self, ms: i64) {
        self.clock.set_wall(self.clock.now().plus(ms));
    }
}

async fn start(store: &Arc<MemoryStore>, clock: &Arc<ManualClock>) -> Upkeep {
    let holdings = Arc::new(Kept(Arc::clone(store)));
    let (catalog, clock) = (Arc::clone(store), Arc::clone(clock));
    Upkeep::start(Arc::clone(store) as _, catalog, clock, holdings).await.unwrap()
}

fn days(days: u32) -> Policy {
    Policy { default_days: Some(days), rules: vec![] }
}

/// One device of many series, which tells how many of them expire at a time.
struct Wide(Mutex<Vec<usize>>);

#[async_trait]
impl Holdings for Wide {
    fn devices(&self) -> Vec<HeldDevice> {
        let series = (1..=450).map(|id| HeldSeries { id: SeriesId(id), floor: None }).collect();
        vec![HeldDevice { key: "wide".into(), tags: vec![], series }]
    }

    fn deleted_wait(&self) -> bool {
        false
    }

    async fn expire(&self, series: Vec<SeriesId>, _before: Timestamp) -> Result<(), Failed> {
        self.0.lock().unwrap().push(series.len());
        Ok(())
    }

    async fn purge(&self, _now: Timestamp) -> Result<(), Failed> {
        Ok(())
    }
}

#[tokio::test]
async fn many_series_expire_in_steps_so_that_messages_go_between() {
    let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(ManualClock::at(at(NOW))));
    let wide = Arc::new(Wide(Mutex::default()));
    let upkeep = Upkeep::start(Arc::clone(&store) as _, store, Arc::clone(&clock) as _, Arc::clone(&wide) as _);
    let upkeep = upkeep.await.unwrap();
    upkeep.set(days(30), None, false, None).await.unwrap();
    clock.set_wall(at(NOW + PENDING_MS));
    upkeep.look().await.unwrap();
    assert_eq!(*wide.0.lock().unwrap(), [200, 200, 50]);
}

#[tokio::test]
async fn before_a_clock_is_kept_the_last_message_tells_the_time() {
    let scene = Scene::begin().await;
    scene.pass(3_650 * DAY);
    // Nothing has looked before this start, so no server time was kept.
    let upkeep = start(&scene.store, &scene.clock).await;
    assert_eq!(upkeep.view().clock, ClockState::Jumped { kept: at(NOW) });
    let refused = upkeep.set(days(30), None, true, Some(200)).await;
    assert!(matches!(refused, Err(UpkeepError::Clock)), "{refused:?}");
    upkeep.look().await.unwrap();
    assert_eq!(scene.count().await, [100, 100]);
    upkeep.confirm_clock().await.unwrap();
    assert_eq!(upkeep.view().clock, ClockState::Trusted);
}

#[tokio::test]
async fn nothing_goes_without_a_policy() {
    let scene = Scene::begin().await;
    scene.upkeep.look().await.unwrap();
    assert_eq!(scene.count().await, [100, 100]);
}

#[tokio::test]
async fn a_shorter_time_waits_for_a_day_and_can_be_taken_back() {
    let scene = Scene::begin().await;
    let set = scene.upkeep.set(days(30), Some(0), false, None).await.unwrap();
    let pending = set.pending.unwrap();
    assert_eq!((set.policy, pending.takes_effect_ms), (Policy::default(), NOW + PENDING_MS));
    scene.pass(PENDING_MS - 1);
    scene.upkeep.look().await.unwrap();
    assert_eq!(scene.count().await, [100, 100]);

    let cancelled = scene.upkeep.cancel(Some(set.version)).await.unwrap();
    assert_eq!(cancelled.pending, None);
    assert!(matches!(scene.upkeep.cancel(None).await, Err(UpkeepError::NothingPending)));
    scene.pass(DAY / 2);
    scene.upkeep.look().await.unwrap();
    assert_eq!(scene.count().await, [100, 100]);

    scene.upkeep.set(days(30), None, false, None).await.unwrap();
    scene.pass(PENDING_MS);
    // It survives a restart on its way.
    let upkeep = start(&scene.store, &scene.clock).await;
    upkeep.look().await.unwrap();
    assert_eq!(upkeep.view().policy, days(30));
    assert_eq!(scene.count().await, [28, 28]);
    assert_eq!(scene.store.stats().gone.expired, 144);
}

#[tokio::test]
async fn at_once_needs_the_number_that_the_preview_tells() {
    let scene = Scene::begin().await;
    let rules = vec![Rule { subject: Subject::Tag("lab".into()), days: Some(10) }];
    let policy = Policy { default_days: None, rules };
    let preview = scene.upkeep.preview(&policy).await.unwrap();
    let [attic] = &preview.devices[..] else { panic!("{preview:?}") };
    assert_eq!((attic.key.as_str(), attic.days, attic.readings, preview.readings), ("attic", 10, 89, 89));
    assert_eq!((attic.first, attic.last), (at(NOW - 99 * DAY), at(NOW - 11 * DAY)));
    assert_eq!(scene.count().await, [100, 100], "a preview takes nothing");
    for wrong in [None, Some(88)] {
        let refused = scene.upkeep.set(policy.clone(), None, true, wrong).await;
        assert!(matches!(refused, Err(UpkeepError::Unconfirmed(89))), "{refused:?}");
    }
    scene.upkeep.set(policy, None, true, Some(89)).await.unwrap();
    assert_eq!(scene.count().await, [11, 100]);
    // Keeping longer takes effect at once and brings nothing back.
    let longer = scene.upkeep.set(days(365), None, false, None).await.unwrap();
    assert!(longer.pending.is_some(), "of the other device it keeps less");
    assert!(scene.upkeep.set(Policy::default(), None, false, None).await.unwrap().pending.is_none());
    assert_eq!(scene.count().await, [11, 100]);
}

#[tokio::test]
async fn a_clock_that_jumped_takes_nothing_away_until_it_is_back_or_confirmed() {
    let scene = Scene::begin().await;
    scene.upkeep.look().await.unwrap();
    scene.upkeep.set(days(200), None, true, Some(0)).await.unwrap();
    scene.clock.set_wall(at(NOW + 3_650 * DAY));
    for upkeep in [&scene.upkeep, &start(&scene.store, &scene.clock).await] {
        upkeep.look().await.unwrap();
        assert_eq!(upkeep.view().clock, ClockState::Jumped { kept: at(NOW) });
        assert!(upkeep.is_held());
        let refused = upkeep.set(days(1), None, true, Some(200)).await;
        assert!(matches!(refused, Err(UpkeepError::Clock)), "{refused:?}");
    }
    assert_eq!(scene.count().await, [100, 100]);

    scene.clock.set_wall(at(NOW + DAY));
    scene.upkeep.look().await.unwrap();
    assert!(!scene.upkeep.is_held(), "it is back");
    assert_eq!(scene.count().await, [100, 100]);

    // The server was off for longer than a day, and somebody says so.
    scene.pass(JUMP_MS * 150);
    scene.upkeep.look().await.unwrap();
    assert_eq!(scene.count().await, [100, 100]);
    scene.upkeep.confirm_clock().await.unwrap();
    scene.upkeep.look().await.unwrap();
    assert_eq!(scene.count().await, [50, 50]);
}

#[tokio::test]
async fn a_clock_before_this_program_was_built_is_never_confirmed() {
    let scene = Scene::begin().await;
    scene.upkeep.set(days(200), None, true, Some(0)).await.unwrap();
    scene.clock.set_wall(at(0));
    scene.upkeep.look().await.unwrap();
    assert_eq!(scene.upkeep.view().clock, ClockState::Untrusted);
    assert!(matches!(scene.upkeep.confirm_clock().await, Err(UpkeepError::Clock)));
}

#[tokio::test]
async fn of_two_changes_of_one_version_one_is_refused() {
    let scene = Scene::begin().await;
    let first = scene.upkeep.set(days(30), Some(0), false, None).await.unwrap();
    let second = scene.upkeep.set(days(40), Some(0), false, None).await;
    assert!(matches!(second, Err(UpkeepError::Conflict(found)) if found == first.version), "{second:?}");
}

#[tokio::test]
async fn what_one_server_decides_holds_on_the_other_and_both_may_do_it() {
    let scene = Scene::begin().await;
    let tidings = Arc::new(Tidings::default());
    let two = Arc::new(start(&scene.store, &scene.clock).await.following(tidings.listen(KIND)));
    scene.upkeep.look().await.unwrap();
    two.look().await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(&two).run(stopped));
    let set = scene.upkeep.set(days(30), None, false, None).await.unwrap();
    tidings.of(KIND);
    let waited = tokio::time::timeout(std::time::Duration::from_secs(30), async {
        while two.view().pending.is_none() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap();
    stop.send_replace(true);
    running.await.unwrap();
    // Whoever saw it before is told, on the other server too; whoever saw it on one may change it on the other.
    let conflict = two.set(days(40), Some(0), false, None).await;
    assert!(matches!(conflict, Err(UpkeepError::Conflict(found)) if found == set.version), "{conflict:?}");
    scene.pass(PENDING_MS);
    for upkeep in [&scene.upkeep, two.as_ref(), &scene.upkeep] {
        upkeep.look().await.unwrap();
        assert_eq!(upkeep.view().policy, days(30));
    }
    assert!(scene.store.stats().gone.expired > 0);
    let changed = two.set(days(365), Some(two.view().version), false, None).await.unwrap();
    assert_eq!(changed.policy, days(365));
}
