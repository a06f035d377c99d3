//! One node: started, killed, frozen, started again on what it kept.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clock::{Clock, SystemClock};

use crate::address::Claim;
use crate::cql::Cql;
use crate::fault::Fault;
use crate::kit::Kit;
use crate::options::{Options, Place};
use crate::process::{Watched, last_lines, remove_large};

/// How long a start or an end may take before the node counts as stuck; a loaded machine needs a third of it.
const PATIENCE: Duration = Duration::from_mins(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What of each log goes into a fault.
const LINES_SHOWN: usize = 30;

/// A node with an address and a folder of its own. Dropping it kills it and removes its folder; if the test panics, its logs
/// stay and their place is told.
#[derive(Debug)]
pub struct Node {
    options: Options,
    place: Place,
    folder: PathBuf,
    kit: Kit,
    running: Option<Watched>,
    keeps_logs: bool,
}

impl Node {
    /// A new node without data, ready for clients.
    ///
    /// # Errors
    /// Java or the jars are missing, the node ends while it starts, or is not ready within three minutes.
    pub fn start(options: Options) -> Result<Self, Fault> {
        Self::start_named(|_| Ok(options))
    }

    /// As [`Node::start`], with options that depend on the node's address, such as a certificate for it.
    ///
    /// # Errors
    /// As [`Node::start`], and what `options` says. The ports must be those of [`Options::default`].
    pub fn start_named(options: impl FnOnce(SocketAddr) -> Result<Options, Fault>) -> Result<Self, Fault> {
        let ports = Options::default();
        let claim = Claim::new(&[ports.cql_port, ports.storage_port])?;
        let options = options((claim.address, ports.cql_port).into())?;
        let place = Place { address: claim.address, seeds: vec![claim.address], token: None };
        let mut node = Self::at(claim, options, place)?;
        node.restart()?;
        Ok(node)
    }

    /// A node that does not run yet.
    pub(crate) fn at(claim: Claim, options: Options, place: Place) -> Result<Self, Fault> {
        let kit = Kit::of(options.version).inspect_err(|_| {
            // The folder is empty, and nobody else knows it.
            let _ = fs::remove_dir_all(&claim.folder);
        })?;
        Ok(Self { options, place, folder: claim.folder, kit, running: None, keeps_logs: false })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (self.place.address, self.options.cql_port).into()
    }

    /// Its process; none while it does not run.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(Watched::id)
    }

    /// Where it logs: `system.log`, and `out` for what it says before that.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// How it runs. A change counts from the next [`Node::restart`]; its ports must stay.
    pub fn options(&mut self) -> &mut Options {
        &mut self.options
    }

    /// A connection that tests use beside the client under test.
    ///
    /// # Errors
    /// The node does not answer.
    pub fn cql(&self) -> Result<Cql, Fault> {
        Cql::connect(self.address())
    }

    /// Ends it as a power cut of the machine would, but for what the system still has in memory: SIGKILL. Its data stays.
    pub fn kill(&mut self) {
        self.signal("KILL");
        if let Some(mut gone) = self.running.take() {
            gone.wait();
        }
    }

    /// Asks it to end, and waits. Its data stays.
    ///
    /// # Errors
    /// It does not end within three minutes, and was killed.
    pub fn end(&mut self) -> Result<(), Fault> {
        self.signal("TERM");
        let Some(mut ending) = self.running.take() else { return Ok(()) };
        let clock = SystemClock::new();
        while ending.ended().is_none() {
            if clock.monotonic() > PATIENCE {
                return Err(self.told("did not end"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// SIGSTOP: its connections stay open and nothing answers.
    pub fn stop(&mut self) {
        self.signal("STOP");
    }

    /// SIGCONT after [`Node::stop`].
    pub fn go(&mut self) {
        self.signal("CONT");
    }

    /// [`Node::stop`], what `meanwhile` does, [`Node::go`], also if it panics.
    pub fn stop_and_go<T>(&mut self, meanwhile: impl FnOnce() -> T) -> T {
        struct Goes<'a>(&'a mut Node);
        impl Drop for Goes<'_> {
            fn drop(&mut self) {
                self.0.go();
            }
        }
        self.stop();
        let _goes = Goes(self);
        meanwhile()
    }

    /// Starts it on what it kept, after [`Node::kill`] or [`Node::end`]; one that runs is killed first.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub fn restart(&mut self) -> Result<(), Fault> {
        self.start_only()?;
        self.wait_ready()
    }

    /// Starts it and does not wait.
    pub(crate) fn start_only(&mut self) -> Result<(), Fault> {
        self.kill();
        self.options.write(&self.place, &self.folder)?;
        let command = self.options.command(&self.kit, &self.place, &self.folder);
        self.running = Some(Watched::start(&self.folder, &command)?);
        Ok(())
    }

    /// Waits until it answers clients.
    pub(crate) fn wait_ready(&mut self) -> Result<(), Fault> {
        let clock = SystemClock::new();
        loop {
            if self.answers() {
                return Ok(());
            }
            let ended = self.running.as_mut().and_then(Watched::ended);
            if let Some(status) = ended {
                return Err(self.told(&format!("ended with {status} while it started")));
            }
            if clock.monotonic() > PATIENCE {
                return Err(self.told("was not ready"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// With TLS this knows that it listens, which it does when it is ready.
    fn answers(&self) -> bool {
        match self.options.tls {
            None => Cql::is_spoken_at(self.address()),
            Some(_) => TcpStream::connect(self.address()).is_ok(),
        }
    }

    fn signal(&mut self, name: &str) {
        if let Some(running) = &mut self.running {
            running.signal(name);
        }
    }

    /// Ends it and keeps its logs, whose place is told.
    pub fn keep_logs(mut self) {
        self.kill();
        self.keeps_logs = true;
    }

    /// A fault of this node with the end of its logs.
    pub(crate) fn told(&self, what: &str) -> Fault {
        let log = |name: &str| last_lines(&self.logs().join(name), LINES_SHOWN);
        Fault::new(format!(
            "Cassandra {} at {} {what} (at most {PATIENCE:?}). Its last words:\n{}\n{}",
            self.options.version.number(),
            self.address(),
            log("out"),
            log("system.log"),
        ))
    }

    /// Its folder, for who leaves it behind.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
        if self.keeps_logs || std::thread::panicking() {
            remove_large(self.folder());
            eprintln!("the logs of Cassandra at {} are in {}", self.address(), self.logs().display());
        } else {
            // What cannot be removed lies in the system's folder for such things.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
