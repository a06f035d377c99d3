//! Backups while devices publish, kills in the middle of one, restores, and what is damaged: by the commands a person types.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use stories::{Ended, Mosquitto, Story, python, run_to_end, server_program};

use crate::external_brokers::{add, change, expect_state, far};

fn sensorium(arguments: &[&str], paths: &[(&str, &Path)]) -> Ended {
    let mut command = Command::new(server_program());
    command.args(arguments);
    for (flag, path) in paths {
        command.arg(flag).arg(path);
    }
    run_to_end(command)
}

fn payloads(from: i64, to: i64) -> impl Iterator<Item = (String, Vec<u8>)> {
    let start = 1_700_000_000_000_i64;
    (from..to).map(move |n| ("garden/tank".to_owned(), format!(r#"{{"ts":{},"level":{n}}}"#, start + n * 1000).into()))
}

#[test]
fn a_backup_of_a_running_server_holds_everything_acknowledged_before_it() {
    let story = Story::begin();
    story.device("tank").publish_all(payloads(0, 2_000));
    let before = story.operator().readings("garden/tank", "level");
    assert_eq!(before.len(), 2_000);
    let desk = tempfile::tempdir().unwrap();
    let [copy, back] = ["copy", "back"].map(|name| desk.path().join(name));
    let made = std::thread::scope(|scope| {
        let load = scope.spawn(|| story.device("tank").publish_all(payloads(2_000, 4_000)));
        let made = sensorium(&["backup"], &[("--data", story.data()), ("--to", &copy)]);
        load.join().unwrap();
        made
    });
    assert_eq!(made.code, Some(0), "{}", made.said);
    assert_eq!(sensorium(&["check"], &[("--data", story.data())]).code, Some(0));
    story.finish();
    let tried = sensorium(&["restore", "--check"], &[("--from", &copy)]);
    assert!(tried.code == Some(0) && tried.said.contains("The backup is good"), "{}", tried.said);
    let restored = sensorium(&["restore"], &[("--from", &copy), ("--data", &back)]);
    assert_eq!(restored.code, Some(0), "{}", restored.said);
    let story = Story::begin_on(desk, back, &[]);
    let after = story.operator().readings("garden/tank", "level");
    assert_eq!(after[..2_000], before);
    story.finish();
}

#[test]
fn what_was_exported_and_imported_is_the_same_data_with_books_that_balance() {
    let story = Story::begin();
    story.device("tank").publish_all(payloads(0, 500));
    let before = story.operator().readings("garden/tank", "level");
    let data = story.data().to_owned();
    let desk = story.finish_and_keep();
    let (file, other) = (desk.path().join("all.ndjson"), desk.path().join("other"));
    assert_eq!(sensorium(&["export"], &[("--data", &data), ("--out", &file)]).code, Some(0));
    let whole = std::fs::read(&file).unwrap();
    // An export that fails leaves the one that is there, and makes nothing.
    let refused = sensorium(&["export"], &[("--data", &desk.path().join("nowhere")), ("--out", &file)]);
    assert!(refused.code == Some(1) && !desk.path().join("nowhere").exists(), "{}", refused.said);
    assert_eq!(std::fs::read(&file).unwrap(), whole);
    let imported = sensorium(&["import", file.to_str().unwrap()], &[("--data", &other)]);
    assert_eq!(imported.code, Some(0), "{}", imported.said);
    let story = Story::begin_on(desk, other, &[]);
    assert_eq!(story.operator().readings("garden/tank", "level"), before);
    assert_eq!(story.operator().see("/books")["balanced"], true);
    story.finish();
}

#[test]
fn a_backup_that_was_killed_is_recognised_and_the_server_goes_on() {
    let story = Story::begin();
    story.device("tank").publish_all(payloads(0, 2_000));
    let desk = tempfile::tempdir().unwrap();
    for round in 0..5_u32 {
        let copy = desk.path().join(format!("copy-{round}"));
        let mut command = Command::new(server_program());
        command.args(["backup", "--data"]).arg(story.data()).arg("--to").arg(&copy);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !copy.exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let tried = sensorium(&["restore", "--check"], &[("--from", &copy)]);
        if copy.join("manifest.json").exists() {
            assert_eq!(tried.code, Some(0), "{}", tried.said);
        } else {
            tried.assert_refused(&["no manifest.json"]);
        }
    }
    assert_eq!(story.operator().readings("garden/tank", "level").len(), 2_000);
    story.finish();
}

#[test]
fn a_flipped_byte_is_found_taken_out_and_the_rest_is_served() {
    let story = Story::begin();
    story.device("tank").publish_all(payloads(0, 500));
    story.device("esp32").publish("esp32/dht/temperature", "23.75");
    let data = story.data().to_owned();
    let desk = story.finish_and_keep();
    assert_eq!(sensorium(&["check"], &[("--data", &data)]).code, Some(0));
    let flip = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); \
        id, blob = db.execute('SELECT id, blob FROM frames ORDER BY length(blob) DESC').fetchone(); \
        blob = bytearray(blob); blob[len(blob) // 2] ^= 1; \
        db.execute('UPDATE frames SET blob = ? WHERE id = ?', (bytes(blob), id)); db.commit()";
    let mut command = python();
    command.args(["-c", flip]).arg(data.join("sensorium.db"));
    assert_eq!(run_to_end(command).code, Some(0));
    let found = sensorium(&["check"], &[("--data", &data)]);
    assert_eq!(found.code, Some(1), "{}", found.said);
    assert!(found.said.contains("garden/tank level") && found.said.contains("500 readings"), "{}", found.said);
    let repaired = sensorium(&["repair"], &[("--data", &data)]);
    assert!(repaired.code == Some(0) && repaired.said.contains("whole again"), "{}", repaired.said);
    assert!(data.join("damaged/report.txt").exists());
    assert_eq!(sensorium(&["check"], &[("--data", &data)]).code, Some(0));
    let story = Story::begin_on(desk, data, &[]);
    assert_eq!(story.operator().values("esp32/dht", "temperature").len(), 1);
    assert_eq!(story.operator().readings("garden/tank", "level").len(), 0);
    // What was given up is said wherever its range is asked for.
    let windows = "/windows?device=garden/tank&metric=level&from=1699990000000&to=1700001000000";
    for path in ["/readings?device=garden/tank&metric=level", windows] {
        let answer = story.operator().see(path);
        assert_eq!(answer["lost"][0]["readings"], 500, "{answer}");
    }
    story.finish();
}

#[test]
fn a_restored_server_knows_the_passwords_of_its_external_brokers() {
    let mosquitto = Mosquitto::begin_guarded(tempfile::tempdir().unwrap(), "", "gate", "right");
    let story = Story::begin();
    let mut settings = far(&mosquitto, &["tank/#"]);
    settings["username"] = json!("gate");
    settings["password"] = json!("right");
    add(&story.operator(), &settings);
    expect_state(&story.operator(), "connected");
    let desk = tempfile::tempdir().unwrap();
    let [copy, back, text, other] = ["copy", "back", "text", "other"].map(|name| desk.path().join(name));
    let data = story.data().to_owned();
    assert_eq!(sensorium(&["backup"], &[("--data", &data), ("--to", &copy)]).code, Some(0));
    let _desk = story.finish_and_keep();
    let mode = std::fs::metadata(copy.join("secrets.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let tried = sensorium(&["restore", "--check"], &[("--from", &copy)]);
    assert!(tried.code == Some(0) && tried.said.contains("The backup is good"), "{}", tried.said);
    assert_eq!(sensorium(&["restore"], &[("--from", &copy), ("--data", &back)]).code, Some(0));
    let story = Story::begin_on(tempfile::tempdir().unwrap(), back, &[]);
    expect_state(&story.operator(), "connected");
    mosquitto.publish(&[], "tank/one/level", &["7".to_owned()]);
    story.operator().expect_values("tank/one", "level", &[json!(7.0)]);
    story.finish();

    let flipped = std::fs::read(copy.join("secrets.key")).unwrap().iter().map(|byte| !byte).collect::<Vec<_>>();
    std::fs::write(copy.join("secrets.key"), flipped).unwrap();
    sensorium(&["restore", "--check"], &[("--from", &copy)]).assert_refused(&["secrets.key"]);

    // Text has no key: what is sealed has to be set again, which the server says.
    assert_eq!(sensorium(&["export"], &[("--data", &data), ("--out", &text)]).code, Some(0));
    assert_eq!(sensorium(&["import", text.to_str().unwrap()], &[("--data", &other)]).code, Some(0));
    let story = Story::begin_on(desk, other, &[]);
    let failing = expect_state(&story.operator(), "failing");
    assert!(failing["detail"].as_str().unwrap().contains("set it again"), "{failing}");
    change(&story.operator(), &json!({"password": "right"}));
    expect_state(&story.operator(), "connected");
    story.finish();
}
