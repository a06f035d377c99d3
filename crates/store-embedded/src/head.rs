//! Readings that are durable in the log and not yet in a frame, in compact sorted form.
//!
//! Per series chunks of at most [`CHUNK_SLOTS`] slots of 24 bytes, in order of key: appending at the end is O(1), a late
//! reading moves one chunk at most. What does not fit into a slot (texts, claimed times, who is to be told about novelty)
//! stands in a map beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    ById, Flaw, Judgement, Reading, ReadingKey, SeriesId, SourceName, TimeRange, TimeSource, Timestamp, Value,
};

/// Slots of one chunk; a full one is split in the middle.
const CHUNK_SLOTS: usize = 512;
/// What an entry of the map beside the slots is taken to weigh, without its text.
const EXTRA_BYTES: usize = 120;
/// What a series in the head is taken to weigh.
const SERIES_BYTES: usize = 160;

#[derive(Clone, Copy, Debug)]
struct Slot {
    time: i64,
    bits: u64,
    n: u32,
    form: Form,
    judged: u8,
    flaw: u8,
    clock: Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Form {
    Number,
    Bool,
    Text,
}

#[derive(Clone, Copy, Debug)]
#[repr(u8)]
enum Clock {
    Device,
    Gateway,
    Server,
}

/// What few readings have.
#[derive(Clone, Debug, Default)]
struct Extra {
    text: Option<Arc<str>>,
    claimed_ms: Option<i64>,
    /// Whose book waits for the novelty of this reading.
    unsettled: Option<SourceName>,
}

/// A reading whose novelty is still unknown but which was replaced in the head since.
#[derive(Clone, Debug)]
pub(crate) struct Orphan {
    pub(crate) source: SourceName,
    pub(crate) series: SeriesId,
    pub(crate) key: ReadingKey,
    pub(crate) value: Value,
}

/// The readings of one series.
#[derive(Debug, Default)]
pub(crate) struct SeriesHead {
    chunks: Vec<Vec<Slot>>,
    extras: BTreeMap<ReadingKey, Extra>,
}

/// One generation of the head.
#[derive(Debug, Default)]
pub(crate) struct Head {
    series: ById<SeriesId, SeriesHead>,
    orphans: Vec<Orphan>,
    bytes: usize,
}

impl Head {
    /// What the readings take in memory, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn series(&self) -> impl Iterator<Item = (SeriesId, &SeriesHead)> {
        self.series.iter().map(|(id, series)| (*id, series))
    }

    pub(crate) fn of(&self, series: SeriesId) -> Option<&SeriesHead> {
        self.series.get(&series)
    }

    pub(crate) fn orphans(&self) -> &[Orphan] {
        &self.orphans
    }

    /// The reading of exactly this key.
    pub(crate) fn get(&self, series: SeriesId, key: ReadingKey) -> Option<Reading> {
        self.series.get(&series)?.get(key)
    }

    /// Keeps `reading`, in place of one of equal key. `unsettled` names the book that waits for its novelty.
    pub(crate) fn put(&mut self, series: SeriesId, reading: &Reading, unsettled: Option<&SourceName>) {
        let bytes = &mut self.bytes;
        let of_series = self.series.entry(series).or_insert_with(|| {
            *bytes += SERIES_BYTES;
            SeriesHead::default()
        });
        let (grown, replaced) = of_series.put(reading, unsettled);
        self.bytes += grown;
        if let Some((source, value)) = replaced {
            self.bytes += EXTRA_BYTES;
            self.orphans.push(Orphan { source, series, key: reading.key, value });
        }
    }
}

impl SeriesHead {
    fn get(&self, key: ReadingKey) -> Option<Reading> {
        let (chunk, at) = self.find(key);
        let slot = self.chunks.get(chunk)?.get(at)?;
        (slot.key() == key).then(|| self.reading(slot))
    }

    /// Chunk and index of the first slot not before `key`; the index may be one behind the chunk's last slot.
    fn find(&self, key: ReadingKey) -> (usize, usize) {
        let chunk = self.chunks.partition_point(|chunk| chunk.last().is_some_and(|slot| slot.key() < key));
        let at = self.chunks.get(chunk).map_or(0, |chunk| chunk.partition_point(|slot| slot.key() < key));
        (chunk, at)
    }

    /// Answers how many bytes were added, and the unsettled reading that was replaced.
    fn put(&mut self, reading: &Reading, unsettled: Option<&SourceName>) -> (usize, Option<(SourceName, Value)>) {
        let key = reading.key;
        let (slot, extra) = taken_apart(reading, unsettled);
        let mut grown = size_of::<Slot>();
        let mut replaced = None;
        let behind_all = self.chunks.last().and_then(|chunk| chunk.last()).is_none_or(|last| last.key() < key);
        if behind_all {
            match self.chunks.last_mut() {
                Some(chunk) if chunk.len() < CHUNK_SLOTS => chunk.push(slot),
                _ => self.chunks.push(vec![slot]),
            }
        } else {
            let (chunk, at) = self.find(key);
            let there =
                self.chunks.get(chunk).and_then(|chunk| chunk.get(at)).filter(|there| there.key() == key).copied();
            if let Some(earlier) = there {
                grown = 0;
                let value = self.reading(&earlier).value;
                replaced = self.extras.remove(&key).and_then(|extra| extra.unsettled).map(|source| (source, value));
            }
            if let Some(slots) = self.chunks.get_mut(chunk) {
                match slots.get_mut(at) {
                    Some(place) if there.is_some() => *place = slot,
                    _ => slots.insert(at, slot),
                }
                if slots.len() > CHUNK_SLOTS {
                    let right = slots.split_off(CHUNK_SLOTS / 2);
                    self.chunks.insert(chunk + 1, right);
                }
            }
        }
        if let Some(extra) = extra {
            grown += EXTRA_BYTES + extra.text.as_ref().map_or(0, |text| text.len());
            self.extras.insert(key, extra);
        }
        (grown, replaced)
    }

    /// Readings inside `range` in order of key.
    pub(crate) fn range(&self, range: TimeRange) -> impl DoubleEndedIterator<Item = Reading> {
        let (from, to) = (range.from.millis(), range.to.millis());
        let first = self.chunks.partition_point(|chunk| chunk.last().is_some_and(|slot| slot.time < from));
        let end = self.chunks.partition_point(|chunk| chunk.first().is_some_and(|slot| slot.time < to));
        let chunks = self.chunks.get(first..end.max(first)).unwrap_or_default();
        let inside = chunks.iter().flatten().filter(move |slot| from <= slot.time && slot.time < to);
        inside.map(|slot| self.reading(slot))
    }

    /// Every reading in order of key.
    pub(crate) fn all(&self) -> impl Iterator<Item = Reading> {
        self.chunks.iter().flatten().map(|slot| self.reading(slot))
    }

    /// Every key in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = ReadingKey> {
        self.chunks.iter().flatten().map(Slot::key)
    }

    /// Keys and values whose novelty is unknown, in order of key.
    pub(crate) fn unsettled(&self) -> impl Iterator<Item = (ReadingKey, Value, &SourceName)> {
        self.extras.iter().filter_map(|(key, extra)| {
            let source = extra.unsettled.as_ref()?;
            Some((*key, self.get(*key)?.value, source))
        })
    }

    fn reading(&self, slot: &Slot) -> Reading {
        let key = slot.key();
        let extra = if self.extras.is_empty() { None } else { self.extras.get(&key) };
        let value = match slot.form {
            Form::Number => Value::Number(f64::from_bits(slot.bits)),
            Form::Bool => Value::Bool(slot.bits == 1),
            Form::Text => Value::Text(extra.and_then(|extra| extra.text.clone()).unwrap_or_default()),
        };
        let judgement = match slot.judged {
            0 => Judgement::Good,
            1 => Judgement::Suspect(Flaw::from_code(slot.flaw)),
            _ => Judgement::Bad(Flaw::from_code(slot.flaw)),
        };
        let time_source = match slot.clock {
            Clock::Device => TimeSource::Device,
            Clock::Gateway => TimeSource::Gateway,
            Clock::Server => TimeSource::Server,
        };
        Reading { key, value, judgement, time_source, claimed_ms: extra.and_then(|extra| extra.claimed_ms) }
    }
}

impl Slot {
    fn key(&self) -> ReadingKey {
        ReadingKey { time: Timestamp::saturating(self.time), n: self.n }
    }
}

fn taken_apart(reading: &Reading, unsettled: Option<&SourceName>) -> (Slot, Option<Extra>) {
    let (form, bits, text) = match &reading.value {
        Value::Number(number) => (Form::Number, number.to_bits(), None),
        Value::Bool(on) => (Form::Bool, u64::from(*on), None),
        Value::Text(text) => (Form::Text, 0, Some(Arc::clone(text))),
    };
    let flaw = match reading.judgement {
        Judgement::Good => 0,
        Judgement::Suspect(flaw) | Judgement::Bad(flaw) => flaw.code(),
    };
    let clock = match reading.time_source {
        TimeSource::Device => Clock::Device,
        TimeSource::Gateway => Clock::Gateway,
        TimeSource::Server => Clock::Server,
    };
    let slot = Slot {
        time: reading.key.time.millis(),
        bits,
        n: reading.key.n,
        form,
        judged: reading.judgement.quality(),
        flaw,
        clock,
    };
    let extra = Extra { text, claimed_ms: reading.claimed_ms, unsettled: unsettled.cloned() };
    let needed = extra.text.is_some() || extra.claimed_ms.is_some() || extra.unsettled.is_some();
    (slot, needed.then_some(extra))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(time: i64, n: u32, value: Value) -> Reading {
        let key = ReadingKey { time: Timestamp::saturating(time), n };
        Reading { key, value, judgement: Judgement::Good, time_source: TimeSource::Device, claimed_ms: None }
    }

    proptest! {
        #[test]
        fn any_order_of_puts_reads_like_an_ordered_map(puts in prop::collection::vec((0_i64..600, 0_u32..2, 0_i32..9), 0..3_000)) {
            let mut head = Head::default();
            let mut expected = BTreeMap::new();
            for (time, n, value) in puts {
                let value = if value == 0 { Value::Text("x".into()) } else { Value::Number(f64::from(value)) };
                let reading = reading(time, n, value);
                head.put(SeriesId(1), &reading, None);
                expected.insert(reading.key, reading);
            }
            let range = TimeRange { from: Timestamp::saturating(100), to: Timestamp::saturating(500) };
            let series = head.of(SeriesId(1));
            let found: Vec<Reading> = series.into_iter().flat_map(|series| series.range(range)).collect();
            let inside: Vec<Reading> = expected.values().filter(|reading| range.contains(reading.key.time)).cloned().collect();
            prop_assert_eq!(found, inside);
            for (key, reading) in &expected {
                prop_assert_eq!(head.get(SeriesId(1), *key), Some(reading.clone()));
            }
        }
    }

    #[test]
    fn a_replaced_reading_is_still_owed_to_its_book() {
        let (mut head, source) = (Head::default(), SourceName::parse("mqtt").unwrap());
        head.put(SeriesId(1), &reading(5, 0, Value::Number(1.0)), Some(&source));
        head.put(SeriesId(1), &reading(5, 0, Value::Number(2.0)), None);
        assert_eq!(head.orphans().len(), 1);
        assert_eq!(head.orphans()[0].value, Value::Number(1.0));
        assert_eq!(head.of(SeriesId(1)).unwrap().unsettled().count(), 0);
    }
}
