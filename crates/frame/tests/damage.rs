//! Bytes that are not the frame that was written are an error: never a panic, never another value.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use frame::{Cell, Column, Damage, EncodeError, FRAME_CELLS_MAX, FRAME_FORMAT, FRAME_ROWS_MAX, Frame, encode, open};
use model::{Flaw, Judgement, ReadingKey, SeriesId, TimeSource, Timestamp, Value};
use proptest::prelude::*;

fn key(ms: i64, n: u32) -> ReadingKey {
    ReadingKey { time: Timestamp::saturating(ms), n }
}

fn good(value: Value) -> Cell {
    Cell { value, judgement: Judgement::Good, time_source: TimeSource::Device, claimed_ms: None }
}

fn number(number: f64) -> Option<Cell> {
    Some(good(Value::Number(number)))
}

/// A frame in which every codec has something to say.
fn small() -> Frame {
    let keys: Vec<ReadingKey> =
        (0..40).map(|i| key(1_700_000_000_000 + i * 10_000 + i % 7, u32::from(i == 9))).collect();
    let row = |i: usize| u32::try_from(i).unwrap();
    let tenths = (0..40).map(|i| number(f64::from(row(i) * 37 % 11) / 10.0)).collect();
    let mut odd: Vec<Option<Cell>> = (0..40).map(|i| number((f64::from(row(i)) + 0.1).sqrt())).collect();
    odd[3] = None;
    odd[4] = Some(Cell { judgement: Judgement::Bad(Flaw::Nan), ..good(Value::Number(f64::NAN)) });
    odd[5] = Some(Cell { claimed_ms: Some(12), time_source: TimeSource::Server, ..good(Value::Bool(true)) });
    let words = ["on", "off", "Grüße"];
    let texts = (0..40).map(|i| (i % 4 > 0).then(|| good(Value::Text(words[i % 3].into())))).collect();
    let column = |series, cells| Column { series: SeriesId(series), cells };
    Frame { keys, columns: vec![column(7, tenths), column(300, odd), column(2, texts)] }
}

/// Makes length and checksum right again, so that what lies behind them is put to the test.
fn sealed(mut content: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap().to_le_bytes();
    content[1..5].copy_from_slice(&length);
    let checksum = crc32c::crc32c(&content).to_le_bytes();
    content.extend_from_slice(&checksum);
    content
}

/// Everything that can be asked of a frame; the answers do not matter, that they come does.
fn ask_everything(blob: &[u8]) {
    let Ok(opened) = open(blob) else { return };
    let _ = opened.frame();
    for series in opened.series().take(8) {
        let _ = opened.readings(series);
        if let Ok(charted) = opened.charted(series) {
            assert_eq!(charted.times.len(), charted.numbers.len());
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let blob = encode(&small()).unwrap().blob;
    for place in 0..blob.len() {
        for bit in 0..8 {
            let mut flipped = blob.clone();
            flipped[place] ^= 1 << bit;
            assert!(open(&flipped).is_err(), "byte {place} bit {bit}");
        }
    }
}

#[test]
fn every_truncation_and_every_addition_is_noticed() {
    let blob = encode(&small()).unwrap().blob;
    for length in 0..blob.len() {
        assert_eq!(open(&blob[..length]).unwrap_err(), Damage::Length { found: length });
    }
    let mut longer = blob;
    longer.push(0);
    assert!(matches!(open(&longer), Err(Damage::Length { .. })));
}

/// Bytes of every format that was released; pco may one day pack differently, but these stay readable.
#[test]
fn frames_of_released_formats_open() {
    let blob = include_bytes!("fixtures/format-1.frame");
    assert_eq!(open(blob).unwrap().frame().unwrap(), small());
}

#[test]
fn a_newer_format_is_told_from_damage() {
    let mut content = encode(&small()).unwrap().blob;
    content.truncate(content.len() - 4);
    content[0] = FRAME_FORMAT + 1;
    assert_eq!(open(&sealed(content)).unwrap_err(), Damage::Format(FRAME_FORMAT + 1));
}

#[test]
fn a_good_checksum_over_wrong_content_is_no_panic() {
    let blob = encode(&small()).unwrap().blob;
    let content = &blob[..blob.len() - 4];
    for place in 5..content.len() {
        for value in [0, 1, 2, 3, 4, 0x7f, 0x80, 0xff, content[place] ^ 1, content[place] ^ 0x40] {
            let mut wrong = content.to_vec();
            wrong[place] = value;
            ask_everything(&sealed(wrong));
        }
        ask_everything(&sealed(content[..place].to_vec()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        ask_everything(&bytes);
        let mut content = vec![FRAME_FORMAT, 0, 0, 0, 0];
        content.extend_from_slice(&bytes);
        ask_everything(&sealed(content));
    }

    #[test]
    fn several_wrong_bytes_are_no_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let blob = encode(&small()).unwrap().blob;
        let mut content = blob[..blob.len() - 4].to_vec();
        for (place, value) in changes {
            let place = 5 + place.index(content.len() - 5);
            content[place] = value;
        }
        ask_everything(&sealed(content));
    }
}

#[test]
fn what_is_no_frame_is_refused() {
    let keys = vec![key(1, 0), key(2, 0)];
    let column = |cells| Column { series: SeriesId(1), cells };
    let pair = || column(vec![number(1.0), number(2.0)]);
    let refused = |keys, columns| encode(&Frame { keys, columns }).unwrap_err();
    assert!(matches!(refused(vec![], vec![column(vec![])]), EncodeError::Empty));
    assert!(matches!(refused(keys.clone(), vec![]), EncodeError::Empty));
    assert!(matches!(refused(vec![key(2, 0), key(1, 0)], vec![pair()]), EncodeError::Order { row: 1 }));
    assert!(matches!(refused(vec![key(2, 1), key(2, 1)], vec![pair()]), EncodeError::Order { row: 1 }));
    assert!(matches!(refused(keys.clone(), vec![column(vec![None])]), EncodeError::Cells { cells: 1, rows: 2, .. }));
    assert!(matches!(refused(keys, vec![pair(), pair()]), EncodeError::Twice(SeriesId(1))));
    let rows = i64::try_from(FRAME_ROWS_MAX + 1).unwrap();
    let many: Vec<ReadingKey> = (0..rows).map(|ms| key(ms, 0)).collect();
    let cells = vec![None; many.len()];
    assert!(matches!(refused(many, vec![column(cells)]), EncodeError::TooMany { .. }));
}

#[test]
fn the_limits_can_be_reached() {
    let rows = i64::try_from(FRAME_ROWS_MAX).unwrap();
    let keys: Vec<ReadingKey> = (0..rows).map(|ms| key(ms * 10_000, 0)).collect();
    let cells: Vec<Option<Cell>> =
        (0..rows).map(|ms| number(f64::from(i32::try_from(ms).unwrap() % 50) / 10.0)).collect();
    let series = u32::try_from(FRAME_CELLS_MAX / FRAME_ROWS_MAX).unwrap();
    let columns = (0..series).map(|id| Column { series: SeriesId(id), cells: cells.clone() }).collect();
    let encoded = encode(&Frame { keys, columns }).unwrap();
    assert_eq!(open(&encoded.blob).unwrap().rows(), FRAME_ROWS_MAX);
    let mut blob = encoded.blob;
    blob.push(0);
    assert!(open(&blob).is_err());
}
