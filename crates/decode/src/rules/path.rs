//! Dotted paths into JSON: `a.b`, `*`, `[n]`, and `"a.b"` for keys with dots.

use crate::json::{Json, NODES_MAX};
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

/// A path that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

/// Steps that all paths of a rule may take in one message. More: the whole message is unreadable, `too_many_values`.
pub(super) const VISITS_MAX: usize = 8 * NODES_MAX;

/// What one `*` stood for on the way.
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

    /// Calls `visit` with every place, in the order of the text, until it answers false or no step is left of `steps`.
    pub(super) fn visit<'j, 'p>(
        &self,
        root: &'j Json<'p>,
        steps: &mut usize,
        visit: &mut dyn FnMut(Place<'j, 'p>) -> bool,
    ) {
        Walk { stars: Vec::new(), left: steps, visit }.on(&self.0, root);
    }

    /// The first place.
    pub(super) fn first<'j, 'p>(&self, root: &'j Json<'p>) -> Option<&'j Json<'p>> {
        let mut first = None;
        let mut steps = VISITS_MAX;
        self.visit(root, &mut steps, &mut |place| {
            first = Some(place.value);
            false
        });
        first
    }
}

struct Walk<'w, 'j, 'p> {
    stars: Vec<Star<'j>>,
    left: &'w mut usize,
    visit: &'w mut dyn FnMut(Place<'j, 'p>) -> bool,
}

impl<'j, 'p> Walk<'_, 'j, 'p> {
    /// False ends it. The depth is that of the path, which is limited.
    fn on(&mut self, steps: &[Step], value: &'j Json<'p>) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        *self.left = left;
        let Some((step, rest)) = steps.split_first() else {
            let stars = self.stars.iter().map(|star| star.name()).collect();
            return (self.visit)(Place { value, stars });
        };
        match (step, value) {
            (Step::Key(key), Json::Object(_)) => value.get(key).is_none_or(|value| self.on(rest, value)),
            (Step::Index(index), Json::List(items)) => items.get(*index).is_none_or(|value| self.on(rest, value)),
            (Step::Any, Json::Object(members)) => {
                members.iter().all(|(key, value)| self.below(Star::Key(key), rest, value))
            }
            (Step::Any, Json::List(items)) => {
                items.iter().enumerate().all(|(index, value)| self.below(Star::Item(index), rest, value))
            }
            (Step::Key(_) | Step::Index(_) | Step::Any, _) => true,
        }
    }

    fn below(&mut self, star: Star<'j>, steps: &[Step], value: &'j Json<'p>) -> bool {
        self.stars.push(star);
        let on = self.on(steps, value);
        self.stars.pop();
        on
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
