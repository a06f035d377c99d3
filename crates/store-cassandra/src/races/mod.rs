//! A late write races the compactor in every order, against a real Cassandra: its touch and its row land before or after any step of
//! a compaction, two servers compact at once, one stops between any two steps. After every step a read answers everything that was
//! acknowledged, once, with its last value; and so it does from frames alone, when the rows have expired.

mod case;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::{StreamExt, stream};
use model::TimeRange;
use store::Order;

pub(crate) use case::Lab;
use case::{Case, DAY, Deed, HOUR_MS, SERIES, STEPS, key, scripted};

use crate::compact::Keep;
use crate::compactor::{Compactor, Failure, Outcome, Step};
use crate::days::{HomeDays, Source};
use crate::frame_tables as tables;
use crate::rounds::{Rounds, Which};

/// Days under test at one time.
const AT_ONCE: usize = 16;

/// Compacts with whatever happens meanwhile, looks, finishes the late write, and looks again.
async fn race(case: &Arc<Case>, compactor: &Compactor) {
    let outcome = compactor.compact(&case.lab.cluster, case.day).await;
    assert!(outcome.is_ok() || matches!(outcome, Err(Failure::Stopped)), "{}: {outcome:?}", case.what);
    case.check("after the compaction").await;
    if !case.touched.load(Ordering::SeqCst) {
        case.late_touch().await;
    }
    if !case.wrote.load(Ordering::SeqCst) {
        case.late_rows().await;
    }
    case.check("after the write").await;
}

async fn all<F: Future<Output = ()>>(doing: impl Iterator<Item = F>) {
    stream::iter(doing).for_each_concurrent(AT_ONCE, |one| one).await;
}

/// Hours later: another compaction, then the rows expire, and frames alone answer.
async fn later(lab: &Arc<Lab>, cases: &[Arc<Case>]) {
    lab.clock.advance(4 * HOUR_MS);
    let rounds = Rounds::new(lab.compactor(2));
    let round = rounds.round(&lab.cluster, Which::Due).await.unwrap();
    assert_eq!((round.failed, round.behind), (0, 0));
    all(cases.iter().map(|case| async move {
        assert!(matches!(case.source().await, Source::Frames(_)), "{}: {:?}", case.what, case.source().await);
        case.check("hours later").await;
    }))
    .await;
    all(cases.iter().map(|case| async {
        case.expire().await;
        case.check("from frames alone").await;
    }))
    .await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn touch_and_row_land_before_or_after_any_step() {
    let lab = Lab::new("races_late").await;
    lab.clock.advance(3 * HOUR_MS);
    let mut cases = Vec::new();
    for (touch, row) in (0..STEPS.len()).flat_map(|touch| (0..STEPS.len()).map(move |row| (touch, row))) {
        for framed in [false, true] {
            let late_by_h = i32::try_from((touch + row) % 2).unwrap();
            let what =
                format!("touch {late_by_h} h old at {:?}, row at {:?}, framed {framed}", STEPS[touch], STEPS[row]);
            cases.push((Case::new(&lab, framed, late_by_h, what).await, STEPS[touch], STEPS[row]));
        }
    }
    lab.clock.advance(HOUR_MS);
    all(cases.iter().map(|(case, touch, row)| async {
        // A day that is framed is compacted only if something says that it is dirty.
        case.put_touch(lab.cluster.hour() - 2).await;
        let compactor = scripted(case, 1, vec![(*touch, Deed::Touch), (*row, Deed::Rows)]);
        race(case, &compactor).await;
    }))
    .await;
    let cases: Vec<_> = cases.into_iter().map(|(case, ..)| case).collect();
    later(&lab, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_compact_at_once_and_a_write_comes_between_any_steps_of_either() {
    let lab = Lab::new("races_two").await;
    lab.clock.advance(3 * HOUR_MS);
    let mut cases = Vec::new();
    for (outer, inner) in (0..STEPS.len()).flat_map(|outer| (0..STEPS.len()).map(move |inner| (outer, inner))) {
        let framed = (outer + inner) % 2 == 0;
        let what = format!("another at {:?}, a write at its {:?}, framed {framed}", STEPS[outer], STEPS[inner]);
        cases.push((Case::new(&lab, framed, 1, what).await, STEPS[outer], STEPS[inner]));
    }
    lab.clock.advance(HOUR_MS);
    all(cases.iter().map(|(case, outer, inner)| async {
        case.put_touch(lab.cluster.hour() - 2).await;
        let other = scripted(case, 5, vec![(*inner, Deed::Touch), (*inner, Deed::Rows)]);
        let compactor = scripted(case, 1, vec![(*outer, Deed::Compact(other))]);
        race(case, &compactor).await;
    }))
    .await;
    let cases: Vec<_> = cases.into_iter().map(|(case, ..)| case).collect();
    later(&lab, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compactor_stops_between_any_two_steps() {
    let lab = Lab::new("races_stop").await;
    lab.clock.advance(3 * HOUR_MS);
    let mut cases = Vec::new();
    for (stop, write) in (0..STEPS.len()).flat_map(|stop| (0..STEPS.len()).map(move |write| (stop, write))) {
        let framed = (stop + write) % 2 == 0;
        let what = format!("stopped at {:?}, a write at {:?}, framed {framed}", STEPS[stop], STEPS[write]);
        cases.push((Case::new(&lab, framed, 0, what).await, STEPS[stop], STEPS[write]));
    }
    lab.clock.advance(HOUR_MS);
    all(cases.iter().map(|(case, stop, write)| async {
        case.put_touch(lab.cluster.hour() - 2).await;
        // A write behind the stop comes while the next one compacts.
        let deeds = |last: Option<Step>| {
            let mut deeds = Vec::new();
            if last.is_none_or(|last| *write <= last) && !case.wrote.load(Ordering::SeqCst) {
                deeds = vec![(*write, Deed::Rows), (*write, Deed::Touch)];
            }
            deeds.extend(last.map(|last| (last, Deed::Stop)));
            deeds
        };
        let outcome = scripted(case, 1, deeds(Some(*stop))).compact(&lab.cluster, case.day).await;
        assert!(matches!(outcome, Err(Failure::Stopped)), "{}: {outcome:?}", case.what);
        case.check("after the stop").await;
        race(case, &scripted(case, 5, deeds(None))).await;
    }))
    .await;
    let cases: Vec<_> = cases.into_iter().map(|(case, ..)| case).collect();
    later(&lab, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_replaced_while_they_are_read_are_read_again() {
    let lab = Lab::new("races_read").await;
    lab.clock.advance(3 * HOUR_MS);
    let case = Case::new(&lab, true, 0, "a reader".to_owned()).await;
    lab.clock.advance(4 * HOUR_MS);
    let days = HomeDays::read(&lab.cluster, case.day.home, DAY, DAY).await.unwrap();
    let Source::Frames(old) = days.source(DAY) else { panic!("{:?}", days.source(DAY)) };
    case.late_touch().await;
    case.late_rows().await;
    assert_eq!(lab.compactor(1).compact(&lab.cluster, case.day).await.unwrap(), Outcome::Compacted);
    assert!(tables::parts(&lab.cluster, case.day, old.version).await.unwrap().is_empty(), "the old ones are gone");
    let framed = days.framed(&lab.cluster, DAY).await.unwrap();
    let readings = framed.readings(SERIES, TimeRange::ALL).unwrap();
    assert_eq!(readings.len(), case.acknowledged.lock().len());
    // Frames that are gone although their mark holds are damage, and said to be.
    let Source::Both(new) = case.source().await else { panic!("{:?}", case.source().await) };
    tables::drop_version(&lab.cluster, case.day, new.version).await.unwrap();
    assert!(matches!(days.framed(&lab.cluster, DAY).await, Err(store::StoreError::Damaged(_))));
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_day_that_cannot_be_compacted_are_told_and_written_once_more() {
    let lab = Lab::new("races_again").await;
    let case = Case::new(&lab, false, 0, "again".to_owned()).await;
    lab.clock.advance(4 * HOUR_MS);
    let mut rounds = Rounds::new(scripted(&case, 1, vec![(Step::Rows, Deed::Stop)]));
    let round = rounds.round(&lab.cluster, Which::Due).await.unwrap();
    assert_eq!((round.failed, round.behind, round.again), (1, 0, 0), "14 days are left");
    assert!(rounds.degraded().is_none());
    // The same when rows should live for 20 days, and 14 are left; for 29; for 80. Then they are as new.
    let day_s = 24 * 3_600;
    for (days, failed, behind, again) in [(20, 1, 0, 0), (29, 1, 1, 0), (80, 1, 1, 4), (80, 0, 0, 0)] {
        rounds.compactor.periods.rows_s = days * day_s;
        rounds.compactor.watcher = scripted(&case, 1, vec![(Step::Rows, Deed::Stop)]).watcher;
        let round = rounds.round(&lab.cluster, Which::Due).await.unwrap();
        assert_eq!((round.failed, round.behind, round.again), (failed, behind, again), "{days}");
        assert_eq!(rounds.degraded().map(|degraded| degraded.code), (behind > 0).then_some("compaction_behind"));
        case.check("written once more").await;
    }
    // The touch is as young as the rows, so the day is compacted when it is quiet again.
    rounds.compactor.watcher = None;
    lab.clock.advance(4 * HOUR_MS);
    assert_eq!(rounds.round(&lab.cluster, Which::Due).await.unwrap().compacted, 1);
    case.check("compacted at last").await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_keeps_is_deleted_and_what_comes_later_is_kept_by_its_floor() {
    let lab = Lab::new("races_floor").await;
    let case = Case::new(&lab, true, 0, "floor".to_owned()).await;
    lab.clock.advance(4 * HOUR_MS);
    let rounds = Rounds::new(lab.compactor(1));
    assert_eq!(rounds.sweep(&lab.cluster).await.unwrap(), 0, "everything is kept");
    let floor = key(201).time;
    lab.readers.0.lock().insert(SERIES, Keep::From(floor));
    assert_eq!(rounds.sweep(&lab.cluster).await.unwrap(), 0, "a part of the day is kept");
    case.late_touch().await;
    case.late_rows().await;
    lab.clock.advance(4 * HOUR_MS);
    assert_eq!(rounds.round(&lab.cluster, Which::Due).await.unwrap().compacted, 1);
    case.expire().await;
    case.acknowledged.lock().retain(|key, _| key.time >= floor);
    let read = case.read(Order::Descending).await;
    assert_eq!(read.iter().map(|reading| reading.key).collect::<Vec<_>>(), [key(600), key(400), key(300)]);
    lab.readers.0.lock().insert(SERIES, Keep::From(key(24 * 60).time));
    assert_eq!(rounds.sweep(&lab.cluster).await.unwrap(), 1);
    assert_eq!(rounds.sweep(&lab.cluster).await.unwrap(), 0, "once");
    assert_eq!(case.source().await, Source::Nothing);
    assert!(case.read(Order::Ascending).await.is_empty());
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_holds_the_lease() {
    let lab = Lab::new("races_lease").await;
    let (one, two) = (Rounds::new(lab.compactor(1)), Rounds::new(lab.compactor(2)));
    assert!(one.take_lease(&lab.cluster).await.unwrap());
    assert!(one.take_lease(&lab.cluster).await.unwrap(), "it holds it for longer");
    assert!(!two.take_lease(&lab.cluster).await.unwrap());
    lab.run(format!("DELETE FROM {}.leases WHERE name = 'compactor'", lab.keyspace)).await;
    assert!(two.take_lease(&lab.cluster).await.unwrap(), "when it expired");
    lab.end().await;
}
