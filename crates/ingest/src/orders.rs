//! What the taking task does for people, in order with the messages: devices made, unread messages read again, decisions
//! about readings that are there.

use std::sync::Arc;

use decode::Content;
use model::{DeviceKey, ReadingKey, SourceName, Topic};
use source::Outcome;
use store::{Entry, StoreError, UnreadId};
use tokio::sync::{mpsc, oneshot};

use crate::answer::Asker;
use crate::command::{Added, Command, Decided, Retried};
use crate::draft::{Draft, Waiting};
use crate::reader::Read;
use crate::take::{Arriving, Beside, Taker, note};
use crate::traces::{Announces, TracedRule};

/// What becomes of an unread message that is ingested again.
enum Retry {
    /// It can be read: answered once this is durable.
    Submit(Box<Draft>, Outcome),
    /// Nothing to do.
    Answer(Retried),
}

impl Taker {
    pub(crate) async fn obey(&mut self, command: Command, waiting: &mpsc::Sender<Waiting>) {
        match command {
            Command::AddDevice { key, done } => self.add_device(key, done, waiting).await,
            Command::Decide { entry, done } => self.decide(entry, done, waiting).await,
            Command::Retry { id, done } => match self.retry(id).await {
                Ok(Retry::Submit(mut draft, outcome)) => {
                    draft.answer(Asker::Person(done), outcome);
                    self.submit(*draft, waiting).await;
                }
                Ok(Retry::Answer(retried)) => {
                    let _ = done.send(Ok(retried));
                }
                Err(error) => {
                    let _ = done.send(Err(error));
                }
            },
        }
    }

    async fn add_device(&mut self, key: DeviceKey, done: oneshot::Sender<Added>, waiting: &mpsc::Sender<Waiting>) {
        self.catch_up().await;
        if self.identity.device(key.as_str()).is_some() {
            let _ = done.send(Added::Exists);
            return;
        }
        let mut draft = Draft::default();
        let Some(id) = self.identity.add_device(key, self.clock.now(), &mut draft.entries) else {
            let _ = done.send(Added::Failed);
            return;
        };
        draft.effects.added.push((done, id));
        self.submit(draft, waiting).await;
    }

    async fn retry(&mut self, id: UnreadId) -> Result<Retry, StoreError> {
        self.catch_up().await;
        let record = match self.store.unread_one(id).await? {
            Some(record) if !self.retried.contains(&id) => record,
            Some(_) | None => return Ok(Retry::Answer(Retried::NotFound)),
        };
        let (Ok(topic), Ok(inbox)) = (Topic::parse(&record.topic), SourceName::parse("inbox")) else {
            return Ok(Retry::Answer(Retried::StillUnread));
        };
        let (bound, rules) = (self.shared.bindings.current(), self.shared.rules.current());
        let Read { content, decoder, rule, device, trace, .. } =
            self.reader.read(&topic, &record.payload, &bound, &rules, &self.shared);
        let device = device.or_else(|| bound.device_of_client(&record.source, &record.client).cloned());
        let stamp = ReadingKey { time: record.received, n: record.n };
        let mut draft = Draft::answered_behind(self.shared.announced.unkept(&topic));
        let arriving = Arriving {
            source: &inbox,
            client: &record.client,
            topic: &topic,
            payload: &record.payload,
            stamp,
            mark: None,
            bound: &bound,
        };
        let mut beside = Beside::default();
        let outcome = match content {
            Content::Unreadable { .. } => return Ok(Retry::Answer(Retried::StillUnread)),
            Content::Readings(found) => {
                self.readings(&arriving, found, device.as_ref(), &mut beside.account, &mut draft)
            }
            Content::NoReading { kind, .. } => Outcome::NoReading { kind },
            Content::Announced(told) => {
                beside.announces = Some(Announces::of(&told));
                self.announced(&arriving, *told, &mut draft)
            }
        };
        if let Some(trace) = trace {
            let rule = rule.map(|held| TracedRule { id: Arc::clone(&held.id), version: held.version });
            draft.effects.retried = Some(note(trace, &arriving, (decoder, rule), outcome, beside));
        }
        self.shared.taken.count(&inbox, self.clock.now());
        draft.count(&inbox, outcome);
        draft.entries.push(Entry::UnreadDone(id));
        self.retried.insert(id);
        Ok(Retry::Submit(Box::new(draft), outcome))
    }

    /// A decision about readings that are there goes into the log behind everything taken in so far.
    async fn decide(&mut self, entry: Entry, done: oneshot::Sender<Decided>, waiting: &mpsc::Sender<Waiting>) {
        self.catch_up().await;
        let takes_ids_away = matches!(entry, Entry::DeviceDeleted(_) | Entry::DeviceMerged(_));
        if takes_ids_away && let Err(error) = self.ids.keep(self.identity.last()).await {
            tracing::error!(%error, "the ids given so far could not be kept");
            let _ = done.send(Decided::Refused("catalogue_failed"));
            return;
        }
        if let Entry::DeviceDeleted(device) = &entry {
            self.identity.delete(*device);
        }
        if let Entry::DeviceMerged(merge) = &entry {
            self.identity.merge(*merge);
        }
        let mut draft = Draft::default();
        draft.entries.push(entry.clone());
        draft.effects.decision = Some((entry, done));
        self.submit(draft, waiting).await;
    }
}
