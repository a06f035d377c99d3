//! Doubles: decimal integers with one exponent for the column where that is exact, else packed as they are.
//!
//! A sensor that says `23.4` means 234 tenths; as a double the same number has 52 busy bits. A column is stored as integers
//! m with one exponent e when m / 10^e gives back the very bits of nearly every number; what it does not give back (−0.0,
//! NaN, infinities, a stray long fraction) is an exception with its position and its bits.

use crate::cursor::{Cursor, put_count, put_section};
use crate::packed::{pack, take_packed};
use crate::{Damage, EncodeError};

const DECIMAL: u8 = 0;
const FLOATS: u8 = 1;
/// As `DECIMAL`, with every mantissa in 32 bits, which is decoded faster.
const NARROW: u8 = 2;

/// Powers of ten that a double holds exactly and that leave room for digits before the point.
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// Up to here every whole number is one double and both directions are one addition.
const MANTISSA_MAX: f64 = 2_251_799_813_685_247.0;
/// 2^52 + 2^51: added to a mantissa's bits it makes a double whose low bits are the mantissa.
const MAGIC: i64 = 0x4338_0000_0000_0000;
const MAGIC_FLOAT: f64 = 6_755_399_441_055_744.0;
/// One exception in this many numbers at most, and a few in a small column, else the column is no decimal one.
const EXCEPTION_SHARE: usize = 8;

/// Memory that one decoding leaves to the next.
#[derive(Debug, Default)]
pub(crate) struct NumbersScratch {
    mantissas: Vec<i64>,
    narrow: Vec<i32>,
}

/// A number that the decimals do not give back.
type Exception = (usize, f64);

/// The mantissa of `number` at an exponent, if it is exact to the bit.
fn mantissa(number: f64, power: f64) -> Option<i64> {
    let scaled = (number * power).round();
    // NaN fails the comparison too.
    if scaled.abs() <= MANTISSA_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^51")]
        let mantissa = scaled as i64;
        ((float(mantissa) / power).to_bits() == number.to_bits()).then_some(mantissa)
    } else {
        None
    }
}

/// The double of a whole number of at most 51 bits, in a form that the compiler can do for several at once.
fn float(mantissa: i64) -> f64 {
    f64::from_bits(mantissa.wrapping_add(MAGIC).cast_unsigned()) - MAGIC_FLOAT
}

/// How many numbers need which exponent; the last place counts those that are exact at none.
fn exponents(numbers: &[f64]) -> [usize; POWERS.len() + 1] {
    let mut needs = [0; POWERS.len() + 1];
    let mut hint = 0;
    for number in numbers {
        let exact = |exponent: usize| POWERS.get(exponent).is_some_and(|power| mantissa(*number, *power).is_some());
        // Neighbours mostly need the same exponent, so the search starts there and goes down, or else up.
        let need = if exact(hint) {
            (0..hint).rev().take_while(|lower| exact(*lower)).last().unwrap_or(hint)
        } else {
            (hint + 1..POWERS.len()).find(|higher| exact(*higher)).unwrap_or(POWERS.len())
        };
        if need < POWERS.len() {
            hint = need;
        }
        if let Some(count) = needs.get_mut(need) {
            *count += 1;
        }
    }
    needs
}

/// Appends `numbers`, of which there is at least one. All NaN become the one NaN.
pub(crate) fn put_numbers(out: &mut Vec<u8>, numbers: &[f64]) -> Result<(), EncodeError> {
    let needs = exponents(numbers);
    let allowed = numbers.len() / EXCEPTION_SHARE + 2;
    let finest = needs.iter().take(POWERS.len()).rposition(|count| *count > 0).unwrap_or(0);
    // The coarsest exponent that leaves few exceptions: one long fraction must not scale up a whole column.
    let mut left = numbers.len();
    let coarsest = needs.iter().take(POWERS.len()).position(|count| {
        left -= count;
        left <= numbers.len() / (4 * EXCEPTION_SHARE)
    });
    let mut best = None;
    for exponent in [Some(finest), coarsest.filter(|coarsest| *coarsest != finest)].into_iter().flatten() {
        if let Some(decimal) = decimal(numbers, exponent, allowed)? {
            best = shorter(best, decimal);
        }
    }
    // Long fractions may be cheaper as doubles, which the packer knows tricks for; short ones never are.
    if best.is_none() || finest > 6 {
        best = shorter(best, floats(numbers)?);
    }
    out.extend_from_slice(&best.unwrap_or_default());
    Ok(())
}

fn shorter(best: Option<Vec<u8>>, other: Vec<u8>) -> Option<Vec<u8>> {
    match best {
        Some(best) if best.len() <= other.len() => Some(best),
        Some(_) | None => Some(other),
    }
}

fn decimal(numbers: &[f64], exponent: usize, allowed: usize) -> Result<Option<Vec<u8>>, EncodeError> {
    let power = POWERS.get(exponent).copied().unwrap_or(1.0);
    let mut exceptions: Vec<Exception> = Vec::new();
    let mut mantissas = Vec::with_capacity(numbers.len());
    let mut before = numbers.iter().find_map(|number| mantissa(*number, power)).unwrap_or(0);
    for (index, number) in numbers.iter().enumerate() {
        if let Some(mantissa) = mantissa(*number, power) {
            before = mantissa;
        } else {
            exceptions.push((index, *number));
            if exceptions.len() > allowed {
                return Ok(None);
            }
        }
        mantissas.push(before);
    }
    let exponent = u8::try_from(exponent).unwrap_or(u8::MAX);
    let narrow: Option<Vec<i32>> = mantissas.iter().map(|mantissa| i32::try_from(*mantissa).ok()).collect();
    let mut out = vec![if narrow.is_some() { NARROW } else { DECIMAL }, exponent];
    put_exceptions(&mut out, &exceptions);
    put_section(&mut out, &narrow.map_or_else(|| pack(&mantissas), |narrow| pack(&narrow))?);
    Ok(Some(out))
}

fn put_exceptions(out: &mut Vec<u8>, exceptions: &[Exception]) {
    put_count(out, exceptions.len());
    let mut next = 0;
    for (index, number) in exceptions {
        put_count(out, index - next);
        next = index + 1;
        out.extend_from_slice(&one_nan(*number).to_le_bytes());
    }
}

fn floats(numbers: &[f64]) -> Result<Vec<u8>, EncodeError> {
    let numbers: Vec<f64> = numbers.iter().map(|number| one_nan(*number)).collect();
    let mut out = vec![FLOATS];
    put_section(&mut out, &pack(&numbers)?);
    Ok(out)
}

fn one_nan(number: f64) -> f64 {
    if number.is_nan() { f64::NAN } else { number }
}

/// Reads `count` numbers, at least one, into `numbers`, whatever was in it before, and answers whether one of them is NaN.
pub(crate) fn take_numbers(
    cursor: &mut Cursor<'_>,
    count: usize,
    numbers: &mut Vec<f64>,
    scratch: &mut NumbersScratch,
) -> Result<bool, Damage> {
    match cursor.byte()? {
        form @ (DECIMAL | NARROW) => {
            let power = *POWERS.get(usize::from(cursor.byte()?)).ok_or(Damage::Content("an unknown exponent"))?;
            let exceptions = take_exceptions(cursor, count)?;
            numbers.clear();
            if form == NARROW {
                take_packed(cursor, count, &mut scratch.narrow)?;
                numbers.extend(scratch.narrow.iter().map(|mantissa| f64::from(*mantissa) / power));
            } else {
                take_packed(cursor, count, &mut scratch.mantissas)?;
                numbers.extend(scratch.mantissas.iter().map(|mantissa| float(*mantissa) / power));
            }
            // A mantissa is never NaN, so that only the exceptions have to be looked at.
            let nan = exceptions.iter().any(|(_, number)| number.is_nan());
            for (index, number) in exceptions {
                *numbers.get_mut(index).ok_or(Damage::Content("an exception out of place"))? = number;
            }
            Ok(nan)
        }
        FLOATS => {
            take_packed(cursor, count, numbers)?;
            Ok(numbers.iter().fold(false, |any, number| any | number.is_nan()))
        }
        _ => Err(Damage::Content("an unknown form of numbers")),
    }
}

fn take_exceptions(cursor: &mut Cursor<'_>, count: usize) -> Result<Vec<Exception>, Damage> {
    let many = cursor.count(count)?;
    let mut exceptions = Vec::with_capacity(many);
    let mut next = 0;
    for _ in 0..many {
        let index = next + cursor.count(count)?;
        exceptions.push((index, cursor.float()?));
        next = index + 1;
    }
    Ok(exceptions)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(numbers: &[f64]) -> Vec<u8> {
        let mut out = Vec::new();
        put_numbers(&mut out, numbers).unwrap();
        out
    }

    fn same(a: f64, b: f64) -> bool {
        a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
    }

    fn check(numbers: &[f64]) -> Vec<u8> {
        let out = bytes(numbers);
        let mut cursor = Cursor::new(&out);
        let mut back = vec![7.0];
        let nan = take_numbers(&mut cursor, numbers.len(), &mut back, &mut NumbersScratch::default()).unwrap();
        assert_eq!(nan, numbers.iter().any(|number| number.is_nan()));
        cursor.end().unwrap();
        assert_eq!(back.len(), numbers.len());
        for (number, back) in numbers.iter().zip(&back) {
            assert!(same(*number, *back), "{number:e} came back as {back:e}");
        }
        out
    }

    /// Doubles of every kind: any bits at all, decimals as sensors send them, and the corners.
    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => (any::<i32>(), 0_usize..10).prop_map(|(mantissa, exponent)| f64::from(mantissa) / POWERS[exponent]),
            2 => any::<u64>().prop_map(f64::from_bits),
            1 => any::<f32>().prop_map(f64::from),
            1 => prop::sample::select(vec![
                0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN,
                f64::MIN_POSITIVE, 5e-324, -5e-324, 9_007_199_254_740_993.0, 0.1 + 0.2, 1e15, 1e16,
            ]),
        ]
    }

    proptest! {
        #[test]
        fn any_numbers_come_back(numbers in prop::collection::vec(number(), 1..300)) {
            check(&numbers);
        }

        #[test]
        fn decimals_come_back_as_decimals(
            mantissas in prop::collection::vec(-99_999_i32..99_999, 50..300),
            exponent in 0_usize..7,
            odd in number(),
        ) {
            let mut numbers: Vec<f64> = mantissas.iter().map(|m| f64::from(*m) / POWERS[exponent]).collect();
            numbers.push(odd);
            prop_assert_ne!(check(&numbers)[0], FLOATS);
        }

        #[test]
        fn every_mantissa_is_the_double_of_it(mantissa in -2_251_799_813_685_247_i64..=2_251_799_813_685_247) {
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            let expected = mantissa as f64;
            prop_assert_eq!(float(mantissa).to_bits(), expected.to_bits());
        }
    }

    #[test]
    fn wide_decimals_are_decimals_too() {
        let numbers: Vec<f64> = (0_u32..200).map(|i| f64::from(i * 20_000_000) + f64::from(i % 7) / 10.0).collect();
        assert_eq!(check(&numbers)[0], DECIMAL);
    }

    #[test]
    fn single_floats_are_not_decimals() {
        let numbers: Vec<f64> = (0_u16..200).map(|i| f64::from(f32::from(i) * 0.37_f32)).collect();
        check(&numbers);
    }

    #[test]
    fn a_failed_read_does_not_spoil_a_column() {
        let tenths = |i: u32| f64::from(200 + (i.wrapping_mul(2_654_435_761) >> 29)) / 10.0;
        let mut numbers: Vec<f64> = (0..2000).map(tenths).collect();
        let clean = check(&numbers).len();
        numbers[700] = f64::NAN;
        numbers[1500] = -0.0;
        assert!(check(&numbers).len() < clean + 40);
    }
}
