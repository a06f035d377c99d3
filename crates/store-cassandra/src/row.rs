//! A reading as the one cell of its row, so that the last write wins as a whole.

use model::{Judgement, Reading, ReadingKey, SeriesId, TimeSource, Timestamp, Value};
use serde::{Deserialize, Serialize};
use store::StoreError;

/// First byte of every cell.
const FORMAT: u8 = 1;
/// Room for a number; texts make it grow.
const CELL_BYTES: usize = 16;

#[derive(Serialize)]
struct Written<'a> {
    value: &'a Value,
    judgement: Judgement,
    time_source: TimeSource,
    claimed_ms: Option<i64>,
}

#[derive(Deserialize)]
struct Found {
    value: Value,
    judgement: Judgement,
    time_source: TimeSource,
    claimed_ms: Option<i64>,
}

/// The cell of a reading: format, then value, judgement, time source and claimed time in postcard.
pub(crate) fn encode(reading: &Reading) -> Result<Vec<u8>, postcard::Error> {
    let Reading { key: _, value, judgement, time_source, claimed_ms } = reading;
    let written = Written { value, judgement: *judgement, time_source: *time_source, claimed_ms: *claimed_ms };
    let mut cell = Vec::with_capacity(CELL_BYTES);
    cell.push(FORMAT);
    postcard::to_extend(&written, cell)
}

/// The reading of a row.
pub(crate) fn decode(series: SeriesId, time_ms: i64, n: i64, cell: &[u8]) -> Result<Reading, StoreError> {
    let damaged = |what: &str| StoreError::Damaged(format!("series {} at {time_ms} ms: {what}", series.0));
    let time = Timestamp::from_millis(time_ms).map_err(|_| damaged("no time"))?;
    let n = u32::try_from(n).map_err(|_| damaged("no key"))?;
    let Some((&FORMAT, bytes)) = cell.split_first() else { return Err(damaged("an unknown format of readings")) };
    let Found { value, judgement, time_source, claimed_ms } =
        postcard::from_bytes(bytes).map_err(|_| damaged("a cell that cannot be read"))?;
    Ok(Reading { key: ReadingKey { time, n }, value, judgement, time_source, claimed_ms })
}

#[cfg(test)]
mod tests {
    use model::Flaw;

    use super::*;

    #[test]
    fn a_reading_comes_back_as_it_was_and_anything_else_is_damage() {
        let values = [Value::Number(-0.0), Value::Bool(true), Value::Text("ü".into()), Value::Number(21.5)];
        for (n, value) in (0..).zip(values) {
            let reading = Reading {
                key: ReadingKey { time: Timestamp::saturating(-5), n },
                value,
                judgement: Judgement::Suspect(Flaw::Jump),
                time_source: TimeSource::Gateway,
                claimed_ms: Some(i64::MIN),
            };
            let cell = encode(&reading).unwrap();
            assert_eq!(decode(SeriesId(1), -5, i64::from(n), &cell).unwrap(), reading);
            assert!(decode(SeriesId(1), -5, -1, &cell).is_err());
            assert!(decode(SeriesId(1), i64::MAX, 0, &cell).is_err());
            for end in 0..cell.len() {
                assert!(decode(SeriesId(1), 0, 0, &cell[..end]).is_err());
            }
        }
    }
}
