//! The server as a process of its own, as a user starts it: by its command line, known by the file in which it announces
//! itself. It can be killed at any moment. Nothing here looks inside it.

use std::ffi::OsString;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use clock::{Clock, SystemClock};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

/// How long a server may take until it announces itself, or to end after SIGTERM, before it counts as stuck.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// How often its announcement and its end are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// The end of its log that goes into an error.
const LOG_BYTES_SHOWN: usize = 4096;

/// Why there is no running server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The executable does not run, or a file beside it cannot be written.
    #[error("cannot start {program}")]
    Start {
        /// What was to run.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended before it was ready.
    #[error("the server ended with {status} before it was ready: {log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// The end of what it wrote.
        log: String,
    },
    /// It did not do in time what it was asked for, and was killed.
    #[error("the server did not {what} within {PATIENCE:?}: {log}")]
    Stuck {
        /// What it was asked for.
        what: &'static str,
        /// The end of what it wrote.
        log: String,
    },
    /// A signal could not be sent or the end not be waited for.
    #[error("cannot end the server")]
    End(#[source] std::io::Error),
}

/// How to start one.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The executable `sensorium`.
    pub program: PathBuf,
    /// Its data directory.
    pub data: PathBuf,
    /// Where the announcement and the log go; must exist and outlive the server.
    pub desk: PathBuf,
    /// Flags beside `serve --data --http --mqtt --announce`.
    pub more: Vec<OsString>,
}

/// What a server says of itself once it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Announcement {
    /// Where the API is.
    pub http: SocketAddr,
    /// Where devices connect.
    pub mqtt: SocketAddr,
    /// Its process.
    pub pid: u32,
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    announced: Announcement,
    ready_after: Duration,
    log: PathBuf,
}

impl Launch {
    /// Free ports on loopback and nothing else said.
    pub fn new(program: impl Into<PathBuf>, data: impl Into<PathBuf>, desk: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), data: data.into(), desk: desk.into(), more: Vec::new() }
    }

    /// The command line, with the addresses to listen on.
    #[must_use]
    pub fn command(&self, http: &str, mqtt: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("serve").arg("--data").arg(&self.data).args(["--http", http, "--mqtt", mqtt]);
        command.arg("--announce").arg(self.announcement()).args(&self.more).stdin(Stdio::null());
        command
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// It does not start, ends at once, or is not ready within [`PATIENCE`].
    pub fn start(&self) -> Result<Server, ServerError> {
        let failed = |source| ServerError::Start { program: self.program.clone(), source };
        let log = self.desk.join("server.log");
        // An announcement that is left over would name a server that is gone.
        match std::fs::remove_file(self.announcement()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        let output = File::options().create(true).append(true).open(&log).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        let clock = SystemClock::new();
        let child = self.command("127.0.0.1:0", "127.0.0.1:0").stdout(output).stderr(errors).spawn().map_err(failed)?;
        let mut starting = Starting { child: Some(child), log };
        loop {
            if let Some(announced) = read_announcement(&self.announcement()) {
                return Ok(starting.ready(announced, clock.monotonic()));
            }
            starting.check(clock.monotonic())?;
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Starts it and ends it with SIGKILL after `within`, ready or not.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_and_kill(&self, within: Duration) -> Result<(), ServerError> {
        let failed = |source| ServerError::Start { program: self.program.clone(), source };
        let output = File::options().create(true).append(true).open(self.desk.join("server.log")).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        let mut command = self.command("127.0.0.1:0", "127.0.0.1:0");
        let mut child = command.stdout(output).stderr(errors).spawn().map_err(failed)?;
        std::thread::sleep(within);
        child.kill().map_err(ServerError::End)?;
        child.wait().map_err(ServerError::End)?;
        Ok(())
    }

    fn announcement(&self) -> PathBuf {
        self.desk.join("announce.json")
    }
}

fn read_announcement(file: &Path) -> Option<Announcement> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

fn log_end(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(LOG_BYTES_SHOWN)..]).trim().to_owned()
}

struct Starting {
    child: Option<Child>,
    log: PathBuf,
}

impl Starting {
    fn ready(mut self, announced: Announcement, ready_after: Duration) -> Server {
        #[expect(clippy::expect_used, reason = "it is taken here only, and this takes the whole")]
        let child = self.child.take().expect("a starting server has a process");
        Server { child, announced, ready_after, log: std::mem::take(&mut self.log) }
    }

    fn check(&mut self, waited: Duration) -> Result<(), ServerError> {
        let Some(child) = &mut self.child else { return Ok(()) };
        if let Some(status) = child.try_wait().map_err(ServerError::End)? {
            return Err(ServerError::Ended { status, log: log_end(&self.log) });
        }
        if waited > PATIENCE {
            return Err(ServerError::Stuck { what: "get ready", log: log_end(&self.log) });
        }
        Ok(())
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Nobody is left to tell if it cannot be killed.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Server {
    /// Where the API is.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.announced.http
    }

    /// Where devices connect.
    #[must_use]
    pub fn mqtt(&self) -> SocketAddr {
        self.announced.mqtt
    }

    /// Its process, as the system knows it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// From the start of the process to its announcement, to the millisecond.
    #[must_use]
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The end of what it wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        log_end(&self.log)
    }

    /// Ends it as a power cut would: SIGKILL, nothing is flushed.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(mut self) -> Result<(), ServerError> {
        self.child.kill().map_err(ServerError::End)?;
        self.child.wait().map_err(ServerError::End)?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits.
    ///
    /// # Errors
    /// It does not end within [`PATIENCE`].
    pub fn terminate(mut self) -> Result<ExitStatus, ServerError> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).map_err(|error| ServerError::End(error.into()))?;
        let clock = SystemClock::new();
        loop {
            if let Some(status) = self.child.try_wait().map_err(ServerError::End)? {
                return Ok(status);
            }
            if clock.monotonic() > PATIENCE {
                return Err(ServerError::Stuck { what: "end after SIGTERM", log: self.log() });
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, and nobody is left to tell if it cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
