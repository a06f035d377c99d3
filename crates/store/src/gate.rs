//! Checks batches before they are written, in the order in which they will be. What an accepted batch introduces is known
//! to the next one, although it is not durable yet: batches take effect in order or not at all.

use std::collections::{HashMap, HashSet};

use model::{ById, DeviceId, MetricName, SeriesId};

use crate::{EXPIRY_SERIES_MAX, Entry, Gone, HIDDEN_RANGES_MAX, HiddenRecord, MergeRecord, State};

/// Why a batch cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Readings of a series that no entry introduced, or that is gone.
    UnknownSeries,
    /// Something about a device that no entry introduced, or that is gone; or a device to be merged with itself.
    UnknownDevice,
    /// Another entry beside one that has to be alone in its batch.
    NotAlone,
    /// One more hidden range than a series may have.
    TooManyHidden,
    /// An expiry of more series than one entry may name.
    TooManySeries,
}

impl Refusal {
    /// The word in [`crate::CommitOutcome::NotStored`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownSeries => "unknown_series",
            Self::UnknownDevice => "unknown_device",
            Self::NotAlone => "not_alone",
            Self::TooManyHidden => "too_many_hidden",
            Self::TooManySeries => "too_many_series",
        }
    }
}

/// Knows which devices and series there will be.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    devices: HashSet<DeviceId>,
    series: ById<SeriesId, (DeviceId, MetricName)>,
    hidden: ById<SeriesId, Gone>,
}

impl Gate {
    /// Knows what `state` knows.
    #[must_use]
    pub fn behind(state: &State) -> Self {
        let series = state.series().values().map(|series| (series.id, (series.device, series.metric.clone())));
        let hidden = state.hidden().iter().map(|(series, gone)| (*series, gone.clone()));
        Self { devices: state.devices().keys().copied().collect(), series: series.collect(), hidden: hidden.collect() }
    }

    /// Lets a batch through, or says why not; then nothing of it is remembered.
    ///
    /// # Errors
    /// It refers to something that was never introduced or is gone, or breaks a rule of its entry.
    pub fn admit(&mut self, entries: &[Entry]) -> Result<(), Refusal> {
        if entries.iter().any(Entry::is_alone) {
            return match entries {
                [alone] => self.admit_alone(alone),
                _ => Err(Refusal::NotAlone),
            };
        }
        let (mut devices, mut series) = (Vec::new(), Vec::new());
        let refusal = entries.iter().find_map(|entry| match entry {
            Entry::Device(device) => {
                devices.extend(self.devices.insert(device.id).then_some(device.id));
                None
            }
            Entry::Series(record) if !self.devices.contains(&record.device) => Some(Refusal::UnknownDevice),
            Entry::Series(record) => {
                let described = (record.device, record.metric.clone());
                series.extend(self.series.insert(record.id, described).is_none().then_some(record.id));
                None
            }
            Entry::Message(message) => {
                let known = message.readings.iter().all(|reading| self.series.contains_key(&reading.series));
                (!known).then_some(Refusal::UnknownSeries)
            }
            Entry::Unread(_)
            | Entry::UnreadDone(_)
            | Entry::Book(_)
            | Entry::Hidden(_)
            | Entry::DeviceDeleted(_)
            | Entry::DeviceMerged(_)
            | Entry::Expired(_) => None,
        });
        let Some(refusal) = refusal else { return Ok(()) };
        devices.iter().for_each(|id| _ = self.devices.remove(id));
        series.iter().for_each(|id| _ = self.series.remove(id));
        Err(refusal)
    }

    fn admit_alone(&mut self, entry: &Entry) -> Result<(), Refusal> {
        match entry {
            Entry::Hidden(record) => self.hide(*record),
            Entry::DeviceDeleted(device) => {
                self.known_device(*device)?;
                self.series.retain(|_, (of, _)| of != device);
                let series = &self.series;
                self.hidden.retain(|id, _| series.contains_key(id));
                self.devices.remove(device);
                Ok(())
            }
            Entry::DeviceMerged(merge) => self.merge(*merge),
            Entry::Expired(record) if record.series.len() > EXPIRY_SERIES_MAX => Err(Refusal::TooManySeries),
            Entry::Expired(record) => record.series.iter().try_for_each(|series| self.known_series(*series)),
            Entry::Device(_)
            | Entry::Series(_)
            | Entry::Message(_)
            | Entry::Unread(_)
            | Entry::UnreadDone(_)
            | Entry::Book(_) => Ok(()),
        }
    }

    fn hide(&mut self, record: HiddenRecord) -> Result<(), Refusal> {
        self.known_series(record.series)?;
        let mut gone = self.hidden.get(&record.series).cloned().unwrap_or_default();
        if record.hidden {
            gone.add(record.range)
        } else {
            gone.remove(record.range)
        }
        if gone.ranges().len() > HIDDEN_RANGES_MAX {
            return Err(Refusal::TooManyHidden);
        }
        self.hidden.insert(record.series, gone);
        Ok(())
    }

    fn merge(&mut self, merge: MergeRecord) -> Result<(), Refusal> {
        self.known_device(merge.from)?;
        self.known_device(merge.into)?;
        if merge.from == merge.into {
            return Err(Refusal::UnknownDevice);
        }
        let of_into: HashMap<MetricName, SeriesId> = self
            .series
            .iter()
            .filter(|(_, (device, _))| *device == merge.into)
            .map(|(id, (_, metric))| (metric.clone(), *id))
            .collect();
        let all = self.series.iter().filter(|(_, (device, _))| *device == merge.from);
        let of_from: Vec<(SeriesId, MetricName)> = all.map(|(id, (_, metric))| (*id, metric.clone())).collect();
        let merged = |(from, into): (SeriesId, SeriesId)| {
            let mut gone = self.hidden.get(&into).cloned().unwrap_or_default();
            self.hidden.get(&from).iter().for_each(|hidden| gone.extend(hidden));
            (from, into, gone)
        };
        let pairs = of_from.iter().filter_map(|(id, metric)| Some((*id, *of_into.get(metric)?)));
        let absorbed: Vec<(SeriesId, SeriesId, Gone)> = pairs.map(merged).collect();
        if absorbed.iter().any(|(.., gone)| gone.ranges().len() > HIDDEN_RANGES_MAX) {
            return Err(Refusal::TooManyHidden);
        }
        for (from, into, gone) in absorbed {
            self.series.remove(&from);
            self.hidden.remove(&from);
            self.hidden.insert(into, gone);
        }
        for (device, _) in self.series.values_mut().filter(|(device, _)| *device == merge.from) {
            *device = merge.into;
        }
        self.devices.remove(&merge.from);
        Ok(())
    }

    fn known_device(&self, device: DeviceId) -> Result<(), Refusal> {
        if self.devices.contains(&device) { Ok(()) } else { Err(Refusal::UnknownDevice) }
    }

    fn known_series(&self, series: SeriesId) -> Result<(), Refusal> {
        if self.series.contains_key(&series) { Ok(()) } else { Err(Refusal::UnknownSeries) }
    }
}
