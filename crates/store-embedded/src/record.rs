//! The payload of a log record: batches in order, each as its length (4 bytes, little-endian) and postcard bytes.

use store::Batch;

/// Room for an entry of the usual size; larger ones make it grow.
const ENTRY_BYTES: usize = 96;

/// One batch, ready for a record.
pub(crate) fn encode(batch: &Batch) -> Result<Vec<u8>, postcard::Error> {
    let mut room = Vec::with_capacity(4 + batch.entries.len() * ENTRY_BYTES);
    room.extend([0; 4]);
    let mut bytes = postcard::to_extend(batch, room)?;
    let length = u32::try_from(bytes.len() - 4).map_err(|_| postcard::Error::SerializeBufferFull)?;
    if let Some(head) = bytes.first_chunk_mut::<4>() {
        *head = length.to_le_bytes();
    }
    Ok(bytes)
}

/// The batches of a payload.
pub(crate) fn decode(mut payload: &[u8]) -> Result<Vec<Batch>, String> {
    let mut batches = Vec::new();
    while let Some((length, rest)) = payload.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let (batch, rest) = rest.split_at_checked(length).ok_or("a batch ends early")?;
        batches.push(postcard::from_bytes(batch).map_err(|error| error.to_string())?);
        payload = rest;
    }
    if payload.is_empty() { Ok(batches) } else { Err("a batch ends early".to_owned()) }
}
