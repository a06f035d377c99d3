//! Whether a device is heard from: from what it said, from its session, and from the rhythm that was learned. Pure.

use model::Timestamp;

/// A device whose rhythm is not known yet is stale after so long a silence.
const UNKNOWN_RHYTHM_MS: i64 = 5 * 60 * 1000;
/// One that runs on a battery and said goodbye is given so long, while its rhythm is not known.
const UNKNOWN_SLEEP_MS: i64 = 25 * 60 * 60 * 1000;
/// A device is stale after this many of its own intervals.
const INTERVALS_MISSED: i64 = 3;
/// No silence shorter than this is one, so that a burst does not make a device stale a moment later.
const PATIENCE_MIN_MS: i64 = 60_000;
/// So long after its last message a device is awake; one that sends this often never sleeps.
pub(crate) const AWAKE_MS: i64 = 60_000;
/// A device without a session of its own that speaks regularly, and not more often than this, sleeps in between.
const LONG_INTERVAL_MS: u32 = 5 * 60 * 1000;

/// Whether a device is heard from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It said that it is going, its will was published, or its session was lost.
    Offline,
    /// Silent for three of its usual intervals.
    Stale,
    /// Created, and never heard from.
    NeverSeen,
    /// Silent as it usually is: its next message is not due.
    Sleeping,
    /// Speaking as it usually does.
    Online,
}

impl Status {
    /// The word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Stale => "stale",
            Self::NeverSeen => "never_seen",
            Self::Sleeping => "sleeping",
            Self::Online => "online",
        }
    }
}

/// The session behind a device, where it is the only one that speaks through it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Session {
    /// Another way in, a client that speaks for several devices, or none since the server started.
    #[default]
    Unknown,
    /// Open.
    Open,
    /// The client said goodbye then.
    Parted(Timestamp),
    /// It was gone then, without a word.
    Lost(Timestamp),
}

/// Everything that tells the status of a device.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Signs {
    pub(crate) last_seen: Option<Timestamp>,
    /// It said that it is going, or its will did.
    pub(crate) away: bool,
    /// It said that it sleeps.
    pub(crate) asleep: bool,
    pub(crate) session: Session,
    /// The usual time between two messages.
    pub(crate) interval_ms: Option<u32>,
    /// How far it usually is from that.
    pub(crate) jitter_ms: Option<u32>,
    /// It tells the state of a battery.
    pub(crate) battery: bool,
}

impl Signs {
    /// After so long a silence the device is stale, in milliseconds.
    pub(crate) fn patience_ms(&self) -> i64 {
        match self.interval_ms {
            Some(interval) => (i64::from(interval) * INTERVALS_MISSED).max(PATIENCE_MIN_MS),
            None if self.asleep || (self.battery && self.parted()) => UNKNOWN_SLEEP_MS,
            None => UNKNOWN_RHYTHM_MS,
        }
    }

    fn parted(&self) -> bool {
        matches!(self.session, Session::Parted(_))
    }

    /// Whether it goes to sleep between its messages.
    fn sleeper(&self) -> bool {
        let regular = |interval: u32| self.jitter_ms.is_some_and(|jitter| jitter <= interval / 2);
        let long = self.interval_ms.is_some_and(|interval| interval >= LONG_INTERVAL_MS && regular(interval));
        match self.session {
            Session::Open => self.asleep,
            Session::Parted(_) => self.asleep || self.battery || self.interval_ms.is_some(),
            Session::Unknown | Session::Lost(_) => self.asleep || long,
        }
    }

    pub(crate) fn status(&self, now: Timestamp) -> Status {
        let Some(last_seen) = self.last_seen else { return Status::NeverSeen };
        if self.away {
            return Status::Offline;
        }
        let silent_ms = now.millis() - last_seen.millis();
        if silent_ms > self.patience_ms() {
            return Status::Stale;
        }
        let sleeper = self.sleeper();
        match self.session {
            // A sleeper that does not say goodbye is lost after each of its messages.
            Session::Lost(at) if at >= last_seen && !sleeper => Status::Offline,
            _ if sleeper && silent_ms > AWAKE_MS => Status::Sleeping,
            Session::Unknown | Session::Open | Session::Parted(_) | Session::Lost(_) => Status::Online,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::saturating(ms)
    }

    fn heard() -> Signs {
        Signs { last_seen: Some(at(0)), ..Signs::default() }
    }

    fn every(interval_ms: u32) -> Signs {
        Signs { interval_ms: Some(interval_ms), jitter_ms: Some(interval_ms / 20), ..heard() }
    }

    fn over_time(signs: Signs, minutes: &[i64]) -> Vec<&'static str> {
        minutes.iter().map(|minute| signs.status(at(minute * MINUTE)).as_str()).collect()
    }

    #[test]
    fn what_speaks_often_is_stale_after_three_of_its_intervals_and_a_minute_at_least() {
        assert_eq!(over_time(every(10_000), &[0, 1, 2]), ["online", "online", "stale"]);
        assert_eq!(over_time(every(60_000), &[0, 3, 4]), ["online", "online", "stale"]);
        assert_eq!(over_time(heard(), &[0, 5, 6]), ["online", "online", "stale"]);
        assert_eq!(Signs::default().status(at(0)), Status::NeverSeen);
    }

    #[test]
    fn a_long_regular_interval_is_a_sleep_and_no_silence() {
        assert_eq!(
            over_time(every(3_600_000), &[0, 2, 60, 180, 181]),
            ["online", "sleeping", "sleeping", "sleeping", "stale"]
        );
        let irregular = Signs { jitter_ms: Some(3_000_000), ..every(3_600_000) };
        assert_eq!(over_time(irregular, &[0, 60, 181]), ["online", "online", "stale"]);
        let connected = Signs { session: Session::Open, ..every(3_600_000) };
        assert_eq!(over_time(connected, &[60, 181]), ["online", "stale"]);
    }

    #[test]
    fn a_battery_and_a_goodbye_are_a_sleep_before_the_rhythm_is_known() {
        let sleeper = Signs { battery: true, session: Session::Parted(at(10)), ..heard() };
        assert_eq!(over_time(sleeper, &[0, 2, 600, 1501]), ["online", "sleeping", "sleeping", "stale"]);
        let by_hand = Signs { session: Session::Parted(at(10)), ..heard() };
        assert_eq!(over_time(by_hand, &[2, 6]), ["online", "stale"]);
        let told = Signs { asleep: true, ..heard() };
        assert_eq!(over_time(told, &[2, 600]), ["sleeping", "sleeping"]);
    }

    #[test]
    fn a_will_or_a_lost_session_is_offline_unless_it_was_heard_since() {
        assert_eq!(Signs { away: true, ..every(10_000) }.status(at(1)), Status::Offline);
        let lost = Signs { session: Session::Lost(at(10)), ..every(10_000) };
        assert_eq!(lost.status(at(20)), Status::Offline);
        let heard_since = Signs { last_seen: Some(at(15)), ..lost };
        assert_eq!(heard_since.status(at(20)), Status::Online);
        let rude_sleeper = Signs { session: Session::Lost(at(10)), ..every(3_600_000) };
        assert_eq!(over_time(rude_sleeper, &[0, 30]), ["online", "sleeping"]);
    }
}
