//! A device as the API shows it.

use model::{Reading, Timestamp, Unit};
use store::{DeviceRecord, SeriesRecord};
use windows::Calibrations;

use crate::document::DeviceDocument;
use crate::inventory::Device;

/// A device whose rhythm is not known yet is stale after so long a silence.
const UNKNOWN_RHYTHM_MS: i64 = 5 * 60 * 1000;
/// A device is stale after this many of its own intervals.
const INTERVALS_MISSED: i64 = 3;
/// No silence shorter than this is one, so that a burst does not make a device stale a moment later.
const PATIENCE_MIN_MS: i64 = 60_000;

/// Whether a device is heard from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It said that it is going, or its will was published.
    Offline,
    /// Silent for three of its usual intervals.
    Stale,
    /// Created, and never heard from.
    NeverSeen,
    /// Speaking as it usually does.
    Online,
}

impl Status {
    /// The word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Stale => "stale",
            Self::NeverSeen => "never_seen",
            Self::Online => "online",
        }
    }
}

/// A device as the API shows it.
#[derive(Clone, Debug)]
pub struct DeviceView {
    /// Its identity.
    pub record: DeviceRecord,
    /// What people said about it.
    pub document: DeviceDocument,
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

/// A series as the API shows it.
#[derive(Clone, Debug)]
pub struct MetricView {
    /// Its identity, unit and kind.
    pub record: SeriesRecord,
    /// Its newest reading, as it was sent.
    pub latest: Option<Reading>,
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

/// A device that sends batches is quiet between them, one that replays history sends it at once: the longer of the two
/// rhythms, of its readings and of its messages, is the one to wait for.
pub(crate) fn status(device: &Device, metrics: &[MetricView], now: Timestamp) -> Status {
    let Some(last_seen) = device.last_seen else { return Status::NeverSeen };
    if device.away {
        return Status::Offline;
    }
    let fastest = metrics.iter().filter_map(|metric| metric.interval_ms).min();
    let slowest = fastest.max(device.arrivals.interval_ms());
    let patience =
        slowest.map_or(UNKNOWN_RHYTHM_MS, |interval| (i64::from(interval) * INTERVALS_MISSED).max(PATIENCE_MIN_MS));
    if now.millis() - last_seen.millis() > patience { Status::Stale } else { Status::Online }
}
