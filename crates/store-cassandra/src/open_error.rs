//! Why a store in Cassandra cannot be opened: each reason a sentence that says what to do. None holds a password.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of driver and TLS may grow; what is not told apart has its sentence"
)]

use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, ExecutionError, MetadataError,
    NewSessionError, PrepareError, RequestAttemptError,
};

use crate::target::Target;

/// Why it cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No host answers as Cassandra does.
    #[error(
        "no Cassandra answers at {hosts}: {tried}. Check that it runs, that host and port are right, and that no firewall is between"
    )]
    Unreachable {
        /// All contact points.
        hosts: String,
        /// What happened at each.
        tried: String,
    },
    /// It asks for a login and none was given.
    #[error(
        "Cassandra at {hosts} asks for a login: write cassandra://USER@HOST/KEYSPACE and set SENSORIUM_CASSANDRA_PASSWORD"
    )]
    LoginNeeded {
        /// All contact points.
        hosts: String,
    },
    /// User or password are wrong.
    #[error(
        "Cassandra at {hosts} does not accept the password of {user}: check the user before the @ and SENSORIUM_CASSANDRA_PASSWORD"
    )]
    WrongPassword {
        /// All contact points.
        hosts: String,
        /// Who.
        user: String,
    },
    /// The certificate of the node is not accepted, or ours is not.
    #[error("the encrypted connection to Cassandra at {hosts} fails: {why}")]
    Tls {
        /// All contact points.
        hosts: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// A file of the encryption cannot be used.
    #[error("{0}")]
    TlsFile(String),
    /// We speak plainly to a node that wants encryption, most likely.
    #[error(
        "Cassandra at {hosts} ends the connection before it answers: it most likely wants TLS. Add ?ca=FILE with the authority that signed its certificate"
    )]
    PlainAgainstTls {
        /// All contact points.
        hosts: String,
    },
    /// The role may not do what has to be done.
    #[error("{role} may not {doing}. Let a superuser run: {grants}")]
    Permission {
        /// Who.
        role: String,
        /// What was attempted.
        doing: String,
        /// What gives the right.
        grants: String,
    },
    /// The datacenter does not exist.
    #[error("the cluster has no datacenter {named:?}; it has {existing}. Write one of them as ?dc=")]
    NoSuchDatacenter {
        /// What was asked for.
        named: String,
        /// Those that exist.
        existing: String,
    },
    /// There are several datacenters and none was named.
    #[error(
        "the cluster has the datacenters {existing}: name the one next to this server as ?dc=, the same for every server of Sensorium"
    )]
    WhichDatacenter {
        /// Those that exist.
        existing: String,
    },
    /// The keyspace lies in other datacenters.
    #[error(
        "the keyspace {keyspace} has no replicas in the datacenter {datacenter}, only in {replicated}. Use one of those as ?dc=, or give it replicas there with ALTER KEYSPACE and run nodetool rebuild"
    )]
    NotReplicatedHere {
        /// The keyspace.
        keyspace: String,
        /// Ours.
        datacenter: String,
        /// Where it has replicas.
        replicated: String,
    },
    /// The other servers use another datacenter. Decisions are agreed on within one.
    #[error(
        "the servers of this keyspace use the datacenter {used}, this one {named}: decisions are agreed on within one datacenter, so write ?dc={used}"
    )]
    OtherDatacenter {
        /// What the keyspace was opened with first.
        used: String,
        /// Ours.
        named: String,
    },
    /// More copies than nodes: nothing could be written.
    #[error("{factor} copies of everything cannot lie on {nodes} node(s) of {datacenter}: {advice}")]
    TooFewNodes {
        /// The replication factor.
        factor: usize,
        /// Nodes of the datacenter.
        nodes: usize,
        /// Which.
        datacenter: String,
        /// What to do.
        advice: String,
    },
    /// The keyspace was written by a newer program.
    #[error(
        "the keyspace {keyspace} is of version {found}, this program knows versions up to {known}: start the newer sensorium again, or use another keyspace"
    )]
    NewerKeyspace {
        /// Which.
        keyspace: String,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// There are tables, and not ours.
    #[error(
        "the keyspace {keyspace} holds tables of something else ({tables}): name another keyspace, it is made by itself"
    )]
    ForeignKeyspace {
        /// Which.
        keyspace: String,
        /// Some of them.
        tables: String,
    },
    /// Another server upgrades and does not come to an end.
    #[error(
        "another server has been making or upgrading the tables of {keyspace} for {waited_s} s: see its log, then start this one again"
    )]
    UpgradeBusy {
        /// Which.
        keyspace: String,
        /// How long was waited.
        waited_s: u64,
    },
    /// The nodes of the cluster do not agree on the tables.
    #[error(
        "the nodes of the cluster do not come to agree on the tables of {keyspace}: see `nodetool describecluster`; a node that is down for long must come back or be removed"
    )]
    NoAgreement {
        /// Which.
        keyspace: String,
    },
    /// A request failed.
    #[error("{doing} failed: {why}. See the logs of Cassandra, then start again")]
    Failed {
        /// What was attempted.
        doing: String,
        /// Why.
        why: String,
    },
}

impl OpenError {
    /// The sentence for a session that did not come about; `tried` says what each host answered to a bare connection.
    pub(crate) fn of_session(target: &Target, error: &NewSessionError, tried: &[(String, Result<(), String>)]) -> Self {
        let hosts = target.hosts_text();
        let told = |why: &str| {
            let told: Vec<String> = tried
                .iter()
                .map(|(host, outcome)| match outcome {
                    Ok(()) => format!("{host}: {why}"),
                    Err(why) => format!("{host}: {why}"),
                })
                .collect();
            told.join("; ")
        };
        match last_connection(error) {
            Some(last) => Self::of_connection(target, last, tried.iter().any(|(_, outcome)| outcome.is_ok()))
                .unwrap_or_else(|| Self::Unreachable { hosts, tried: told(&last.to_string()) }),
            None => Self::Unreachable { hosts, tried: told(&error.to_string()) },
        }
    }

    fn of_connection(target: &Target, error: &ConnectionError, answered: bool) -> Option<Self> {
        let hosts = target.hosts_text();
        match error {
            ConnectionError::IoError(io) => {
                match io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                    Some(tls) => Some(Self::Tls { hosts, why: tls_sentence(tls) }),
                    None if target.tls.is_some() && answered => {
                        Some(Self::Tls { hosts, why: handshake_ended(&io.to_string()) })
                    }
                    None => None,
                }
            }
            ConnectionError::ConnectionSetupRequestError(setup) => match setup.get_error() {
                ConnectionSetupRequestErrorKind::MissingAuthentication => Some(Self::LoginNeeded { hosts }),
                ConnectionSetupRequestErrorKind::DbError(DbError::AuthenticationError, _) => {
                    Some(Self::WrongPassword { hosts, user: target.role().to_owned() })
                }
                ConnectionSetupRequestErrorKind::BrokenConnection(broken) if target.tls.is_some() => {
                    Some(Self::Tls { hosts, why: handshake_ended(&broken.to_string()) })
                }
                ConnectionSetupRequestErrorKind::BrokenConnection(_) => Some(Self::PlainAgainstTls { hosts }),
                _ => None,
            },
            ConnectionError::BrokenConnection(broken) if target.tls.is_some() => {
                Some(Self::Tls { hosts, why: handshake_ended(&broken.to_string()) })
            }
            ConnectionError::BrokenConnection(_) => Some(Self::PlainAgainstTls { hosts }),
            _ => None,
        }
    }

    /// The sentence for a statement that failed.
    pub(crate) fn of_statement(target: &Target, doing: &str, error: &ExecutionError) -> Self {
        match db_error(error) {
            Some((DbError::Unauthorized, _)) => Self::Permission {
                role: target.role().to_owned(),
                doing: doing.to_owned(),
                grants: grants(target, doing),
            },
            Some((_, message)) if !message.is_empty() => {
                Self::Failed { doing: doing.to_owned(), why: message.to_owned() }
            }
            Some(_) | None => match error {
                ExecutionError::SchemaAgreementError(_) => Self::NoAgreement { keyspace: target.keyspace.clone() },
                _ => Self::Failed { doing: doing.to_owned(), why: error.to_string() },
            },
        }
    }
}

/// What Cassandra itself said, if it did.
pub(crate) fn db_error(error: &ExecutionError) -> Option<(&DbError, &str)> {
    match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, message))
        | ExecutionError::PrepareError(PrepareError::AllAttemptsFailed {
            first_attempt: RequestAttemptError::DbError(error, message),
        }) => Some((error, message.as_str())),
        _ => None,
    }
}

fn last_connection(error: &NewSessionError) -> Option<&ConnectionError> {
    match error {
        NewSessionError::MetadataError(MetadataError::ConnectionPoolError(ConnectionPoolError::Broken {
            last_connection_error,
        })) => Some(last_connection_error),
        _ => None,
    }
}

fn handshake_ended(why: &str) -> String {
    if why.contains("CertificateRequired") || why.contains("certificate required") || why.contains("BadCertificate") {
        return "the node asks for a certificate of ours and does not accept what it got: give one signed by its authority as cert= and key=".to_owned();
    }
    format!(
        "the node ends it ({why}). Either it speaks without TLS on this port (then leave out ca=), or it asks for a certificate of ours (then give cert= and key=)"
    )
}

fn tls_sentence(error: &rustls::Error) -> String {
    use rustls::{AlertDescription, CertificateError};
    match error {
        rustls::Error::InvalidCertificate(fault) => match fault {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the node's certificate has expired: give the node a new one".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the node's certificate is not valid yet: check the clocks of both machines".to_owned()
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "the node's certificate was not signed by the authority in ca=: give the file of the authority that signed it".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the node's certificate does not name the address of the node: it needs an IP SAN for every address under which a node is reached".to_owned()
            }
            other => format!("the node's certificate is not accepted ({other})"),
        },
        rustls::Error::InvalidMessage(_) => {
            "the node does not speak TLS on this port: leave out ca=, cert= and key=, or name the port that does".to_owned()
        }
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown,
        ) => handshake_ended("CertificateRequired"),
        other => handshake_ended(&other.to_string()),
    }
}

/// Everything that our role needs, as statements for a superuser.
fn grants(target: &Target, doing: &str) -> String {
    let (role, keyspace) = (target.role(), &target.keyspace);
    if doing.contains("keyspace") {
        return format!(
            "GRANT CREATE ON ALL KEYSPACES TO {role}; or make the keyspace for it, see docs/operate/cassandra.md"
        );
    }
    let each: Vec<String> = ["CREATE", "ALTER", "SELECT", "MODIFY"]
        .iter()
        .map(|right| format!("GRANT {right} ON KEYSPACE {keyspace} TO {role};"))
        .collect();
    each.join(" ")
}
