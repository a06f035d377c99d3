//! A node that wants TLS, a certificate of ours and a password: what is said to whoever comes without, and with which rights a
//! role of its own gets along.

#![expect(clippy::unwrap_used, reason = "this is test code; a panic is how a test fails")]

mod keyspaces;

use std::sync::Arc;
use std::time::Duration;

use cassandra_node::{Authority, Login, Node, Options, Shared, Sync};
use scylla::client::session::Session;
use store::{Catalog, Expected};
use store_cassandra::{CassandraCatalog, Checks, OpenError, Target, bring_up, connect};

struct Guarded {
    node: Node,
    files: tempfile::TempDir,
}

impl Guarded {
    fn start() -> Self {
        let authority = Authority::new("ours").unwrap();
        let node = Node::start_named(|address| {
            Ok(Options {
                login: Login::Password,
                tls: Some(authority.node(address.ip(), true)?),
                sync: Sync::Periodic,
                ..Options::default()
            })
        });
        let files = tempfile::tempdir().unwrap();
        let client = authority.sign(&[]).unwrap();
        for (name, text) in [
            ("ca.pem", authority.pem()),
            ("cert.pem", &client.certificate),
            ("key.pem", &client.key),
            ("other.pem", Authority::new("another").unwrap().pem()),
            ("empty.pem", "nothing"),
        ] {
            std::fs::write(files.path().join(name), text).unwrap();
        }
        Self { node: node.unwrap(), files }
    }

    fn file(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    fn target(&self, login: &str, ca: &str, with_certificate: bool) -> Target {
        let certificate = if with_certificate {
            format!("&cert={}&key={}", self.file("cert.pem"), self.file("key.pem"))
        } else {
            String::new()
        };
        let (address, ca) = (self.node.address(), self.file(ca));
        Target::parse(&format!("cassandra://{login}{address}/iot?ca={ca}{certificate}"), None).unwrap()
    }

    /// The target of somebody who has everything but, perhaps, rights.
    fn of(&self, login: &str) -> Target {
        self.target(&format!("{login}@"), "ca.pem", true)
    }
}

async fn refused(target: &Target) -> OpenError {
    let error = connect(target).await.expect_err("the connection came about");
    assert!(!error.to_string().contains("hush"), "{error}");
    error
}

/// Runs the statements that a sentence names.
async fn obey(superuser: &Session, sentence: &str) {
    let at = sentence.find("GRANT").unwrap_or_else(|| panic!("no GRANT in {sentence}"));
    for statement in sentence[at..].split(';').map(str::trim).filter(|statement| statement.starts_with("GRANT")) {
        superuser.query_unpaged(statement, &[]).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lacks_something_is_told_what() {
    let guarded = Guarded::start();
    let plain = format!("cassandra://{}/iot", guarded.node.address());
    let plain = refused(&Target::parse(&plain, None).unwrap()).await;
    assert!(matches!(plain, OpenError::PlainAgainstTls { .. }), "{plain}");
    let other = refused(&guarded.target("me:hush@", "other.pem", true)).await.to_string();
    assert!(other.contains("not signed by the authority in ca="), "{other}");
    let without = refused(&guarded.target("me:hush@", "ca.pem", false)).await;
    assert!(matches!(&without, OpenError::Tls { why, .. } if why.contains("cert= and key=")), "{without}");
    let nobody = refused(&guarded.target("", "ca.pem", true)).await;
    assert!(matches!(nobody, OpenError::LoginNeeded { .. }), "{nobody}");
    let wrong = refused(&guarded.of("cassandra:hush")).await;
    assert!(matches!(&wrong, OpenError::WrongPassword { user, .. } if user == "cassandra"), "{wrong}");
    for missing in ["empty.pem", "absent.pem"] {
        let missing = refused(&guarded.target("me:hush@", missing, false)).await;
        assert!(matches!(missing, OpenError::TlsFile(_)), "{missing}");
    }
    // TLS to a node without.
    let ca = guarded.file("ca.pem");
    let plain_node = format!("cassandra://{}/iot?ca={ca}", Shared::node().address());
    let plain_node = refused(&Target::parse(&plain_node, None).unwrap()).await.to_string();
    assert!(plain_node.contains("leave out ca="), "{plain_node}");

    rights(&guarded).await;
}

/// The same node: a role that is given what the sentences say, and nothing else, can do everything.
async fn rights(guarded: &Guarded) {
    let superuser = connect(&guarded.of("cassandra:cassandra")).await.unwrap_or_else(|error| panic!("{error}"));
    superuser.query_unpaged("CREATE ROLE app WITH PASSWORD = 'hush' AND LOGIN = true", &[]).await.unwrap();
    let target = guarded.of("app:hush");
    let session = Arc::new(connect(&target).await.unwrap_or_else(|error| panic!("{error}")));
    let no_keyspace = bring_up(&session, &target).await.unwrap_err().to_string();
    assert!(no_keyspace.contains("GRANT CREATE ON ALL KEYSPACES TO app;"), "{no_keyspace}");
    let make = "CREATE KEYSPACE iot WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
    superuser.query_unpaged(make, &[]).await.unwrap();
    let no_tables = bring_up(&session, &target).await.unwrap_err();
    assert!(matches!(no_tables, OpenError::Permission { .. }), "{no_tables}");
    obey(&superuser, &no_tables.to_string()).await;
    let keyspace = allowed(async || bring_up(&session, &target).await.ok()).await;
    let catalog = CassandraCatalog::open(&session, &target.keyspace, store::Node(1)).await.unwrap();
    catalog.put("rule", "1", Expected::Absent, "{}", &[]).await.unwrap();

    let looked = async || {
        let checks = Checks::begin(Arc::clone(&session), target.clone(), keyspace.datacenter.clone()).await;
        checks.found()
    };
    let codes = |found: &[store_cassandra::Warning]| found.iter().map(|warning| warning.code).collect::<Vec<_>>();
    let blind = looked().await;
    assert_eq!(codes(&blind), ["settings_unread", "one_copy", "simple_strategy"], "{blind:?}");
    obey(&superuser, &blind[0].sentence).await;
    let seen = allowed(async || Some(looked().await).filter(|found| found[0].code != "settings_unread")).await;
    assert_eq!(codes(&seen), ["commitlog_periodic", "one_copy", "simple_strategy"], "{seen:?}");
    assert!(seen[0].sentence.contains(&guarded.node.address().ip().to_string()), "{seen:?}");
}

/// What `asked` answers once Cassandra has heard of new rights.
async fn allowed<T>(mut asked: impl AsyncFnMut() -> Option<T>) -> T {
    for _try in 0..60 {
        if let Some(answer) = asked().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("the rights do not take effect");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_writes_before_it_acknowledges_is_no_warning() {
    let (_own, target, session) = keyspaces::made("checks").await;
    let found = Checks::begin(session, target, "datacenter1".to_owned()).await.found();
    assert_eq!(found.iter().map(|warning| warning.code).collect::<Vec<_>>(), ["one_copy"], "{found:?}");
}
