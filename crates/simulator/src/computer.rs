//! *This computer* as a device: load, memory, time since it was started and, where it can be read, the temperature of
//! its processor, every second. Real values only; what cannot be read is left out.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use sysinfo::{Components, MemoryRefreshKind, System};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::client::{ClientError, Connection, Message, PacketIds};

/// Where it is published; the device is called the same.
pub const TOPIC: &str = "demo/this-computer";
/// How often.
pub const EVERY: Duration = Duration::from_secs(1);

const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// What is known at one moment, under names that declare the units. Without a time: the server's clock is this computer's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Moment {
    /// Processes that run or want to, averaged over the last minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Share of the memory in use, in %.
    #[serde(rename = "memory_pct", skip_serializing_if = "Option::is_none")]
    pub memory: Option<f64>,
    /// The hottest sensor of the processor, in °C.
    #[serde(rename = "cpu_temperature_c", skip_serializing_if = "Option::is_none")]
    pub cpu_temperature: Option<f64>,
}

/// The sensors of this machine that can be read, kept open between two looks.
#[derive(Debug)]
pub struct Sensors {
    system: Option<System>,
    components: Option<Components>,
}

impl Default for Sensors {
    fn default() -> Self {
        Self { system: System::new().ok(), components: Components::new_with_refreshed_list().ok() }
    }
}

impl Sensors {
    /// Reads all of them now.
    pub fn look(&mut self) -> Moment {
        Moment {
            load: System::load_average().ok().map(|load| load.one),
            memory: self.memory(),
            cpu_temperature: self.cpu_temperature(),
        }
    }

    fn memory(&mut self) -> Option<f64> {
        let system = self.system.as_mut()?;
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        (system.total_memory() > 0).then(|| hundredths(percent(system.used_memory(), system.total_memory())))
    }

    fn cpu_temperature(&mut self) -> Option<f64> {
        let is_cpu = |label: &str| {
            let label = label.to_lowercase();
            ["cpu", "core", "package", "tctl", "k10temp", "soc"].iter().any(|word| label.contains(word))
        };
        let components = self.components.as_mut()?;
        components.refresh(false);
        let readable = components.iter().filter(|component| is_cpu(component.label()));
        let degrees = readable.filter_map(sysinfo::Component::temperature).filter(|degrees| degrees.is_finite());
        degrees.reduce(f32::max).map(|degrees| hundredths(f64::from(degrees)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of memory needs no 53 bits")]
fn percent(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64 * 100.0
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// Publishes a [`Moment`] every second until `stop` turns true or its sender is gone. A second without a connection is a gap:
/// nothing is sent later, because a moment without a time would be taken for a new one.
/// A broken connection is opened again after a second.
pub async fn this_computer(mqtt: SocketAddr, mut stop: watch::Receiver<bool>) {
    let mut sensors = Sensors::default();
    while !*stop.borrow() {
        tokio::select! {
            _broken = watch_over(mqtt, &mut sensors) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        tokio::select! {
            () = tokio::time::sleep(RECONNECT_AFTER) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

async fn watch_over(mqtt: SocketAddr, sensors: &mut Sensors) -> Result<std::convert::Infallible, ClientError> {
    let mut connection = Connection::open(mqtt, "demo-this-computer").await?;
    let mut ids = PacketIds::default();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let moment = sensors.look();
        if moment == Moment::default() {
            continue;
        }
        // A struct of numbers always has a JSON form; an empty message would show as unread.
        let payload = serde_json::to_vec(&moment).unwrap_or_default();
        connection.push(Message::qos1(ids.take(), TOPIC, payload))?;
        connection.flush().await?;
        connection.acks().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_load_and_some_memory_in_use() {
        let moment = Sensors::default().look();
        assert!(moment.load.unwrap() >= 0.0);
        assert!((0.1..=100.0).contains(&moment.memory.unwrap()));
    }
}
