//! The newest reading of each series. An old reading never takes the place of a newer one; a correction at an equal time does.

use std::collections::HashSet;

use model::{ById, Reading, SeriesId, Timestamp};
use serde::{Deserialize, Serialize};

/// A reading that is the newest of its series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Newest {
    pub(crate) reading: Reading,
    /// Server time of the message that brought it.
    pub(crate) received: Timestamp,
    /// Its write time in microseconds, which decides between two of one key.
    pub(crate) written: i64,
}

/// By series, with those that changed since they were last kept.
#[derive(Debug, Default)]
pub(crate) struct NewestReadings {
    by_series: ById<SeriesId, Newest>,
    changed: HashSet<SeriesId>,
}

impl NewestReadings {
    pub(crate) fn get(&self, series: SeriesId) -> Option<&Newest> {
        self.by_series.get(&series)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SeriesId, &Newest)> {
        self.by_series.iter().map(|(series, newest)| (*series, newest))
    }

    /// Takes a reading if it is newer, or of an equal key, another value and written later.
    pub(crate) fn offer(&mut self, series: SeriesId, newest: Newest) {
        let newer = |known: &Newest| {
            let (reading, before) = (&newest.reading, &known.reading);
            let corrects =
                reading.key == before.key && reading.value != before.value && newest.written >= known.written;
            reading.key > before.key || corrects
        };
        if self.by_series.get(&series).is_none_or(newer) {
            self.by_series.insert(series, newest);
            self.changed.insert(series);
        }
    }

    /// Takes a reading that lies in a place of a lower rank: only if it is newer.
    pub(crate) fn offer_lower(&mut self, series: SeriesId, newest: Newest) {
        if self.by_series.get(&series).is_none_or(|known| newest.reading.key > known.reading.key) {
            self.by_series.insert(series, newest);
            self.changed.insert(series);
        }
    }

    /// Readings before `floor` are gone.
    pub(crate) fn expire(&mut self, series: SeriesId, floor: Timestamp) {
        if self.by_series.get(&series).is_some_and(|newest| newest.reading.key.time < floor) {
            self.forget(series);
        }
    }

    pub(crate) fn forget(&mut self, series: SeriesId) {
        self.by_series.remove(&series);
        self.changed.remove(&series);
    }

    /// `from` became a part of `into`, whose reading counts where both have one of the same key.
    pub(crate) fn merge(&mut self, from: SeriesId, into: SeriesId) {
        self.changed.remove(&from);
        if let Some(newest) = self.by_series.remove(&from) {
            self.offer_lower(into, newest);
        }
    }

    /// What changed since the last call.
    pub(crate) fn take_changed(&mut self) -> Vec<(SeriesId, Newest)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().filter_map(|series| Some((series, self.by_series.get(&series)?.clone()))).collect()
    }

    /// What was taken could not be kept and is still to be.
    pub(crate) fn give_back(&mut self, changed: impl Iterator<Item = SeriesId>) {
        self.changed.extend(changed);
    }
}

#[cfg(test)]
mod tests {
    use model::{Judgement, ReadingKey, TimeSource, Value};

    use super::*;

    fn newest(ms: i64, value: f64, written: i64) -> Newest {
        let reading = Reading {
            key: ReadingKey { time: Timestamp::saturating(ms), n: 0 },
            value: Value::Number(value),
            judgement: Judgement::Good,
            time_source: TimeSource::Device,
            claimed_ms: None,
        };
        Newest { reading, received: Timestamp::EPOCH, written }
    }

    #[test]
    fn of_one_time_what_was_written_last_counts_in_whatever_order_it_is_heard() {
        let (one, two, three) = (newest(5, 1.0, 1), newest(5, 2.0, 2), newest(5, 3.0, 3));
        for order in [[&one, &two, &three], [&three, &one, &two], [&two, &three, &one], [&three, &two, &one]] {
            let mut readings = NewestReadings::default();
            order.into_iter().for_each(|newest| readings.offer(SeriesId(1), newest.clone()));
            readings.offer(SeriesId(1), newest(4, 9.0, 9));
            assert_eq!(readings.get(SeriesId(1)), Some(&three));
        }
    }
}
