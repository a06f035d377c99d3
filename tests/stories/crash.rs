//! What was acknowledged survives: kills in the middle of a flood, ends in order, and the two mixed.

use std::process::Command;

use serde_json::json;
use simulator::ledger::{Fault, Options, Report, run};
use simulator::server::Launch;
use stories::{Story, run_to_end, server_program, simulator_program};

fn ledger(rounds: u32, seed: u64, forget: u32) -> Report {
    let desk = tempfile::tempdir().unwrap();
    let launch = Launch::new(server_program(), desk.path().join("data"), desk.path());
    let options = Options { launch, rounds, seed, forget, after_kill: None, kills_at_start: 0 };
    run(&options, |_| {}).unwrap_or_else(|error| panic!("seed {seed}: {error}"))
}

#[test]
fn twenty_kills_in_a_flood_lose_double_and_invent_nothing() {
    let report = ledger(20, 20_260_101, 0);
    println!("{report}");
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.kills, report.acknowledged), (20, report.found));
    assert!(report.acknowledged > 1_000, "a flood is more than this: {report}");
}

#[test]
fn the_ledger_sees_a_single_lost_reading() {
    let report = ledger(2, 7, 1);
    assert!(!report.is_clean());
    assert_eq!(report.count(Fault::Lost), 1, "{report}");
    assert_eq!(
        report.count(Fault::Doubled) + report.count(Fault::Invented) + report.count(Fault::Unbalanced),
        0,
        "{report}"
    );
}

#[test]
fn the_ledger_program_tells_its_verdict_by_its_exit_code() {
    let run = |forget: &str| {
        let mut command = Command::new(simulator_program());
        command.args(["ledger", "--rounds", "1", "--seed", "5", "--forget", forget]);
        command.arg("--sensorium").arg(server_program());
        run_to_end(command)
    };
    let clean = run("0");
    assert_eq!(clean.code, Some(0), "{}", clean.said);
    assert!(
        clean.said.contains(" acknowledged, ") && clean.said.contains("0 lost, 0 doubled, 0 invented"),
        "{}",
        clean.said
    );
    let faulty = run("3");
    assert_eq!(faulty.code, Some(1), "{}", faulty.said);
    assert!(faulty.said.contains("3 lost"), "{}", faulty.said);
}

#[test]
fn a_restart_keeps_everything_and_so_does_the_next_one() {
    let mut story = Story::begin();
    let start = 1_700_000_000_000_i64;
    let payload = |n: i64| format!(r#"{{"ts":{},"level":{n}}}"#, start + n * 1000);
    story.device("tank").publish_all((0..3_000).map(|n| ("garden/tank".into(), payload(n).into_bytes())));
    story.device("esp32").publish("esp32/dht/temperature", "23.75");
    story.device("esp32").publish("esp32/broken", r#"{"temperature":"#);
    let before = story.operator();
    let levels = before.readings("garden/tank", "level");
    let (devices, books) = (before.see("/devices"), before.settled_books());
    assert_eq!(levels.len(), 3_000);

    for restart in [Story::restart as fn(&mut Story), Story::restart, Story::kill_and_restart, Story::restart] {
        restart(&mut story);
        let after = story.operator();
        assert_eq!(after.readings("garden/tank", "level"), levels);
        assert_eq!(after.values("esp32/dht", "temperature"), [json!(23.75)]);
        let keys = |devices: &serde_json::Value| -> Vec<serde_json::Value> {
            devices["items"].as_array().unwrap().iter().map(|device| device["key"].clone()).collect()
        };
        assert_eq!(keys(&after.see("/devices")), keys(&devices));
        assert_eq!(after.settled_books().messages, books.messages);
        assert_eq!(after.see("/inbox/messages")["total"], 1);
    }
    story.finish();
}

#[test]
fn a_server_that_is_told_to_end_has_stored_what_it_acknowledged() {
    let mut story = Story::begin();
    let mut device = story.device("meter");
    for n in 0..50 {
        device.publish("house/meter/power", format!("{n}"));
    }
    story.restart();
    let expected: Vec<_> = (0..50).map(|n| json!(f64::from(n))).collect();
    assert_eq!(story.operator().values("house/meter", "power"), expected);
    story.finish();
}

#[test]
fn ten_kills_during_each_recovery_change_nothing() {
    let desk = tempfile::tempdir().unwrap();
    let launch = Launch::new(server_program(), desk.path().join("data"), desk.path());
    let options = Options { launch, rounds: 3, seed: 3, forget: 0, after_kill: None, kills_at_start: 10 };
    let report = run(&options, |_| {}).unwrap();
    println!("{report}");
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.kills, report.acknowledged), (33, report.found));
}

#[test]
fn whoever_wants_to_see_it_gets_the_ledger_from_the_server_s_own_program() {
    let mut command = Command::new(server_program());
    command.args(["prove", "--rounds", "2", "--seed", "7"]);
    let proof = run_to_end(command);
    assert_eq!(proof.code, Some(0), "{}", proof.said);
    for words in [" acknowledged, ", " 0 lost, 0 doubled, 0 invented", "seed 7, 2 rounds, killed 2 times", " s\n"] {
        assert!(proof.said.contains(words), "{words:?} is missing: {}", proof.said);
    }
}
