//! The files that come from the code: `openapi.json` from the server, the page's types from `openapi.json`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::commands;

const DOCUMENT: &str = "openapi.json";
const TYPES: &str = "ui/src/api/schema.d.ts";
const MEND: &str = "run `cargo xtask gen` and commit what it changes";

/// Writes both.
pub fn write(root: &Path) -> Result<()> {
    fs::write(root.join(DOCUMENT), document(root)?).with_context(|| format!("cannot write {DOCUMENT}"))?;
    commands::run(&root.join("ui"), "npm run -s gen")
}

/// Fails if either differs from what is committed, and leaves both as they were.
pub fn compare(root: &Path) -> Result<()> {
    let committed = fs::read_to_string(root.join(DOCUMENT)).unwrap_or_default();
    if committed != document(root)? {
        bail!("{DOCUMENT} is not what the server answers: {MEND}");
    }
    let committed = fs::read(root.join(TYPES)).unwrap_or_default();
    commands::run(&root.join("ui"), "npm run -s gen")?;
    if fs::read(root.join(TYPES))? != committed {
        fs::write(root.join(TYPES), committed)?;
        bail!("{TYPES} does not follow {DOCUMENT}: {MEND}");
    }
    Ok(())
}

fn document(root: &Path) -> Result<String> {
    let mut text = commands::output(root, "cargo run -q -p server --bin sensorium -- openapi")?;
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(text)
}
