//! A fleet in every dialect, with the habits of real boards, and the comparison of what it said with what the server has.

use std::process::Command;

use stories::{Ended, Story, run_to_end, simulator_program};

fn fleet(story: &Story, more: &[&str]) -> Ended {
    let mut command = Command::new(simulator_program());
    command.args([
        "fleet",
        "--mqtt",
        &story.server().mqtt().to_string(),
        "--check",
        &format!("http://{}", story.server().http()),
    ]);
    command.args(more);
    run_to_end(command)
}

#[test]
fn boards_of_every_profile_with_bad_habits_have_all_their_readings_and_units_and_the_books_balance() {
    let story = Story::begin();
    let ended = fleet(&story, &["--devices", "152", "--readings", "60", "--every-ms", "100", "--seed", "11"]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.said.contains("152 devices with ") && ended.said.contains("; books balance"), "{}", ended.said);
    for habit in
        ["repeated with DUP", "late and in no order", "connections dropped", "restarts", "twins", "wrong clocks"]
    {
        assert!(!ended.said.contains(&format!(" 0 {habit}")), "nobody had this habit: {}", ended.said);
    }
    story.finish();
}

#[test]
fn the_check_of_a_fleet_sees_readings_that_it_did_not_send() {
    let story = Story::begin();
    let again = ["--devices", "38", "--readings", "3", "--every-ms", "50", "--seed", "3", "--well-behaved"];
    let first = fleet(&story, &again);
    assert_eq!(first.code, Some(0), "{}", first.said);
    let second = fleet(&story, &again);
    assert_eq!(second.code, Some(1), "{}", second.said);
    assert!(second.said.contains("that were not sent") && second.said.contains("received"), "{}", second.said);
    let unknown = fleet(&story, &["--profiles", "tasmota,nonsense"]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.said);
    assert!(unknown.said.contains("no profile nonsense"), "{}", unknown.said);
    story.finish();
}
