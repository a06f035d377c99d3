//! A real node: it keeps what was written over a kill, answers nothing while it is stopped, and ends with the process that
//! started it.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use cassandra_node::{Cql, Node, Options, Shared};
use clock::{Clock, SystemClock};

/// One node at a time: each takes a gigabyte.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn a_node_keeps_its_rows_over_a_kill_and_answers_nothing_while_it_is_stopped() {
    let _alone = ALONE.lock();
    let mut node = Node::start(Options::default()).unwrap();
    let mut cql = node.cql().unwrap();
    cql.run("CREATE KEYSPACE kept WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}").unwrap();
    cql.run("CREATE TABLE kept.rows (key int PRIMARY KEY, word text)").unwrap();
    cql.run("INSERT INTO kept.rows (key, word) VALUES (1, 'here')").unwrap();

    let address = node.address();
    let (sent, answered) = std::sync::mpsc::sync_channel(1);
    node.stop_and_go(|| {
        std::thread::spawn(move || sent.send(Cql::connect(address).is_ok()));
        let early = answered.recv_timeout(Duration::from_secs(2));
        assert!(early.is_err(), "a stopped node answered");
    });
    assert!(answered.recv().unwrap(), "once it goes on, it answers");

    node.kill();
    assert!(node.cql().is_err() && node.pid().is_none());
    node.restart().unwrap();
    let rows = node.cql().unwrap().run("SELECT word FROM kept.rows WHERE key = 1").unwrap();
    assert_eq!(rows, [[Some(b"here".to_vec())]]);
    assert!(node.cql().unwrap().run("SELECT nonsense").is_err());
    node.end().unwrap();
}

#[test]
fn a_keyspace_of_the_shared_node_goes_with_its_test() {
    let _alone = ALONE.lock();
    let shared = Shared::node();
    let keyspace = shared.keyspace("goes");
    let find = format!("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = '{}'", keyspace.name());
    let mut cql = Cql::connect(shared.address()).unwrap();
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    cql.run(&format!("CREATE KEYSPACE {} WITH replication = {replication}", keyspace.name())).unwrap();
    assert_eq!(cql.run(&find).unwrap().len(), 1);
    drop(keyspace);
    assert!(cql.run(&find).unwrap().is_empty());
}

/// Not a test: what the next one kills.
#[test]
#[ignore = "it never ends; the test of killed processes runs it"]
fn one_who_starts_a_node_and_waits() {
    let node = Node::start(Options::default()).unwrap();
    println!("node {} {}", node.pid().unwrap(), node.address());
    std::thread::park();
}

#[test]
fn a_node_ends_with_the_process_that_started_it_even_if_that_is_killed() {
    use std::io::{BufRead, BufReader};

    let _alone = ALONE.lock();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "one_who_starts_a_node_and_waits", "--ignored", "--nocapture"]);
    let mut owner = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.find_map(|line| line.split_once("node ").map(|(_, rest)| rest.to_owned())).unwrap();
    let (pid, address) = line.split_once(' ').unwrap();
    assert!(Cql::connect(address.parse().unwrap()).is_ok());

    owner.kill().unwrap();
    owner.wait().unwrap();
    let clock = SystemClock::new();
    let stat = format!("/proc/{pid}/stat");
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(clock.monotonic() < Duration::from_secs(30), "the node outlives who started it");
        std::thread::sleep(Duration::from_millis(10));
    }
}
