//! Where the listeners may stand, and how they get there.

use std::io;
use std::net::SocketAddr;

use api::AccessState;
use tokio::net::TcpListener;

use crate::config::{Config, Listen};

/// Ports tried behind a default one that is taken.
const PORTS_TRIED: u16 = 20;

/// An address that other computers could reach, without a password in front of it.
#[derive(Debug, thiserror::Error)]
#[error(
    "{flag} {address} can be reached from other computers, and this server has no password yet: \
     give a loopback address such as 127.0.0.1:{port}, or add --open-lan to open it to everyone on the network"
)]
pub struct AddressRefused {
    flag: &'static str,
    address: SocketAddr,
    port: u16,
}

/// A port that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("{flag} {address} is in use by another program; name a free port, or port 0 for any")]
    InUse { flag: &'static str, address: SocketAddr },
    #[error("{flag} {address} cannot be listened on")]
    Other {
        flag: &'static str,
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// Who may reach the server.
pub fn state(config: &Config) -> AccessState {
    if config.open_lan { AccessState::OpenLan } else { AccessState::Local { hosts: config.hosts.clone() } }
}

/// In state *local* only loopback addresses are listened on.
pub fn check(flag: &'static str, address: SocketAddr, open_lan: bool) -> Result<(), AddressRefused> {
    if open_lan || address.ip().is_loopback() {
        return Ok(());
    }
    Err(AddressRefused { flag, address, port: address.port() })
}

/// Listens; a default port that is taken gives way to the next free one.
pub async fn listen(flag: &'static str, listen: Listen) -> Result<TcpListener, ListenError> {
    let wanted = listen.address();
    let last = match listen {
        Listen::Named(_) => wanted.port(),
        Listen::Default(_) => wanted.port().saturating_add(PORTS_TRIED),
    };
    for port in wanted.port()..=last {
        let address = SocketAddr::new(wanted.ip(), port);
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(source) => return Err(ListenError::Other { flag, address, source }),
        }
    }
    Err(ListenError::InUse { flag, address: wanted })
}
