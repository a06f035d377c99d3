//! What was announced to other servers that share the store. Each keeps what was announced to it in pages of its own; of one subject
//! the latest change counts, wherever it was made, and whoever keeps an earlier one takes it out of his pages.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use store::{Catalog, CatalogError};

use super::keep::{find, number_of, what_holds};
use super::subject::Subject;
use super::{Announcements, State};

impl Announcements {
    /// Takes over what the pages of other servers say.
    pub(crate) async fn follow(&self, catalog: &dyn Catalog) -> Result<(), CatalogError> {
        let mut found = find(catalog).await?;
        let mut state = self.state_mut();
        let node = state.node;
        found.retain(|(id, ..)| number_of(id, node).is_none());
        let (there, gone) = what_holds(&found);
        let said: HashSet<Arc<str>> = there.iter().map(|subject| Arc::clone(&subject.key)).collect();
        let mut changed = false;
        for subject in gone {
            changed |= state.hear_withdrawn(subject);
        }
        for subject in there {
            changed |= state.hear(subject);
        }
        changed |= state.forget_unsaid(&said);
        drop(state);
        if changed {
            self.version.fetch_add(1, Ordering::AcqRel);
            // What is not ours any more leaves our pages.
            self.asked.send_modify(|asked| *asked += 1);
        }
        Ok(())
    }
}

impl State {
    /// Another server was told something; whether that is news.
    fn hear(&mut self, subject: Subject) -> bool {
        self.serial = self.serial.max(subject.serial);
        let before = self.subjects.get(&subject.key).map(Arc::clone);
        let withdrawn = self.withdrawn.serial_of(&subject.key, &subject.owner);
        let newest = before.as_ref().map(|before| before.serial).max(withdrawn);
        if newest.is_some_and(|newest| newest >= subject.serial) {
            return false;
        }
        if let Some(before) = &before {
            self.take_out(before);
            self.pages.remove(&before.key);
        }
        if let Some(again) = self.withdrawn.take(&subject.key, &subject.owner) {
            self.pages.remove(&again.page_key());
        }
        let bytes = subject.parts().iter().map(String::len).sum();
        self.put_in(subject, bytes);
        true
    }

    /// On another server somebody took back what he had said; whether that is news.
    fn hear_withdrawn(&mut self, mut subject: Subject) -> bool {
        self.serial = self.serial.max(subject.serial);
        if self.withdrawn.serial_of(&subject.key, &subject.owner) >= Some(subject.serial) {
            return false;
        }
        let before = self.subjects.get(&subject.key).map(Arc::clone).filter(|before| before.owner == subject.owner);
        if before.as_ref().is_some_and(|before| before.serial >= subject.serial) {
            return false;
        }
        if let Some(before) = &before {
            self.take_out(before);
            self.pages.remove(&before.key);
        }
        if let Some(again) = self.withdrawn.take(&subject.key, &subject.owner) {
            self.pages.remove(&again.page_key());
        }
        subject.bytes = subject.parts().iter().map(String::len).sum();
        for forgotten in self.withdrawn.remember(subject) {
            self.pages.remove(&forgotten.page_key());
        }
        true
    }

    /// What stands neither in our pages nor in others' any more holds no longer; whether there was such.
    fn forget_unsaid(&mut self, said: &HashSet<Arc<str>>) -> bool {
        let unsaid = self.subjects.values().filter(|it| !self.pages.holds(&it.key) && !said.contains(&it.key));
        let unsaid: Vec<Arc<Subject>> = unsaid.map(Arc::clone).collect();
        unsaid.iter().for_each(|subject| self.take_out(subject));
        !unsaid.is_empty()
    }
}
