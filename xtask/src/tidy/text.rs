//! Rules about a file as text: its length, how it opens, its name, tasks, paths of one machine.

use super::Finding;
use super::files::TextFile;

const LINES_MAX: usize = 500;

/// Names that say nothing about what a module holds.
const NAMES_BANNED: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"];

const HOMES: &[&str] = &["/root/", "/home/", "/Users/", "/work/"];
const PACKAGE_HOSTS: &[&str] =
    &["registry.npmjs.org", "index.crates.io", "static.crates.io", "files.pythonhosted.org", "deb.debian.org"];

/// All of them.
pub fn check(file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.is_generated() {
        findings.extend(length(file));
        findings.extend(name(file));
        findings.extend(header(file));
    }
    if file.is_a_check() {
        return findings;
    }
    for (index, line) in file.text.lines().enumerate() {
        let place = format!("{}:{}", file.path, index + 1);
        if !file.is_generated() && is_task_without_issue(line) {
            findings.push(Finding(format!("{place}: a TODO without an issue; write `TODO(#7)` or do it.")));
        }
        if HOMES.iter().any(|home| starts_a_word(line, home)) {
            findings.push(Finding(format!("{place}: a path of one machine; write it relative to the repository.")));
        }
        if PACKAGE_HOSTS.iter().any(|host| line.contains(host)) {
            findings.push(Finding(format!("{place}: a host of packages; the clients know where packages are.")));
        }
    }
    findings
}

fn length(file: &TextFile) -> Option<Finding> {
    let lines = file.text.lines().count();
    let counted = file.has_ending(&["rs", "ts", "tsx"]);
    (counted && lines > LINES_MAX).then(|| {
        Finding(format!("{}: {lines} lines are more than {LINES_MAX}; split the file along an idea.", file.path))
    })
}

fn name(file: &TextFile) -> Option<Finding> {
    if !file.has_ending(&["rs", "ts", "tsx"]) {
        return None;
    }
    let parts = file.path.split('/').map(|part| part.split('.').next().unwrap_or(part));
    let banned = parts.into_iter().find(|part| NAMES_BANNED.contains(part))?;
    let path = &file.path;
    Some(Finding(format!("{path}: `{banned}` names no idea of the domain; call the module by what it holds.")))
}

fn header(file: &TextFile) -> Option<Finding> {
    let opens = file.text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with("//!"));
    (file.has_ending(&["rs"]) && !opens).then(|| {
        Finding(format!(
            "{}:1: the module does not open with `//!`; say what it is, what it is not, its invariants.",
            file.path
        ))
    })
}

fn is_task_without_issue(line: &str) -> bool {
    let marked = ["TODO", "FIXME"].into_iter().find_map(|word| {
        let (before, after) = line.split_once(word)?;
        let alone = !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
        alone.then_some(after)
    });
    let in_comment = line.contains("//") || line.contains('#') || line.contains("<!--") || line.contains("/*");
    marked.is_some_and(|after| in_comment && !after.trim_start_matches('(').trim_start().starts_with('#'))
}

/// Whether `path` stands in the line where a path begins, so that `ingest/home/kitchen` is none.
fn starts_a_word(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|letter| letter.is_whitespace() || "\"'`=(:,".contains(letter))
    })
}
