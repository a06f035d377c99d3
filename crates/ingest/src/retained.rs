//! What a broker replays because somebody subscribed is old news, unless it proves by its own time that it is newer.

use decode::Found;
use model::{DeviceKey, RejectReason};
use source::{Account, Outcome};

use crate::draft::Draft;
use crate::take::{Arriving, Taker, name_device};
use crate::time_policy::Judged;

impl Taker {
    /// As [`Taker::readings`], if each value has a believed time of its own behind the newest reading of its series.
    /// Otherwise nothing is taken from the message, and no device or series comes of it.
    pub(crate) fn replayed(
        &mut self,
        arriving: &Arriving<'_>,
        mut found: Vec<Found>,
        device: Option<&DeviceKey>,
        account: &mut Account,
        draft: &mut Draft,
    ) -> Outcome {
        for value in &mut found {
            name_device(value, device, arriving.client);
        }
        if found.iter().all(|value| self.is_news(value, arriving)) {
            return self.readings(arriving, found, None, account, draft);
        }
        for _ in &found {
            account.refuse(RejectReason::RetainedStale);
            draft.count_reading(arriving.source, Some(RejectReason::RetainedStale));
        }
        Outcome::Rejected(RejectReason::RetainedStale)
    }

    fn is_news(&self, value: &Found, arriving: &Arriving<'_>) -> bool {
        let received = arriving.stamp.time;
        let Judged::Believed(time, _) = self.policy.judge(value.time, received, self.trusts(arriving.stamp)) else {
            return false;
        };
        let own = self.shared.registry.newest_time(&value.device, &value.metric);
        let merged = arriving.bound.merged_into(&value.device);
        let newest = own.max(merged.and_then(|key| self.shared.registry.newest_time(key.as_str(), &value.metric)));
        newest.is_none_or(|newest| time > newest)
    }
}
