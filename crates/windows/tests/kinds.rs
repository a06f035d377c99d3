//! Angles and totals against brute force.

use model::{Kind, TimeRange, Timestamp};
use proptest::prelude::*;
use windows::{Aspect, CalendarStep, Grid, Window, Zone, fold_ascending, increases};

fn window(kind: Kind, numbers: &[f64]) -> Window {
    let mut window = Window::default();
    numbers.iter().for_each(|number| window.push(kind, *number));
    window
}

/// By how much a total rose, said without any trick.
fn risen(kind: Kind, before: Option<f64>, numbers: &[f64]) -> f64 {
    let all: Vec<f64> = before.into_iter().chain(numbers.iter().copied()).collect();
    let step = |pair: &[f64]| match (kind, pair[0], pair[1]) {
        (_, a, b) if b >= a => b - a,
        (Kind::TotalIncreasing, a, b) if b >= a * 0.9 => b - a,
        (Kind::TotalIncreasing, _, b) => b.max(0.0),
        (_, _, _) => 0.0,
    };
    all.windows(2).map(step).sum()
}

fn meter() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(prop_oneof![6 => 0_i32..50, 1 => -40_i32..0, 1 => Just(-100_000)], 0..200).prop_map(|steps| {
        let mut tenths = 1_000_i32;
        let mut one = |step: i32| {
            tenths = (tenths + step).max(0);
            f64::from(tenths) / 10.0
        };
        steps.into_iter().map(&mut one).collect()
    })
}

fn groups(numbers: &[f64], cuts: &[prop::sample::Index]) -> Vec<Vec<f64>> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(numbers.len() + 1)).collect();
    cuts.extend([0, numbers.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| numbers[pair[0]..pair[1]].to_vec()).collect()
}

proptest! {
    #[test]
    fn increases_add_up_however_they_are_grouped(
        numbers in meter(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        before in prop::option::of(0.0..200.0),
        kind in prop::sample::select(vec![Kind::Total, Kind::TotalIncreasing]),
    ) {
        let parts: Vec<Window> = groups(&numbers, &cuts).iter().map(|part| window(kind, part)).collect();
        let mut whole = Window::default();
        parts.iter().for_each(|part| whole.merge(part));
        let expected = (!numbers.is_empty()).then(|| risen(kind, before, &numbers));
        let near = |found: Option<f64>| match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() <= 1e-12 * (expected.abs() + 10_000.0),
            (found, expected) => found == expected,
        };
        prop_assert!(near(whole.increase(kind, before)), "{:?} {:?}", whole.increase(kind, before), expected);
        let of_parts: Vec<f64> = increases(kind, &parts, before).into_iter().flatten().collect();
        prop_assert!(near((!of_parts.is_empty()).then(|| of_parts.iter().sum())));
    }

    #[test]
    fn directions_do_not_depend_on_order_or_grouping(
        tenths in prop::collection::vec(-7_200_i32..7_200, 1..200),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let numbers: Vec<f64> = tenths.iter().map(|tenths| f64::from(*tenths) / 10.0).collect();
        let mut whole = Window::default();
        groups(&numbers, &cuts).iter().rev().for_each(|part| whole.merge(&window(Kind::Angle, part)));
        prop_assert_eq!(whole.aspect, window(Kind::Angle, &numbers).aspect);
        let (sin, cos) = numbers.iter().fold((0.0, 0.0), |(sin, cos), number| {
            (sin + number.to_radians().sin(), cos + number.to_radians().cos())
        });
        if f64::hypot(sin, cos) > 1e-3 * numbers.len() as f64 {
            let expected = sin.atan2(cos).to_degrees();
            let apart = (whole.mean().unwrap() - expected).rem_euclid(360.0);
            prop_assert!(apart.min(360.0 - apart) < 1e-6, "{:?} {}", whole.mean(), expected);
        }
    }

    #[test]
    fn folding_is_pushing(
        numbers in prop::collection::vec(prop_oneof![20 => 0.0..400.0, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)], 0..300),
        kind in prop::sample::select(vec![Kind::Angle, Kind::Total, Kind::TotalIncreasing, Kind::State]),
        local in any::<bool>(),
    ) {
        let range = TimeRange { from: Timestamp::EPOCH, to: Timestamp::saturating(20 * 86_400_000) };
        let zone = Zone::parse("Asia/Kathmandu").unwrap();
        let grid = if local {
            Grid::calendar(range, CalendarStep::Day, &zone)
        } else {
            Grid::covering(range, model::Resolution::from_millis(12 * 3_600_000).unwrap())
        };
        let times: Vec<i64> = (0..numbers.len() as i64).map(|at| at * 5_000_000).collect();
        let (mut folded, mut pushed) = (vec![Window::default(); grid.count()], vec![Window::default(); grid.count()]);
        fold_ascending(&times, &numbers, &grid, kind, &mut folded);
        for (time, number) in times.iter().zip(&numbers).filter(|(_, number)| !number.is_nan()) {
            if let Some(index) = grid.index_of(*time) {
                pushed[index].push(kind, *number);
            }
        }
        for (folded, pushed) in folded.iter().zip(&pushed) {
            prop_assert_eq!((folded.count, folded.first.to_bits()), (pushed.count, pushed.first.to_bits()));
            prop_assert_eq!(folded.aspect, pushed.aspect);
        }
    }
}

#[test]
fn north_is_between_350_and_10() {
    let mean = window(Kind::Angle, &[350.0, 10.0]).mean().unwrap();
    assert!(mean.min(360.0 - mean) < 1e-9, "{mean}");
    assert!((window(Kind::Angle, &[-90.0, 270.0, 630.0]).mean().unwrap() - 270.0).abs() < 1e-9);
    assert_eq!(window(Kind::Angle, &[0.0, 180.0]).mean(), None);
    assert_eq!(window(Kind::Angle, &[]).mean(), None);
    // An infinite angle counts as a reading and points nowhere.
    assert_eq!(window(Kind::Angle, &[f64::INFINITY]).mean(), None);
    assert_eq!(window(Kind::Measurement, &[350.0, 10.0]).mean(), Some(180.0));
}

#[test]
fn resets_dips_and_returns() {
    let of = |kind, numbers: &[f64]| window(kind, numbers).increase(kind, None);
    assert_eq!(of(Kind::TotalIncreasing, &[100.0, 107.0, 2.0, 3.0]), Some(10.0));
    // A tenth up and down is rounding: what comes back was not counted twice, and no reset adds a thousand.
    assert_eq!(of(Kind::TotalIncreasing, &[1_000.0, 999.5, 1_000.0, 1_001.0]), Some(1.0));
    assert_eq!(of(Kind::Total, &[100.0, 107.0, 90.0, 91.0]), Some(8.0));
    assert_eq!(of(Kind::TotalIncreasing, &[5.0]), Some(0.0));
    assert_eq!(of(Kind::TotalIncreasing, &[]), None);
    assert_eq!(of(Kind::Measurement, &[5.0, 6.0]), None);
    assert_eq!(of(Kind::TotalIncreasing, &[5.0, -3.0]), Some(0.0));
    assert_eq!(window(Kind::Total, &[5.0]).increase(Kind::Total, Some(3.5)), Some(1.5));
    assert_eq!(window(Kind::Total, &[1.0]).aspect, Aspect::Total { increase: 0.0, carry: 0.0 });
}
