//! The taking task: everything that waits becomes one batch.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use clock::Clock;
use decode::{Availability, Content, DecoderId, Found};
use model::{DeviceId, DeviceKey, Reading, ReadingKey, RejectReason, SourceName, TimeSource, Timestamp, Topic};
use source::{Inbound, Outcome};
use store::{
    Entry, MessageRecord, Readings, RepeatMark, RepeatWindow, Restored, SeriesReading, UnreadId, UnreadRecord,
};
use tokio::sync::{mpsc, watch};

use crate::arrival::Arrival;
use crate::bindings::Bound;
use crate::command::Command;
use crate::draft::{Draft, Waiting, excerpt};
use crate::heard::{Heard, HeardReading};
use crate::identity::Identity;
use crate::ids::Ids;
use crate::past::Seen;
use crate::reader::{Read, Reader};
use crate::repeats::message_hash;
use crate::rules::RuleSet;
use crate::shared::Shared;
use crate::stamp::Stamper;
use crate::time_policy::{IMPORT, Judged};
use crate::traces::{Note, TopicTrace, TracedMessage, TracedRule, start_of};
use crate::{Limits, TimePolicy};

pub(crate) struct Taker {
    pub(crate) store: Arc<dyn Readings>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ids: Ids,
    limits: Limits,
    pub(crate) policy: TimePolicy,
    pub(crate) identity: Identity,
    repeats: RepeatWindow,
    stamper: Stamper,
    pub(crate) reader: Reader,
    last_unread: u64,
    unaccepted: usize,
    recounted: Timestamp,
    /// See [`Waiting`].
    epoch: u64,
    /// Unread messages ingested again whose batch is under way or durable: their ids are never used again.
    pub(crate) retried: HashSet<UnreadId>,
}

/// The parts of a message that its readings need.
pub(crate) struct Arriving<'a> {
    pub(crate) source: &'a SourceName,
    pub(crate) client: &'a Arc<str>,
    pub(crate) topic: &'a Topic,
    pub(crate) payload: &'a Bytes,
    pub(crate) stamp: ReadingKey,
    pub(crate) mark: Option<RepeatMark>,
    pub(crate) bound: &'a Bound,
}

impl Taker {
    pub(crate) fn new(
        restored: &Restored,
        store: Arc<dyn Readings>,
        clock: Arc<dyn Clock>,
        shared: Arc<Shared>,
        ids: Ids,
        limits: Limits,
        policy: TimePolicy,
    ) -> Self {
        Self {
            identity: Identity::resume(restored, ids.kept()),
            ids,
            repeats: RepeatWindow::resume(&restored.repeats),
            stamper: Stamper::resume(restored.last_received),
            reader: Reader::new(limits.topics_max),
            last_unread: restored.last_unread.map_or(0, |id| id.0),
            unaccepted: shared.registry.unaccepted(),
            recounted: Timestamp::MIN,
            epoch: 0,
            retried: HashSet::new(),
            store,
            clock,
            shared,
            limits,
            policy,
        }
    }

    pub(crate) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Inbound>,
        mut commands: mpsc::Receiver<Command>,
        waiting: mpsc::Sender<Waiting>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut taken = Vec::with_capacity(self.limits.batch_messages_max);
        let mut stopping = *stop.borrow();
        loop {
            tokio::select! {
                count = inbox.recv_many(&mut taken, self.limits.batch_messages_max) => {
                    if count == 0 || !self.take_all(&mut taken, &waiting).await {
                        return;
                    }
                }
                Some(command) = commands.recv() => self.obey(command, &waiting).await,
                changed = stop.changed(), if !stopping => {
                    stopping = changed.is_err() || *stop.borrow();
                    if stopping {
                        inbox.close();
                    }
                }
            }
        }
    }

    /// Puts everything taken into batches; false when the settling task is gone.
    async fn take_all(&mut self, taken: &mut Vec<Inbound>, waiting: &mpsc::Sender<Waiting>) -> bool {
        self.catch_up().await;
        let now = self.clock.now();
        let (bound, rules) = (self.shared.bindings.current(), self.shared.rules.current());
        let mut draft = Draft::default();
        for inbound in taken.drain(..) {
            self.take(inbound, now, &bound, &rules, &mut draft);
            if draft.bytes >= self.limits.batch_bytes_max && !self.submit(std::mem::take(&mut draft), waiting).await {
                return false;
            }
        }
        self.submit(draft, waiting).await
    }

    /// After a batch that was not stored: what it would have made known is not, and its senders will send it again.
    pub(crate) async fn catch_up(&mut self) {
        if !self.shared.take_identity_lost() {
            return;
        }
        let restored = self.store.restored();
        self.identity = Identity::resume(&restored, self.ids.kept());
        self.repeats = RepeatWindow::resume(&restored.repeats);
        self.retried.clear();
        self.epoch += 1;
        self.shared.registry.catch_up(&restored);
        let hidden = self.shared.registry.partly_hidden();
        self.shared.registry.reread(self.store.as_ref(), &hidden).await;
    }

    pub(crate) async fn submit(&self, draft: Draft, waiting: &mpsc::Sender<Waiting>) -> bool {
        if draft.is_empty() {
            return true;
        }
        let (batch, effects) = draft.close();
        let commit = self.store.append(batch).await;
        waiting.send(Waiting { commit, epoch: self.epoch, effects }).await.is_ok()
    }

    fn take(&mut self, mut inbound: Inbound, now: Timestamp, bound: &Bound, rules: &RuleSet, draft: &mut Draft) {
        self.shared.taken.count(&inbound.source, now);
        let entries_before = draft.entries.len();
        let mut mark = None;
        if let Some(repeat) = inbound.repeat {
            let hash = message_hash(&inbound);
            let client = match repeat.part {
                0 => Arc::clone(&inbound.client),
                part => format!("{}#{part}", inbound.client).into(),
            };
            if repeat.marked && self.repeats.holds(&client, repeat.id, hash, now) {
                self.repeated(&inbound, &mut draft.effects);
                draft.count(&inbound.source, Outcome::Duplicate);
                draft.effects.replies.push((inbound.reply, Outcome::Duplicate));
                return;
            }
            mark = Some(RepeatMark { client, packet_id: repeat.id, hash, accepted: now });
        }
        let stamp = self.stamper.stamp(now);
        self.shared.stamped(stamp.time);
        let Read { content, decoder, rule, device, trace } = match inbound.read.take() {
            Some(found) => {
                let content = Content::Readings(found);
                Read { content, decoder: DecoderId("source"), rule: None, device: None, trace: None }
            }
            None => self.reader.read(&inbound.topic, &inbound.payload, bound, rules, &self.shared),
        };
        let device = device.or_else(|| bound.device_of_client(&inbound.source, &inbound.client).cloned());
        let arriving = Arriving {
            source: &inbound.source,
            client: &inbound.client,
            topic: &inbound.topic,
            payload: &inbound.payload,
            stamp,
            mark,
            bound,
        };
        let mut why_unread = None;
        let outcome = match content {
            Content::Readings(found) if inbound.replayed => self.replayed(&arriving, found, device.as_ref(), draft),
            Content::Readings(found) => self.readings(&arriving, found, device.as_ref(), draft),
            Content::NoReading { kind, availability } => {
                self.availability(availability, device.as_ref(), bound, draft);
                if kind == "clear" {
                    self.cleared(&arriving, draft);
                }
                Outcome::NoReading { kind }
            }
            Content::Announced(told) => self.announced(&arriving, *told, draft),
            Content::Unreadable { reason, detail } => {
                let detail: Arc<str> = detail.into();
                why_unread = Some((reason, Arc::clone(&detail)));
                self.unread(&inbound, &arriving, reason, detail, draft);
                Outcome::Unread
            }
        };
        if let (Some(mark), Outcome::Stored { .. } | Outcome::Unread) = (&arriving.mark, outcome) {
            self.repeats.accept(mark);
        }
        if let Some(trace) = trace {
            let rule = rule.map(|held| TracedRule { id: Arc::clone(&held.id), version: held.version });
            draft.effects.traces.push(note(trace, &arriving, (decoder, rule), outcome, why_unread));
        }
        draft.weigh(entries_before);
        draft.count(&inbound.source, outcome);
        draft.effects.replies.push((inbound.reply, outcome));
    }

    /// Gives each value its series, time and key. The message is stored if at least one value was accepted.
    pub(crate) fn readings(
        &mut self,
        arriving: &Arriving<'_>,
        found: Vec<Found>,
        device: Option<&DeviceKey>,
        draft: &mut Draft,
    ) -> Outcome {
        let entries_before = draft.entries.len();
        let received = arriving.stamp.time;
        let mut accepted: Vec<SeriesReading> = Vec::with_capacity(found.len());
        let mut arrivals: Vec<Arrival> = Vec::new();
        let mut told: Vec<(Found, DeviceId)> = Vec::new();
        let mut refused = RejectReason::Name;
        for mut value in found {
            name_device(&mut value, device, arriving.client);
            match self.reading(&value, arriving, &accepted, draft) {
                Ok((device, reading, seen)) => {
                    draft.count_reading(arriving.source, None);
                    Arrival::among(&mut arrivals, device, arriving).note(&value, &reading.reading, seen);
                    accepted.push(reading);
                    if draft.entries.len() > entries_before {
                        told.push((value, device));
                    }
                }
                Err(reason) => {
                    refused = reason;
                    draft.count_reading(arriving.source, Some(reason));
                }
            }
        }
        if accepted.is_empty() {
            return Outcome::Rejected(refused);
        }
        self.tell(arriving, told, entries_before, draft);
        let readings = u32::try_from(accepted.len()).unwrap_or(u32::MAX);
        if arriving.source.as_str() != IMPORT {
            // A table says nothing about whether its devices speak now.
            draft.effects.arrivals.extend(arrivals);
        }
        draft.entries.push(Entry::Message(MessageRecord {
            source: arriving.source.clone(),
            received,
            readings: accepted,
            repeat: arriving.mark.clone(),
        }));
        Outcome::Stored { readings }
    }

    fn reading(
        &mut self,
        found: &Found,
        arriving: &Arriving<'_>,
        accepted: &[SeriesReading],
        draft: &mut Draft,
    ) -> Result<(DeviceId, SeriesReading, Seen), RejectReason> {
        let stamp = arriving.stamp;
        let device = self.device(&found.device, arriving.bound, stamp.time, draft)?;
        let value = found.value.clone()?;
        let trusted = self.trusts(stamp);
        let judged = self.policy.of(arriving.source).judge(found.time, stamp.time, trusted);
        let (mut key, time_source, claimed_ms) = match judged {
            Judged::Believed(time, source) => (ReadingKey { time, n: 0 }, source, None),
            Judged::Counted(time) => (ReadingKey { time, n: stamp.n }, TimeSource::Device, None),
            Judged::Absent => (stamp, TimeSource::Server, None),
            Judged::Disbelieved(_) if arriving.source.as_str() == IMPORT => return Err(RejectReason::Time),
            Judged::Disbelieved(ms) => (stamp, TimeSource::Server, Some(ms)),
        };
        let resolved = self.identity.series(device, found, value, key, &self.limits, &mut draft.entries)?;
        let stamped = key == stamp;
        if stamped && accepted.iter().any(|entry| entry.series == resolved.series && entry.reading.key == key) {
            key = self.stamper.another();
        }
        let reading = Reading { key, value: resolved.value, judgement: resolved.judgement, time_source, claimed_ms };
        Ok((device, SeriesReading { series: resolved.series, reading }, resolved.seen))
    }

    /// Whether the server's clock is to be trusted at that stamp.
    pub(crate) fn trusts(&self, stamp: ReadingKey) -> bool {
        self.stamper.trusts(self.clock_reading(stamp))
    }

    /// A stamp goes on from the log where the clock is behind it, so trust is decided on the clock itself.
    fn clock_reading(&self, stamp: ReadingKey) -> Timestamp {
        self.stamper.clock_reading().unwrap_or(stamp.time)
    }

    fn device(
        &mut self,
        key: &str,
        bound: &Bound,
        now: Timestamp,
        draft: &mut Draft,
    ) -> Result<DeviceId, RejectReason> {
        if let Some(id) = self.known_device(key, bound)? {
            return Ok(id);
        }
        let key = DeviceKey::parse(key).map_err(|_| RejectReason::Name)?;
        if let Some(id) = self.known_device(key.as_str(), bound)? {
            return Ok(id);
        }
        if self.unaccepted >= self.limits.new_devices_max {
            self.recount_unaccepted(now);
        }
        if self.unaccepted >= self.limits.new_devices_max {
            return Err(RejectReason::Cardinality);
        }
        self.unaccepted += 1;
        Ok(self.identity.add_device(key, now, &mut draft.entries))
    }

    /// Whose key this is: a device's own, or that of one which became a part of it. An error if its messages are ignored.
    fn known_device(&self, key: &str, bound: &Bound) -> Result<Option<DeviceId>, RejectReason> {
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

    /// People may have accepted devices since: looked up at most once a second, since it goes through all of them.
    fn recount_unaccepted(&mut self, now: Timestamp) {
        if now.millis().abs_diff(self.recounted.millis()) >= 1_000 {
            self.recounted = now;
            self.unaccepted = self.shared.registry.unaccepted();
        }
    }

    /// A message that brought a new device is told as a sentence.
    fn tell(&self, arriving: &Arriving<'_>, told: Vec<(Found, DeviceId)>, from: usize, draft: &mut Draft) {
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

    /// Only a device that is known can come or go: a word on a status topic makes none.
    fn availability(
        &self,
        availability: Option<Availability>,
        device: Option<&DeviceKey>,
        bound: &Bound,
        draft: &mut Draft,
    ) {
        let Some(Availability { device: told, presence }) = availability else { return };
        let key = device.map_or(told.as_str(), DeviceKey::as_str);
        let known = self.known_device(key, bound);
        if let Ok(Some(id)) = known.map(|known| known.or_else(|| self.device_told_of(key))) {
            draft.effects.availability.push((id, presence));
        }
    }

    fn unread(
        &mut self,
        inbound: &Inbound,
        arriving: &Arriving<'_>,
        reason: &str,
        detail: Arc<str>,
        draft: &mut Draft,
    ) {
        self.last_unread += 1;
        let kept = inbound.payload.len().min(self.limits.unread_bytes_max);
        draft.entries.push(Entry::Unread(UnreadRecord {
            id: UnreadId(self.last_unread),
            source: inbound.source.clone(),
            client: Arc::clone(&inbound.client),
            topic: inbound.topic.clone().into(),
            payload: inbound.payload.slice(..kept),
            reason: reason.into(),
            detail,
            received: arriving.stamp.time,
            n: arriving.stamp.n,
            repeat: arriving.mark.clone(),
        }));
    }
}

/// A value belongs to the device that its topic is bound to, or to its sender where the message names no device.
pub(crate) fn name_device(value: &mut Found, bound: Option<&DeviceKey>, client: &str) {
    if let Some(device) = bound {
        device.as_str().clone_into(&mut value.device);
    } else if value.device == decode::SENDER {
        client.clone_into(&mut value.device);
    }
}

fn note(
    trace: Arc<TopicTrace>,
    arriving: &Arriving<'_>,
    (decoder, rule): (DecoderId, Option<TracedRule>),
    outcome: Outcome,
    unread: Option<(&'static str, Arc<str>)>,
) -> Note {
    let message = TracedMessage {
        received: arriving.stamp.time,
        payload: start_of(arriving.payload),
        bytes: arriving.payload.len(),
        client: Arc::clone(arriving.client),
        source: arriving.source.clone(),
        decoder,
        rule,
        outcome,
        unread,
    };
    Note { trace, message }
}
