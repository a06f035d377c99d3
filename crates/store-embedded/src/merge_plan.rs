//! Which frames of a device are merged next. It only chooses: no database, no readings.
//!
//! Frames are merged upward in sizes, about `fan_in` of one size at a time, so that each reading is written again a few
//! times only. A frame that is large enough is left alone, until late frames have gathered over it.
//!
//! Invariant: what is chosen is closed. No frame that stays, and that overlaps a chosen one in time and series, has a rank
//! between that one's and the greatest of the chosen, which the merged frame takes, nor that greatest (parts of one merged
//! frame have one rank, and no key twice). So what is later stays later.

use std::collections::{BTreeMap, BTreeSet};

use model::SeriesId;

use crate::rows::FrameRow;

/// A frame of a device with all of its rows.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) frame: i64,
    /// Length of the frame.
    pub(crate) bytes: u64,
    /// At least one.
    pub(crate) rows: Vec<FrameRow>,
}

impl Piece {
    pub(crate) fn first_ms(&self) -> i64 {
        self.rows.iter().map(|row| row.first_ms).min().unwrap_or(i64::MAX)
    }

    pub(crate) fn last_ms(&self) -> i64 {
        self.rows.iter().map(|row| row.last_ms).max().unwrap_or(i64::MIN)
    }

    fn keys(&self) -> u64 {
        self.rows.iter().map(|row| row.rows).max().unwrap_or(0)
    }

    fn cells(&self) -> u64 {
        self.rows.iter().map(|row| row.rows).sum()
    }

    /// Pairs of rows of one series that touch in time.
    fn touching<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a FrameRow, &'a FrameRow)> {
        self.rows.iter().flat_map(|mine| {
            let touches = move |row: &&FrameRow| {
                row.series == mine.series && row.first_ms <= mine.last_ms && mine.first_ms <= row.last_ms
            };
            other.rows.iter().filter(touches).map(move |row| (mine, row))
        })
    }
}

/// What a merged frame should be like, and how much is merged at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) fan_in: usize,
    pub(crate) keys: u64,
    pub(crate) bytes: u64,
    /// Most readings that are merged at once.
    pub(crate) cells: u64,
}

impl Sizes {
    fn is_full(&self, piece: &Piece) -> bool {
        piece.bytes * 2 >= self.bytes || piece.keys() * 2 >= self.keys
    }
}

/// Frames to be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Their places among the pieces.
    pub(crate) chosen: BTreeSet<usize>,
    /// What lies inside these times is one frame, or several full ones; what lies outside is not put to it.
    pub(crate) core: (i64, i64),
    /// Keys of a merged frame.
    pub(crate) keys_aim: u64,
}

/// The next frames to be merged, if any. `pieces` are all frames of a device in order of their first reading; those in
/// `refused` are left alone.
pub(crate) fn choose(pieces: &[Piece], sizes: Sizes, refused: &BTreeSet<i64>) -> Option<Plan> {
    let choice = Choice { pieces, sizes, refused };
    let mut families: BTreeMap<SeriesId, Vec<usize>> = BTreeMap::new();
    let roots = roots(pieces);
    for (at, piece) in pieces.iter().enumerate() {
        let root = piece.rows.first().and_then(|row| roots.get(&row.series));
        if let Some(root) = root.filter(|_| !refused.contains(&piece.frame)) {
            families.entry(*root).or_default().push(at);
        }
    }
    let mut families = families.values();
    families.find_map(|family| choice.over_full(family).or_else(|| choice.of_a_size(family)))
}

/// For each series the smallest of those that it shares frames with, over however many frames.
fn roots(pieces: &[Piece]) -> BTreeMap<SeriesId, SeriesId> {
    let mut roots: BTreeMap<SeriesId, SeriesId> = BTreeMap::new();
    for piece in pieces {
        let known = piece.rows.iter().map(|row| roots.get(&row.series).copied().unwrap_or(row.series));
        let known: BTreeSet<SeriesId> = known.collect();
        let Some(root) = known.first().copied() else { continue };
        if known.len() > 1 {
            roots.values_mut().filter(|old| known.contains(old)).for_each(|old| *old = root);
        }
        piece.rows.iter().for_each(|row| _ = roots.insert(row.series, root));
    }
    roots
}

struct Choice<'a> {
    pieces: &'a [Piece],
    sizes: Sizes,
    refused: &'a BTreeSet<i64>,
}

impl Choice<'_> {
    fn piece(&self, at: usize) -> Option<&Piece> {
        self.pieces.get(at)
    }

    /// A full frame and what has gathered over it.
    fn over_full(&self, family: &[usize]) -> Option<Plan> {
        let (full, small): (Vec<_>, Vec<_>) =
            family.iter().filter_map(|at| Some((*at, self.piece(*at)?))).partition(|(_, it)| self.sizes.is_full(it));
        full.into_iter().find_map(|(at, full)| {
            let over: Vec<_> = small.iter().filter(|(_, it)| full.touching(it).next().is_some()).collect();
            let inside = over.iter().all(|(_, it)| full.first_ms() <= it.first_ms() && it.last_ms() <= full.last_ms());
            let much = over.iter().map(|(_, it)| it.keys()).sum::<u64>() * 8 >= full.keys();
            if over.is_empty() || (over.len() < self.sizes.fan_in && !(inside && much)) {
                return None;
            }
            let mut cells = full.cells();
            let fits = over.iter().take_while(|(_, it)| {
                cells += it.cells();
                cells <= self.sizes.cells
            });
            let chosen: BTreeSet<usize> = fits.map(|(at, _)| *at).chain([at]).collect();
            self.closed(chosen, Some((full.first_ms(), full.last_ms())))
        })
    }

    /// Neighbours of about one size, the smallest first.
    fn of_a_size(&self, family: &[usize]) -> Option<Plan> {
        let full: Vec<&Piece> =
            family.iter().filter_map(|at| self.piece(*at)).filter(|piece| self.sizes.is_full(piece)).collect();
        let size_max = self.sizes.keys.max(8).ilog(8);
        (0..=size_max).find_map(|size| {
            let (mut run, mut runs) = (Vec::new(), Vec::new());
            for (at, piece) in family.iter().filter_map(|at| Some((*at, self.piece(*at)?))) {
                if self.sizes.is_full(piece) || piece.keys().max(1).ilog(8) > size {
                    runs.push(std::mem::take(&mut run));
                } else if full.iter().all(|full| full.touching(piece).next().is_none()) {
                    run.push((at, piece));
                }
            }
            runs.push(run);
            let mut rests = runs.iter().flat_map(|run| (0..run.len()).filter_map(|from| run.get(from..)));
            rests.find_map(|rest| self.first_of(rest))
        })
    }

    /// The first of a run, up to a full frame, if they are enough.
    fn first_of(&self, run: &[(usize, &Piece)]) -> Option<Plan> {
        let (mut keys, mut bytes, mut cells, mut ends) = (0, 0, 0, false);
        let mut chosen = BTreeSet::new();
        for (at, piece) in run {
            let over = keys + piece.keys() > self.sizes.keys || bytes + piece.bytes > self.sizes.bytes * 5 / 4;
            if !chosen.is_empty() && (over || cells + piece.cells() > self.sizes.cells) {
                ends = true;
                break;
            }
            (keys, bytes, cells) = (keys + piece.keys(), bytes + piece.bytes, cells + piece.cells());
            chosen.insert(*at);
        }
        let full = keys >= self.sizes.keys || bytes >= self.sizes.bytes || ends;
        if chosen.len() < 2 || (chosen.len() < self.sizes.fan_in && !full) {
            return None;
        }
        self.closed(chosen, None)
    }

    /// Takes to the chosen what stands between them in rank; none if that is too much.
    fn closed(&self, mut chosen: BTreeSet<usize>, core: Option<(i64, i64)>) -> Option<Plan> {
        loop {
            let mut greatest: BTreeMap<SeriesId, i64> = BTreeMap::new();
            for row in chosen.iter().filter_map(|at| self.piece(*at)).flat_map(|piece| &piece.rows) {
                let rank = greatest.entry(row.series).or_insert(row.rank);
                *rank = row.rank.max(*rank);
            }
            let stands_between = |at: &usize| {
                let Some(outer) = self.piece(*at) else { return false };
                let mut pairs = chosen.iter().filter_map(|at| self.piece(*at)).flat_map(|inner| inner.touching(outer));
                pairs.any(|(inner, outer)| {
                    inner.rank < outer.rank && greatest.get(&outer.series).is_some_and(|rank| outer.rank <= *rank)
                })
            };
            let between: Vec<usize> =
                (0..self.pieces.len()).filter(|at| !chosen.contains(at)).filter(stands_between).collect();
            if between.is_empty() {
                break;
            }
            chosen.extend(between);
            let all = || chosen.iter().filter_map(|at| self.piece(*at));
            let too_many = all().map(Piece::cells).sum::<u64>() > self.sizes.cells;
            if too_many || all().any(|piece| self.refused.contains(&piece.frame)) {
                return None;
            }
        }
        let all = || chosen.iter().filter_map(|at| self.piece(*at));
        let (keys, bytes) = (all().map(Piece::keys).sum::<u64>().max(1), all().map(|piece| piece.bytes).sum::<u64>());
        let of_bytes = (self.sizes.bytes * 5 / 4).saturating_mul(keys) / bytes.max(1);
        let columns = all().map(|piece| piece.rows.len() as u64).max().unwrap_or(1).max(1);
        let keys_aim = of_bytes.min(self.sizes.keys).min(frame::FRAME_CELLS_MAX as u64 / columns).max(1);
        let core = core.unwrap_or((i64::MIN, i64::MAX));
        (chosen.len() > 1).then_some(Plan { chosen, core, keys_aim })
    }
}
