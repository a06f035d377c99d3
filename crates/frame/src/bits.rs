//! A yes or no for each of a known number of places: presence maps, booleans.
//!
//! One byte when all are equal, else runs or a bitmap, whichever is shorter.

use crate::Damage;
use crate::cursor::{Cursor, put_count};

const NONE: u8 = 0;
const ALL: u8 = 1;
const RUNS: u8 = 2;
const MAP: u8 = 3;

/// The answer for each place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bits {
    /// No for every place.
    None,
    /// Yes for every place.
    All,
    /// One answer for each place, not all equal.
    Each(Vec<bool>),
}

impl Bits {
    /// How many of `places` are yes.
    pub(crate) fn count(&self, places: usize) -> usize {
        match self {
            Self::None => 0,
            Self::All => places,
            Self::Each(bits) => bits.iter().filter(|bit| **bit).count(),
        }
    }

    /// The answer for place `index`.
    pub(crate) fn get(&self, index: usize) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Each(bits) => bits.get(index).copied().unwrap_or(false),
        }
    }
}

pub(crate) fn put_bits(out: &mut Vec<u8>, bits: &[bool]) {
    let ones = bits.iter().filter(|bit| **bit).count();
    if ones == 0 {
        return out.push(NONE);
    }
    if ones == bits.len() {
        return out.push(ALL);
    }
    let mut runs = Vec::new();
    for run in bits.chunk_by(|a, b| a == b) {
        // Runs alternate and the first is one of yes, if need be of length 0.
        if runs.is_empty() && !run.first().copied().unwrap_or(false) {
            put_count(&mut runs, 0);
        }
        put_count(&mut runs, run.len());
    }
    if runs.len() < bits.len().div_ceil(8) {
        out.push(RUNS);
        return out.extend_from_slice(&runs);
    }
    out.push(MAP);
    for eight in bits.chunks(8) {
        out.push(eight.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit)) & mask(eight.len()));
    }
}

/// The low `count` bits.
fn mask(count: usize) -> u8 {
    u8::MAX >> (8 - count.clamp(1, 8))
}

pub(crate) fn take_bits(cursor: &mut Cursor<'_>, places: usize) -> Result<Bits, Damage> {
    match cursor.byte()? {
        NONE => Ok(Bits::None),
        ALL => Ok(Bits::All),
        RUNS => {
            let mut bits = Vec::with_capacity(places);
            let mut yes = true;
            while bits.len() < places {
                let run = cursor.count(places - bits.len())?;
                // A run of length 0 behind the first would let a few bytes keep us busy.
                if run == 0 && !(yes && bits.is_empty()) {
                    return Err(Damage::Content("an empty run"));
                }
                bits.resize(bits.len() + run, yes);
                yes = !yes;
            }
            Ok(Bits::Each(bits))
        }
        MAP => {
            let map = cursor.take(places.div_ceil(8))?;
            let bits = map.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).take(places).collect();
            Ok(Bits::Each(bits))
        }
        _ => Err(Damage::Content("an unknown form of bits")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(bits: &[bool]) -> (usize, Vec<bool>) {
        let mut out = Vec::new();
        put_bits(&mut out, bits);
        let mut cursor = Cursor::new(&out);
        let back = take_bits(&mut cursor, bits.len()).unwrap();
        cursor.end().unwrap();
        assert_eq!(back.count(bits.len()), bits.iter().filter(|bit| **bit).count());
        (out.len(), (0..bits.len()).map(|index| back.get(index)).collect())
    }

    proptest! {
        #[test]
        fn bits_come_back(bits: Vec<bool>, runs in prop::collection::vec((any::<bool>(), 1_usize..300), 0..9)) {
            prop_assert_eq!(&there_and_back(&bits).1, &bits);
            let long: Vec<bool> = runs.iter().flat_map(|(bit, len)| std::iter::repeat_n(*bit, *len)).collect();
            prop_assert_eq!(&there_and_back(&long).1, &long);
        }
    }

    #[test]
    fn equal_bits_take_one_byte_and_one_gap_a_few() {
        assert_eq!(there_and_back(&[true; 5000]).0, 1);
        assert_eq!(there_and_back(&[false; 5000]).0, 1);
        let mut gap = [true; 5000];
        gap[2000..2100].fill(false);
        assert!(there_and_back(&gap).0 < 8);
    }
}
