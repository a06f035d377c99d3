//! An address in 127.0.0.0/8 that nobody else has, and a folder of its name.
//!
//! The folder claims the address: making it succeeds once among all processes of a machine. An address where somebody listens
//! already is passed over.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use clock::{Clock, SystemClock};

use crate::fault::Fault;

/// Addresses that are tried before giving up.
const TRIES_MAX: u32 = 1000;
/// What a dead process left behind, such as the logs of a failed test, is kept so long.
const LEFTOVERS_KEPT: Duration = Duration::from_hours(24);
/// A file in the folder with the process that claimed it.
const OWNER: &str = "owner";

/// An address and the folder for what belongs to it. Dropping it leaves the folder to whoever decides about its content.
#[derive(Debug)]
pub(crate) struct Claim {
    pub address: Ipv4Addr,
    pub folder: PathBuf,
}

impl Claim {
    /// A new one, on which these ports are free.
    pub fn new(ports: &[u16]) -> Result<Self, Fault> {
        let all = std::env::temp_dir().join("sensorium-cassandra");
        let failed = |error| Fault::new(format!("{} cannot be used: {error}", all.display()));
        fs::create_dir_all(&all).map_err(failed)?;
        sweep(&all);
        for _ in 0..TRIES_MAX {
            let address = next();
            let folder = all.join(address.to_string());
            match fs::create_dir(&folder) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                made => made.map_err(failed)?,
            }
            fs::write(folder.join(OWNER), std::process::id().to_string()).map_err(failed)?;
            if ports.iter().all(|&port| TcpListener::bind((address, port)).is_ok()) {
                return Ok(Self { address, folder });
            }
            // Somebody else listens there; the next address is as good.
            let _ = fs::remove_dir_all(&folder);
        }
        Err(Fault::new(format!("no address in 127.0.0.0/8 has the ports {ports:?} free")))
    }
}

/// An address in 127.0.0.0/8 where this port is free, for what stands between a client and a node: a client looks for all nodes at
/// the port of the first one.
///
/// # Panics
/// There is none.
#[must_use]
#[expect(clippy::expect_used, reason = "a harness of tests says by a panic what went wrong")]
pub fn free_address(port: u16) -> SocketAddr {
    let mut tried = (0..TRIES_MAX).map(|_| SocketAddr::from((next(), port)));
    tried.find(|address| TcpListener::bind(address).is_ok()).expect("an address of 127.0.0.0/8 is free")
}

/// Another one at every call, and in another process from another start. 127.0.x.x is left to people.
fn next() -> Ipv4Addr {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id().wrapping_mul(7919).wrapping_add(TRIED.fetch_add(1, Relaxed));
    let part = |number: u32, among: u32| u8::try_from(1 + number % among).unwrap_or(1);
    Ipv4Addr::new(127, part(number / (250 * 250), 250), part(number / 250, 250), part(number, 250))
}

/// Removes what processes that are gone left long ago. Where there is no `/proc` nobody can be known to be gone.
fn sweep(all: &Path) {
    if !Path::new("/proc/self").exists() {
        return;
    }
    let now = SystemClock::new().now().millis();
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let owner = fs::read_to_string(entry.path().join(OWNER)).unwrap_or_default();
        let changed = entry.metadata().and_then(|found| found.modified()).ok();
        let changed = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()).unwrap_or_default();
        let age = u128::try_from(now).unwrap_or_default().saturating_sub(changed.as_millis());
        if age > LEFTOVERS_KEPT.as_millis() && !Path::new("/proc").join(owner.trim()).join("stat").exists() {
            // Another process may sweep at the same time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_differ_and_are_of_loopback() {
        let claims: Vec<Claim> = (0..5).map(|_| Claim::new(&[9042]).unwrap()).collect();
        for claim in &claims {
            assert!(claim.address.is_loopback() && claim.folder.is_dir(), "{claim:?}");
            let others = claims.iter().filter(|other| other.address == claim.address);
            assert_eq!(others.count(), 1);
        }
        for claim in claims {
            fs::remove_dir_all(claim.folder).unwrap();
        }
    }

    #[test]
    fn an_address_in_use_is_passed_over() {
        let taken = Claim::new(&[9042]).unwrap();
        let _listener = TcpListener::bind((taken.address, 9042)).unwrap();
        fs::remove_dir_all(&taken.folder).unwrap();
        // The folder is free again, the port is not.
        assert!(TcpListener::bind((taken.address, 9042)).is_err());
        let other = Claim::new(&[9042]).unwrap();
        assert_ne!(other.address, taken.address);
        fs::remove_dir_all(other.folder).unwrap();
    }
}
