//! What upkeep may take away, done by ingest, which alone decides about readings.

use async_trait::async_trait;
use ingest::{Ingest, RESTORABLE_MS};
use model::{SeriesId, Timestamp};
use upkeep::{Failed, HeldDevice, HeldSeries, Holdings};

/// The devices of this server.
pub struct Held(pub Ingest);

#[async_trait]
impl Holdings for Held {
    fn devices(&self) -> Vec<HeldDevice> {
        let held = |device: ingest::DeviceView| HeldDevice {
            key: device.record.key.as_str().to_owned(),
            series: device
                .metrics
                .iter()
                .map(|metric| HeldSeries { id: metric.record.id, floor: self.0.floor(metric.record.id) })
                .collect(),
            tags: device.document.tags,
        };
        self.0.devices().into_iter().map(held).collect()
    }

    fn deleted_wait(&self) -> bool {
        !self.0.deleted_devices().is_empty()
    }

    async fn expire(&self, series: Vec<SeriesId>, before: Timestamp) -> Result<(), Failed> {
        self.0.expire(series, before).await.map_err(|error| Failed(error.to_string()))
    }

    async fn purge(&self, now: Timestamp) -> Result<(), Failed> {
        for device in self.0.deleted_devices() {
            let deleted_at = Timestamp::saturating(device.document.deleted_at.unwrap_or(i64::MAX));
            if deleted_at.plus(RESTORABLE_MS) <= now {
                let key = device.record.key.as_str();
                self.0.purge_deleted(key).await.map_err(|error| Failed(error.to_string()))?;
            }
        }
        Ok(())
    }
}
