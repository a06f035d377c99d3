//! What a JSON message holds, for a suggestion: values, the time and the device, each with the path that leads there.

use crate::Found;
use crate::json::{Json, Object};
use crate::name::{metric_of, snake};
use crate::number;
use crate::place::is_carrier;
use crate::quantity::{Role, role_of};
use crate::time::is_time;
use crate::unit::Known;

use super::suggest::{Draft, field, number_of, value_in};
use super::{FIELDS_MAX, FieldSpec, Format};

/// What a plain value is.
pub(super) enum Meaning {
    Time,
    Device,
    /// A number, with the unit that it says.
    Value(Option<Known>),
    Nothing,
}

/// Whether a name has that role; a name among those of a topic is as good as an identifier here.
pub(super) fn has_role(name: &str, role: Role) -> bool {
    match (role_of(name), role) {
        (Some(Role::Device | Role::DeviceName), Role::Device | Role::DeviceName)
        | (Some(Role::Time), Role::Time)
        | (Some(Role::Meta), Role::Meta) => true,
        (Some(Role::Device | Role::DeviceName | Role::Time | Role::Meta | Role::Quantity(_)) | None, _) => false,
    }
}

/// What a member with a text says.
pub(super) fn role_of_text(key: &str, text: &str) -> Meaning {
    match role_of(key) {
        Some(Role::Time) if is_time(text) => Meaning::Time,
        Some(Role::Device | Role::DeviceName) if !text.trim().is_empty() => Meaning::Device,
        Some(Role::Time | Role::Device | Role::DeviceName | Role::Meta) => Meaning::Nothing,
        Some(Role::Quantity(_)) | None if is_time(text) => Meaning::Nothing,
        Some(Role::Quantity(_)) | None => value_in(text).map_or(Meaning::Nothing, Meaning::Value),
    }
}

/// A key as it is written in a path.
pub(super) fn written(key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | ':' | '/');
    if !key.is_empty() && key.chars().all(plain) {
        return key.to_owned();
    }
    let mut text = String::from("\"");
    for c in key.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}

/// A walk through one message.
struct Walk<'f> {
    draft: Draft,
    found: &'f [Found],
    /// Which of `found` have their field already.
    used: Vec<bool>,
}

/// Where a walk is.
#[derive(Clone, Default)]
struct Above {
    path: String,
    names: Vec<String>,
}

impl Above {
    fn key(&self, key: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{}{dot}{}", self.path, written(key)), names: self.named(snake(key)) }
    }

    fn item(&self, index: usize) -> Self {
        Self { path: format!("{}[{index}]", self.path), names: self.named((index + 1).to_string()) }
    }

    fn named(&self, name: String) -> Vec<String> {
        self.names.iter().cloned().chain([name]).collect()
    }
}

pub(super) fn drafted(root: &Json<'_>, found: &[Found]) -> Draft {
    let draft = Draft { format: Format::Json, ..Draft::default() };
    let mut walk = Walk { draft, found, used: vec![false; found.len()] };
    match root {
        Json::Object(members) => walk.object(members, &Above::default()),
        Json::List(items) => walk.root_list(items),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Nan | Json::Infinite | Json::Text(_) => {}
    }
    walk.draft
}

impl Walk<'_> {
    /// Objects that each have a time are alike; all others are told apart by their number.
    fn root_list(&mut self, items: &[Json<'_>]) {
        if let Some(Json::Object(first)) = items.first() {
            let timed = first.iter().any(|(key, value)| match value {
                Json::Text(text) => role_of(key) == Some(Role::Time) && is_time(text),
                Json::Number(text) => role_of(key) == Some(Role::Time) && is_time(text),
                Json::Null | Json::Bool(_) | Json::Nan | Json::Infinite | Json::List(_) | Json::Object(_) => false,
            });
            if timed {
                return self.object(first, &Above { path: "[*]".to_owned(), names: Vec::new() });
            }
        }
        self.list(items, &Above::default());
    }

    fn list(&mut self, items: &[Json<'_>], above: &Above) {
        for (index, item) in items.iter().enumerate().take(FIELDS_MAX) {
            let here = above.item(index);
            match item {
                Json::Object(members) => self.object(members, &here),
                Json::List(inner) => self.list(inner, &here),
                plain @ (Json::Number(_) | Json::Text(_)) => self.plain(&index.to_string(), plain, &here, None),
                Json::Null | Json::Bool(_) | Json::Nan | Json::Infinite => {}
            }
        }
    }

    fn object(&mut self, members: &Object<'_>, above: &Above) {
        let unit = members.iter().filter(|(key, _)| snake(key) == "unit" || key == "u");
        let unit = unit.filter_map(|(_, value)| Known::look_up(value.text()?)).next();
        for (key, value) in members {
            if self.draft.fields.len() >= FIELDS_MAX {
                return;
            }
            let here = above.key(key);
            match value {
                Json::Object(inner) => self.object(inner, &here),
                Json::List(items) => self.list(items, &here),
                plain @ (Json::Number(_) | Json::Text(_)) => self.plain(key, plain, &here, unit),
                Json::Null | Json::Bool(_) | Json::Nan | Json::Infinite => {}
            }
        }
    }

    fn plain(&mut self, key: &str, value: &Json<'_>, here: &Above, unit: Option<Known>) {
        let text = match value {
            Json::Number(text) => text,
            Json::Text(text) => text.as_ref(),
            Json::Null | Json::Bool(_) | Json::Nan | Json::Infinite | Json::List(_) | Json::Object(_) => return,
        };
        let path = here.path.clone();
        match role_of_text(key, text) {
            Meaning::Time => _ = self.draft.time.get_or_insert(path),
            Meaning::Device => _ = self.draft.device.get_or_insert((path, text.to_owned())),
            Meaning::Value(told) => {
                let told = told.or(unit);
                let field = self.named(text, told, &here.names);
                self.draft.fields.push(FieldSpec { path: Some(path), ..field });
            }
            Meaning::Nothing => {}
        }
    }

    /// Under the name that the usual decoding gave the value, else under all names above it. `value` says nothing below
    /// another name.
    fn named(&mut self, text: &str, told: Option<Known>, names: &[String]) -> FieldSpec {
        let (last, front) = match names {
            [front @ .., above, last] if is_carrier(last) || matches!(last.as_str(), "v" | "val") => (above, front),
            [front @ .., last] => (last, front),
            [] => return field(&metric_of("value"), told),
        };
        let mut field = field(&metric_of(last), told);
        let number = number::single(text).and_then(|(judged, _)| judged.finite());
        let same = |found: &Found| {
            let leaf = found.metric == field.metric || found.metric.ends_with(&format!(".{}", field.metric));
            leaf && number_of(found) == number
        };
        let read = self.found.iter().zip(&mut self.used).find(|(found, used)| !**used && same(found));
        if let Some((found, used)) = read {
            *used = true;
            field.metric.clone_from(&found.metric);
        } else if !front.is_empty() {
            field.metric = format!("{}.{}", front.join("."), field.metric);
        }
        field
    }
}
