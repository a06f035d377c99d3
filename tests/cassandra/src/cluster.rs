//! Three nodes that hold everything three times, for drills in which some of them fail.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clock::{Clock, SystemClock};

use crate::address::Claim;
use crate::fault::Fault;
use crate::node::Node;
use crate::options::{Options, Place};

/// How long the nodes may take to see each other after the last one is ready.
const SEEN_WITHIN: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A third of the ring: without tokens of equal distance one node would own most of it.
const THIRD: i64 = 6_148_914_691_236_517_205;

/// Nodes that see each other. Dropping it kills them.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
}

impl Cluster {
    /// Three nodes, started one after the other.
    ///
    /// # Errors
    /// As [`Node::start`], or they do not see each other within two minutes.
    pub fn three(options: &Options) -> Result<Self, Fault> {
        let ports = [options.cql_port, options.storage_port];
        let claims: Vec<Claim> = (0..3).map(|_| Claim::new(&ports)).collect::<Result<_, _>>()?;
        let seeds: Vec<Ipv4Addr> = claims.iter().map(|claim| claim.address).collect();
        let mut cluster = Self { nodes: Vec::new() };
        for (claim, token) in claims.into_iter().zip([-THIRD, 0, THIRD]) {
            let place = Place { address: claim.address, seeds: seeds.clone(), token: Some(token) };
            let mut node = Node::at(claim, options.clone(), place)?;
            node.restart()?;
            cluster.nodes.push(node);
        }
        cluster.wait_whole()?;
        Ok(cluster)
    }

    /// One of them, from 0.
    ///
    /// # Panics
    /// There is no such node.
    pub fn node(&mut self, index: usize) -> &mut Node {
        &mut self.nodes[index]
    }

    /// Where clients connect.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Node::address).collect()
    }

    /// Kills all of them at once. Their data stays.
    pub fn kill(&mut self) {
        for node in &mut self.nodes {
            node.kill();
        }
    }

    /// Starts all that do not run, one after the other, and waits until all see each other.
    ///
    /// # Errors
    /// As [`Cluster::three`].
    pub fn restart(&mut self) -> Result<(), Fault> {
        for node in self.nodes.iter_mut().filter(|node| node.pid().is_none()) {
            node.restart()?;
        }
        self.wait_whole()
    }

    /// Waits until a write through each node is taken by all three.
    ///
    /// # Errors
    /// One of them does not see another one within two minutes.
    pub fn wait_whole(&self) -> Result<(), Fault> {
        let clock = SystemClock::new();
        for node in &self.nodes {
            while let Err(fault) = write_everywhere(node) {
                if clock.monotonic() > SEEN_WITHIN {
                    return Err(Fault::new(format!(
                        "not all nodes take part: {fault}; logs in {}",
                        node.logs().display()
                    )));
                }
                std::thread::sleep(LOOK_EVERY);
            }
        }
        Ok(())
    }
}

fn write_everywhere(node: &Node) -> Result<(), Fault> {
    let mut cql = node.cql()?;
    cql.run(
        "CREATE KEYSPACE IF NOT EXISTS cluster_is_whole \
         WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}",
    )?;
    cql.run("CREATE TABLE IF NOT EXISTS cluster_is_whole.rows (key int PRIMARY KEY)")?;
    cql.run_everywhere("INSERT INTO cluster_is_whole.rows (key) VALUES (1)").map(drop)
}
