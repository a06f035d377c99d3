//! `--demo`: two devices that publish over real MQTT, like any other.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use api::DemoControl;
use clock::Clock;
use ingest::{DeviceDocument, DeviceError, Ingest, NewDevice};
use model::{DeviceKey, Timestamp};
use simulator::{computer, office_room};
use tokio::sync::watch;

/// Publishes until it is told to stop.
pub struct Demo {
    ingest: Ingest,
    mqtt: io::Result<SocketAddr>,
    clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
}

struct Shown {
    key: &'static str,
    name: &'static str,
    badge: Option<ingest::Demo>,
}

fn shown() -> [Shown; 2] {
    let badge = |badge: &str, source: &str, licence: &str| {
        Some(ingest::Demo { badge: badge.into(), source: source.into(), licence: licence.into() })
    };
    [
        Shown {
            key: office_room::TOPIC,
            name: "Office room, replay",
            badge: badge(
                "replay of 2015 data",
                "Occupancy Detection, L. Candanedo and V. Feldheim, Energy and Buildings 112 (2016) 28–39, \
                 UCI Machine Learning Repository",
                "CC BY 4.0",
            ),
        },
        Shown {
            key: computer::TOPIC,
            name: "This computer",
            badge: badge("measured here, every second", "the computer that Sensorium runs on", "yours"),
        },
    ]
}

impl Demo {
    pub fn new(ingest: Ingest, mqtt: io::Result<SocketAddr>, clock: Arc<dyn Clock>) -> Self {
        Self { ingest, mqtt, clock, stop: watch::Sender::new(false) }
    }

    /// Makes the two devices, then publishes for them until the server or a person stops the demonstration.
    pub async fn run(self: Arc<Self>, mut listening: watch::Receiver<bool>) {
        let Ok(mqtt) = self.mqtt.as_ref().copied() else { return };
        for device in shown() {
            if let Err(error) = self.introduce(device).await {
                tracing::error!(%error, "a demonstration device could not be made");
                return;
            }
        }
        if self.hidden() {
            self.stop.send_replace(true);
        }
        let since = self.last_replayed();
        let office = office_room::office_room(mqtt, Arc::clone(&self.clock), since, self.stop.subscribe());
        let computer = computer::this_computer(mqtt, self.stop.subscribe());
        tokio::select! {
            (replayed, ()) = async { tokio::join!(office, computer) } => {
                if let Err(error) = replayed {
                    tracing::error!(%error, "the replay ended");
                }
            }
            _ = listening.wait_for(|stop| *stop) => {}
        }
    }

    /// A person hid the demonstration in an earlier run: it stays hidden and silent.
    fn hidden(&self) -> bool {
        shown().iter().all(|device| self.ingest.device(device.key).is_some_and(|found| found.document.hidden))
    }

    async fn introduce(&self, device: Shown) -> Result<(), DeviceError> {
        let Ok(key) = DeviceKey::parse(device.key) else { return Ok(()) };
        let document = DeviceDocument {
            name: Some(device.name.into()),
            accepted: true,
            demo: device.badge,
            ..DeviceDocument::default()
        };
        if self.ingest.ignores(device.key) {
            return Ok(());
        }
        match self.ingest.create_device(NewDevice { key, document }).await {
            Ok(_) | Err(DeviceError::Exists(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The time of the newest row that is stored already: replaying goes on behind it.
    fn last_replayed(&self) -> Option<Timestamp> {
        let office = self.ingest.device(office_room::TOPIC)?;
        office.metrics.iter().filter_map(|metric| metric.latest.as_ref()).map(|reading| reading.key.time).max()
    }
}

impl DemoControl for Demo {
    fn running(&self) -> bool {
        !*self.stop.borrow()
    }

    fn devices(&self) -> Vec<String> {
        shown().iter().map(|device| device.key.to_owned()).collect()
    }

    fn stop(&self) {
        self.stop.send_replace(true);
    }
}
