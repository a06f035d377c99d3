//! Dotted paths into JSON: `a.b`, `*`, `[n]`, and `"a.b"` for keys with dots.

use std::cell::Cell;

use crate::json::Json;
use crate::name::snake;

/// Longest path in bytes. Longer: the rule is refused.
pub const PATH_BYTES_MAX: usize = 512;
/// Most steps of a path, which is as deep as JSON is read. More: the rule is refused.
const STEPS_MAX: usize = crate::json::DEPTH_MAX;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Any,
}

/// Most steps that all paths of a rule take through one message; a value that is found counts as several. More: the message is
/// unreadable, `rule_work`.
pub const WORK_MAX: usize = 262_144;
/// Members of an object that are looked through for a key in one step.
const MEMBERS_AT_ONCE: usize = 16;

/// What is left of [`WORK_MAX`].
#[derive(Debug)]
pub(super) struct Work(Cell<usize>);

impl Default for Work {
    fn default() -> Self {
        Self(Cell::new(WORK_MAX))
    }
}

impl Work {
    /// Whether there was as much left.
    pub(super) fn spend(&self, steps: usize) -> bool {
        let left = self.0.get().checked_sub(steps);
        self.0.set(left.unwrap_or_default());
        left.is_some()
    }

    /// Whether nothing is left.
    pub(super) fn is_done_up(&self) -> bool {
        self.0.get() == 0
    }
}

/// A path that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

/// What one `*` stood for on the way. It is named only where the path leads on to a value.
#[derive(Clone, Copy)]
enum Star<'j> {
    Key(&'j str),
    Item(usize),
}

impl Star<'_> {
    fn name(self) -> String {
        match self {
            Self::Key(key) => snake(key),
            Self::Item(index) => (index + 1).to_string(),
        }
    }
}

/// A place that a path leads to.
pub(super) struct Place<'j, 'p> {
    pub(super) value: &'j Json<'p>,
    /// What each `*` stood for; items of a list are counted from 1.
    pub(super) stars: Vec<String>,
}

impl Path {
    /// The sentence says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > PATH_BYTES_MAX {
            return Err(format!("a path of {} bytes is longer than {PATH_BYTES_MAX}", text.len()));
        }
        let mut steps = Vec::new();
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(String::from("a path must not be empty"));
        }
        loop {
            let (step, behind) = one_step(rest)?;
            steps.push(step);
            if steps.len() > STEPS_MAX {
                return Err(format!("a path of more than {STEPS_MAX} steps leads nowhere"));
            }
            rest = match behind.strip_prefix('.') {
                Some(next) => next,
                None if behind.is_empty() => return Ok(Self(steps)),
                None if behind.starts_with('[') => behind,
                None => return Err(format!("a dot is missing before {behind:?}")),
            };
        }
    }

    /// The whole payload.
    pub(super) fn whole() -> Self {
        Self(Vec::new())
    }

    /// A column, counted from 1, of a line that is read as a list.
    pub(super) fn to_column(column: u32) -> Self {
        Self(vec![Step::Index(usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1))])
    }

    /// Calls `visit` with every place, in the order of the text, until it answers false or the work is done up.
    pub(super) fn visit<'j, 'p>(&self, root: &'j Json<'p>, work: &Work, visit: &mut dyn FnMut(Place<'j, 'p>) -> bool) {
        walk(&self.0, root, work, &mut Vec::new(), visit);
    }

    /// The first place.
    pub(super) fn first<'j, 'p>(&self, root: &'j Json<'p>) -> Option<&'j Json<'p>> {
        let mut first = None;
        self.visit(root, &Work::default(), &mut |place| {
            first = Some(place.value);
            false
        });
        first
    }
}

/// The depth is that of the path, which is limited.
fn walk<'j, 'p>(
    steps: &[Step],
    value: &'j Json<'p>,
    work: &Work,
    stars: &mut Vec<Star<'j>>,
    visit: &mut dyn FnMut(Place<'j, 'p>) -> bool,
) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return visit(Place { value, stars: stars.iter().map(|star| star.name()).collect() });
    };
    match (step, value) {
        (_, Json::Object(members)) if !work.spend(1 + members.len() / MEMBERS_AT_ONCE) => false,
        (_, Json::List(_)) if !work.spend(1) => false,
        (Step::Key(key), Json::Object(_)) => value.get(key).is_none_or(|value| walk(rest, value, work, stars, visit)),
        (Step::Index(index), Json::List(items)) => {
            items.get(*index).is_none_or(|value| walk(rest, value, work, stars, visit))
        }
        (Step::Any, Json::Object(members)) => members.iter().all(|(key, value)| {
            stars.push(Star::Key(key));
            let on = walk(rest, value, work, stars, visit);
            stars.pop();
            on
        }),
        (Step::Any, Json::List(items)) => items.iter().enumerate().all(|(index, value)| {
            stars.push(Star::Item(index));
            let on = walk(rest, value, work, stars, visit);
            stars.pop();
            on
        }),
        (Step::Key(_) | Step::Index(_) | Step::Any, _) => true,
    }
}

fn one_step(text: &str) -> Result<(Step, &str), String> {
    if let Some(rest) = text.strip_prefix('[') {
        let (inner, behind) = rest.split_once(']').ok_or_else(|| String::from("a ] is missing"))?;
        if inner == "*" {
            return Ok((Step::Any, behind));
        }
        let digits = !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_digit());
        let index =
            inner.parse().ok().filter(|_| digits).ok_or_else(|| format!("[{inner}] is no number of an item"))?;
        return Ok((Step::Index(index), behind));
    }
    if let Some(rest) = text.strip_prefix('"') {
        return quoted(rest);
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (key, behind) = (text.get(..end).unwrap_or_default(), text.get(end..).unwrap_or_default());
    match key {
        "" => Err(String::from("a name is missing beside a dot")),
        "*" => Ok((Step::Any, behind)),
        key => Ok((Step::Key(key.into()), behind)),
    }
}

fn quoted(text: &str) -> Result<(Step, &str), String> {
    let mut key = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Step::Key(key), text.get(at + 1..).unwrap_or_default())),
            '\\' => key.extend(chars.next().map(|(_, escaped)| escaped)),
            c => key.push(c),
        }
    }
    Err(String::from("a closing quote is missing"))
}
