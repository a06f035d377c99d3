//! The keyspace and its tables: made where they are absent, upgraded by additive steps, by one server at a time.
//!
//! Several servers may start at once. Changes of tables all go through one node of the cluster, the connected one with the lowest
//! host id, because a node does them one after the other; and whoever does them holds a row of `meta`, taken by a lightweight
//! transaction, that expires when its holder dies. The others wait until the version is there.

use std::collections::HashMap;
use std::time::Duration;

use scylla::DeserializeRow;
use scylla::client::session::Session;
use scylla::errors::DbError;
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::response::query_result::QueryResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::unprepared::Statement;
use tokio::time::sleep;
use uuid::Uuid;

use crate::conditional::{Decided, applied, unknown};
use crate::connect::datacenter;
use crate::open_error::{OpenError, db_error};
use crate::tables::{META, STEPS};
use crate::target::Target;

/// After how many seconds without a step the server that upgrades is taken for dead.
const UPGRADE_LEASE_S: i32 = 60;

/// How long a server waits for another one's upgrade. Then it gives up with [`OpenError::UpgradeBusy`].
const UPGRADE_WAIT_S: u64 = 180;

/// How often a waiting server looks.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// How often is looked for the first table after it was made.
const META_LOOKS: usize = 100;

/// How long a change of tables may take, agreement not included.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a change is tried whose outcome is unknown; all are `IF NOT EXISTS`.
const CHANGE_TRIES: usize = 3;

/// Copies of everything in a new keyspace, where there are as many nodes.
const REPLICATION: usize = 3;

/// Names of rows of `meta`.
const VERSION: &str = "version";
const STORE: &str = "store";
const DATACENTER: &str = "datacenter";
const UPGRADER: &str = "upgrader";

/// A keyspace that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyspace {
    /// Its name.
    pub name: String,
    /// What tells it from every other one: drawn when it was made.
    pub store: Uuid,
    /// The datacenter that is used.
    pub datacenter: String,
    /// How its rows are replicated.
    pub replication: Replication,
}

/// How the rows of a keyspace are replicated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replication {
    /// `NetworkTopologyStrategy`, or something else that somebody chose.
    pub strategy: String,
    /// Copies in the datacenter that is used.
    pub factor: usize,
    /// Nodes of that datacenter.
    pub nodes: usize,
}

impl Replication {
    /// Nodes that a quorum needs.
    #[must_use]
    pub fn quorum(&self) -> usize {
        self.factor / 2 + 1
    }
}

/// The version that this program makes and knows.
#[must_use]
pub fn version() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// How the rows of the keyspace are replicated now.
///
/// # Errors
/// Cassandra does not answer, or the keyspace is not there or not in this datacenter.
pub(crate) async fn replication(
    session: &Session,
    target: &Target,
    datacenter: &str,
) -> Result<Replication, OpenError> {
    let changer = Changer { session, target };
    let found =
        changer.replication().await?.ok_or_else(|| changer.failed("reading the replication", "it is not there"))?;
    judged(&target.keyspace, &found, datacenter, changer.nodes_of(datacenter))
}

/// Makes or upgrades the keyspace of `target`. Safe to be called by several servers at once.
///
/// # Errors
/// A sentence that says what to do; what was done until then stays and is gone on with next time.
pub async fn bring_up(session: &Session, target: &Target) -> Result<Keyspace, OpenError> {
    let datacenter = datacenter(session, target)?;
    let changer = Changer { session, target };
    let replication = changer.keyspace(&datacenter).await?;
    changer.meta().await?;
    changer.upgrade().await?;
    let store = changer.agreed(STORE, &Uuid::new_v4().to_string()).await?;
    let store =
        store.parse().map_err(|_| changer.failed("reading the id of the store", &format!("{store:?} is none")))?;
    let used = changer.agreed(DATACENTER, &datacenter).await?;
    if used != datacenter {
        return Err(OpenError::OtherDatacenter { used, named: datacenter });
    }
    Ok(Keyspace { name: target.keyspace.clone(), store, datacenter, replication })
}

#[derive(DeserializeRow)]
struct KeyspaceRow {
    replication: HashMap<String, String>,
}

struct Changer<'a> {
    session: &'a Session,
    target: &'a Target,
}

impl Changer<'_> {
    fn failed(&self, doing: &str, why: &str) -> OpenError {
        OpenError::Failed { doing: format!("{doing} of {}", self.target.keyspace), why: why.to_owned() }
    }

    /// The keyspace, made where it is absent.
    async fn keyspace(&self, datacenter: &str) -> Result<Replication, OpenError> {
        let nodes = self.nodes_of(datacenter);
        let existing = match self.replication().await? {
            Some(existing) => existing,
            None => {
                let factor = self.target.replication.map_or(nodes.clamp(1, REPLICATION), usize::from);
                if factor > nodes {
                    return Err(OpenError::TooFewNodes {
                        factor,
                        nodes,
                        datacenter: datacenter.to_owned(),
                        advice: format!("write ?rf={}, or start more nodes first", nodes.clamp(1, REPLICATION)),
                    });
                }
                // A datacenter's name stands in quotes; a quote inside is doubled.
                let quoted = datacenter.replace('\'', "''");
                let make = format!(
                    "CREATE KEYSPACE IF NOT EXISTS {{k}} WITH replication = {{'class': 'NetworkTopologyStrategy', '{quoted}': {factor}}}"
                );
                self.change("create a keyspace", &make).await?;
                self.replication().await?.ok_or_else(|| self.failed("making", "it is not there"))?
            }
        };
        let replication = judged(&self.target.keyspace, &existing, datacenter, nodes)?;
        if replication.quorum() > nodes {
            let advice = format!(
                "start the missing nodes, or run: ALTER KEYSPACE {} WITH replication = {{'class': 'NetworkTopologyStrategy', '{datacenter}': {}}};",
                self.target.keyspace,
                nodes.clamp(1, REPLICATION)
            );
            return Err(OpenError::TooFewNodes {
                factor: replication.factor,
                nodes,
                datacenter: datacenter.to_owned(),
                advice,
            });
        }
        Ok(replication)
    }

    fn nodes_of(&self, datacenter: &str) -> usize {
        let state = self.session.get_cluster_state();
        state.get_nodes_info().iter().filter(|node| node.datacenter.as_deref() == Some(datacenter)).count()
    }

    async fn replication(&self) -> Result<Option<HashMap<String, String>>, OpenError> {
        let rows = self
            .ask(
                "read the keyspaces",
                "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?",
                (&self.target.keyspace,),
            )
            .await?;
        let rows =
            rows.into_rows_result().map_err(|error| self.failed("reading the replication", &error.to_string()))?;
        let row = rows
            .maybe_first_row::<KeyspaceRow>()
            .map_err(|error| self.failed("reading the replication", &error.to_string()))?;
        Ok(row.map(|row| row.replication))
    }

    /// The table that holds the version, made where there is no table at all.
    async fn meta(&self) -> Result<(), OpenError> {
        let rows = self
            .ask(
                "read the tables",
                "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?",
                (&self.target.keyspace,),
            )
            .await?
            .into_rows_result()
            .map_err(|error| self.failed("reading the tables", &error.to_string()))?;
        let tables: Vec<String> = rows
            .rows::<(String,)>()
            .map_err(|error| self.failed("reading the tables", &error.to_string()))?
            .filter_map(|row| row.ok().map(|row| row.0))
            .collect();
        let there = tables.iter().any(|table| table == "meta");
        if !there && !tables.is_empty() {
            let tables = tables.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(OpenError::ForeignKeyspace { keyspace: self.target.keyspace.clone(), tables });
        }
        if !there {
            self.change("create tables", META).await?;
        }
        self.meta_is_known().await
    }

    /// Waits until a table that another server may have made just now can be asked.
    async fn meta_is_known(&self) -> Result<(), OpenError> {
        for _look in 0..META_LOOKS {
            let mut statement = Statement::new(self.named("SELECT value FROM {k}.meta WHERE name = ?"));
            statement.set_is_idempotent(true);
            match self.session.query_unpaged(statement, (VERSION,)).await {
                Ok(_known) => return Ok(()),
                Err(error) if matches!(db_error(&error), Some((DbError::Invalid, _))) => sleep(LOOK_EVERY).await,
                Err(error) => return Err(OpenError::of_statement(self.target, "read its tables", &error)),
            }
        }
        Err(OpenError::NoAgreement { keyspace: self.target.keyspace.clone() })
    }

    /// Comes to the newest version, by own steps or by another server's.
    async fn upgrade(&self) -> Result<(), OpenError> {
        let me = Uuid::new_v4().to_string();
        let looks = UPGRADE_WAIT_S * 1000 / u64::try_from(LOOK_EVERY.as_millis()).unwrap_or(u64::MAX);
        for _look in 0..looks {
            let found = self.found_version().await?;
            if found > version() {
                return Err(OpenError::NewerKeyspace {
                    keyspace: self.target.keyspace.clone(),
                    found,
                    known: version(),
                });
            }
            if found == version() {
                return Ok(());
            }
            if self.lead(&me).await? {
                let outcome = self.steps(&me).await;
                self.step_down(&me).await;
                return outcome;
            }
            sleep(LOOK_EVERY).await;
        }
        Err(OpenError::UpgradeBusy { keyspace: self.target.keyspace.clone(), waited_s: UPGRADE_WAIT_S })
    }

    /// Runs what is missing. The version is read again: another server may have come to an end just before.
    async fn steps(&self, me: &str) -> Result<(), OpenError> {
        let found = self.found_version().await?;
        for (at, step) in STEPS.iter().enumerate().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
            tracing::info!(keyspace = self.target.keyspace, version = at + 1, "bringing the tables up to date");
            for statement in *step {
                self.change("create or alter tables", statement).await?;
                self.still_leading(me).await?;
            }
            self.agreement().await?;
            self.write_version(at, at + 1).await?;
        }
        Ok(())
    }

    async fn agreement(&self) -> Result<(), OpenError> {
        match self.session.await_schema_agreement().await {
            Ok(_version) => Ok(()),
            Err(_) => Err(OpenError::NoAgreement { keyspace: self.target.keyspace.clone() }),
        }
    }

    async fn found_version(&self) -> Result<u32, OpenError> {
        match self.value(VERSION).await? {
            None => Ok(0),
            Some(text) => text.parse().map_err(|_| self.failed("reading the version", &format!("{text:?} is none"))),
        }
    }

    async fn write_version(&self, from: usize, to: usize) -> Result<(), OpenError> {
        let (from, to) = (from.to_string(), to.to_string());
        // Whether it was applied does not matter: if not, another server has come as far, and it is read again.
        if from == "0" {
            self.decide("INSERT INTO {k}.meta (name, value) VALUES (?, ?) IF NOT EXISTS", (VERSION, &to)).await?;
        } else {
            self.decide("UPDATE {k}.meta SET value = ? WHERE name = ? IF value = ?", (&to, VERSION, &from)).await?;
        }
        Ok(())
    }

    async fn lead(&self, me: &str) -> Result<bool, OpenError> {
        let text =
            format!("INSERT INTO {{k}}.meta (name, value) VALUES (?, ?) IF NOT EXISTS USING TTL {UPGRADE_LEASE_S}");
        match self.decide(&text, (UPGRADER, me)).await {
            // Unknown, or held by another: what is there decides.
            Ok(Decided::Not) | Err(Undecided::Unknown(_)) => Ok(self.value(UPGRADER).await?.as_deref() == Some(me)),
            Ok(Decided::Applied) => Ok(true),
            Err(Undecided::Open(error)) => Err(error),
        }
    }

    async fn still_leading(&self, me: &str) -> Result<(), OpenError> {
        let text = format!("UPDATE {{k}}.meta USING TTL {UPGRADE_LEASE_S} SET value = ? WHERE name = ? IF value = ?");
        match self.decide(&text, (me, UPGRADER, me)).await? {
            Decided::Applied => Ok(()),
            Decided::Not => {
                Err(self.failed("upgrading the tables", "it took so long that another server went on with it"))
            }
        }
    }

    async fn step_down(&self, me: &str) {
        // Where this fails the row expires.
        let _expires = self.decide("DELETE FROM {k}.meta WHERE name = ? IF value = ?", (UPGRADER, me)).await;
    }

    /// The value of a row that is written once: ours, or that of whoever was first.
    async fn agreed(&self, name: &str, ours: &str) -> Result<String, OpenError> {
        for _try in 0..CHANGE_TRIES {
            if let Some(value) = self.value(name).await? {
                return Ok(value);
            }
            match self.decide("INSERT INTO {k}.meta (name, value) VALUES (?, ?) IF NOT EXISTS", (name, ours)).await {
                Ok(Decided::Applied) => return Ok(ours.to_owned()),
                Ok(Decided::Not) | Err(Undecided::Unknown(_)) => {}
                Err(Undecided::Open(error)) => return Err(error),
            }
        }
        Err(self.failed("agreeing on meta", "the outcome stays unknown"))
    }

    /// A row of `meta`, as of all decisions so far.
    async fn value(&self, name: &str) -> Result<Option<String>, OpenError> {
        let mut statement = Statement::new(self.named("SELECT value FROM {k}.meta WHERE name = ?"));
        statement.set_consistency(scylla::statement::Consistency::LocalSerial);
        statement.set_is_idempotent(true);
        let rows = self
            .session
            .query_unpaged(statement, (name,))
            .await
            .map_err(|error| OpenError::of_statement(self.target, "read its tables", &error))?
            .into_rows_result()
            .map_err(|error| self.failed("reading meta", &error.to_string()))?;
        let row = rows
            .maybe_first_row::<(Option<String>,)>()
            .map_err(|error| self.failed("reading meta", &error.to_string()))?;
        Ok(row.and_then(|row| row.0))
    }

    /// A lightweight transaction on `meta`. One that found itself in the way of others is tried again.
    async fn decide(&self, text: &str, values: impl SerializeRow + Clone) -> Result<Decided, Undecided> {
        match self.session.query_unpaged(Statement::new(self.named(text)), values).await {
            Ok(result) => applied(result).map_err(|why| Undecided::Open(self.failed("deciding on meta", &why))),
            Err(error) if unknown(&error) => {
                Err(Undecided::Unknown(self.failed("deciding on meta", &error.to_string())))
            }
            Err(error) => Err(Undecided::Open(OpenError::of_statement(self.target, "write its tables", &error))),
        }
    }

    async fn ask(&self, doing: &str, text: &str, values: impl SerializeRow) -> Result<QueryResult, OpenError> {
        let mut statement = Statement::new(text);
        statement.set_is_idempotent(true);
        self.session
            .query_unpaged(statement, values)
            .await
            .map_err(|error| OpenError::of_statement(self.target, doing, &error))
    }

    /// A change of tables, through the node that does them all.
    async fn change(&self, doing: &str, text: &str) -> Result<(), OpenError> {
        let mut last = None;
        for _try in 0..CHANGE_TRIES {
            let mut statement = Statement::new(self.named(text));
            statement.set_request_timeout(Some(CHANGE_TIMEOUT));
            if let Some(node) = self.changing_node() {
                statement.set_load_balancing_policy(Some(SingleTargetLoadBalancingPolicy::new(
                    NodeIdentifier::HostId(node),
                    None,
                )));
            }
            match self.session.query_unpaged(statement, &[]).await {
                Ok(_done) => return Ok(()),
                Err(error) if matches!(db_error(&error), Some((DbError::AlreadyExists { .. }, _))) => return Ok(()),
                Err(error) if unknown(&error) => last = Some(error),
                Err(error) => return Err(OpenError::of_statement(self.target, doing, &error)),
            }
        }
        let why = last.map_or_else(String::new, |error| error.to_string());
        Err(self.failed(doing, &why))
    }

    fn changing_node(&self) -> Option<Uuid> {
        let state = self.session.get_cluster_state();
        state.get_nodes_info().iter().filter(|node| node.is_connected()).map(|node| node.host_id).min()
    }

    fn named(&self, text: &str) -> String {
        text.replace("{k}", &self.target.keyspace)
    }
}

fn judged(
    keyspace: &str,
    found: &HashMap<String, String>,
    datacenter: &str,
    nodes: usize,
) -> Result<Replication, OpenError> {
    let class = found.get("class").map_or("", String::as_str);
    let strategy = class.rsplit('.').next().unwrap_or(class).to_owned();
    let name = if strategy == "NetworkTopologyStrategy" { datacenter } else { "replication_factor" };
    // Transient replicas stand behind a slash and hold nothing for long.
    let factor = found.get(name).and_then(|factor| factor.split('/').next()).and_then(|factor| factor.parse().ok());
    match factor {
        Some(factor) if factor > 0 => Ok(Replication { strategy, factor, nodes }),
        Some(_) | None if strategy == "NetworkTopologyStrategy" => {
            let mut replicated: Vec<&str> = found.keys().map(String::as_str).filter(|key| *key != "class").collect();
            replicated.sort_unstable();
            Err(OpenError::NotReplicatedHere {
                keyspace: keyspace.to_owned(),
                datacenter: datacenter.to_owned(),
                replicated: replicated.join(", "),
            })
        }
        // LocalStrategy and the like: one copy at most.
        Some(_) | None => Ok(Replication { strategy, factor: 1, nodes }),
    }
}

/// How it did not end.
enum Undecided {
    /// It may have been applied.
    Unknown(OpenError),
    /// It was not.
    Open(OpenError),
}

impl From<Undecided> for OpenError {
    fn from(undecided: Undecided) -> Self {
        match undecided {
            Undecided::Unknown(error) | Undecided::Open(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn copies_are_counted_in_our_datacenter() {
        let network = "org.apache.cassandra.locator.NetworkTopologyStrategy";
        let both = found(&[("class", network), ("east", "3"), ("west", "5/1")]);
        let west = judged("k", &both, "west", 5).unwrap();
        assert_eq!((west.factor, west.quorum(), west.strategy.as_str()), (5, 3, "NetworkTopologyStrategy"));
        let refused = judged("k", &both, "north", 5).unwrap_err().to_string();
        assert!(refused.contains("only in east, west"), "{refused}");
        let simple = found(&[("class", "SimpleStrategy"), ("replication_factor", "2")]);
        assert_eq!(judged("k", &simple, "east", 3).unwrap().quorum(), 2);
    }
}
