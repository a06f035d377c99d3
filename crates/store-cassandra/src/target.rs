//! Which cluster and which keyspace: `cassandra://user@host1,host2:9042/keyspace?dc=…`.
//!
//! A target is parsed whole before anything is tried, and every fault is a sentence that says what to write instead.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// The port where none is named.
pub const PORT: u16 = 9042;

/// Most hosts of a target. More are refused: they are contact points, the driver finds the other nodes by itself.
pub const HOSTS_MAX: usize = 32;

/// Longest name of a keyspace in bytes; Cassandra's own limit.
pub const KEYSPACE_BYTES_MAX: usize = 48;

/// Largest replication factor that is taken.
pub const REPLICATION_MAX: u8 = 9;

/// A password. It shows itself to nobody; [`Password::reveal`] is for the driver.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Keeps it.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The files of a connection that is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM of the authority that signed the certificates of the nodes.
    pub ca: PathBuf,
    /// PEM of our certificate and of its key, where the nodes ask for one.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// A cluster and a keyspace in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Contact points, at least one: `host:port`, an IPv6 address in brackets.
    pub hosts: Vec<String>,
    /// The keyspace: a small letter, then small letters, digits and underscores.
    pub keyspace: String,
    /// Who logs in; none where the cluster asks for nobody.
    pub user: Option<String>,
    /// With which password.
    pub password: Option<Password>,
    /// The datacenter whose nodes are used; none where the cluster has one only.
    pub datacenter: Option<String>,
    /// On how many nodes of the datacenter everything lies, for a keyspace that has to be made.
    pub replication: Option<u8>,
    /// Encryption; none for plain connections.
    pub tls: Option<TlsFiles>,
}

/// Why a target cannot be used: a sentence that says what to write instead. It never holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TargetFault(String);

const SHAPE: &str = "cassandra://[user@]host[:port][,host…]/keyspace[?dc=…&rf=…&ca=…&cert=…&key=…]";

fn fault<T>(sentence: impl Into<String>) -> Result<T, TargetFault> {
    Err(TargetFault(sentence.into()))
}

impl Target {
    /// Takes a target apart. `password` is what the environment says (`SENSORIUM_CASSANDRA_PASSWORD`); it counts where the text
    /// names a user without a password.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn parse(text: &str, password: Option<&str>) -> Result<Self, TargetFault> {
        let Some(rest) = text.strip_prefix("cassandra://") else {
            return fault(format!("a Cassandra store is written as {SHAPE}"));
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let Some((authority, keyspace)) = rest.split_once('/') else {
            return fault(format!("the keyspace is missing: write {SHAPE}"));
        };
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, authority),
        };
        let (user, password) = login_of(login, password)?;
        let mut target = Self {
            hosts: hosts_of(hosts)?,
            keyspace: keyspace_of(keyspace)?,
            user,
            password,
            datacenter: None,
            replication: None,
            tls: None,
        };
        target.take_settings(query)?;
        Ok(target)
    }

    fn take_settings(&mut self, query: &str) -> Result<(), TargetFault> {
        let (mut ca, mut cert, mut key) = (None, None, None);
        let mut taken = BTreeSet::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(name, value)?;
            if value.is_empty() {
                return fault(format!("{name}= has no value: leave it out or give it one"));
            }
            if !taken.insert(name) {
                return fault(format!("{name}= stands twice"));
            }
            match name {
                "dc" => self.datacenter = Some(value),
                "rf" => self.replication = Some(replication_of(&value)?),
                "ca" => ca = Some(PathBuf::from(value)),
                "cert" => cert = Some(PathBuf::from(value)),
                "key" => key = Some(PathBuf::from(value)),
                _ => {
                    return fault(format!(
                        "{name}= is no setting of a Cassandra store; there are dc, rf, ca, cert and key"
                    ));
                }
            }
        }
        self.tls = match (ca, cert, key) {
            (None, None, None) => None,
            (Some(ca), None, None) => Some(TlsFiles { ca, client: None }),
            (Some(ca), Some(cert), Some(key)) => Some(TlsFiles { ca, client: Some((cert, key)) }),
            (None, Some(_), _) | (None, None, Some(_)) => {
                return fault(
                    "cert= and key= belong to TLS, which needs ca= as well: the file of the authority that signed the nodes' certificates",
                );
            }
            (Some(_), Some(_), None) | (Some(_), None, Some(_)) => {
                return fault("cert= and key= go together: our certificate and its private key");
            }
        };
        Ok(())
    }

    /// The hosts as they are told to a person.
    pub(crate) fn hosts_text(&self) -> String {
        self.hosts.join(", ")
    }

    /// Who logs in, for a sentence with a GRANT.
    pub(crate) fn role(&self) -> &str {
        self.user.as_deref().unwrap_or("anonymous")
    }
}

impl fmt::Display for Target {
    /// Hosts and keyspace: what may be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cassandra://{}/{}", self.hosts.join(","), self.keyspace)
    }
}

fn decoded(name: &str, value: &str) -> Result<String, TargetFault> {
    match percent_decode_str(value).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => fault(format!("{name} is no UTF-8 behind its %-signs")),
    }
}

fn login_of(login: Option<&str>, outside: Option<&str>) -> Result<(Option<String>, Option<Password>), TargetFault> {
    let Some(login) = login else { return Ok((None, None)) };
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(decoded("the password", password)?)),
        None => (login, outside.map(ToOwned::to_owned)),
    };
    let user = decoded("the user", user)?;
    if user.is_empty() {
        return fault("the user before the @ is empty: leave out the @ where the cluster asks for no login");
    }
    match password {
        Some(password) if !password.is_empty() => Ok((Some(user), Some(Password(password)))),
        Some(_) | None => fault(format!("the user {user} has no password: set SENSORIUM_CASSANDRA_PASSWORD")),
    }
}

fn hosts_of(text: &str) -> Result<Vec<String>, TargetFault> {
    let mut hosts = Vec::new();
    for host in text.split(',') {
        let host = host_of(host.trim())?;
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    if hosts.len() > HOSTS_MAX {
        return fault(format!(
            "{} hosts are too many: name at most {HOSTS_MAX}, the others are found by themselves",
            hosts.len()
        ));
    }
    Ok(hosts)
}

fn host_of(text: &str) -> Result<String, TargetFault> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (text, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let known = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')),
    };
    if !known {
        return fault(format!(
            "{text:?} is no host: write a name, an IPv4 address, or an IPv6 address in brackets, each with :port where it is not {PORT}"
        ));
    }
    let port = match port {
        None => PORT,
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port > 0 => port,
            Ok(_) | Err(_) => return fault(format!("{port:?} is no port of {host}: it is a number from 1 to 65535")),
        },
    };
    Ok(format!("{host}:{port}"))
}

fn keyspace_of(text: &str) -> Result<String, TargetFault> {
    let letters = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !letters || text.len() > KEYSPACE_BYTES_MAX {
        return fault(format!(
            "{text:?} cannot name a keyspace: a small letter, then small letters, digits and _, at most {KEYSPACE_BYTES_MAX}"
        ));
    }
    if text == "system" || text.starts_with("system_") {
        return fault(format!("{text} belongs to Cassandra itself: take another name, such as sensorium"));
    }
    Ok(text.to_owned())
}

fn replication_of(text: &str) -> Result<u8, TargetFault> {
    match text.parse::<u8>() {
        Ok(factor) if (1..=REPLICATION_MAX).contains(&factor) => Ok(factor),
        Ok(_) | Err(_) => {
            fault(format!("rf={text} is no replication factor: it is a number from 1 to {REPLICATION_MAX}; 3 is usual"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Target {
        Target::parse(text, None).unwrap()
    }

    fn refused(text: &str) -> String {
        Target::parse(text, None).unwrap_err().to_string()
    }

    #[test]
    fn hosts_have_a_port_and_stand_once() {
        let target = parsed("cassandra://a,b:1,[::1],[::1]:7,a:9042/iot");
        assert_eq!(target.hosts, ["a:9042", "b:1", "[::1]:9042", "[::1]:7"]);
        assert_eq!((target.keyspace.as_str(), target.user, target.tls), ("iot", None, None));
    }

    #[test]
    fn settings_are_taken() {
        let target = parsed("cassandra://h/k?dc=Ost%201&rf=3&ca=/a.pem&cert=/c.pem&key=/k.pem");
        assert_eq!((target.datacenter.as_deref(), target.replication), (Some("Ost 1"), Some(3)));
        let tls = target.tls.unwrap();
        assert_eq!((tls.ca, tls.client), ("/a.pem".into(), Some(("/c.pem".into(), "/k.pem".into()))));
    }

    #[test]
    fn a_password_is_told_to_nobody() {
        let inside = parsed("cassandra://me:hush%40%2F@h/k");
        assert_eq!(inside.password.as_ref().unwrap().reveal(), "hush@/");
        let outside = Target::parse("cassandra://me@h/k", Some("hush")).unwrap();
        assert_eq!(outside.password.as_ref().unwrap().reveal(), "hush");
        for target in [inside, outside] {
            assert!(!format!("{target} {target:?}").contains("hush"));
        }
        for wrong in
            ["cassandra://me:hush@h", "cassandra://me:hush@h/K", "cassandra://:hush@h/k", "cassandra://me:hush@/k"]
        {
            assert!(!refused(wrong).contains("hush"), "{wrong}");
        }
        assert!(Target::parse("cassandra://h/k", Some("hush")).unwrap().password.is_none(), "nobody logs in");
    }

    #[test]
    fn each_fault_says_what_to_write() {
        for (text, says) in [
            ("http://h/k", "is written as cassandra://"),
            ("cassandra://h", "the keyspace is missing"),
            ("cassandra:///k", "is no host"),
            ("cassandra://h:0/k", "from 1 to 65535"),
            ("cassandra://::1/k", "in brackets"),
            ("cassandra://h/", "cannot name a keyspace"),
            ("cassandra://h/Big", "small letter"),
            ("cassandra://h/system_auth", "belongs to Cassandra"),
            ("cassandra://h/k?rf=0", "from 1 to 9"),
            ("cassandra://h/k?dc", "has no value"),
            ("cassandra://h/k?dc=a&dc=b", "stands twice"),
            ("cassandra://h/k?ttl=1", "is no setting"),
            ("cassandra://h/k?cert=a&key=b", "needs ca="),
            ("cassandra://h/k?ca=a&cert=b", "go together"),
            ("cassandra://h/k?spool=true", "is no setting"),
            ("cassandra://me@h/k", "SENSORIUM_CASSANDRA_PASSWORD"),
        ] {
            let sentence = refused(text);
            assert!(sentence.contains(says), "{text}: {sentence}");
        }
    }
}
