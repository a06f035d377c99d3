//! A device as the API shows it.

use std::sync::Arc;

use model::{Reading, Timestamp, Unit};
use store::{DeviceRecord, SeriesRecord};
use windows::Calibrations;

use crate::announcements::DeviceTold;
use crate::document::DeviceDocument;
use crate::status::Status;

/// A device as the API shows it.
#[derive(Clone, Debug)]
pub struct DeviceView {
    /// Its identity.
    pub record: DeviceRecord,
    /// What people said about it.
    pub document: DeviceDocument,
    /// What was announced about it.
    pub told: Option<Arc<DeviceTold>>,
    /// Which change of the document this is; 0 before the first.
    pub version: u64,
    /// Whether it is heard from.
    pub status: Status,
    /// Server time of its last stored message.
    pub last_seen: Option<Timestamp>,
    /// Messages since start whose time was not believed.
    pub clock_bad: u64,
    /// Its series, in order of appearance.
    pub metrics: Vec<MetricView>,
}

impl DeviceView {
    /// What people call it, else what it calls itself, else its key.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        let told = || self.told.as_ref()?.name.as_deref();
        self.document.name.as_deref().or_else(told).unwrap_or(self.record.key.as_str())
    }
}

/// A series as the API shows it.
#[derive(Clone, Debug)]
pub struct MetricView {
    /// Its identity, unit and kind.
    pub record: SeriesRecord,
    /// Its newest reading, as it was sent.
    pub latest: Option<Reading>,
    /// Its newest reading is older than it was announced to hold.
    pub stale: bool,
    /// Its usual spacing, once known.
    pub interval_ms: Option<u32>,
    /// What makes values of what was sent.
    pub calibrations: Calibrations,
}

impl MetricView {
    /// Its newest reading, calibrated.
    #[must_use]
    pub fn calibrated_latest(&self) -> Option<Reading> {
        let mut latest = self.latest.clone();
        if let Some(reading) = &mut latest {
            self.calibrations.reading(self.record.kind, reading);
        }
        latest
    }

    /// Whether its values can be converted to `unit`.
    #[must_use]
    pub fn shows_in(&self, unit: &Unit) -> bool {
        self.record.unit.as_ref().is_some_and(|own| decode::convert(1.0, own, unit).is_some())
    }

    /// Scale and offset that make values in `unit` of its own.
    #[must_use]
    pub fn conversion(&self, unit: &Unit) -> Option<(f64, f64)> {
        /// Far enough from 0 for the scale to be seen beside an offset.
        const FAR: f64 = 1000.0;
        let own = self.record.unit.as_ref()?;
        let offset = decode::convert(0.0, own, unit)?;
        Some(((decode::convert(FAR, own, unit)? - offset) / FAR, offset))
    }
}
