//! A small whole number for each of a known number of places, mostly the same one: value types, judgements, time
//! sources, positions in a dictionary.
//!
//! The one symbol when all are equal, else runs, or packed when runs would be longer.

use crate::cursor::{Cursor, put_count, put_varint};
use crate::packed::{pack, take_packed};
use crate::{Damage, EncodeError, cursor};

const CONSTANT: u8 = 0;
const RUNS: u8 = 1;
const PACKED: u8 = 2;

/// The symbol of each place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Symbols {
    /// The same for every place.
    Constant(u32),
    /// One for each place.
    Each(Vec<u32>),
}

impl Symbols {
    /// The symbol of place `index`.
    pub(crate) fn get(&self, index: usize) -> u32 {
        match self {
            Self::Constant(symbol) => *symbol,
            // A place that does not exist has the symbol that no column knows.
            Self::Each(symbols) => symbols.get(index).copied().unwrap_or(u32::MAX),
        }
    }

    /// How many of `places` hold `wanted`.
    pub(crate) fn count(&self, wanted: u32, places: usize) -> usize {
        match self {
            Self::Constant(symbol) => places * usize::from(*symbol == wanted),
            Self::Each(symbols) => symbols.iter().filter(|symbol| **symbol == wanted).count(),
        }
    }

    /// Whether `legal` holds for each.
    pub(crate) fn all(&self, legal: impl Fn(u32) -> bool) -> bool {
        match self {
            Self::Constant(symbol) => legal(*symbol),
            Self::Each(symbols) => symbols.iter().all(|symbol| legal(*symbol)),
        }
    }
}

/// Appends `symbols`, of which there is at least one.
pub(crate) fn put_symbols(out: &mut Vec<u8>, symbols: &[u32]) -> Result<(), EncodeError> {
    let mut runs = Vec::new();
    let mut count = 0_usize;
    for run in symbols.chunk_by(|a, b| a == b) {
        put_varint(&mut runs, u64::from(run.first().copied().unwrap_or(0)));
        put_count(&mut runs, run.len());
        count += 1;
    }
    if count <= 1 {
        out.push(CONSTANT);
        put_varint(out, u64::from(symbols.first().copied().unwrap_or(0)));
        return Ok(());
    }
    // Packing costs some twenty bytes of its own, so that a few runs need no comparison.
    if count > 8 {
        let packed = pack(symbols)?;
        if packed.len() < runs.len() {
            out.push(PACKED);
            cursor::put_section(out, &packed);
            return Ok(());
        }
    }
    out.push(RUNS);
    out.extend_from_slice(&runs);
    Ok(())
}

pub(crate) fn take_symbols(cursor: &mut Cursor<'_>, places: usize) -> Result<Symbols, Damage> {
    match cursor.byte()? {
        CONSTANT => Ok(Symbols::Constant(symbol(cursor)?)),
        RUNS => {
            let mut symbols = Vec::with_capacity(places);
            while symbols.len() < places {
                let symbol = symbol(cursor)?;
                let run = cursor.count(places - symbols.len())?;
                if run == 0 {
                    return Err(Damage::Content("an empty run"));
                }
                symbols.resize(symbols.len() + run, symbol);
            }
            Ok(Symbols::Each(symbols))
        }
        PACKED => {
            let mut symbols = Vec::new();
            take_packed(cursor, places, &mut symbols)?;
            Ok(Symbols::Each(symbols))
        }
        _ => Err(Damage::Content("an unknown form of symbols")),
    }
}

fn symbol(cursor: &mut Cursor<'_>) -> Result<u32, Damage> {
    u32::try_from(cursor.varint()?).map_err(|_| Damage::Content("a symbol is too large"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn symbols_come_back(
            few in prop::collection::vec(0_u32..4, 1..400),
            any in prop::collection::vec(any::<u32>(), 1..100),
            constant in 0_u32..600,
        ) {
            for symbols in [few, any, vec![constant; 77]] {
                let mut out = Vec::new();
                put_symbols(&mut out, &symbols).unwrap();
                let mut cursor = Cursor::new(&out);
                let back = take_symbols(&mut cursor, symbols.len()).unwrap();
                cursor.end().unwrap();
                prop_assert!(symbols.iter().enumerate().all(|(index, symbol)| back.get(index) == *symbol));
                prop_assert_eq!(back.count(2, symbols.len()), symbols.iter().filter(|symbol| **symbol == 2).count());
            }
        }
    }
}
