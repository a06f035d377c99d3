//! The taking task: everything that waits becomes one batch.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use clock::Clock;
use decode::{Availability, Content, DecoderId, Found};
use model::{DeviceId, DeviceKey, Reading, ReadingKey, RejectReason, SourceName, TimeSource, Timestamp, Topic};
use source::{Account, Inbound, Outcome, Repeat};
use store::{
    Entry, MessageRecord, Readings, RepeatMark, RepeatWindow, Restored, SeriesReading, UnreadId, UnreadRecord,
};
use tokio::sync::{mpsc, watch};

use crate::again::Turn;
use crate::answer::Asker;
use crate::arrival::Arrival;
use crate::bindings::Bound;
use crate::command::Command;
use crate::draft::{Draft, Waiting};
use crate::elsewhere::Ears;
use crate::identity::Identity;
use crate::ids::{Ids, next_number};
use crate::newcomers::{Known, Newcomers};
use crate::past::Seen;
use crate::reader::{Read, Reader};
use crate::repeats::message_hash;
use crate::rules::RuleSet;
use crate::shared::Shared;
use crate::stamp::Stamper;
use crate::time_policy::{IMPORT, Judged};
use crate::traces::{Announces, Note, TopicTrace, TracedMessage, TracedRule, start_of};
use crate::{Limits, TimePolicy};

pub(crate) struct Taker {
    pub(crate) store: Arc<dyn Readings>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ids: Ids,
    pub(crate) limits: Limits,
    pub(crate) policy: TimePolicy,
    pub(crate) identity: Identity,
    pub(crate) repeats: RepeatWindow,
    stamper: Stamper,
    pub(crate) reader: Reader,
    pub(crate) last_unread: u64,
    pub(crate) newcomers: Newcomers,
    /// See [`Waiting`].
    pub(crate) epoch: u64,
    /// Batches handed to the store since start.
    pub(crate) submitted: u64,
    pub(crate) ears: Ears,
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

/// What is told of a message beside its outcome.
#[derive(Clone, Default)]
pub(crate) struct Beside {
    pub(crate) account: Account,
    pub(crate) announces: Option<Announces>,
}

impl Taker {
    pub(crate) fn new(
        restored: &Restored,
        store: Arc<dyn Readings>,
        clock: Arc<dyn Clock>,
        shared: Arc<Shared>,
        ids: Ids,
        ears: Ears,
        (limits, policy): (Limits, TimePolicy),
    ) -> Self {
        Self {
            identity: Identity::resume(restored, ids.kept()),
            ids,
            repeats: RepeatWindow::resume(&restored.repeats),
            stamper: Stamper::resume(restored.last_received, restored.node),
            reader: Reader::new(limits.topics_max),
            last_unread: restored.last_unread.map_or(0, |id| id.0),
            newcomers: Newcomers::counted(&shared.registry),
            epoch: 0,
            submitted: 0,
            ears,
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
                        break;
                    }
                }
                Some(turn) = self.ears.back.recv() => {
                    if !self.take_back(turn, &waiting).await {
                        break;
                    }
                }
                Some(batch) = self.ears.learned.recv() => self.learn(&batch),
                Some(command) = commands.recv() => self.obey(command, &waiting).await,
                changed = stop.changed(), if !stopping => {
                    stopping = changed.is_err() || *stop.borrow();
                    if stopping {
                        inbox.close();
                    }
                }
            }
        }
        self.ears.give_up().await;
    }

    /// Puts everything taken into batches, behind what came back; false when the settling task is gone.
    pub(crate) async fn take_all(&mut self, taken: &mut Vec<Inbound>, waiting: &mpsc::Sender<Waiting>) -> bool {
        self.catch_up().await;
        let mut turns = self.ears.came_back();
        turns.extend(taken.drain(..).map(Turn::first));
        self.take_turns(turns, waiting).await
    }

    pub(crate) async fn take_turns(&mut self, turns: Vec<Turn>, waiting: &mpsc::Sender<Waiting>) -> bool {
        let now = self.clock.now();
        let (bound, rules) = (self.shared.bindings.current(), self.shared.rules.current());
        let mut draft = Draft::expecting(turns.len());
        for turn in turns {
            self.take(turn, now, &bound, &rules, &mut draft);
            if draft.bytes >= self.limits.batch_bytes_max && !self.submit(std::mem::take(&mut draft), waiting).await {
                return false;
            }
        }
        self.submit(draft, waiting).await
    }

    /// After a batch that was not stored: what it would have made known is not, and its senders will send it again.
    pub(crate) async fn catch_up(&mut self) {
        self.hear();
        if !self.shared.take_identity_lost() {
            return;
        }
        if self.shared.is_shared() {
            self.await_the_others().await;
        }
        let restored = self.store.restored();
        // Ids are never given twice, also where another server took the devices away that had the last ones.
        let last = self.ids.kept().max_of(self.identity.last());
        self.identity = Identity::resume(&restored, last);
        self.repeats = RepeatWindow::resume(&restored.repeats);
        self.retried.clear();
        self.epoch += 1;
        self.shared.registry.catch_up(&restored);
        if self.shared.is_shared() {
            self.read_whose_is_whose().await;
        }
        let hidden = self.shared.registry.partly_hidden();
        self.shared.registry.reread(self.store.as_ref(), &hidden).await;
    }

    pub(crate) async fn submit(&mut self, draft: Draft, waiting: &mpsc::Sender<Waiting>) -> bool {
        if draft.is_empty() {
            return true;
        }
        let (batch, effects) = draft.close();
        let commit = self.store.append(batch).await;
        self.submitted += 1;
        waiting.send(Waiting { commit, epoch: self.epoch, effects }).await.is_ok()
    }

    /// What recognises a repeat of a message, or nothing if it is one.
    fn mark(&self, inbound: &Inbound, repeat: Repeat, now: Timestamp) -> Option<RepeatMark> {
        let hash = message_hash(inbound);
        let client = match repeat.part {
            0 => Arc::clone(&inbound.client),
            part => format!("{}#{part}", inbound.client).into(),
        };
        let held = repeat.marked && self.repeats.holds(&client, repeat.id, hash, now);
        (!held).then_some(RepeatMark { client, packet_id: repeat.id, hash, accepted: now })
    }

    fn take(&mut self, turn: Turn, now: Timestamp, bound: &Bound, rules: &RuleSet, draft: &mut Draft) {
        let inbound = &turn.inbound;
        self.shared.taken.count(&inbound.source, now);
        let entries_before = draft.entries.len();
        draft.behind = self.shared.announced.unkept(&inbound.topic);
        let mark = inbound.repeat.map(|repeat| self.mark(inbound, repeat, now));
        if mark == Some(None) {
            self.repeated(inbound, &mut draft.effects);
            draft.count(&inbound.source, Outcome::Duplicate);
            draft.answer(Asker::Source(turn.inbound.reply), Outcome::Duplicate);
            return;
        }
        let mark = mark.flatten();
        let stamp = turn.stamp.unwrap_or_else(|| self.stamper.stamp(now));
        self.shared.stamped(stamp.time);
        let kept = if self.shared.is_shared() { turn.keep(stamp) } else { None };
        let mut inbound = turn.inbound;
        let Read { mut content, decoder, rule, device, presence, trace } = match inbound.read.take() {
            Some(found) => {
                let content = Content::Readings(found);
                Read { content, decoder: DecoderId("source"), rule: None, device: None, presence: None, trace: None }
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
        if let Some(told) = presence.filter(|_| rule.is_none()) {
            content = self.announced_presence(&arriving, &told, content, draft);
        }
        let mut beside = Beside::default();
        let outcome = self.fate(&inbound, &arriving, content, device.as_ref(), &mut beside, draft);
        if let (Some(mark), Outcome::Stored { .. } | Outcome::Unread) = (&arriving.mark, outcome) {
            self.repeats.accept(mark);
        }
        if let Some(trace) = trace {
            let rule = rule.map(|held| TracedRule { id: Arc::clone(&held.id), version: held.version });
            draft.effects.traces.push(note(trace, &arriving, (decoder, rule), outcome, beside.clone()));
        }
        if !beside.account.is_empty() {
            inbound.reply.because(beside.account);
        }
        draft.weigh(entries_before);
        draft.count(&inbound.source, outcome);
        draft.answer_kept(Asker::Source(inbound.reply), outcome, kept);
    }

    /// Does what a message says.
    fn fate(
        &mut self,
        inbound: &Inbound,
        arriving: &Arriving<'_>,
        content: Content,
        device: Option<&DeviceKey>,
        beside: &mut Beside,
        draft: &mut Draft,
    ) -> Outcome {
        match content {
            Content::Readings(found) if inbound.replayed => {
                self.replayed(arriving, found, device, &mut beside.account, draft)
            }
            Content::Readings(found) => self.readings(arriving, found, device, &mut beside.account, draft),
            Content::NoReading { kind, availability } => {
                self.availability(availability, device, arriving.bound, draft);
                if kind == "clear" {
                    self.cleared(arriving, draft);
                }
                Outcome::NoReading { kind }
            }
            Content::Announced(told) => {
                beside.announces = Some(Announces::of(&told));
                self.announced(arriving, *told, draft)
            }
            Content::Unreadable { reason, detail } => {
                let detail: Arc<str> = detail.into();
                beside.account.unread = Some((reason, Arc::clone(&detail)));
                self.unread(inbound, arriving, reason, detail, draft);
                Outcome::Unread
            }
        }
    }

    /// Gives each value its series, time and key. The message is stored if at least one value was accepted.
    pub(crate) fn readings(
        &mut self,
        arriving: &Arriving<'_>,
        found: Vec<Found>,
        device: Option<&DeviceKey>,
        account: &mut Account,
        draft: &mut Draft,
    ) -> Outcome {
        let entries_before = draft.entries.len();
        let values = found.len();
        let received = arriving.stamp.time;
        let mut accepted: Vec<SeriesReading> = Vec::with_capacity(found.len());
        let mut arrivals: Vec<Arrival> = Vec::new();
        let mut told: Vec<(Found, DeviceId)> = Vec::new();
        let mut refused = RejectReason::Name;
        // Mostly all values are of one device, which then is looked up once.
        let mut before: Option<(String, DeviceId)> = None;
        for mut value in found {
            name_device(&mut value, device, arriving.client);
            let known = before.take().filter(|(key, _)| *key == value.device).map(|(_, id)| id);
            match self.reading((&value, known), arriving, &accepted, draft) {
                Ok((device, reading, seen)) => {
                    draft.count_reading(arriving.source, None);
                    Arrival::among(&mut arrivals, device, arriving).note(&value, &reading.reading, seen);
                    accepted.push(reading);
                    if draft.entries.len() > entries_before {
                        told.push((value, device));
                    } else {
                        before = Some((value.device, device));
                    }
                }
                Err(reason) => {
                    refused = reason;
                    account.refuse(reason);
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
            for arrival in &mut arrivals {
                arrival.cut_of(values, account);
            }
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
        (found, before): (&Found, Option<DeviceId>),
        arriving: &Arriving<'_>,
        accepted: &[SeriesReading],
        draft: &mut Draft,
    ) -> Result<(DeviceId, SeriesReading, Seen), RejectReason> {
        let stamp = arriving.stamp;
        let known = match before {
            Some(id) => Known::As(id),
            None => self.known(&found.device, arriving.bound)?,
        };
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
        let device = match known {
            Known::As(id) => id,
            Known::New(new) => {
                // A device comes to be by a reading that is stored, so nothing may be left that refuses it.
                self.identity.admits_new(found, &self.limits)?;
                self.welcome(new, arriving.source, stamp.time, draft)?
            }
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
        self.last_unread = next_number(self.last_unread, self.identity.node());
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

pub(crate) fn note(
    trace: Arc<TopicTrace>,
    arriving: &Arriving<'_>,
    (decoder, rule): (DecoderId, Option<TracedRule>),
    outcome: Outcome,
    Beside { account, announces }: Beside,
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
        unread: account.unread,
        refused: account.refused,
        announces,
    };
    Note { trace, message }
}
