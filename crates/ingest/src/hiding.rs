//! Ranges of readings hidden and shown again by people, and retention floors set by upkeep.

use model::{SeriesId, TimeRange, Timestamp};
use store::{Entry, ExpiryRecord, HIDDEN_RANGES_MAX, HiddenRecord};

use crate::Ingest;
use crate::devices::{DeviceError, to_its_end};

/// So often an expiry is tried while other servers take series away. Then it fails, and upkeep tries it again later.
const TURNS_MAX: usize = 5;

/// Hidden readings of one series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenRange {
    /// Whose.
    pub device: String,
    /// Which metric.
    pub metric: String,
    /// Which times.
    pub range: TimeRange,
}

impl Ingest {
    /// Hides a range of readings, or shows it again; durable and followed everywhere when this returns.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`], [`DeviceError::UnknownMetric`], a limit, or nothing can be stored.
    pub async fn hide(&self, device: &str, metric: &str, range: TimeRange, hidden: bool) -> Result<(), DeviceError> {
        let Some(series) = self.series(device, metric) else {
            let (device, metric) = (device.to_owned(), metric.to_owned());
            return Err(match self.device(&device) {
                Some(_) => DeviceError::UnknownMetric { device, metric },
                None => DeviceError::Unknown(device),
            });
        };
        let this = self.clone();
        to_its_end(async move {
            let _turn = this.changes.lock().await;
            let mut after = this.shared.registry.hidden(series.id);
            if hidden {
                after.add(range);
            } else {
                after.remove(range);
            }
            if after.ranges().len() > HIDDEN_RANGES_MAX {
                let detail = format!("a series can have {HIDDEN_RANGES_MAX} separate hidden ranges");
                return Err(DeviceError::Limit { code: "too_many_hidden", detail });
            }
            this.decide(Entry::Hidden(HiddenRecord { series: series.id, range, hidden })).await
        })
        .await
    }

    /// What is hidden, of one device or metric or of all.
    #[must_use]
    pub fn hidden(&self, device: Option<&str>, metric: Option<&str>) -> Vec<HiddenRange> {
        let mut ranges = Vec::new();
        for view in self.devices() {
            if device.is_some_and(|device| device != view.record.key.as_str()) {
                continue;
            }
            for series in view.metrics.iter().map(|metric| &metric.record) {
                if metric.is_some_and(|metric| metric != series.metric.as_str()) {
                    continue;
                }
                let (device, metric) = (view.record.key.as_str(), series.metric.as_str());
                ranges.extend(self.shared.registry.hidden(series.id).ranges().iter().map(|range| HiddenRange {
                    device: device.to_owned(),
                    metric: metric.to_owned(),
                    range: *range,
                }));
            }
        }
        ranges
    }

    /// Takes away what is older than `before` of series, at most [`store::EXPIRY_SERIES_MAX`] of them.
    ///
    /// # Errors
    /// Nothing can be stored.
    pub async fn expire(&self, series: Vec<SeriesId>, before: Timestamp) -> Result<(), DeviceError> {
        let this = self.clone();
        to_its_end(async move {
            let _turn = this.changes.lock().await;
            let mut series = series;
            for turn in 1.. {
                // With its turn nobody can take away another one meanwhile, but on another server.
                series.retain(|series| this.shared.registry.exists(*series));
                if series.is_empty() {
                    break;
                }
                match this.decide(Entry::Expired(ExpiryRecord { series: series.clone(), before })).await {
                    // The next turn begins with what the other one did.
                    Err(DeviceError::Overtaken) if turn < TURNS_MAX => {}
                    decided => return decided,
                }
            }
            Ok(())
        })
        .await
    }

    /// The retention floor of a series.
    #[must_use]
    pub fn floor(&self, series: SeriesId) -> Option<Timestamp> {
        self.shared.registry.floor(series)
    }
}
