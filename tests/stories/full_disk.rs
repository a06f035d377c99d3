//! Disks that are full or cannot be written to. A small file system in memory stands for them, which only root can mount; without
//! root the stories say so in the output, because nothing but a mount makes a disk full.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use simulator::server::Launch;
use stories::{Story, expect, run_to_end, server_program};
use tempfile::TempDir;

/// A mounted file system that goes away with this.
struct Disk(TempDir);

impl Disk {
    /// None, and a word in the output, where mounting is not allowed.
    fn mount(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "sensorium-test"]).arg(folder.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        println!("NOT RUN, needs root: a file system with {options} cannot be mounted");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, options: &str) {
        let all = format!("remount,{options}");
        let output = Command::new("mount").args(["-o", &all]).arg(self.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that was killed may hold it for a moment longer.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_disk_stops_acknowledgements_and_loses_nothing_that_was_acknowledged() {
    let Some(disk) = Disk::mount("size=200m") else { return };
    let mut story = Story::begin_on(tempfile::tempdir().unwrap(), disk.path().join("data"), &[]);
    let mut device = story.device("tank");
    device.publish("garden/tank/level", "0");
    // Something else fills the disk to the last byte.
    let fill = Command::new("dd")
        .args(["if=/dev/zero", "bs=64k"])
        .arg(format!("of={}", disk.path().join("fill").display()))
        .output();
    assert!(!fill.unwrap().status.success(), "dd ends because the disk is full");

    // The log is laid out in advance, so it takes a while until the server notices. Text does not compress away.
    let mut acknowledged = 1_u32;
    let wide: String = (0..8_000).map(|n| char::from(b'a' + (n * 7 % 26) as u8)).collect();
    while acknowledged < 60_000 {
        let payload = format!(r#"{{"level":{acknowledged},"note":"{wide}"}}"#);
        if story.device("tank").try_publish("garden/tank", payload).is_err() {
            break;
        }
        acknowledged += 1;
    }
    let operator = story.operator();
    let levels = operator.values("garden/tank", "level").len();
    assert!(levels >= acknowledged as usize, "{acknowledged} acknowledged, {levels} there");
    assert!(acknowledged < 60_000, "a full disk must be noticed");
    let health =
        ureq::get(format!("http://{}/health", operator.http())).config().http_status_as_error(false).build().call();
    let health = health.unwrap().body_mut().read_to_string().unwrap();
    assert!(health.contains("degraded"), "the page can say why: {health}");

    std::fs::remove_file(disk.path().join("fill")).unwrap();
    story.kill_and_restart();
    expect("the server to take messages again", || story.device("tank").try_publish("garden/tank/level", "-1"));
    let after = story.operator().values("garden/tank", "level");
    assert!(after.len() > acknowledged as usize && after.first() == Some(&json!(0.0)), "{} there", after.len());
    story.finish();
}

#[test]
fn a_read_only_disk_is_refused_in_a_sentence() {
    let Some(disk) = Disk::mount("size=20m") else { return };
    let data = disk.path().join("data");
    std::fs::create_dir(&data).unwrap();
    disk.remount("ro");
    let desk = tempfile::tempdir().unwrap();
    let launch = Launch::new(server_program(), &data, desk.path());
    run_to_end(launch.command("127.0.0.1:0", "127.0.0.1:0")).assert_refused(&[&data.display().to_string()]);
}

#[test]
fn a_disk_too_small_to_begin_with_is_refused_in_a_sentence() {
    let Some(disk) = Disk::mount("size=64k") else { return };
    let data = disk.path().join("data");
    let desk = tempfile::tempdir().unwrap();
    let launch = Launch::new(server_program(), &data, desk.path());
    run_to_end(launch.command("127.0.0.1:0", "127.0.0.1:0")).assert_refused(&[]);
}
