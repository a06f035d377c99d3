//! How long readings are kept: for ever, unless somebody says otherwise.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// Rules of one policy at most. More are refused.
pub const RULES_MAX: usize = 200;
/// Days that a rule may name at most: a hundred years.
pub const DAYS_MAX: u32 = 36_500;
/// Longest subject of a rule in bytes.
const SUBJECT_BYTES_MAX: usize = 256;

/// For how long readings are kept. A rule for a device goes before those for its tags, of which the one that keeps longest
/// holds, and these before the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Days; none keeps for ever.
    pub default_days: Option<u32>,
    /// Exceptions.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// One exception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// For whom.
    pub subject: Subject,
    /// Days; none keeps for ever.
    pub days: Option<u32>,
}

/// For whom a rule is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The device of this key.
    Device(String),
    /// Every device with this tag.
    Tag(String),
}

/// Why a policy is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// None or too many days.
    #[error("days must be 1 to {DAYS_MAX}, or none to keep for ever, not {0}")]
    Days(u32),
    /// Too many rules.
    #[error("{0} rules are more than {RULES_MAX}")]
    TooManyRules(usize),
    /// Two rules for one subject.
    #[error("there are two rules for {0:?}")]
    Twice(Subject),
    /// A subject without a name, or with one that nobody can have.
    #[error("a rule is for a device or a tag of 1 to {SUBJECT_BYTES_MAX} bytes")]
    Subject,
}

impl Policy {
    /// Whether it can be one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), PolicyError> {
        if self.rules.len() > RULES_MAX {
            return Err(PolicyError::TooManyRules(self.rules.len()));
        }
        let days = self.rules.iter().map(|rule| rule.days).chain([self.default_days]).flatten();
        if let Some(wrong) = days.into_iter().find(|days| !(1..=DAYS_MAX).contains(days)) {
            return Err(PolicyError::Days(wrong));
        }
        let mut subjects = HashSet::new();
        for Rule { subject, .. } in &self.rules {
            let (Subject::Device(name) | Subject::Tag(name)) = subject;
            if name.is_empty() || name.len() > SUBJECT_BYTES_MAX {
                return Err(PolicyError::Subject);
            }
            if !subjects.insert(subject) {
                return Err(PolicyError::Twice(subject.clone()));
            }
        }
        Ok(())
    }

    /// For how many days the readings of a device are kept; none for ever.
    #[must_use]
    pub fn days_for(&self, key: &str, tags: &[String]) -> Option<u32> {
        let own = self.rules.iter().find(|rule| matches!(&rule.subject, Subject::Device(device) if device == key));
        if let Some(own) = own {
            return own.days;
        }
        let of_tag = |rule: &&Rule| matches!(&rule.subject, Subject::Tag(tag) if tags.contains(tag));
        let longest = self.rules.iter().filter(of_tag).map(|rule| span(rule.days)).max();
        longest.map_or(self.default_days, |days| (days < u32::MAX).then_some(days))
    }

    /// Whether it ever takes anything away.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.default_days.is_some() || self.rules.iter().any(|rule| rule.days.is_some())
    }

    /// Whether it keeps less than `before` of a device that there is, of the subject of a rule of either, or of everybody else.
    #[must_use]
    pub fn keeps_less_than<'a>(
        &'a self,
        before: &'a Self,
        devices: impl Iterator<Item = (&'a str, &'a [String])>,
    ) -> bool {
        let less = |key: &str, tags: &[String]| span(self.days_for(key, tags)) < span(before.days_for(key, tags));
        let of_rules = self.rules.iter().chain(&before.rules).any(|rule| match &rule.subject {
            Subject::Device(key) => less(key, &[]),
            Subject::Tag(tag) => less("", std::slice::from_ref(tag)),
        });
        let mut devices = devices;
        of_rules || less("", &[]) || devices.any(|(key, tags)| less(key, tags))
    }
}

/// Days that compare: for ever is longer than any.
fn span(days: Option<u32>) -> u32 {
    days.unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(key: &str, days: Option<u32>) -> Rule {
        Rule { subject: Subject::Device(key.into()), days }
    }

    fn tag(tag: &str, days: Option<u32>) -> Rule {
        Rule { subject: Subject::Tag(tag.into()), days }
    }

    #[test]
    fn the_nearest_rule_holds_and_of_tags_the_longest() {
        let rules = vec![tag("lab", Some(7)), tag("keep", Some(90)), tag("ever", None), device("pump", Some(1))];
        let policy = Policy { default_days: Some(30), rules };
        let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        assert_eq!(policy.days_for("fan", &[]), Some(30));
        assert_eq!(policy.days_for("fan", &tags(&["lab"])), Some(7));
        assert_eq!(policy.days_for("fan", &tags(&["lab", "keep"])), Some(90));
        assert_eq!(policy.days_for("fan", &tags(&["ever", "keep"])), None);
        assert_eq!(policy.days_for("pump", &tags(&["ever"])), Some(1));
        assert_eq!(Policy::default().days_for("pump", &[]), None);
    }

    #[test]
    fn keeping_less_is_noticed_wherever_it_is() {
        let ever = Policy::default();
        let month = Policy { default_days: Some(30), rules: vec![] };
        let less = |new: &Policy, old: &Policy, tags: &[String]| new.keeps_less_than(old, [("pump", tags)].into_iter());
        assert!(less(&month, &ever, &[]) && !less(&ever, &month, &[]) && !less(&month, &month, &[]));
        let with = |rule| Policy { default_days: Some(30), rules: vec![rule] };
        assert!(less(&with(device("new", Some(7))), &month, &[]), "a device that is not there yet");
        assert!(!less(&with(device("pump", Some(31))), &month, &[]));
        assert!(less(&month, &with(device("pump", Some(31))), &[]), "a rule that is left out");
        assert!(less(&with(tag("lab", Some(7))), &with(tag("lab", None)), &["lab".to_owned()]));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let with = |days, rules| Policy { default_days: days, rules }.check();
        assert_eq!(with(Some(0), vec![]), Err(PolicyError::Days(0)));
        assert_eq!(with(None, vec![device("a", Some(DAYS_MAX + 1))]), Err(PolicyError::Days(DAYS_MAX + 1)));
        assert_eq!(with(None, vec![tag("", None)]), Err(PolicyError::Subject));
        let twice = vec![tag("a", None), device("a", None), tag("a", Some(1))];
        assert_eq!(with(None, twice), Err(PolicyError::Twice(Subject::Tag("a".into()))));
        assert_eq!(with(None, vec![tag("a", None); RULES_MAX + 1]), Err(PolicyError::TooManyRules(RULES_MAX + 1)));
        assert_eq!(with(Some(DAYS_MAX), vec![tag("a", None), device("a", Some(1))]), Ok(()));
    }
}
