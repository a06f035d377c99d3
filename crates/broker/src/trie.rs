//! Who asked for a topic: filters as a tree of levels.
//!
//! It says the same as `TopicFilter::matches` tried on every filter, without trying every filter. It is no lock and
//! knows nothing of connections; a key names a subscriber, and a subscriber has a filter at most once.

use std::collections::HashMap;

use model::{Topic, TopicFilter};

/// Subscribers with what each of them asked for.
#[derive(Debug)]
pub(crate) struct Trie<S> {
    root: Node<S>,
    len: usize,
}

#[derive(Debug)]
struct Node<S> {
    literal: HashMap<Box<str>, Node<S>>,
    /// The level `+`.
    any: Option<Box<Node<S>>>,
    /// Filters that end here.
    here: Vec<(u64, S)>,
    /// Filters that end in `#` below this level, which match this level too.
    below: Vec<(u64, S)>,
}

impl<S> Default for Node<S> {
    fn default() -> Self {
        Self { literal: HashMap::new(), any: None, here: Vec::new(), below: Vec::new() }
    }
}

impl<S> Default for Trie<S> {
    fn default() -> Self {
        Self { root: Node::default(), len: 0 }
    }
}

impl<S> Trie<S> {
    /// Subscriptions in it.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a subscription and answers the one of the same subscriber and filter that it takes the place of.
    pub(crate) fn insert(&mut self, filter: &TopicFilter, key: u64, value: S) -> Option<S> {
        let entries = self.root.entries(filter.as_str());
        if let Some((_, old)) = entries.iter_mut().find(|(other, _)| *other == key) {
            return Some(std::mem::replace(old, value));
        }
        entries.push((key, value));
        self.len += 1;
        None
    }

    /// Takes a subscription out, and with it the levels nobody else needs.
    pub(crate) fn remove(&mut self, filter: &TopicFilter, key: u64) -> Option<S> {
        let removed = self.root.remove(filter.as_str().split('/'), key);
        self.len -= usize::from(removed.is_some());
        removed
    }

    /// Calls `found` for every subscription that asks for `topic`, in no order.
    pub(crate) fn matches<'a>(&'a self, topic: &Topic, found: &mut impl FnMut(u64, &'a S)) {
        let text = topic.as_str();
        let (first, rest) = split(text);
        if text.starts_with('$') {
            // 4.7.2-1: a wildcard in the first level does not match a leading `$`.
            if let Some(node) = self.root.literal.get(first) {
                node.matches(rest, found);
            }
            return;
        }
        self.root.matches(Some(text), found);
    }
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (text, None),
    }
}

impl<S> Node<S> {
    /// The list a filter belongs to, with the levels on the way made.
    fn entries(&mut self, filter: &str) -> &mut Vec<(u64, S)> {
        let mut node = self;
        for level in filter.split('/') {
            node = match level {
                "#" => return &mut node.below,
                "+" => node.any.get_or_insert_default(),
                literal => node.literal.entry(literal.into()).or_default(),
            };
        }
        &mut node.here
    }

    fn remove<'f>(&mut self, mut levels: impl Iterator<Item = &'f str>, key: u64) -> Option<S> {
        match levels.next() {
            None => take(&mut self.here, key),
            Some("#") => take(&mut self.below, key),
            Some("+") => {
                let any = self.any.as_mut()?;
                let removed = any.remove(&mut levels as &mut dyn Iterator<Item = &'f str>, key);
                if any.is_empty() {
                    self.any = None;
                }
                removed
            }
            Some(literal) => {
                let node = self.literal.get_mut(literal)?;
                let removed = node.remove(&mut levels as &mut dyn Iterator<Item = &'f str>, key);
                if node.is_empty() {
                    self.literal.remove(literal);
                }
                removed
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.literal.is_empty() && self.any.is_none() && self.here.is_empty() && self.below.is_empty()
    }

    /// `rest` is what is left of the topic below this node; none if the topic ends here.
    fn matches<'a>(&'a self, rest: Option<&str>, found: &mut impl FnMut(u64, &'a S)) {
        for (key, value) in &self.below {
            found(*key, value);
        }
        let Some(rest) = rest else {
            for (key, value) in &self.here {
                found(*key, value);
            }
            return;
        };
        let (level, rest) = split(rest);
        if let Some(node) = self.literal.get(level) {
            node.matches(rest, found);
        }
        if let Some(node) = &self.any {
            node.matches(rest, found);
        }
    }
}

fn take<S>(entries: &mut Vec<(u64, S)>, key: u64) -> Option<S> {
    let index = entries.iter().position(|(other, _)| *other == key)?;
    let (_, value) = entries.swap_remove(index);
    if entries.is_empty() {
        entries.shrink_to_fit();
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn level() -> impl Strategy<Value = String> {
        prop_oneof![3 => "[ab]", 1 => Just(String::new()), 1 => Just("$x".to_owned())]
    }

    fn topic() -> impl Strategy<Value = Topic> {
        let text = prop::collection::vec(level(), 1..5).prop_map(|levels| levels.join("/"));
        text.prop_filter_map("a topic", |text| Topic::parse(&text).ok())
    }

    fn filter() -> impl Strategy<Value = TopicFilter> {
        let level = prop_oneof![4 => level(), 2 => Just("+".to_owned())];
        let text = (prop::collection::vec(level, 0..5), any::<bool>()).prop_map(|(mut levels, all)| {
            if all {
                levels.push("#".to_owned());
            }
            levels.join("/")
        });
        text.prop_filter_map("a filter", |text| TopicFilter::parse(&text).ok())
    }

    proptest! {
        /// The trie against trying every filter, while subscriptions come and go.
        #[test]
        fn it_finds_what_trying_every_filter_finds(
            steps in prop::collection::vec((any::<bool>(), 0u64..3, filter()), 0..40),
            topics in prop::collection::vec(topic(), 1..20),
        ) {
            let mut trie = Trie::default();
            let mut naive: Vec<(u64, TopicFilter)> = Vec::new();
            for (add, key, filter) in steps {
                let known = naive.iter().position(|entry| *entry == (key, filter.clone()));
                if add {
                    prop_assert_eq!(trie.insert(&filter, key, filter.clone()).is_some(), known.is_some());
                    if known.is_none() {
                        naive.push((key, filter));
                    }
                } else {
                    prop_assert_eq!(trie.remove(&filter, key).is_some(), known.is_some());
                    known.map(|index| naive.swap_remove(index));
                }
                prop_assert_eq!(trie.len(), naive.len());
            }
            for topic in topics {
                let mut found = Vec::new();
                trie.matches(&topic, &mut |key, filter: &TopicFilter| found.push((key, filter.clone())));
                let mut expected: Vec<_> = naive.iter().filter(|(_, filter)| filter.matches(&topic)).cloned().collect();
                found.sort();
                expected.sort();
                prop_assert_eq!(found, expected, "{}", topic);
            }
            for (key, filter) in naive {
                trie.remove(&filter, key);
            }
            prop_assert!(trie.root.is_empty());
        }
    }
}
