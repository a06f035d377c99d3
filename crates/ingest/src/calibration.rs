//! Calibrations of metrics: kept in the device's document, applied by whoever reads. What is stored stays raw.

use model::{Kind, Timestamp};
use store::SeriesRecord;
use windows::{Calibrations, Line};

use crate::Ingest;
use crate::devices::{DeviceError, to_its_end};
use crate::document::{Calibration, DeviceDocument};
use crate::view::DeviceView;

/// Calibrations of one metric; a longer list is refused as `too_many_calibrations`.
pub const CALIBRATIONS_MAX: usize = 64;
/// Scales are 1e-9 to 1e9, with either sign; others are refused as `calibration_invalid`.
pub const SCALE_MAX: f64 = 1e9;
/// Offsets are -1e12 to 1e12; others are refused as `calibration_invalid`.
pub const OFFSET_MAX: f64 = 1e12;

impl Ingest {
    /// Puts other calibrations in the place of a metric's own; an empty list takes them all back. With `expected` only if the
    /// device is still at that version. They hold for every answer from now on, also of what is stored already.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`], [`DeviceError::UnknownMetric`], [`DeviceError::Calibration`], [`DeviceError::Conflict`], or
    /// the catalogue failed.
    pub async fn set_calibrations(
        &self,
        key: &str,
        metric: &str,
        expected: Option<u64>,
        list: Vec<Calibration>,
    ) -> Result<DeviceView, DeviceError> {
        let (this, key, metric) = (self.clone(), key.to_owned(), metric.to_owned());
        to_its_end(async move {
            let _turn = this.changes.lock().await;
            if this.device(&key).is_none() {
                return Err(DeviceError::Unknown(key));
            }
            this.write_checked(&key, expected, |device| replace(device, &metric, list)).await
        })
        .await
    }

    /// How values of a series are calibrated now.
    #[must_use]
    pub fn calibrations(&self, series: &SeriesRecord) -> Calibrations {
        self.shared.registry.calibrations(series)
    }
}

fn replace(device: &mut DeviceView, metric: &str, mut list: Vec<Calibration>) -> Result<(), DeviceError> {
    let known = device.metrics.iter().find(|known| known.record.metric.as_str() == metric);
    let Some(known) = known else {
        let device = device.record.key.as_str().to_owned();
        return Err(DeviceError::UnknownMetric { device, metric: metric.to_owned() });
    };
    check(known.record.kind, &mut list)?;
    let calibrations = &mut device.document.calibrations;
    if list.is_empty() {
        calibrations.remove(metric);
    } else {
        calibrations.insert(metric.to_owned(), list);
    }
    Ok(())
}

/// Puts a list in order, or says what is wrong with it.
fn check(kind: Kind, list: &mut [Calibration]) -> Result<(), DeviceError> {
    let refuse = |code, detail| Err(DeviceError::Calibration { code, detail });
    if list.len() > CALIBRATIONS_MAX {
        let detail = format!("a metric can have {CALIBRATIONS_MAX} calibrations, not {}", list.len());
        return refuse("too_many_calibrations", detail);
    }
    let total = match kind {
        Kind::State | Kind::Text if !list.is_empty() => {
            return refuse("not_calibratable", format!("a {} cannot be calibrated", kind.as_str()));
        }
        Kind::Measurement | Kind::Angle | Kind::State | Kind::Text => false,
        Kind::Total | Kind::TotalIncreasing => true,
    };
    list.sort_by_key(|calibration| calibration.from);
    for (index, Calibration { scale, offset, .. }) in list.iter().enumerate() {
        let detail = if !(1.0 / SCALE_MAX..=SCALE_MAX).contains(&scale.abs()) {
            format!("a scale is {} to {SCALE_MAX} with either sign, not {scale}", 1.0 / SCALE_MAX)
        } else if !(-OFFSET_MAX..=OFFSET_MAX).contains(offset) {
            format!("an offset is -{OFFSET_MAX} to {OFFSET_MAX}, not {offset}")
        } else if total && (*scale < 0.0 || *offset != 0.0) {
            String::from("a total can only be scaled by a number above 0: it has no offset")
        } else {
            continue;
        };
        return refuse("calibration_invalid", format!("items[{index}] in order of time: {detail}"));
    }
    if list.windows(2).any(|pair| pair[0].from == pair[1].from) {
        return refuse("calibration_invalid", String::from("two calibrations begin at the same time"));
    }
    Ok(())
}

impl DeviceDocument {
    /// How values of one of its metrics are calibrated.
    pub(crate) fn calibrated(&self, metric: &str) -> Calibrations {
        let line = |it: &Calibration| {
            let from = it.from.map_or(Timestamp::MIN, Timestamp::saturating);
            (from, Line { scale: it.scale, offset: it.offset })
        };
        self.calibrations.get(metric).into_iter().flatten().map(line).collect()
    }
}

/// Series that become one are calibrated alike, or values that were seen would change.
pub(crate) fn check_merge(from: &DeviceView, into: &DeviceView) -> Result<(), DeviceError> {
    for metric in from.metrics.iter().map(|metric| metric.record.metric.as_str()) {
        let both = into.metrics.iter().any(|other| other.record.metric.as_str() == metric);
        if both && from.document.calibrated(metric) != into.document.calibrated(metric) {
            return Err(DeviceError::CalibrationsDiffer {
                metric: metric.to_owned(),
                from: from.record.key.clone(),
                into: into.record.key.clone(),
            });
        }
    }
    Ok(())
}
