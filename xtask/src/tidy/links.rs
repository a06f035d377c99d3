//! Links of the documents into the repository: the file must exist, and a name in the link must be defined in it.
//!
//! So `ARCHITECTURE.md` cannot go on naming a function that was renamed. Links to other hosts are not followed.

use std::path::{Path, PathBuf};

use super::Finding;
use super::files::TextFile;

const DEFINITIONS: &[&str] =
    &["fn ", "struct ", "enum ", "trait ", "const ", "type ", "function ", "class ", "interface "];

/// Every broken link of a Markdown file.
pub fn check(root: &Path, file: &TextFile) -> Vec<Finding> {
    if !file.has_ending(&["md"]) {
        return Vec::new();
    }
    let lines = file.text.lines().enumerate();
    lines.flat_map(|(index, line)| in_line(root, &file.path, index + 1, line)).collect()
}

fn in_line(root: &Path, path: &str, number: usize, line: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, _) in line.match_indices("](") {
        let text = line.get(..at).and_then(|before| before.rsplit_once('[')).map_or("", |(_, text)| text);
        let target = line.get(at + 2..).and_then(|after| after.split_once(')')).map_or("", |(target, _)| target);
        let target = target.split('#').next().unwrap_or_default();
        if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let file = resolve(root, path, target);
        if !file.exists() {
            findings.push(Finding(format!("{path}:{number}: {target} does not exist.")));
        } else if let Some(name) = quoted_name(text)
            && !std::fs::read_to_string(&file).is_ok_and(|code| defines(&code, name))
        {
            findings.push(Finding(format!("{path}:{number}: {target} does not define `{name}`.")));
        }
    }
    findings
}

fn resolve(root: &Path, path: &str, target: &str) -> PathBuf {
    let mut resolved = root.join(path);
    resolved.pop();
    for part in target.split('/') {
        if part == ".." {
            resolved.pop();
        } else {
            resolved.push(part);
        }
    }
    resolved
}

/// The last part of a name in back quotes: `Session::publish` names `publish`. A file's name is no such name.
fn quoted_name(text: &str) -> Option<&str> {
    let name = text.strip_prefix('`')?.strip_suffix('`')?.rsplit("::").next()?;
    let is_name = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    (is_name && !name.is_empty()).then_some(name)
}

fn defines(code: &str, name: &str) -> bool {
    DEFINITIONS.iter().any(|word| {
        let wanted = format!("{word}{name}");
        code.match_indices(&wanted).any(|(at, found)| {
            let after = code.get(at + found.len()..).and_then(|after| after.chars().next());
            !after.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
        })
    })
}
