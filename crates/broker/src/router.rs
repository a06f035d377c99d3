//! Who gets a copy of which message: the trie behind a lock, one copy for each subscriber.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use model::TopicFilter;
use parking_lot::RwLock;

use crate::link::Link;
use crate::message::{Forms, Message};
use crate::trie::Trie;

/// What a subscriber asked for with one filter.
pub(crate) struct Asked {
    pub link: Arc<Link>,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub id: Option<NonZeroU32>,
}

/// There are too many subscriptions in all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// All subscriptions.
pub(crate) struct Router {
    subscriptions_max: usize,
    trie: RwLock<Trie<Asked>>,
    /// Length of the trie, so that nobody takes the lock where nobody listens.
    len: AtomicUsize,
}

/// One copy to send, of all filters of one subscriber that ask for it.
struct Copy {
    link: Arc<Link>,
    retain_as_published: bool,
    ids: Vec<NonZeroU32>,
}

impl Router {
    pub(crate) fn new(subscriptions_max: usize) -> Self {
        Self { subscriptions_max, trie: RwLock::default(), len: AtomicUsize::new(0) }
    }

    /// Subscriptions at this moment.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    /// Adds a subscription or replaces the one with the same filter.
    pub(crate) fn subscribe(&self, filter: &TopicFilter, asked: Asked) -> Result<(), NoRoom> {
        let mut trie = self.trie.write();
        if trie.len() >= self.subscriptions_max {
            return Err(NoRoom);
        }
        let number = asked.link.number;
        trie.insert(filter, number, asked);
        self.len.store(trie.len(), Relaxed);
        Ok(())
    }

    /// Takes one out.
    pub(crate) fn unsubscribe(&self, filter: &TopicFilter, number: u64) {
        let mut trie = self.trie.write();
        let removed = trie.remove(filter, number);
        self.len.store(trie.len(), Relaxed);
        drop(trie);
        drop(removed);
    }

    /// Queues one copy for each subscriber. `from` is the connection that published it.
    pub(crate) fn fan_out(&self, message: &Message, from: Option<u64>) {
        if self.len() == 0 {
            return;
        }
        let mut copies: Vec<Copy> = Vec::new();
        let trie = self.trie.read();
        trie.matches(&message.topic, &mut |number, asked| {
            if !(asked.no_local && from == Some(number)) {
                copies.push(Copy {
                    link: Arc::clone(&asked.link),
                    retain_as_published: asked.retain_as_published,
                    ids: asked.id.into_iter().collect(),
                });
            }
        });
        drop(trie);
        copies.sort_by_key(|copy| copy.link.number);
        copies.dedup_by(|again, kept| {
            let same = again.link.number == kept.link.number;
            if same {
                kept.retain_as_published |= again.retain_as_published;
                kept.ids.append(&mut again.ids);
            }
            same
        });
        let mut forms = Forms::of(message);
        for copy in copies {
            let retain = message.retain && copy.retain_as_published;
            if let Some(form) = forms.form(copy.link.version, retain, &copy.ids) {
                copy.link.push(form);
            }
        }
    }
}
