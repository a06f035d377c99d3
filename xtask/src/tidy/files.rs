//! The text files that the rules are about.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders that hold what is built, fetched or recorded.
const FOLDERS_SKIPPED: &[&str] =
    &[".git", ".tools", "target", "node_modules", "dist", "data", "testdata", "fixtures", "shots", "snapshots"];

const ENDINGS: &[&str] = &["rs", "ts", "tsx", "mjs", "js", "css", "html", "json", "md", "toml", "yml", "yaml", "sh"];

/// Files with these names are read although they have no ending.
const NAMES: &[&str] = &["Makefile", "run", "Cargo.lock"];

/// A text file and where it stands.
pub struct TextFile {
    /// Relative to the root, with `/`.
    pub path: String,
    pub text: String,
}

impl TextFile {
    /// Made by a program: its length and its words are not ours.
    pub fn is_generated(&self) -> bool {
        ["openapi.json", "schema.d.ts", "Cargo.lock", "package-lock.json"].iter().any(|name| self.path.ends_with(name))
    }

    /// Part of these checks: it quotes what it looks for.
    pub fn is_a_check(&self) -> bool {
        self.path.starts_with("xtask/src/tidy/")
    }

    /// Whether the path ends in one of the endings.
    pub fn has_ending(&self, endings: &[&str]) -> bool {
        Path::new(&self.path).extension().and_then(|ending| ending.to_str()).is_some_and(|own| endings.contains(&own))
    }
}

/// All of them, in order of path.
pub fn all(root: &Path) -> Result<Vec<TextFile>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                if !FOLDERS_SKIPPED.contains(&name) {
                    folders.push(path);
                }
            } else if is_text(&path, name) {
                files.push(read(root, &path)?);
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn is_text(path: &Path, name: &str) -> bool {
    NAMES.contains(&name)
        || path.extension().and_then(|ending| ending.to_str()).is_some_and(|own| ENDINGS.contains(&own))
}

fn read(root: &Path, path: &PathBuf) -> Result<TextFile> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let path = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
    Ok(TextFile { path, text })
}
