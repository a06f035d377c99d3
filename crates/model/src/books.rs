//! The books: every message and every reading accounted for, per source and over all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Why a message or reading was refused. The word is what the API, the metrics and the log say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// An integer beyond 2^53, which a double would round.
    Precision,
    /// More new devices or metrics than the named limits allow.
    Cardinality,
    /// More values in one message than the named limit allows.
    Limit,
    /// A name that cannot be a device key or a metric name.
    Name,
    /// A time outside the years that can be written.
    Time,
    /// The sender was told to be ignored.
    Ignored,
    /// A broker's replay of a retained message that is not newer than what is there.
    RetainedStale,
}

impl RejectReason {
    /// The word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Precision => "precision",
            Self::Cardinality => "cardinality",
            Self::Limit => "limit",
            Self::Name => "name",
            Self::Time => "time",
            Self::Ignored => "ignored",
            Self::RetainedStale => "retained_stale",
        }
    }
}

/// One kind of count with its number: `received = stored + no_reading + duplicate + rejected + in_flight`.
pub type Count = u64;

/// Messages of one source, each counted once when it is settled (and in `received` when it is taken in).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageCounts {
    /// Taken in, settled or not.
    pub received: Count,
    /// At least one reading accepted.
    pub stored: Count,
    /// Understood, or kept as unread, but without a reading; by kind (`unread`, `text`, `availability`, `clear` …).
    pub no_reading: BTreeMap<String, Count>,
    /// A repeat of a message that was accepted before.
    pub duplicate: Count,
    /// Refused.
    pub rejected: BTreeMap<RejectReason, Count>,
}

impl MessageCounts {
    /// Everything settled; `received` minus this is what is in flight.
    #[must_use]
    pub fn settled(&self) -> Count {
        self.stored + self.duplicate + self.no_reading.values().sum::<Count>() + self.rejected.values().sum::<Count>()
    }

    /// Adds `other` to this.
    pub fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.stored += other.stored;
        self.duplicate += other.duplicate;
        for (kind, count) in &other.no_reading {
            *self.no_reading.entry(kind.clone()).or_default() += count;
        }
        for (reason, count) in &other.rejected {
            *self.rejected.entry(*reason).or_default() += count;
        }
    }
}

/// Readings of one source: `decoded = stored + duplicate + replaced + unsettled + upserted + rejected`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingCounts {
    /// Read out of messages.
    pub decoded: Count,
    /// New keys.
    pub stored: Count,
    /// Equal key, equal value.
    pub duplicate: Count,
    /// Equal key, other value: this one took the place of the earlier one.
    pub replaced: Count,
    /// Durable, but whether its key is new is found out at the next flush.
    pub unsettled: Count,
    /// Durable in a store that does not find out whether the key is new. Not in any log: such a store keeps it itself.
    #[serde(skip)]
    pub upserted: Count,
    /// Refused.
    pub rejected: BTreeMap<RejectReason, Count>,
}

impl ReadingCounts {
    /// Adds `other` to this.
    pub fn add(&mut self, other: &Self) {
        self.decoded += other.decoded;
        self.stored += other.stored;
        self.duplicate += other.duplicate;
        self.replaced += other.replaced;
        self.unsettled += other.unsettled;
        self.upserted += other.upserted;
        for (reason, count) in &other.rejected {
            *self.rejected.entry(*reason).or_default() += count;
        }
    }

    /// The right side of the equation.
    #[must_use]
    pub fn accounted(&self) -> Count {
        self.stored
            + self.duplicate
            + self.replaced
            + self.unsettled
            + self.upserted
            + self.rejected.values().sum::<Count>()
    }
}

/// Both sides of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Messages.
    pub messages: MessageCounts,
    /// Readings.
    pub readings: ReadingCounts,
}

impl Book {
    /// Adds `other` to this.
    pub fn add(&mut self, other: &Self) {
        self.messages.add(&other.messages);
        self.readings.add(&other.readings);
    }
}
