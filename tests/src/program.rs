//! Where the programs are: the server under test, and the foreign clients that `make setup` brings.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clock::{Clock, SystemClock};
use simulator::server::PATIENCE;

/// The server under test: `SENSORIUM_BIN`, else `sensorium` in the target directory of this test.
#[must_use]
pub fn server_program() -> PathBuf {
    program("SENSORIUM_BIN", "sensorium", "cargo build -p server")
}

/// The simulator: `SENSORIUM_SIM_BIN`, else `sensorium-sim` in the target directory of this test.
#[must_use]
pub fn simulator_program() -> PathBuf {
    program("SENSORIUM_SIM_BIN", "sensorium-sim", "cargo build -p simulator")
}

fn program(variable: &str, name: &str, build: &str) -> PathBuf {
    if let Some(named) = std::env::var_os(variable) {
        let named = PathBuf::from(named);
        assert!(named.is_file(), "{variable} names {}, which is no file", named.display());
        return named;
    }
    let own = std::env::current_exe().expect("a running test has a path");
    // target/<profile>/deps/stories-…: the same profile first, then the other one.
    let profile = own.parent().and_then(Path::parent).expect("a test lies in target/<profile>/deps");
    let target = profile.parent().expect("a profile lies in the target directory");
    let places = [profile.join(name), target.join("release").join(name), target.join("debug").join(name)];
    let found = places.iter().find(|place| place.is_file());
    found.unwrap_or_else(|| panic!("there is no {name} to test: run `{build}`, or name it in {variable}")).clone()
}

/// A foreign program that the stories need.
#[must_use]
pub fn foreign(name: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).map(|folder| folder.join(name));
    match places.find(|place| place.is_file()) {
        Some(program) => Command::new(program),
        None => panic!("{name} is missing: run `make setup`"),
    }
}

/// A Python that has the Paho client: the one named in `PYTHON`, else the one that `make setup` makes.
#[must_use]
pub fn python() -> Command {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/venv/bin/python");
    let program = std::env::var_os("PYTHON").map_or(own, PathBuf::from);
    let mut has_paho = Command::new(&program);
    has_paho.args(["-c", "import paho.mqtt.client"]).stdout(Stdio::null()).stderr(Stdio::null());
    let ready = has_paho.status().is_ok_and(|status| status.success());
    assert!(ready, "{} with paho-mqtt is missing: run `make setup`", program.display());
    Command::new(program)
}

/// How a program ended and what it said.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to its standard output and then to its standard error.
    pub said: String,
}

impl Ended {
    /// Asserts that it refused as a program should: by a code, in words a person can read, without a panic.
    pub fn assert_refused(&self, words: &[&str]) {
        assert!(self.code.is_some_and(|code| code != 0), "it should have refused: {self:?}");
        assert!(!self.said.contains("panicked at"), "it panicked: {}", self.said);
        for word in words {
            assert!(self.said.contains(word), "its words should name {word:?}: {}", self.said);
        }
    }
}

/// Runs a program that should end by itself. One that runs longer than [`PATIENCE`] is killed, which fails the story.
#[must_use]
pub fn run_to_end(mut command: Command) -> Ended {
    let desk = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str| std::fs::File::create(desk.path().join(name)).expect("a file for the output");
    let spawned = command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err")).spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let clock = SystemClock::new();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break Some(status);
        }
        if clock.monotonic() > PATIENCE {
            child.kill().expect("a child can be killed");
            child.wait().expect("a child can be waited for");
            break None;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let read = |name: &str| std::fs::read(desk.path().join(name)).unwrap_or_default();
    let said = [read("out"), read("err")].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    match status {
        Some(status) => Ended { code: status.code(), said },
        None => panic!("{command:?} should have ended by itself: {said}"),
    }
}
