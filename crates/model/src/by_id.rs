//! Maps by ids that we give out ourselves.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by [`DeviceId`](crate::DeviceId) or [`SeriesId`](crate::SeriesId). Ids are given in order, so nobody can choose them to
/// collide, and one multiplication is hash enough; every reading asks such maps several times. Never for keys from the network.
pub type ById<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// The hasher of [`ById`].
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, id: u32) {
        // Odd, so ids in a row differ in their lowest bits, by which a map chooses the place, and in the highest, by which it compares.
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::SeriesId;

    #[test]
    fn ids_in_a_row_have_hashes_that_differ_in_their_lowest_bits() {
        let low = |id: u32| {
            let mut hasher = IdHasher::default();
            hasher.write_u32(id);
            hasher.finish() % 1024
        };
        assert_eq!((5_000..6_024).map(low).collect::<HashSet<_>>().len(), 1024);
    }

    #[test]
    fn a_map_finds_what_was_put_into_it() {
        let map: ById<SeriesId, u32> = (0..10_000).map(|id| (SeriesId(id), id)).collect();
        assert!((0..10_000).all(|id| map.get(&SeriesId(id)) == Some(&id)));
        assert_eq!(map.get(&SeriesId(10_000)), None);
    }
}
