//! A keyspace with a clock, a day in it, and what happens between the steps of a compaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use clock::ManualClock;
use model::{
    DeviceId, Judgement, Kind, Reading, ReadingKey, Resolution, SeriesId, TimeRange, TimeSource, Timestamp, Value,
};
use parking_lot::Mutex;
use scylla::client::session::Session;
use scylla::statement::unprepared::Statement;
use store::{Gone, Order};
use windows::{Grid, Window};

use crate::cluster::Cluster;
use crate::compact::{Keep, Readers};
use crate::compactor::{Compactor, Failure, Outcome, Step, Watcher};
use crate::days::{HomeDays, Source};
use crate::periods::Periods;
use crate::places::{DAY_MS, Place};
use crate::reading::{self, Asked};
use crate::statements::Statements;
use crate::touches::HomeDay;
use crate::{Target, bring_up, connect, row, windowing};

pub(super) const DAY: i32 = 20_000;
pub(super) const HOUR_MS: u32 = 3_600_000;
pub(super) const SERIES: SeriesId = SeriesId(7);
pub(super) const STEPS: [Step; 9] = [
    Step::Begun,
    Step::Touches,
    Step::Mark,
    Step::Parts,
    Step::Rows,
    Step::Written,
    Step::Marked,
    Step::Hours,
    Step::Dropped,
];

/// Keeps everything, but for what a test says.
#[derive(Default)]
pub(crate) struct Everybody(pub(super) Mutex<std::collections::HashMap<SeriesId, Keep>>);

impl Readers for Everybody {
    fn keep(&self, series: SeriesId) -> Keep {
        self.0.lock().get(&series).copied().unwrap_or(Keep::All)
    }

    fn kind(&self, _: SeriesId) -> Kind {
        Kind::Measurement
    }

    fn homes(&self) -> std::collections::HashMap<DeviceId, Keep> {
        let keep = self.keep(SERIES);
        (0..10_000).map(|home| (DeviceId(home), keep)).collect()
    }
}

/// A keyspace and a clock.
pub(crate) struct Lab {
    pub(crate) cluster: Cluster,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) readers: Arc<Everybody>,
    pub(crate) keyspace: String,
    homes: AtomicU32,
}

impl Lab {
    pub(crate) async fn new(name: &str) -> Arc<Self> {
        let address = cassandra_node::Shared::node().address();
        let keyspace = format!("{name}_{}", std::process::id());
        let target = Target::parse(&format!("cassandra://{address}/{keyspace}?rf=1"), None).unwrap();
        let session = connect(&target).await.unwrap();
        run(&session, format!("DROP KEYSPACE IF EXISTS {keyspace}")).await;
        bring_up(&session, &target).await.unwrap();
        let statements = Statements::prepare(&session, &keyspace).await.unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::saturating(i64::from(DAY + 1) * DAY_MS + 7_200_000)));
        let cluster = Cluster::new(Arc::new(session), statements, Arc::<ManualClock>::clone(&clock));
        Arc::new(Self { cluster, clock, readers: Arc::default(), keyspace, homes: AtomicU32::new(1) })
    }

    pub(crate) fn compactor(&self, node: u32) -> Compactor {
        Compactor::new(Arc::<Everybody>::clone(&self.readers), node, Periods::default())
    }

    pub(crate) async fn run(&self, text: String) {
        run(&self.cluster.session, text).await;
    }

    pub(crate) async fn end(&self) {
        self.run(format!("DROP KEYSPACE {}", self.keyspace)).await;
    }
}

/// Changes of tables take their time.
async fn run(session: &Session, text: String) {
    let mut statement = Statement::new(text);
    statement.set_request_timeout(Some(Duration::from_secs(60)));
    session.query_unpaged(statement, &[]).await.unwrap();
}

pub(super) type Model = BTreeMap<ReadingKey, f64>;

/// A day with what was acknowledged of it, and a write that is on its way.
pub(crate) struct Case {
    pub(super) lab: Arc<Lab>,
    pub(super) day: HomeDay,
    pub(super) acknowledged: Mutex<Model>,
    late: Model,
    /// How many hours the late touch is old: its writer looked at the hour, and then it was over.
    late_by_h: i32,
    pub(super) touched: AtomicBool,
    pub(super) wrote: AtomicBool,
    pub(super) what: String,
}

pub(super) fn key(minute: i64) -> ReadingKey {
    ReadingKey { time: Timestamp::saturating(i64::from(DAY) * DAY_MS + minute * 60_000), n: 0 }
}

impl Case {
    /// A day with an hour of readings, compacted before if `framed`.
    pub(crate) async fn new(lab: &Arc<Lab>, framed: bool, late_by_h: i32, what: String) -> Arc<Self> {
        let day = HomeDay { home: DeviceId(lab.homes.fetch_add(1, Ordering::Relaxed)), day: DAY };
        let acknowledged: Model = (0..4).map(|minute| (key(minute * 200), 20.0 + minute as f64)).collect();
        // One correction, one reading that is new.
        let late = Model::from([(key(200), 99.5), (key(300), 77.25)]);
        let case = Self {
            lab: Arc::clone(lab),
            day,
            acknowledged: Mutex::new(acknowledged.clone()),
            late,
            late_by_h,
            touched: AtomicBool::new(false),
            wrote: AtomicBool::new(false),
            what,
        };
        case.put_touch(lab.cluster.hour() - 4).await;
        case.put_rows(&acknowledged).await;
        if framed {
            assert_eq!(lab.compactor(9).compact(&lab.cluster, day).await.unwrap(), Outcome::Compacted);
        }
        Arc::new(case)
    }

    pub(crate) async fn put_touch(&self, hour: i32) {
        let cluster = &self.lab.cluster;
        let values = (self.day.home.0.cast_signed(), self.day.day, 3_i32, hour, cluster.write_time());
        cluster.ask("touching", &cluster.statements.put_touch, values).await.unwrap();
    }

    /// As when the rows and touches of the day had been written long ago.
    pub(crate) async fn expire(&self) {
        let (home, until) = (self.day.home.0.cast_signed(), self.lab.cluster.write_time());
        for of in [
            format!("readings USING TIMESTAMP {until} WHERE home = {home} AND day = {DAY}"),
            format!("touches USING TIMESTAMP {until} WHERE home = {home}"),
        ] {
            self.lab.run(format!("DELETE FROM {}.{of}", self.lab.keyspace)).await;
        }
    }

    pub(crate) async fn put_rows(&self, rows: &Model) {
        let cluster = &self.lab.cluster;
        for (key, value) in rows {
            let cell = row::encode(&reading(*key, *value)).unwrap();
            let values = (
                self.day.home.0.cast_signed(),
                self.day.day,
                SERIES.0.cast_signed(),
                key.time.millis(),
                i64::from(key.n),
                cell,
                cluster.write_time(),
            );
            cluster.ask("writing", &cluster.statements.put_reading, values).await.unwrap();
        }
    }

    pub(crate) async fn late_touch(&self) {
        self.put_touch(self.lab.cluster.hour() - self.late_by_h).await;
        self.touched.store(true, Ordering::SeqCst);
        self.acknowledge();
    }

    pub(crate) async fn late_rows(&self) {
        self.put_rows(&self.late).await;
        self.wrote.store(true, Ordering::SeqCst);
        self.acknowledge();
    }

    /// A write is acknowledged when both are there.
    fn acknowledge(&self) {
        if self.touched.load(Ordering::SeqCst) && self.wrote.load(Ordering::SeqCst) {
            self.acknowledged.lock().extend(self.late.clone());
        }
    }

    pub(crate) async fn read(&self, order: Order) -> Vec<Reading> {
        let asked = Asked {
            places: vec![Place { home: self.day.home, series: SERIES }],
            gone: Gone::default(),
            range: TimeRange::ALL,
            order,
            after: None,
            limit: 1_000,
        };
        reading::read(&self.lab.cluster, &asked).await.unwrap()
    }

    /// Everything acknowledged is read, once; of what is on its way anything may be.
    pub(crate) async fn check(&self, after: &str) {
        self.check_readings(after).await;
        if self.is_acknowledged() || !self.wrote.load(Ordering::SeqCst) {
            let expected = self.acknowledged.lock().clone();
            self.check_windows(after, &expected).await;
        }
    }

    async fn check_readings(&self, after: &str) {
        let what = format!("{}; {after}", self.what);
        let before = self.acknowledged.lock().clone();
        let found = self.read(Order::Ascending).await;
        assert!(found.windows(2).all(|pair| pair[0].key < pair[1].key), "{what}: a key twice in {found:?}");
        let found: Model = found.iter().map(|reading| (reading.key, reading.charted().unwrap())).collect();
        for (key, value) in &before {
            let got = found.get(key);
            let may = self.late.get(key).filter(|_| !self.is_acknowledged());
            assert!(got == Some(value) || (got.is_some() && got == may), "{what}: {key:?} is {got:?}, not {value}");
        }
        assert!(found.keys().all(|key| before.contains_key(key) || self.late.contains_key(key)), "{what}: {found:?}");
    }

    fn is_acknowledged(&self) -> bool {
        self.touched.load(Ordering::SeqCst) && self.wrote.load(Ordering::SeqCst)
    }

    async fn check_windows(&self, after: &str, expected: &Model) {
        let range = TimeRange { from: key(0).time, to: key(24 * 60).time };
        for step in [60_000, i64::from(HOUR_MS), DAY_MS] {
            let grid = Grid::covering(range, Resolution::from_millis(step).unwrap());
            let mut windows = vec![Window::default(); grid.count()];
            for (key, value) in expected {
                windows[grid.index_of(key.time.millis()).unwrap()].push(Kind::Measurement, *value);
            }
            let places = [Place { home: self.day.home, series: SERIES }];
            let kind = Kind::Measurement;
            let found = windowing::windows(&self.lab.cluster, &places, &Gone::default(), kind, &grid).await.unwrap();
            assert_eq!(found, windows, "{}; {after}: windows of {step} ms", self.what);
        }
    }

    /// Which frames and rows a read would take.
    pub(crate) async fn source(&self) -> Source {
        HomeDays::read(&self.lab.cluster, self.day.home, DAY, DAY).await.unwrap().source(DAY)
    }
}

pub(super) fn reading(key: ReadingKey, value: f64) -> Reading {
    let (judgement, time_source) = (Judgement::Good, TimeSource::Device);
    Reading { key, value: Value::Number(value), judgement, time_source, claimed_ms: None }
}

/// What happens behind a step of a compaction.
pub(crate) enum Deed {
    Touch,
    Rows,
    Compact(Compactor),
    Stop,
}

pub(crate) struct Script {
    case: Arc<Case>,
    /// What is done goes out of it: a step may come twice.
    deeds: Mutex<BTreeMap<Step, Vec<Deed>>>,
}

#[async_trait]
impl Watcher for Script {
    async fn after(&self, step: Step) -> bool {
        let deeds = self.deeds.lock().remove(&step);
        for deed in deeds.into_iter().flatten() {
            match deed {
                Deed::Touch => self.case.late_touch().await,
                Deed::Rows => self.case.late_rows().await,
                Deed::Compact(other) => {
                    let outcome = other.compact(&self.case.lab.cluster, self.case.day).await;
                    assert!(outcome.is_ok() || matches!(outcome, Err(Failure::Stopped)), "{outcome:?}");
                }
                Deed::Stop => return false,
            }
        }
        self.case.check_readings(&format!("after {step:?}")).await;
        true
    }
}

/// A compactor to which deeds happen.
pub(super) fn scripted(case: &Arc<Case>, node: u32, deeds: Vec<(Step, Deed)>) -> Compactor {
    let mut by_step: BTreeMap<Step, Vec<Deed>> = BTreeMap::new();
    for (step, deed) in deeds {
        by_step.entry(step).or_default().push(deed);
    }
    let mut compactor = case.lab.compactor(node);
    compactor.watcher = Some(Arc::new(Script { case: Arc::clone(case), deeds: Mutex::new(by_step) }));
    compactor
}
