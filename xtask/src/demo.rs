//! A server with the demonstration devices on free ports and in a folder of its own, for the tests in the browser.
//!
//! It is ended by its own process id, first with a request to stop, after [`STOP_LIMIT`] by force; its data are removed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::commands;

/// How long the server may take until it announces its addresses; then the run fails with the server's log.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to stop by itself; then it is killed, which fails the run.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// How long all tests in the browser may take; then they are killed, which fails the run.
const BROWSER_LIMIT: Duration = Duration::from_mins(12);
const STEP: Duration = Duration::from_millis(50);

/// Runs the tests in the browser against the release binary.
pub fn browse(root: &Path) -> Result<()> {
    let mut server = Server::start(root)?;
    let tested = server.announced().and_then(|addresses| test(root, &addresses));
    let stopped = server.stop();
    if tested.is_err() || stopped.is_err() {
        eprintln!("the server's log is {}", server.log.display());
    }
    tested.and(stopped)
}

fn test(root: &Path, addresses: &Value) -> Result<()> {
    let mut command = commands::command(&root.join("ui"), "npm run -s e2e");
    let address = addresses["http"].as_str().context("the server announced no http address")?;
    command.env("SENSORIUM_URL", format!("http://{address}"));
    if !commands::follow(command, BROWSER_LIMIT, |_| ())? {
        bail!("`npm run e2e` failed");
    }
    Ok(())
}

struct Server {
    child: Child,
    folder: PathBuf,
    log: PathBuf,
}

impl Server {
    fn start(root: &Path) -> Result<Self> {
        let target = commands::target_folder(root)?;
        let program = target.join("release/sensorium");
        let folder = std::env::temp_dir().join(format!("sensorium-browser-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let log = target.join("browser-server.log");
        let writer = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = Command::new(&program)
            .args(["serve", "--demo", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"])
            .arg("--data")
            .arg(folder.join("data"))
            .arg("--announce")
            .arg(folder.join("announce.json"))
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .spawn()
            .with_context(|| format!("{} does not start; `make build` makes it", program.display()))?;
        Ok(Self { child, folder, log })
    }

    /// Its addresses, once it is ready.
    fn announced(&mut self) -> Result<Value> {
        let file = self.folder.join("announce.json");
        for _ in 0..steps(READY_LIMIT) {
            // The file may be seen before it is whole: then it is no JSON yet.
            if let Some(addresses) = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
                return Ok(addresses);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status} before it was ready");
            }
            std::thread::sleep(STEP);
        }
        bail!("the server was not ready within {} s", READY_LIMIT.as_secs())
    }

    fn stop(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the server ended by itself with {status}");
        }
        commands::signal("TERM", &[self.child.id()]);
        for _ in 0..steps(STOP_LIMIT) {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the server was asked to stop and ended with {status}"),
                None => std::thread::sleep(STEP),
            }
        }
        bail!("the server did not stop within {} s", STOP_LIMIT.as_secs())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail where there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn steps(limit: Duration) -> u128 {
    limit.as_millis() / STEP.as_millis()
}
