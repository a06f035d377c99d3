//! What of the cluster's settings takes from the promise that an acknowledged reading is kept. Looked at when the store is opened,
//! and from time to time, since settings change while servers run.
//!
//! A setting is asked of every node: it is the one of whoever answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use scylla::client::session::Session;
use scylla::errors::{DbError, ExecutionError};
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::statement::unprepared::Statement;
use store::Degraded;
use uuid::Uuid;

use crate::open_error::{OpenError, db_error};
use crate::schema::{Replication, replication};
use crate::target::Target;

/// How often the settings are looked at again.
const LOOK_EVERY: Duration = Duration::from_mins(10);

/// How long a node may take to tell a setting. Then it is not known, for this time.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);

/// The code of a keyspace that keeps one copy of everything.
pub(crate) const ONE_COPY: &str = "one_copy";

/// What is asked of each node.
const ASKED: [&str; 2] = ["commitlog_sync", "hinted_handoff_enabled"];

/// A setting that should be another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// A stable code such as `commitlog_periodic`.
    pub code: &'static str,
    /// One sentence for a person: what may happen, and what to do.
    pub sentence: String,
}

impl From<Warning> for Degraded {
    fn from(warning: Warning) -> Self {
        Self { code: warning.code, detail: warning.sentence }
    }
}

/// What a node said of its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    /// The values of [`ASKED`] that it has.
    Settings(BTreeMap<String, String>),
    /// Our role may not read them.
    Refused,
    /// It does not answer, or has no such table.
    Nothing,
}

/// Keeps what was found last.
pub struct Checks {
    session: Arc<Session>,
    target: Target,
    datacenter: String,
    found: Mutex<Vec<Warning>>,
}

impl Checks {
    /// Looks once. What cannot be found out is no fault: the store works without.
    pub async fn begin(session: Arc<Session>, target: Target, datacenter: String) -> Self {
        let checks = Self { session, target, datacenter, found: Mutex::default() };
        checks.look().await;
        checks
    }

    /// What was found last, worst first.
    #[must_use]
    pub fn found(&self) -> Vec<Warning> {
        self.found.lock().clone()
    }

    /// Looks again and again; owned and ended by whoever spawns it.
    pub async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.look().await;
        }
    }

    async fn look(&self) {
        let mut told = BTreeMap::new();
        for (node, address) in self.nodes() {
            told.insert(address, self.ask(node).await);
        }
        let mut found = of_settings(&told, self.target.role());
        match replication(&self.session, &self.target, &self.datacenter).await {
            Ok(replication) => found.extend(of_replication(&replication, &self.target, &self.datacenter)),
            // Away for now: the replication is judged the next time.
            Err(OpenError::Failed { .. }) => {}
            Err(fault) => found.push(Warning { code: "cassandra_replication", sentence: fault.to_string() }),
        }
        *self.found.lock() = found;
    }

    fn nodes(&self) -> Vec<(Uuid, String)> {
        let state = self.session.get_cluster_state();
        let ours = state.get_nodes_info().iter().filter(|node| node.datacenter.as_ref() == Some(&self.datacenter));
        ours.map(|node| (node.host_id, node.address.to_string())).collect()
    }

    async fn ask(&self, node: Uuid) -> Told {
        let mut settings = BTreeMap::new();
        for name in ASKED {
            let mut statement = Statement::new("SELECT value FROM system_views.settings WHERE name = ?");
            statement.set_is_idempotent(true);
            statement.set_request_timeout(Some(ASK_TIMEOUT));
            statement.set_consistency(scylla::statement::Consistency::LocalOne);
            let only = SingleTargetLoadBalancingPolicy::new(NodeIdentifier::HostId(node), None);
            statement.set_load_balancing_policy(Some(only));
            match self.session.query_unpaged(statement, (name,)).await {
                Ok(answer) => {
                    let value = answer.into_rows_result().ok().and_then(|rows| {
                        rows.maybe_first_row::<(Option<String>,)>().ok().flatten().and_then(|row| row.0)
                    });
                    settings.extend(value.map(|value| (name.to_owned(), value)));
                }
                Err(error) if is_refused(&error) => return Told::Refused,
                Err(_) => return Told::Nothing,
            }
        }
        Told::Settings(settings)
    }
}

fn is_refused(error: &ExecutionError) -> bool {
    matches!(db_error(error), Some((DbError::Unauthorized, _)))
}

/// What the settings of the nodes, by their addresses, are to be warned of.
fn of_settings(told: &BTreeMap<String, Told>, role: &str) -> Vec<Warning> {
    let nodes = |is: &dyn Fn(&Told) -> bool| -> Option<String> {
        let nodes: Vec<&str> = told.iter().filter(|(_, told)| is(told)).map(|(node, _)| node.as_str()).collect();
        (!nodes.is_empty()).then(|| nodes.join(", "))
    };
    let has = |name: &'static str, value: &'static str| move |told: &Told| matches!(told, Told::Settings(settings) if settings.get(name).is_some_and(|is| is == value));
    let mut found = Vec::new();
    if let Some(nodes) = nodes(&has("commitlog_sync", "periodic")) {
        let sentence = format!(
            "Cassandra at {nodes} acknowledges before it has written to the disk (commitlog_sync: periodic): when power fails on all \
             copies at once, up to ten seconds of acknowledged readings are lost. Write commitlog_sync: batch into cassandra.yaml of \
             each node and restart the nodes one after the other"
        );
        found.push(Warning { code: "commitlog_periodic", sentence });
    }
    if let Some(nodes) = nodes(&has("hinted_handoff_enabled", "false")) {
        let sentence = format!(
            "Cassandra at {nodes} keeps nothing for a node that is away (hinted_handoff_enabled: false): each time a node was away, \
             run nodetool repair, or set it to true"
        );
        found.push(Warning { code: "hints_off", sentence });
    }
    if let Some(nodes) = nodes(&|told| *told == Told::Refused) {
        let sentence = format!(
            "Whether Cassandra at {nodes} writes to the disk before it acknowledges cannot be seen: let a superuser run \
             GRANT SELECT ON TABLE system_views.settings TO {role};"
        );
        found.push(Warning { code: "settings_unread", sentence });
    }
    found
}

/// What the replication is to be warned of.
fn of_replication(replication: &Replication, target: &Target, datacenter: &str) -> Vec<Warning> {
    let Replication { strategy, factor, nodes } = replication;
    let keyspace = &target.keyspace;
    let alter = |copies: usize| {
        format!(
            "ALTER KEYSPACE {keyspace} WITH replication = {{'class': 'NetworkTopologyStrategy', '{datacenter}': {copies}}}; \
             and then nodetool repair -full {keyspace} on every node"
        )
    };
    let mut found = Vec::new();
    let mut warn = |code, sentence| found.push(Warning { code, sentence });
    if factor > nodes {
        let sentence = format!(
            "{keyspace} asks for {factor} copies and {datacenter} has {nodes} node(s): start the missing ones, or run {}",
            alter(*nodes)
        );
        warn("copies_above_nodes", sentence);
    }
    match factor {
        0 | 1 => {
            let more =
                if *nodes >= 3 { alter(3) } else { "have three nodes, then ALTER KEYSPACE to 3 copies".to_owned() };
            let sentence =
                format!("{keyspace} keeps one copy of everything: one disk lost is data lost. To change it, {more}");
            warn(ONE_COPY, sentence);
        }
        2 => {
            let sentence = format!(
                "{keyspace} keeps two copies, and a quorum of two is both: while one node is away nothing is acknowledged. \
                 Three copies on three nodes bear the loss of one: {}",
                alter(3)
            );
            warn("two_copies", sentence);
        }
        _ => {}
    }
    if strategy == "SimpleStrategy" {
        let sentence = format!(
            "{keyspace} is replicated by SimpleStrategy, which knows no datacenters and cannot be extended by one: run {}",
            alter((*factor).max(1))
        );
        warn("simple_strategy", sentence);
    }
    if let Some(asked) = target.replication.map(usize::from).filter(|asked| asked != factor) {
        let sentence = format!(
            "{keyspace} keeps {factor} copies, not the {asked} of rf={asked}, which counts only when a keyspace is made: run {}",
            alter(asked)
        );
        warn("copies_differ", sentence);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(warnings: &[Warning]) -> Vec<&'static str> {
        warnings.iter().map(|warning| warning.code).collect()
    }

    fn settings(pairs: &[(&str, &str)]) -> Told {
        Told::Settings(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn one_node_of_several_is_enough_for_a_warning_and_is_named() {
        let good = settings(&[("commitlog_sync", "batch"), ("hinted_handoff_enabled", "true")]);
        let bad = settings(&[("commitlog_sync", "periodic"), ("hinted_handoff_enabled", "false")]);
        let told = |nodes: &[(&str, &Told)]| -> BTreeMap<String, Told> {
            nodes.iter().map(|(node, told)| ((*node).to_owned(), (*told).clone())).collect()
        };
        assert!(of_settings(&told(&[("a", &good), ("b", &Told::Nothing)]), "me").is_empty());
        let found = of_settings(&told(&[("a", &good), ("b", &bad), ("c", &Told::Refused)]), "me");
        assert_eq!(codes(&found), ["commitlog_periodic", "hints_off", "settings_unread"]);
        assert!(found[0].sentence.contains("at b ") && !found[0].sentence.contains("at a"), "{found:?}");
        assert!(found[2].sentence.contains("GRANT SELECT ON TABLE system_views.settings TO me;"), "{found:?}");
    }

    #[test]
    fn copies_are_judged_by_what_may_be_lost() {
        let target = |query: &str| Target::parse(&format!("cassandra://h/k{query}"), None).unwrap();
        let judged = |strategy: &str, factor, nodes, query: &str| {
            let replication = Replication { strategy: strategy.to_owned(), factor, nodes };
            codes(&of_replication(&replication, &target(query), "dc"))
        };
        let network = "NetworkTopologyStrategy";
        assert!(judged(network, 3, 3, "").is_empty());
        assert!(judged(network, 3, 5, "?rf=3").is_empty());
        assert_eq!(judged(network, 1, 1, ""), ["one_copy"]);
        assert_eq!(judged(network, 2, 3, ""), ["two_copies"]);
        assert_eq!(judged(network, 3, 2, ""), ["copies_above_nodes"]);
        assert_eq!(judged("SimpleStrategy", 3, 3, ""), ["simple_strategy"]);
        assert_eq!(judged(network, 3, 5, "?rf=5"), ["copies_differ"]);
    }
}
