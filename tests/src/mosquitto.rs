//! A broker that is not ours: a real Mosquitto on loopback.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tempfile::TempDir;

use crate::device::Device;
use crate::program::{foreign, run_to_end};
use crate::story::expect;

/// A Mosquitto of its own, which keeps its sessions unless told otherwise. It ends with the story.
#[derive(Debug)]
pub struct Mosquitto {
    desk: TempDir,
    port: u16,
    child: Option<Child>,
    /// Arguments for its tools: user, authorities.
    with: Vec<String>,
}

/// A port that is free now, and stays so for somebody who comes back to it: none of those that the system gives to others.
#[must_use]
pub fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    loop {
        // Another process begins somewhere else.
        let number = std::process::id().wrapping_mul(101).wrapping_add(TRIED.fetch_add(1, Relaxed));
        let port = 10_000 + u16::try_from(number % 22_000).expect("it is less than 22,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The file of passwords, in its desk.
const PASSWORDS: &str = "passwords";

fn set_password(file: &Path, user: &str, password: &str) {
    let mut command = foreign("mosquitto_passwd");
    command.arg("-b").args((!file.exists()).then_some("-c")).arg(file).args([user, password]);
    assert_eq!(run_to_end(command).code, Some(0), "a password can be set");
}

impl Mosquitto {
    /// With `more` lines in its configuration.
    #[must_use]
    pub fn begin(more: &str) -> Self {
        Self::begin_in(tempfile::tempdir().expect("a temporary directory"), more, &[])
    }

    /// With its files in `desk`, and with arguments for its tools, such as user and password.
    #[must_use]
    pub fn begin_in(desk: TempDir, more: &str, with: &[&str]) -> Self {
        let port = free_port();
        let folder = desk.path().display();
        let anonymous = if more.contains("allow_anonymous") { "" } else { "allow_anonymous true\n" };
        let saving = if more.contains("autosave") { "" } else { "autosave_interval 1\nautosave_on_changes true\n" };
        let lines = format!(
            "user root\nlistener {port} 127.0.0.1\n{anonymous}persistence true\npersistence_location {folder}/\n\
             max_queued_messages 0\n{saving}{more}\n"
        );
        fs::write(desk.path().join("mosquitto.conf"), lines).expect("a file can be written");
        let with = with.iter().map(|&text| text.to_owned()).collect();
        let mut mosquitto = Self { desk, port, child: None, with };
        mosquitto.start();
        mosquitto
    }

    /// As [`Mosquitto::begin_in`], for one that takes only who has a password. Its own tools use this one.
    #[must_use]
    pub fn begin_guarded(desk: TempDir, more: &str, user: &str, password: &str) -> Self {
        let passwords = desk.path().join(PASSWORDS);
        set_password(&passwords, user, password);
        let more = format!("allow_anonymous false\npassword_file {}\n{more}", passwords.display());
        Self::begin_in(desk, &more, &["-u", user, "-P", password])
    }

    /// Gives a user of a guarded one this password, which counts from now on.
    pub fn set_password(&self, user: &str, password: &str) {
        set_password(&self.desk.path().join(PASSWORDS), user, password);
        self.signal("HUP");
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Where its files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.desk.path()
    }

    /// Starts it on what it kept.
    pub fn start(&mut self) {
        let mut command = foreign("mosquitto");
        command.arg("-c").arg(self.desk.path().join("mosquitto.conf"));
        let said = fs::File::create(self.desk.path().join("said")).expect("a file for the output");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().expect("Mosquitto starts");
        self.child = Some(child);
        expect("Mosquitto to listen", || TcpStream::connect(self.address()).map(drop));
    }

    /// SIGTERM: it keeps what it has.
    pub fn end(&mut self) {
        self.signal("TERM");
        self.gone();
    }

    /// SIGKILL: what it did not keep so far is lost.
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.gone();
    }

    /// Sends it a signal by its name.
    pub fn signal(&self, name: &str) {
        if let Some(child) = &self.child {
            let _ = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
        }
    }

    fn gone(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }

    /// What it said since its last start.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(self.desk.path().join("said")).unwrap_or_default()
    }

    /// Publishes through its own tool at QoS 1, one message a payload, which must be acknowledged.
    pub fn publish(&self, more: &[&str], topic: &str, payloads: &[String]) {
        let mut command = foreign("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-q", "1", "-t", topic]);
        command.args(&self.with).args(more);
        let lines = self.desk.path().join("lines");
        fs::write(&lines, payloads.join("\n") + "\n").expect("a file can be written");
        let shell = format!("exec \"$0\" \"$@\" -l < {}", lines.display());
        let mut fed = Command::new("sh");
        fed.arg("-c").arg(shell).arg(command.get_program()).args(command.get_args());
        let ended = run_to_end(fed);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
    }

    /// A device that is connected to it instead of us.
    #[must_use]
    pub fn device(&self, client_id: &str) -> Device {
        Device::connect(self.address(), client_id)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // A stopped process hears nothing else.
        self.kill();
    }
}
