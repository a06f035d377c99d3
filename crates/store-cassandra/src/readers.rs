//! What the compactor asks about series, answered from what the decisions say.

use std::collections::HashMap;

use model::{DeviceId, Kind, SeriesId};

use crate::compact::{Keep, Readers};
use crate::memory::Memory;
use crate::write::Shared;

impl Memory {
    /// The series that answers what was written under `series`.
    pub(crate) fn reader(&self, series: SeriesId) -> Option<SeriesId> {
        if self.places.home(series).is_some() { Some(series) } else { self.places.owner(series) }
    }

    fn kept_of(&self, reader: SeriesId) -> Keep {
        self.state.floor(reader).map_or(Keep::All, Keep::From)
    }
}

impl Readers for Shared {
    fn keep(&self, series: SeriesId) -> Keep {
        let memory = self.memory.read();
        match memory.reader(series) {
            Some(reader) => memory.kept_of(reader),
            None if memory.places.is_removed(series) => Keep::Nothing,
            None => Keep::All,
        }
    }

    fn kind(&self, series: SeriesId) -> Kind {
        let memory = self.memory.read();
        let record = memory.reader(series).and_then(|reader| memory.state.series().get(&reader));
        record.map_or(Kind::Measurement, |record| record.kind)
    }

    fn homes(&self) -> HashMap<DeviceId, Keep> {
        let memory = self.memory.read();
        let mut homes: HashMap<DeviceId, Keep> = HashMap::new();
        for (place, reader) in memory.places.all() {
            let keep = reader.map_or(Keep::Nothing, |reader| memory.kept_of(reader));
            let known = homes.entry(place.home).or_insert(keep);
            *known = keep.min(*known);
        }
        homes
    }
}
