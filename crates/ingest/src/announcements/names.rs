//! Under which names the values of an announced metric are read.
//!
//! Anybody who may publish may announce, so an announcement takes nothing away from anybody:
//!
//! * A family that we read by itself keeps its names.
//! * Values that have a series already stay in it: those of a topic that was read before it was announced, those that stood
//!   beside announced ones, and those of one that another announcement came first for.
//! * A device that exists takes in no values by the word of others: only from topics that tell the same device by themselves,
//!   from its own announcer, or from beside topics that are announced as its own.
//! * What a template makes of a number holds for values that have no series yet: nobody's numbers become others by the word of
//!   somebody else.
//! * A unit that is told by a message, a name or a firmware is not replaced.
//! * An announcement belongs to the client that came first with it, until that client withdraws it. From another one on the
//!   same topic nothing is replaced and nothing withdrawn; the same once more is no change. Only what it says of devices that
//!   nothing was announced of is added: a gateway that comes back under another client id, as Zigbee2MQTT does by default,
//!   still tells of the devices that it finds then.
//! * Once the first one has not been connected to our own broker for 25 hours, as long as a device may sleep, the next one that
//!   announces something else there takes its place. Those hours begin anew when the server starts. Clients of other ways in
//!   keep theirs: nobody knows whether they are there.
//! * What a client withdrew and announces again has its names back, also where it was read under the usual ones in between.
//!
//! Everywhere else the announced names hold. Where they do not, shown names and missing units are taken all the same.

use std::sync::Arc;

use decode::{AnnouncedMetric, Pick, announced};
use model::{DeviceId, DeviceKey, Topic, UnitSource};
use store::SeriesRecord;

use super::index::Index;
use super::subject::{Judged, Subject};
use crate::bindings::Bound;
use crate::identity::Identity;

/// The devices and series that there are, and what people decided about them.
pub(super) struct Existing<'a> {
    pub(super) identity: &'a Identity,
    pub(super) bound: &'a Bound,
    /// The device that the announcer's client is bound to.
    pub(super) of_client: Option<&'a DeviceKey>,
}

impl Existing<'_> {
    fn device(&self, key: &str) -> Option<DeviceId> {
        let merged = || self.identity.device(self.bound.merged_into(key)?.as_str());
        self.identity.device(key).or_else(merged)
    }

    fn series(&self, device: &str, metric: &str) -> Option<&SeriesRecord> {
        self.identity.record(self.device(device)?, metric)
    }

    /// Somebody decided about that device, or it has that series.
    fn holds(&self, device: &str, metric: &str) -> bool {
        self.bound.ignores(device) || self.series(device, metric).is_some()
    }
}

/// Decides about one metric of the announcement that comes in place of `before`.
pub(super) fn judge(
    said: AnnouncedMetric,
    before: Option<&Subject>,
    owner: &Arc<str>,
    index: &Index,
    existing: &Existing<'_>,
) -> Judged {
    let earlier = before.and_then(|before| before.at_place(&said));
    let (usual, own) = named(&said, earlier, owner, index, existing);
    let mut judged = Judged { said, usual, own, unit: true, calculated: false };
    let (device, metric) = judged.names();
    let unread = matches!(judged.said.pick, Pick::Unread(_));
    let calculated = own
        || earlier.is_some_and(|earlier| earlier.calculated)
        || (unread && index.is_of(&judged.said.topic, owner) && !existing.holds(device, metric));
    let declared = existing.series(device, metric).filter(|series| series.unit_source < UnitSource::Assumed);
    // Whoever said the unit before may say another one.
    let spoke = |before: &Subject| {
        before.owner == *owner && before.metrics.iter().any(|it| it.unit && it.names() == (device, metric))
    };
    let own_word = before.is_some_and(spoke);
    let unit = own_word || declared.is_none_or(|series| series.unit.is_none() || series.unit == judged.said.unit);
    (judged.unit, judged.calculated) = (unit, calculated);
    judged
}

/// The usual names, and whether the announced ones hold.
fn named(
    said: &AnnouncedMetric,
    earlier: Option<&Judged>,
    owner: &Arc<str>,
    index: &Index,
    existing: &Existing<'_>,
) -> (Option<(String, String)>, bool) {
    if let Some(earlier) = earlier {
        let (device, metric) = earlier.names();
        if (device, metric) == (said.device.as_str(), said.metric.as_str()) {
            return (earlier.usual.clone(), earlier.own);
        }
        if existing.holds(device, metric) {
            return (Some((device.to_owned(), metric.to_owned())), false);
        }
    }
    // Of two announcements for one value the first one names it.
    if let Some(first) = index.first_of(&said.topic, &said.pick).filter(|first| !earlier.is_some_and(|it| it == *first))
    {
        let (device, metric) = first.names();
        return (Some((device.to_owned(), metric.to_owned())), false);
    }
    let Some(usual) = announced::usual(said) else {
        return (None, index.may_enter(&said.device, None, owner, existing.device(&said.device).is_some()));
    };
    let bound = Topic::parse(&said.topic).ok().and_then(|topic| existing.bound.device_of(&topic).cloned());
    let bound = bound.or_else(|| existing.of_client.cloned());
    let device = bound.map_or(usual.device, |device| device.as_str().to_owned());
    if let Some(beside) = index.on_topic(&said.topic).find(|device| existing.series(device, &usual.metric).is_some()) {
        return (Some((beside.to_owned(), usual.metric)), false);
    }
    let exists = existing.device(&said.device).is_some();
    // What is not calculated is read as usual.
    let own = !usual.family
        && !matches!(said.pick, Pick::Unread(_))
        && !existing.holds(&device, &usual.metric)
        && (device == said.device || index.may_enter(&said.device, Some(&device), owner, exists));
    (Some((device, usual.metric)), own)
}
