//! External brokers as the API and their adapter know them: what is set, what can be seen, and the port between the two.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which MQTT is spoken to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Protocol {
    /// MQTT 3.1.1.
    #[default]
    #[serde(rename = "3.1.1")]
    V311,
    /// MQTT 5.
    #[serde(rename = "5")]
    V5,
}

/// A filter and the most that its messages are worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// A topic filter.
    pub filter: String,
    /// 0 or 1.
    #[serde(default = "qos_1")]
    pub qos: u8,
}

const fn qos_1() -> u8 {
    1
}

/// How the connection is encrypted. PEM texts hold at most 16 KiB each.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Whether it is.
    pub enabled: bool,
    /// The name in the broker's certificate, where it is not the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The authorities that may have signed its certificate; without it the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    /// Our certificate, where the broker asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cert_pem: Option<String>,
    /// Its key. Kept sealed and never answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key_pem: Option<String>,
}

/// Everything that is set of an external broker.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BrokerSettings {
    /// Its name, which is the name of its source: lower snake, and none of ours.
    pub name: String,
    /// A name or an address.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
    /// Encryption.
    #[serde(default)]
    pub tls: Tls,
    /// Which MQTT.
    #[serde(default)]
    pub protocol: Protocol,
    /// Who we are to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Kept sealed and never answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Stays the same, because the broker keeps our session under it. Made once if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// 1 to 64 filters.
    pub filters: Vec<Subscription>,
    /// Several servers with the same group share the messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_group: Option<String>,
    /// No connection is kept; the broker may keep messages for us meanwhile.
    #[serde(default)]
    pub paused: bool,
}

/// How a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Subscribed.
    Connected,
    /// Being opened for the first time.
    Connecting,
    /// Stopped by a person.
    Paused,
    /// The last try did not succeed; the next comes by itself.
    Failing,
}

/// A time in which the broker may have kept nothing for us, epoch ms of server time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gap {
    /// When the connection was lost.
    pub from: i64,
    /// When the broker said that it has no session of ours.
    pub to: i64,
}

/// What can be seen of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkView {
    /// How it is.
    pub state: LinkState,
    /// The last error, as a sentence.
    pub detail: Option<String>,
    /// Since when it is so, epoch ms of server time.
    pub since: i64,
    /// Messages that came over it since the start.
    pub received: u64,
    /// Of these, how many could not be handed on: no legal topic, one that nobody asked for, or
    /// longer than 1 MiB.
    pub refused: u64,
    /// Not yet acknowledged.
    pub in_flight: u64,
    /// The last 32.
    pub gaps: Vec<Gap>,
}

/// A broker without its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerView {
    /// `password` and `client_key_pem` are left out.
    pub settings: BrokerSettings,
    /// Whether there is a password.
    pub has_password: bool,
    /// For `If-Match`.
    pub version: u64,
    /// Its connection.
    pub link: LinkView,
}

/// A change that was not made.
#[derive(Debug, thiserror::Error)]
pub enum BrokersError {
    /// There is none.
    #[error("no external broker is called {0:?}")]
    Unknown(String),
    /// The name is taken.
    #[error("an external broker is called {0:?} already")]
    Exists(String),
    /// Somebody else changed it.
    #[error("the external broker was changed by somebody else")]
    Conflict,
    /// A sentence about a setting.
    #[error("{0}")]
    Invalid(String),
    /// It could not be kept.
    #[error("{0}")]
    NotKept(String),
}

/// External brokers, changed while the server runs. A change is durable when it returns.
#[async_trait]
pub trait Brokers: Send + Sync {
    /// All, by name.
    fn list(&self) -> Vec<BrokerView>;
    /// Adds one and connects to it.
    async fn create(&self, settings: BrokerSettings) -> Result<BrokerView, BrokersError>;
    /// Changes one: a secret that is left out stays, an empty one goes. A version that is left out is not checked.
    async fn change(&self, settings: BrokerSettings, version: Option<u64>) -> Result<BrokerView, BrokersError>;
    /// Unsubscribes, has the broker discard our session, and forgets it. Its readings stay. Answers a sentence if the session
    /// may still be there.
    async fn remove(&self, name: &str, version: Option<u64>) -> Result<Option<String>, BrokersError>;
}
