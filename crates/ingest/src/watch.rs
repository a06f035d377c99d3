//! The part of the registry that tells events: what a batch, a session or a silence changed about a device.

use std::sync::Arc;

use model::{DeviceId, DeviceKey, SeriesId, Timestamp};
use source::Parting;

use crate::clients::Trouble;
use crate::draft::Effects;
use crate::events::{Event, EventCode};
use crate::health::{Change, HealthView, span};
use crate::inventory::{Device, Inventory};
use crate::registry::Registry;
use crate::status::Status;

impl Registry {
    /// Counts what a durable batch says about the health of devices.
    pub(crate) fn count(&self, inventory: &mut Inventory, effects: &Effects) {
        let received = effects.arrivals.last().map_or(Timestamp::MIN, |arrival| arrival.received);
        for (place, entry) in effects.readings.iter().enumerate() {
            let of_table = effects.of_tables.iter().any(|places| places.contains(&place));
            let noticed = if of_table {
                inventory.stored_of_table(entry.series, &entry.reading)
            } else {
                inventory.stored(entry.series, &entry.reading)
            };
            if !noticed.freezes && noticed.new_type.is_none() {
                continue;
            }
            let Some(series) = inventory.series(entry.series) else { continue };
            let (device, metric) = (series.record.device, series.record.metric.clone());
            if noticed.freezes {
                let sentence = format!("{metric} stands still while others of the device move.");
                self.tell(inventory, device, received, EventCode::Frozen, sentence);
            }
            if let Some(word) = noticed.new_type {
                let sentence = format!("{metric} came as {word} for the first time; what came before stays as it is.");
                self.tell(inventory, device, received, EventCode::TypeChanged, sentence);
            }
        }
        for arrival in &effects.arrivals {
            let change = inventory.arrived(arrival);
            if change != Change::default() {
                self.changed_by(inventory, arrival.device, arrival.received, arrival.offset_ms, change);
            }
        }
        for id in &effects.repeated {
            if let Some(device) = inventory.device_mut(*id) {
                device.health.duplicates += 1;
            }
        }
    }

    fn changed_by(
        &self,
        inventory: &Inventory,
        device: DeviceId,
        time: Timestamp,
        offset_ms: Option<i64>,
        change: Change,
    ) {
        if change.restarted {
            self.tell(inventory, device, time, EventCode::Restarted, "It started anew.".to_owned());
        }
        match change.clock {
            Some(true) => {
                self.tell(inventory, device, time, EventCode::ClockGood, "Its time is believed again.".to_owned());
            }
            Some(false) => {
                let offset = offset_ms.unwrap_or_default();
                let side = if offset > 0 { "ahead" } else { "behind" };
                let sentence = format!("Its clock is {} {side}: the time of arrival counts instead.", span(offset));
                self.tell(inventory, device, time, EventCode::ClockBad, sentence);
            }
            None => {}
        }
    }

    /// Something happened to a device.
    pub(crate) fn tell(
        &self,
        inventory: &Inventory,
        device: DeviceId,
        time: Timestamp,
        code: EventCode,
        sentence: String,
    ) {
        if let Some(device) = inventory.device(device) {
            let event = Event { time, code, device: Some(device.record.key.clone()), sentence };
            if device.elsewhere { self.events.push_of_another(event) } else { self.events.push(event) }
        }
    }

    /// Looks at every device; a status that changed is an event, unless it is the first one seen after the start.
    pub(crate) fn sweep(&self, now: Timestamp, telling: bool) {
        let changed: Vec<(DeviceId, Status)> = {
            let inventory = self.read();
            let status = |device: &Device| (device.record.id, inventory.signs(device).status(now), device.health.told);
            let all = inventory.devices().filter(|device| !inventory.surely_online(device, now)).map(status);
            all.filter(|(_, status, told)| *told != Some(*status)).map(|(id, status, _)| (id, status)).collect()
        };
        if changed.is_empty() {
            return;
        }
        let mut inventory = self.write();
        for (id, status) in changed {
            let Some(device) = inventory.device_mut(id) else { continue };
            let before = device.health.told.replace(status);
            let silent = device.last_seen.map_or_else(String::new, |seen| span(now.millis() - seen.millis()));
            let event = match (before, status) {
                (
                    None | Some(Status::NeverSeen | Status::Online | Status::Sleeping),
                    Status::Online | Status::Sleeping,
                ) => None,
                (_, Status::NeverSeen) | (None, Status::Stale) => None,
                (Some(_), Status::Online | Status::Sleeping) => {
                    Some((EventCode::Online, "It speaks again.".to_owned()))
                }
                (Some(_), Status::Stale) => Some((EventCode::Stale, format!("It has been silent for {silent}."))),
                (_, Status::Offline) if device.away => {
                    Some((EventCode::Offline, "It said that it is going.".to_owned()))
                }
                (_, Status::Offline) => Some((EventCode::Offline, "Its connection was lost.".to_owned())),
            };
            if let Some((code, sentence)) = event.filter(|_| telling) {
                self.tell(&inventory, id, now, code, sentence);
            }
        }
        drop(inventory);
        self.changed();
    }

    /// A person put other hardware in the place of a device's.
    pub(crate) fn hardware_replaced(&self, key: &DeviceKey, now: Timestamp) {
        let (code, sentence) = (EventCode::HardwareReplaced, "Its hardware was replaced.".to_owned());
        self.events.push(Event { time: now, code, device: Some(key.clone()), sentence });
    }

    /// A session of the broker began.
    pub(crate) fn client_came(&self, client: &Arc<str>, number: u64, now: Timestamp) {
        let mut inventory = self.write();
        let Some((trouble, device)) = inventory.clients.came(client, number, now) else { return };
        let device = device.and_then(|device| inventory.device(device)).map(|device| device.record.key.clone());
        let (code, sentence) = match trouble {
            Trouble::Conflict => {
                (EventCode::ClientConflict, format!("Two connections fight for the client id {client:?}."))
            }
            Trouble::Flapping => {
                (EventCode::Flapping, format!("The connection of {client:?} is lost and made again every few seconds."))
            }
        };
        self.events.push(Event { time: now, code, device, sentence });
    }

    /// Whether a client of the broker has a session that is open.
    pub(crate) fn is_connected(&self, client: &str) -> bool {
        self.read().clients.is_connected(client)
    }

    /// A session of the broker ended.
    pub(crate) fn client_went(&self, client: &Arc<str>, number: u64, parting: Parting, now: Timestamp) {
        self.write().clients.went(client, number, parting, now);
    }

    pub(crate) fn health(&self, key: &str, now: Timestamp) -> Option<HealthView> {
        let inventory = self.read();
        let device = inventory.by_key(key).filter(|device| device.document.deleted_at.is_none())?;
        Some(inventory.health(device, now))
    }

    /// Series that have a reading, the latest heard first, at most `limit`.
    pub(crate) fn heard_before(&self, limit: usize) -> Vec<SeriesId> {
        let inventory = self.read();
        let mut heard: Vec<(Timestamp, SeriesId)> = inventory
            .all_series()
            .filter_map(|series| Some((series.latest.as_ref()?.key.time, series.record.id)))
            .collect();
        heard.sort_unstable_by(|a, b| b.cmp(a));
        heard.into_iter().take(limit).map(|(_, id)| id).collect()
    }

    pub(crate) fn resume_rhythm(&self, id: SeriesId, times: impl Iterator<Item = Timestamp>) {
        self.write().resume_rhythm(id, times);
    }
}
