//! Where the readings of a series lie. Rows are never moved: a series that took in another reads that one's rows as well.

use model::{ById, DeviceId, SeriesId};
use serde::{Deserialize, Serialize};
use store::{Entry, MergePlan, Node, State};

/// Milliseconds of a day, the time that one partition of rows spans.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// The day of a time in milliseconds since 1970, before which days are negative.
pub(crate) fn day_of(time_ms: i64) -> i32 {
    i32::try_from(time_ms.div_euclid(DAY_MS)).unwrap_or(if time_ms < 0 { i32::MIN } else { i32::MAX })
}

/// Rows of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The device for which the series was made, whoever owns it now.
    pub(crate) home: DeviceId,
    /// Under which id it was written.
    pub(crate) series: SeriesId,
}

/// The places of all series. It follows from the decisions, in their order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Places {
    homes: ById<SeriesId, DeviceId>,
    absorbed: ById<SeriesId, Vec<Place>>,
    /// Series that were absorbed, and by which one their rows are read now.
    owners: ById<SeriesId, SeriesId>,
    /// Series that were deleted, with all that they absorbed, and where their rows are.
    removed: ById<SeriesId, DeviceId>,
}

impl Places {
    /// Follows a decision; `state` is as it was before it.
    pub(crate) fn follow(&mut self, state: &State, entry: &Entry) {
        match entry {
            Entry::Series(record) => {
                self.homes.entry(record.id).or_insert(record.device);
            }
            Entry::DeviceDeleted(device) => {
                for series in state.series_of(*device) {
                    self.removed.extend(self.of(series).into_iter().map(|place| (place.series, place.home)));
                    self.homes.remove(&series);
                    self.absorbed.remove(&series);
                    self.owners.retain(|_, owner| *owner != series);
                }
            }
            Entry::DeviceMerged(merge) => {
                let MergePlan { absorbed, moved: _ } = state.merge_plan(*merge);
                for (from, into) in absorbed {
                    let taken = self.of(from);
                    self.homes.remove(&from);
                    self.absorbed.remove(&from);
                    self.owners.extend(taken.iter().map(|place| (place.series, into)));
                    self.absorbed.entry(into).or_default().extend(taken);
                }
            }
            Entry::Device(_)
            | Entry::Message(_)
            | Entry::Unread(_)
            | Entry::UnreadDone(_)
            | Entry::Book(_)
            | Entry::Hidden(_)
            | Entry::Expired(_) => {}
        }
    }

    /// Where new readings of a series go.
    pub(crate) fn home(&self, series: SeriesId) -> Option<DeviceId> {
        self.homes.get(&series).copied()
    }

    /// Where readings go that came for a series: also for one that was absorbed while they were under way. None for one that was
    /// deleted, whose readings nobody can read.
    pub(crate) fn row_home(&self, series: SeriesId) -> Option<DeviceId> {
        self.home(series).or_else(|| {
            let places = self.absorbed.get(&self.owner(series)?)?;
            places.iter().find(|place| place.series == series).map(|place| place.home)
        })
    }

    /// Whether a series of this id was there and is no longer.
    pub(crate) fn is_spent(&self, series: SeriesId) -> bool {
        self.owners.contains_key(&series) || self.removed.contains_key(&series)
    }

    /// The greatest id that any series of a node's class had, whether it is there or not.
    pub(crate) fn last_of(&self, node: u8) -> Option<SeriesId> {
        let all = self.homes.keys().chain(self.owners.keys()).chain(self.removed.keys());
        all.filter(|series| series.0 % Node::CLASSES == u32::from(node)).max().copied()
    }

    /// The series that answers readings written under `series`, if that one was absorbed.
    pub(crate) fn owner(&self, series: SeriesId) -> Option<SeriesId> {
        self.owners.get(&series).copied()
    }

    /// Whether nobody can read what was written under `series` any more. One that nobody heard of yet is not removed.
    pub(crate) fn is_removed(&self, series: SeriesId) -> bool {
        self.removed.contains_key(&series)
    }

    /// Every place that rows were written to, with the series that answers them, if one still does.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Place, Option<SeriesId>)> {
        let own = self.homes.iter().map(|(series, home)| (Place { home: *home, series: *series }, Some(*series)));
        let absorbed =
            self.absorbed.iter().flat_map(|(series, places)| places.iter().map(|place| (*place, Some(*series))));
        let removed = self.removed.iter().map(|(series, home)| (Place { home: *home, series: *series }, None));
        own.chain(absorbed).chain(removed)
    }

    /// Everywhere its readings are: of equal keys that of the earlier place counts.
    pub(crate) fn of(&self, series: SeriesId) -> Vec<Place> {
        let own = self.home(series).map(|home| Place { home, series });
        own.into_iter().chain(self.absorbed.get(&series).into_iter().flatten().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use model::{Kind, MetricName, UnitSource};
    use store::{MergeRecord, SeriesRecord};

    use super::*;

    fn made(id: u32, device: u32, metric: &str) -> Entry {
        Entry::Series(SeriesRecord {
            id: SeriesId(id),
            device: DeviceId(device),
            metric: MetricName::parse(metric).unwrap(),
            unit: None,
            unit_source: UnitSource::None,
            kind: Kind::Measurement,
        })
    }

    /// Places and state after these decisions.
    fn after(decisions: &[Entry]) -> Places {
        let (mut state, mut places) = (State::new(1), Places::default());
        for entry in decisions {
            places.follow(&state, entry);
            state.apply(entry);
        }
        places
    }

    #[test]
    fn what_is_under_way_to_a_series_that_was_absorbed_meanwhile_goes_where_its_owner_reads_it() {
        let merge =
            |from: u32, into: u32| Entry::DeviceMerged(MergeRecord { from: DeviceId(from), into: DeviceId(into) });
        let two = [made(1, 1, "t"), made(2, 2, "t"), made(3, 3, "t"), made(4, 1, "only")];
        let once = after(&[&two[..], &[merge(1, 2)]].concat());
        assert_eq!(once.row_home(SeriesId(1)), Some(DeviceId(1)));
        let place = |home: u32, series: u32| Place { home: DeviceId(home), series: SeriesId(series) };
        assert_eq!(once.of(SeriesId(2)), [place(2, 2), place(1, 1)]);
        assert_eq!(once.of(SeriesId(4)), [place(1, 4)], "a series that changes hands stays where it is");
        // Absorbed with whoever absorbed it, and then deleted with that one.
        let twice = after(&[&two[..], &[merge(1, 2), merge(2, 3)]].concat());
        assert_eq!((twice.row_home(SeriesId(1)), twice.row_home(SeriesId(2))), (Some(DeviceId(1)), Some(DeviceId(2))));
        assert_eq!(twice.of(SeriesId(3)), [place(3, 3), place(2, 2), place(1, 1)]);
        let gone = after(&[&two[..], &[merge(1, 2), merge(2, 3), Entry::DeviceDeleted(DeviceId(3))]].concat());
        assert!([1, 2, 3].iter().all(|id| gone.row_home(SeriesId(*id)).is_none()));
    }

    #[test]
    fn an_id_that_was_once_given_is_spent() {
        let merge = Entry::DeviceMerged(MergeRecord { from: DeviceId(1), into: DeviceId(2) });
        let decisions =
            [made(257, 1, "t"), made(2, 2, "t"), made(513, 3, "t"), merge, Entry::DeviceDeleted(DeviceId(3))];
        let places = after(&decisions);
        assert!(places.is_spent(SeriesId(257)) && places.is_spent(SeriesId(513)) && !places.is_spent(SeriesId(2)));
        assert_eq!(places.last_of(1), Some(SeriesId(513)), "also of one that is gone");
        assert_eq!((places.last_of(2), places.last_of(3)), (Some(SeriesId(2)), None));
    }

    #[test]
    fn days_before_1970_are_negative_and_the_ends_are_days_too() {
        assert_eq!([0, 1, DAY_MS - 1, DAY_MS, -1, -DAY_MS].map(day_of), [0, 0, 0, 1, -1, -1]);
        assert_eq!([i64::MIN, i64::MAX].map(day_of), [i32::MIN, i32::MAX]);
    }
}
