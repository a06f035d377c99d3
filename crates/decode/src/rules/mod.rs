//! Rules: what a person says about the messages of some topics, where the usual decoding does not know or guesses wrong.
//!
//! A rule is data ([`RuleSpec`]). It is compiled once, which is when everything that can be wrong with it is told,
//! tied to the member that is wrong; reading with it cannot fail but only find nothing. Pure like all of this crate.

mod compile;
mod csv;
mod lenient;
mod path;
mod read;
mod spec;
mod suggest;
mod suggest_json;
mod suggest_topic;
mod template;
#[cfg(test)]
mod tests;
mod time;
mod words;

pub use path::{PATH_BYTES_MAX, WORK_MAX};
pub use spec::{DeviceSpec, FieldSpec, Format, RuleSpec, TimeSpec, TimeUnit};
pub use suggest::{only_for, suggest};

use jiff::tz::TimeZone;
use model::{Kind, Topic, TopicFilter, Unit};

use crate::name::Named;
use crate::unit::Known;
use crate::{Decoded, DecoderId};
use path::Path;
use template::Template;
use words::Words;

/// Most fields of a rule. More: the rule is refused.
pub const FIELDS_MAX: usize = 64;
/// Most numbers that mean a failed read, per field. More: the rule is refused.
pub const BAD_MAX: usize = 32;
/// Longest name of a rule, metric name, fallback and unit, in bytes. Longer: the rule is refused.
pub const NAME_BYTES_MAX: usize = 256;
/// Highest column of CSV. Higher: the rule is refused.
pub const COLUMN_MAX: u32 = 1024;

/// The decoder that is told for every message that a rule took.
pub const DECODER: DecoderId = DecoderId("rule");

/// What is wrong with a rule, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {sentence}")]
pub struct RuleError {
    /// The member, such as `fields[0].path`.
    pub member: String,
    /// One sentence for a person.
    pub sentence: String,
}

/// A rule that can be used.
#[derive(Clone, Debug)]
pub struct Rule {
    template: Template,
    format: Format,
    time: Option<Time>,
    device_path: Option<Path>,
    device_fallback: Option<Words>,
    fields: Vec<Field>,
    route_only: bool,
    server_time: bool,
}

#[derive(Clone, Debug)]
struct Time {
    path: Path,
    unit: Option<TimeUnit>,
    zone: Option<TimeZone>,
}

#[derive(Clone, Debug)]
struct Field {
    /// As it was written; for formats whose values have names instead of places.
    name: String,
    path: Path,
    metric: Metric,
    unit: Option<Unit>,
    known: Option<Known>,
    kind: Option<Kind>,
    scale: f64,
    offset: f64,
    valid: Option<[f64; 2]>,
    bad: Vec<f64>,
}

/// The metric of a field.
#[derive(Clone, Debug)]
enum Metric {
    /// Whatever the topic is.
    Fixed(Named),
    /// With what names of the topic stand for.
    OfTopic(Words),
}

impl Rule {
    /// Checks a rule and makes it ready.
    ///
    /// # Errors
    /// The first thing that is wrong with it; each limit of this module is one of them.
    pub fn compile(spec: &RuleSpec) -> Result<Self, RuleError> {
        compile::compile(spec)
    }

    /// What to subscribe to. With `{name*}` in the middle it takes more topics than the rule does.
    #[must_use]
    pub fn filter(&self) -> TopicFilter {
        self.template.filter().clone()
    }

    /// Whether the rule is for that topic.
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        self.template.matches(topic.as_str())
    }

    /// Whether every topic of `other` is one of this rule, so that `other` behind it is never asked.
    #[must_use]
    pub fn shadows(&self, other: &Self) -> bool {
        self.template.covers(&other.template)
    }

    /// Reads a message of a topic that it [`matches`](Self::matches). What it cannot find is unreadable `rule_no_value`,
    /// a payload in another format `rule_format`, another topic `rule_topic`; with `route_only` everything is no reading of
    /// kind `routed`. An empty payload is `clear` as ever.
    #[must_use]
    pub fn read(&self, topic: &Topic, payload: &[u8]) -> Decoded {
        Decoded { decoder: DECODER, content: read::read(self, topic, payload) }
    }
}
