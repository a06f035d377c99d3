//! Mosquitto as a peer: a broker that takes messages and stores none.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A running Mosquitto. Dropping it kills it.
pub struct Mosquitto {
    child: Child,
    pub mqtt: SocketAddr,
}

impl Mosquitto {
    /// Starts one on a free port, as its package configures it but for the port, the queue and the log.
    pub fn start(desk: &Path) -> Result<Self> {
        let mqtt = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let file = desk.join("mosquitto.conf");
        let lines = ["allow_anonymous true", "set_tcp_nodelay true", "persistence false", "log_type none"].join("\n");
        fs::write(&file, format!("listener {} 127.0.0.1\n{lines}\n", mqtt.port()))?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places =
            std::env::split_paths(&path).chain(["/usr/sbin".into()]).map(|folder| folder.join("mosquitto"));
        let program = places.find(|place| place.is_file()).context("mosquitto is missing: run `make setup`")?;
        let child = Command::new(program).arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let started = Self { child, mqtt };
        for _ in 0..500 {
            if TcpStream::connect(mqtt).is_ok() {
                return Ok(started);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("mosquitto does not listen on {mqtt}")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // Nobody is left to tell if it cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
