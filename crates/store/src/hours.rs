//! Stored hours: what is known of each UTC hour of the readings of one series, so that a year needs no decoding. The bytes
//! are described in `FORMAT.md` of `store-embedded`; every store that keeps frames writes the same.
//!
//! They follow from the frame alone and are bound to a number of the store's choice that belongs to it: stored hours that do
//! not match it are not used, the readings answer instead. Min, max, first, last, count and the sums of angles are kept to the
//! bit, sums and increases to 1e-13.

use frame::{Damage, EncodeError, pack_integers, pack_numbers, unpack_integers, unpack_numbers};
use model::{Kind, Resolution, TimeRange, Timestamp};
use windows::{Aspect, Grid, Window, fold_ascending};

/// One UTC hour in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;
/// Most hours, gaps included, that are kept together; readings that spread over more have none.
pub const HOURS_MAX: usize = 20_000;
const FORMAT: u8 = 1;
/// Format, kind, count of hours, first hour.
const HEAD_BYTES: usize = 1 + 1 + 4 + 8;
/// What a sum may be moved to become a short decimal.
const SUM_SLACK: f64 = 1e-14;
/// Most decimals of a short decimal.
const SUM_DECIMALS_MAX: i32 = 6;

/// An hour that has readings that count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hour {
    /// Its start in milliseconds.
    pub start_ms: i64,
    /// What is known of its readings.
    pub window: Window,
}

/// The bytes of the hours of `charted`, bound to the number `crc`; none where hours have fewer than `density_min` readings
/// on average, where the readings spread over more than [`HOURS_MAX`] hours, and where the bytes would not give back the same.
#[must_use]
pub fn of_charted(crc: u32, charted: &frame::Charted, kind: Kind, density_min: u64) -> Option<Vec<u8>> {
    let hours = summarize(charted, kind)?;
    let readings: u64 = hours.iter().map(|hour| hour.window.count).sum();
    if readings < density_min * u64::try_from(hours.len()).unwrap_or(u64::MAX) {
        return None;
    }
    let bytes = write(&hours, crc, kind).ok()?;
    let back = read(&bytes, crc, kind).ok()??;
    let same =
        |(written, back): (&Hour, &Hour)| written.start_ms == back.start_ms && alike(&written.window, &back.window);
    (back.len() == hours.len() && hours.iter().zip(&back).all(same)).then_some(bytes)
}

/// Whether everything that has to be exact is.
fn alike(a: &Window, b: &Window) -> bool {
    let exact = |window: &Window| [window.min, window.max, window.first, window.last].map(f64::to_bits);
    let angle = |window: &Window| match window.aspect {
        Aspect::Angle { sin, cos } => Some((sin, cos)),
        Aspect::Plain | Aspect::Total { .. } | Aspect::TotalIncreasing { .. } => None,
    };
    a.count == b.count && exact(a) == exact(b) && angle(a) == angle(b)
}

/// The hours that have readings; none if the column is spread over too many.
fn summarize(charted: &frame::Charted, kind: Kind) -> Option<Vec<Hour>> {
    let (first, last) = (charted.times.first()?, charted.times.last()?);
    let range = TimeRange { from: Timestamp::saturating(*first), to: Timestamp::saturating(last.saturating_add(1)) };
    let grid = Grid::covering(range, Resolution::from_millis(HOUR_MS)?);
    if grid.count() > HOURS_MAX || grid.index_of(*last).is_none() {
        return None;
    }
    let mut windows = vec![Window::default(); grid.count()];
    fold_ascending(&charted.times, &charted.numbers, &grid, kind, &mut windows);
    let hours = grid.starts_ms().zip(windows).map(|(start_ms, window)| Hour { start_ms, window });
    Some(hours.filter(|hour| hour.window.count > 0).collect())
}

/// The code of what is kept beside the figures of every window. Kinds without it are one.
fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Measurement | Kind::State | Kind::Text => 0,
        Kind::Angle => 1,
        Kind::Total => 2,
        Kind::TotalIncreasing => 3,
    }
}

fn write(hours: &[Hour], crc: u32, kind: Kind) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = vec![FORMAT, code(kind)];
    bytes.extend_from_slice(&u32::try_from(hours.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&hours.first().map_or(0, |hour| hour.start_ms / HOUR_MS).to_le_bytes());
    let steps = hours.windows(2).map(|pair| (pair[1].start_ms - pair[0].start_ms) / HOUR_MS - 1);
    put_integers(&mut bytes, &steps.collect::<Vec<_>>())?;
    put_integers(&mut bytes, &hours.iter().map(|hour| hour.window.count.cast_signed()).collect::<Vec<_>>())?;
    // In this order each is near the one before, which is what makes them small.
    let four = |hour: &Hour| [hour.window.first, hour.window.min, hour.window.max, hour.window.last];
    put_section(&mut bytes, &pack_numbers(&hours.iter().flat_map(four).collect::<Vec<_>>())?);
    put_section(&mut bytes, &pack_numbers(&short_decimals(hours.iter().map(|hour| hour.window.sum).collect()))?);
    let aspects = hours.iter().map(|hour| hour.window.aspect);
    match kind {
        Kind::Measurement | Kind::State | Kind::Text => {}
        Kind::Angle => {
            let parts = aspects.map(|aspect| match aspect {
                Aspect::Angle { sin, cos } => [sin, cos],
                Aspect::Plain | Aspect::Total { .. } | Aspect::TotalIncreasing { .. } => [0, 0],
            });
            let parts: Vec<_> = parts.collect();
            for at in 0..2 {
                put_integers(&mut bytes, &parts.iter().map(|part| part[at]).collect::<Vec<_>>())?;
            }
        }
        Kind::Total | Kind::TotalIncreasing => {
            let increase = |aspect| match aspect {
                Aspect::Total { increase, .. } | Aspect::TotalIncreasing { increase, .. } => increase,
                Aspect::Plain | Aspect::Angle { .. } => 0.0,
            };
            put_section(&mut bytes, &pack_numbers(&short_decimals(aspects.map(increase).collect()))?);
        }
    }
    bytes.extend_from_slice(&crc32c::crc32c_append(crc, &bytes).to_le_bytes());
    Ok(bytes)
}

/// Sums of decimals are decimals but for their last bits, and take far fewer bytes as such. All or none.
fn short_decimals(sums: Vec<f64>) -> Vec<f64> {
    let at = |power: f64| {
        let short = |sum: &f64| {
            let short = (sum * power).round() / power;
            ((short - sum).abs() <= SUM_SLACK * sum.abs()).then_some(short)
        };
        sums.iter().map(short).collect::<Option<Vec<_>>>()
    };
    (0..=SUM_DECIMALS_MAX).find_map(|decimals| at(10_f64.powi(decimals))).unwrap_or(sums)
}

fn put_section(out: &mut Vec<u8>, section: &[u8]) {
    out.extend_from_slice(&u32::try_from(section.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(section);
}

/// A section of eight bytes is one number that all are; packed ones are longer.
fn put_integers(out: &mut Vec<u8>, integers: &[i64]) -> Result<(), EncodeError> {
    match integers.first() {
        Some(first) if integers.iter().all(|integer| integer == first) => put_section(out, &first.to_le_bytes()),
        Some(_) => {
            let mut packed = vec![0];
            packed.extend_from_slice(&pack_integers(integers)?);
            put_section(out, &packed);
        }
        None => put_section(out, &[]),
    }
    Ok(())
}

/// The hours of `bytes` that [`of_charted`] made bound to `crc`; none if they were stored under a kind of another aspect.
///
/// # Errors
/// Bytes that were changed, that are bound to another number, or that never were hours. Any bytes are safe to pass.
pub fn read(bytes: &[u8], crc: u32, kind: Kind) -> Result<Option<Vec<Hour>>, Damage> {
    let (content, checksum) = bytes.split_last_chunk::<4>().ok_or(Damage::Content("no checksum"))?;
    if crc32c::crc32c_append(crc, content) != u32::from_le_bytes(*checksum) {
        return Err(Damage::Content("a checksum that does not match"));
    }
    let (head, mut rest) = content.split_first_chunk::<HEAD_BYTES>().ok_or(Damage::Content("a short head"))?;
    let [format, of_kind, c0, c1, c2, c3, first @ ..] = *head;
    if format != FORMAT || of_kind != code(kind) {
        return Ok(None);
    }
    let count = usize::try_from(u32::from_le_bytes([c0, c1, c2, c3])).unwrap_or(usize::MAX);
    if count == 0 || count > HOURS_MAX {
        return Err(Damage::Content("an impossible count of hours"));
    }
    let steps = take_integers(&mut rest, count - 1)?;
    let counts = take_integers(&mut rest, count)?;
    let fours = unpack_numbers(take_section(&mut rest)?, count * 4)?;
    let sums = unpack_numbers(take_section(&mut rest)?, count)?;
    let aspects = take_aspects(&mut rest, count, kind)?;
    if !rest.is_empty() {
        return Err(Damage::Content("bytes behind the hours"));
    }
    let mut hour = i64::from_le_bytes(first);
    let mut hours = Vec::with_capacity(count);
    let parts = counts.into_iter().zip(fours.as_chunks::<4>().0).zip(sums).zip(aspects);
    for (at, (((count, [first, min, max, last]), sum), aspect)) in parts.enumerate() {
        if let Some(step) = at.checked_sub(1).and_then(|before| steps.get(before)) {
            hour = hour.saturating_add(*step).saturating_add(1);
        }
        let (first, min, max, last) = (*first, *min, *max, *last);
        let window = Window { count: count.cast_unsigned(), min, max, sum, carry: 0.0, first, last, aspect };
        hours.push(Hour { start_ms: hour.saturating_mul(HOUR_MS), window });
    }
    Ok(Some(hours))
}

fn take_aspects(rest: &mut &[u8], count: usize, kind: Kind) -> Result<Vec<Aspect>, Damage> {
    Ok(match kind {
        Kind::Measurement | Kind::State | Kind::Text => vec![Aspect::Plain; count],
        Kind::Angle => {
            let (sin, cos) = (take_integers(rest, count)?, take_integers(rest, count)?);
            sin.into_iter().zip(cos).map(|(sin, cos)| Aspect::Angle { sin, cos }).collect()
        }
        Kind::Total => {
            let increases = unpack_numbers(take_section(rest)?, count)?;
            increases.into_iter().map(|increase| Aspect::Total { increase, carry: 0.0 }).collect()
        }
        Kind::TotalIncreasing => {
            let increases = unpack_numbers(take_section(rest)?, count)?;
            increases.into_iter().map(|increase| Aspect::TotalIncreasing { increase, carry: 0.0 }).collect()
        }
    })
}

fn take_section<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Damage> {
    let short = Damage::Content("a short section");
    let Some((length, behind)) = rest.split_first_chunk::<4>() else { return Err(short) };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let Some((section, behind)) = behind.split_at_checked(length) else { return Err(short) };
    *rest = behind;
    Ok(section)
}

fn take_integers(rest: &mut &[u8], count: usize) -> Result<Vec<i64>, Damage> {
    let section = take_section(rest)?;
    if let Ok(same) = <[u8; 8]>::try_from(section) {
        return Ok(vec![i64::from_le_bytes(same); count]);
    }
    match section.split_first() {
        Some((_, packed)) => unpack_integers(packed, count),
        None if count == 0 => Ok(Vec::new()),
        None => Err(Damage::Content("no integers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readings every 10 s.
    fn charted(rows: i64, value: impl Fn(i64) -> f64) -> frame::Charted {
        let mut charted = frame::Charted::default();
        charted.times = (0..rows).map(|at| 1_735_690_000_000 + at * 10_000).collect();
        charted.numbers = (0..rows).map(value).collect();
        charted
    }

    fn walk(at: i64) -> f64 {
        // Steps of a tenth that look like chance, the same every time.
        let noise = |at: i64| (at * 7_919 + at * at * 31) % 11 - 5;
        (200 + noise(at / 40) * 3 + noise(at) / 4) as f64 / 10.0
    }

    #[test]
    fn hours_come_back_under_their_kind_and_number_only() {
        let charted = charted(16_384, walk);
        for kind in [Kind::Measurement, Kind::Angle, Kind::Total, Kind::TotalIncreasing] {
            let blob = of_charted(7, &charted, kind, 100).unwrap();
            let hours = read(&blob, 7, kind).unwrap().unwrap();
            assert_eq!(hours.iter().map(|hour| hour.window.count).sum::<u64>(), 16_384);
            let other = if kind == Kind::Angle { Kind::Total } else { Kind::Angle };
            assert!(read(&blob, 7, other).unwrap().is_none());
            assert!(read(&blob, 6, kind).is_err(), "hours of another frame");
        }
    }

    #[test]
    fn a_changed_bit_is_damage() {
        let blob = of_charted(7, &charted(1_000, |at| at as f64 / 10.0), Kind::Total, 100).unwrap();
        for at in 0..blob.len() {
            let mut changed = blob.clone();
            changed[at] ^= 4;
            assert!(read(&changed, 7, Kind::Total).is_err());
            assert!(read(&blob[..at], 7, Kind::Total).is_err());
        }
    }
}
