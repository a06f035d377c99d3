//! The bytes of segments and records. All numbers are little-endian.
//!
//! Segment: magic (8), store id (16), segment number (8), CRC32C of those 32 bytes (4), zeros up to 64; then records, each
//! at a multiple of 8. Record: magic (4), CRC32C (4), payload length (4), count of sequences (4), first sequence (8),
//! payload. The CRC covers store id, segment number, first sequence, count, length and payload, so that a record
//! copied from another store or an older segment is no record here.

/// Names a store; random, so that no payload can be made up to look like a record of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreId(pub [u8; 16]);

const SEGMENT_MAGIC: [u8; 8] = *b"SENSWAL1";
const RECORD_MAGIC: u32 = 0x5357_4C52;
/// Where the first record of a segment stands.
pub(crate) const SEGMENT_HEADER: usize = 64;
pub(crate) const RECORD_HEADER: usize = 24;

/// What the first bytes of a segment say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SegmentHead {
    Good {
        number: u64,
    },
    /// A good segment of another store.
    Foreign,
    Bad,
}

pub(crate) fn segment_header(store: StoreId, number: u64) -> [u8; SEGMENT_HEADER] {
    let mut header = [0; SEGMENT_HEADER];
    header[..8].copy_from_slice(&SEGMENT_MAGIC);
    header[8..24].copy_from_slice(&store.0);
    header[24..32].copy_from_slice(&number.to_le_bytes());
    let crc = crc32c::crc32c(&header[..32]);
    header[32..36].copy_from_slice(&crc.to_le_bytes());
    header
}

pub(crate) fn read_segment_header(bytes: &[u8], store: StoreId) -> SegmentHead {
    let (Some(signed), Some(crc)) = (bytes.get(..32), u32_at(bytes, 32)) else { return SegmentHead::Bad };
    if crc32c::crc32c(signed) != crc || signed[..8] != SEGMENT_MAGIC {
        return SegmentHead::Bad;
    }
    if signed[8..24] != store.0 {
        return SegmentHead::Foreign;
    }
    u64_at(bytes, 24).map_or(SegmentHead::Bad, |number| SegmentHead::Good { number })
}

/// Length on disk of a record with `payload` bytes.
pub(crate) fn record_len(payload: usize) -> usize {
    (RECORD_HEADER + payload).next_multiple_of(8)
}

/// Puts a record into `out`, which is cleared first. The payload is shorter than 4 GiB.
pub(crate) fn write_record(out: &mut Vec<u8>, store: StoreId, segment: u64, first: u64, count: u32, payload: &[u8]) {
    out.clear();
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&RECORD_MAGIC.to_le_bytes());
    out.extend_from_slice(&checksum(store, segment, first, count, payload).to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(payload);
    out.resize(record_len(payload.len()), 0);
}

/// A record whose checksum holds.
#[derive(Debug)]
pub(crate) struct Good<'a> {
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) payload: &'a [u8],
}

/// The record at `offset`, if there is a good one.
pub(crate) fn read_record(bytes: &[u8], offset: usize, store: StoreId, segment: u64) -> Option<Good<'_>> {
    let bytes = bytes.get(offset..)?;
    if u32_at(bytes, 0)? != RECORD_MAGIC {
        return None;
    }
    let crc = u32_at(bytes, 4)?;
    let length = usize::try_from(u32_at(bytes, 8)?).ok()?;
    let (count, first) = (u32_at(bytes, 12)?, u64_at(bytes, 16)?);
    let payload = bytes.get(RECORD_HEADER..RECORD_HEADER.checked_add(length)?)?;
    (checksum(store, segment, first, count, payload) == crc).then_some(Good { first, count, payload })
}

fn checksum(store: StoreId, segment: u64, first: u64, count: u32, payload: &[u8]) -> u32 {
    let mut head = [0_u8; 40];
    head[..16].copy_from_slice(&store.0);
    head[16..24].copy_from_slice(&segment.to_le_bytes());
    head[24..32].copy_from_slice(&first.to_le_bytes());
    head[32..36].copy_from_slice(&count.to_le_bytes());
    head[36..40].copy_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&head), payload)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
