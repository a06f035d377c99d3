//! Clients that share no line with ours: the Mosquitto tools and the Paho client for Python.

use std::process::{Child, Command, Stdio};

use serde_json::json;
use stories::{Story, expect, foreign, python, run_to_end};

fn addressed(mut command: Command, story: &Story) -> Command {
    let mqtt = story.server().mqtt();
    command.args(["-h", &mqtt.ip().to_string(), "-p", &mqtt.port().to_string()]);
    command
}

pub(crate) fn publish(story: &Story, arguments: &[&str]) {
    let mut command = addressed(foreign("mosquitto_pub"), story);
    let ended = run_to_end({
        command.args(arguments);
        command
    });
    assert_eq!(ended.code, Some(0), "mosquitto_pub {arguments:?}: {}", ended.said);
}

/// Runs until it has got `count` messages, and says `topic payload` of each.
fn subscribe(story: &Story, count: &str, filter: &str, version: &str) -> Child {
    let mut command = addressed(foreign("mosquitto_sub"), story);
    command.args(["-t", filter, "-C", count, "-W", "80", "-F", "%t %p %r", "-V", version, "-q", "1"]);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

fn said(child: Child) -> Vec<String> {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn mosquitto_pub_gets_its_acknowledgement_and_the_reading_is_there() {
    let story = Story::begin();
    for (version, payload) in [("311", "23.75"), ("5", "24.5")] {
        publish(&story, &["-V", version, "-q", "1", "-t", "esp32/dht/temperature", "-m", payload]);
    }
    publish(&story, &["-q", "0", "-t", "esp32/dht/humidity", "-m", "48"]);
    let operator = story.operator();
    assert_eq!(operator.values("esp32/dht", "temperature"), [json!(23.75), json!(24.5)]);
    operator.expect_values("esp32/dht", "humidity", &[json!(48.0)]);
    story.finish();
}

#[test]
fn mosquitto_sub_gets_what_others_publish_and_what_was_retained() {
    for version in ["311", "5"] {
        let story = Story::begin();
        let mut device = story.device("lamp");
        device.publish_retained("house/lamp/state", "ON");
        let mut subscriber = subscribe(&story, "3", "house/+/state", version);
        // It ends after three messages: the retained one and, once it has subscribed, two that are fresh.
        expect("the subscriber to have got three messages", || {
            device.publish("house/door/state", "OPEN");
            device.publish("garden/door/state", "OPEN");
            subscriber.try_wait().unwrap().ok_or("still waiting")
        });
        let mut lines = said(subscriber);
        // Whether what is fresh or what was retained comes first is not promised.
        lines.sort();
        assert_eq!(
            lines,
            ["house/door/state OPEN 0", "house/door/state OPEN 0", "house/lamp/state ON 1"],
            "MQTT {version}"
        );
        story.finish();
    }
}

#[test]
fn a_will_is_published_when_its_client_is_gone_without_a_word() {
    let story = Story::begin();
    let watcher = subscribe(&story, "1", "house/cellar/status", "5");
    let mut command = addressed(foreign("mosquitto_sub"), &story);
    command.args(["-t", "nothing", "--will-topic", "house/cellar/status", "--will-payload", "offline"]);
    command.args(["--will-retain", "--will-qos", "1"]);
    let mut doomed = command.stdout(Stdio::null()).spawn().unwrap();
    // Once both have subscribed the will is armed and watched; the metrics are the only door to see that.
    let operator = story.operator();
    expect("two clients to have subscribed", || {
        let metrics =
            ureq::get(format!("http://{}/metrics", operator.http())).call().unwrap().body_mut().read_to_string();
        let metrics = metrics.unwrap();
        if metrics.contains("\nsensorium_mqtt_subscriptions 2\n") { Ok(()) } else { Err(metrics) }
    });
    doomed.kill().unwrap();
    doomed.wait().unwrap();
    assert_eq!(said(watcher), ["house/cellar/status offline 0"]);
    story.finish();
}

const PAHO: &str = r#"
import sys, paho.mqtt.client as mqtt
host, port, version = sys.argv[1], int(sys.argv[2]), sys.argv[3]
protocol = {"311": mqtt.MQTTv311, "5": mqtt.MQTTv5}[version]
got = []
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="paho-" + version, protocol=protocol)
client.on_message = lambda client, data, message: got.append((message.topic, message.payload.decode()))
subscribed = []
client.on_subscribe = lambda client, data, mid, codes, properties: subscribed.extend(codes)
client.connect(host, port)
client.loop_start()
client.subscribe("paho/#", qos=1)
import time
deadline = time.time() + 60
while not subscribed and time.time() < deadline: time.sleep(0.01)
assert subscribed, "SUBACK did not come"
tickets = [client.publish(f"paho/{version}/temperature", f"{20 + n / 10:.1f}", qos=1) for n in range(200)]
for ticket in tickets:
    ticket.wait_for_publish(60)
    assert ticket.is_published(), "PUBACK did not come"
client.publish(f"paho/{version}/ping", "1", qos=0).wait_for_publish(60)
while len(got) < 201 and time.time() < deadline: time.sleep(0.01)
assert len(got) == 201, f"{len(got)} messages came back"
assert [payload for _, payload in got[:200]] == [f"{20 + n / 10:.1f}" for n in range(200)], "order"
client.disconnect()
client.loop_stop()
print("ok", len(got))
"#;

#[test]
fn paho_for_python_publishes_and_subscribes_in_both_versions() {
    let story = Story::begin();
    let operator = story.operator();
    let mqtt = story.server().mqtt();
    for version in ["311", "5"] {
        let mut command = python();
        command.args(["-c", PAHO, &mqtt.ip().to_string(), &mqtt.port().to_string(), version]);
        let ended = run_to_end(command);
        assert_eq!((ended.code, ended.said.trim()), (Some(0), "ok 201"), "Paho, MQTT {version}");
        let expected: Vec<_> = (0..200).map(|n| json!(f64::from(200 + n) / 10.0)).collect();
        assert_eq!(operator.values(&format!("paho/{version}"), "temperature"), expected);
    }
    story.finish();
}
