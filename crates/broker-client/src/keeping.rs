//! What a broker must be, and how it is kept in the catalogue: a document of kind `external_broker` with its secrets sealed.

use std::collections::BTreeSet;

use model::{SourceName, TopicFilter};
use serde::{Deserialize, Serialize};
use source::BrokerSettings;

use crate::filters::disjoint;
use crate::sealing::Seal;
use crate::tls;

/// The kind of the documents.
pub const KIND: &str = "external_broker";
/// Filters of one broker. More are refused.
const FILTERS_MAX: usize = 64;
/// Bytes of a host, a user name, a password, a client id, a group. Longer ones are refused.
const TEXT_BYTES_MAX: usize = 1024;
/// Bytes of a PEM text. Longer ones are refused.
const PEM_BYTES_MAX: usize = 16 * 1024;
/// Filters of before that are unsubscribed at every connection. Beyond it the oldest is forgotten, and what it still brings is
/// acknowledged and counted as refused.
const LAPSED_MAX: usize = 64;
/// Sources that are ours.
const OURS: &[&str] = &["mqtt", "http", "inbox", "import", "demo", "embedded"];

/// A document.
#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    /// Without secrets.
    pub settings: BrokerSettings,
    pub password: Option<String>,
    pub client_key: Option<String>,
    /// Filters as the broker knows them that are not wanted any more.
    #[serde(default)]
    pub lapsed: Vec<String>,
    /// Of servers that share a store, the one that connects; see [`crate::sharing`]. None where nobody does yet, or all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u8>,
}

impl Kept {
    /// Seals the secrets.
    pub fn of(settings: &BrokerSettings, lapsed: Vec<String>, seal: &Seal) -> Option<Self> {
        let mut settings = settings.clone();
        let name = settings.name.clone();
        let sealed = |what: &str, secret: Option<String>| match secret {
            Some(secret) => seal.seal(&format!("{KIND}/{name}/{what}"), &secret).map(Some),
            None => Some(None),
        };
        let password = sealed("password", settings.password.take())?;
        let client_key = sealed("client_key", settings.tls.client_key_pem.take())?;
        Some(Self { settings, password, client_key, lapsed, node: None })
    }

    /// Opens the secrets; none if the key is another one.
    pub fn open(&self, seal: &Seal) -> Option<BrokerSettings> {
        let mut settings = self.settings.clone();
        let opened = |what: &str, sealed: &Option<String>| match sealed {
            Some(sealed) => seal.open(&format!("{KIND}/{}/{what}", self.settings.name), sealed).map(Some),
            None => Some(None),
        };
        settings.password = opened("password", &self.password)?;
        settings.tls.client_key_pem = opened("client_key", &self.client_key)?;
        Some(settings)
    }
}

/// The settings of a broker whose document cannot be read: enough to name it, and to put something better in its place.
pub fn unreadable(name: &str) -> Kept {
    let settings = BrokerSettings {
        name: name.to_owned(),
        host: String::new(),
        port: 0,
        tls: source::Tls::default(),
        protocol: source::Protocol::default(),
        username: None,
        password: None,
        client_id: None,
        filters: Vec::new(),
        shared_group: None,
        paused: false,
    };
    Kept { settings, password: None, client_key: None, lapsed: Vec::new(), node: None }
}

/// The name and the filters, or a sentence about the setting that is wrong.
pub fn check(settings: &BrokerSettings) -> Result<(SourceName, Vec<TopicFilter>), String> {
    let name = SourceName::parse(&settings.name).map_err(|error| format!("name: {error}"))?;
    if OURS.contains(&name.as_str()) {
        return Err(format!("name: {name} is a source of this server itself"));
    }
    let texts = [
        ("host", Some(&settings.host)),
        ("username", settings.username.as_ref()),
        ("password", settings.password.as_ref()),
        ("client_id", settings.client_id.as_ref()),
        ("shared_group", settings.shared_group.as_ref()),
        ("tls.server_name", settings.tls.server_name.as_ref()),
    ];
    for (member, text) in texts {
        if let Some(text) = text
            && (text.is_empty() || text.len() > TEXT_BYTES_MAX || text.contains('\0'))
        {
            return Err(format!("{member}: 1 to {TEXT_BYTES_MAX} bytes"));
        }
    }
    if !is_bare(&settings.host) {
        let example = "such as broker.example or 192.0.2.7: no mqtts:// before it, no port and no path behind it";
        return Err(format!("host: the name or the address alone, {example}"));
    }
    if settings.port == 0 {
        return Err("port: 1 to 65535".to_owned());
    }
    if settings.password.is_some() && settings.username.is_none() {
        return Err("username: a password needs one".to_owned());
    }
    if settings.shared_group.as_ref().is_some_and(|group| group.contains(['/', '+', '#'])) {
        return Err("shared_group: neither /, + nor #".to_owned());
    }
    let pems = [&settings.tls.ca_pem, &settings.tls.client_cert_pem, &settings.tls.client_key_pem];
    if pems.into_iter().flatten().any(|pem| pem.len() > PEM_BYTES_MAX) {
        return Err(format!("tls: a PEM text holds at most {PEM_BYTES_MAX} bytes"));
    }
    if settings.tls.enabled {
        tls::config(&settings.tls, &settings.host)?;
    }
    if settings.filters.is_empty() || settings.filters.len() > FILTERS_MAX {
        return Err(format!("filters: 1 to {FILTERS_MAX}"));
    }
    let mut filters = Vec::new();
    for (at, wanted) in settings.filters.iter().enumerate() {
        if wanted.qos > 1 {
            return Err(format!("filters[{at}].qos: 0 or 1"));
        }
        if wanted.filter.starts_with("$share/") {
            return Err(format!("filters[{at}].filter: name the group in shared_group"));
        }
        filters.push(TopicFilter::parse(&wanted.filter).map_err(|error| format!("filters[{at}].filter: {error}"))?);
    }
    Ok((name, filters))
}

/// Whether it is a host and nothing around it. An address of version 6 has colons of its own.
fn is_bare(host: &str) -> bool {
    let address = host.parse::<std::net::Ipv6Addr>().is_ok();
    address || !host.contains(|letter: char| letter.is_whitespace() || "/:@".contains(letter))
}

/// How a broker knows the subscriptions of these settings.
pub fn spelled(settings: &BrokerSettings) -> BTreeSet<String> {
    let wanted: Vec<TopicFilter> =
        settings.filters.iter().filter_map(|wanted| TopicFilter::parse(&wanted.filter).ok()).collect();
    let spell = |filter: TopicFilter| match &settings.shared_group {
        Some(group) => format!("$share/{group}/{filter}"),
        None => filter.to_string(),
    };
    disjoint(&wanted).into_iter().map(spell).collect()
}

/// What a broker may hold after a change and should not.
pub fn lapsed(before: &Kept, after: &BrokerSettings) -> Vec<String> {
    let wanted = spelled(after);
    let mut lapsed: Vec<String> = before.lapsed.iter().cloned().chain(spelled(&before.settings)).collect();
    lapsed.retain(|filter| !wanted.contains(filter));
    lapsed.drain(..lapsed.len().saturating_sub(LAPSED_MAX));
    lapsed
}
