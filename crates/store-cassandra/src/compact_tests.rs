//! Compacting against a model, and how small days become.

use std::collections::BTreeSet;

use model::{Judgement, ReadingKey, TimeSource, Value};
use proptest::prelude::*;
use store::hours;

use super::*;

const DAY_START: i64 = 20_000 * 86_400_000;

struct Everybody(BTreeMap<SeriesId, Keep>);

impl Readers for Everybody {
    fn keep(&self, series: SeriesId) -> Keep {
        self.0.get(&series).copied().unwrap_or(Keep::All)
    }

    fn kind(&self, _: SeriesId) -> Kind {
        Kind::Measurement
    }

    fn homes(&self) -> HashMap<DeviceId, Keep> {
        HashMap::new()
    }
}

fn reading(time: i64, n: u32, value: Value) -> Reading {
    let key = ReadingKey { time: Timestamp::saturating(DAY_START + time), n };
    Reading { key, value, judgement: Judgement::Good, time_source: TimeSource::Device, claimed_ms: None }
}

type Model = BTreeMap<(SeriesId, ReadingKey), Reading>;

fn decoded(parts: &[Encoded]) -> Model {
    let mut found = Model::new();
    for part in parts {
        let opened = frame::open(&part.blob).unwrap();
        for series in opened.series() {
            for reading in opened.readings(series).unwrap() {
                assert!(found.insert((series, reading.key), reading).is_none(), "a key stands in two parts");
            }
        }
    }
    found
}

#[derive(Clone, Debug)]
enum Step {
    Write(u32, i64, u32, i32),
    Text(u32, i64),
    Floor(u32, i64),
    Delete(u32),
    Compact,
    /// Rows that a compaction has seen go.
    Expire,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..4_u32, 0..200_i64, 0..2_u32, -5..5_i32).prop_map(|(series, time, n, value)| Step::Write(series, time, n, value)),
        1 => (0..4_u32, 0..200_i64).prop_map(|(series, time)| Step::Text(series, time)),
        1 => (0..4_u32, 0..200_i64).prop_map(|(series, time)| Step::Floor(series, time)),
        1 => (0..4_u32).prop_map(Step::Delete),
        2 => Just(Step::Compact),
        1 => Just(Step::Expire),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is written, and whenever it is compacted and rows go: frames hold the last write of every key that is kept.
    #[test]
    fn frames_hold_the_last_write_of_every_key(steps in prop::collection::vec(step(), 0..400)) {
        let mut everybody = Everybody(BTreeMap::new());
        let (mut model, mut rows, mut seen) = (Model::new(), Model::new(), BTreeSet::new());
        let mut parts: Vec<Encoded> = Vec::new();
        for step in steps.into_iter().chain([Step::Compact]) {
            match step {
                Step::Write(series, time, n, value) => {
                    let written = reading(time * 1_000, n, Value::Number(f64::from(value) / 10.0));
                    let key = (SeriesId(series), written.key);
                    seen.remove(&key);
                    rows.insert(key, written.clone());
                    model.insert(key, written);
                }
                Step::Text(series, time) => {
                    let written = reading(time * 1_000, 0, Value::Text("open".into()));
                    let key = (SeriesId(series), written.key);
                    seen.remove(&key);
                    rows.insert(key, written.clone());
                    model.insert(key, written);
                }
                Step::Floor(series, time) => {
                    let floor = Timestamp::saturating(DAY_START + time * 1_000);
                    let keep = everybody.0.entry(SeriesId(series)).or_insert(Keep::From(floor));
                    if let Keep::From(known) = keep { *known = floor.max(*known); }
                }
                Step::Delete(series) => { everybody.0.insert(SeriesId(series), Keep::Nothing); }
                Step::Expire => rows.retain(|key, _| !seen.contains(key)),
                Step::Compact => {
                    let mut gathered = Gathered::default();
                    for part in &parts { gathered.add_part(&part.blob).unwrap(); }
                    for ((series, _), row) in &rows { gathered.add_row(*series, row.clone()).unwrap(); }
                    let compacted = gathered.compact(&everybody, |series| series.0).unwrap();
                    seen.extend(rows.keys().copied());
                    model.retain(|(series, key), _| everybody.keep(*series).keeps(key.time));
                    prop_assert_eq!(&decoded(&compacted.parts), &model);
                    prop_assert_eq!(compacted.readings, model.len() as u64);
                    let expected: BTreeSet<SeriesId> = model.keys().map(|(series, _)| *series).collect();
                    prop_assert_eq!(compacted.series, expected.into_iter().collect::<Vec<_>>());
                    parts = compacted.parts;
                }
            }
        }
    }

    #[test]
    fn versions_grow_and_belong_to_one_server(times in prop::collection::vec((0..50_000_i64, 0..4_u32), 1..50)) {
        let mut last = None;
        for (now, node) in times {
            let version = Version::next(now, node, last);
            prop_assert!(last.is_none_or(|last| version > last) && version.0.rem_euclid(1_024) == i64::from(node));
            last = Some(version);
        }
    }
}

/// A pair of numbers every `step` ms, walking by tenths, as a DHT22 sends them.
fn climate(step: i64) -> Gathered {
    let mut gathered = Gathered::default();
    let mut walk = [215_i64, 478];
    let mut seed = 1_u64;
    for time in (0..86_400_000).step_by(usize::try_from(step).unwrap()) {
        for (series, value) in (1..).zip(&mut walk) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *value += [0, 0, 0, 0, 0, 0, 1, -1][usize::try_from(seed >> 61).unwrap()];
            gathered.add_row(SeriesId(series), reading(time, 0, Value::Number(*value as f64 / 10.0))).unwrap();
        }
    }
    gathered
}

#[test]
fn a_day_of_a_climate_sensor_takes_less_than_a_byte_and_a_half_a_value_with_its_hours() {
    for (step, most) in [(10_000, 0.5), (60_000, 1.5)] {
        let compacted = climate(step).compact(&Everybody(BTreeMap::new()), |_| 7).unwrap();
        assert_eq!(compacted.parts.len(), 1, "the pair shares its times");
        assert_eq!(compacted.hours.len(), 2);
        let (mut bytes, hours) = (compacted.parts[0].blob.len(), compacted.hours.iter().map(|(_, hours)| hours.len()));
        bytes += hours.sum::<usize>();
        let a_value = bytes as f64 / compacted.readings as f64;
        println!("every {step} ms: {a_value:.3} B a value");
        assert!(a_value < most, "every {step} ms: {a_value:.3} B a value");
        let windows = hours::read(&compacted.hours[0].1, 7, Kind::Measurement).unwrap().unwrap();
        assert_eq!(windows.len(), 24);
        assert_eq!(windows.iter().map(|hour| hour.window.count).sum::<u64>(), compacted.readings / 2);
    }
}

#[test]
fn a_second_by_second_day_and_long_texts_make_several_parts() {
    let compacted = climate(1_000).compact(&Everybody(BTreeMap::new()), |_| 7).unwrap();
    assert_eq!(compacted.parts.len(), 2);
    assert_eq!(compacted.hours.len(), 2, "hours are of the day, whatever its parts");
    let mut gathered = Gathered::default();
    let mut expected = Model::new();
    for at in 0..3_000_u32 {
        // Letters that do not compress.
        let letter = |n: u32| char::from(33 + (crc32c::crc32c(&(at * 2_000 + n).to_le_bytes()) % 90) as u8);
        let text: String = (0..2_000).map(letter).collect();
        let row = reading(i64::from(at) * 20_000, 0, Value::Text(text.into()));
        expected.insert((SeriesId(1), row.key), row.clone());
        gathered.add_row(SeriesId(1), row).unwrap();
    }
    let compacted = gathered.compact(&Everybody(BTreeMap::new()), |_| 7).unwrap();
    assert!(compacted.parts.iter().all(|part| part.blob.len() <= PART_BYTES_MAX));
    assert_eq!(decoded(&compacted.parts), expected);
}

#[test]
fn bytes_that_are_no_frame_are_refused() {
    let mut gathered = Gathered::default();
    assert!(matches!(gathered.add_part(b"nonsense"), Err(CompactError::Damaged(_))));
}
