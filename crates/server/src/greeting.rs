//! What is printed once the server is ready.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// How the server can be reached.
#[derive(Clone, Debug)]
pub struct Reach {
    pub http: Vec<String>,
    pub mqtt: Vec<String>,
}

impl Reach {
    /// An unspecified address is every address of this machine, the network's before loopback.
    pub fn of(http: SocketAddr, mqtt: SocketAddr) -> Self {
        let urls = |scheme: &str, address: SocketAddr| {
            every(address).into_iter().map(|address| format!("{scheme}://{address}")).collect()
        };
        Self { http: urls("http", http), mqtt: urls("mqtt", mqtt) }
    }
}

/// Every address that a listener is reached at.
pub fn every(address: SocketAddr) -> Vec<SocketAddr> {
    addresses(address.ip()).into_iter().map(|ip| SocketAddr::new(ip, address.port())).collect()
}

fn addresses(ip: IpAddr) -> Vec<IpAddr> {
    if !ip.is_unspecified() {
        return vec![ip];
    }
    let mut all: Vec<IpAddr> =
        if_addrs::get_if_addrs().map(|list| list.iter().map(if_addrs::Interface::ip).collect()).unwrap_or_default();
    all.retain(|found| found.is_ipv4() || (ip.is_ipv6() && !found.is_loopback()));
    all.sort_by_key(|found| (found.is_loopback(), !found.is_ipv4()));
    if all.is_empty() { vec![IpAddr::from([127, 0, 0, 1])] } else { all }
}

/// The lines for the terminal.
pub fn lines(reach: &Reach, sentence: &str, moved: &[String], open_lan: bool) -> String {
    let mut text = String::new();
    let first = |urls: &[String]| urls.first().cloned().unwrap_or_default();
    // Writing into a string does not fail.
    let _ = writeln!(text, "Sensorium {} is ready: {}", env!("CARGO_PKG_VERSION"), first(&reach.http));
    for note in moved {
        let _ = writeln!(text, "  {note}");
    }
    let _ = writeln!(text, "  Devices publish to {}", first(&reach.mqtt));
    let _ = writeln!(text, "  {sentence}.");
    if open_lan && let Ok(code) = QrCode::new(first(&reach.http)) {
        let picture = code.render::<Dense1x2>().quiet_zone(true).build();
        let _ = writeln!(text, "\n{picture}\n  Scan it with a phone on the same network.");
    }
    text
}
