//! Numbers that stand beside frames, such as stored windows, packed the way a column is.

use pco::data_types::Number;

use crate::cursor::Cursor;
use crate::numbers::{NumbersScratch, put_numbers, take_numbers};
use crate::packed::{put_packed, take_packed};
use crate::{Damage, EncodeError, FRAME_CELLS_MAX};

/// Packs doubles: decimals as integers, every bit of every number kept (all NaN being one class).
///
/// # Errors
/// The packer refused.
pub fn pack_numbers(numbers: &[f64]) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    if !numbers.is_empty() {
        put_numbers(&mut out, numbers)?;
    }
    Ok(out)
}

/// The `count` numbers that [`pack_numbers`] made bytes of.
///
/// # Errors
/// Bytes that it did not make, or more numbers than [`FRAME_CELLS_MAX`].
pub fn unpack_numbers(bytes: &[u8], count: usize) -> Result<Vec<f64>, Damage> {
    let mut numbers = Vec::new();
    let mut cursor = Cursor::new(checked(bytes, count)?);
    if count > 0 {
        take_numbers(&mut cursor, count, &mut numbers, &mut NumbersScratch::default())?;
    }
    cursor.end()?;
    Ok(numbers)
}

/// Packs integers.
///
/// # Errors
/// The packer refused.
pub fn pack_integers<T: Number>(integers: &[T]) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    put_packed(&mut out, integers)?;
    Ok(out)
}

/// The `count` integers that [`pack_integers`] made bytes of.
///
/// # Errors
/// Bytes that it did not make, or more integers than [`FRAME_CELLS_MAX`].
pub fn unpack_integers<T: Number>(bytes: &[u8], count: usize) -> Result<Vec<T>, Damage> {
    let mut integers = Vec::new();
    let mut cursor = Cursor::new(checked(bytes, count)?);
    take_packed(&mut cursor, count, &mut integers)?;
    cursor.end()?;
    Ok(integers)
}

/// A count that a disk gave is not believed before memory is taken for it.
fn checked(bytes: &[u8], count: usize) -> Result<&[u8], Damage> {
    if count > FRAME_CELLS_MAX { Err(Damage::Content("more numbers than a frame may hold")) } else { Ok(bytes) }
}
