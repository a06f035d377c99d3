//! Why a connection was not made, or broke, in sentences that name what to look at.

use std::io;

use source::{BrokerSettings, Protocol};
use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

const DAY_S: u64 = 86_400;

/// What a connection expects of the broker, as far as its failures are told by it.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    tls: bool,
    own_authority: bool,
    own_certificate: bool,
    protocol: Protocol,
}

impl Expected {
    pub fn of(settings: &BrokerSettings) -> Self {
        let tls = &settings.tls;
        Self {
            tls: tls.enabled,
            own_authority: tls.ca_pem.is_some(),
            own_certificate: tls.client_cert_pem.is_some(),
            protocol: settings.protocol,
        }
    }

    /// TLS with `at` was not agreed.
    pub fn not_agreed(self, at: &str, error: &io::Error) -> String {
        if let Some(sentence) = self.tls_sentence(error) {
            return sentence;
        }
        let ended = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset].contains(&error.kind());
        let hint = if ended { "; is this port one for TLS?" } else { "." };
        format!("TLS with {at} failed: {error}{hint}")
    }

    /// The connection broke.
    pub fn broke(self, error: &io::Error) -> String {
        self.tls_sentence(error).unwrap_or_else(|| format!("The connection broke: {error}."))
    }

    /// The broker closed the connection; `answered` if it had said anything before.
    pub fn closed(self, answered: bool) -> String {
        let hint = match (answered, self.tls) {
            (true, _) => ".",
            (false, true) => " without an answer; it may want another certificate, user or password.",
            (false, false) => " without an answer; is this port one for TLS?",
        };
        format!("The broker closed the connection{hint}")
    }

    /// What the broker sent cannot be decoded. One that does not know MQTT 5 refuses in words of before.
    pub fn illegal(self, answered: bool, sentence: String) -> String {
        match (answered, self.protocol) {
            (false, Protocol::V5) => format!("{sentence} Does it speak MQTT 5? Try protocol 3.1.1."),
            (true, _) | (false, Protocol::V311) => sentence,
        }
    }

    fn tls_sentence(self, error: &io::Error) -> Option<String> {
        let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        if let rustls::Error::InvalidCertificate(reason) = inner {
            return Some(self.certificate(reason));
        }
        if let rustls::Error::AlertReceived(alert) = inner {
            return Some(self.alert(*alert));
        }
        if let rustls::Error::InvalidMessage(_) = inner {
            return Some("The broker does not speak TLS at this port.".to_owned());
        }
        None
    }

    fn certificate(self, reason: &CertificateError) -> String {
        if let CertificateError::ExpiredContext { time, not_after } = reason {
            let days = time.as_secs().saturating_sub(not_after.as_secs()) / DAY_S;
            return format!("The broker's certificate expired {days} days ago, or the clock of this machine is wrong.");
        }
        if let CertificateError::NotValidYetContext { time, not_before } = reason {
            let days = not_before.as_secs().saturating_sub(time.as_secs()) / DAY_S;
            return format!(
                "The broker's certificate becomes valid in {days} days only, or the clock of this machine is wrong."
            );
        }
        if let CertificateError::NotValidForNameContext { expected, presented } = reason {
            let expected = expected.to_str();
            if presented.is_empty() {
                return format!(
                    "The broker's certificate names no host, so it is not one for {expected}: it needs it as a subject \
                     alternative name."
                );
            }
            let presented: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            return format!(
                "The broker's certificate is for {} and not for {expected}: correct the host, or give the certificate's \
                 name as tls.server_name.",
                presented.join(", ")
            );
        }
        if *reason == CertificateError::UnknownIssuer {
            return if self.own_authority {
                "The broker's certificate is not signed by the authority in tls.ca_pem.".to_owned()
            } else {
                "The broker's certificate is signed by no public authority: give its own one as tls.ca_pem.".to_owned()
            };
        }
        if *reason == CertificateError::BadSignature {
            return "The broker's certificate is signed by another authority of the same name as the one trusted here: was it \
                    renewed?"
                .to_owned();
        }
        let text = reason.to_string();
        if text.contains("CaUsedAsEnd") {
            return "The broker's certificate is an authority's own: let that authority sign one for the broker."
                .to_owned();
        }
        if text.contains("UnsupportedCertVersion") {
            return "The broker's certificate is of an old version that names no host: make one of version 3 with a \
                    subject alternative name."
                .to_owned();
        }
        format!("The broker's certificate is not accepted: {text}.")
    }

    fn alert(self, alert: AlertDescription) -> String {
        let wants = [AlertDescription::CertificateRequired, AlertDescription::HandshakeFailure];
        if !self.own_certificate && wants.contains(&alert) {
            return "The broker asks for a client certificate: give tls.client_cert_pem and tls.client_key_pem."
                .to_owned();
        }
        if self.own_certificate {
            return format!("The broker does not accept our client certificate: {alert:?}.");
        }
        format!("The broker ended TLS: {alert:?}.")
    }
}

/// A name as the library presents it, `DnsName("a.b")`, without the word about its kind.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}
