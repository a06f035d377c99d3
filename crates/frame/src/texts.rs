//! Texts: each different one once, then which of them stands where.

use std::collections::HashMap;
use std::sync::Arc;

use crate::cursor::{Cursor, put_count, put_section};
use crate::symbols::{put_symbols, take_symbols};
use crate::{Damage, EncodeError};

/// Appends `texts`, of which there is at least one.
pub(crate) fn put_texts(out: &mut Vec<u8>, texts: &[&Arc<str>]) -> Result<(), EncodeError> {
    let mut places: HashMap<&str, u32> = HashMap::new();
    let mut words: Vec<&str> = Vec::new();
    let mut symbols = Vec::with_capacity(texts.len());
    for text in texts {
        let next = u32::try_from(words.len()).unwrap_or(u32::MAX);
        let place = *places.entry(text).or_insert(next);
        if place == next {
            words.push(text);
        }
        symbols.push(place);
    }
    put_count(out, words.len());
    for word in words {
        put_section(out, word.as_bytes());
    }
    put_symbols(out, &symbols)
}

/// Reads `count` texts, at least one.
pub(crate) fn take_texts(cursor: &mut Cursor<'_>, count: usize) -> Result<Vec<Arc<str>>, Damage> {
    let many = cursor.count(count)?;
    let mut words: Vec<Arc<str>> = Vec::with_capacity(many);
    for _ in 0..many {
        let word = std::str::from_utf8(cursor.section()?).map_err(|_| Damage::Content("a text is not UTF-8"))?;
        words.push(word.into());
    }
    let symbols = take_symbols(cursor, count)?;
    let word = |index| usize::try_from(symbols.get(index)).ok().and_then(|place| words.get(place)).cloned();
    (0..count).map(|index| word(index).ok_or(Damage::Content("a text that is not in the dictionary"))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_come_back(texts in prop::collection::vec(".{0,3}|on|off|Grüße 🌡", 1..80)) {
            let texts: Vec<Arc<str>> = texts.iter().map(|text| text.as_str().into()).collect();
            let mut out = Vec::new();
            put_texts(&mut out, &texts.iter().collect::<Vec<_>>()).unwrap();
            let mut cursor = Cursor::new(&out);
            prop_assert_eq!(take_texts(&mut cursor, texts.len()).unwrap(), texts);
            cursor.end().unwrap();
        }
    }
}
