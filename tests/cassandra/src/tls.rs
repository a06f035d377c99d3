//! Certificates for nodes and clients, signed by an authority of the test.

use std::net::IpAddr;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::fault::Fault;
use crate::options::Tls;

/// Somebody who signs certificates.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The certificate.
    pub certificate: String,
    /// Its key, in PKCS#8.
    pub key: String,
}

impl Authority {
    /// A new one of this name.
    ///
    /// # Errors
    /// A key or a certificate cannot be made.
    pub fn new(name: &str) -> Result<Self, Fault> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).map_err(failed)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    /// Its own certificate in PEM, by which others know what it signed.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for these names and addresses; none for a client.
    ///
    /// # Errors
    /// As [`Authority::new`], or a name is none.
    pub fn sign(&self, names: &[&str]) -> Result<Signed, Fault> {
        let key = KeyPair::generate().map_err(failed)?;
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, "a node or a client");
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?.pem();
        Ok(Signed { certificate, key: key.serialize_pem() })
    }

    /// What a node at this address needs to be known by this authority, which also signs its clients' certificates.
    ///
    /// # Errors
    /// As [`Authority::sign`].
    pub fn node(&self, address: IpAddr, asks_client: bool) -> Result<Tls, Fault> {
        let signed = self.sign(&[&address.to_string()])?;
        let keystore = format!("{}{}{}", signed.key, signed.certificate, self.pem);
        Ok(Tls { keystore, truststore: self.pem.clone(), asks_client })
    }
}

fn failed(error: rcgen::Error) -> Fault {
    Fault::new(format!("a certificate cannot be made: {error}"))
}
