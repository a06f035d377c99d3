//! A program that never outlives the process that started it, even if that process is killed.
//!
//! Between the two stands a shell, in a process group of its own so that Ctrl+C does not reach it. It reads a pipe whose other end this
//! process holds and nobody inherits: when the pipe ends, this process is gone, and the shell kills the program and removes what is
//! large.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::fault::Fault;

/// Runs the command in the folder of its first argument, prints the process id, and ends as the program does.
///
/// The pipe is descriptor 3 in the shells alone. A background list reads nothing unless told to, and does not hear of Ctrl+C.
const SHELL: &str = r#"
cd "$1" || exit 1
shift
exec 3<&0 </dev/null
"$@" >log/out 2>&1 3<&- &
program=$!
echo "$program"
exec >&-
(
    read -r _ <&3
    : >orphan
    kill -9 "$program"
) &
watch=$!
exec 3<&-
wait "$program"
code=$?
kill "$watch"
if [ -e orphan ]; then rm -rf orphan data commitlog saved_caches hints cdc_raw tmp; fi
exit "$code"
"#;

/// Folders that [`SHELL`] removes as well.
const LARGE: &[&str] = &["data", "commitlog", "saved_caches", "hints", "cdc_raw", "tmp"];

/// The program, running or ended. Dropping it kills it and removes the large folders.
#[derive(Debug)]
pub(crate) struct Watched {
    shell: Child,
    program: u32,
}

impl Watched {
    /// Starts `command` in `folder`, where its output goes to `log/out`.
    pub fn start(folder: &Path, command: &Command) -> Result<Self, Fault> {
        let name = command.get_program().to_string_lossy().into_owned();
        let failed =
            |error: std::io::Error| Fault::new(format!("{name} does not start in {}: {error}", folder.display()));
        fs::create_dir_all(folder.join("log")).map_err(failed)?;
        let mut shell = Command::new("sh");
        shell.args(["-c", SHELL, "sh"]).arg(folder).arg(command.get_program()).args(command.get_args());
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = shell.spawn().map_err(failed)?;
        let mut line = String::new();
        if let Some(said) = shell.stdout.take() {
            BufReader::new(said).read_line(&mut line).map_err(failed)?;
        }
        match line.trim().parse() {
            Ok(program) => Ok(Self { shell, program }),
            Err(_) => Err(failed(std::io::Error::other("no shell started it"))),
        }
    }

    /// Its process, as the system knows it.
    pub fn id(&self) -> u32 {
        self.program
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.shell.try_wait().ok().flatten()
    }

    /// Sends it a signal by its name, such as `STOP`; does nothing if it has ended.
    pub fn signal(&mut self, name: &str) {
        if self.ended().is_none() {
            // The shell's own `kill`, because small systems have no other.
            let _ = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.program)).status();
        }
    }

    /// Waits for its end.
    pub fn wait(&mut self) {
        // The pipe must stay open meanwhile, or the shell would take this process for gone.
        let pipe = self.shell.stdin.take();
        let _ = self.shell.wait();
        drop(pipe);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.signal("KILL");
        self.wait();
    }
}

/// Removes all but configuration and logs.
pub(crate) fn remove_large(folder: &Path) {
    for name in LARGE {
        // What was not made need not be removed.
        let _ = fs::remove_dir_all(folder.join(name));
    }
}

/// The last lines of a file, or why there are none.
pub(crate) fn last_lines(file: &Path, count: usize) -> String {
    let lines = File::open(file).map(|file| BufReader::new(file).lines().map_while(Result::ok).collect::<Vec<_>>());
    match lines {
        Ok(lines) => lines[lines.len().saturating_sub(count)..].join("\n"),
        Err(error) => format!("{}: {error}", PathBuf::from(file).display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use clock::{Clock, SystemClock};

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sensorium-watched-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("data/deep")).unwrap();
        folder
    }

    fn sleep() -> Command {
        let mut command = Command::new("sleep");
        command.arg("3600");
        command
    }

    fn runs(program: u32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{program}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    }

    fn expect(what: &str, mut holds: impl FnMut() -> bool) {
        let clock = SystemClock::new();
        while !holds() {
            assert!(clock.monotonic() < Duration::from_secs(30), "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_program_ends_and_loses_its_data_when_the_pipe_ends() {
        let folder = folder("pipe");
        let mut watched = Watched::start(&folder, &sleep()).unwrap();
        assert!(runs(watched.id()) && watched.ended().is_none());
        // What the system does to the pipe of a process that is killed.
        drop(watched.shell.stdin.take());
        expect("the program ends", || !runs(watched.id()));
        expect("its data goes", || !folder.join("data").exists());
        assert!(folder.join("log/out").is_file(), "the logs stay");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_killed_program_keeps_its_data() {
        let folder = folder("kill");
        let mut watched = Watched::start(&folder, &sleep()).unwrap();
        watched.signal("STOP");
        watched.signal("KILL");
        watched.wait();
        assert!(watched.ended().is_some() && !runs(watched.id()));
        assert!(folder.join("data/deep").is_dir());
        assert!(!folder.join("orphan").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_a_program_says_and_how_it_ends_is_known() {
        let folder = folder("said");
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 7"]);
        let mut watched = Watched::start(&folder, &command).unwrap();
        expect("it ends", || watched.ended().is_some());
        assert_eq!(watched.ended().unwrap().code(), Some(7));
        assert_eq!(last_lines(&folder.join("log/out"), 1), "two");
        fs::remove_dir_all(folder).unwrap();
    }
}
