//! Messages of a broker that is not ours: a real Mosquitto, killed and restarted, and our server killed in between.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use stories::{Operator, Story, expect, foreign, run_to_end};
use tempfile::TempDir;

/// A Mosquitto of its own on loopback. It ends with the story.
struct Mosquitto {
    desk: TempDir,
    port: u16,
    child: Option<Child>,
    /// Arguments for its tools: user, authorities.
    with: Vec<String>,
}

impl Mosquitto {
    /// With `more` lines in its configuration.
    fn begin(more: &str) -> Self {
        let desk = tempfile::tempdir().unwrap();
        Self::begin_in(desk, more, &[])
    }

    fn begin_in(desk: TempDir, more: &str, with: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = desk.path().display();
        let anonymous = if more.contains("allow_anonymous") { "" } else { "allow_anonymous true\n" };
        let lines = format!(
            "user root\nlistener {port} 127.0.0.1\n{anonymous}persistence true\npersistence_location {folder}/\n\
             autosave_interval 1\nautosave_on_changes true\nmax_queued_messages 0\n{more}\n"
        );
        fs::write(desk.path().join("mosquitto.conf"), lines).unwrap();
        let with = with.iter().map(|&text| text.to_owned()).collect();
        let mut mosquitto = Self { desk, port, child: None, with };
        mosquitto.start();
        mosquitto
    }

    fn start(&mut self) {
        let mut command = foreign("mosquitto");
        command.arg("-c").arg(self.desk.path().join("mosquitto.conf"));
        self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        expect("Mosquitto to listen", || std::net::TcpStream::connect(("127.0.0.1", self.port)).map(drop));
    }

    /// SIGTERM: it keeps what it has.
    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }

    fn publish(&self, more: &[&str], topic: &str, payloads: &[String]) {
        let mut command = foreign("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-q", "1", "-t", topic]);
        command.args(&self.with).args(more);
        let lines = self.desk.path().join("lines");
        fs::write(&lines, payloads.join("\n") + "\n").unwrap();
        let shell = format!("exec \"$0\" \"$@\" -l < {}", lines.display());
        let mut fed = Command::new("sh");
        fed.arg("-c").arg(shell).arg(command.get_program()).args(command.get_args());
        let ended = run_to_end(fed);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
    }

    fn settings(&self, filters: &[&str]) -> Value {
        let filters: Vec<_> = filters.iter().map(|filter| json!({"filter": filter, "qos": 1})).collect();
        json!({"name": "far", "host": "127.0.0.1", "port": self.port, "filters": filters})
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.end();
    }
}

fn add(operator: &Operator, settings: &Value) {
    let added = operator.post("/brokers", settings);
    assert_eq!(added.status, 201, "{added:?}");
}

fn expect_state(operator: &Operator, state: &str) -> Value {
    expect(&format!("the link to be {state}"), || {
        let found = operator.see("/brokers/far");
        if found["state"] == state { Ok(found) } else { Err(found) }
    })
}

fn numbers(from: u32, to: u32) -> (Vec<String>, Vec<Value>) {
    ((from..to).map(|n| n.to_string()).collect(), (from..to).map(|n| json!(f64::from(n))).collect())
}

#[test]
fn messages_of_an_external_broker_arrive_and_balance() {
    let mosquitto = Mosquitto::begin("");
    let mut story = Story::begin();
    let operator = story.operator();
    // Overlapping filters: every message still comes once.
    add(&operator, &mosquitto.settings(&["tank/#", "tank/+/level", "+/one/level"]));
    expect_state(&operator, "connected");
    let (payloads, values) = numbers(0, 300);
    mosquitto.publish(&[], "tank/one/level", &payloads);
    operator.expect_values("tank/one", "level", &values);
    assert_eq!(operator.book("far").messages.received, 300);
    let seen = operator.see("/brokers/far/seen");
    assert_eq!((&seen["items"][0]["topic"], &seen["items"][0]["text"]), (&json!("tank/one/level"), &json!("299")));

    // It is kept over a restart of ours, and what came meanwhile is there.
    story.kill();
    let (payloads, more) = numbers(300, 400);
    mosquitto.publish(&[], "tank/one/level", &payloads);
    story.start();
    let operator = story.operator();
    operator.expect_values("tank/one", "level", &[values, more].concat());

    let removed = operator.send("DELETE", "/brokers/far", &[], None);
    assert_eq!(removed.status, 204, "{removed:?}");
    assert_eq!(operator.get("/brokers/far").problem(&[404]), "broker_unknown");
    story.finish();
}

#[test]
fn a_broker_that_ends_and_comes_back_is_heard_again() {
    let mut mosquitto = Mosquitto::begin("");
    let story = Story::begin();
    let operator = story.operator();
    add(&operator, &mosquitto.settings(&["tank/#"]));
    expect_state(&operator, "connected");
    let mut all = Vec::new();
    for round in 0..2 {
        let (payloads, values) = numbers(round * 100, round * 100 + 100);
        mosquitto.publish(&[], "tank/one/level", &payloads);
        all.extend(values);
        operator.expect_values("tank/one", "level", &all);
        mosquitto.end();
        let failing = expect_state(&operator, "failing");
        assert!(failing["detail"].as_str().unwrap().ends_with('.'), "{failing}");
        mosquitto.start();
        assert_eq!(expect_state(&operator, "connected")["gaps"], json!([]), "it kept our session");
    }
    story.finish();
}

#[test]
fn a_broker_that_forgot_us_leaves_a_gap_that_is_told() {
    let mut mosquitto = Mosquitto::begin("");
    let story = Story::begin();
    let operator = story.operator();
    add(&operator, &mosquitto.settings(&["tank/#"]));
    expect_state(&operator, "connected");
    mosquitto.end();
    expect_state(&operator, "failing");
    fs::remove_file(mosquitto.desk.path().join("mosquitto.db")).unwrap();
    mosquitto.start();
    let gaps = expect_state(&operator, "connected")["gaps"].clone();
    assert_eq!(gaps.as_array().map(Vec::len), Some(1), "{gaps}");
    assert!(gaps[0]["from"].as_i64() <= gaps[0]["to"].as_i64(), "{gaps}");
    mosquitto.publish(&[], "tank/one/level", &["7".to_owned()]);
    operator.expect_values("tank/one", "level", &[json!(7.0)]);
    story.finish();
}

#[test]
fn kills_with_messages_unacknowledged_lose_and_double_nothing() {
    let mosquitto = Mosquitto::begin("max_inflight_messages 90");
    let mut story = Story::begin();
    add(&story.operator(), &mosquitto.settings(&["tank/#"]));
    expect_state(&story.operator(), "connected");
    let mut all = Vec::new();
    for round in 0..4 {
        let (payloads, values) = numbers(round * 1000, round * 1000 + 1000);
        mosquitto.publish(&[], "tank/one/level", &payloads);
        all.extend(values);
        story.kill_and_restart();
    }
    story.operator().expect_values("tank/one", "level", &all);
    story.finish();
}

#[test]
fn a_wrong_password_is_a_sentence_and_never_answered() {
    let desk = tempfile::tempdir().unwrap();
    let file = desk.path().join("passwords");
    let mut made = foreign("mosquitto_passwd");
    made.args(["-b", "-c"]).arg(&file).args(["gate", "right"]);
    assert_eq!(run_to_end(made).code, Some(0));
    let more = format!("allow_anonymous false\npassword_file {}", file.display());
    let mosquitto = Mosquitto::begin_in(desk, &more, &["-u", "gate", "-P", "right"]);
    let story = Story::begin();
    let operator = story.operator();
    let mut settings = mosquitto.settings(&["tank/#"]);
    settings["username"] = json!("gate");
    settings["password"] = json!("a-wrong-one");
    add(&operator, &settings);
    let failing = expect_state(&operator, "failing");
    assert!(failing["detail"].as_str().unwrap().contains("password"), "{failing}");
    assert_eq!((&failing["has_password"], failing.get("password")), (&json!(true), None));

    let body = json!({"password": "right"}).to_string();
    let json_type = [("content-type", "application/json")];
    let changed = operator.send("PATCH", "/brokers/far", &json_type, Some(body.as_bytes()));
    assert_eq!(changed.status, 200, "{changed:?}");
    expect_state(&operator, "connected");
    mosquitto.publish(&[], "tank/one/level", &["7".to_owned()]);
    operator.expect_values("tank/one", "level", &[json!(7.0)]);
    story.finish();
}
