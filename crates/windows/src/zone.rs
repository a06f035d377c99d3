//! Named time zones, from the database that is built in: the same question has the same answer on every machine, also on
//! one without time zone data.

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Longest name that is looked up; the longest of the database has 32 bytes.
const NAME_BYTES_MAX: usize = 64;

/// A time zone of the IANA database with all its history, such as `Europe/Berlin`. New rules come with a new version of
/// this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A name that the built-in database does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time zone; names look like Europe/Berlin or UTC")]
pub struct UnknownZone(pub String);

impl Zone {
    /// The zone of a name, in any case of letters. Offsets such as `+01:00` are no names.
    ///
    /// # Errors
    /// No such zone; of a name that is far too long only the beginning is told.
    pub fn parse(name: &str) -> Result<Self, UnknownZone> {
        let unknown = || UnknownZone(name.chars().take(NAME_BYTES_MAX).collect());
        if name.len() > NAME_BYTES_MAX {
            return Err(unknown());
        }
        TimeZoneDatabase::bundled().get(name).map(Self).map_err(|_| unknown())
    }

    /// Its name as the database writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    pub(crate) fn rules(&self) -> &TimeZone {
        &self.0
    }
}
