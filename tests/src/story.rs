//! One story: a server on a directory of its own, from its start to its end in order.

use std::ffi::OsString;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clock::{Clock, SystemClock};
use simulator::server::{Launch, Server};
use tempfile::TempDir;

use crate::device::Device;
use crate::operator::Operator;
use crate::program::server_program;
use crate::socket::Socket;

/// How long a condition may take to become true before the story fails. Only a failing story waits so long, so it is far more
/// than a loaded machine needs.
const EXPECT_WITHIN: Duration = Duration::from_secs(90);
/// The first pause between two looks; a condition that takes long is looked at less often, because looking costs what it waits for.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOK_EVERY_MAX: Duration = Duration::from_millis(200);

/// Waits until `look` succeeds and returns what it found; its last failure is told if it never does.
pub fn expect<T, E: Debug>(what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let clock = SystemClock::new();
    loop {
        match look() {
            Ok(found) => return found,
            Err(last) if clock.monotonic() > EXPECT_WITHIN => panic!("expected {what}; last seen: {last:?}"),
            Err(_) => std::thread::sleep((clock.monotonic() / 20).clamp(LOOK_EVERY, LOOK_EVERY_MAX)),
        }
    }
}

/// A server and the directory it works in. Must be [finished](Story::finish).
pub struct Story {
    desk: TempDir,
    launch: Launch,
    server: Option<Server>,
}

impl Story {
    /// A new server on an empty directory.
    #[must_use]
    pub fn begin() -> Self {
        let desk = tempfile::tempdir().expect("a temporary directory");
        let data = desk.path().join("data");
        Self::begin_on(desk, data, &[])
    }

    /// A new server on this directory with more flags. `desk` keeps its announcement and log.
    #[must_use]
    pub fn begin_on(desk: TempDir, data: PathBuf, more: &[&str]) -> Self {
        let mut launch = Launch::new(server_program(), data, desk.path());
        launch.more = more.iter().map(OsString::from).collect();
        let server = Some(launch.start().unwrap_or_else(|error| panic!("{error}")));
        Self { desk, launch, server }
    }

    /// A new server whose readings go to another store than its directory, such as `cassandra://127.0.0.1:9042/keyspace`.
    #[must_use]
    pub fn begin_over(store: &str) -> Self {
        let desk = tempfile::tempdir().expect("a temporary directory");
        let data = desk.path().join("data");
        Self::begin_on(desk, data, &["--store", store])
    }

    /// The running server.
    #[must_use]
    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("a story has a server until it is finished")
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.launch.data
    }

    /// Somebody who looks at it.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator::at(self.server().http())
    }

    /// A device that connects to it.
    #[must_use]
    pub fn device(&self, client_id: &str) -> Device {
        Device::connect(self.server().mqtt(), client_id)
    }

    /// A client that connects to it and may send anything.
    #[must_use]
    pub fn rude_client(&self, client_id: &str) -> Socket {
        Socket::mqtt(self.server().mqtt(), client_id)
    }

    /// SIGKILL, and a new start on the same directory.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.start();
    }

    /// SIGKILL. Until the next [`Story::start`] there is no server.
    pub fn kill(&mut self) {
        let server = self.server.take().expect("a story has a server until it is finished");
        server.kill().unwrap_or_else(|error| panic!("{error}"));
    }

    /// SIGTERM, an end in order, and a new start on the same directory.
    pub fn restart(&mut self) {
        self.end_in_order();
        self.start();
    }

    /// Checks that the books balance with nothing in flight and that the server ends in order.
    pub fn finish(mut self) {
        let _ = self.operator().settled_books();
        self.end_in_order();
    }

    /// As [`finish`](Story::finish), and gives the desk back, so that the directory lives on.
    #[must_use]
    pub fn finish_and_keep(mut self) -> TempDir {
        let _ = self.operator().settled_books();
        self.end_in_order();
        std::mem::replace(&mut self.desk, tempfile::tempdir().expect("a temporary directory"))
    }

    /// A new start on the same directory.
    pub fn start(&mut self) {
        self.server = Some(self.launch.start().unwrap_or_else(|error| panic!("{error}")));
    }

    fn end_in_order(&mut self) {
        let server = self.server.take().expect("a story has a server until it is finished");
        let log = server.log();
        let status = server.terminate().unwrap_or_else(|error| panic!("{error}"));
        assert!(status.success(), "after SIGTERM the server ended with {status}: {log}");
        assert!(!log.contains("panicked at"), "something panicked in the server: {log}");
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if let Some(server) = &self.server {
                eprintln!("the server's last words:\n{}", server.log());
            }
            return;
        }
        assert!(self.server.is_none(), "a story must be finished, so that its books are checked");
    }
}
