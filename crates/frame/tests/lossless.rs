//! Whatever a frame may hold comes back as it was, by every way of reading it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use frame::{Cell, Charted, Column, Frame, encode, open};
use model::{Flaw, Judgement, ReadingKey, SeriesId, TimeRange, TimeSource, Timestamp, Value};
use proptest::prelude::*;

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => (-1000_i32..1000).prop_map(|tenths| f64::from(tenths) / 10.0),
        2 => any::<u64>().prop_map(f64::from_bits),
        1 => any::<f32>().prop_map(f64::from),
        1 => prop::sample::select(vec![
            0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, 5e-324, -5e-324,
        ]),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => number().prop_map(Value::Number),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => prop_oneof![Just("on".to_owned()), Just(String::new()), ".{0,12}"].prop_map(|t| Value::Text(Arc::from(t))),
    ]
}

fn judgement() -> impl Strategy<Value = Judgement> {
    let flaw = prop::sample::select(vec![Flaw::Nan, Flaw::OutOfRange, Flaw::Ds18b20PowerOn85, Flaw::Other]);
    prop_oneof![
        8 => Just(Judgement::Good),
        1 => flaw.clone().prop_map(Judgement::Suspect),
        1 => flaw.prop_map(Judgement::Bad),
    ]
}

fn cell() -> impl Strategy<Value = Cell> {
    let source = prop::sample::select(vec![TimeSource::Device, TimeSource::Gateway, TimeSource::Server]);
    (value(), judgement(), source, prop::option::weighted(0.1, any::<i64>()))
        .prop_map(|(value, judgement, time_source, claimed_ms)| Cell { value, judgement, time_source, claimed_ms })
}

/// Columns as they mostly are: numbers that are good, of one time source, for nearly every key.
fn usual_cell() -> impl Strategy<Value = Option<Cell>> {
    let cell = |number| Cell {
        value: Value::Number(number),
        judgement: Judgement::Good,
        time_source: TimeSource::Server,
        claimed_ms: None,
    };
    prop::option::weighted(0.97, (-1000_i32..1000).prop_map(move |tenths| cell(f64::from(tenths) / 10.0)))
}

fn keys(rows: usize) -> impl Strategy<Value = Vec<ReadingKey>> {
    let time = prop_oneof![
        4 => 0_i64..1_000_000,
        1 => Timestamp::MIN.millis()..=Timestamp::MAX.millis(),
        2 => (0_i64..100_000).prop_map(|index| index * 10_000),
    ];
    let n = prop_oneof![4 => Just(0_u32), 2 => 1_u32..5, 1 => any::<u32>()];
    prop::collection::btree_set((time, n), 1..=rows).prop_map(|set| {
        let key = |(time, n)| ReadingKey { time: Timestamp::from_millis(time).unwrap(), n };
        set.into_iter().map(key).collect()
    })
}

fn columns(rows: usize) -> impl Strategy<Value = Vec<Column>> {
    let wild = prop::collection::vec(prop::option::weighted(0.7, cell()), rows).boxed();
    let usual = prop::collection::vec(usual_cell(), rows).boxed();
    let absent = Just(vec![None; rows]).boxed();
    let full = prop::collection::vec(cell().prop_map(Some), rows).boxed();
    let cells = prop_oneof![3 => wild, 3 => usual, 1 => absent, 2 => full];
    prop::collection::btree_map(any::<u32>(), cells, 1..5).prop_map(|columns| {
        columns.into_iter().rev().map(|(series, cells)| Column { series: SeriesId(series), cells }).collect()
    })
}

fn frames() -> impl Strategy<Value = Frame> {
    keys(120).prop_flat_map(|keys| {
        let rows = keys.len();
        (Just(keys), columns(rows)).prop_map(|(keys, columns)| Frame { keys, columns })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_part_of_a_frame_is_that_part(frame in frames(), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let blob = encode(&frame).unwrap().blob;
        let opened = open(&blob).unwrap();
        let (a, b) = (a.get(&frame.keys).time, b.get(&frame.keys).time);
        for range in [TimeRange { from: a, to: b }, TimeRange { from: a, to: b.plus(1) }, TimeRange::ALL] {
            for column in &frame.columns {
                let mut expected = opened.readings(column.series).unwrap();
                expected.retain(|reading| range.contains(reading.key.time));
                prop_assert_eq!(opened.readings_within(column.series, range).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_frame_comes_back(frame in frames()) {
        let encoded = encode(&frame).unwrap();
        let opened = open(&encoded.blob).unwrap();
        prop_assert_eq!(&opened.frame().unwrap(), &frame);
        prop_assert_eq!(opened.rows(), frame.keys.len());
        prop_assert_eq!(opened.keys().unwrap(), frame.keys.clone());
        prop_assert_eq!((opened.first(), opened.last()), (frame.keys[0].time, frame.keys[frame.keys.len() - 1].time));
        prop_assert_eq!(opened.checksum(), encoded.checksum);
        prop_assert!(opened.series().eq(frame.columns.iter().map(|column| column.series)));
        // One buffer for all columns, as a reader does it.
        let mut charted = Charted::default();
        for (column, summary) in frame.columns.iter().zip(&encoded.summaries) {
            let readings: Vec<_> = frame.keys.iter().zip(column.cells.clone())
                .filter_map(|(key, cell)| Some(cell?.at(*key))).collect();
            prop_assert_eq!(&opened.readings(column.series).unwrap(), &readings);
            let counted: Vec<(i64, u64)> = readings.iter()
                .filter_map(|reading| Some((reading.key.time.millis(), reading.charted()?.to_bits()))).collect();
            opened.charted_into(column.series, &mut charted).unwrap();
            prop_assert_eq!(charted.times.len(), charted.numbers.len());
            let found: Vec<(i64, u64)> =
                charted.times.iter().copied().zip(charted.numbers.iter().map(|number| number.to_bits())).collect();
            prop_assert_eq!(&found, &counted);
            prop_assert_eq!((summary.series, summary.rows), (column.series, readings.len() as u64));
            prop_assert_eq!(summary.first_key, readings.first().map(|reading| reading.key));
            prop_assert_eq!(summary.last_key, readings.last().map(|reading| reading.key));
            prop_assert_eq!(summary.count, counted.len() as u64);
            if let (Some((_, first)), Some((_, last))) = (counted.first(), counted.last()) {
                prop_assert_eq!((summary.first.to_bits(), summary.last.to_bits()), (*first, *last));
                let order = |a: &f64, b: &f64| a.total_cmp(b);
                let min = charted.numbers.iter().copied().min_by(order).unwrap();
                let max = charted.numbers.iter().copied().max_by(order).unwrap();
                prop_assert_eq!((summary.min.to_bits(), summary.max.to_bits()), (min.to_bits(), max.to_bits()));
            }
        }
        // A series that the frame does not hold is empty, not an error.
        let other = SeriesId((0..).find(|id| frame.columns.iter().all(|column| column.series.0 != *id)).unwrap());
        prop_assert!(opened.readings(other).unwrap().is_empty());
        prop_assert!(opened.charted(other).unwrap().times.is_empty());
    }
}

#[test]
fn sums_of_summaries_are_compensated() {
    let cells = [1e16, 1.0, -1e16].map(|number| {
        let (value, judgement) = (Value::Number(number), Judgement::Good);
        Some(Cell { value, judgement, time_source: TimeSource::Device, claimed_ms: None })
    });
    let keys = (0..3).map(|ms| ReadingKey { time: Timestamp::saturating(ms), n: 0 }).collect();
    let frame = Frame { keys, columns: vec![Column { series: SeriesId(1), cells: cells.to_vec() }] };
    assert_eq!(encode(&frame).unwrap().summaries[0].sum.to_bits(), 1.0_f64.to_bits());
}
