//! Other programs, run from the root of the repository with an error that names the command.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The root of the repository: the folder above this crate.
pub fn root() -> Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().map(Path::to_path_buf).context("xtask stands in no folder")
}

/// A command in `folder`, from words separated by blanks.
pub fn command(folder: &Path, line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("false"));
    command.args(words).current_dir(folder);
    command
}

/// Whether the command starts and succeeds; its output is dropped.
pub fn succeeds(folder: &Path, line: &str) -> bool {
    command(folder, line)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs the command with its output shown.
pub fn run(folder: &Path, line: &str) -> Result<()> {
    let status = command(folder, line).status().with_context(|| format!("`{line}` does not start"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// Runs the command and returns what it printed.
pub fn output(folder: &Path, line: &str) -> Result<String> {
    let output =
        command(folder, line).stderr(Stdio::inherit()).output().with_context(|| format!("`{line}` does not start"))?;
    if !output.status.success() {
        bail!("`{line}` ended with {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed something that is not UTF-8"))
}

/// Runs the command, shows each line as it comes and hands it on; tells whether the command succeeded.
pub fn follow(mut command: Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("{command:?} does not start"))?;
    let stdout = child.stdout.take().context("the output was not caught")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        each(&line);
    }
    Ok(child.wait()?.success())
}

/// Where Cargo puts what it builds; `CARGO_TARGET_DIR` may have moved it.
pub fn target_folder(root: &Path) -> Result<PathBuf> {
    let text = output(root, "cargo metadata --no-deps --format-version 1")?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?;
    Ok(PathBuf::from(folder))
}
