//! What keeps a server from starting is said in a sentence, with an exit code and without a stack trace.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use simulator::server::Launch;
use stories::{Ended, Story, python, run_to_end, server_program};

fn serve(data: &Path, http: &str, mqtt: &str) -> Ended {
    let desk = tempfile::tempdir().unwrap();
    run_to_end(Launch::new(server_program(), data, desk.path()).command(http, mqtt))
}

#[test]
fn a_port_that_was_named_and_is_taken_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    serve(data.path(), &address, "127.0.0.1:0").assert_refused(&[&address]);
    serve(data.path(), "127.0.0.1:0", &address).assert_refused(&[&address]);
}

#[test]
fn an_address_of_the_network_is_refused_unless_it_is_said_twice() {
    let data = tempfile::tempdir().unwrap();
    serve(data.path(), "0.0.0.0:0", "127.0.0.1:0").assert_refused(&["--open-lan"]);
    serve(data.path(), "127.0.0.1:0", "0.0.0.0:0").assert_refused(&["--open-lan"]);
    serve(data.path(), "[::]:0", "127.0.0.1:0").assert_refused(&["--open-lan"]);

    let desk = tempfile::tempdir().unwrap();
    let directory = desk.path().join("data");
    let story = Story::begin_on(desk, directory, &["--open-lan"]);
    assert_eq!(story.operator().see("/about")["state"], "open_lan");
    story.finish();
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    for arguments in [&["serve", "--colour", "red"][..], &["serve", "--http", "nowhere"], &["sing"]] {
        let mut command = Command::new(server_program());
        command.args(arguments).current_dir(std::env::temp_dir());
        run_to_end(command).assert_refused(&[]);
    }
}

#[test]
fn a_second_server_on_the_same_directory_is_refused_and_the_first_goes_on() {
    let story = Story::begin();
    story.device("esp32").publish("esp32/dht/temperature", "23.75");
    serve(story.data(), "127.0.0.1:0", "127.0.0.1:0").assert_refused(&[&story.data().display().to_string()]);
    story.device("esp32").publish("esp32/dht/temperature", "24.25");
    assert_eq!(story.operator().values("esp32/dht", "temperature"), [json!(23.75), json!(24.25)]);
    story.finish();
}

#[test]
fn a_data_directory_that_is_none_is_refused() {
    let desk = tempfile::tempdir().unwrap();
    let file = desk.path().join("file");
    fs::write(&file, "I am no directory").unwrap();
    serve(&file, "127.0.0.1:0", "127.0.0.1:0").assert_refused(&[&file.display().to_string()]);
}

#[test]
fn a_data_directory_of_another_version_is_refused_and_left_as_it_is() {
    let story = Story::begin();
    story.device("esp32").publish("esp32/dht/temperature", "23.75");
    let data = story.data().to_owned();
    let desk = story.finish_and_keep();
    let database = data.join("sensorium.db");
    let format = |statement: &str| {
        let code = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); print(db.execute(sys.argv[2]).fetchone()); db.commit()";
        let mut command = python();
        command.args(["-c", code]).arg(&database).arg(statement);
        let ended = run_to_end(command);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        ended.said.trim().to_owned()
    };
    assert_ne!(format("PRAGMA user_version"), "(0,)", "the database says which format it has");
    format("PRAGMA user_version = 9999");
    serve(&data, "127.0.0.1:0", "127.0.0.1:0").assert_refused(&["format 9999", &data.display().to_string()]);
    assert_eq!(format("PRAGMA user_version"), "(9999,)", "nothing was written");
    drop(desk);
}

#[test]
fn an_announcement_says_where_to_find_everything() {
    let story = Story::begin();
    let about = story.operator().see("/about");
    assert_eq!(about["state"], "local");
    let http = format!("http://{}", story.server().http());
    assert!(about["http"].as_array().is_some_and(|all| all.contains(&json!(http))), "{about}");
    let mut health = ureq::get(format!("{http}/health")).call().unwrap();
    let health: serde_json::Value = serde_json::from_str(&health.body_mut().read_to_string().unwrap()).unwrap();
    // How full the disk of this machine is, is not ours to say.
    let own = |reason: &&serde_json::Value| !reason["code"].as_str().is_some_and(|code| code.starts_with("disk_"));
    assert_eq!(health["reasons"].as_array().unwrap().iter().find(own), None, "{health}");
    story.finish();
}
