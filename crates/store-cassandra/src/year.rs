//! How long a year takes, against a real Cassandra: `cargo test -p store-cassandra --lib -- --ignored --nocapture year`.

use std::collections::HashMap;
use std::time::Instant;

use model::{
    DeviceId, Judgement, Kind, Reading, ReadingKey, Resolution, SeriesId, TimeRange, TimeSource, Timestamp, Value,
};
use store::{Gone, Order};
use windows::{Grid, Window};

use crate::compact::{Gathered, Keep, Readers, Version};
use crate::frame_tables::{self as tables, Mark};
use crate::places::{DAY_MS, Place};
use crate::races::Lab;
use crate::reading::{self, Asked};
use crate::touches::HomeDay;
use crate::windowing;

const FIRST: i32 = 19_723;
const DAYS: i32 = 365;
const STEP_MS: i64 = 10_000;
const HOME: DeviceId = DeviceId(1);

struct Measured;

impl Readers for Measured {
    fn keep(&self, _: SeriesId) -> Keep {
        Keep::All
    }

    fn kind(&self, _: SeriesId) -> Kind {
        Kind::Measurement
    }

    fn homes(&self) -> HashMap<DeviceId, Keep> {
        HashMap::new()
    }
}

/// Temperature and humidity of one day: walks of tenths.
fn climate(day: i32, seed: &mut u64, walk: &mut [i64; 2]) -> Gathered {
    let mut gathered = Gathered::default();
    for time in (0..DAY_MS).step_by(usize::try_from(STEP_MS).unwrap()) {
        let key = ReadingKey { time: Timestamp::saturating(i64::from(day) * DAY_MS + time), n: 0 };
        for (series, value) in (1..).zip(walk.iter_mut()) {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *value += [0, 0, 0, 0, 0, 0, 1, -1][usize::try_from(*seed >> 61).unwrap()];
            let value = Value::Number(*value as f64 / 10.0);
            let (judgement, time_source) = (Judgement::Good, TimeSource::Device);
            gathered
                .add_row(SeriesId(series), Reading { key, value, judgement, time_source, claimed_ms: None })
                .unwrap();
        }
    }
    gathered
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn year() {
    let lab = Lab::new("year").await;
    let (mut seed, mut walk, mut bytes, mut readings) = (1, [215, 478], 0, 0);
    for day in FIRST..FIRST + DAYS {
        let (of, version) = (HomeDay { home: HOME, day }, Version(i64::from(day) * DAY_MS * 1_000));
        let gathered = climate(day, &mut seed, &mut walk);
        let compacted = gathered.compact(&Measured, |series| version.bond(HOME, day, series)).unwrap();
        tables::put_year(&lab.cluster, of).await.unwrap();
        for (part, encoded) in compacted.parts.iter().enumerate() {
            bytes += encoded.blob.len();
            tables::put_part(&lab.cluster, of, version, part, &encoded.blob).await.unwrap();
        }
        for (series, hours) in &compacted.hours {
            bytes += hours.len();
            tables::put_hours(&lab.cluster, of, *series, version, hours).await.unwrap();
        }
        let parts = i32::try_from(compacted.parts.len()).unwrap();
        let mark = Mark { version, parts, compacted: day * 24 + 30 };
        tables::set_mark(&lab.cluster, of, None, mark, (compacted.readings, 0)).await.unwrap();
        readings += compacted.readings;
    }
    println!("{readings} readings, {:.3} B each with their hours", bytes as f64 / readings as f64);
    let places = [Place { home: HOME, series: SeriesId(1) }];
    let from = i64::from(FIRST) * DAY_MS;
    let of =
        |days: i64| TimeRange { from: Timestamp::saturating(from), to: Timestamp::saturating(from + days * DAY_MS) };
    for (days, step) in [(365, DAY_MS), (365, DAY_MS / 4), (30, DAY_MS / 24), (30, 300_000), (1, 60_000)] {
        let grid = Grid::covering(of(days), Resolution::from_millis(step).unwrap());
        let mut times = Vec::new();
        for _ in 0..7 {
            #[expect(clippy::disallowed_methods, reason = "this measures")]
            let began = Instant::now();
            let gone = Gone::default();
            let found = windowing::windows(&lab.cluster, &places, &gone, Kind::Measurement, &grid).await.unwrap();
            times.push(began.elapsed());
            let count: u64 = found.iter().map(|window: &Window| window.count).sum();
            assert_eq!(count, u64::try_from(days * DAY_MS / STEP_MS).unwrap());
        }
        times.sort_unstable();
        println!("{days} days in windows of {} s: {:?}", step / 1_000, times[3]);
    }
    let asked = Asked {
        places: places.to_vec(),
        gone: Gone::default(),
        range: of(1),
        order: Order::Ascending,
        after: None,
        limit: usize::MAX,
    };
    #[expect(clippy::disallowed_methods, reason = "this measures")]
    let began = Instant::now();
    assert_eq!(reading::read(&lab.cluster, &asked).await.unwrap().len(), 8_640);
    println!("a day of readings: {:?}", began.elapsed());
    lab.end().await;
}
