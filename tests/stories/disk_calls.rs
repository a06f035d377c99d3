//! Single system calls of the server fail (`strace --inject`), on the database as well as on the log: nothing that was
//! acknowledged is missing afterwards, nothing is there twice, and whoever was told "done" was told the truth.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use simulator::server::{Launch, Server};
use stories::{Device, Operator, expect, foreign, server_program};
use tempfile::TempDir;

/// A data directory whose server can be started with faults and without.
struct Bench {
    desk: TempDir,
    data: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let desk = tempfile::tempdir().unwrap();
        let data = desk.path().join("data");
        Self { desk, data }
    }

    fn well(&self) -> Server {
        Launch::new(server_program(), &self.data, self.desk.path()).start().unwrap()
    }

    /// A server of which the `nth` such call on this file fails. The tracer stands beside it (-D), so that signals reach the
    /// server itself.
    fn with(&self, file: &str, call: &str, error: &str, nth: u32) -> Server {
        // It says so where strace is missing.
        drop(foreign("strace"));
        let wrapper = self.desk.path().join("faulty");
        let line = format!(
            "#!/bin/sh\nexec strace -D -f -qq -o '{}' -P '{}' -e trace={call} -e inject={call}:error={error}:when={nth} '{}' \"$@\"\n",
            self.calls().display(),
            self.data.join(file).display(),
            server_program().display()
        );
        fs::write(&wrapper, line).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o700)).unwrap();
        Launch::new(wrapper, &self.data, self.desk.path()).start().unwrap()
    }

    fn calls(&self) -> PathBuf {
        self.desk.path().join("calls")
    }

    /// A test whose fault never happened proves nothing; the first such call is always made.
    fn has_met_the_fault(&self, what: &str) {
        expect(&format!("the fault: {what}"), || {
            let calls = fs::read_to_string(self.calls()).unwrap_or_default();
            if calls.contains("INJECTED") { Ok(()) } else { Err(calls) }
        });
    }
}

fn publish(server: &Server, numbers: std::ops::Range<u32>) {
    let message = |n: u32| {
        let payload = format!(r#"{{"ts":{},"level":{n}}}"#, 1_700_000_000_000_i64 + i64::from(n) * 1_000);
        ("garden/tank".to_owned(), payload.into_bytes())
    };
    Device::connect(server.mqtt(), "tank").publish_all(numbers.map(message));
}

fn levels(server: &Server) -> Vec<Value> {
    Operator::at(server.http()).values("garden/tank", "level")
}

fn numbers(n: u32) -> Vec<Value> {
    (0..n).map(|n| json!(f64::from(n))).collect()
}

fn has_no_panic(desk: &Path) {
    let log = fs::read_to_string(desk.join("server.log")).unwrap();
    assert!(!log.contains("panicked at"), "{log}");
}

/// The head is moved into the database when the server ends, so the faults meet that transaction and its checkpoint.
fn fault_at_the_end(file: &str, call: &str, error: &str) {
    let mut unclean = 0;
    for nth in 1..=6 {
        let bench = Bench::new();
        let server = bench.well();
        publish(&server, 0..500);
        server.terminate().unwrap();
        let what = format!("{error} at {call} {nth} of {file}");
        let server = bench.with(file, call, error, nth);
        publish(&server, 500..1_500);
        assert_eq!(levels(&server), numbers(1_500), "{what}");
        // It may end well, having tried again, or say that it could not move everything.
        unclean += u32::from(!server.terminate().unwrap().success());
        if nth == 1 {
            bench.has_met_the_fault(&what);
        }
        let server = bench.well();
        assert_eq!(levels(&server), numbers(1_500), "{what}");
        assert!(server.terminate().unwrap().success(), "{what}");
        let server = bench.well();
        assert_eq!(levels(&server), numbers(1_500), "{what}, second start");
        server.kill().unwrap();
        has_no_panic(bench.desk.path());
    }
    println!("{file} {call} {error}: {unclean} of 6 ends were not clean");
}

#[test]
fn a_failed_sync_of_the_database_loses_nothing() {
    fault_at_the_end("sensorium.db-wal", "fdatasync,fsync", "EIO");
    fault_at_the_end("sensorium.db", "fdatasync,fsync", "EIO");
}

#[test]
fn a_failed_write_of_the_database_loses_nothing() {
    fault_at_the_end("sensorium.db-wal", "pwrite64", "EIO");
    fault_at_the_end("sensorium.db-wal", "pwrite64", "ENOSPC");
    fault_at_the_end("sensorium.db", "pwrite64", "EIO");
    fault_at_the_end("sensorium.db", "pwrite64", "EINTR");
}

/// In the log the server does not know how to go on with the file, only with the promise: it waits, takes a new file and then
/// acknowledges.
#[test]
fn a_failed_call_of_the_log_is_only_a_delay() {
    for (call, error) in [("fdatasync", "EIO"), ("pwrite64", "EIO"), ("pwrite64", "ENOSPC"), ("pwrite64", "EINTR")] {
        for nth in [1, 2, 3, 5] {
            let bench = Bench::new();
            let server = bench.well();
            publish(&server, 0..100);
            server.kill().unwrap();
            // The start makes the second segment and writes the last record again.
            let server = bench.with("log/000000000002.wal", call, error, nth);
            publish(&server, 100..200);
            publish(&server, 200..300);
            let what = format!("{error} at {call} {nth} of the log");
            assert_eq!(levels(&server), numbers(300), "{what}");
            if nth == 1 {
                bench.has_met_the_fault(&what);
            }
            server.kill().unwrap();
            let server = bench.well();
            assert_eq!(levels(&server), numbers(300), "{what}");
            server.kill().unwrap();
            has_no_panic(bench.desk.path());
        }
    }
}
