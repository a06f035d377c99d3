//! Making windows of columns of readings: some nanoseconds a reading, for a year at once.

use model::Kind;

use crate::window::two_sum;
use crate::{Aspect, Grid, Window};

/// Independent running sums, so that the processor adds several numbers at a time.
const LANES: usize = 8;

/// Adds readings of a series of `kind` to the windows of `grid` that hold them: `out[i]` is window i, `times` ascend, `numbers` has one for each
/// of them, and all of them come after what is in `out` already. Readings outside the grid or beyond `out`, NaN, and
/// times without a number are passed over.
///
/// Windows are walked from boundary to boundary: there is a division for each window that has readings, none for each
/// reading.
pub fn fold_ascending(times: &[i64], numbers: &[f64], grid: &Grid, kind: Kind, out: &mut [Window]) {
    let end = times.partition_point(|time| *time < grid.end_ms());
    let start = times.partition_point(|time| *time < grid.t0_ms());
    let (mut times, mut numbers) = match (times.get(start..end), numbers.get(start..)) {
        (Some(times), Some(numbers)) => (times, numbers),
        (_, _) => return,
    };
    while let Some(index) = times.first().and_then(|time| grid.index_of(*time)) {
        let Some(window) = out.get_mut(index) else { return };
        let run = run_below(times, grid.edge_ms(index + 1));
        let Some((of_window, later)) = numbers.split_at_checked(run) else {
            return window.merge(&summarize(numbers, kind));
        };
        window.merge(&summarize(of_window, kind));
        numbers = later;
        times = times.get(run..).unwrap_or_default();
    }
}

/// How many of `times`, which ascend and begin below `boundary`, are below it. Steps that double, then a search between
/// the last two, cost less than looking at every time.
fn run_below(times: &[i64], boundary: i64) -> usize {
    let mut known = 0;
    let mut probe = 1;
    while times.get(probe).is_some_and(|time| *time < boundary) {
        known = probe;
        probe *= 2;
    }
    let between = times.get(known..probe.min(times.len())).unwrap_or_default();
    known + between.partition_point(|time| *time < boundary)
}

/// The window of `numbers` in order; NaN does not count.
fn summarize(numbers: &[f64], kind: Kind) -> Window {
    let (Some(first), Some(last)) = (numbers.first().copied(), numbers.last().copied()) else {
        return Window::default();
    };
    let mut lanes = Lanes::starting(first);
    let (rows, rest) = numbers.as_chunks::<LANES>();
    for row in rows {
        lanes.add(row);
    }
    let mut window = lanes.window(u64::try_from(numbers.len() - rest.len()).unwrap_or(u64::MAX));
    for number in rest {
        window.push(Kind::Measurement, *number);
    }
    // Infinities leave no carry, and comparisons do not see NaN: both are rare enough to be done one by one.
    if !(window.sum + window.carry).is_finite() {
        return one_by_one(numbers, kind);
    }
    (window.min, window.max) = signed_zeros(numbers, window.min, window.max);
    Window { first, last, aspect: Aspect::of(kind, numbers), ..window }
}

/// Sums with what they rounded off, and extremes, of every eighth number.
struct Lanes {
    sum: [f64; LANES],
    carry: [f64; LANES],
    min: [f64; LANES],
    max: [f64; LANES],
}

impl Lanes {
    fn starting(first: f64) -> Self {
        Self { sum: [0.0; LANES], carry: [0.0; LANES], min: [first; LANES], max: [first; LANES] }
    }

    /// Written so that the compiler makes vector instructions of it; the same with indexes is twice as slow.
    #[inline]
    fn add(&mut self, row: &[f64; LANES]) {
        let Self { sum, carry, min, max } = self;
        for ((((number, sum), carry), min), max) in row.iter().zip(sum).zip(carry).zip(min).zip(max) {
            let (next, lost) = two_sum(*sum, *number);
            *sum = next;
            *carry += lost;
            *min = if *number < *min { *number } else { *min };
            *max = if *number > *max { *number } else { *max };
        }
    }

    /// The lanes together, without first and last.
    fn window(&self, count: u64) -> Window {
        let mut window = Window::default();
        for lane in 0..LANES {
            let (min, max) = (self.min[lane], self.max[lane]);
            let of_lane =
                Window { count: 1, min, max, sum: self.sum[lane], carry: self.carry[lane], ..Window::default() };
            window.merge(&of_lane);
        }
        Window { count, ..window }
    }
}

/// Comparisons hold −0.0 and 0.0 for equal; where an extreme is one of them, this finds which.
fn signed_zeros(numbers: &[f64], min: f64, max: f64) -> (f64, f64) {
    let has = |zero: f64| numbers.iter().any(|number| number.to_bits() == zero.to_bits());
    let signed = |extreme: f64, wanted: f64| match extreme {
        0.0 if has(wanted) => wanted,
        0.0 => -wanted,
        extreme => extreme,
    };
    (signed(min, -0.0), signed(max, 0.0))
}

fn one_by_one(numbers: &[f64], kind: Kind) -> Window {
    let mut window = Window::default();
    for number in numbers.iter().filter(|number| !number.is_nan()) {
        window.push(kind, *number);
    }
    window
}
