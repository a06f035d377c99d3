//! What the command line and the environment ask for, checked once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use store_cassandra::Target;

use crate::access;

/// Holds the password for Cassandra, so that no command line does.
const CASSANDRA_PASSWORD: &str = "SENSORIUM_CASSANDRA_PASSWORD";

const HTTP_PORT: u16 = 8080;
const MQTT_PORT: u16 = 1883;

/// Sensorium collects, keeps and shows what sensors measure.
#[derive(Debug, Parser)]
#[command(name = "sensorium", version, about)]
pub struct Sensorium {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server: MQTT for devices, a page and an API for people
    Serve(Serve),
    /// Publish one message over MQTT and wait until it is stored
    Publish(Publish),
    /// Print the OpenAPI document of the API
    Openapi,
    /// Flood a second instance of this program, kill it, and count what it acknowledged
    Prove(Prove),
    /// Read everything in a data directory and compare it with its checksums
    Check(Check),
    /// Take what is damaged out of a data directory, so that the rest can be served
    Repair(Repair),
    /// Copy a data directory as of this moment, also while a server runs on it
    Backup(Backup),
    /// Make a data directory from a backup, or try the backup out
    Restore(Restore),
    /// Write everything in a data directory as lines of JSON
    Export(Export),
    /// Take in what `export` wrote
    Import(Import),
}

#[derive(Debug, Args)]
pub struct Check {
    /// The data directory
    #[arg(long, value_name = "DIR", default_value = "./data", env = "SENSORIUM_DATA")]
    pub data: PathBuf,
}

#[derive(Debug, Args)]
pub struct Repair {
    /// The data directory; no server may run on it
    #[arg(long, value_name = "DIR", default_value = "./data", env = "SENSORIUM_DATA")]
    pub data: PathBuf,
}

#[derive(Debug, Args)]
pub struct Backup {
    /// The data directory
    #[arg(long, value_name = "DIR", default_value = "./data", env = "SENSORIUM_DATA")]
    pub data: PathBuf,
    /// Where the backup goes; empty or absent
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

#[derive(Debug, Args)]
pub struct Restore {
    /// The backup
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The new data directory; empty or absent
    #[arg(long, value_name = "DIR", required_unless_present = "check", conflicts_with = "check")]
    pub data: Option<PathBuf>,
    /// Restore nothing: compare the hashes, restore into a directory beside the backup that is removed again, and count
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Args)]
pub struct Export {
    /// The data directory; no server may run on it
    #[arg(long, value_name = "DIR", default_value = "./data", env = "SENSORIUM_DATA")]
    pub data: PathBuf,
    /// Where the lines go; by default to the standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Import {
    /// The data directory; made if it is not there; no server may run on it
    #[arg(long, value_name = "DIR", default_value = "./data", env = "SENSORIUM_DATA")]
    pub data: PathBuf,
    /// What `export` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Where readings are kept
    #[arg(long, value_name = "DIR", default_value = "./data", env = "SENSORIUM_DATA")]
    pub data: PathBuf,
    /// Keep readings in Cassandra or ScyllaDB instead: cassandra://[USER@]HOST[:PORT][,HOST…]/KEYSPACE[?dc=…&rf=…&ca=FILE].
    /// The password comes from SENSORIUM_CASSANDRA_PASSWORD. The data directory then holds what belongs to this server alone
    #[arg(long, value_name = "URL", env = "SENSORIUM_STORE", hide_env_values = true)]
    pub store: Option<String>,
    /// Address of the page and the API; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "SENSORIUM_HTTP")]
    pub http: Option<SocketAddr>,
    /// Address for devices; port 0 takes a free one [default: 127.0.0.1:1883]
    #[arg(long, value_name = "ADDR", env = "SENSORIUM_MQTT")]
    pub mqtt: Option<SocketAddr>,
    /// Write {"http","mqtt","pid"} to this file once ready
    #[arg(long, value_name = "FILE", env = "SENSORIUM_ANNOUNCE")]
    pub announce: Option<PathBuf>,
    /// Open both listeners to the whole network without a password: for a lab
    #[arg(long, env = "SENSORIUM_OPEN_LAN")]
    pub open_lan: bool,
    /// A further name by which browsers may call this server; may be given several times
    #[arg(long = "host", value_name = "NAME", env = "SENSORIUM_HOSTS", value_delimiter = ',')]
    pub hosts: Vec<String>,
    /// Show two demonstration devices, which publish over MQTT
    #[arg(long, env = "SENSORIUM_DEMO")]
    pub demo: bool,
    /// Keep readings on a network file system all the same; a power cut there may take what was acknowledged
    #[arg(long, env = "SENSORIUM_NETWORK_DISK")]
    pub network_disk: bool,
    /// Log as JSON lines
    #[arg(long, env = "SENSORIUM_LOG_JSON")]
    pub log_json: bool,
}

#[derive(Debug, Args)]
pub struct Publish {
    /// Such as home/kitchen/climate
    pub topic: String,
    /// Such as 21.5 or '{"temperature":21.5}'
    pub payload: String,
    /// The broker; by default the server that runs on --data, or 127.0.0.1:1883
    #[arg(long, value_name = "ADDR", env = "SENSORIUM_MQTT")]
    pub mqtt: Option<SocketAddr>,
    /// Data directory of the running server
    #[arg(long, value_name = "DIR", default_value = "./data", env = "SENSORIUM_DATA")]
    pub data: PathBuf,
    /// Keep the message for later subscribers
    #[arg(long)]
    pub retain: bool,
}

#[derive(Debug, Args)]
pub struct Prove {
    /// How often it is killed
    #[arg(long, default_value_t = 5)]
    pub rounds: u32,
    /// Chooses what is sent and when the kills come; how much is acknowledged depends on the machine [default: a new one, which is printed]
    #[arg(long)]
    pub seed: Option<u64>,
}

/// A listener: a defaulted port may give way to the next one, a named one may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// The user named it.
    Named(SocketAddr),
    /// Nobody named it.
    Default(SocketAddr),
}

impl Listen {
    pub fn address(self) -> SocketAddr {
        match self {
            Self::Named(address) | Self::Default(address) => address,
        }
    }
}

/// What the application is built from.
#[derive(Clone, Debug)]
pub struct Config {
    pub data: PathBuf,
    /// Where readings are kept; none for the data directory.
    pub cassandra: Option<Target>,
    pub http: Listen,
    pub mqtt: Listen,
    pub announce: Option<PathBuf>,
    pub open_lan: bool,
    pub hosts: Vec<String>,
    pub demo: bool,
    pub network_disk: bool,
}

impl Config {
    /// # Errors
    /// An address beyond this computer without `--open-lan`, or a store that cannot be meant.
    #[expect(clippy::disallowed_methods, reason = "this module reads the environment; a flag would show the password")]
    pub fn from_arguments(serve: &Serve) -> anyhow::Result<Self> {
        let password = std::env::var(CASSANDRA_PASSWORD).ok();
        let cassandra = serve.store.as_deref().map(|url| Target::parse(url, password.as_deref())).transpose()?;
        let ip: IpAddr = if serve.open_lan { Ipv4Addr::UNSPECIFIED.into() } else { Ipv4Addr::LOCALHOST.into() };
        let listen = |named: Option<SocketAddr>, port| {
            named.map_or_else(|| Listen::Default(SocketAddr::new(ip, port)), Listen::Named)
        };
        let config = Self {
            data: serve.data.clone(),
            cassandra,
            http: listen(serve.http, HTTP_PORT),
            mqtt: listen(serve.mqtt, MQTT_PORT),
            announce: serve.announce.clone(),
            open_lan: serve.open_lan,
            hosts: serve.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            demo: serve.demo,
            network_disk: serve.network_disk,
        };
        access::check("--http", config.http.address(), config.open_lan)?;
        access::check("--mqtt", config.mqtt.address(), config.open_lan)?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(arguments: &[&str]) -> anyhow::Result<Config> {
        let all = ["sensorium", "serve"].iter().chain(arguments);
        let Command::Serve(serve) = Sensorium::try_parse_from(all).unwrap().command else { unreachable!() };
        Config::from_arguments(&serve)
    }

    #[test]
    fn without_arguments_both_listeners_are_on_loopback() {
        let config = config(&[]).unwrap();
        assert!(config.http.address().ip().is_loopback() && config.mqtt.address().ip().is_loopback());
    }

    #[test]
    fn a_store_that_cannot_be_meant_is_a_sentence() {
        assert!(config(&[]).unwrap().cassandra.is_none());
        let target = config(&["--store", "cassandra://10.0.0.1,10.0.0.2/plant"]).unwrap().cassandra.unwrap();
        assert_eq!((target.hosts.len(), target.keyspace.as_str()), (2, "plant"));
        assert!(config(&["--store", "postgres://localhost/x"]).is_err());
    }

    #[test]
    fn beyond_this_computer_needs_open_lan() {
        assert!(config(&["--http", "0.0.0.0:8080"]).is_err());
        assert!(config(&["--mqtt", "192.168.1.5:1883"]).is_err());
        assert!(config(&["--mqtt", "0.0.0.0:1883", "--open-lan"]).is_ok());
    }
}
