//! Compacting, the pure part: the rows of one day of one home over the readings of its frames make new frames and hours.
//!
//! A row is never older than what a frame has of its key, because the frames are read before the rows; so rows win, whatever they
//! hold. What lies before a floor and what belongs to nobody any more is left out.

use std::collections::{BTreeMap, HashMap};

use frame::{Charted, Damage, EncodeError, Encoded, FRAME_ROWS_MAX};
use model::{DeviceId, Kind, Reading, SeriesId, Timestamp};
use store::hours::of_charted;
use store::strands::{Room, Strand, encode_device};

/// Most bytes of one part: a request to Cassandra takes half a segment of its commit log, 16 MiB at its defaults.
pub(crate) const PART_BYTES_MAX: usize = 4 << 20;
/// Most readings of one day of one home: some 2 GB of memory while they are compacted. Beyond it the day stays in rows, which
/// are written anew before they expire, and somebody is told.
pub(crate) const READINGS_MAX: usize = 20_000_000;
/// A series with fewer readings an hour has no hours: a year of it is soon read.
pub(crate) const HOUR_DENSITY_MIN: u64 = 40;

/// What is kept of a series, or of all series of a home together; the order is from most to least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Keep {
    All,
    /// Nothing that lies before.
    From(Timestamp),
    /// It was deleted.
    Nothing,
}

impl Keep {
    pub(crate) fn keeps(self, time: Timestamp) -> bool {
        match self {
            Self::All => true,
            Self::From(floor) => time >= floor,
            Self::Nothing => false,
        }
    }
}

/// What is asked about series by the id that their rows have.
pub(crate) trait Readers: Send + Sync {
    /// What is kept. A series that nobody heard of yet keeps all.
    fn keep(&self, series: SeriesId) -> Keep;
    /// What it is now, for whoever reads it.
    fn kind(&self, series: SeriesId) -> Kind;
    /// What is kept at most of any series that is known to have rows in a home.
    fn homes(&self) -> HashMap<DeviceId, Keep>;
}

/// Names one state of the frames of a day; greater is later. Microseconds of the compaction, the last digits tell servers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) i64);

impl Version {
    /// Servers that can compact at one microsecond without having the same version.
    const SERVERS: i64 = 1_024;

    /// A version behind `before` that only server `node` gives.
    pub(crate) fn next(now_micros: i64, node: u32, before: Option<Self>) -> Self {
        let after = before.map_or(i64::MIN, |before| before.0.saturating_add(Self::SERVERS));
        let step = now_micros.max(after).div_euclid(Self::SERVERS);
        Self(step.saturating_mul(Self::SERVERS).saturating_add(i64::from(node).rem_euclid(Self::SERVERS)))
    }

    /// What the hours of a series are bound to: they belong to the frames of exactly this version.
    pub(crate) fn bond(self, home: DeviceId, day: i32, series: SeriesId) -> u32 {
        let mut bond = crc32c::crc32c(&self.0.to_le_bytes());
        for part in [home.0, day.cast_unsigned(), series.0] {
            bond = crc32c::crc32c_append(bond, &part.to_le_bytes());
        }
        bond
    }
}

/// A day that cannot be compacted; its rows and frames stay as they are.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompactError {
    #[error("its frame is damaged")]
    Damaged(#[from] Damage),
    #[error("its readings make no frame")]
    Encode(#[from] EncodeError),
    #[error("it has more than {READINGS_MAX} readings")]
    TooMany,
}

/// The readings of one day being gathered.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    framed: BTreeMap<SeriesId, Vec<Reading>>,
    rows: BTreeMap<SeriesId, Vec<Reading>>,
    count: usize,
}

/// What takes the place of a day's frames.
#[derive(Debug, Default)]
pub(crate) struct Compacted {
    pub(crate) parts: Vec<Encoded>,
    /// Of series that are worth it.
    pub(crate) hours: Vec<(SeriesId, Vec<u8>)>,
    /// Series that have readings.
    pub(crate) series: Vec<SeriesId>,
    /// Readings in the parts.
    pub(crate) readings: u64,
    /// Readings that are kept no longer.
    pub(crate) left_out: u64,
}

impl Gathered {
    /// Takes one part of the day's frames. Parts of one version have no key of a series twice.
    pub(crate) fn add_part(&mut self, blob: &[u8]) -> Result<(), CompactError> {
        let opened = frame::open(blob)?;
        for series in opened.series() {
            let readings = opened.readings(series)?;
            self.counted(readings.len())?;
            self.framed.entry(series).or_default().extend(readings);
        }
        Ok(())
    }

    /// Takes a row.
    pub(crate) fn add_row(&mut self, series: SeriesId, reading: Reading) -> Result<(), CompactError> {
        self.counted(1)?;
        self.rows.entry(series).or_default().push(reading);
        Ok(())
    }

    fn counted(&mut self, more: usize) -> Result<(), CompactError> {
        self.count += more;
        if self.count > READINGS_MAX { Err(CompactError::TooMany) } else { Ok(()) }
    }

    /// Series of which there is something.
    pub(crate) fn series(&self) -> Vec<SeriesId> {
        let mut all: Vec<_> = self.framed.keys().chain(self.rows.keys()).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The new frames, each decoded and compared, and hours bound by `bond`.
    pub(crate) fn compact(
        mut self,
        readers: &dyn Readers,
        bond: impl Fn(SeriesId) -> u32,
    ) -> Result<Compacted, CompactError> {
        let mut compacted = Compacted::default();
        let mut strands = Vec::new();
        for series in self.series() {
            let (framed, rows) = (self.framed.remove(&series), self.rows.remove(&series));
            let mut readings = over(framed.unwrap_or_default(), rows.unwrap_or_default());
            let before = readings.len();
            let keep = readers.keep(series);
            readings.retain(|reading| keep.keeps(reading.key.time));
            compacted.left_out += (before - readings.len()) as u64;
            compacted.readings += readings.len() as u64;
            if readings.is_empty() {
                continue;
            }
            compacted.series.push(series);
            let hours = of_charted(bond(series), &charted(&readings), readers.kind(series), HOUR_DENSITY_MIN);
            compacted.hours.extend(hours.map(|hours| (series, hours)));
            strands.push(Strand::of(series, readings));
        }
        let room = Room { rows: FRAME_ROWS_MAX, bytes: PART_BYTES_MAX };
        encode_device::<EncodeError>(strands, room, &mut |part| {
            compacted.parts.push(part);
            Ok(())
        })?;
        Ok(compacted)
    }
}

/// Each key once, in order, as `rows` have it where they do.
pub(crate) fn over(mut framed: Vec<Reading>, rows: Vec<Reading>) -> Vec<Reading> {
    // The sort is stable: of equal keys the later comes last.
    framed.extend(rows);
    framed.sort_by_key(|reading| reading.key);
    framed.dedup_by(|later, kept| {
        let same = later.key == kept.key;
        if same {
            std::mem::swap(later, kept);
        }
        same
    });
    framed
}

fn charted(readings: &[Reading]) -> Charted {
    let mut charted = Charted::default();
    for (time, number) in readings.iter().filter_map(|reading| Some((reading.key.time.millis(), reading.charted()?))) {
        charted.times.push(time);
        charted.numbers.push(number);
    }
    charted
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
