//! The store that was chosen, opened: in the data directory, or in Cassandra.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clock::Clock;
use store::{Catalog, Readings, UNREAD_MAX};
use store_cassandra::{CassandraStore, OpenError, Opening};
use uuid::Uuid;

use crate::config::Config;

/// What tells this server from the others of one keyspace.
const NODE_FILE: &str = "node.id";
/// How long Cassandra may take to come up before a start is given up.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// Between two attempts to reach it.
const WAIT_PAUSE: Duration = Duration::from_secs(2);

/// Both ports of one store.
pub struct Opened {
    pub readings: Arc<dyn Readings>,
    pub catalog: Arc<dyn Catalog>,
    /// What the API calls it.
    pub kind: &'static str,
    /// Held as long as the server runs.
    _alone: Option<File>,
}

/// Opens what `config` asks for. `http` is where others find this server's page.
pub async fn open(config: &Config, http: &str, clock: &Arc<dyn Clock>) -> anyhow::Result<Opened> {
    let Some(target) = &config.cassandra else {
        let store = Arc::new(store_embedded::open(&config.data, store_embedded::Options::default())?);
        return Ok(Opened { readings: Arc::clone(&store) as _, catalog: store, kind: "embedded", _alone: None });
    };
    let (owner, alone) = identity(&config.data)?;
    let opening = Opening {
        target: target.clone(),
        owner,
        http: http.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        unread_max: UNREAD_MAX,
    };
    let store = Arc::new(when_up(&opening, clock).await?);
    Ok(Opened { readings: Arc::clone(&store) as _, catalog: store, kind: "cassandra", _alone: Some(alone) })
}

/// Waits for a Cassandra that is still starting, as it is when both are started at once; any other fault is told at once.
async fn when_up(opening: &Opening, clock: &Arc<dyn Clock>) -> Result<CassandraStore, OpenError> {
    let begun = clock.monotonic();
    let mut told = false;
    loop {
        match CassandraStore::start(opening, Arc::clone(clock)).await {
            Err(error @ OpenError::Unreachable { .. }) if clock.monotonic() - begun < WAIT_MAX => {
                if !std::mem::replace(&mut told, true) {
                    eprintln!("Waiting up to {} s: {error}.", WAIT_MAX.as_secs());
                }
                tokio::time::sleep(WAIT_PAUSE).await;
            }
            other => return other,
        }
    }
}

/// The id that this data directory gives a server, drawn once, and the lock that says that one uses it.
fn identity(data: &Path) -> anyhow::Result<(Uuid, File)> {
    std::fs::create_dir_all(data).with_context(|| format!("{} cannot be made", data.display()))?;
    let file = data.join(NODE_FILE);
    let doing = || format!("{} cannot be used", file.display());
    let alone = File::options().create(true).truncate(false).read(true).write(true).open(&file).with_context(doing)?;
    match alone.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another server runs on {}: stop it, or give this one a directory of its own as --data",
                data.display()
            )
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(doing),
    }
    let text = std::fs::read_to_string(&file).with_context(doing)?;
    if let Ok(known) = text.trim().parse() {
        return Ok((known, alone));
    }
    if !text.trim().is_empty() {
        bail!("{} does not hold an id of a server; remove it if nothing else of it is needed", file.display());
    }
    let drawn = Uuid::new_v4();
    std::fs::write(&file, format!("{drawn}\n")).with_context(doing)?;
    alone.sync_all().with_context(doing)?;
    Ok((drawn, alone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_gives_one_server_at_a_time_the_same_id() {
        let desk = tempfile::tempdir().unwrap();
        let (first, alone) = identity(desk.path()).unwrap();
        assert!(identity(desk.path()).unwrap_err().to_string().starts_with("another server runs on"));
        drop(alone);
        assert_eq!(identity(desk.path()).unwrap().0, first);
        std::fs::write(desk.path().join(NODE_FILE), "nonsense").unwrap();
        assert!(identity(desk.path()).is_err());
    }
}
