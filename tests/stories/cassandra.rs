//! Cassandra as the store, from a publish to the chart's data, and over kills of the server.

use cassandra_node::Shared;
use serde_json::{Value, json};
use simulator::ledger::{Options, run};
use simulator::server::Launch;
use stories::{Story, server_program};

use crate::foreign_clients::publish;
use crate::live::Page;

#[test]
fn what_a_foreign_client_publishes_is_in_readings_windows_and_live() {
    let keyspace = Shared::node().keyspace("first light");
    let story = Story::begin_over(&keyspace.url());
    let operator = story.operator();
    let mut page = Page::open(&story, &Value::Null);
    let start = 1_700_000_040_000_i64; // A whole minute.
    for (second, value) in [(0, 21.5), (30, 24.5), (60, 23.0)] {
        let payload = format!(r#"{{"ts":{},"temperature":{value}}}"#, start + second * 1000);
        publish(&story, &["-q", "1", "-t", "esp32/dht", "-m", &payload]);
    }
    assert_eq!(page.hear_values(3).0, [json!(21.5), json!(24.5), json!(23.0)]);
    let readings = operator.readings("esp32/dht", "temperature");
    assert_eq!(readings, [(start, json!(21.5)), (start + 30_000, json!(24.5)), (start + 60_000, json!(23.0))]);
    let path = |width, to: i64| {
        format!("/windows?device=esp32%2Fdht&metric=temperature&from={start}&to={}&width={width}", start + to)
    };
    let windows = operator.see(&path(2, 120_000));
    assert_eq!((&windows["t0"], &windows["step_ms"]), (&json!(start), &json!(60_000)), "{windows}");
    let told = ["min", "max", "avg", "count"].map(|name| windows[name].clone());
    assert_eq!(told, [json!([21.5, 23.0]), json!([24.5, 23.0]), json!([23.0, 23.0]), json!([2, 1])], "{windows}");
    let latest = operator.see("/latest?device=esp32%2Fdht");
    assert_eq!((&latest["items"][0]["metric"], &latest["items"][0]["v"]), (&json!("temperature"), &json!(23.0)));
    story.finish();
}

#[test]
fn a_restart_and_a_kill_keep_readings_devices_names_books_and_what_could_not_be_read() {
    let keyspace = Shared::node().keyspace("restart");
    let mut story = Story::begin_over(&keyspace.url());
    let start = 1_700_000_000_000_i64;
    let payload = |n: i64| format!(r#"{{"ts":{},"level":{n}}}"#, start + n * 1000);
    story.device("tank").publish_all((0..500).map(|n| ("garden/tank".into(), payload(n).into_bytes())));
    story.device("esp32").publish("esp32/dht/temperature", "23.75");
    story.device("esp32").publish("esp32/broken", r#"{"temperature":"#);
    let before = story.operator();
    let version = format!("\"{}\"", before.see("/devices/garden%2Ftank")["version"]);
    let headers = [("content-type", "application/json"), ("if-match", version.as_str())];
    let named = before.send("PATCH", "/devices/garden%2Ftank", &headers, Some(br#"{"name":"Tank"}"#));
    assert_eq!(named.status, 200, "{named:?}");
    let levels = before.readings("garden/tank", "level");
    let (books, unread) = (before.settled_books(), before.see("/inbox/messages")["total"].clone());
    assert_eq!((levels.len(), &unread), (500, &json!(1)));

    for restart in [Story::restart as fn(&mut Story), Story::kill_and_restart, Story::restart] {
        restart(&mut story);
        let after = story.operator();
        assert_eq!(after.readings("garden/tank", "level"), levels);
        assert_eq!(after.values("esp32/dht", "temperature"), [json!(23.75)]);
        assert_eq!(after.see("/devices/garden%2Ftank")["name"], "Tank");
        assert_eq!(after.settled_books().messages, books.messages);
        assert_eq!(after.see("/inbox/messages")["total"], unread);
    }
    story.finish();
}

#[test]
fn kills_in_a_flood_over_cassandra_lose_double_and_invent_nothing() {
    let keyspace = Shared::node().keyspace("kills");
    let desk = tempfile::tempdir().unwrap();
    let mut launch = Launch::new(server_program(), desk.path().join("data"), desk.path());
    launch.more = vec!["--store".into(), keyspace.url().into()];
    let options = Options { launch, rounds: 4, seed: 20_260_601, forget: 0, after_kill: None, kills_at_start: 1 };
    let report = run(&options, |_| {}).unwrap_or_else(|error| panic!("{error}"));
    println!("{report}");
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.kills, report.acknowledged), (8, report.found));
    assert!(report.acknowledged > 500, "a flood is more than this: {report}");
}
