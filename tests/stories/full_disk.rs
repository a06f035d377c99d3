//! Disks that are full or cannot be written to. A small file system in memory stands for them, which only root can mount; without
//! root the stories say so in the output, because nothing but a mount makes a disk full.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use simulator::server::Launch;
use stories::{Ended, Story, expect, run_to_end, server_program};
use tempfile::TempDir;

/// A mounted file system that goes away with this.
pub struct Disk(TempDir);

impl Disk {
    /// None, and a word in the output, where mounting is not allowed.
    pub fn mount(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "sensorium-test"]).arg(folder.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        // Written past the capture of the test runner, so that it is seen although the test passes.
        let _ = writeln!(std::io::stderr(), "NOT RUN, needs root: a file system with {options} cannot be mounted");
        None
    }

    pub fn path(&self) -> &Path {
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

/// Something else that fills the disk to the last byte, also once more.
pub fn fill(disk: &Disk) -> PathBuf {
    let file = disk.path().join("fill");
    let mut filling = File::options().create(true).append(true).open(&file).unwrap();
    while filling.write_all(&[0; 64 * 1024]).is_ok() {}
    file
}

fn health(story: &Story) -> Value {
    let health = ureq::get(format!("http://{}/health", story.server().http()));
    let answer = health.config().http_status_as_error(false).build().call();
    serde_json::from_str(&answer.unwrap().body_mut().read_to_string().unwrap()).unwrap()
}

/// Whether the server has found that nothing more can be written. That room is short is said earlier, and refuses nothing.
fn is_full(story: &Story) -> bool {
    let health = health(story);
    health["reasons"].as_array().unwrap().iter().any(|reason| reason["code"] == "disk_full")
}

#[test]
fn on_a_full_disk_publishes_wait_and_go_on_when_there_is_room() {
    let Some(disk) = Disk::mount("size=100m") else { return };
    let mut story = Story::begin_on(tempfile::tempdir().unwrap(), disk.path().join("data"), &[]);
    let mut device = story.device("tank");
    device.publish("garden/tank/level", "0");
    let filler = fill(&disk);

    // The log is laid out in advance, so it takes many messages until room is missing.
    let note = "y".repeat(20_000);
    let mut acknowledged = 1;
    let full = || is_full(&story);
    while device.publish_unless("garden/tank", &format!(r#"{{"level":{acknowledged},"note":"{note}"}}"#), full) {
        acknowledged += 1;
        assert!(acknowledged < 20_000, "a full disk must be noticed");
    }
    assert_eq!(health(&story)["status"], "degraded");
    let operator = story.operator();
    let levels: Vec<Value> = (0..acknowledged).map(|n| json!(f64::from(n))).collect();
    assert_eq!(operator.values("garden/tank", "level"), levels, "everything acknowledged is there, and no more");
    assert_eq!(operator.books().messages.in_flight, 1);

    std::fs::remove_file(filler).unwrap();
    device.expect_ack();
    device.publish("garden/tank/level", (acknowledged + 1).to_string());
    let levels: Vec<Value> = (0..acknowledged + 2).map(|n| json!(f64::from(n))).collect();
    assert_eq!(operator.values("garden/tank", "level"), levels);
    expect("the server to be well again", || {
        let health = health(&story);
        if health["status"] == "ready" { Ok(()) } else { Err(health) }
    });
    story.kill_and_restart();
    assert_eq!(story.operator().values("garden/tank", "level"), levels);
    story.finish();
}

#[test]
fn who_announces_on_a_full_disk_stays_connected_and_is_kept_when_there_is_room() {
    let Some(disk) = Disk::mount("size=100m") else { return };
    let mut story = Story::begin_on(tempfile::tempdir().unwrap(), disk.path().join("data"), &[]);
    let mut device = story.device("tank");
    device.publish("garden/level", "0");
    let filler = fill(&disk);
    let codes =
        || health(&story)["reasons"].as_array().unwrap().iter().map(|it| it["code"].clone()).collect::<Vec<_>>();
    let not_kept = || codes().contains(&json!("announcements_not_kept"));
    // The database has room of its own for a while.
    let mut announced = 0;
    while !not_kept() {
        let config = format!(
            r#"{{"obj_id":"level","stat_t":"tank/{announced}","unit_of_meas":"cm","name":"{}","dev":{{"ids":"tank-{announced}","name":"Tank"}}}}"#,
            "x".repeat(100)
        );
        device.publish_retained(&format!("homeassistant/sensor/tank/{announced}/config"), config);
        announced += 1;
        assert!(announced < 20_000, "a full disk must be noticed");
    }
    let last = announced - 1;
    device.publish(&format!("tank/{last}"), "7");
    story.operator().expect_values(&format!("tank-{last}"), "level", &[json!(7.0)]);
    std::fs::remove_file(filler).unwrap();
    expect("the announcements to be kept", || if not_kept() { Err(codes()) } else { Ok(()) });
    story.kill_and_restart();
    story.device("tank").publish(&format!("tank/{last}"), "8");
    story.operator().expect_values(&format!("tank-{last}"), "level", &[json!(7.0), json!(8.0)]);
    story.finish();
}

#[test]
fn a_server_killed_on_a_full_disk_starts_on_it_and_answers_what_it_acknowledged() {
    let Some(disk) = Disk::mount("size=100m") else { return };
    let mut story = Story::begin_on(tempfile::tempdir().unwrap(), disk.path().join("data"), &[]);
    let mut device = story.device("tank");
    let numbers: Vec<Value> = (0..200).map(|n| json!(f64::from(n))).collect();
    device.publish_all(numbers.iter().map(|n| ("garden/tank/level".to_owned(), n.to_string().into_bytes())));
    let filler = fill(&disk);
    story.kill();
    story.start();
    assert_eq!(story.operator().values("garden/tank", "level"), numbers);
    std::fs::remove_file(filler).unwrap();
    story.kill_and_restart();
    assert_eq!(story.operator().values("garden/tank", "level"), numbers);
    story.finish();
}

/// A start that should be refused.
fn serve(data: &Path) -> Ended {
    let desk = tempfile::tempdir().unwrap();
    run_to_end(Launch::new(server_program(), data, desk.path()).command("127.0.0.1:0", "127.0.0.1:0"))
}

#[test]
fn a_read_only_disk_is_refused_in_a_sentence() {
    let Some(disk) = Disk::mount("size=20m") else { return };
    let data = disk.path().join("data");
    std::fs::create_dir(&data).unwrap();
    disk.remount("ro");
    serve(&data).assert_refused(&[&data.display().to_string()]);
}

#[test]
fn a_disk_too_small_to_begin_with_is_refused_in_a_sentence() {
    let Some(disk) = Disk::mount("size=64k") else { return };
    let data = disk.path().join("data");
    serve(&data).assert_refused(&[]);
}
