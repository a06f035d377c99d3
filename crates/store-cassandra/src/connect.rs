//! A session with the settings under which a node may freeze or die without an error for anybody.
//!
//! Keep-alive finds a frozen node within three seconds, speculation asks another one after half a second, quorum and serial
//! consistency stay within one datacenter. Statements must be marked idempotent to have any of that.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::client::{Compression, PoolSize};
use scylla::policies::address_translator::AddressTranslator;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::statement::{Consistency, SerialConsistency};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::open_error::OpenError;
use crate::target::{Target, TlsFiles};

/// How long one request may take before its outcome is called unknown.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// After how long another node is asked the same.
const SPECULATION_AFTER: Duration = Duration::from_millis(500);

/// How many others are asked.
const SPECULATION_MAX: usize = 2;

/// How long a connection may take to come about; also for the bare ones that tell a person what is wrong.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the nodes may take to agree on a change of tables.
const AGREEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections to each node.
const CONNECTIONS_PER_NODE: NonZeroUsize = NonZeroUsize::new(2).expect("two is not zero");

/// Connects to the cluster of `target`. The keyspace need not exist.
///
/// # Errors
/// A sentence that says what to do.
pub async fn connect(target: &Target) -> Result<Session, OpenError> {
    connect_through(target, None).await
}

/// As [`connect`], with nodes reached under other addresses than they announce: through a proxy or a port that is forwarded.
///
/// # Errors
/// A sentence that says what to do.
pub async fn connect_through(
    target: &Target,
    translator: Option<Arc<dyn AddressTranslator>>,
) -> Result<Session, OpenError> {
    let mut builder = SessionBuilder::new()
        .known_nodes(&target.hosts)
        .default_execution_profile_handle(profile(target).into_handle())
        .pool_size(PoolSize::PerHost(CONNECTIONS_PER_NODE))
        .compression(Some(Compression::Lz4))
        .connection_timeout(CONNECT_TIMEOUT)
        .keepalive_interval(Duration::from_secs(1))
        .keepalive_timeout(Duration::from_secs(2))
        .schema_agreement_timeout(AGREEMENT_TIMEOUT)
        .tcp_nodelay(true);
    if let (Some(user), Some(password)) = (&target.user, &target.password) {
        builder = builder.user(user, password.reveal());
    }
    if let Some(files) = &target.tls {
        builder = builder.tls_context(Some(Arc::new(tls_config(files)?)));
    }
    if let Some(translator) = translator {
        builder = builder.address_translator(translator);
    }
    match builder.build().await {
        Ok(session) => {
            datacenter(&session, target)?;
            Ok(session)
        }
        Err(error) => Err(OpenError::of_session(target, &error, &tried(target).await)),
    }
}

fn profile(target: &Target) -> ExecutionProfile {
    let mut balancing = DefaultPolicy::builder().token_aware(true);
    if let Some(datacenter) = &target.datacenter {
        balancing = balancing.prefer_datacenter(datacenter.clone());
    }
    ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .serial_consistency(Some(SerialConsistency::LocalSerial))
        .request_timeout(Some(REQUEST_TIMEOUT))
        .load_balancing_policy(balancing.build())
        .speculative_execution_policy(Some(Arc::new(SimpleSpeculativeExecutionPolicy {
            max_retry_count: SPECULATION_MAX,
            retry_interval: SPECULATION_AFTER,
        })))
        .build()
}

/// The datacenter that is used: the one that was named, or the only one.
///
/// # Errors
/// It does not exist, or none was named and there are several.
pub fn datacenter(session: &Session, target: &Target) -> Result<String, OpenError> {
    let mut existing: Vec<String> =
        session.get_cluster_state().get_nodes_info().iter().filter_map(|node| node.datacenter.clone()).collect();
    existing.sort();
    existing.dedup();
    match (&target.datacenter, existing.as_slice()) {
        (Some(named), _) if existing.contains(named) => Ok(named.clone()),
        (Some(named), _) => Err(OpenError::NoSuchDatacenter { named: named.clone(), existing: existing.join(", ") }),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(OpenError::WhichDatacenter { existing: existing.join(", ") }),
    }
}

/// What each host answers to a bare connection.
async fn tried(target: &Target) -> Vec<(String, Result<(), String>)> {
    let mut tried = Vec::new();
    for host in &target.hosts {
        let outcome = match timeout(CONNECT_TIMEOUT, TcpStream::connect(host.as_str())).await {
            Ok(Ok(_connected)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_elapsed) => Err(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())),
        };
        tried.push((host.clone(), outcome));
    }
    tried
}

fn tls_config(files: &TlsFiles) -> Result<rustls::ClientConfig, OpenError> {
    let fault = |setting: &str, path: &std::path::Path, why: &dyn std::fmt::Display| {
        OpenError::TlsFile(format!("{setting}={} cannot be used: {why}", path.display()))
    };
    let mut roots = rustls::RootCertStore::empty();
    for authority in certificates("ca", &files.ca)? {
        roots.add(authority).map_err(|error| fault("ca", &files.ca, &error))?;
    }
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::TlsFile(error.to_string()))?
        .with_root_certificates(roots);
    match &files.client {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, key)) => {
            let private = PrivateKeyDer::from_pem_file(key).map_err(|error| fault("key", key, &error))?;
            builder
                .with_client_auth_cert(certificates("cert", certificate)?, private)
                .map_err(|error| fault("cert", certificate, &error))
        }
    }
}

fn certificates(setting: &str, path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let fault =
        |why: &dyn std::fmt::Display| OpenError::TlsFile(format!("{setting}={} cannot be used: {why}", path.display()));
    let found = CertificateDer::pem_file_iter(path)
        .and_then(|each| each.collect::<Result<Vec<_>, _>>())
        .map_err(|error| fault(&error))?;
    if found.is_empty() {
        return Err(fault(&"it holds no certificate in PEM"));
    }
    Ok(found)
}
