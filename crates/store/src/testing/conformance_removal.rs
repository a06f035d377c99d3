//! The sentences about hiding, deletion, merging and expiry.

use model::{DeviceId, SeriesId, TimeRange, Timestamp, Value};

use super::Adapter;
use super::conformance::with_series;
use super::scene::{
    all, as_values, at, batch, device, durable, key, message, numbers, range, reading, series, series_named, source,
};
use crate::{
    CommitOutcome, Entry, ExpiryRecord, GoneCounts, HIDDEN_RANGES_MAX, HiddenRecord, MergeRecord, Readings, StoreError,
};

pub(super) async fn run_all(adapter: &mut dyn Adapter) {
    hidden_readings_are_not_answered_until_they_are_shown(adapter).await;
    hidden_ranges_are_limited_and_survive(adapter).await;
    a_deleted_device_is_gone_for_good(adapter).await;
    a_merge_joins_series_of_one_metric(adapter).await;
    a_merge_puts_hidden_ranges_and_floors_together(adapter).await;
    readings_before_the_floor_are_gone(adapter).await;
    decisions_are_alone_and_about_what_exists(adapter).await;
}

fn hidden(id: u32, from: i64, to: i64, hidden: bool) -> Entry {
    Entry::Hidden(HiddenRecord { series: SeriesId(id), range: range(from, to), hidden })
}

fn merged(from: u32, into: u32) -> Entry {
    Entry::DeviceMerged(MergeRecord { from: DeviceId(from), into: DeviceId(into) })
}

fn expired(ids: &[u32], before: i64) -> Entry {
    let series = ids.iter().copied().map(SeriesId).collect();
    Entry::Expired(ExpiryRecord { series, before: at(before) })
}

async fn decide(store: &dyn Readings, entry: Entry) {
    durable(store, batch(vec![entry])).await;
}

async fn refusal(store: &dyn Readings, entries: Vec<Entry>) -> &'static str {
    match store.append(batch(entries)).await.await {
        CommitOutcome::NotStored(reason) => reason,
        outcome @ (CommitOutcome::Durable(_) | CommitOutcome::Unknown) => panic!("not refused but {outcome:?}"),
    }
}

async fn latest(store: &dyn Readings, id: u32) -> Option<i64> {
    store.latest(&[SeriesId(id)]).await.unwrap().pop().flatten().map(|reading| reading.key.time.millis())
}

/// Stored readings and what is gone of them, after everything was settled; the rest is there.
async fn assert_balance(store: &dyn Readings, upserts: bool, stored: u64, gone: GoneCounts) {
    store.flush().await.unwrap();
    let stats = store.stats();
    if upserts {
        assert_eq!((stats.readings, stats.gone), (0, GoneCounts::default()));
        return;
    }
    assert_eq!(stats.books.get(&source("mqtt")).cloned().unwrap_or_default().readings.stored, stored);
    assert_eq!(stats.gone, gone);
    assert_eq!(stored, stats.readings + gone.deleted + gone.expired + gone.absorbed);
}

async fn hidden_readings_are_not_answered_until_they_are_shown(adapter: &mut dyn Adapter) {
    let (upserts, store) = (adapter.upserts(), with_series(adapter).await.readings);
    durable(&*store, numbers(1, &[(10, 1.0), (20, 2.0), (30, 3.0)])).await;
    store.flush().await.unwrap();
    durable(&*store, numbers(1, &[(40, 4.0), (50, 5.0)])).await;
    decide(&*store, hidden(1, 20, 41, true)).await;
    decide(&*store, hidden(1, 50, 60, true)).await;
    for _ in 0..2 {
        assert_eq!(all(&*store, 1).await, as_values(&[(10, 1.0)]));
        assert_eq!(latest(&*store, 1).await, Some(10));
        let grid = windows::Grid::covering(range(0, 1_000), model::Resolution::from_millis(1_000).unwrap());
        assert_eq!(store.windows(SeriesId(1), grid).await.unwrap()[0].count, 1);
        store.flush().await.unwrap();
    }
    // What comes into a hidden range is hidden, a correction, too.
    durable(&*store, numbers(1, &[(25, 2.5), (30, -3.0)])).await;
    assert_eq!(all(&*store, 1).await, as_values(&[(10, 1.0)]));
    decide(&*store, hidden(1, 22, 100, false)).await;
    let shown = as_values(&[(10, 1.0), (25, 2.5), (30, -3.0), (40, 4.0), (50, 5.0)]);
    assert_eq!(all(&*store, 1).await, shown);
    assert_eq!(latest(&*store, 1).await, Some(50));
    // Hidden readings are there.
    assert_balance(&*store, upserts, 6, GoneCounts::default()).await;
}

async fn hidden_ranges_are_limited_and_survive(adapter: &mut dyn Adapter) {
    let mut opened = with_series(adapter).await;
    durable(&*opened.readings, numbers(1, &[(0, 1.0), (1, 2.0), (3, 3.0)])).await;
    let last = i64::try_from(HIDDEN_RANGES_MAX).unwrap() * 2;
    let mut under_way = Vec::new();
    for at in (0..last).step_by(2) {
        under_way.push(opened.readings.append(batch(vec![hidden(1, at, at + 1, true)])).await);
    }
    for commit in under_way {
        assert!(matches!(commit.await, CommitOutcome::Durable(_)));
    }
    assert_eq!(refusal(&*opened.readings, vec![hidden(1, last, last + 1, true)]).await, "too_many_hidden");
    for round in 0..2 {
        assert_eq!(all(&*opened.readings, 1).await, as_values(&[(1, 2.0), (3, 3.0)]), "round {round}");
        opened.readings.flush().await.unwrap();
        opened = adapter.crashed(opened).await;
    }
    // Ranges that touch are one.
    decide(&*opened.readings, hidden(1, 1, 2, true)).await;
    decide(&*opened.readings, hidden(1, last, last + 1, true)).await;
    assert_eq!(all(&*opened.readings, 1).await, as_values(&[(3, 3.0)]));
}

async fn a_deleted_device_is_gone_for_good(adapter: &mut dyn Adapter) {
    let upserts = adapter.upserts();
    let mut opened = with_series(adapter).await;
    durable(&*opened.readings, batch(vec![device(2), series(3, 2)])).await;
    durable(&*opened.readings, numbers(1, &[(10, 1.0), (20, 2.0)])).await;
    durable(&*opened.readings, numbers(3, &[(10, 9.0)])).await;
    opened.readings.flush().await.unwrap();
    durable(&*opened.readings, numbers(1, &[(20, 2.5), (15, 1.5), (30, 3.0)])).await;
    durable(&*opened.readings, numbers(2, &[(10, 7.0)])).await;
    // What was appended before and nobody waited for is gone with the rest.
    let before = opened.readings.append(numbers(1, &[(40, 4.0)])).await;
    decide(&*opened.readings, Entry::DeviceDeleted(DeviceId(1))).await;
    assert!(matches!(before.await, CommitOutcome::Durable(_)));
    for round in 0..3 {
        let store = &*opened.readings;
        for id in [1, 2] {
            let read = store.read(SeriesId(id), TimeRange::ALL, crate::Order::Ascending, None, 9).await;
            assert!(matches!(read, Err(StoreError::UnknownSeries(_))), "round {round}");
        }
        let one = Entry::Message(message(vec![(1, reading(key(50), Value::Bool(true)))]));
        assert_eq!(refusal(store, vec![one]).await, "unknown_series");
        assert_eq!(refusal(store, vec![series(9, 1)]).await, "unknown_device");
        assert_eq!(all(store, 3).await, as_values(&[(10, 9.0)]));
        let restored = store.restored();
        assert_eq!((restored.devices.len(), restored.series.len(), restored.latest.len()), (1, 1, 1));
        let gone = GoneCounts { deleted: 6, ..GoneCounts::default() };
        assert_balance(store, upserts, 7, gone).await;
        opened = if round == 0 {
            adapter.crashed(opened).await
        } else {
            opened.readings.close().await.unwrap();
            adapter.reopened(opened).await
        };
    }
}

async fn two_devices(adapter: &mut dyn Adapter) -> super::Opened {
    let opened = adapter.fresh().await;
    let first = vec![device(1), series_named(1, 1, "temperature"), series_named(2, 1, "humidity")];
    durable(&*opened.readings, batch(first)).await;
    let second = vec![device(2), series_named(3, 2, "temperature"), series_named(4, 2, "pressure")];
    durable(&*opened.readings, batch(second)).await;
    opened
}

async fn a_merge_joins_series_of_one_metric(adapter: &mut dyn Adapter) {
    let upserts = adapter.upserts();
    let mut opened = two_devices(adapter).await;
    durable(&*opened.readings, numbers(1, &[(10, 1.0), (20, 2.0), (30, 3.0), (60, 6.0)])).await;
    durable(&*opened.readings, numbers(2, &[(10, 50.0)])).await;
    opened.readings.flush().await.unwrap();
    durable(&*opened.readings, numbers(3, &[(20, -2.0), (30, 3.0), (40, 4.0)])).await;
    durable(&*opened.readings, numbers(4, &[(10, 1_000.0)])).await;
    decide(&*opened.readings, merged(1, 2)).await;
    let expected = as_values(&[(10, 1.0), (20, -2.0), (30, 3.0), (40, 4.0), (60, 6.0)]);
    for round in 0..3 {
        let store = &*opened.readings;
        assert_eq!(all(store, 3).await, expected, "round {round}");
        assert_eq!(latest(store, 3).await, Some(60));
        assert_eq!(all(store, 2).await, as_values(&[(10, 50.0)]));
        assert!(store.read(SeriesId(1), TimeRange::ALL, crate::Order::Ascending, None, 9).await.is_err());
        let restored = store.restored();
        assert_eq!(restored.devices.iter().map(|device| device.id.0).collect::<Vec<_>>(), [2]);
        let owners: Vec<(u32, u32)> = restored.series.iter().map(|series| (series.id.0, series.device.0)).collect();
        assert_eq!(owners, [(2, 2), (3, 2), (4, 2)]);
        let gone = GoneCounts { absorbed: 2, ..GoneCounts::default() };
        assert_balance(store, upserts, 9, gone).await;
        opened = adapter.crashed(opened).await;
    }
    // What comes later is later than all that was put together.
    durable(&*opened.readings, numbers(3, &[(10, -1.0), (60, 6.0)])).await;
    assert_eq!(all(&*opened.readings, 3).await[0], (10, Value::Number(-1.0)));
    let gone = GoneCounts { absorbed: 2, ..GoneCounts::default() };
    assert_balance(&*opened.readings, upserts, 9, gone).await;
    // A second merge is below the first.
    durable(&*opened.readings, batch(vec![device(3), series_named(5, 3, "temperature")])).await;
    durable(&*opened.readings, numbers(5, &[(20, 99.0), (25, 2.5)])).await;
    decide(&*opened.readings, merged(3, 2)).await;
    let expected = as_values(&[(10, -1.0), (20, -2.0), (25, 2.5), (30, 3.0), (40, 4.0), (60, 6.0)]);
    assert_eq!(all(&*opened.readings, 3).await, expected);
}

async fn a_merge_puts_hidden_ranges_and_floors_together(adapter: &mut dyn Adapter) {
    let (upserts, store) = (adapter.upserts(), two_devices(adapter).await.readings);
    durable(&*store, numbers(1, &[(10, 1.0), (20, 2.0), (50, 5.0)])).await;
    durable(&*store, numbers(3, &[(12, 1.2), (22, 2.2), (52, 5.2)])).await;
    decide(&*store, hidden(1, 50, 60, true)).await;
    decide(&*store, expired(&[1], 15)).await;
    decide(&*store, merged(1, 2)).await;
    assert_eq!(all(&*store, 3).await, as_values(&[(20, 2.0), (22, 2.2)]));
    decide(&*store, hidden(3, 0, 100, false)).await;
    assert_eq!(all(&*store, 3).await, as_values(&[(20, 2.0), (22, 2.2), (50, 5.0), (52, 5.2)]));
    assert_balance(&*store, upserts, 6, GoneCounts { expired: 2, ..GoneCounts::default() }).await;
}

async fn readings_before_the_floor_are_gone(adapter: &mut dyn Adapter) {
    let upserts = adapter.upserts();
    let mut opened = with_series(adapter).await;
    let values: Vec<(i64, f64)> = (0..100).map(|at| (at * 10, at as f64)).collect();
    durable(&*opened.readings, numbers(1, &values)).await;
    opened.readings.flush().await.unwrap();
    durable(&*opened.readings, numbers(1, &[(15, 1.5), (20, -2.0), (995, 0.0)])).await;
    durable(&*opened.readings, numbers(2, &[(5, 0.5)])).await;
    decide(&*opened.readings, expired(&[1, 2], 500)).await;
    assert_eq!(opened.readings.latest(&[SeriesId(2)]).await.unwrap(), [None]);
    // Late ones expire at once, and an earlier floor changes nothing.
    durable(&*opened.readings, numbers(1, &[(499, 4.0), (501, 5.0)])).await;
    decide(&*opened.readings, expired(&[1], 100)).await;
    for round in 0..2 {
        let found = all(&*opened.readings, 1).await;
        assert_eq!((found.len(), found[0].0, found[1].0), (52, 500, 501), "round {round}");
        assert!(all(&*opened.readings, 2).await.is_empty());
        let gone = GoneCounts { expired: 53, ..GoneCounts::default() };
        assert_balance(&*opened.readings, upserts, 105, gone).await;
        opened = adapter.crashed(opened).await;
    }
    decide(&*opened.readings, expired(&[1], 2_000)).await;
    assert!(all(&*opened.readings, 1).await.is_empty());
    let gone = GoneCounts { expired: 105, ..GoneCounts::default() };
    assert_balance(&*opened.readings, upserts, 105, gone).await;
    durable(&*opened.readings, numbers(1, &[(2_000, 1.0)])).await;
    assert_eq!(latest(&*opened.readings, 1).await, Some(2_000));
}

async fn decisions_are_alone_and_about_what_exists(adapter: &mut dyn Adapter) {
    let store = with_series(adapter).await.readings;
    assert_eq!(refusal(&*store, vec![hidden(1, 0, 1, true), hidden(2, 0, 1, true)]).await, "not_alone");
    assert_eq!(refusal(&*store, vec![hidden(9, 0, 1, true)]).await, "unknown_series");
    assert_eq!(refusal(&*store, vec![Entry::DeviceDeleted(DeviceId(9))]).await, "unknown_device");
    assert_eq!(refusal(&*store, vec![merged(1, 9)]).await, "unknown_device");
    assert_eq!(refusal(&*store, vec![merged(9, 1)]).await, "unknown_device");
    assert_eq!(refusal(&*store, vec![merged(1, 1)]).await, "unknown_device");
    assert_eq!(refusal(&*store, vec![expired(&[1, 9], 5)]).await, "unknown_series");
    let many = Entry::Expired(ExpiryRecord { series: vec![SeriesId(1); 10_001], before: Timestamp::EPOCH });
    assert_eq!(refusal(&*store, vec![many]).await, "too_many_series");
    // Nothing of it was remembered.
    durable(&*store, numbers(1, &[(-5, 1.0)])).await;
    assert_eq!(all(&*store, 1).await, as_values(&[(-5, 1.0)]));
}
