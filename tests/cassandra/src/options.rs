//! How a node is to run, and its files.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use crate::fault::Fault;
use crate::kit::{Kit, Version};

const YAML: &str = include_str!("../etc/cassandra.yaml");
const LOGIN: &str = include_str!("../etc/login.yaml");
const TLS: &str = include_str!("../etc/tls.yaml");
const LOGBACK: &str = include_str!("../etc/logback.xml");
const JVM: &str = include_str!("../etc/jvm17.options");
const JVM_4_1: &str = include_str!("../etc/jvm17-4.1.options");

/// Waits that make sense in a data centre and not on loopback, and a measurement whose result is known.
const QUICK: &[&str] = &[
    "-Dcassandra-foreground=yes",
    "-Dcassandra.ring_delay_ms=1000",
    "-Dcassandra.broadcast_interval_ms=2000",
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.superuser_setup_delay_ms=0",
    "-Dcassandra.shutdown_announce_in_ms=0",
    "-Dcassandra.memtable.row_overhead_size=180",
];

/// When a write is on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Before it is acknowledged; writers at the same time share a sync.
    #[default]
    Batch,
    /// Before it is acknowledged, at most every two milliseconds.
    Group,
    /// Within ten seconds after it was acknowledged: not durable.
    Periodic,
}

/// How well Java compiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jit {
    /// Quickly, which starts two or three seconds sooner.
    #[default]
    Quick,
    /// Well, for measurements.
    Full,
}

/// Who may connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Login {
    /// Everybody.
    #[default]
    None,
    /// Who has a password; the first login is `cassandra` with the password `cassandra`.
    Password,
}

/// Encrypted connections of clients, and no others. All in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The node's key in PKCS#8 and its certificate, which must name its address.
    pub keystore: String,
    /// Whose certificates of clients are accepted.
    pub truststore: String,
    /// Whether clients must have a certificate.
    pub asks_client: bool,
}

/// How a node runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Which Cassandra.
    pub version: Version,
    /// Megabytes of heap. As root all of it is locked in memory.
    pub heap_mb: u32,
    /// When a write is on the disk.
    pub sync: Sync,
    /// How well Java compiles.
    pub jit: Jit,
    /// Who may connect.
    pub login: Login,
    /// Encrypted connections of clients, if any.
    pub tls: Option<Tls>,
    /// The port for clients.
    pub cql_port: u16,
    /// The port for other nodes.
    pub storage_port: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: Version::default(),
            heap_mb: 512,
            sync: Sync::default(),
            jit: Jit::default(),
            login: Login::default(),
            tls: None,
            cql_port: 9042,
            storage_port: 7000,
        }
    }
}

/// A node's place in its cluster.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub address: Ipv4Addr,
    /// All nodes of the cluster.
    pub seeds: Vec<Ipv4Addr>,
    /// Where its part of the ring begins; a node alone has all of it.
    pub token: Option<i64>,
}

impl Options {
    /// Writes the configuration into `folder`.
    pub(crate) fn write(&self, place: &Place, folder: &Path) -> Result<(), Fault> {
        let conf = folder.join("conf");
        let tls = self.tls.as_ref();
        let files = [
            ("cassandra.yaml", self.yaml(place, folder)),
            ("logback.xml", String::from(LOGBACK)),
            ("jvm.options", self.jvm()),
            ("keystore.pem", tls.map(|tls| tls.keystore.clone()).unwrap_or_default()),
            ("truststore.pem", tls.map(|tls| tls.truststore.clone()).unwrap_or_default()),
        ];
        let failed = |error| Fault::new(format!("{} cannot be written: {error}", conf.display()));
        for made in [&conf, &folder.join("log"), &folder.join("tmp")] {
            fs::create_dir_all(made).map_err(failed)?;
        }
        for (name, text) in files.into_iter().filter(|(_, text)| !text.is_empty()) {
            fs::write(conf.join(name), text).map_err(failed)?;
        }
        Ok(())
    }

    fn yaml(&self, place: &Place, folder: &Path) -> String {
        let mut text = String::from(YAML);
        text.push_str(match self.sync {
            Sync::Batch => "\ncommitlog_sync: batch\n",
            // The default of a second is longer than a client waits.
            Sync::Group => "\ncommitlog_sync: group\ncommitlog_sync_group_window: 2ms\n",
            Sync::Periodic => "\ncommitlog_sync: periodic\ncommitlog_sync_period: 10000ms\n",
        });
        if self.login == Login::Password {
            text.push_str(LOGIN);
        }
        if let Some(tls) = &self.tls {
            text.push_str(&TLS.replace("@CLIENT_CERTIFICATE@", &tls.asks_client.to_string()));
        }
        let seeds: Vec<String> = place.seeds.iter().map(Ipv4Addr::to_string).collect();
        text.replace("@ADDRESS@", &place.address.to_string())
            .replace("@SEEDS@", &seeds.join(","))
            .replace("@STORAGE_PORT@", &self.storage_port.to_string())
            .replace("@CQL_PORT@", &self.cql_port.to_string())
            .replace("@FOLDER@", &folder.display().to_string())
    }

    fn jvm(&self) -> String {
        match self.version {
            Version::V5_0 => String::from(JVM),
            Version::V4_1 => format!("{JVM}{JVM_4_1}"),
        }
    }

    /// The command that runs the node on what [`Options::write`] wrote into `folder`.
    pub(crate) fn command(&self, kit: &Kit, place: &Place, folder: &Path) -> Command {
        let folder = folder.display();
        let heap = self.heap_mb;
        let mut command = Command::new(&kit.java);
        command.arg(format!("@{folder}/conf/jvm.options"));
        command.args([format!("-Xms{heap}m"), format!("-Xmx{heap}m"), format!("-XX:MaxDirectMemorySize={heap}m")]);
        command.arg(format!("-javaagent:{}", kit.agent.display()));
        command.args([
            format!("-Djava.io.tmpdir={folder}/tmp"),
            format!("-Dcassandra.storagedir={folder}"),
            format!("-Dcassandra.logdir={folder}/log"),
            format!("-Dcassandra.config=file://{folder}/conf/cassandra.yaml"),
            format!("-Dlogback.configurationFile={folder}/conf/logback.xml"),
        ]);
        command.args(QUICK);
        command.args((self.jit == Jit::Quick).then_some("-XX:TieredStopAtLevel=1"));
        command.args(place.token.map(|token| format!("-Dcassandra.initial_token={token}")));
        command.args(["-cp", &format!("{}/*", kit.jars.display())]);
        command.arg("org.apache.cassandra.service.CassandraDaemon");
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_configuration_is_filled_in() {
        let address = Ipv4Addr::new(127, 9, 8, 7);
        let place = Place { address, seeds: vec![address, Ipv4Addr::new(127, 9, 8, 8)], token: Some(5) };
        let tls = Tls { keystore: String::from("k"), truststore: String::from("t"), asks_client: true };
        for sync in [Sync::Batch, Sync::Group, Sync::Periodic] {
            let options = Options { sync, login: Login::Password, tls: Some(tls.clone()), ..Options::default() };
            let text = options.yaml(&place, Path::new("/some/where"));
            assert!(!text.contains('@'), "{text}");
            for line in [
                "rpc_address: 127.9.8.7",
                "seeds: \"127.9.8.7,127.9.8.8\"",
                "commitlog_directory: \"/some/where/commitlog\"",
                "require_client_auth: true",
                "authenticator: PasswordAuthenticator",
            ] {
                assert!(text.contains(line), "{line:?} is missing: {text}");
            }
        }
    }
}
