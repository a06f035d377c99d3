//! HTTP to a peer, one question at a time over one connection that stays open.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One HTTP server.
pub struct Web {
    agent: ureq::Agent,
    base: String,
}

impl Web {
    pub fn at(address: SocketAddr) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(REQUEST_TIMEOUT));
        Self { agent: config.build().new_agent(), base: format!("http://{address}") }
    }

    /// The body of a successful answer.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<u8>> {
        let request = self.agent.get(format!("{}{path}", self.base)).query_pairs(query.iter().copied());
        body(path, request.call().with_context(|| format!("no answer to GET {path}"))?)
    }

    /// The same as JSON.
    pub fn json(&self, path: &str, query: &[(&str, &str)]) -> Result<serde_json::Value> {
        Ok(serde_json::from_slice(&self.get(path, query)?)?)
    }

    pub fn post(&self, path: &str, query: &[(&str, &str)], content: &[u8]) -> Result<Vec<u8>> {
        let request = self.agent.post(format!("{}{path}", self.base)).query_pairs(query.iter().copied());
        body(path, request.send(content).with_context(|| format!("no answer to POST {path}"))?)
    }
}

fn body(path: &str, mut answer: ureq::http::Response<ureq::Body>) -> Result<Vec<u8>> {
    let status = answer.status().as_u16();
    let bytes = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
    if !(200..300).contains(&status) {
        bail!("{path} was answered {status}: {}", String::from_utf8_lossy(&bytes));
    }
    Ok(bytes)
}

/// A port on loopback that nobody uses at the moment.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
