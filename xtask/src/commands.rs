//! Other programs, run from the root of the repository with an error that names the command.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

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

/// Runs the command, shows each line as it comes and hands it on; tells whether the command succeeded. One that runs
/// longer than `limit` is killed with everything it started, and has not succeeded.
pub fn follow(mut command: Command, limit: Duration, mut each: impl FnMut(&str)) -> Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("{command:?} does not start"))?;
    let stdout = child.stdout.take().context("the output was not caught")?;
    let (done, ended) = mpsc::sync_channel::<()>(0);
    let root = child.id();
    let watch = std::thread::spawn(move || {
        // The other end is dropped when the output has ended.
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            println!("killed: it ran longer than {} min", limit.as_secs() / 60);
            kill_tree(root);
        }
    });
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        each(&line);
    }
    drop(done);
    // It prints and kills, and cannot fail.
    let _ = watch.join();
    Ok(child.wait()?.success())
}

/// Asks a process to end, or ends it. The shell's own `kill` is used, because small systems have no other.
pub fn signal(name: &str, ids: &[u32]) {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    // Some of them may have ended by themselves, which is what is wanted.
    let _ = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", ids.join(" "))).status();
}

/// Kills a process and all that descend from it. They share our process group, so that Ctrl+C reaches them, and are
/// therefore told apart by their parents. Where there is no `/proc`, the process alone is killed.
fn kill_tree(root: u32) {
    signal("KILL", &tree(root, &parents()));
}

/// Every process with its parent.
fn parents() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let parent = |entry: fs::DirEntry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // `7 (a name) S 1 …`: the name may hold anything, so what follows its last bracket is read.
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((id, parent))
    };
    entries.filter_map(parent).collect()
}

/// `root` and its descendants.
fn tree(root: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut found = vec![root];
    let mut looked = 0;
    while let Some(&parent) = found.get(looked) {
        found.extend(parents.iter().filter(|(_, its)| *its == parent).map(|(id, _)| *id));
        looked += 1;
    }
    found
}

/// Where Cargo puts what it builds; `CARGO_TARGET_DIR` may have moved it.
pub fn target_folder(root: &Path) -> Result<PathBuf> {
    let text = output(root, "cargo metadata --no-deps --format-version 1")?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?;
    Ok(PathBuf::from(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn lines_are_handed_on_and_the_end_is_told() {
        let mut lines = Vec::new();
        let limit = Duration::from_secs(3600);
        assert!(follow(shell("echo one; echo two"), limit, |line| lines.push(line.to_owned())).unwrap());
        assert_eq!(lines, ["one", "two"]);
        assert!(!follow(shell("exit 3"), limit, |_| ()).unwrap());
    }

    #[test]
    fn what_hangs_is_killed() {
        // Without the kill the output would stay open for an hour.
        assert!(!follow(shell("exec sleep 3600"), Duration::ZERO, |_| ()).unwrap());
    }

    #[test]
    fn a_tree_is_a_process_and_its_descendants() {
        assert_eq!(tree(5, &[(1, 0), (5, 1), (6, 5), (7, 1), (8, 6)]), [5, 6, 8]);
    }

    #[test]
    fn this_test_descends_from_the_first_process() {
        let own = std::process::id();
        assert!(parents().is_empty() || tree(1, &parents()).contains(&own) || tree(0, &parents()).contains(&own));
    }
}
