//! Topic templates: literal levels, `{name}` and `+` for one level, `{name*}` for one or more.
//!
//! A template takes exactly the topics of its filter, except where `{name*}` stands in the middle: MQTT has no such
//! filter, so a wider one is asked for and the rest is told apart here. As in MQTT, a wildcard at the beginning takes no
//! topic that begins with `$`.

use model::TopicFilter;

use super::RuleError;

/// Longest name in bytes.
const NAME_BYTES_MAX: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    Literal(String),
    /// The name, `_` for `+`.
    One(String),
    Many(String),
}

/// A template that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    front: Vec<Level>,
    /// The name of `{name*}` and what stands behind it.
    many: Option<(String, Vec<Level>)>,
    filter: TopicFilter,
}

/// What the names of a template stand for in one topic, in order; names may be `_`.
pub(super) type Captures<'t> = Vec<(&'t str, String)>;

fn wrong(sentence: String) -> RuleError {
    RuleError { member: String::from("match"), sentence }
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, RuleError> {
        let mut front = Vec::new();
        let mut many: Option<(String, Vec<Level>)> = None;
        let mut names: Vec<String> = Vec::new();
        // Names hold no `/`, so that levels can be told before names.
        for level in text.split('/') {
            let level = parse_level(level)?;
            if let Level::One(name) | Level::Many(name) = &level {
                if name != "_" && names.contains(name) {
                    return Err(wrong(format!("{{{name}}} stands in the topic twice")));
                }
                names.push(name.clone());
            }
            match (level, &mut many) {
                (Level::Many(name), None) => many = Some((name, Vec::new())),
                (Level::Many(_), Some(_)) => {
                    return Err(wrong(String::from("only one name of a topic can stand for several levels")));
                }
                (level, None) => front.push(level),
                (level, Some((_, back))) => back.push(level),
            }
        }
        let filter = filter_of(&front, many.as_ref().map(|(_, back)| back.as_slice()))?;
        Ok(Self { front, many, filter })
    }

    pub(super) fn filter(&self) -> &TopicFilter {
        &self.filter
    }

    /// Whether that name stands in it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.levels().any(|level| matches!(level, Level::One(own) if own == name))
            || self.many.as_ref().is_some_and(|(own, _)| own == name)
    }

    fn levels(&self) -> impl Iterator<Item = &Level> {
        self.front.iter().chain(self.many.iter().flat_map(|(_, back)| back))
    }

    fn back(&self) -> &[Level] {
        self.many.as_ref().map_or(&[], |(_, back)| back)
    }

    fn starts_wild(&self) -> bool {
        !matches!(self.front.first(), Some(Level::Literal(_)))
    }

    pub(super) fn matches(&self, topic: &str) -> bool {
        if self.starts_wild() && topic.starts_with('$') {
            return false;
        }
        let fits = |(wanted, level): (&Level, &str)| match wanted {
            Level::Literal(text) => text == level,
            Level::One(_) | Level::Many(_) => true,
        };
        let (count, back) = (topic.split('/').count(), self.back());
        let enough = match self.many {
            None => count == self.front.len(),
            Some(_) => count > self.front.len() + back.len(),
        };
        enough
            && self.front.iter().zip(topic.split('/')).all(fits)
            && back.iter().rev().zip(topic.rsplit('/')).all(fits)
    }

    /// What its names stand for; nothing where it does not match.
    pub(super) fn captures(&self, topic: &str) -> Option<Captures<'_>> {
        if !self.matches(topic) {
            return None;
        }
        let levels: Vec<&str> = topic.split('/').collect();
        let mut captures = Vec::new();
        collect(&self.front, &levels, &mut captures);
        if let Some((name, back)) = &self.many {
            let (_, rest) = levels.split_at_checked(self.front.len())?;
            let (middle, end) = rest.split_at_checked(rest.len().checked_sub(back.len())?)?;
            captures.push((name.as_str(), middle.join("/")));
            collect(back, end, &mut captures);
        }
        Some(captures)
    }

    /// Whether it takes every topic that `other` takes.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let (back, other_back) = (self.back(), other.back());
        let enough = match (&self.many, &other.many) {
            (None, None) => other.front.len() == self.front.len(),
            (None, Some(_)) => false,
            (Some(_), None) => other.front.len() > self.front.len() + back.len(),
            (Some(_), Some(_)) => other.front.len() + other_back.len() >= self.front.len() + back.len(),
        };
        // Behind a front that may be followed by anything, the last levels are those of the back.
        let other_end = if other.many.is_some() { other_back } else { other.front.as_slice() };
        let dollar = matches!(other.front.first(), Some(Level::Literal(text)) if text.starts_with('$'));
        enough
            && !(self.starts_wild() && dollar)
            && literals_agree(self.front.iter(), other.front.iter())
            && literals_agree(back.iter().rev(), other_end.iter().rev())
    }
}

/// Whether every literal of `own` meets the same literal.
fn literals_agree<'l>(own: impl Iterator<Item = &'l Level>, mut other: impl Iterator<Item = &'l Level>) -> bool {
    own.fold(true, |agree, level| {
        let met = other.next();
        agree && (!matches!(level, Level::Literal(_)) || met == Some(level))
    })
}

fn collect<'t>(wanted: &'t [Level], levels: &[&str], captures: &mut Captures<'t>) {
    for (wanted, level) in wanted.iter().zip(levels) {
        if let Level::One(name) = wanted {
            captures.push((name, (*level).to_owned()));
        }
    }
}

fn parse_level(level: &str) -> Result<Level, RuleError> {
    if level == "+" {
        return Ok(Level::One(String::from("_")));
    }
    if let Some(inner) = level.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let (name, many) = inner.strip_suffix('*').map_or((inner, false), |name| (name, true));
        if !is_name(name) {
            return Err(wrong(format!(
                "{level} is no name: it takes 1 to {NAME_BYTES_MAX} small letters, digits and _, such as {{device}}"
            )));
        }
        return Ok(if many { Level::Many(name.into()) } else { Level::One(name.into()) });
    }
    if level == "#" {
        return Err(wrong(String::from("for any number of levels write a name with a star, such as {_*}")));
    }
    if level.contains(['{', '}', '+', '#']) {
        return Err(wrong(format!("the level {level:?} must be either a text or one name such as {{device}}")));
    }
    Ok(Level::Literal(level.into()))
}

/// Whether a text can be a name of a template.
pub(super) fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// `{x*}` is at least one level: `+/#`, and one `+` more for each level behind it.
fn filter_of(front: &[Level], back: Option<&[Level]>) -> Result<TopicFilter, RuleError> {
    let mut levels: Vec<&str> = front
        .iter()
        .map(|level| match level {
            Level::Literal(text) => text.as_str(),
            Level::One(_) | Level::Many(_) => "+",
        })
        .collect();
    if let Some(back) = back {
        levels.extend(std::iter::repeat_n("+", 1 + back.len()));
        levels.push("#");
    }
    TopicFilter::parse(&levels.join("/")).map_err(|fault| wrong(fault.to_string()))
}
