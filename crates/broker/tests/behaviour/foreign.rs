//! Clients that are not ours: `mosquitto_pub` and `mosquitto_sub`, in both versions.
//!
//! They come with the Debian package `mosquitto-clients`; without them this says so and fails.

use std::process::{Output, Stdio};

use broker::Limits;
use tokio::process::{Child, Command};

use crate::door::Door;
use crate::wire::GIVE_UP;

fn command(program: &str, door: &Door, version: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-p", &door.address.port().to_string(), "-V", version]);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn publish(door: &Door, version: &str, arguments: &[&str]) -> Output {
    let run = command("mosquitto_pub", door, version, arguments).output();
    tokio::time::timeout(GIVE_UP, run).await.expect("an end in time").expect("mosquitto-clients is installed")
}

fn subscribe(door: &Door, version: &str, arguments: &[&str]) -> Child {
    command("mosquitto_sub", door, version, arguments).spawn().expect("mosquitto-clients is installed")
}

async fn output(child: Child) -> String {
    let output = tokio::time::timeout(GIVE_UP, child.wait_with_output()).await.expect("an end in time").unwrap();
    String::from_utf8(output.stdout).unwrap()
}

async fn wait_subscriptions(door: &Door, count: u64) {
    let wait = async {
        while door.broker.counters().subscriptions < count {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(GIVE_UP, wait).await.expect("subscriptions in time");
}

#[tokio::test]
async fn mosquitto_publishes_and_subscribes_in_every_version_and_qos() {
    let door = Door::open(Limits::default()).await;
    let versions = ["mqttv31", "mqttv311", "mqttv5"];
    let subscribers = versions.map(|version| subscribe(&door, version, &["-t", "t/#", "-v", "-C", "6", "-q", "1"]));
    wait_subscriptions(&door, 3).await;
    let mut expected = String::new();
    for version in versions {
        for qos in ["0", "1"] {
            let topic = format!("t/{version}/{qos}");
            let output = publish(&door, version, &["-t", &topic, "-m", "21.5", "-q", qos]).await;
            assert!(output.status.success(), "{output:?}");
            expected += &format!("{topic} 21.5\n");
        }
    }
    for subscriber in subscribers {
        let mut lines: Vec<_> = output(subscriber).await.lines().map(str::to_owned).collect();
        lines.sort();
        let mut expected: Vec<_> = expected.lines().map(str::to_owned).collect();
        expected.sort();
        assert_eq!(lines, expected);
    }
}

#[tokio::test]
async fn mosquitto_is_told_that_qos_2_is_not_supported() {
    let door = Door::open(Limits::default()).await;
    let output = publish(&door, "mqttv5", &["-t", "a", "-m", "1", "-q", "2"]).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("QoS not supported"), "{output:?}");
    let _old = command("mosquitto_pub", &door, "mqttv311", &["-t", "a", "-m", "1", "-q", "2"]).spawn().unwrap();
    door.wait_ended("qos2_unsupported").await;
}

#[tokio::test]
async fn mosquitto_sees_retained_messages_and_wills() {
    let door = Door::open(Limits::default()).await;
    let output_of = publish(&door, "mqttv5", &["-t", "r/a", "-m", "kept", "-r", "-q", "1"]).await;
    assert!(output_of.status.success());
    let late = subscribe(&door, "mqttv311", &["-t", "r/+", "-C", "1"]);
    assert_eq!(output(late).await, "kept\n");
    let watcher = subscribe(&door, "mqttv5", &["-t", "w", "-C", "1"]);
    wait_subscriptions(&door, 1).await;
    let will = ["-t", "x", "--will-topic", "w", "--will-payload", "gone"];
    let mut device = subscribe(&door, "mqttv311", &will);
    wait_subscriptions(&door, 2).await;
    device.start_kill().unwrap();
    assert_eq!(output(watcher).await, "gone\n");
}

#[tokio::test]
async fn mosquitto_sends_a_thousand_lines_at_qos_1() {
    let door = Door::open(Limits::default()).await;
    for version in ["mqttv311", "mqttv5"] {
        let mut sender = command("mosquitto_pub", &door, version, &["-t", "a", "-l", "-q", "1"]);
        let mut child = sender.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let lines: String = (0..1_000).map(|line| format!("{line}\n")).collect();
        tokio::io::AsyncWriteExt::write_all(&mut stdin, lines.as_bytes()).await.unwrap();
        drop(stdin);
        let status = tokio::time::timeout(GIVE_UP, child.wait()).await.expect("an end in time").unwrap();
        assert!(status.success());
    }
    let counters = door.broker.counters();
    assert_eq!((counters.publishes_qos1, counters.acks), (2_000, 2_000));
}
