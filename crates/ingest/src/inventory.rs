//! Every device and series by id, and what entries of the log do to them. Pure; the registry puts a lock around it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use model::{ById, DeviceId, DeviceKey, Flaw, Judgement, Reading, SeriesId, Timestamp, Value};
use store::{DeviceRecord, Entry, Gone, HiddenRecord, MergeRecord, Restored, SeriesRecord};

use crate::arrival::Arrival;
use crate::clients::{Clients, Trouble};
use crate::document::DeviceDocument;
use crate::health::{Change, Counters, DeviceHealth, SeriesHealth};
use crate::rhythm::Rhythm;
use crate::status::{AWAKE_MS, Session, Status};
use crate::view::{DeviceView, MetricView};

#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// Ids are given in order, so this is the order of appearance.
    devices: BTreeMap<DeviceId, Device>,
    by_key: HashMap<DeviceKey, DeviceId>,
    series: ById<SeriesId, Series>,
    pub(crate) clients: Clients,
}

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) record: DeviceRecord,
    pub(crate) document: DeviceDocument,
    pub(crate) version: u64,
    pub(crate) last_seen: Option<Timestamp>,
    pub(crate) arrivals: Rhythm,
    /// It said that it is going.
    pub(crate) away: bool,
    /// It said that it sleeps.
    pub(crate) asleep: bool,
    /// Another server heard it last.
    pub(crate) elsewhere: bool,
    /// A table brought it, since the server started.
    pub(crate) imported: bool,
    pub(crate) clock_bad: u64,
    pub(crate) health: DeviceHealth,
    pub(crate) series: Vec<SeriesId>,
}

#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) record: SeriesRecord,
    /// The newest that is not hidden.
    pub(crate) latest: Option<Reading>,
    pub(crate) rhythm: Rhythm,
    pub(crate) health: SeriesHealth,
    pub(crate) hidden: Gone,
    pub(crate) floor: Option<Timestamp>,
}

/// What a stored reading is the first of its series to show.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Noticed {
    /// The series stands still.
    pub(crate) freezes: bool,
    /// What a value is called whose type is not that of those before.
    pub(crate) new_type: Option<&'static str>,
}

/// What a decision about stored readings did to series.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// They exist no more, and no other took them in.
    pub(crate) gone: HashSet<SeriesId>,
    /// From, into.
    pub(crate) absorbed: Vec<(SeriesId, SeriesId)>,
    /// Only the store can tell their newest reading.
    pub(crate) uncertain: Vec<SeriesId>,
}

impl Series {
    fn follow(&mut self, reading: &Reading) {
        if self.latest.as_ref().is_some_and(|latest| latest.key > reading.key) || !self.shows(reading.key.time) {
            return;
        }
        if self.latest.as_ref().is_none_or(|latest| latest.value != reading.value) {
            self.health.same_since = Some(reading.key.time);
        }
        self.latest = Some(reading.clone());
    }

    /// It measured at that time, which teaches its rhythm.
    fn beat(&mut self, time: Timestamp) {
        if self.shows(time) {
            self.rhythm.beat(time);
        }
    }

    fn shows(&self, time: Timestamp) -> bool {
        self.floor.is_none_or(|floor| time >= floor) && !self.hidden.contains(time)
    }
}

impl Inventory {
    pub(crate) fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    pub(crate) fn series_len(&self) -> usize {
        self.series.len()
    }

    pub(crate) fn by_key(&self, key: &str) -> Option<&Device> {
        self.devices.get(self.by_key.get(key)?)
    }

    pub(crate) fn device(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(&id)
    }

    pub(crate) fn device_mut(&mut self, id: DeviceId) -> Option<&mut Device> {
        self.devices.get_mut(&id)
    }

    pub(crate) fn series(&self, id: SeriesId) -> Option<&Series> {
        self.series.get(&id)
    }

    pub(crate) fn all_series(&self) -> impl Iterator<Item = &Series> {
        self.series.values()
    }

    pub(crate) fn shows(&self, series: SeriesId, time: Timestamp) -> bool {
        self.series.get(&series).is_none_or(|series| series.shows(time))
    }

    /// Becomes what the store remembers: what it does not know any more goes, what it knows besides comes.
    pub(crate) fn take_over(&mut self, restored: &Restored) {
        let devices: HashSet<DeviceId> = restored.devices.iter().map(|record| record.id).collect();
        let series: HashSet<SeriesId> = restored.series.iter().map(|record| record.id).collect();
        let gone: Vec<DeviceId> = self.devices.keys().filter(|id| !devices.contains(id)).copied().collect();
        gone.into_iter().for_each(|id| self.remove_device(id));
        self.series.retain(|id, _| series.contains(id));
        for device in self.devices.values_mut() {
            device.series.retain(|id| series.contains(id));
        }
        for record in &restored.devices {
            if !self.devices.contains_key(&record.id) {
                self.add_device(record.clone());
            }
        }
        for record in &restored.series {
            self.describe(record.clone());
        }
        self.take_over_gone(restored);
        for (id, reading, received) in &restored.latest {
            self.newest(*id, reading);
            if let Some(device) = self.series.get(id).map(|series| series.record.device) {
                self.seen(device, *received);
            }
        }
        self.resume_counters();
    }

    /// Counters go on from those that the store has.
    fn resume_counters(&mut self) {
        for device in self.devices.values_mut() {
            let mut counters = Counters::default();
            for series in device.series.iter().filter_map(|id| self.series.get(id)) {
                if let Some(Value::Number(number)) = series.latest.as_ref().map(|latest| &latest.value) {
                    counters.note(series.record.metric.as_str(), *number);
                }
            }
            device.health.losses.resume(counters);
        }
    }

    fn take_over_gone(&mut self, restored: &Restored) {
        for series in self.series.values_mut() {
            (series.hidden, series.floor) = (Gone::default(), None);
        }
        for (id, hidden) in &restored.hidden {
            if let Some(series) = self.series.get_mut(id) {
                series.hidden = hidden.clone();
            }
        }
        for (id, floor) in &restored.floors {
            if let Some(series) = self.series.get_mut(id) {
                series.floor = Some(*floor);
            }
        }
        for series in self.series.values_mut() {
            let (hidden, floor) = (&series.hidden, series.floor);
            series.latest.take_if(|latest| {
                hidden.contains(latest.key.time) || floor.is_some_and(|floor| latest.key.time < floor)
            });
        }
    }

    /// Nothing changes for one that is known.
    pub(crate) fn add_device(&mut self, record: DeviceRecord) {
        if self.devices.contains_key(&record.id) {
            return;
        }
        self.by_key.insert(record.key.clone(), record.id);
        let device = Device {
            document: DeviceDocument::default(),
            version: 0,
            last_seen: None,
            arrivals: Rhythm::default(),
            away: false,
            asleep: false,
            elsewhere: false,
            imported: false,
            clock_bad: 0,
            health: DeviceHealth::default(),
            series: Vec::new(),
            record,
        };
        self.devices.insert(device.record.id, device);
    }

    fn remove_device(&mut self, id: DeviceId) {
        let Some(device) = self.devices.remove(&id) else { return };
        if let Some(client) = device.health.client.as_ref().filter(|_| device.health.of_broker) {
            self.clients.leaves(client);
        }
        if self.by_key.get(&device.record.key) == Some(&id) {
            self.by_key.remove(&device.record.key);
        }
    }

    /// Whether it is newer than what was known.
    pub(crate) fn set_document(&mut self, id: DeviceId, document: DeviceDocument, version: u64) -> bool {
        let Some(device) = self.device_mut(id).filter(|device| device.version < version) else { return false };
        device.document = document;
        device.version = version;
        true
    }

    /// A series exists, is known better than before, or has changed hands.
    pub(crate) fn describe(&mut self, record: SeriesRecord) {
        let before = self.series.get(&record.id).map(|known| known.record.device);
        if before != Some(record.device) {
            if let Some(device) = before.and_then(|before| self.devices.get_mut(&before)) {
                device.series.retain(|id| *id != record.id);
            }
            if let Some(device) = self.device_mut(record.device) {
                device.series.push(record.id);
            }
        }
        match self.series.get_mut(&record.id) {
            Some(known) => known.record = record,
            None => {
                let (hidden, rhythm, health) = (Gone::default(), Rhythm::default(), SeriesHealth::default());
                self.series.insert(record.id, Series { record, latest: None, rhythm, health, hidden, floor: None });
            }
        }
    }

    /// An equal key is a correction and takes the place; an older one never does.
    pub(crate) fn newest(&mut self, id: SeriesId, reading: &Reading) {
        let Some(series) = self.series.get_mut(&id) else { return };
        series.follow(reading);
        series.beat(reading.key.time);
    }

    /// A reading is stored.
    pub(crate) fn stored(&mut self, id: SeriesId, reading: &Reading) -> Noticed {
        if let Some(series) = self.series.get_mut(&id) {
            series.beat(reading.key.time);
        }
        self.stored_of_table(id, reading)
    }

    /// The same of a table, which says nothing about how often its device speaks.
    pub(crate) fn stored_of_table(&mut self, id: SeriesId, reading: &Reading) -> Noticed {
        let Some(series) = self.series.get_mut(&id) else { return Noticed::default() };
        let frozen = Judgement::Suspect(Flaw::Frozen);
        let freezes = reading.judgement == frozen && series.latest.as_ref().is_some_and(|it| it.judgement != frozen);
        let new_type = series.health.new_type(series.latest.as_ref().map(|latest| &latest.value), &reading.value);
        series.health.count(reading);
        series.follow(reading);
        if reading.judgement != Judgement::Good {
            let device = series.record.device;
            if let Some(device) = self.device_mut(device) {
                device.health.flawed(reading.judgement);
            }
        }
        Noticed { freezes, new_type }
    }

    /// A series goes on in the rhythm of the times before.
    pub(crate) fn resume_rhythm(&mut self, id: SeriesId, times: impl Iterator<Item = Timestamp>) {
        if let Some(series) = self.series.get_mut(&id) {
            series.rhythm.resume(times);
        }
    }

    pub(crate) fn set_latest(&mut self, id: SeriesId, latest: Option<Reading>) {
        if let Some(series) = self.series.get_mut(&id) {
            series.latest = latest;
        }
    }

    fn seen(&mut self, id: DeviceId, received: Timestamp) {
        if let Some(device) = self.device_mut(id) {
            device.last_seen = device.last_seen.max(Some(received));
            device.arrivals.beat(received);
        }
    }

    /// A message of a device is stored.
    pub(crate) fn arrived(&mut self, arrival: &Arrival) -> Change {
        let Some(device) = self.devices.get_mut(&arrival.device) else { return Change::default() };
        // An unread message that is read at last was sent long ago, by whoever that was.
        let newest = device.last_seen <= Some(arrival.received);
        device.last_seen = device.last_seen.max(Some(arrival.received));
        device.arrivals.beat(arrival.received);
        (device.away, device.asleep) = (false, false);
        device.clock_bad += u64::from(arrival.clock_bad);
        let change = device.health.note(arrival);
        if newest {
            device.elsewhere = arrival.elsewhere;
        }
        if newest && arrival.elsewhere {
            let before = device.health.client.take();
            if let Some(before) = before.filter(|_| std::mem::take(&mut device.health.of_broker)) {
                self.clients.leaves(&before);
            }
            return change;
        }
        let known = device.health.client.as_ref();
        if newest && known.is_none_or(|known| !Arc::ptr_eq(known, &arrival.client)) {
            let before = device.health.client.replace(Arc::clone(&arrival.client));
            let was_of_broker = std::mem::replace(&mut device.health.of_broker, arrival.of_broker);
            let before = before.filter(|_| was_of_broker);
            if arrival.of_broker {
                self.clients.speaks(arrival.device, &arrival.client, before.as_ref());
            } else if let Some(before) = before {
                self.clients.leaves(&before);
            }
        }
        change
    }

    /// The session of a device's own client.
    pub(crate) fn session_of(&self, device: &Device) -> Session {
        self.clients.session(device.health.client.as_ref().filter(|_| device.health.of_broker))
    }

    /// Told as online, and nothing has come or gone that could have changed it; spares a look at its series.
    pub(crate) fn surely_online(&self, device: &Device, now: Timestamp) -> bool {
        let heard = device.last_seen.is_some_and(|seen| now.millis() - seen.millis() <= AWAKE_MS);
        let said_nothing = !device.away && !matches!(self.session_of(device), Session::Lost(_));
        heard && said_nothing && device.health.told == Some(Status::Online)
    }

    /// What is wrong with the connections of the device's client.
    pub(crate) fn troubles(&self, device: &Device, now: Timestamp) -> Vec<Trouble> {
        self.clients.troubles(device.health.client.as_ref().filter(|_| device.health.of_broker), now)
    }

    /// Does what an entry that is alone in its batch does.
    pub(crate) fn decide(&mut self, entry: &Entry) -> Followed {
        match entry {
            Entry::Hidden(record) => self.hide(*record),
            Entry::DeviceDeleted(device) => self.delete(*device),
            Entry::DeviceMerged(merge) => self.merge(*merge),
            Entry::Expired(record) => {
                for id in &record.series {
                    let Some(series) = self.series.get_mut(id) else { continue };
                    let floor = series.floor.max(Some(record.before));
                    series.floor = floor;
                    // What is shown is the newest of all that is not hidden: older ones have expired with it.
                    series.latest.take_if(|latest| Some(latest.key.time) < floor);
                }
                Followed::default()
            }
            Entry::Device(_)
            | Entry::Series(_)
            | Entry::Message(_)
            | Entry::Unread(_)
            | Entry::UnreadDone(_)
            | Entry::Book(_) => Followed::default(),
        }
    }

    fn hide(&mut self, record: HiddenRecord) -> Followed {
        if let Some(series) = self.series.get_mut(&record.series) {
            if record.hidden { series.hidden.add(record.range) } else { series.hidden.remove(record.range) }
        }
        Followed { uncertain: vec![record.series], ..Followed::default() }
    }

    fn delete(&mut self, id: DeviceId) -> Followed {
        let gone: HashSet<SeriesId> = self.devices.get(&id).into_iter().flat_map(|it| &it.series).copied().collect();
        self.series.retain(|id, _| !gone.contains(id));
        self.remove_device(id);
        Followed { gone, ..Followed::default() }
    }

    fn merge(&mut self, merge: MergeRecord) -> Followed {
        let mut followed = Followed::default();
        let Some(from) = self.devices.get(&merge.from) else { return followed };
        let (of_from, last_seen, clock_bad) = (from.series.clone(), from.last_seen, from.clock_bad);
        for id in of_from {
            let Some(record) = self.series.get(&id).map(|series| series.record.clone()) else { continue };
            match self.metric(merge.into, record.metric.as_str()) {
                None => self.describe(SeriesRecord { device: merge.into, ..record }),
                Some(into) => {
                    followed.absorbed.push((id, into));
                    followed.uncertain.push(into);
                    self.absorb(id, into);
                }
            }
        }
        self.remove_device(merge.from);
        if let Some(into) = self.device_mut(merge.into) {
            into.last_seen = into.last_seen.max(last_seen);
            into.clock_bad += clock_bad;
        }
        followed
    }

    fn absorb(&mut self, from: SeriesId, into: SeriesId) {
        let Some(from) = self.series.remove(&from) else { return };
        if let Some(into) = self.series.get_mut(&into) {
            into.hidden.extend(&from.hidden);
            into.floor = into.floor.max(from.floor);
        }
    }

    fn metric(&self, device: DeviceId, metric: &str) -> Option<SeriesId> {
        let series = self.devices.get(&device)?.series.iter();
        let mut series = series.filter_map(|id| self.series.get(id)).map(|series| &series.record);
        series.find(|record| record.metric.as_str() == metric).map(|record| record.id)
    }

    pub(crate) fn view(&self, device: &Device, now: Timestamp) -> DeviceView {
        let metrics: Vec<MetricView> = device
            .series
            .iter()
            .filter_map(|id| self.series.get(id))
            .map(|series| MetricView {
                record: series.record.clone(),
                latest: series.latest.clone(),
                stale: false,
                interval_ms: series.rhythm.interval_ms(),
                calibrations: device.document.calibrated(series.record.metric.as_str()),
            })
            .collect();
        DeviceView {
            record: device.record.clone(),
            document: device.document.clone(),
            told: None,
            version: device.version,
            status: self.signs(device).status(now),
            last_seen: device.last_seen,
            clock_bad: device.clock_bad,
            metrics,
        }
    }
}
