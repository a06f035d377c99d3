//! Readings of one series that were found in several places: each key is answered once, and added up into windows.

use std::cmp::Ordering;

use model::{Kind, Reading};
use windows::{Grid, Window, fold_ascending};

/// A reading and where it was found: of two with one key the one of higher rank came later.
#[derive(Clone, Debug)]
pub struct Found {
    /// Greater where it came later.
    pub rank: i64,
    /// What was found.
    pub reading: Reading,
}

/// Windows being added up, in order of key.
#[derive(Debug)]
pub struct Sums<'a> {
    /// By what the numbers are added up.
    pub kind: Kind,
    /// Which windows.
    pub grid: &'a Grid,
    /// One for each of the grid's.
    pub windows: Vec<Window>,
}

impl<'a> Sums<'a> {
    /// Empty windows.
    #[must_use]
    pub fn over(kind: Kind, grid: &'a Grid) -> Self {
        Self { kind, grid, windows: vec![Window::default(); grid.count()] }
    }

    /// The window that holds all of `from..to`, if one does.
    #[must_use]
    pub fn same_window(&self, from: i64, to: i64) -> Option<usize> {
        self.grid.index_of(from).filter(|index| self.grid.index_of(to - 1) == Some(*index))
    }

    /// Adds a window whose readings all come after what is in window `index`; an index beyond the grid is passed over.
    pub fn merge(&mut self, index: usize, later: &Window) {
        if let Some(window) = self.windows.get_mut(index) {
            window.merge(later);
        }
    }

    /// Adds the readings from `from` to before `to` (milliseconds), which come after all that was added.
    pub fn add_charted(&mut self, charted: &frame::Charted, from: i64, to: i64) {
        let frame::Charted { times, numbers, .. } = charted;
        let start = times.partition_point(|time| *time < from);
        let end = times.partition_point(|time| *time < to);
        if let (Some(times), Some(numbers)) = (times.get(start..end), numbers.get(start..end)) {
            fold_ascending(times, numbers, self.grid, self.kind, &mut self.windows);
        }
    }

    /// Adds readings that are [sorted](sort) and come after all that was added; those outside the grid are passed over.
    pub fn add_found(&mut self, sorted: impl Iterator<Item = Found>) {
        fold(sorted, |reading| {
            let index = self.grid.index_of(reading.key.time.millis());
            if let Some(window) = index.and_then(|index| self.windows.get_mut(index)) {
                window.push_reading(self.kind, &reading);
            }
        });
    }
}

/// By key, earlier ranks first.
pub fn sort(found: &mut [Found]) {
    found.sort_by(|left, right| match left.reading.key.cmp(&right.reading.key) {
        Ordering::Equal => left.rank.cmp(&right.rank),
        unequal @ (Ordering::Less | Ordering::Greater) => unequal,
    });
}

/// Each key once: the later one where values differ, the earlier one where they are equal.
pub fn fold(sorted: impl Iterator<Item = Found>, mut keep: impl FnMut(Reading)) {
    let mut current: Option<Reading> = None;
    for Found { reading, .. } in sorted {
        current = Some(match current.take() {
            Some(earlier) if earlier.key == reading.key => {
                if earlier.value == reading.value {
                    earlier
                } else {
                    reading
                }
            }
            Some(earlier) => {
                keep(earlier);
                reading
            }
            None => reading,
        });
    }
    current.into_iter().for_each(keep);
}
