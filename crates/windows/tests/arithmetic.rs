//! Windows against brute force: every way to make one gives what looking at all its readings gives.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use model::{Kind, Resolution, TimeRange, Timestamp};
use proptest::prelude::*;
use windows::{Aspect, Grid, WINDOWS_MAX, Window, fold_ascending};

const PLAIN: Kind = Kind::Measurement;

/// What a window is, said without any trick. The sum is exact where all numbers are whole.
fn brute(numbers: &[f64]) -> Window {
    let least = |a: &f64, b: &f64| a.total_cmp(b);
    Window {
        count: numbers.len() as u64,
        min: numbers.iter().copied().min_by(least).unwrap_or(0.0),
        max: numbers.iter().copied().max_by(least).unwrap_or(0.0),
        sum: pairwise(numbers),
        carry: 0.0,
        first: numbers.first().copied().unwrap_or(0.0),
        last: numbers.last().copied().unwrap_or(0.0),
        aspect: Aspect::Plain,
    }
}

fn pairwise(numbers: &[f64]) -> f64 {
    match numbers {
        [] => 0.0,
        [one] => *one,
        many => {
            let (low, high) = many.split_at(many.len() / 2);
            pairwise(low) + pairwise(high)
        }
    }
}

/// Bit for bit but for the sum, which is held to 1e-12 of the magnitudes that were added.
fn assert_same(found: &Window, numbers: &[f64]) {
    let expected = brute(numbers);
    assert_eq!(found.count, expected.count);
    if expected.count == 0 {
        return;
    }
    let bits = |w: &Window| [w.min, w.max, w.first, w.last].map(f64::to_bits);
    assert_eq!(bits(found), bits(&expected), "{found:?} {expected:?}");
    let magnitude = pairwise(&numbers.iter().map(|number| number.abs()).collect::<Vec<_>>());
    assert!((found.sum - expected.sum).abs() <= 1e-12 * magnitude, "{} {}", found.sum, expected.sum);
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => (-100_000_i32..100_000).prop_map(|tenths| f64::from(tenths) / 10.0),
        1 => -1e15..1e15,
        1 => prop::sample::select(vec![0.0, -0.0, 5e-324, -5e-324, 1e300, -1e300]),
    ]
}

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange { from: Timestamp::saturating(from), to: Timestamp::saturating(to) }
}

fn step() -> impl Strategy<Value = Resolution> {
    prop::sample::select(Resolution::STEPS_MS.to_vec()).prop_map(|ms| Resolution::from_millis(ms).unwrap())
}

/// Ascending times with equal neighbours, dense runs and gaps over many windows.
fn readings() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let gap = prop_oneof![4 => Just(0_i64), 8 => 0_i64..2_000, 2 => 0_i64..100_000, 1 => 0_i64..100_000_000];
    (-200_000_000_i64..200_000_000, prop::collection::vec((gap, number()), 0..400)).prop_map(|(start, steps)| {
        let mut time = start;
        let mut place = |(gap, number)| {
            time += gap;
            (time, number)
        };
        steps.into_iter().map(&mut place).collect()
    })
}

fn in_windows(readings: &[(i64, f64)], grid: &Grid) -> Vec<Vec<f64>> {
    let mut windows = vec![Vec::new(); grid.count()];
    for (time, number) in readings {
        for (index, window) in windows.iter_mut().enumerate() {
            if (grid.edge_ms(index)..grid.edge_ms(index + 1)).contains(time) {
                window.push(*number);
            }
        }
    }
    windows
}

proptest! {
    #[test]
    fn pushing_one_by_one_is_brute_force(numbers in prop::collection::vec(number(), 0..300)) {
        let mut window = Window::default();
        numbers.iter().for_each(|number| window.push(PLAIN, *number));
        assert_same(&window, &numbers);
    }

    #[test]
    fn any_grouping_merges_to_the_same(groups in prop::collection::vec(prop::collection::vec(number(), 0..40), 0..12)) {
        let mut whole = Window::default();
        for group in &groups {
            let mut window = Window::default();
            group.iter().for_each(|number| window.push(PLAIN, *number));
            whole.merge(&window);
        }
        assert_same(&whole, &groups.concat());
    }

    #[test]
    fn folding_columns_is_brute_force(
        readings in readings(),
        step in step(),
        from in -250_000_000_i64..250_000_000,
        length in 0_i64..100_000_000,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let length = length.min(step.millis() * 300);
        let grid = Grid::covering(range(from, from + length), step);
        let mut out = vec![Window::default(); grid.count()];
        // As from several frames, one after the other.
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(readings.len() + 1)).collect();
        cuts.extend([0, readings.len()]);
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            let (times, numbers): (Vec<i64>, Vec<f64>) = readings[pair[0]..pair[1]].iter().copied().unzip();
            fold_ascending(&times, &numbers, &grid, PLAIN, &mut out);
        }
        for (window, numbers) in out.iter().zip(in_windows(&readings, &grid)) {
            assert_same(window, &numbers);
        }
    }

    #[test]
    fn every_time_of_a_range_has_its_window(from in -1_000_000_000_i64..1_000_000_000, length in 1_i64..1_000_000_000,
        step in step(), inside in any::<prop::sample::Index>())
    {
        let grid = Grid::covering(range(from, from + length), step);
        let last = from + length - 1;
        prop_assert!(grid.t0_ms() <= from && from < grid.t0_ms() + step.millis());
        prop_assert_eq!(grid.t0_ms().rem_euclid(step.millis()), 0);
        if grid.count() < WINDOWS_MAX {
            let time = from + inside.index(usize::try_from(length).unwrap()) as i64;
            let index = grid.index_of(time).unwrap();
            let start = grid.t0_ms() + index as i64 * step.millis();
            prop_assert!((start..start + step.millis()).contains(&time));
            prop_assert_eq!(grid.index_of(last), Some(grid.count() - 1));
            prop_assert!(last < grid.end_ms() && grid.end_ms() <= last + step.millis());
        }
        prop_assert_eq!(grid.index_of(grid.t0_ms() - 1), None);
        prop_assert_eq!(grid.index_of(grid.end_ms()), None);
    }
}

#[test]
fn grids_at_the_edges() {
    let second = Resolution::from_millis(1000).unwrap();
    let week = Resolution::from_millis(7 * 86_400_000).unwrap();
    for empty in [range(5, 5), range(9, 3)] {
        assert_eq!(Grid::covering(empty, second).count(), 0);
        assert_eq!(Grid::covering(empty, second).index_of(4), None);
    }
    let all = Grid::covering(TimeRange::ALL, week);
    assert_eq!(all.count(), WINDOWS_MAX);
    assert!(all.t0_ms() <= Timestamp::MIN.millis());
    assert_eq!(all.range().from, Timestamp::MIN);
    for far in [i64::MIN, i64::MAX] {
        assert_eq!(all.index_of(far), None);
    }
    let end = Grid::covering(range(Timestamp::MAX.millis() - 10, Timestamp::MAX.millis()), week);
    assert_eq!((end.count(), end.range().to), (1, Timestamp::MAX));
}

#[test]
fn an_odd_number_of_columns_or_windows_is_no_panic() {
    let grid = Grid::covering(range(0, 10_000), Resolution::from_millis(1000).unwrap());
    let mut out = vec![Window::default(); 2];
    fold_ascending(&[0, 500, 1500, 2500, 9999], &[1.0, 2.0, 3.0], &grid, PLAIN, &mut out);
    assert_eq!((out[0].count, out[1].count), (2, 1));
    fold_ascending(&[], &[1.0], &grid, PLAIN, &mut out);
    fold_ascending(&[1], &[], &grid, PLAIN, &mut out);
    fold_ascending(&[i64::MIN, i64::MAX], &[1.0, 1.0], &grid, PLAIN, &mut out);
    fold_ascending(&[1], &[1.0], &Grid::covering(range(3, 3), grid.resolution().unwrap()), PLAIN, &mut out);
    assert_eq!((out[0].count, out[1].count), (2, 1));
}

#[test]
fn nan_never_counts_and_infinities_are_numbers() {
    let grid = Grid::covering(range(0, 1000), Resolution::from_millis(1000).unwrap());
    let fold = |numbers: &[f64]| {
        let mut out = [Window::default()];
        let times: Vec<i64> = (0..numbers.len() as i64).collect();
        fold_ascending(&times, numbers, &grid, PLAIN, &mut out);
        out[0]
    };
    let window = fold(&[f64::NAN, 2.0, f64::NAN, 4.0, f64::NAN, f64::NAN]);
    assert_eq!((window.count, window.min, window.max, window.sum), (2, 2.0, 4.0, 6.0));
    assert_eq!((window.first, window.last), (2.0, 4.0));
    assert_eq!(fold(&[f64::NAN; 7]).count, 0);
    let window = fold(&[1.0, f64::INFINITY, 2.0]);
    assert_eq!((window.count, window.min, window.max, window.sum), (3, 1.0, f64::INFINITY, f64::INFINITY));
    assert_eq!(fold(&[f64::MAX, f64::MAX]).sum, f64::INFINITY);
}

#[test]
fn sums_do_not_drift_over_a_year() {
    // 0.1 is no double; a plain sum of 3.15 million of them is off by 1e-8.
    let count = 3_153_600;
    let (mut one_by_one, mut times) = (Window::default(), Vec::new());
    for index in 0..count {
        one_by_one.push(PLAIN, 0.1);
        times.push(index * 10_000);
    }
    let grid = Grid::covering(range(0, count * 10_000), Resolution::from_millis(7 * 86_400_000).unwrap());
    let mut out = vec![Window::default(); grid.count()];
    fold_ascending(&times, &vec![0.1; times.len()], &grid, PLAIN, &mut out);
    let mut merged = Window::default();
    out.iter().for_each(|window| merged.merge(window));
    for window in [one_by_one, merged] {
        assert!((window.sum - 315_360.0).abs() < 1e-9, "{}", window.sum);
        assert!((window.mean().unwrap() - 0.1).abs() < 1e-16);
    }
}
