//! Devices that appear by themselves: whose a key is, and how many new ones may come. Those that a table brings are counted apart, so
//! that neither takes the places of the other.

use decode::Found;
use model::{DeviceId, DeviceKey, RejectReason, SourceName, Timestamp};
use store::Entry;

use crate::IMPORT;
use crate::bindings::Bound;
use crate::draft::{Draft, excerpt};
use crate::heard::{Heard, HeardReading};
use crate::registry::Registry;
use crate::take::{Arriving, Taker};

/// Devices that nobody has accepted.
pub(crate) struct Newcomers {
    counts: Unaccepted,
    recounted: Timestamp,
}

/// How many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unaccepted {
    /// That spoke.
    pub(crate) heard: usize,
    /// That a table brought.
    pub(crate) imported: usize,
}

/// Whose a key is.
pub(crate) enum Known {
    /// A device that there is.
    As(DeviceId),
    /// Nobody's yet.
    New(DeviceKey),
}

impl Newcomers {
    pub(crate) fn counted(registry: &Registry) -> Self {
        Self { counts: registry.unaccepted(), recounted: Timestamp::MIN }
    }

    /// People may have accepted devices since: looked up at most once a second, since it goes through all of them.
    fn recount(&mut self, registry: &Registry, now: Timestamp) {
        if now.millis().abs_diff(self.recounted.millis()) >= 1_000 {
            self.recounted = now;
            self.counts = registry.unaccepted();
        }
    }

    /// Another server made a device.
    pub(crate) fn learn(&mut self) {
        *self.of(false) += 1;
    }

    fn of(&mut self, imported: bool) -> &mut usize {
        if imported { &mut self.counts.imported } else { &mut self.counts.heard }
    }
}

impl Taker {
    /// Whose a key is that a message names.
    pub(crate) fn known(&self, key: &str, bound: &Bound) -> Result<Known, RejectReason> {
        if let Some(id) = self.known_device(key, bound)? {
            return Ok(Known::As(id));
        }
        let key = DeviceKey::parse(key).map_err(|_| RejectReason::Name)?;
        let known = self.known_device(key.as_str(), bound)?;
        Ok(known.map_or(Known::New(key), Known::As))
    }

    /// Whose key this is: a device's own, or that of one which became a part of it. An error if its messages are ignored.
    pub(crate) fn known_device(&self, key: &str, bound: &Bound) -> Result<Option<DeviceId>, RejectReason> {
        if bound.ignores(key) {
            return Err(RejectReason::Ignored);
        }
        let own = self.identity.device(key);
        match bound.merged_into(key) {
            Some(into) if own.is_none() && bound.ignores(into.as_str()) => Err(RejectReason::Ignored),
            Some(into) => Ok(own.or_else(|| self.identity.device(into.as_str()))),
            None => Ok(own),
        }
    }

    /// A device of a key that is nobody's, if there is room for one more.
    pub(crate) fn welcome(
        &mut self,
        key: DeviceKey,
        source: &SourceName,
        now: Timestamp,
        draft: &mut Draft,
    ) -> Result<DeviceId, RejectReason> {
        let imported = source.as_str() == IMPORT;
        let most = if imported { self.limits.imported_devices_max } else { self.limits.new_devices_max };
        if *self.newcomers.of(imported) >= most {
            self.newcomers.recount(&self.shared.registry, now);
        }
        if *self.newcomers.of(imported) >= most {
            return Err(RejectReason::Cardinality);
        }
        let id = self.identity.add_device(key, now, &mut draft.entries).ok_or(RejectReason::Cardinality)?;
        *self.newcomers.of(imported) += 1;
        if imported {
            draft.effects.imported.push(id);
        }
        Ok(id)
    }

    /// A message that brought a new device is told as a sentence.
    pub(crate) fn tell(&self, arriving: &Arriving<'_>, told: Vec<(Found, DeviceId)>, from: usize, draft: &mut Draft) {
        let new_device = draft.entries.iter().skip(from).find_map(|entry| match entry {
            Entry::Device(record) => Some((record.id, record.key.clone())),
            Entry::Series(_)
            | Entry::Message(_)
            | Entry::Unread(_)
            | Entry::UnreadDone(_)
            | Entry::Book(_)
            | Entry::Hidden(_)
            | Entry::DeviceDeleted(_)
            | Entry::DeviceMerged(_)
            | Entry::Expired(_) => None,
        });
        let Some((id, key)) = new_device else { return };
        let of_device = told.into_iter().filter(|(_, device)| *device == id);
        let readings = of_device.filter_map(|(found, _)| {
            Some(HeardReading {
                metric: model::MetricName::parse(&found.metric).ok()?,
                value: found.value.ok()?,
                unit: found.unit,
                unit_source: found.unit_source,
            })
        });
        draft.effects.heard.push(Heard {
            time: arriving.stamp.time,
            topic: arriving.topic.clone(),
            text: excerpt(arriving.payload),
            device: key,
            readings: readings.collect(),
        });
    }
}
