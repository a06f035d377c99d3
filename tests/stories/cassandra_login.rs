//! A Cassandra with users and encryption: what is wrong is a sentence that says what to do, and what is right works.

use std::fs;
use std::path::Path;

use cassandra_node::{Authority, Login, Node, Options};
use serde_json::json;
use simulator::server::Launch;
use stories::{Ended, Story, run_to_end, server_program};

/// A server that should refuse to start, with a password in its environment.
fn serve(store: &str, password: Option<&str>) -> Ended {
    let desk = tempfile::tempdir().unwrap();
    let mut launch = Launch::new(server_program(), desk.path().join("data"), desk.path());
    launch.more = vec!["--store".into(), store.into()];
    let mut command = launch.command("127.0.0.1:0", "127.0.0.1:0");
    command.envs(password.map(|password| ("SENSORIUM_CASSANDRA_PASSWORD", password)));
    run_to_end(command)
}

fn file(desk: &Path, name: &str, text: &str) -> String {
    let path = desk.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn users_passwords_and_certificates_are_asked_for_and_told_apart() {
    let ours = Authority::new("ours").unwrap();
    let node = Node::start_named(|address| {
        let tls = Some(ours.node(address.ip(), true)?);
        Ok(Options { login: Login::Password, tls, ..Options::default() })
    });
    let node = node.unwrap();
    let desk = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| file(desk.path(), name, text);
    let client = ours.sign(&[]).unwrap();
    let ca = at("ca", ours.pem());
    let stranger = at("stranger", Authority::new("theirs").unwrap().pem());
    let (certificate, key) = (at("certificate", &client.certificate), at("key", &client.key));
    let host = node.address();
    let encrypted = format!("?ca={ca}&cert={certificate}&key={key}");

    let secret = "not-the-password";
    let refusals = [
        (format!("cassandra://cassandra@{host}/iot"), vec!["TLS", "ca="]),
        (format!("cassandra://cassandra@{host}/iot?ca={ca}"), vec!["certificate of ours", "cert="]),
        (
            format!("cassandra://cassandra@{host}/iot?ca={stranger}&cert={certificate}&key={key}"),
            vec!["authority", "ca="],
        ),
        (format!("cassandra://cassandra@{host}/iot{encrypted}"), vec!["password", "SENSORIUM_CASSANDRA_PASSWORD"]),
    ];
    for (store, words) in refusals {
        let ended = serve(&store, Some(secret));
        ended.assert_refused(&words);
        assert!(!ended.said.contains(secret), "a password is shown: {}", ended.said);
    }
    serve(&format!("cassandra://{host}/iot{encrypted}"), None).assert_refused(&["asks for a login"]);
    serve(&format!("cassandra://cassandra@{host}/iot?ca={ca}.none"), Some("cassandra")).assert_refused(&["ca="]);

    let mut story = Story::begin_over(&format!("cassandra://cassandra:cassandra@{host}/iot{encrypted}"));
    story.device("esp32").publish("esp32/dht/temperature", "23.75");
    story.kill_and_restart();
    let operator = story.operator();
    assert_eq!(operator.values("esp32/dht", "temperature"), [json!(23.75)]);
    assert!(!story.server().log().contains("cassandra:cassandra"), "a password is in the log");
    story.finish();
}
