//! Three nodes that hold everything three times: one of them dies or freezes under load and nobody notices.
//!
//! The same drills run longer with `make drill`, which also kills all three: then everything waits until they are back.

use std::time::Duration;

use cassandra_node::{Cluster, Options};
use clock::{Clock, SystemClock};
use simulator::ledger::{Standing, run_against};
use stories::{Beat, Story};

use crate::cassandra_away::expect_no_ack;

/// The environment variable of `make drill`: how often each drill is done.
const ROUNDS_VARIABLE: &str = "SENSORIUM_DRILL_ROUNDS";
/// Messages that must be acknowledged while a node is away.
const SHORT: u64 = 100;
const LONG: u64 = 1_000;

struct Drill {
    cluster: Cluster,
    story: Story,
    /// Messages that must be acknowledged while a node is away.
    count: u64,
    done: u32,
}

impl Drill {
    fn begin(count: u64) -> Self {
        let mut cluster = Cluster::three(&Options::default()).unwrap();
        let hosts: Vec<String> = cluster.addresses().iter().map(ToString::to_string).collect();
        let story = Story::begin_over(&format!("cassandra://{}/drill", hosts.join(",")));
        cluster.wait_whole().unwrap();
        story.device("tank").publish("tank/level", "0");
        let replication = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = 'drill'";
        let found = cluster.node(0).cql().unwrap().run(replication).unwrap();
        let text = String::from_utf8_lossy(found[0][0].as_deref().unwrap()).into_owned();
        assert!(text.ends_with('3'), "everything lies three times: {text}");
        Self { cluster, story, count, done: 0 }
    }

    /// Floods the server and lets one device wait for each acknowledgement; meanwhile `fault` happens and is made good by
    /// `mended`. Nothing may be lost, refused or held up for good while it lasts.
    fn under_load(&mut self, name: &str, fault: impl FnOnce(&mut Cluster), mended: impl FnOnce(&mut Cluster)) {
        self.done += 1;
        let (http, mqtt) = (self.story.server().http(), self.story.server().mqtt());
        let standing =
            Standing { http: format!("http://{http}"), mqtt, rounds: 1, seed: u64::from(self.done), forget: 0 };
        let flood = std::thread::spawn(move || run_against(&standing, |_| {}));
        let beat = Beat::start(mqtt, &format!("beat-{}", self.done));
        beat.expect_more(10);
        fault(&mut self.cluster);
        beat.expect_more(self.count);
        mended(&mut self.cluster);
        beat.expect_more(10);
        let report = flood.join().unwrap().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(report.is_clean(), "{name}: {report}");
        let beats = beat.finish(&self.story.operator());
        println!(
            "{name}: {} acknowledged in the flood, {} beside it, the longest wait of a device {:?}",
            report.acknowledged, beats.acknowledged, beats.longest
        );
        self.cluster.wait_whole().unwrap();
    }

    fn one_killed(&mut self, which: usize) {
        self.under_load(
            &format!("node {which} killed"),
            |cluster| cluster.node(which).kill(),
            |cluster| cluster.restart().unwrap(),
        );
    }

    fn one_frozen(&mut self, which: usize) {
        self.under_load(
            &format!("node {which} frozen"),
            |cluster| cluster.node(which).stop(),
            |cluster| cluster.node(which).go(),
        );
    }

    /// Everything waits until they are back, and then goes on by itself.
    fn all_killed(&mut self) {
        let mut device = self.story.device("tank");
        let operator = self.story.operator();
        let before = operator.values("tank", "level");
        let clock = SystemClock::new();
        self.cluster.kill();
        expect_no_ack(&mut device, "7");
        self.cluster.restart().unwrap();
        device.expect_ack();
        let mut expected = before;
        expected.push(serde_json::json!(7.0));
        operator.expect_values("tank", "level", &expected);
        let away = Duration::from_secs(clock.monotonic().as_secs());
        println!("all three killed: the acknowledgement waited, {away:?} until all were back and it came");
    }

    fn finish(self) {
        self.story.finish();
    }
}

#[test]
fn one_of_three_nodes_dies_or_freezes_and_nobody_notices() {
    let mut drill = Drill::begin(SHORT);
    drill.one_killed(2);
    drill.one_frozen(1);
    drill.finish();
}

#[test]
#[ignore = "minutes long: `make drill` runs it"]
fn many_drills_with_every_node() {
    let rounds = std::env::var_os(ROUNDS_VARIABLE).map_or(2, |text| text.to_string_lossy().parse().unwrap());
    let mut drill = Drill::begin(LONG);
    for round in 0..rounds {
        println!("round {} of {rounds}", round + 1);
        for which in 0..3 {
            drill.one_killed(which);
            drill.one_frozen(which);
        }
        drill.all_killed();
    }
    drill.finish();
}
