//! What a policy would take away now.

use model::{TimeRange, Timestamp};
use store::{Order, Readings, StoreError};

use crate::policy::Policy;
use crate::upkeep::{HeldDevice, floor_of};

/// What would go, by device and in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Devices of which something would go.
    pub devices: Vec<DevicePreview>,
    /// Readings in all.
    pub readings: u64,
    /// Bytes in all, estimated.
    pub bytes: u64,
}

/// What would go of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePreview {
    /// Which.
    pub key: String,
    /// For how many days its readings would be kept.
    pub days: u32,
    /// How many readings would go.
    pub readings: u64,
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
    /// Estimated by what a reading takes on the average.
    pub bytes: u64,
}

impl Preview {
    pub(crate) async fn of(
        policy: &Policy,
        devices: &[HeldDevice],
        store: &dyn Readings,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let stats = store.stats();
        let bytes_of = |readings: u64| {
            if stats.readings == 0 {
                // The store does not count them, so nobody knows what one takes.
                return 0;
            }
            let bytes = u128::from(readings) * u128::from(stats.disk_bytes) / u128::from(stats.readings.max(1));
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        let mut preview = Self::default();
        for device in devices {
            let Some(days) = policy.days_for(&device.key, &device.tags) else { continue };
            let range = TimeRange { from: TimeRange::ALL.from, to: floor_of(now, days) };
            let mut found: Option<DevicePreview> = None;
            for series in device.series.iter().map(|series| series.id) {
                let Some((readings, first, last)) = counted(store, series, range).await? else { continue };
                let whole = found.get_or_insert_with(|| DevicePreview {
                    key: device.key.clone(),
                    days,
                    readings: 0,
                    first,
                    last,
                    bytes: 0,
                });
                whole.readings += readings;
                (whole.first, whole.last) = (whole.first.min(first), whole.last.max(last));
            }
            if let Some(mut found) = found {
                found.bytes = bytes_of(found.readings);
                preview.readings += found.readings;
                preview.bytes += found.bytes;
                preview.devices.push(found);
            }
        }
        Ok(preview)
    }
}

async fn counted(
    store: &dyn Readings,
    series: model::SeriesId,
    range: TimeRange,
) -> Result<Option<(u64, Timestamp, Timestamp)>, StoreError> {
    let edge = |order| store.read(series, range, order, None, 1);
    let found = match edge(Order::Ascending).await {
        Ok(first) => (first, edge(Order::Descending).await?),
        // Its device was deleted meanwhile.
        Err(StoreError::UnknownSeries(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let (Some(first), Some(last)) = (found.0.first(), found.1.first()) else { return Ok(None) };
    Ok(Some((store.count(series, range).await?, first.key.time, last.key.time)))
}
