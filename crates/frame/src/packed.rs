//! Integers and floats packed by `pco`, which finds the deltas, common factors and bins by itself.
//!
//! Its *wrapped* format is used: it leaves the count of numbers to us, who know it from elsewhere. Each sequence is one
//! chunk of one page, with its length in bytes before it.

use pco::data_types::Number;
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, PagingSpec};

use crate::cursor::{Cursor, put_section};
use crate::{Damage, EncodeError};

/// Packs `numbers`, of which there is at least one.
pub(crate) fn pack<T: Number>(numbers: &[T]) -> Result<Vec<u8>, EncodeError> {
    let config = ChunkConfig::default().with_paging_spec(PagingSpec::Exact(vec![numbers.len()]));
    let compressor = FileCompressor::default();
    let mut packed = Vec::new();
    compressor.write_header(&mut packed)?;
    let mut chunk = compressor.chunk_compressor(numbers, &config)?;
    chunk.write_meta(&mut packed)?;
    chunk.write_page(0, &mut packed)?;
    Ok(packed)
}

/// Appends packed `numbers`; nothing if there are none.
pub(crate) fn put_packed<T: Number>(out: &mut Vec<u8>, numbers: &[T]) -> Result<(), EncodeError> {
    if !numbers.is_empty() {
        put_section(out, &pack(numbers)?);
    }
    Ok(())
}

/// Reads `count` packed numbers into `numbers`, whatever was in it before.
pub(crate) fn take_packed<T: Number>(
    cursor: &mut Cursor<'_>,
    count: usize,
    numbers: &mut Vec<T>,
) -> Result<(), Damage> {
    // What is in it is written over; filling all of it with zeros first would cost more than the rest of this function.
    numbers.resize(count, T::default());
    if count == 0 {
        return Ok(());
    }
    let section = cursor.section()?;
    let (file, rest) = FileDecompressor::new(section).map_err(|_| Damage::Content("packed numbers"))?;
    let (mut chunk, rest) = file.chunk_decompressor::<T, _>(rest).map_err(|_| Damage::Content("packed numbers"))?;
    let mut page = chunk.page_decompressor(rest, count).map_err(|_| Damage::Content("packed numbers"))?;
    let progress = page.read(numbers).map_err(|_| Damage::Content("packed numbers"))?;
    if !progress.finished || progress.n_processed != count || !page.into_src().is_empty() {
        return Err(Damage::Content("packed numbers"));
    }
    Ok(())
}
