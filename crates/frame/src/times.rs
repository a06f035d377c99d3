//! The keys of a frame: times in milliseconds and the numbers that tell equal times apart.
//!
//! A device with an exact interval costs a few bytes for all its times. Else they are packed as they are, or as what is
//! left of them over a regular grid: jitter of ±20 ms costs 5.4 bits that way, and 6 bits as differences, because a
//! difference carries the jitter of two readings.

use model::{ReadingKey, Timestamp};

use crate::cursor::{Cursor, put_signed, put_varint};
use crate::packed::{pack, put_packed, take_packed};
use crate::symbols::{Symbols, put_symbols, take_symbols};
use crate::{Damage, EncodeError};

const REGULAR: u8 = 0;
const PACKED: u8 = 1;
const GRID: u8 = 2;

/// Appends the times of `times`, ascending, at least one.
pub(crate) fn put_times(out: &mut Vec<u8>, times: &[i64]) -> Result<(), EncodeError> {
    let first = times.first().copied().unwrap_or(0);
    let mut steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let step = steps.first().copied().unwrap_or(0);
    if steps.iter().all(|other| *other == step) {
        out.push(REGULAR);
        put_signed(out, first);
        put_signed(out, step);
        return Ok(());
    }
    let packed = pack(times)?;
    let middle = steps.len() / 2;
    let (_, usual, _) = steps.select_nth_unstable(middle);
    let grid = if *usual > 1 { Some(grid(times, *usual)?) } else { None };
    match grid {
        Some(grid) if grid.len() < packed.len() => {
            out.push(GRID);
            out.extend_from_slice(&grid);
        }
        Some(_) | None => {
            out.push(PACKED);
            crate::cursor::put_section(out, &packed);
        }
    }
    Ok(())
}

/// Each time as a whole number of steps since the one before, and what is left over the grid.
fn grid(times: &[i64], step: i64) -> Result<Vec<u8>, EncodeError> {
    let first = times.first().copied().unwrap_or(0);
    let mut out = Vec::new();
    put_signed(&mut out, first);
    put_signed(&mut out, step);
    let mut slot = 0;
    let (mut advances, mut rests) = (Vec::with_capacity(times.len()), Vec::with_capacity(times.len()));
    for time in times {
        let nearest = (time - first + step / 2).div_euclid(step);
        advances.push(nearest - slot);
        rests.push(time - first - nearest * step);
        slot = nearest;
    }
    put_packed(&mut out, &advances)?;
    put_packed(&mut out, &rests)?;
    Ok(out)
}

/// Reads `count` times into `times`, whatever was in it before. They ascend (equal neighbours are possible).
pub(crate) fn take_times(cursor: &mut Cursor<'_>, count: usize, times: &mut Vec<i64>) -> Result<(), Damage> {
    match cursor.byte()? {
        // Nothing to prove but the two ends, which `legal` does.
        REGULAR => {
            let (first, step) = (cursor.signed()?, cursor.signed()?);
            let steps = i64::try_from(count).map_err(|_| Damage::Content("too many times"))?;
            let last = step.checked_mul(steps).and_then(|length| length.checked_add(first));
            if step < 0 || last.is_none() {
                return Err(Damage::Content("times that do not ascend"));
            }
            times.clear();
            // The product was checked above; checking each again would keep the compiler from doing several at once.
            times.extend((0..steps).map(|index| first.wrapping_add(index.wrapping_mul(step))));
            return legal(times);
        }
        PACKED => take_packed(cursor, count, times)?,
        GRID => {
            let (first, step) = (cursor.signed()?, cursor.signed()?);
            let mut rests = Vec::new();
            take_packed(cursor, count, times)?;
            take_packed(cursor, count, &mut rests)?;
            let mut slot = first;
            for (time, rest) in times.iter_mut().zip(rests) {
                slot = slot.wrapping_add(time.wrapping_mul(step));
                *time = slot.wrapping_add(rest);
            }
        }
        _ => return Err(Damage::Content("an unknown form of times")),
    }
    if !times.iter().zip(times.iter().skip(1)).fold(true, |all, (a, b)| all & (a <= b)) {
        return Err(Damage::Content("times that do not ascend"));
    }
    legal(times)
}

/// Whether times that ascend begin and end inside the years that can be written.
fn legal(times: &[i64]) -> Result<(), Damage> {
    let legal = |time: Option<&i64>| time.is_some_and(|time| Timestamp::from_millis(*time).is_ok());
    if legal(times.first()) && legal(times.last()) { Ok(()) } else { Err(Damage::Content("a time beyond all times")) }
}

/// Appends the n of each key.
pub(crate) fn put_ns(out: &mut Vec<u8>, keys: &[ReadingKey]) -> Result<(), EncodeError> {
    let ns: Vec<u32> = keys.iter().map(|key| key.n).collect();
    put_symbols(out, &ns)
}

/// Reads the n of each of `times`, and proves that the keys ascend strictly.
pub(crate) fn take_keys(cursor: &mut Cursor<'_>, times: &[i64]) -> Result<Vec<ReadingKey>, Damage> {
    take_some_keys(cursor, times.len(), 0, times)
}

/// As [`take_keys`], of the times that stand from row `first` on in a frame of `rows` rows.
pub(crate) fn take_some_keys(
    cursor: &mut Cursor<'_>,
    rows: usize,
    first: usize,
    times: &[i64],
) -> Result<Vec<ReadingKey>, Damage> {
    let ns: Symbols = take_symbols(cursor, rows)?;
    let key = |(index, time): (usize, &i64)| ReadingKey { time: Timestamp::saturating(*time), n: ns.get(index) };
    let keys: Vec<ReadingKey> = (first..).zip(times).map(key).collect();
    if keys.iter().zip(keys.iter().skip(1)).all(|(a, b)| a < b) {
        Ok(keys)
    } else {
        Err(Damage::Content("keys that do not ascend"))
    }
}

/// Appends the first time and the length of the range of times.
pub(crate) fn put_span(out: &mut Vec<u8>, first: Timestamp, last: Timestamp) {
    put_signed(out, first.millis());
    put_varint(out, (last.millis() - first.millis()).cast_unsigned());
}

/// Reads the first and the last time.
pub(crate) fn take_span(cursor: &mut Cursor<'_>) -> Result<(Timestamp, Timestamp), Damage> {
    let first = cursor.signed()?;
    let last = i64::try_from(cursor.varint()?).ok().and_then(|length| first.checked_add(length));
    let time = |millis| Timestamp::from_millis(millis).ok();
    time(first).zip(last.and_then(time)).ok_or(Damage::Content("a time beyond all times"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(times: &[i64]) -> Vec<u8> {
        let mut out = Vec::new();
        put_times(&mut out, times).unwrap();
        let mut cursor = Cursor::new(&out);
        let mut back = vec![3];
        take_times(&mut cursor, times.len(), &mut back).unwrap();
        cursor.end().unwrap();
        assert_eq!(back, times);
        out
    }

    proptest! {
        #[test]
        fn any_times_come_back(mut times in prop::collection::vec(
            prop_oneof![-62_135_596_800_000_i64..=253_402_300_799_999, 0_i64..1000], 1..200)) {
            times.sort_unstable();
            there_and_back(&times);
        }

        #[test]
        fn regular_times_with_jitter_and_gaps_come_back(
            step in 1_i64..100_000,
            jitters in prop::collection::vec((-20_i64..=20, prop_oneof![20 => Just(1_i64), 1 => 2_i64..5000]), 1..300),
        ) {
            let mut time = 1_700_000_000_000;
            let mut times: Vec<i64> = jitters.iter().map(|(jitter, steps)| { time += step * steps; time + jitter }).collect();
            times.sort_unstable();
            there_and_back(&times);
        }
    }

    #[test]
    fn an_exact_interval_costs_nothing_and_jitter_less_than_its_differences() {
        let exact: Vec<i64> = (0..5000).map(|index| 1_700_000_000_000 + index * 10_000).collect();
        assert!(there_and_back(&exact).len() < 12);
        let jitter: Vec<i64> = exact.iter().enumerate().map(|(i, time)| time + (i as i64 * 7919 % 41) - 20).collect();
        assert!(there_and_back(&jitter).len() < 5000 * 6 / 8);
    }
}
